-- Retention of accounts, of MRR without expansion, and adoption lie between 0 and 100 %.
with rates as (

    {%- for rate in [
        'grr_pct', 'logo_retention_pct', 'period_grr_pct', 'period_logo_retention_pct'
    ] %}
    select
        '{{ rate }}' as rate_name,
        grain,
        period_start,
        dimension,
        dimension_value,
        {{ rate }} as rate
    from {{ ref('nrr_summary') }}

    union all
    {%- endfor %}

    select
        'retention_rate_pct, ' || comparison as rate_name,
        grain,
        period_start,
        dimension,
        dimension_value,
        retention_rate_pct as rate
    from {{ ref('account_retention') }}

    union all

    select
        'adoption_rate_pct' as rate_name,
        grain,
        period_start,
        dimension,
        dimension_value,
        adoption_rate_pct as rate
    from {{ ref('adoption_cohorts') }}

)

select * from rates
where
    rate > 100
    or rate < 0
