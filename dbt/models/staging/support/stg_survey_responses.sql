-- Grain: one row per survey answer.
with

source as (
    {{ delivered('support', 'csat_responses') }}
),

cleaned as (
    select
        trim(response_id) as response_id,
        trim(account_id) as account_id,
        lower(trim(survey_type)) as survey_type,
        cast(score as numeric(18, 6)) as score,
        {{ to_utc('answered_at') }} as answered_at,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

ranked as (
    select
        *,
        {{ version_rank(
            key=['response_id'],
            newest=['loaded_at'],
            tie_breakers=['account_id', 'survey_type', 'score', 'answered_at']
        ) }} as version_rank
    from cleaned
),

final as (
    select
        response_id,
        account_id,
        survey_type,
        score,
        answered_at,
        cast(answered_at as date) as answered_date,
        loaded_at
    from ranked
    where version_rank = 1
)

select * from final
