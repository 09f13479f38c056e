-- Grain: one row per goal of a success plan and change; every version is kept.
with

source as (
    {{ delivered('support', 'success_plan_goals') }}
),

cleaned as (
    select
        trim(goal_id) as goal_id,
        trim(account_id) as account_id,
        {{ text_or_unknown('metric') }} as goal_metric,
        cast(baseline as numeric(18, 6)) as baseline,
        cast(target as numeric(18, 6)) as target,
        {{ to_utc('due_at') }} as due_at,
        cast(achieved_value as numeric(18, 6)) as achieved_value,
        coalesce(nullif(lower(trim(value_kind)), ''), 'other') as value_kind,
        cast(amount as numeric(18, 6)) as amount,
        upper(trim(currency)) as currency_code,
        {{ to_utc('updated_at') }} as updated_at,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

newest as (
    {{ newest_version(
        key=['goal_id', 'updated_at'],
        tie_breakers=[
            'account_id', 'goal_metric', 'baseline', 'target', 'due_at', 'achieved_value',
            'value_kind', 'amount', 'currency_code',
        ]
    ) }}
)

select * from newest
