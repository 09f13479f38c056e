{#-
  Days of `model` of which bronze holds rows, updates or erasures that it has not acknowledged, or,
  where another engine keeps no log, that came after the start of the run. A new row may take a key
  away from another day: the days of all versions of its key are open.

  table: bronze table. day, key: SQL over its columns.
-#}
{%- macro open_days(model, table, day, key) -%}
{%- set of_table = "table_name = '" ~ table ~ "'" -%}
{%- set of_model = "model = '" ~ model ~ "' and " ~ of_table -%}
{%- set change = 'kind, batch_id, change_number, event_date' -%}
    {%- if by_log %}
    {%- set log = ref('int_change_log') %}
    select changes.event_date as item
    from (
        select {{ change }} from ops.changed_days where {{ of_table }}
        except
        select {{ change }} from {{ log }} where {{ of_model }}
    ) as changes
    {%- else %}
    select event_date as item
    from ops.changed_days
    where
        {{ of_table }}
        and (
            batch_id <> all(cast({{ batch_ids }} as bigint[]))
            or change_number <> all(cast({{ change_numbers }} as bigint[]))
        )
    {%- endif %}
    union
    select {{ day }} as item
    from raw_bronze.{{ table }}
    where {{ key }} in (
        select {{ key }}
        from raw_bronze.{{ table }}
        where
            {%- if not by_log %}
            batch_id <> all(cast({{ batch_ids }} as bigint[]))
            or (batch_id is null and loaded_at >= cast({{ started_at }} as timestamptz))
            {%- else %}
            (
                batch_id is not null
                and batch_id not in (
                    select batch_id from {{ log }} where {{ of_model }} and kind = 'batch'
                )
            )
            or (
                batch_id is null
                and loaded_at > coalesce(
                    (
                        select max(timezone('UTC', arrived_until))
                        from {{ log }} where {{ of_model }} and kind = 'arrivals'
                    ),
                    '-infinity'
                )
            )
            {%- endif %}
    )
{%- endmacro %}

{#-
  Rows of a table with the stamp that orders the versions of a key: one later than its own delivery
  counts as written at the delivery, and not at all once something else has been delivered.

  table: bronze table. stamp, key: SQL over its columns.
-#}
{%- macro believed(table, stamp, key) -%}
    select
        *,
        case
            when {{ stamp }} <= loaded_at then {{ stamp }}
            when
                loaded_at > coalesce(
                    max(loaded_at) filter (where {{ stamp }} <= loaded_at)
                        over (partition by {{ key }}),
                    '-infinity'
                )
                then loaded_at
        end as believed_at
    from raw_bronze.{{ table }}
    where not {{ is_forbidden(table) }}
{%- endmacro %}

{#-
  Select what bronze, silver and gold hold of each unit up to the as-of day, the sum of the differences
  of its days, and how many items are open. An open item is left out of all layers.

  Ends a query with the CTEs open_items (item), and bronze, silver and gold (unit, day, item, value).
-#}
{%- macro compared() -%}
    parts as (

        select unit, day, item, value as bronze, 0 as silver, 0 as gold from bronze
        union all
        select unit, day, item, 0, value, 0 from silver
        union all
        select unit, day, item, 0, 0, value from gold

    ),

    as_of as (

        select max(as_of_date) as last_day from {{ ref('int_as_of') }}

    ),

    days as (

        select
            parts.unit,
            parts.day,
            sum(parts.bronze) as bronze,
            sum(parts.silver) as silver,
            sum(parts.gold) as gold
        from parts
        inner join as_of
            on parts.day <= as_of.last_day
        where not exists (select 1 from open_items where open_items.item = parts.item)
        group by parts.unit, parts.day

    )

    select
        unit,
        sum(bronze) as bronze,
        sum(silver) as silver,
        sum(gold) as gold,
        sum(greatest(bronze, silver, gold) - least(bronze, silver, gold)) as difference,
        (select count(distinct item) from open_items) as left_out_count
    from days
    group by unit
    order by unit
{%- endmacro %}
