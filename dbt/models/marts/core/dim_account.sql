-- Grain: one row per account, with its attributes as of the as-of day.
{#
  Accounts that only facts speak of have a row too, with Unknown attributes (but for the plan tier of
  a contract): their money and usage stay visible and totals tie.
#}
with as_of as (select * from {{ ref('int_as_of') }}),

current_versions as (

    select * from {{ ref('int_account_history') }}
    where is_current

),

seen_in_facts as (

    select usage.account_id
    from {{ ref('int_observed_usage') }} as usage

    union

    select subscriptions.account_id
    from {{ ref('stg_subscription_events') }} as subscriptions
    inner join as_of
        on subscriptions.event_at < as_of.as_of_end_at

    union
    {%- for facts, day in [
        (ref('int_revenue_daily'), 'revenue_date'),
        (ref('stg_tickets'), 'created_date'),
        (ref('stg_survey_responses'), 'answered_date'),
        (ref('int_product_usage_daily'), 'usage_date'),
        (ref('stg_onboarding_steps'), 'occurred_date'),
    ] %}

    select facts.account_id
    from {{ facts }} as facts
    inner join as_of
        on facts.{{ day }} <= as_of.as_of_date

    union
    {%- endfor %}

    select contacts.account_id
    from {{ ref('int_contact_current') }} as contacts
    where contacts.account_id is not null

    union

    select 'Unknown' as account_id

),

known as (

    select
        account_id,
        account_name,
        company_name,
        account_size,
        employee_count,
        segment,
        plan_tier,
        plan_tier_source,
        crm_plan_tier,
        vertical,
        owner_name,
        city,
        country_code,
        home_region,
        is_active,
        crm_cs_score,
        is_fraud,
        signed_up_date,
        not is_known_to_crm as is_inferred
    from current_versions

),

inferred as (

    select distinct
        coalesce(seen_in_facts.account_id, 'Unknown') as account_id,
        'Unknown' as account_name,
        'Unknown' as company_name,
        'Unknown' as account_size,
        cast(null as integer) as employee_count,
        'Unknown' as segment,
        'Unknown' as plan_tier,
        'none' as plan_tier_source,
        'Unknown' as crm_plan_tier,
        'Unknown' as vertical,
        'Unknown' as owner_name,
        'Unknown' as city,
        'Unknown' as country_code,
        'Unknown' as home_region,
        cast(null as boolean) as is_active,
        cast(null as numeric(18, 6)) as crm_cs_score,
        false as is_fraud,
        cast(null as date) as signed_up_date,
        true as is_inferred
    from seen_in_facts
    left join known
        on seen_in_facts.account_id = known.account_id
    where known.account_id is null

),

final as (

    select * from known

    union all

    select * from inferred

)

select * from final
