-- Grain: one row per grain (week, month), period and member of each account dimension with an
-- answer to an nps survey.
{#
  The interval is that of a mean of 100, 0 and -100 with three answers added, half of them in the middle
  (adjusted Wald), widened to the score where that lies outside: a few answers, all alike, do not look
  certain.
#}
{%- set z = 1.96 %}
with periods as (

    {{ periods_of(['surveys']) }}

),

answers as (

    select * from {{ ref('fct_survey_responses') }}
    where survey_type = 'nps'

),

counted as (

    {{ by_account_member('answers', 'answered_date', {
        'answer_count': 'count(*)',
        'promoter_count': 'count(*) filter (where answers.score >= 9)',
        'detractor_count': 'count(*) filter (where answers.score <= 6)',
    }) }}

),

shares as (

    select
        *,
        cast(promoter_count + 0.75 as {{ type_double() }}) / (answer_count + 3) as promoter_share,
        cast(detractor_count + 0.75 as {{ type_double() }}) / (answer_count + 3)
            as detractor_share
    from counted

),

spread as (

    select
        *,
        {{ pct('(promoter_count - detractor_count)', 'answer_count') }} as nps,
        100 * (promoter_share - detractor_share) as centre,
        {{ 100 * z }} * sqrt(
            (
                promoter_share + detractor_share
                - (promoter_share - detractor_share) * (promoter_share - detractor_share)
            ) / (answer_count + 3)
        ) as half_width
    from shares

),

known_members as (

    {{ members_reach() }}

),

final as (

    select
        periods.grain,
        periods.period_start,
        spread.dimension,
        spread.dimension_value,
        {{ is_over_and_known('spread') }} as is_complete,
        cast(spread.answer_count as bigint) as answer_count,
        cast(spread.promoter_count as bigint) as promoter_count,
        cast(spread.detractor_count as bigint) as detractor_count,
        spread.nps,
        cast(
            {{ greater('-100', lesser('spread.nps', 'spread.centre - spread.half_width')) }}
            as numeric(18, 6)
        ) as nps_low,
        cast(
            {{ lesser('100', greater('spread.nps', 'spread.centre + spread.half_width')) }}
            as numeric(18, 6)
        ) as nps_high
    from spread
    inner join periods
        on {{ columns_equal('spread', 'periods', ['grain', 'period_start']) }}
    cross join known_members

)

select * from final
