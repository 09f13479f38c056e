{#-
  Rows in which a condition is false, with the first one's words in the column `problem`.
  conditions: list of [condition, what is wrong where it is false].
-#}
{% macro rows_with_problem(model, conditions) -%}
select
    case
        {%- for condition, problem in conditions %}
        when not ({{ condition }}) then '{{ problem | replace("'", "''") }}'
        {%- else %}
        when false then ''
        {%- endfor %}
    end as problem,
    *
from {{ model }}
where not (
    {%- for condition, _ in conditions %}
    {{ 'and ' if not loop.first }}{{ condition }}
    {%- else %}true
    {%- endfor %}
)
{%- endmacro %}

{#- Words as literals. -#}
{% macro quoted(words) -%}
    {%- for word in words -%}
        '{{ word | replace("'", "''") }}'{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{#- One condition for each of the columns, as rows_with_problem takes them. -#}
{% macro conditions_of(columns, condition, problem) -%}
    {%- set found = [] -%}
    {%- for column in columns -%}
        {%- do found.append([column ~ ' ' ~ condition, column ~ ' ' ~ problem]) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{#-
  At the end of a run: print the first rows of the data tests that failed, the column `problem` first,
  so that the reason stands where the failure is told. Logs are read by more people than bronze: a
  column that has the name of a personal one in a contract is not shown.
-#}
{% macro show_failing_rows(results) -%}
    {%- set most_tests, most_rows, most_columns = 20, 3, 12 -%}
    {%- set failing = [] -%}
    {%- for result in results
        if execute and result.node.resource_type == 'test' and result.status == 'fail' -%}
        {%- do failing.append(result) -%}
    {%- endfor -%}
    {%- set personal = [] -%}
    {%- for source in (graph.sources.values() if failing else []) -%}
        {%- for column in source.columns.values() if column.config.meta.get('pii') -%}
            {%- do personal.append(column.name) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for result in failing[:most_tests] -%}
        {%- set rows = run_query(
            'select * from (\n' ~ result.node.compiled_code ~ '\n) as failing limit ' ~ most_rows
        ) -%}
        {%- do print('') -%}
        {%- do print(result.status | upper ~ ' ' ~ result.node.name ~ ': ' ~ result.failures ~ ' rows') -%}
        {%- for row in rows.rows -%}
            {#- The columns that the problem speaks of come next to it. -#}
            {%- set named = modules.re.findall('[A-Za-z0-9_]+', row['problem'] or '') if 'problem' in rows.column_names else [] -%}
            {%- set names = (['problem'] if 'problem' in rows.column_names else [])
                + rows.column_names | select('in', named) | list
                + rows.column_names | reject('in', named + ['problem']) | list -%}
            {%- set cells = [] -%}
            {%- for name in names[:most_columns] -%}
                {%- set shown = 'null' if row[name] is none
                    else '(personal)' if name in personal else row[name] -%}
                {%- do cells.append(name ~ ': ' ~ shown) -%}
            {%- endfor -%}
            {%- do print('    ' ~ cells | join(', ')) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- if failing | length > most_tests -%}
        {%- do print('... and ' ~ (failing | length - most_tests) ~ ' more tests') -%}
    {%- endif -%}
{%- endmacro %}
