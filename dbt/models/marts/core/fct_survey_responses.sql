-- Grain: one row per survey answer given by the as-of day.
with as_of as (select * from {{ ref('int_as_of') }}),

final as (

    select
        responses.response_id,
        responses.account_id,
        responses.survey_type,
        responses.score,
        {{ survey_score_100('responses.survey_type', 'responses.score') }} as score_100,
        responses.answered_at,
        responses.answered_date
    from {{ ref('stg_survey_responses') }} as responses
    inner join as_of
        on responses.answered_date <= as_of.as_of_date

)

select * from final
