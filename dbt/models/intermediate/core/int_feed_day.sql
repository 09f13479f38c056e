-- Grain: one row per bronze table of a feed and day of which it speaks.
{#
  Each line: bronze table, feed, model, column of the day or instant, column of its delivery.
  An activity delivered after it was due, and not done, tells of the day on which it was due.
#}
{%- set feeds = [
    ('revenue_account_daily', 'revenue', 'int_revenue_daily', 'revenue_date', 'loaded_at'),
    ('subscriptions', 'subscriptions', 'stg_subscription_events', 'event_at', 'loaded_at'),
    ('customer_details', 'accounts', 'stg_account_changes', 'changed_at', 'loaded_at'),
    ('support_tickets', 'tickets', 'stg_tickets', 'created_at', 'loaded_at'),
    ('platform_incidents', 'incidents', 'stg_incidents', 'started_at', 'loaded_at'),
    ('csat_responses', 'surveys', 'stg_survey_responses', 'answered_at', 'loaded_at'),
    ('resource_model_utilization', 'utilization', 'stg_model_utilization',
        'observed_at', 'loaded_at'),
    ('product_usage_events', 'product_events', 'int_product_usage_daily',
        'usage_date', 'newest_loaded_at'),
    ('onboarding_step_events', 'onboarding', 'stg_onboarding_steps', 'occurred_at', 'loaded_at'),
    ('invoices', 'invoices', 'stg_invoices', 'updated_at', 'loaded_at'),
    ('deal_stage_history', 'deals', 'stg_deal_stage_changes', 'changed_at', 'loaded_at'),
    ('crm_contacts', 'contacts', 'stg_contact_versions', 'updated_at', 'loaded_at'),
    ('customer_success_activities', 'cs_activities', 'stg_cs_activities',
        'coalesce(done_at, due_at)', 'loaded_at'),
    ('quota_customer_rate_limit_requests', 'quota_requests', 'stg_rate_limit_requests',
        'requested_at', 'loaded_at'),
    ('resource_accelerator_inventory', 'inventory', 'stg_accelerator_inventory',
        'observed_at', 'loaded_at'),
    ('resource_model_instance_allocation', 'allocation', 'stg_instance_allocation',
        'observed_at', 'loaded_at'),
    ('web_events', 'web_events', 'stg_web_events', 'event_at', 'loaded_at'),
    ('marketing_spend_daily', 'spend', 'stg_marketing_spend', 'spend_date', 'loaded_at'),
    ('marketing_email_events', 'email_events', 'stg_email_events', 'event_at', 'loaded_at'),
    ('sales_activities', 'sales_activities', 'stg_sales_activities', 'done_at', 'loaded_at'),
    ('account_members', 'members', 'stg_account_members', 'updated_at', 'loaded_at'),
    ('platform_applications', 'applications', 'stg_platform_applications',
        'updated_at', 'loaded_at'),
    ('success_plan_goals', 'goals', 'stg_success_plan_goals', 'updated_at', 'loaded_at'),
] %}
with events as (

    select
        'inference_user_token_usage_' || feed as bronze_table,
        'requests' as feed,
        requested_date as event_date,
        max(loaded_at) as newest_loaded_at
    from {{ ref('int_requests') }}
    group by feed, requested_date
    {%- for bronze_table, feed, model, day, loaded_at in feeds %}

    union all

    select
        '{{ bronze_table }}' as bronze_table,
        '{{ feed }}' as feed,
        cast({{ day }} as date) as event_date,
        max({{ loaded_at }}) as newest_loaded_at
    from {{ ref(model) }}
    where {{ day }} is not null
    group by cast({{ day }} as date)
    {%- endfor %}

),

final as (

    select
        bronze_table,
        feed,
        event_date,
        {{ is_proven('event_date', 'newest_loaded_at') }} as is_proven
    from events

)

select * from final
