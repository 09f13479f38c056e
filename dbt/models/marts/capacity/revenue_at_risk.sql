-- Grain: one row per model variant and serving region with samples, requests or revenue in the
-- window.
{#
  Requests carry the region that receives them; they are counted where the newest configuration by
  the as-of day has the model serve them. Revenue is metered in the serving region already.
#}
{%- set requests = [
    'inference_user_token_usage_open_source', 'inference_user_token_usage_proprietary',
] %}
with as_of as (

    select
        *,
        cast(as_of_date - interval '{{ var("capacity_window_days") - 1 }} day' as date)
            as window_start
    from ({{ known_as_of(['requests', 'revenue', 'utilization']) }}) as known

),

routes as (

    select
        regions.model_variant,
        regions.source_region,
        regions.inference_region,
        row_number() over (
            partition by regions.model_variant, regions.source_region
            order by regions.snapshot_date desc nulls last
        ) as version_rank
    from {{ ref('stg_model_regions') }} as regions
    inner join as_of
        on regions.snapshot_date <= as_of.as_of_date

),

usage as (

    select
        fct_usage_daily.model_variant,
        coalesce(nullif(routes.inference_region, 'Unknown'), fct_usage_daily.source_region)
            as region,
        fct_usage_daily.account_id,
        fct_usage_daily.request_count,
        fct_usage_daily.throttled_count
    from {{ ref('fct_usage_daily') }} as fct_usage_daily
    inner join as_of
        on
            fct_usage_daily.usage_date >= as_of.window_start
            and fct_usage_daily.usage_date <= as_of.as_of_date
    left join routes
        on
            fct_usage_daily.model_variant = routes.model_variant
            and fct_usage_daily.source_region = routes.source_region
            and routes.version_rank = 1

),

revenue as (

    select
        coalesce(fct_revenue_daily.model_variant, 'Unknown') as model_variant,
        coalesce(fct_revenue_daily.region, 'Unknown') as region,
        fct_revenue_daily.account_id,
        fct_revenue_daily.net_revenue
    from {{ ref('fct_revenue_daily') }} as fct_revenue_daily
    inner join as_of
        on
            fct_revenue_daily.revenue_date >= as_of.window_start
            and fct_revenue_daily.revenue_date <= as_of.as_of_date

),

total_revenue as (

    select sum(net_revenue) as net_revenue from revenue

),

parts as (

    select
        model_variant,
        region,
        account_id,
        request_count,
        throttled_count,
        cast(null as numeric(24, 6)) as net_revenue
    from usage

    union all

    select
        model_variant,
        region,
        account_id,
        cast(null as bigint) as request_count,
        cast(null as bigint) as throttled_count,
        net_revenue
    from revenue

),

-- An account without an identifier cannot be told from another, so it counts as one.
sums as (

    select
        model_variant,
        region,
        sum(request_count) as request_count,
        sum(throttled_count) as throttled_count,
        sum(net_revenue) as net_revenue,
        count(distinct coalesce(account_id, 'Unknown')) as account_count
    from parts
    group by model_variant, region

),

-- Classifiers check requests beside the samplers that serve them and are scaled on their own.
utilization as (

    select
        samples.model_variant,
        samples.region,
        {{ percentile(0.90, 'samples.utilization_pct') }} as p90
    from {{ ref('fct_utilization') }} as samples
    inner join as_of
        on
            samples.observed_date >= as_of.window_start
            and samples.observed_date <= as_of.as_of_date
    where samples.role <> 'classifier'
    group by samples.model_variant, samples.region

),

members as (

    select
        model_variant,
        region
    from sums

    union

    select
        model_variant,
        region
    from utilization

),

joined as (

    select
        members.model_variant,
        members.region,
        cast(utilization.p90 as numeric(24, 6)) as utilization_p90_pct,
        {{ unless_never_delivered('sums.request_count', '0', *requests) }} as request_count,
        {{ unless_never_delivered('sums.throttled_count', '0', *requests) }}
            as throttled_count,
        {{ pct('sums.throttled_count', 'sums.request_count') }} as throttle_rate_pct,
        {{ unless_never_delivered('sums.account_count', '0', *requests) }}
            as account_count,
        {{ unless_never_delivered('sums.net_revenue', '0', 'revenue_account_daily') }}
            as net_revenue,
        {{ pct('coalesce(sums.net_revenue, 0)', 'total_revenue.net_revenue') }}
            as net_revenue_share_pct,
        as_of.as_of_date as known_to_date
    from members
    cross join total_revenue
    cross join as_of
    left join utilization
        on {{ columns_equal('members', 'utilization', ['model_variant', 'region']) }}
    left join sums
        on {{ columns_equal('members', 'sums', ['model_variant', 'region']) }}

),

judged as (

    select
        *,
        {{ unless_never_delivered(
            'utilization_p90_pct >= ' ~ setting('utilization_review_pct'),
            'false', 'resource_model_utilization'
        ) }} as is_saturated,
        {{ unless_never_delivered(
            'throttle_rate_pct >= ' ~ setting('throttle_review_pct'), 'false', *requests
        ) }} as is_throttled
    from joined

),

final as (

    select
        model_variant,
        region,
        is_saturated or is_throttled as is_at_risk,
        is_saturated,
        is_throttled,
        utilization_p90_pct,
        cast(request_count as bigint) as request_count,
        cast(throttled_count as bigint) as throttled_count,
        throttle_rate_pct,
        cast(account_count as bigint) as account_count,
        cast(net_revenue as numeric(24, 6)) as net_revenue,
        net_revenue_share_pct,
        cast(
            case
                when is_saturated or is_throttled then net_revenue
                when
                    not (is_saturated or is_throttled)
                    and (utilization_p90_pct is not null or throttle_rate_pct is not null)
                    then 0
            end as numeric(24, 6)
        ) as revenue_at_risk,
        nullif(
            concat_ws(
                '; ',
                case
                    when is_saturated
                        then 'p90 utilisation at or above {{ setting("utilization_review_pct") }} %'
                end,
                case
                    when is_throttled
                        then 'throttle rate at or above {{ setting("throttle_review_pct") }} %'
                end
            ),
            ''
        ) as reason,
        known_to_date
    from judged

)

select * from final
