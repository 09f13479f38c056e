-- Grain: one row per survey answer given by the as-of day.
with as_of as (

    select * from {{ ref('int_as_of') }}

),

final as (

    select
        responses.response_id,
        responses.account_id,
        responses.survey_type,
        responses.score,
        -- Every survey on one scale, 0 worst to 100 best: csat is 1 to 5, nps and roi are 0 to 10.
        cast(
            case
                when responses.survey_type = 'csat' then 25 * (responses.score - 1)
                else 10 * responses.score
            end as numeric(18, 6)
        ) as score_100,
        responses.answered_at,
        responses.answered_date
    from {{ ref('stg_survey_responses') }} as responses
    inner join as_of
        on responses.answered_date <= as_of.as_of_date

)

select * from final
