-- Grain: one row per bronze table of a feed that has spoken by the as-of day.
{#
  A feed has its own clock. Its newest day that a later delivery proves is its last day; a later day
  of the feed proves the days before it. Silence since then is believed while it is shorter than the
  feed's usual gap: the gap between two of its days that 9 of 10 gaps of the last 180 days do not
  exceed, out of at least 3. Longer silence is absence: what lies after is unknown, not nothing.
  Whoever exports a table can state up to which day it is complete (feed_statements): that is heard too.
#}
with as_of as (select * from {{ ref('int_as_of') }}),

feed_days as (select * from {{ ref('int_feed_day') }}),

newest as (

    select
        feed_days.bronze_table,
        feed_days.feed,
        as_of.as_of_date,
        min(feed_days.event_date) as first_date,
        max(feed_days.event_date) filter (where feed_days.is_proven) as newest_proven_date,
        max(feed_days.event_date) filter (
            where feed_days.is_proven and feed_days.event_date <= as_of.as_of_date
        ) as last_event_date
    from feed_days
    cross join as_of
    group by feed_days.bronze_table, feed_days.feed, as_of.as_of_date

),

gaps as (

    select
        feed_days.bronze_table,
        {{ days_between(
            'lag(feed_days.event_date) over ('
            ~ 'partition by feed_days.bronze_table order by feed_days.event_date nulls last)',
            'feed_days.event_date'
        ) }} as gap_days
    from feed_days
    inner join newest
        on
            feed_days.bronze_table = newest.bronze_table
            and feed_days.event_date <= newest.last_event_date
            and feed_days.event_date >= newest.last_event_date - interval '180 day'

),

ranked as (

    select
        bronze_table,
        gap_days,
        row_number() over (partition by bronze_table order by gap_days nulls last) as gap_rank,
        count(*) over (partition by bronze_table) as gap_count
    from gaps
    where gap_days is not null

),

rhythms as (

    select
        bronze_table,
        min(gap_days) as usual_gap_days
    from ranked
    where
        gap_count >= 3
        and 10 * gap_rank >= 9 * gap_count
    group by bronze_table

),

joined as (

    select
        newest.*,
        rhythms.usual_gap_days,
        {{ greater_known('newest.last_event_date', 'statements.complete_to_date') }}
            as last_heard_date,
        newest.bronze_table in (
            {%- for bronze_table in setting('retired_feeds') %}'{{ bronze_table }}', {% endfor %}''
        ) as is_retired
    from newest
    left join rhythms
        on newest.bronze_table = rhythms.bronze_table
    left join {{ ref('stg_feed_statements') }} as statements
        on newest.bronze_table = statements.bronze_table
    where newest.first_date <= newest.as_of_date

),

final as (

    select
        bronze_table,
        feed,
        first_date,
        last_event_date,
        cast(usual_gap_days as integer) as usual_gap_days,
        is_retired,
        case
            when
                is_retired
                or newest_proven_date >= as_of_date
                or last_heard_date >= as_of_date
                or {{ days_between('last_heard_date', 'as_of_date') }} < usual_gap_days
                then as_of_date
            -- Of a feed of which no day is proven nothing is known, not even its first day.
            else coalesce(last_heard_date, cast(first_date - interval '1 day' as date))
        end as last_date
    from joined

)

select * from final
