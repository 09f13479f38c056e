-- Grain: one row per month in which contracts are due, billing rhythm and renewal status.
with renewals as (select * from {{ ref('renewal_calendar') }}),

final as (

    select
        due_month,
        plan_type,
        renewal_status,
        count(*) as contract_count,
        count(distinct account_id) as account_count,
        cast(sum(mrr) as numeric(24, 6)) as mrr,
        cast(sum(arr) as numeric(24, 6)) as arr
    from renewals
    group by due_month, plan_type, renewal_status

)

select * from final
