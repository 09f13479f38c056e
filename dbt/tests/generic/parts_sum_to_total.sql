{% test parts_sum_to_total(model, parts, total) %}
with sums as (

    select
        *,
        {{ total }} as stated_total,
        ({{ parts | join(') + (') }}) as sum_of_parts
    from {{ model }}

)

select * from sums
where stated_total is distinct from sum_of_parts
{% endtest %}
