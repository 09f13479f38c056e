{#- Helpers of the feed clocks (int_feed_clock, docs/decisions/0017-feed-clocks.md). -#}

{#-
  Whether a delivery proves that a day was over: it came on a later day. A delivery dated after this
  run proves nothing, for its date was not written by a clock.
-#}
{% macro is_proven(event_date, loaded_at) -%}
    (
        {{ event_date }} < cast({{ loaded_at }} as date)
        and cast({{ loaded_at }} as date) <= cast('{{ run_started_at.date() }}' as date)
    )
{%- endmacro %}

{#- Select one row: last_date, the day that all of these feeds reach, as far as they are delivered. -#}
{% macro reach_of(feeds) -%}
    select coalesce(min(last_date), cast('9999-12-31' as date)) as last_date
    from {{ ref('int_feed_clock') }}
    where feed in ('{{ feeds | join("', '") }}')
{%- endmacro %}

{#-
  Select one row as of int_as_of, but of the last day that all of these feeds reach too: there ends
  what counts their rows back from a day, or the time since one of them.
-#}
{% macro known_as_of(feeds) -%}
    select
        as_of_date,
        cast(as_of_date + interval '1 day' as timestamp) as as_of_end_at
    from (
        select
            case
                when reach.last_date < as_of.as_of_date then reach.last_date
                else as_of.as_of_date
            end as as_of_date
        from {{ ref('int_as_of') }} as as_of
        cross join ({{ reach_of(feeds) }}) as reach
    ) as known
{%- endmacro %}

{#-
  Select the weeks and months of int_period, complete only where these feeds reach their end too.
  daily: a daily feed; its periods since it is observed (int_feed_period) instead of all periods.
-#}
{% macro periods_of(feeds, daily=none) -%}
    {%- set columns = [
        'grain', 'period_start', 'period_end', 'previous_period_start', 'observed_end',
        'observed_end_at', 'fiscal_year_start', 'fiscal_first_period_start',
    ] + (['first_date'] if daily else ['year_ago_period_start', 'fiscal_year_end']) -%}
    select
        {%- for column in columns %}
        periods.{{ column }},
        {%- endfor %}
        periods.is_complete and periods.period_end <= reach.last_date as is_complete
    from {{ ref('int_feed_period' if daily else 'int_period') }} as periods
    cross join ({{ reach_of(feeds) }}) as reach
    {%- if daily %}
    where periods.feed = '{{ daily }}'
    {%- endif %}
{%- endmacro %}
