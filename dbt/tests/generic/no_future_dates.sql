{% test no_future_dates(model, columns) %}
{%- for column in columns %}
select
    '{{ column }}' as column_name,
    cast(checked.{{ column }} as timestamp) as future_at
from {{ model }} as checked
cross join {{ ref('int_as_of') }} as as_of
where cast(checked.{{ column }} as timestamp) >= as_of.as_of_end_at
{%- if not loop.last %}

union all
{% endif %}
{%- endfor %}
{% endtest %}
