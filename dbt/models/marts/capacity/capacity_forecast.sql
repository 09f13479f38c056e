-- Grain: one row per model variant, region and utilisation threshold.
{#
  Ordinary least squares of the daily p90 utilisation on the day, over the window, which ends with the
  last day that the feed of samples reaches. Days are counted from the as-of day, which is 0. The interval comes from the standard error of the slope alone, with
  the line turning about the middle of the window; Student's t is expanded from the normal quantile
  (Cornish-Fisher, good to 0.001 from 8 degrees of freedom on).
#}
{%- set z = 1.959963984540054 %}
{%- set min_days = [var('forecast_min_days'), 3] | max %}
{%- set horizon = var('forecast_horizon_days') %}
with as_of as (select * from {{ ref('int_as_of') }}),

known as (

    {{ known_as_of(['utilization']) }}

),

thresholds as (

    select cast({{ setting('utilization_review_pct') }} as numeric(18, 6)) as threshold_pct

    union

    select cast({{ setting('utilization_critical_pct') }} as numeric(18, 6)) as threshold_pct

),

-- Classifiers check requests beside the samplers that serve them and are scaled on their own.
samples as (

    select * from {{ ref('fct_utilization') }}
    where role <> 'classifier'

),

models as (

    select distinct
        model_variant,
        region
    from samples

),

daily as (

    select
        samples.model_variant,
        samples.region,
        cast({{ days_between('as_of.as_of_date', 'samples.observed_date') }} as bigint) as x,
        cast(
            {{ percentile(0.90, 'samples.utilization_pct') }}
            as numeric(18, 6)
        ) as y
    from samples
    cross join as_of
    cross join known
    where
        samples.utilization_pct is not null
        and samples.observed_date <= known.as_of_date
        and samples.observed_date
        > cast(known.as_of_date - interval '{{ var("capacity_window_days") }} day' as date)
    group by samples.model_variant, samples.region, samples.observed_date, as_of.as_of_date

),

sums as (

    select
        model_variant,
        region,
        count(*) as n,
        cast(sum(x) as numeric(38, 12)) as sx,
        cast(sum(y) as numeric(38, 12)) as sy,
        cast(sum(x * x) as numeric(38, 12)) as sxx,
        cast(sum(x * y) as numeric(38, 12)) as sxy,
        cast(sum(y * y) as numeric(38, 12)) as syy
    from daily
    group by model_variant, region

),

-- Exact sums first; floating point only in what follows, where their order no longer matters.
deviations as (

    select
        model_variant,
        region,
        n,
        cast(sx / n as {{ type_double() }}) as mean_x,
        cast(sy / n as {{ type_double() }}) as mean_y,
        cast(n * sxx - sx * sx as {{ type_double() }}) as dxx,
        cast(n * sxy - sx * sy as {{ type_double() }}) as dxy,
        cast(n * syy - sy * sy as {{ type_double() }}) as dyy,
        cast(n - 2 as {{ type_double() }}) as df
    from sums
    where n >= {{ min_days }}

),

slopes as (

    select
        *,
        {{ double_quotient('dxy', 'dxx') }} as slope,
        sqrt(
            {{ double_quotient(
                greater('dyy - ' ~ double_quotient('dxy * dxy', 'dxx'), '0'), 'df * dxx'
            ) }}
        ) as slope_se,
        {{ z }}
        + {{ double_quotient((z ** 3 + z) / 4, 'df') }}
        + {{ double_quotient((5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96, 'df * df') }}
        + {{ double_quotient(
            (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384, 'df * df * df'
        ) }} as t
    from deviations

),

lines as (

    select
        *,
        mean_y - slope * mean_x as level_pct,
        slope - t * slope_se as slope_low,
        slope + t * slope_se as slope_high
    from slopes

),

crossings as (

    select
        models.model_variant,
        models.region,
        thresholds.threshold_pct,
        coalesce(sums.n, 0) as n,
        lines.mean_y,
        lines.level_pct,
        lines.slope,
        lines.slope_low,
        lines.slope_high,
        case
            when lines.level_pct is null then 'too few days'
            when lines.level_pct >= thresholds.threshold_pct then 'already above'
            when lines.slope_low > 0 then 'growing'
            else 'not growing'
        end as state,
        -- Divided only where it is safe: a slope above 0, and a lower bound above 0.
        case
            when lines.slope_low > 0
                then lines.mean_x + {{ double_quotient(
                    'thresholds.threshold_pct - lines.mean_y', 'lines.slope'
                ) }}
        end as days_until,
        case
            when lines.slope_low > 0
                then lines.mean_x + {{ double_quotient(
                    'thresholds.threshold_pct - lines.mean_y', 'lines.slope_high'
                ) }}
        end as days_until_low,
        case
            when lines.slope_low > 0
                then lines.mean_x + {{ double_quotient(
                    'thresholds.threshold_pct - lines.mean_y', 'lines.slope_low'
                ) }}
        end as days_until_high
    from models
    cross join thresholds
    left join sums
        on {{ columns_equal('models', 'sums', ['model_variant', 'region']) }}
    left join lines
        on {{ columns_equal('models', 'lines', ['model_variant', 'region']) }}

),

judged as (

    select
        *,
        case
            when state = 'growing' and days_until <= {{ horizon }} then 'forecast'
            when state = 'growing' then 'beyond horizon'
            else state
        end as status
    from crossings

),

final as (

    select
        judged.model_variant,
        judged.region,
        judged.threshold_pct,
        judged.status,
        judged.status = 'forecast' as has_forecast,
        cast(case when judged.status = 'forecast' then judged.days_until end as numeric(18, 6))
            as days_until,
        cast(
            case
                when judged.status = 'forecast' then {{ greater('judged.days_until_low', '0') }}
            end as numeric(18, 6)
        ) as days_until_low,
        cast(
            case
                when judged.status = 'forecast' and judged.days_until_high <= {{ horizon }}
                    then judged.days_until_high
            end as numeric(18, 6)
        ) as days_until_high,
        case
            when judged.status = 'forecast'
                then cast(
                    as_of.as_of_date
                    + cast(ceil(judged.days_until) as integer) * interval '1 day' as date
                )
        end as reached_date,
        cast(judged.n as bigint) as observed_days,
        cast(judged.mean_y as numeric(18, 6)) as utilization_mean_pct,
        cast(judged.level_pct as numeric(18, 6)) as utilization_level_pct,
        cast(judged.slope as numeric(18, 6)) as growth_pct_per_day,
        cast(judged.slope_low as numeric(18, 6)) as growth_low_pct_per_day,
        cast(judged.slope_high as numeric(18, 6)) as growth_high_pct_per_day,
        case judged.status
            when 'too few days'
                then concat_ws(
                    ' ', 'Only', cast(judged.n as varchar(10)), 'of at least {{ min_days }} days'
                )
            when 'already above' then 'The trend is at or above the threshold today'
            when 'not growing' then 'Growth is not above 0 with 95 % confidence'
            when 'beyond horizon' then 'More than {{ horizon }} days away'
        end as reason,
        known.as_of_date as known_to_date
    from judged
    cross join as_of
    cross join known

)

select * from final
