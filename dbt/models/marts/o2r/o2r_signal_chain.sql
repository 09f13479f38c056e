-- Grain: one row per cause, outcome and lag of 0 to 13 weeks.
{#
  Pearson correlation of a cause in a week with an outcome `lag_weeks` later, over account-weeks.
  Before that each signal loses its account's mean and its week's mean (plus the overall mean), so
  that neither big accounts nor common trends look like an effect. A week without a request says
  nothing about how much an account uses, so usage has no value in it. The best lag is the one with the
  strongest correlation in the expected direction; it is worth a look only if is_significant.
#}
{%- set signals = {
    'error_rate': ('product_performance', 'error_rate_pct'),
    'throttle_rate': ('product_performance', 'throttle_rate_pct'),
    'latency': ('product_performance', 'mean_latency_ms'),
    'cs_score': ('customer', 'cs_score'),
    'csat_response': ('customer', 'csat_response_score'),
    'tickets': ('customer', 'ticket_count'),
    'usage': ('customer', 'case when request_count > 0 then ln(1 + cast(total_tokens as ' ~ type_double() ~ ')) end'),
    'revenue': ('revenue', 'ln(1 + ' ~ greater('0', 'cast(net_revenue as ' ~ type_double() ~ ')') ~ ')'),
    'churn': ('revenue', 'case when is_churned then 1 when not is_churned then 0 end'),
} %}
{%- set minimum_pairs = 30 %}
{#- One chance in a hundred, shared among the 14 lags tried. #}
{%- set significant_t = 3.4 %}
with account_weeks as (select * from {{ ref('o2r_account_week') }}),

signals as (

    {%- for signal, (layer, expression) in signals.items() %}

    select
        account_id,
        week_start,
        '{{ signal }}' as signal,
        '{{ layer }}' as layer,
        cast({{ expression }} as {{ type_double() }}) as value
    from account_weeks
    {%- if not loop.last %}

    union all
    {%- endif %}
    {%- endfor %}

),

demeaned as (

    select
        account_id,
        week_start,
        signal,
        layer,
        value
        - avg(value) over (partition by signal, account_id)
        - avg(value) over (partition by signal, week_start)
        + avg(value) over (partition by signal) as value
    from signals
    where value is not null

),

pairs as (select * from {{ ref('signal_pairs') }}),

-- Each value beside the week on which it is looked for: weeks meet by equality.
causes as (

    {%- for lag_weeks in range(14) %}

    select
        *,
        {{ lag_weeks }} as lag_weeks,
        cast(week_start + {{ 7 * lag_weeks }} * interval '1 day' as date) as outcome_week_start
    from demeaned
    {%- if not loop.last %}

    union all
    {%- endif %}
    {%- endfor %}

),

correlations as (

    select
        pairs.cause,
        pairs.outcome,
        pairs.expected_sign,
        min(causes.layer) as cause_layer,
        min(outcomes.layer) as outcome_layer,
        causes.lag_weeks,
        count(*) as pair_count,
        {{ correlation('causes.value', 'outcomes.value') }} as correlation
    from pairs
    inner join causes
        on pairs.cause = causes.signal
    inner join demeaned as outcomes
        on
            pairs.outcome = outcomes.signal
            and causes.account_id = outcomes.account_id
            and causes.outcome_week_start = outcomes.week_start
    group by pairs.cause, pairs.outcome, pairs.expected_sign, causes.lag_weeks

),

-- Too few pairs say nothing.
judged as (

    select
        *,
        case when pair_count >= {{ minimum_pairs }} then correlation end as judged_correlation
    from correlations

),

ranked as (

    select
        *,
        row_number() over (
            partition by cause, outcome
            order by expected_sign * judged_correlation desc nulls last, lag_weeks nulls last
        ) as lag_rank
    from judged

),

tested as (

    select
        *,
        case
            when abs(judged_correlation) < 1
                then
                    judged_correlation
                    * sqrt((pair_count - 2) / (1 - judged_correlation * judged_correlation))
        end as t_statistic
    from ranked

),

final as (

    select
        {{ dbt_utils.generate_surrogate_key(['cause', 'outcome', 'lag_weeks']) }}
            as signal_chain_key,
        cause_layer,
        cause,
        outcome_layer,
        outcome,
        lag_weeks,
        expected_sign,
        cast(pair_count as bigint) as pair_count,
        cast(judged_correlation as numeric(18, 6)) as correlation,
        cast(t_statistic as numeric(18, 6)) as t_statistic,
        coalesce(abs(t_statistic) >= {{ significant_t }}, false) as is_significant,
        coalesce(lag_rank = 1 and expected_sign * judged_correlation > 0, false) as is_best_lag
    from tested

)

select * from final
