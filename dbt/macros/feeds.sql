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

{#- Select one row: up to which days the members of the account dimensions are known. -#}
{% macro members_reach() -%}
    select
        accounts.last_date as accounts_date,
        plans.last_date as plans_date
    from ({{ reach_of(['accounts']) }}) as accounts
    cross join ({{ reach_of(['accounts', 'subscriptions']) }}) as plans
{%- endmacro %}

{#-
  Whether the members of a dimension are known to the end of the period: beside a CTE known_members
  of members_reach. by_home: whether region is that of the account, not the one that serves it.
-#}
{% macro knows_members(dimension, grain, period_start, by_home=true) -%}
    (
        {{ dimension }} in ('all', 'product'{{ "" if by_home else ", 'region'" }})
        or case {{ grain }}
            when 'week' then cast({{ period_start }} + interval '6 day' as date)
            else cast({{ period_start }} + interval '1 month' - interval '1 day' as date)
        end
        <= case {{ dimension }}
            when 'plan_tier' then known_members.plans_date
            else known_members.accounts_date
        end
    )
{%- endmacro %}

{#- Whether a period is over and the members of it are known: beside a CTE periods, as above. -#}
{% macro is_over_and_known(members) -%}
    (
        periods.is_complete
        and {{ knows_members(members ~ '.dimension', 'periods.grain', 'periods.period_start') }}
    )
{%- endmacro %}
