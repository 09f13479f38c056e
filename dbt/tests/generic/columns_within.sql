{#-
  Rows in which any of the columns lies outside its bounds; a null passes. One scan for all columns.

  ranges: for each column [lowest, highest], both allowed values; null leaves a side open. Columns
      that it does not name have the bounds that their name says (macro ranges_of_names); null
      instead of bounds means none.
-#}
{% test columns_within(model, ranges={}) %}
-- compares: {{ with_ranges_of_names(ranges).keys() | join(', ') }}
{{ rows_with_problem(model, with_ranges_of_names(ranges).values() | sum(start=[])) }}
{% endtest %}
