-- Grain: one row per grain (week, month), period and member of each account dimension with an
-- account to which an uptime is promised.
with promises as (select * from {{ ref('uptime_promises') }}),

counted as (

    select
        promises.grain,
        promises.period_start,
        promises.is_complete,
        grain_dimensions.dimension,
        {{ account_dimension_value('promises') }} as dimension_value,
        count(*) as promised_account_count,
        count(*) filter (where not promises.is_breach) as met_account_count,
        count(*) filter (where promises.is_breach) as breached_account_count,
        count(*) filter (where promises.open_downtime_count > 0) as open_account_count,
        count(*) filter (
            where promises.is_breach and promises.grain = 'month' and promises.credit_amount is null
        ) as unpriced_breach_count,
        sum(promises.credit_amount) as credit_amount
    from promises
    inner join {{ ref('int_grain_dimension') }} as grain_dimensions
        on
            promises.grain = grain_dimensions.grain
            and grain_dimensions.dimension <> 'product'
    group by
        promises.grain, promises.period_start, promises.is_complete, grain_dimensions.dimension,
        {{ account_dimension_value('promises') }}

),

final as (

    select
        grain,
        period_start,
        dimension,
        dimension_value,
        is_complete,
        is_complete and open_account_count = 0 as is_final,
        {%- for name in [
            'promised_account_count', 'met_account_count', 'breached_account_count',
            'open_account_count', 'unpriced_breach_count',
        ] %}
        cast({{ name }} as bigint) as {{ name }},
        {%- endfor %}
        {{ pct('met_account_count', 'promised_account_count') }} as uptime_sla_adherence_pct,
        cast(credit_amount as numeric(24, 6)) as credit_amount
    from counted

)

select * from final
