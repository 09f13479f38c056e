-- Grain: one row per bronze table of a feed, delivered or not.
with as_of as (select * from {{ ref('int_as_of') }}),

clocks as (select * from {{ ref('int_feed_clock') }}),

joined as (

    select
        feeds.bronze_table,
        feeds.feed,
        feeds.feed_name,
        clocks.first_date,
        clocks.last_event_date,
        clocks.last_date,
        as_of.as_of_date,
        {{ days_between('clocks.last_date', 'as_of.as_of_date') }} as days_behind,
        clocks.usual_gap_days,
        case
            when clocks.bronze_table is null then 'never delivered'
            when clocks.is_retired then 'retired'
            when clocks.last_date < as_of.as_of_date then 'behind'
            else 'current'
        end as status
    from {{ ref('feeds') }} as feeds
    left join as_of
        on as_of.as_of_date is not null
    left join clocks
        on feeds.bronze_table = clocks.bronze_table

),

final as (

    select
        bronze_table,
        cast(feed as varchar(40)) as feed,
        cast(feed_name as varchar(80)) as feed_name,
        status,
        first_date,
        last_event_date,
        last_date,
        as_of_date,
        cast(days_behind as integer) as days_behind,
        usual_gap_days,
        case status
            when 'never delivered'
                then concat_ws('', feed_name, ': never delivered')
            when 'retired'
                then
                    concat_ws(
                        '', feed_name, ': retired, last day ', cast(last_event_date as varchar(10))
                    )
            when 'behind'
                then
                    concat_ws(
                        '',
                        feed_name, ': ', cast(days_behind as varchar(10)),
                        case days_behind when 1 then ' day' else ' days' end,
                        ' behind, known up to ', cast(last_date as varchar(10)), '; ',
                        case
                            when last_event_date is null
                                then 'no day of it was delivered after it was over'
                            when usual_gap_days is null
                                then 'too few days are known to believe in its silence'
                            else
                                concat_ws(
                                    '',
                                    'from one of its days to the next are usually at most ',
                                    cast(usual_gap_days as varchar(10)),
                                    case usual_gap_days when 1 then ' day' else ' days' end
                                )
                        end
                    )
            else concat_ws('', feed_name, ': known up to ', cast(last_date as varchar(10)))
        end as reason
    from joined

)

select * from final
