-- Every dollar of MRR at the as-of day is in the renewal calendar once, with or without a date, in
-- its roll-up by month, and in the stages of life.
with in_force as (

    select coalesce(sum(mrr.mrr), 0) as mrr
    from {{ ref('int_mrr_account_period') }} as mrr
    inner join {{ ref('int_as_of') }} as as_of
        on mrr.period_start = cast(date_trunc('month', as_of.as_of_date) as date)
    where mrr.grain = 'month'

),

found as (
    {% for mart in ['renewal_calendar', 'renewal_calendar_monthly', 'account_lifecycle'] %}
    select
        '{{ mart }}' as mart,
        coalesce(sum(mrr), 0) as mrr
    from {{ ref(mart) }}
    {%- if not loop.last %}

    union all
    {% endif %}
    {%- endfor %}

)

select
    found.mart,
    found.mrr,
    in_force.mrr as expected_mrr
from found
cross join in_force
where found.mrr <> in_force.mrr
