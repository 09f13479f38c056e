-- Grain: one row per success metric, actionable metric of the driver map and lag in weeks.
{#
  Does what a team can act on come before what it is said to drive? Pearson correlation of the
  actionable metric with the success metric `lag_weeks` later, of the same account where both are known
  of accounts (driver_account_week): each less its account's mean and its week's mean, so that neither
  big accounts nor common trends look like an effect. Adoption happens once: the mean of the first 28
  days of an account against whether it has adopted. Other metrics: weeks of the company, in
  final values, less what the week before foretells (first-order autoregression).
  The interval holds errors that go together within an account, and single accounts or weeks that make
  a slope by themselves: each is left out once (cluster jackknife), by Student's t. It is one of 95 %,
  shared among all rows of the map and the lags tried. Where few clusters hold what varies, such as the
  only weeks with an upgrade, nothing is said. A success metric that is made of the actionable one
  says so; of later weeks only, since what comes first cannot be in the same week.
#}
{%- set account_metrics = driver_account_metrics() %}
{%- set stays = 'case when is_churned then 0 when not is_churned then 1 end' %}
{%- set outcomes = {
    'active_accounts': stays,
    'retention_rate_pct': stays,
    'usage_retention_rate_pct':
        'case when request_count > 0 then ln(1 + cast(total_tokens as ' ~ type_double() ~ ')) end',
    'cs_score': 'cs_score',
} %}
{%- set parts_of = {'cs_score': ['error_rate_pct', 'incident_count', 'uptime_sla_adherence_pct']} %}
{%- set lags = 8 %}
{#- Normal quantile of one chance in twenty, both sides, shared among 8 lags and the 65 rows of the map;
    Student's t adds (z^3 + z) / 4, by degree of freedom. #}
{%- set quantile, t_excess = 3.9, 15.8 %}
{%- set least_pairs, least_clusters, least_effective = 30, 20, 10 %}
with links as (

    select distinct
        driver_map.success_metric,
        driver_map.actionable_metric,
        case when actionable.direction = 'up' then 1 else -1 end
        * case when success.direction = 'up' then 1 else -1 end as expected_sign,
        driver_map.actionable_metric in ('{{ account_metrics | join("', '") }}') as is_of_accounts
    from {{ ref('driver_map') }} as driver_map
    inner join {{ ref('metric_definitions') }} as actionable
        on driver_map.actionable_metric = actionable.metric
    inner join {{ ref('metric_definitions') }} as success
        on driver_map.success_metric = success.metric

),

known as (

    {{ driver_account_values('true') }}

),

causes as (

    select
        account_id,
        week_start,
        metric,
        cast(value as {{ type_double() }}) as value
    from known

),

outcomes as (

    {%- for metric, expression in outcomes.items() %}

    select
        account_id,
        week_start,
        '{{ metric }}' as metric,
        cast({{ expression }} as {{ type_double() }}) as value
    from {{ ref('o2r_account_week') }}
    where {{ expression }} is not null
    {%- if not loop.last %}

    union all
    {%- endif %}
    {%- endfor %}

),

lagged as (

    select
        metric,
        period_start as week_start,
        cast(value as {{ type_double() }}) as value,
        lag(cast(value as {{ type_double() }}))
            over (partition by metric order by period_start nulls last) as value_before,
        lag(period_start) over (partition by metric order by period_start nulls last) as week_before
    from {{ ref('metric_values') }}
    where
        grain = 'week'
        and dimension = 'all'
        and is_final

),

centred as (

    select
        metric,
        week_start,
        value - avg(value) over (partition by metric) as value,
        value_before - avg(value_before) over (partition by metric) as value_before
    from lagged
    where {{ days_between('week_before', 'week_start') }} = 7

),

persistence as (

    select
        metric,
        case
            when sum(value_before * value_before) > 1e-9
                then {{ double_quotient('sum(value * value_before)', 'sum(value_before * value_before)') }}
            else 0
        end as share_kept
    from centred
    group by metric

),

-- What a week adds to what the week before told: else a trend, or a swing back, looks like an effect.
company as (

    select
        centred.metric,
        centred.week_start,
        centred.value - persistence.share_kept * centred.value_before as value
    from centred
    inner join persistence
        on centred.metric = persistence.metric

),

{%- for side in ['causes', 'outcomes'] %}

demeaned_{{ side }} as (

    select
        account_id,
        week_start,
        metric,
        value
        - avg(value) over (partition by metric, account_id)
        - avg(value) over (partition by metric, week_start)
        + avg(value) over (partition by metric) as value
    from {{ side }}

),
{%- endfor %}

-- Each value beside the week on which its outcome is looked for: weeks meet by equality.
led_causes as (

    {%- for lag_weeks in range(1, lags + 1) %}

    select
        *,
        {{ lag_weeks }} as lag_weeks,
        cast(week_start + {{ 7 * lag_weeks }} * interval '1 day' as date) as outcome_week_start
    from demeaned_causes
    {%- if not loop.last %}

    union all
    {%- endif %}
    {%- endfor %}

),

led_company as (

    {%- for lag_weeks in range(1, lags + 1) %}

    select
        *,
        {{ lag_weeks }} as lag_weeks,
        cast(week_start + {{ 7 * lag_weeks }} * interval '1 day' as date) as outcome_week_start
    from company
    {%- if not loop.last %}

    union all
    {%- endif %}
    {%- endfor %}

),

-- What the first 28 days of an account were like, and whether it adopted.
early as (

    select
        causes.metric,
        causes.account_id,
        avg(causes.value) as value,
        max(case when adoption.is_adopted then 1 else 0 end) as outcome
    from causes
    inner join {{ ref('account_adoption') }} as adoption
        on
            causes.account_id = adoption.account_id
            and causes.week_start >= adoption.signed_up_date
            and causes.week_start < cast(adoption.signed_up_date + interval '28 day' as date)
    where adoption.is_window_over
    group by causes.metric, causes.account_id

),

pairs as (

    select
        links.success_metric,
        links.actionable_metric,
        'account and week' as level,
        led_causes.lag_weeks,
        led_causes.account_id as cluster,
        led_causes.value as x,
        later.value as y
    from links
    inner join led_causes
        on links.actionable_metric = led_causes.metric
    inner join demeaned_outcomes as later
        on
            links.success_metric = later.metric
            and led_causes.account_id = later.account_id
            and led_causes.outcome_week_start = later.week_start

    union all

    select
        links.success_metric,
        links.actionable_metric,
        'account' as level,
        9 as lag_weeks,
        early.account_id as cluster,
        early.value - avg(early.value) over (partition by early.metric) as x,
        early.outcome - avg(early.outcome) over (partition by early.metric) as y
    from links
    inner join early
        on links.actionable_metric = early.metric
    where links.success_metric = 'adoption_rate_pct'

    union all

    select
        links.success_metric,
        links.actionable_metric,
        'company and week' as level,
        led_company.lag_weeks,
        cast(led_company.week_start as varchar(10)) as cluster,
        led_company.value
        - avg(led_company.value) over (
            partition by links.success_metric, links.actionable_metric, led_company.lag_weeks
        ) as x,
        later.value
        - avg(later.value) over (
            partition by links.success_metric, links.actionable_metric, led_company.lag_weeks
        ) as y
    from links
    inner join led_company
        on links.actionable_metric = led_company.metric
    inner join company as later
        on
            links.success_metric = later.metric
            and led_company.outcome_week_start = later.week_start
    where
        not links.is_of_accounts
        or links.success_metric not in ('{{ (outcomes.keys() | list + ["adoption_rate_pct"]) | join("', '") }}')

),

clusters as (

    select
        success_metric,
        actionable_metric,
        level,
        lag_weeks,
        cluster,
        count(*) as pair_count,
        sum(x * x) as xx,
        sum(x * y) as xy,
        sum(y * y) as yy
    from pairs
    group by success_metric, actionable_metric, level, lag_weeks, cluster

),

totals as (

    select
        *,
        sum(pair_count) over link as pairs,
        count(*) over link as cluster_count,
        sum(xx) over link as sum_xx,
        sum(xy) over link as sum_xy,
        sum(yy) over link as sum_yy
    from clusters
    window link as (partition by success_metric, actionable_metric, level, lag_weeks)

),

-- Without a cluster that alone holds what varies there is no slope, and the interval no end.
sums as (

    select
        *,
        case when sum_xx - xx > 1e-9 then sum_xx - xx else 1e-9 end as rest_xx
    from totals

),

slopes as (

    select
        success_metric,
        actionable_metric,
        level,
        lag_weeks,
        max(pairs) as pair_count,
        cast(max(cluster_count) as {{ type_double() }}) as cluster_count,
        max(sum_xx) as sum_xx,
        max(sum_xy) as sum_xy,
        max(sum_yy) as sum_yy,
        {{ double_quotient('max(sum_xx) * max(sum_xx)', 'sum(xx * xx)') }} as effective_x,
        {{ double_quotient('max(sum_yy) * max(sum_yy)', 'sum(yy * yy)') }} as effective_y,
        sum(
            ({{ double_quotient('sum_xy - xy', 'rest_xx') }} - {{ double_quotient('sum_xy', 'sum_xx') }})
            * ({{ double_quotient('sum_xy - xy', 'rest_xx') }} - {{ double_quotient('sum_xy', 'sum_xx') }})
        ) as slope_squares
    from sums
    where
        sum_xx > 1e-9
        and sum_yy > 1e-9
    group by success_metric, actionable_metric, level, lag_weeks

),

correlated as (

    select
        *,
        {{ double_quotient('sum_xy', 'sqrt(sum_xx * sum_yy)') }} as correlation,
        sqrt(slope_squares * {{ double_quotient('sum_xx', 'sum_yy') }})
        * sqrt({{ double_quotient('cluster_count - 1', 'cluster_count') }}) as standard_error,
        {{ quantile }} + {{ double_quotient(t_excess, '(cluster_count - 1)') }} as quantile
    from slopes
    where
        pair_count >= {{ least_pairs }}
        and cluster_count >= {{ least_clusters }}
        and effective_x >= {{ least_effective }}
        and effective_y >= {{ least_effective }}

),

rounded as (

    select
        *,
        cast(correlation as numeric(18, 6)) as rounded_correlation,
        cast(
            {{ greater('-1', 'correlation - quantile * standard_error') }} as numeric(18, 6)
        ) as correlation_low,
        cast(
            {{ lesser('1', 'correlation + quantile * standard_error') }} as numeric(18, 6)
        ) as correlation_high,
        cast(
            {{ double_quotient('abs(correlation)', 'standard_error') }} as numeric(18, 6)
        ) as strength
    from correlated

),

final as (

    select
        {{ dbt_utils.generate_surrogate_key([
            'links.success_metric', 'links.actionable_metric', 'rounded.lag_weeks'
        ]) }} as driver_link_key,
        links.success_metric,
        links.actionable_metric,
        rounded.level,
        rounded.lag_weeks,
        links.expected_sign,
        cast(rounded.pair_count as bigint) as pair_count,
        cast(rounded.cluster_count as bigint) as cluster_count,
        rounded.rounded_correlation as correlation,
        rounded.correlation_low,
        rounded.correlation_high,
        case
            when links.expected_sign * rounded.correlation_low > 0
                and links.expected_sign * rounded.correlation_high > 0
                then 'as the book claims'
            when links.expected_sign * rounded.correlation_low < 0
                and links.expected_sign * rounded.correlation_high < 0
                then 'the other way round'
            else 'not seen'
        end as verdict,
        {%- for success, parts in parts_of.items() %}
        links.success_metric = '{{ success }}'
        and links.actionable_metric in ('{{ parts | join("', '") }}') as is_part_of_it,
        {%- endfor %}
        row_number() over (
            partition by links.success_metric, links.actionable_metric
            order by rounded.strength desc nulls last, rounded.lag_weeks nulls last
        ) = 1 as is_best_lag
    from links
    inner join rounded
        on {{ columns_equal('links', 'rounded', ['success_metric', 'actionable_metric']) }}

)

select * from final
