-- Grain: one row per account and cut-off (the end of a month) before which a source spoke of it.
{#
  What was so just before the cut-off, by the time of events: nothing that happened at the cut-off or
  later is looked at. The plan tier is that of the contract in force, as known then, else the CRM's.
#}
with cutoffs as (

    select
        cast(period_end + interval '1 day' as date) as cutoff_date,
        observed_end_at as cutoff_at
    from ({{ periods_of(['accounts', 'subscriptions']) }}) as periods
    where
        grain = 'month'
        and is_complete

),

versions as (

    select
        crm.*,
        regions.region as home_region
    from {{ ref('int_account_crm_version') }} as crm
    left join {{ ref('country_regions') }} as regions
        on crm.country_code = regions.country_code

),

contracts as (

    select * from {{ ref('int_contract_cutoff') }}
    where in_force_from_at < in_force_to_at

),

seen as (

    select
        account_id,
        valid_from_at as seen_at
    from versions

    union all

    select
        account_id,
        event_at as seen_at
    from {{ ref('int_contract_cutoff') }}

    union all

    select
        account_id,
        cast(usage_date as timestamp) as seen_at
    from {{ ref('int_token_usage_daily') }}

    union all

    select
        account_id,
        cast(usage_date as timestamp) as seen_at
    from {{ ref('int_product_usage_daily') }}

),

first_seen as (

    select
        account_id,
        min(seen_at) as first_seen_at
    from seen
    where
        account_id is not null
        and account_id <> 'Unknown'
    group by account_id

),

spine as (

    select
        first_seen.account_id,
        cutoffs.cutoff_date,
        cutoffs.cutoff_at
    from first_seen
    inner join cutoffs
        on first_seen.first_seen_at < cutoffs.cutoff_at

),

paid as (

    select
        spine.account_id,
        spine.cutoff_at,
        min(contracts.in_force_from_at) as first_paid_at
    from spine
    inner join contracts
        on
            spine.account_id = contracts.account_id
            and spine.cutoff_at = contracts.cutoff_at
            and spine.cutoff_at > contracts.in_force_from_at
            and contracts.is_paying
    group by spine.account_id, spine.cutoff_at

),

in_force as (

    select
        spine.account_id,
        spine.cutoff_at,
        bool_or(contracts.is_trial) as is_on_trial,
        count(*) filter (where contracts.is_paying) as contract_count,
        count(*) filter (where contracts.is_paying and contracts.plan_type = 'annual')
            as annual_contract_count,
        count(*) filter (where contracts.is_paying and contracts.ended_at is not null)
            as ending_contract_count,
        sum(contracts.mrr) filter (where contracts.is_paying) as mrr,
        min(contracts.renews_at) filter (
            where contracts.is_paying and contracts.renews_at >= spine.cutoff_at
        ) as next_renewal_at
    from spine
    inner join contracts
        on
            spine.account_id = contracts.account_id
            and spine.cutoff_at = contracts.cutoff_at
            and spine.cutoff_at > contracts.in_force_from_at
            and spine.cutoff_at <= contracts.in_force_to_at
    group by spine.account_id, spine.cutoff_at

),

plans as (

    select
        spine.account_id,
        spine.cutoff_at,
        tiers.plan_tier,
        row_number() over (
            partition by spine.account_id, spine.cutoff_at
            order by tiers.tier_rank desc nulls last, tiers.plan_tier asc nulls last
        ) as tier_number
    from spine
    inner join contracts
        on
            spine.account_id = contracts.account_id
            and spine.cutoff_at = contracts.cutoff_at
            and spine.cutoff_at > contracts.in_force_from_at
            and spine.cutoff_at <= contracts.in_force_to_at
            and not contracts.is_trial
    inner join {{ ref('plan_tiers') }} as tiers
        on lower(contracts.plan_name) = lower(tiers.plan_tier)

),

described as (

    select
        spine.account_id,
        spine.cutoff_date,
        spine.cutoff_at,
        {{ classify_segment(
            'versions.segment',
            'versions.employee_count',
            "coalesce(plans.plan_tier, versions.plan_tier, 'Unknown')",
            setting('enterprise_above_employees'),
            setting('mid_market_above_employees')
        ) }} as segment,
        coalesce(plans.plan_tier, versions.plan_tier, 'Unknown') as plan_tier,
        coalesce(versions.vertical, 'Unknown') as vertical,
        coalesce(versions.account_size, 'Unknown') as account_size,
        coalesce(versions.home_region, 'Unknown') as home_region,
        case
            when versions.signed_up_date < spine.cutoff_date
                then {{ days_between('versions.signed_up_date', 'spine.cutoff_date') }}
        end as tenure_days,
        {{ days_between('cast(paid.first_paid_at as date)', 'spine.cutoff_date') }} as paid_days,
        paid.first_paid_at is not null as has_paid,
        coalesce(in_force.is_on_trial, false) as is_on_trial,
        coalesce(in_force.contract_count, 0) as contract_count,
        coalesce(in_force.annual_contract_count, 0) as annual_contract_count,
        coalesce(in_force.ending_contract_count, 0) as ending_contract_count,
        cast(coalesce(in_force.mrr, 0) as numeric(24, 6)) as mrr,
        {{ days_between('spine.cutoff_date', 'cast(in_force.next_renewal_at as date)') }}
            as days_until_renewal
    from spine
    left join versions
        on
            spine.account_id = versions.account_id
            and spine.cutoff_at > versions.valid_from_at
            and spine.cutoff_at <= versions.valid_to_at
    left join plans
        on
            spine.account_id = plans.account_id
            and spine.cutoff_at = plans.cutoff_at
            and plans.tier_number = 1
    left join paid
        on {{ columns_equal('spine', 'paid', ['account_id', 'cutoff_at']) }}
    left join in_force
        on {{ columns_equal('spine', 'in_force', ['account_id', 'cutoff_at']) }}

),

final as (

    select
        *,
        cast(
            mrr - lag(mrr, 3, cast(0 as numeric(24, 6))) over (
                partition by account_id order by cutoff_date nulls last
            ) as numeric(24, 6)
        ) as mrr_change
    from described

)

select * from final
