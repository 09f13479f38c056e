{#-
  Bounds that the names of columns say, as valid_rows takes them: [lowest, highest], null open.
  A column of a mart gets those of the first name that fits; money and changes have none, and none has
  a column that says why not (`config: {meta: {lint: {range: why}}}`). A week starts on a Monday,
  a month and a fiscal year on a first.
-#}
{%- macro ranges_of_names() -%}
    {{ return([
        ('(^|_)(change|growth|cwgr|delta|difference|gap|z)(_|$)', none),
        ('^rank_|_rank$|_number$|_position$', [1, none]),
        ('_pct$', [0, 100]),
        ('^(mean_)?csat$', [1, 5]),
        ('_score$', [0, 100]),
        ('_peak_to_mean_ratio$', [1, none]),
        ('_(tokens|requests)_m(ean|ax|in)$|_per_(calendar_)?minute_', [0, none]),
        ('(^|_)(count|share|ms|seconds|minutes|hours|days|weeks|months|concurrency)(_|$)', [0, none]),
    ]) }}
{%- endmacro -%}

{#-
  What the columns of the model that the test at hand is attached to must hold: {column: [[condition,
  what is wrong where it is false], ...]}. given: bounds that the test states, by column.
-#}
{%- macro with_ranges_of_names(given) -%}
    {%- set bounds = {} -%}
    {%- set found = {} -%}
    {%- for name, stated in given.items() if stated is not none -%}
        {%- if stated | length != 2 or stated == [none, none] -%}
            {{ exceptions.raise_compiler_error(
                "valid_rows: " ~ name ~ " needs [lowest, highest], one of them not null"
            ) }}
        {%- endif -%}
        {%- do bounds.update({name: stated}) -%}
    {%- endfor -%}
    {%- set columns = graph.nodes[model.attached_node].columns if execute else {} -%}
    {%- for column in columns.values() if column.name not in given -%}
        {%- set type = column.data_type or '' -%}
        {%- set is_integer = type in ('smallint', 'integer', 'bigint') -%}
        {%- set is_open = (column.config.meta.get('lint') or {}).get('range') -%}
        {%- if not is_open and (is_integer or type[:7] == 'numeric') -%}
            {%- set fitting = [[0, none] if is_integer else none] -%}
            {%- for name, of_name in ranges_of_names() | reverse if modules.re.search(name, column.name) -%}
                {%- do fitting.append(of_name) -%}
            {%- endfor -%}
            {%- if fitting[-1] is not none -%}{%- do bounds.update({column.name: fitting[-1]}) -%}{%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for name, (lowest, highest) in bounds.items() -%}
        {%- set conditions = [] -%}
        {%- if lowest is not none -%}
            {%- do conditions.append([name ~ ' >= ' ~ lowest, name ~ ' is below ' ~ lowest]) -%}
        {%- endif -%}
        {%- if highest is not none -%}
            {%- do conditions.append([name ~ ' <= ' ~ highest, name ~ ' is above ' ~ highest]) -%}
        {%- endif -%}
        {%- do found.update({name: conditions}) -%}
    {%- endfor -%}
    {%- for name in columns if name not in given
        and name in ('period_start', 'week_start', 'month_start', 'fiscal_year_start') -%}
        {%- set monday = iso_dow(name) ~ ' = 1' -%}
        {%- set first = name ~ " = cast(date_trunc('month', " ~ name ~ ") as date)" -%}
        {%- do found.update({name: [
            [monday, name ~ ' is no Monday'] if name == 'week_start'
            else ["case when grain = 'week' then " ~ monday ~ ' else ' ~ first ~ ' end',
                name ~ ' is no Monday, or not the first of a month']
            if 'grain' in columns and name == 'period_start'
            else [first, name ~ ' is not the first of a month']
        ]}) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro -%}
