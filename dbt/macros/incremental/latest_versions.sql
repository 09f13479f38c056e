{#-
  Select the latest version of each row of `versions`, with first_date and last_date, the earliest and
  latest day of a version of it. In an incremental run of the current model, which keeps both columns
  and has the post-hook index_moved, only those of the days to build.
  key: columns; day: column; tie_breakers: columns, see version_rank.
-#}
{% macro latest_versions(versions, key, day, tie_breakers) -%}
    with candidates as (

        select * from {{ versions }}
        {%- if is_incremental() %}
        where {{ day }} in ({{ days_to_build() }})
        {%- endif %}

    ),

    {% if is_incremental() -%}
    -- Rows that a correction has moved from one day to another; the days of their versions as far as
    -- they are not read again.
    moved as (

        select
            {{ key | join(', ') }},
            {{ day }} as built_date,
            case when first_date not in ({{ days_to_build() }}) then first_date end as first_date,
            case when last_date not in ({{ days_to_build() }}) then last_date end as last_date
        from {{ this }}
        where first_date <> last_date

    ),

    {% endif -%}
    ranked as (

        select
            *,
            min({{ day }}) over (partition by {{ key | join(', ') }}) as first_read_date,
            max({{ day }}) over (partition by {{ key | join(', ') }}) as last_read_date,
            {{ version_rank(key=key, newest=['loaded_at'], tie_breakers=tie_breakers) }} as version_rank
        from candidates

    )

    select
        ranked.*,
        {%- if is_incremental() %}
        {{ lesser_known('ranked.first_read_date', 'moved.first_date') }} as first_date,
        {{ greater_known('ranked.last_read_date', 'moved.last_date') }} as last_date
    from ranked
    left join moved
        on {{ columns_equal('ranked', 'moved', key) }}
    where
        ranked.version_rank = 1
        -- What a correction took away stays away while its new day is not rebuilt.
        and coalesce(moved.built_date in ({{ days_to_build() }}), true)
        {%- else %}
        ranked.first_read_date as first_date,
        ranked.last_read_date as last_date
    from ranked
    where ranked.version_rank = 1
        {%- endif %}
{%- endmacro %}

{#-
  Post-hook of models of latest versions: their few moved rows are looked up in every run. Without a
  name, which the table that a full build replaces would still hold.
-#}
{% macro index_moved(key) -%}
    {%- if execute and target.type == 'postgres' -%}
        {%- set existing = run_query(
            "select 1 from pg_index where indrelid = to_regclass('" ~ this ~ "') and indpred is not null"
        ) -%}
        {%- if not existing.rows -%}
            create index on {{ this }} ({{ key | join(', ') }}) where first_date <> last_date
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
