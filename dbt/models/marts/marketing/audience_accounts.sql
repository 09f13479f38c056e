-- Grain: one row per audience and account that belongs to it as of the as-of day.
{#
  The rules of all audiences; who is reached in these accounts is up to consent (audience_people).
  An account may be in several. Fraud is in none.
#}
{%- set stalled_days = setting('onboarding_stalled_days') %}
with as_of as (select * from {{ ref('int_as_of') }}),

accounts as (

    select
        lifecycle.account_id,
        lifecycle.lifecycle_stage,
        lifecycle.signed_up_date,
        lifecycle.tenure_days,
        lifecycle.lifecycle_stage not in ('suspended', 'churned', 'trial_ended') as is_customer
    from {{ ref('account_lifecycle') }} as lifecycle
    inner join {{ ref('dim_account') }} as accounts
        on lifecycle.account_id = accounts.account_id
    where not accounts.is_fraud

),

-- The limit that costs most requests speaks for the account.
pressures as (

    select
        account_id,
        model_variant,
        reason,
        row_number() over (
            partition by account_id
            order by
                throttle_rate_pct desc nulls last,
                request_count desc nulls last,
                model_variant asc nulls last,
                inference_scope asc nulls last,
                source_region asc nulls last
        ) as pressure_rank
    from {{ ref('quota_pressure') }}
    where is_upgrade_candidate

),

-- A request that was not delivered yet may have succeeded.
reach as (

    {{ reach_of(['requests']) }}

),

endings as (

    select
        contracts.account_id,
        max(cast(contracts.in_force_to_at as date)) as ended_date
    from {{ ref('int_contract_history') }} as contracts
    inner join as_of
        on
            contracts.in_force_from_at < as_of.as_of_end_at
            and contracts.in_force_from_at < contracts.in_force_to_at
    where contracts.is_paying
    group by contracts.account_id

),

members as (

    select
        'at_risk' as audience,
        accounts.account_id,
        concat_ws(': ', concat_ws(' ', risks.risk_level, 'risk'), risks.reasons) as reason,
        cast(null as date) as since_date
    from accounts
    inner join {{ ref('churn_risk_view') }} as risks
        on accounts.account_id = risks.account_id
    where
        accounts.is_customer
        and risks.risk_level in ('critical', 'high')

    union all

    select
        'upgrade_candidates' as audience,
        accounts.account_id,
        concat_ws(': ', pressures.model_variant, pressures.reason) as reason,
        cast(null as date) as since_date
    from accounts
    inner join pressures
        on
            accounts.account_id = pressures.account_id
            and pressures.pressure_rank = 1
    where accounts.is_customer

    union all

    select
        'champions' as audience,
        accounts.account_id,
        concat_ws(
            ' ',
            'scores of recency, frequency and money:',
            scores.recency_score,
            scores.frequency_score,
            scores.monetary_score
        ) as reason,
        cast(null as date) as since_date
    from accounts
    inner join {{ ref('rfm_scores') }} as scores
        on accounts.account_id = scores.account_id
    where
        accounts.is_customer
        and scores.rfm_segment = 'Champions'

    union all

    select
        'win_back' as audience,
        accounts.account_id,
        concat_ws(' ', 'last paid contract ended on', cast(endings.ended_date as varchar(10)))
            as reason,
        endings.ended_date as since_date
    from accounts
    cross join as_of
    inner join endings
        on accounts.account_id = endings.account_id
    where
        accounts.lifecycle_stage = 'churned'
        and {{ days_between('endings.ended_date', 'as_of.as_of_date') }}
        <= {{ setting('win_back_max_days') }}

    union all

    select
        'onboarding_stalled' as audience,
        accounts.account_id,
        'no request has succeeded in {{ stalled_days }} days since the sign-up'
            as reason,
        cast(
            accounts.signed_up_date + interval '{{ stalled_days }} day' as date
        ) as since_date
    from accounts
    inner join {{ ref('time_to_value') }} as first_values
        on accounts.account_id = first_values.account_id
    cross join reach
    where
        accounts.lifecycle_stage in ('trial', 'onboarding')
        and accounts.tenure_days >= {{ stalled_days }}
        and {{ days_between('accounts.signed_up_date', 'reach.last_date') }}
        >= {{ stalled_days }}
        and first_values.first_value_at is null
        and not first_values.is_left_censored

),

final as (

    select
        members.audience,
        members.account_id,
        dimension.account_name,
        dimension.segment,
        members.reason,
        members.since_date
    from members
    inner join {{ ref('dim_account') }} as dimension
        on members.account_id = dimension.account_id

)

select * from final
