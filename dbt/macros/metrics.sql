{#- Helpers of the metric marts. -#}

{#- First day of the week or month that a day lies in. grain: SQL, a literal or a column. -#}
{% macro period_of(day, grain) -%}
    cast(date_trunc({{ grain }}, {{ day }}) as date)
{%- endmacro %}

{#-
  Select the rows of a relation once per grain, with grain and period_start of the period that their day
  lies in. They meet periods by equality: a range would compare every row with every period.
-#}
{% macro by_grain(relation, day) -%}
    select
        facts.*,
        grains.grain,
        {{ period_of('facts.' ~ day, 'grains.grain') }} as period_start
    from {{ relation }} as facts
    cross join (
        select 'week' as grain
        union all
        select 'month' as grain
    ) as grains
{%- endmacro %}

{#-
  Select periods of a relation (grain week, month, ytd) with date_day, a row for each day of `first` to
  `last`, columns that lie in the period that begins on `period_start`.
-#}
{% macro days_of_periods(periods, period_start, first, last) -%}
    select
        periods.*,
        days.date_day
    from ({{ by_grain(ref('int_day'), 'date_day') }}) as days
    inner join {{ periods }} as periods
        on
            days.grain = periods.grain
            and days.period_start = periods.{{ period_start }}
    where
        days.date_day >= periods.{{ first }}
        and days.date_day <= periods.{{ last }}

    union all

    -- At most one period per year.
    select
        periods.*,
        days.date_day
    from {{ ref('int_day') }} as days
    inner join {{ periods }} as periods
        on
            days.date_day >= periods.{{ first }}
            and days.date_day <= periods.{{ last }}
    where periods.grain = 'ytd'
{%- endmacro %}

{#-
  Select the rows of a relation once for each date that they can reach, as column `name`, so that they
  meet the rows of that date by equality.
  first: SQL of a date; units: how many of `unit` (day, month) after it each date lies.
-#}
{% macro on_dates(relation, name, first, unit, units) -%}
    {%- for number in units %}
    select
        *,
        cast({{ first }} + interval '{{ number }} {{ unit }}' as date) as {{ name }}
    from {{ relation }}
    {%- if not loop.last %}

    union all
{% endif %}
    {%- endfor %}
{%- endmacro %}

{#-
  Member of the current row's reporting dimension.
  members: mapping of dimension (plan_tier, segment, region, product) to the column that holds it;
      a dimension left out gives null, and its rows are to be dropped.
  Needs the relation int_grain_dimension in scope under the name grain_dimensions.
-#}
{% macro dimension_value(members) -%}
    case grain_dimensions.dimension
        when 'all' then 'all'
        {%- for dimension, column in members.items() %}
        when '{{ dimension }}' then {{ column }}
        {%- endfor %}
    end
{%- endmacro %}

{#- The same for the attributes of an account, in a table of this name; region: its column. -#}
{% macro account_dimension_value(table, region='home_region') -%}
    {{ dimension_value({
        'plan_tier': table ~ '.plan_tier', 'segment': table ~ '.segment', 'region': table ~ '.' ~ region,
    }) }}
{%- endmacro %}

{#-
  Select, by week and month and member of each account dimension, aggregates of the rows of a CTE that
  has account_id: the body of a mart that counts events of accounts.
  facts: name of the CTE; day: its date that a period is found by; aggregates: mapping of column to
  SQL, over the columns of `facts`. A period without rows has none: join int_period where it counts 0.
-#}
{% macro by_account_member(facts, day, aggregates) -%}
    select
        grain_dimensions.grain,
        grain_dimensions.dimension,
        {{ account_dimension_value('accounts') }} as dimension_value,
        {{ period_of(facts ~ '.' ~ day, 'grain_dimensions.grain') }} as period_start,
        {%- for column, aggregate in aggregates.items() %}
        {{ aggregate }} as {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ facts }}
    inner join {{ ref('dim_account') }} as accounts
        on {{ facts }}.account_id = accounts.account_id
    inner join {{ ref('int_grain_dimension') }} as grain_dimensions
        on grain_dimensions.dimension <> 'product'
    group by 1, 2, 3, 4
{%- endmacro %}

{#-
  100 x numerator / denominator as percentage with fixed scale; null where the denominator is 0. A
  tiny denominator gives many digits. A score that weighs a percentage casts it to numeric(18, 6)
  first: Spark has no more than 38 digits for a product.
-#}
{% macro pct(numerator, denominator) -%}
    cast(
        100 * cast({{ numerator }} as numeric(38, 6))
        / nullif(cast({{ denominator }} as numeric(38, 6)), 0) as numeric(38, 6)
    )
{%- endmacro %}

{#- numerator / denominator with fixed scale; null where the denominator is 0. -#}
{% macro ratio(numerator, denominator) -%}
    cast(
        cast({{ numerator }} as numeric(38, 6))
        / nullif(cast({{ denominator }} as numeric(38, 6)), 0) as numeric(38, 6)
    )
{%- endmacro %}

{#-
  Whether days after the end of a period are over: what may change within them has its last value.
  period_end: last day of the period; as_of_date: last day that is built; both included.
-#}
{% macro is_window_over(period_end, days, as_of_date) -%}
    cast({{ period_end }} + {{ days }} * interval '1 day' as date) <= {{ as_of_date }}
{%- endmacro %}

{#-
  The lesser, the greater of two values; null where one of them is null. Engines differ in what
  least() and greatest() do with a null, and where they skip it an unknown turns into a bound.
-#}
{% macro lesser(one, other) -%}
    case when {{ one }} <= {{ other }} then {{ one }} when {{ other }} < {{ one }} then {{ other }} end
{%- endmacro %}

{% macro greater(one, other) -%}
    case when {{ one }} >= {{ other }} then {{ one }} when {{ other }} > {{ one }} then {{ other }} end
{%- endmacro %}

{#- The same, where one of two that is null leaves the word to the other. -#}
{% macro lesser_known(one, other) -%}
    coalesce({{ lesser(one, other) }}, {{ one }}, {{ other }})
{%- endmacro %}

{% macro greater_known(one, other) -%}
    coalesce({{ greater(one, other) }}, {{ one }}, {{ other }})
{%- endmacro %}

{#-
  Sum of amounts some of which are not known: 0 of no rows, null where no amount of the rows is known.
  sum: sum of the known amounts; row_count: number of rows, null of none.
-#}
{% macro known_sum(sum, row_count) -%}
    cast(
            case when coalesce({{ row_count }}, 0) = 0 then 0 else {{ sum }} end as numeric(24, 6)
        )
{%- endmacro %}

{#- Survey answer on one scale, 0 worst to 100 best: csat is 1 to 5, nps and roi are 0 to 10. -#}
{% macro survey_score_100(survey_type, score) -%}
    cast(
            case
                when {{ survey_type }} = 'csat' then 25 * ({{ score }} - 1)
                else 10 * {{ score }}
            end as numeric(18, 6)
        )
{%- endmacro %}

{#- Calendar months from the month of one date to that of another; days do not count. -#}
{% macro months_between(earlier, later) -%}
    cast(
        12 * (extract(year from {{ later }}) - extract(year from {{ earlier }}))
        + extract(month from {{ later }}) - extract(month from {{ earlier }}) as integer
    )
{%- endmacro %}

{#-
  Select member_number and p<percent>, exact percentiles of many values, without sorting them all: the
  counts of a member's buckets say in which of them a percentile lies, only their values get their
  place among all of the member, 1 the lowest, and it is read off the places. The result is that of
  percentile_cont, to the last digit.

  buckets: CTE (member_number, bucket, value_count), one row per member and value_bucket.
  members: CTE (member_number, columns of slice), the slices of which a member is made up.
  slice_values: CTE (columns of slice, bucket, value).  slice: list of columns.
  fractions: list, 0.95 for p95.
-#}
{% macro exact_percentiles(buckets, members, slice_values, slice, fractions) -%}
    with cumulated as (

        select
            member_number,
            bucket,
            value_count,
            cast(sum(value_count) over (
                partition by member_number order by bucket nulls last
            ) as bigint) as count_to_bucket,
            cast(sum(value_count) over (partition by member_number) as bigint) as total_count
        from {{ buckets }}

    ),

    -- Distinct, so that the values are joined with these and not with every slice first.
    sought as (

        select distinct
            {% for column in slice -%}
            members.{{ column }},
            {% endfor -%}
            cumulated.bucket,
            cumulated.member_number,
            cumulated.count_to_bucket - cumulated.value_count as count_before,
            cumulated.total_count
        from cumulated
        inner join {{ members }} as members
            on cumulated.member_number = members.member_number
        where
            {{ holds_percentile(
                fractions, 'cumulated.count_to_bucket - cumulated.value_count',
                'cumulated.count_to_bucket', 'cumulated.total_count'
            ) }}

    ),

    placed as (

        select
            sought.member_number,
            sought.total_count,
            slice_values.value,
            sought.count_before + row_number() over (
                partition by sought.member_number, sought.bucket
                order by slice_values.value nulls last
            ) as place
        from {{ slice_values }} as slice_values
        inner join sought
            on
                {% for column in slice -%}
                slice_values.{{ column }} = sought.{{ column }} and
                {% endfor -%}
                slice_values.bucket = sought.bucket

    )

    select
        member_number,
        {%- for fraction in fractions %}
        {{ percentile_of_places(fraction, 'value', 'place', 'place', 'total_count') }}
            as p{{ (100 * fraction) | round | int }}{{ ',' if not loop.last }}
        {%- endfor %}
    from placed
    group by member_number, total_count
{%- endmacro %}

{#-
  Select member_number and p<percent>, exact percentiles of values of which few are different.
  counts: CTE (member_number, value, value_count).
-#}
{% macro percentiles_of_counts(counts, fractions) -%}
    with places as (

        select
            member_number,
            value,
            value_count,
            cast(sum(value_count) over (
                partition by member_number order by value nulls last
            ) as bigint) as last_place,
            cast(sum(value_count) over (partition by member_number) as bigint) as total_count
        from {{ counts }}

    )

    select
        member_number,
        {%- for fraction in fractions %}
        {{ percentile_of_places(
            fraction, 'value', 'last_place - value_count + 1', 'last_place', 'total_count'
        ) }}
            as p{{ (100 * fraction) | round | int }}{{ ',' if not loop.last }}
        {%- endfor %}
    from places
    group by member_number, total_count
{%- endmacro %}

{#- Bucket of a value: a whole number that never falls while the value rises; 16 per factor e. -#}
{% macro value_bucket(value) -%}
    cast(floor(16 * ln(cast({{ greater(value, 1) }} as {{ type_double() }}))) as integer)
{%- endmacro %}

{#-
  Whether a bucket holds a value that one of the percentiles is read from.
  count_before, count_to: number of values below the bucket, and below its end; total: of all values.
-#}
{% macro holds_percentile(fractions, count_before, count_to, total) -%}
    (
        {%- for fraction in fractions %}
        {% if not loop.first %}or {% endif -%}
        (
            {{ count_before }} <= ceil({{ _position(fraction, total) }})
            and {{ count_to }} > floor({{ _position(fraction, total) }})
        )
        {%- endfor %}
    )
{%- endmacro %}

{#-
  Percentile as an aggregate over values that stand on the places from first to last (the same when
  each row is one value); total: number of all values, the same in every row of the group.
-#}
{% macro percentile_of_places(fraction, value, first, last, total) -%}
    {%- set position = _position(fraction, total) -%}
    {%- set lower -%}
        max(case when floor({{ position }}) + 1 between {{ first }} and {{ last }} then {{ value }} end)
    {%- endset -%}
    {{ lower }} + ({{ position }} - floor({{ position }})) * (
        {{ lower | replace('floor', 'ceil') }} - {{ lower }}
    )
{%- endmacro %}

{#- Place of a percentile, counted from 0, as percentile_cont finds it. -#}
{% macro _position(fraction, total) -%}
    (cast({{ fraction }} as {{ type_double() }}) * cast({{ total }} - 1 as {{ type_double() }}))
{%- endmacro %}

{#- Condition of a join: these columns are equal in both. -#}
{% macro columns_equal(one, other, columns) -%}
    {%- for column in columns -%}
        {{ ' and ' if not loop.first }}{{ one }}.{{ column }} = {{ other }}.{{ column }}
    {%- endfor -%}
{%- endmacro %}
