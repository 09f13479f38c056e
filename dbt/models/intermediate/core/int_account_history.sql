-- Grain: one row per account and version of its attributes known by the as-of day.
{#
  A version begins where the CRM changes an account or a contract its plan tier, and holds until the
  next. Before the first nothing is known, and no row says anything. The plan tier is that of the
  contract in force; without one, what was said last: by the contract that ended or by the CRM.
  See docs/decisions/0020-what-is-known-of-an-account-and-when.md.
#}
with crm as (select * from {{ ref('int_account_crm_version') }}),

contracts as (select * from {{ ref('int_account_contract_tier') }}),

regions as (select * from {{ ref('country_regions') }}),

instants as (

    select
        account_id,
        valid_from_at
    from crm

    union

    select
        account_id,
        valid_from_at
    from contracts

),

tiered as (

    select
        instants.account_id,
        instants.valid_from_at,
        crm.account_id is not null as is_known_to_crm,
        {%- for name in [
            'company_name', 'account_name', 'account_size', 'vertical', 'owner_name', 'city',
            'country_code'
        ] %}
        coalesce(crm.{{ name }}, 'Unknown') as {{ name }},
        {%- endfor %}
        crm.segment as crm_segment,
        crm.employee_count,
        crm.email_sha256,
        crm.is_active,
        crm.crm_cs_score,
        coalesce(crm.is_fraud, false) as is_fraud,
        crm.signed_up_date,
        crm.plan_tier as crm_plan_tier,
        contracts.plan_tier as contract_plan_tier,
        case
            when contracts.is_in_force then 'contract'
            when
                contracts.plan_tier is not null
                and (
                    crm.plan_tier_said_at is null
                    or crm.plan_tier_said_at < contracts.valid_from_at
                )
                then 'ended_contract'
            when crm.plan_tier is not null then 'crm'
            else 'none'
        end as plan_tier_source
    from instants
    left join crm
        on
            instants.account_id = crm.account_id
            and instants.valid_from_at >= crm.valid_from_at
            and instants.valid_from_at < crm.valid_to_at
    left join contracts
        on
            instants.account_id = contracts.account_id
            and instants.valid_from_at >= contracts.valid_from_at
            and instants.valid_from_at < contracts.valid_to_at

),

versioned as (

    select
        *,
        coalesce(
            case
                when plan_tier_source in ('contract', 'ended_contract') then contract_plan_tier
                else crm_plan_tier
            end,
            'Unknown'
        ) as plan_tier,
        row_number() over (
            partition by account_id order by valid_from_at nulls last
        ) as version_number,
        lead(valid_from_at) over (
            partition by account_id order by valid_from_at nulls last
        ) as next_valid_from_at
    from tiered

),

final as (

    select
        versioned.account_id,
        versioned.version_number,
        versioned.valid_from_at as changed_at,
        versioned.valid_from_at,
        coalesce(versioned.next_valid_from_at, cast('9999-12-31' as timestamp)) as valid_to_at,
        versioned.next_valid_from_at is null as is_current,
        versioned.is_known_to_crm,
        versioned.company_name,
        versioned.account_name,
        versioned.account_size,
        versioned.employee_count,
        {{ classify_segment(
            'versioned.crm_segment',
            'versioned.employee_count',
            'versioned.plan_tier',
            setting('enterprise_above_employees'),
            setting('mid_market_above_employees')
        ) }} as segment,
        versioned.plan_tier,
        versioned.plan_tier_source,
        coalesce(versioned.crm_plan_tier, 'Unknown') as crm_plan_tier,
        versioned.vertical,
        versioned.owner_name,
        versioned.email_sha256,
        versioned.city,
        versioned.country_code,
        coalesce(regions.region, 'Unknown') as home_region,
        versioned.is_active,
        versioned.crm_cs_score,
        versioned.is_fraud,
        versioned.signed_up_date
    from versioned
    left join regions
        on versioned.country_code = regions.country_code

)

select * from final
