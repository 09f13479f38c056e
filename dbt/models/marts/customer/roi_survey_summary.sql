-- Grain: one row per grain (week, month), period and member of each account dimension with an
-- answer to an ROI survey.
with periods as (

    {{ periods_of(['surveys']) }}

),

answers as (

    select * from {{ ref('fct_survey_responses') }}
    where
        survey_type = 'roi'
        and score_100 is not null

),

counted as (

    {{ by_account_member('answers', 'answered_date', {
        'answer_count': 'count(*)',
        'account_count': 'count(distinct answers.account_id)',
        'score_sum': 'sum(answers.score_100)',
    }) }}

),

known_members as (

    {{ members_reach() }}

),

final as (

    select
        counted.grain,
        counted.period_start,
        counted.dimension,
        counted.dimension_value,
        {{ is_over_and_known('counted') }} as is_complete,
        cast(counted.answer_count as bigint) as answer_count,
        cast(counted.account_count as bigint) as account_count,
        cast(counted.score_sum as numeric(24, 6)) as score_sum,
        {{ ratio('counted.score_sum', 'counted.answer_count') }} as customer_reported_roi_score
    from counted
    inner join periods
        on {{ columns_equal('counted', 'periods', ['grain', 'period_start']) }}
    cross join known_members

)

select * from final
