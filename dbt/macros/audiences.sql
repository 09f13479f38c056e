{#- Audiences for advertising platforms (docs/audiences.md). -#}

{#- Names of the audiences; each has a mart audience_<name>, and its rule in audience_accounts. -#}
{% macro audience_names() -%}
    {{ return(['at_risk', 'upgrade_candidates', 'champions', 'win_back', 'onboarding_stalled']) }}
{%- endmacro %}

{#-
  Bronze tables that the rule of an audience asks: of each list, one must have been delivered before
  an audience without accounts is empty and not unknown.
-#}
{% macro audience_sources(name) -%}
    {%- set requests = [
        'inference_user_token_usage_open_source', 'inference_user_token_usage_proprietary',
    ] -%}
    {{ return({
        'at_risk': [['product_usage_events'], ['support_tickets']],
        'upgrade_candidates': [requests, ['quota_default_rate_limits']],
        'champions': [['product_usage_events'], ['subscriptions', 'revenue_account_daily']],
        'win_back': [['subscriptions']],
        'onboarding_stalled': [requests],
    }[name]) }}
{%- endmacro %}

{#-
  The people of an audience: contacts of the CRM in its accounts who agreed to marketing. A whole model.
  name: one of audience_names.
-#}
{% macro audience_people(name) -%}
    select
        people.person_id,
        people.account_id,
        accounts.reason,
        accounts.since_date
    from {{ ref('audience_accounts') }} as accounts
    inner join {{ ref('dim_person') }} as people
        on accounts.account_id = people.account_id
    where
        accounts.audience = '{{ name }}'
        and people.is_known
        and people.has_marketing_consent
{%- endmacro %}
