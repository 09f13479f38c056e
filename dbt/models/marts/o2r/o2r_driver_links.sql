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
  only weeks with an upgrade, nothing is said. Of later weeks only, since what comes first
  cannot be in the same week.
#}
{%- set account_metrics = driver_account_metrics() %}
{%- set outcomes = {
    'active_accounts': 'stays',
    'retention_rate_pct': 'stays',
    'usage_retention_rate_pct': 'log_tokens',
    'cs_score': 'cs_score',
} %}
{%- set lags = 8 %}
{#- One chance in twenty, both sides, shared among 8 lags and the 65 rows of the map. #}
{%- set quantile, least = 3.9, {'pairs': 30, 'clusters': 20, 'spread': 10} %}
with links as (

    select distinct
        driver_map.success_metric,
        driver_map.actionable_metric,
        case when actionable.direction = 'up' then 1 else -1 end
        * case when success.direction = 'up' then 1 else -1 end as expected_sign,
        case driver_map.success_metric
            {%- for metric, column in outcomes.items() %}
            when '{{ metric }}' then '{{ column }}'
            {%- endfor %}
        end as account_outcome,
        driver_map.actionable_metric in (
            {%- for metric in account_metrics %}
            '{{ metric }}'{{ ',' if not loop.last }}
            {%- endfor %}
        ) as is_of_accounts
    from {{ ref('driver_map') }} as driver_map
    inner join {{ ref('metric_definitions') }} as actionable
        on driver_map.actionable_metric = actionable.metric
    inner join {{ ref('metric_definitions') }} as success
        on driver_map.success_metric = success.metric

),

{%- set sides = {'causes': account_metrics, 'outcomes': outcomes.values() | unique | list} %}
{%- for side, columns in sides.items() %}

known_{{ side }} as (

    {{ driver_account_values(columns) }}

),

{{ side }} as (

    select
        account_id,
        week_start,
        metric,
        cast(value as {{ type_double() }}) as value
    from known_{{ side }}

),

demeaned_{{ side }} as (

    {{ two_way_demeaned(side) }}

),
{%- endfor %}

company as (

    select
        metric,
        week_start,
        cast(news as {{ type_double() }}) as value
    from {{ ref('driver_company_weeks') }}

),

led_causes as (

    {{ led_by_weeks('demeaned_causes', lags) }}

),

led_company as (

    {{ led_by_weeks('company', lags) }}

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
            links.account_outcome = later.metric
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
        or (links.account_outcome is null and links.success_metric <> 'adoption_rate_pct')

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

correlated as (

    {{ clustered_correlations(
        'clusters', ['success_metric', 'actionable_metric', 'level', 'lag_weeks'], quantile, least
    ) }}

),

final as (

    select
        {{ dbt_utils.generate_surrogate_key([
            'links.success_metric', 'links.actionable_metric', 'correlated.lag_weeks'
        ]) }} as driver_link_key,
        links.success_metric,
        links.actionable_metric,
        correlated.level,
        correlated.lag_weeks,
        links.expected_sign,
        correlated.pair_count,
        correlated.cluster_count,
        correlated.correlation,
        correlated.correlation_low,
        correlated.correlation_high,
        case
            when
                links.expected_sign * correlated.correlation_low > 0
                and links.expected_sign * correlated.correlation_high > 0
                then 'as the book claims'
            when
                links.expected_sign * correlated.correlation_low < 0
                and links.expected_sign * correlated.correlation_high < 0
                then 'the other way round'
            else 'not seen'
        end as verdict,
        row_number() over (
            partition by links.success_metric, links.actionable_metric
            order by correlated.strength desc nulls last, correlated.lag_weeks asc nulls last
        ) = 1 as is_best_lag
    from links
    inner join correlated
        on {{ columns_equal('links', 'correlated', ['success_metric', 'actionable_metric']) }}

)

select * from final
