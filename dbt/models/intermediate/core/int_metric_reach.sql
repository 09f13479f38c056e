-- Grain: one row per metric and reporting dimension with at least one delivered feed.
{#
  A value rests on the feeds of its metric, and on those that tell the member that it is of: the CRM
  for attributes of accounts, contracts too for the plan tier, contacts for the channel. The slowest
  of them decides.
#}
with as_of as (select * from {{ ref('int_as_of') }}),

clocks as (

    select
        feed,
        min(last_date) as last_date
    from {{ ref('int_feed_clock') }}
    group by feed

),

dimensions as (

    select dimension from {{ ref('int_grain_dimension') }}

    union

    select 'channel' as dimension

),

needed as (

    select
        definitions.metric,
        dimensions.dimension,
        clocks.feed,
        clocks.last_date
    from {{ ref('metric_definitions') }} as definitions
    cross join dimensions
    inner join clocks
        on
            ' ' || definitions.feeds || ' ' like '% ' || clocks.feed || ' %'
            or (clocks.feed = 'accounts' and dimensions.dimension in ('plan_tier', 'segment'))
            or (clocks.feed = 'subscriptions' and dimensions.dimension = 'plan_tier')
            or (clocks.feed = 'contacts' and dimensions.dimension = 'channel')
            or (
                clocks.feed = 'accounts'
                and dimensions.dimension = 'region'
                and definitions.region_basis = 'account home'
            )
    where definitions.feeds is not null

),

reaches as (

    select
        metric,
        dimension,
        min(last_date) as last_date
    from needed
    group by metric, dimension

),

lagging as (

    select
        needed.metric,
        needed.dimension,
        {{ string_agg_sorted('needed.feed') }} as feeds
    from needed
    inner join as_of
        on needed.last_date < as_of.as_of_date
    group by needed.metric, needed.dimension

),

final as (

    select
        reaches.metric,
        reaches.dimension,
        reaches.last_date,
        {{ days_between('reaches.last_date', 'as_of.as_of_date') }} as days_behind,
        lagging.feeds as lagging_feeds
    from reaches
    cross join as_of
    left join lagging
        on {{ columns_equal('reaches', 'lagging', ['metric', 'dimension']) }}

)

select * from final
