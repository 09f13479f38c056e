{#-
  Bounds that the names of columns say, as columns_within takes them: [lowest, highest], null open.
  A column of a mart gets those of the first name that fits; money and changes have none, and none has
  a column that says why not (`config: {meta: {lint: {range: why}}}`).
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

{#- The bounds of the model that the test at hand is attached to; given: those that it states. -#}
{%- macro with_ranges_of_names(given) -%}
    {%- set found = {} -%}
    {%- for name, bounds in given.items() if bounds is not none -%}
        {%- do found.update({name: bounds}) -%}
    {%- endfor -%}
    {%- if execute -%}
        {%- for column in graph.nodes[model.attached_node].columns.values() -%}
            {%- set type = column.data_type or '' -%}
            {%- set is_integer = type in ('smallint', 'integer', 'bigint') -%}
            {%- set is_open = (column.config.meta.get('lint') or {}).get('range') -%}
            {%- if column.name not in given and not is_open and (is_integer or type[:7] == 'numeric') -%}
                {%- set fitting = [[0, none] if is_integer else none] -%}
                {%- for name, bounds in ranges_of_names() | reverse if modules.re.search(name, column.name) -%}
                    {%- do fitting.append(bounds) -%}
                {%- endfor -%}
                {%- if fitting[-1] is not none -%}
                    {%- do found.update({column.name: fitting[-1]}) -%}
                {%- endif -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(found) }}
{%- endmacro -%}
