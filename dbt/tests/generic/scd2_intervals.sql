{% test scd2_intervals(model, key, valid_from, valid_to, is_current='is_current') %}
with versions as (

    select
        {{ key | join(', ') }},
        {{ valid_from }} as valid_from,
        {{ valid_to }} as valid_to,
        {{ is_current }} as is_current,
        lag({{ valid_to }}) over (
            partition by {{ key | join(', ') }}
            order by {{ valid_from }} nulls last, {{ valid_to }} nulls last
        ) as previous_valid_to,
        count(*) filter (where {{ is_current }})
            over (partition by {{ key | join(', ') }}) as current_versions
    from {{ model }}

)

select * from versions
where
    valid_from is null
    or valid_to is null
    or valid_from >= valid_to
    or valid_from <> previous_valid_to
    or is_current is distinct from (valid_to = cast('9999-12-31' as date))
    or current_versions <> 1
    -- Since ever: told of days of which nobody spoke.
    or valid_from < cast('1971-01-01' as timestamp)
{% endtest %}
