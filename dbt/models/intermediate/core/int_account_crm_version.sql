-- Grain: one row per account and version of its attributes in the CRM known by the as-of day.
{#
  A row of the CRM is a change: what it leaves blank stays as it was. Of the time before its first
  version an account has none, so nothing that a list says today is told of yesterday.
#}
{%- set attributes = {
    'company_name': 'max', 'account_name': 'max', 'account_size': 'max', 'employee_count': 'max',
    'segment': 'max', 'plan_tier': 'max', 'vertical': 'max', 'owner_name': 'max',
    'email_sha256': 'max', 'city': 'max', 'country_code': 'max', 'is_active': 'bool_or',
    'crm_cs_score': 'max', 'is_fraud': 'bool_or', 'signed_up_date': 'max',
} %}
{%- set life = "partition by account_id order by changed_at nulls last" %}
with as_of as (select * from {{ ref('int_as_of') }}),

changes as (

    select
        changes.account_id,
        changes.changed_at,
        {%- for name in [
            'company_name', 'account_name', 'account_size', 'plan_tier', 'vertical', 'owner_name',
            'city', 'country_code'
        ] %}
        nullif(changes.{{ name }}, 'Unknown') as {{ name }},
        {%- endfor %}
        nullif(changes.crm_segment, 'Unknown') as segment,
        changes.employee_count,
        changes.email_sha256,
        changes.is_active,
        changes.crm_cs_score,
        changes.is_fraud,
        changes.signed_up_date
    from {{ ref('stg_account_changes') }} as changes
    inner join as_of
        on changes.changed_at < as_of.as_of_end_at

),

-- How often an attribute has been said so far: the same number until it is said again.
counted as (

    select
        *,
        {%- for name in attributes %}
        count({{ name }}) over ({{ life }}) as {{ name }}_number,
        {%- endfor %}
        lead(changed_at) over ({{ life }}) as next_changed_at,
        max(case when plan_tier is not null then changed_at end) over ({{ life }})
            as plan_tier_said_at
    from changes

),

final as (

    select
        account_id,
        {%- for name, only in attributes.items() %}
        {{ only }}({{ name }}) over (partition by account_id, {{ name }}_number) as {{ name }},
        {%- endfor %}
        changed_at as valid_from_at,
        coalesce(next_changed_at, cast('9999-12-31' as timestamp)) as valid_to_at,
        plan_tier_said_at
    from counted

)

select * from final
