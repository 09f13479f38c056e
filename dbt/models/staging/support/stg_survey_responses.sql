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

newest as (
    {{ newest_version(
        key=['response_id'], tie_breakers=['account_id', 'survey_type', 'score', 'answered_at']
    ) }}
),

final as (
    select
        *,
        cast(answered_at as date) as answered_date
    from newest
)

select * from final
