-- Grain: one row per capacity reservation and episode of idle instances.
{#
  An episode is a run of snapshots with idle instances. A snapshot holds until the next one, but no
  longer than capacity_carry_forward_hours: a longer silence ends the episode, since nobody knows
  what happened in it. Idle time is charged at the price of the day of its snapshot.
#}
with as_of as (select * from {{ ref('int_as_of') }}),

snapshots as (

    select
        inventory.odcr,
        inventory.observed_at,
        cast(inventory.observed_at as date) as observed_date,
        inventory.instance_type,
        inventory.region,
        coalesce(inventory.service_account, 'Unknown') as service_account,
        coalesce(inventory.consumer_account, 'Unknown') as consumer_account,
        inventory.idle_instances,
        as_of.as_of_end_at,
        lead(inventory.observed_at) over (
            partition by inventory.odcr order by inventory.observed_at nulls last
        ) as next_observed_at
    from {{ ref('stg_accelerator_inventory') }} as inventory
    inner join as_of
        on inventory.observed_at < as_of.as_of_end_at
    where inventory.idle_instances is not null

),

held as (

    select
        *,
        {{ lesser(
            'coalesce(next_observed_at, as_of_end_at)',
            "observed_at + interval '" ~ var('capacity_carry_forward_hours') ~ " hour'"
        ) }} as held_until_at
    from snapshots

),

neighbours as (

    select
        *,
        lag(idle_instances) over (partition by odcr order by observed_at nulls last)
            as previous_idle_instances,
        lag(held_until_at) over (partition by odcr order by observed_at nulls last)
            as previous_held_until_at
    from held

),

numbered as (

    select
        *,
        sum(
            case
                when
                    previous_idle_instances > 0
                    and previous_held_until_at = observed_at
                    then 0
                else 1
            end
        ) over (
            partition by odcr
            order by observed_at nulls last
            rows between unbounded preceding and current row
        ) as episode_number
    from neighbours
    where idle_instances > 0

),

price_days as (

    select distinct
        instance_type,
        region,
        observed_date
    from numbered

),

-- The region's own price wins over the default, then the newest.
prices as (

    select
        price_days.instance_type,
        price_days.region,
        price_days.observed_date,
        instance_prices.hourly_price,
        upper(trim(instance_prices.currency_code)) as currency_code,
        row_number() over (
            partition by price_days.instance_type, price_days.region, price_days.observed_date
            order by
                case when instance_prices.region = 'default' then 1 else 0 end asc nulls last,
                instance_prices.valid_from desc nulls last
        ) as price_rank
    from price_days
    inner join {{ ref('instance_prices') }} as instance_prices
        on
            price_days.instance_type = instance_prices.instance_type
            and instance_prices.region in (price_days.region, 'default')
            and price_days.observed_date >= instance_prices.valid_from

),

rates as (

    {{ rates_of_days('prices', 'observed_date') }}

),

converted as (

    select
        prices.instance_type,
        prices.region,
        prices.observed_date,
        prices.hourly_price * rates.rate as hourly_price
    from prices
    left join rates
        on
            prices.currency_code = rates.currency_code
            and prices.observed_date = rates.rate_date
    where prices.price_rank = 1

),

priced as (

    select
        numbered.*,
        {{ seconds_between('numbered.observed_at', 'numbered.held_until_at') }} as held_seconds,
        converted.hourly_price,
        row_number() over (
            partition by numbered.odcr, numbered.episode_number
            order by numbered.observed_at desc nulls last
        ) as recency
    from numbered
    left join converted
        on {{ columns_equal('numbered', 'converted', [
            'instance_type', 'region', 'observed_date',
        ]) }}

),

episodes as (

    select
        odcr,
        episode_number,
        min(observed_at) as idle_since_at,
        max(held_until_at) as idle_until_at,
        count(*) as snapshot_count,
        min(idle_instances) as idle_instances_min,
        max(idle_instances) as idle_instances_max,
        sum(idle_instances * held_seconds) as idle_instance_seconds,
        count(*) = count(hourly_price) as has_price,
        sum(idle_instances * held_seconds * hourly_price) / 3600 as idle_cost
    from priced
    group by odcr, episode_number

),

measured as (

    select
        episodes.*,
        newest.instance_type,
        newest.region,
        newest.service_account,
        newest.consumer_account,
        newest.observed_at as last_snapshot_at,
        newest.idle_instances,
        {{ seconds_between('episodes.idle_since_at', 'episodes.idle_until_at') }}
            as duration_seconds,
        case
            when episodes.idle_until_at = newest.as_of_end_at then 'still idle'
            when episodes.idle_until_at = newest.next_observed_at then 'back in use'
            else 'no newer snapshot'
        end as state
    from episodes
    inner join priced as newest
        on
            episodes.odcr = newest.odcr
            and episodes.episode_number = newest.episode_number
            and newest.recency = 1

),

final as (

    select
        {{ dbt_utils.generate_surrogate_key(['odcr', 'idle_since_at']) }} as idle_episode_key,
        odcr,
        instance_type,
        region,
        service_account,
        consumer_account,
        idle_since_at,
        idle_until_at,
        last_snapshot_at,
        state,
        state = 'still idle' as is_open,
        cast(duration_seconds / 3600 as numeric(24, 6)) as duration_hours,
        duration_seconds >= 3600 * {{ setting('idle_threshold_hours') }} as is_flagged,
        cast(snapshot_count as bigint) as snapshot_count,
        idle_instances,
        idle_instances_min,
        idle_instances_max,
        {{ ratio('idle_instance_seconds', 'duration_seconds') }} as idle_instances_mean,
        cast(idle_instance_seconds / 3600 as numeric(24, 6)) as idle_instance_hours,
        has_price,
        cast(case when has_price then idle_cost end as numeric(24, 6)) as idle_cost
    from measured

)

select * from final
