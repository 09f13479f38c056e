-- Grain: one row per account and day of int_account_day.
{#
  The months that are over at the end of the day, and that the feed of contracts reaches to their
  end, decide: the last one against the one three months earlier, or against the first of them in
  which the account paid. So a first invoice is no growth, and a return is measured from the return
  on. Before the first month with a contract, or the first invoice, that was ever delivered nothing
  is counted, nor where the last month known is older than the one before the last that is over.
#}
with account_days as (select * from {{ ref('int_account_day') }}),

reach as (

    {{ reach_of(['subscriptions']) }}

),

bounds as (

    select min(day_date) as first_day from account_days

),

months as (

    select
        account_id,
        period_start as month_start,
        mrr,
        coalesce(
            nullif(lag(mrr, 3) over account_months, 0),
            nullif(lag(mrr, 2) over account_months, 0),
            nullif(lag(mrr, 1) over account_months, 0),
            nullif(mrr, 0)
        ) as base_mrr,
        count(*) filter (where movement = 'contraction') over last_3_months as contraction_months
    from {{ ref('int_mrr_account_period') }}
    where grain = 'month'
    window
        account_months as (partition by account_id order by period_start nulls last),
        last_3_months as (
            partition by account_id order by period_start nulls last
            rows between 2 preceding and current row
        )

),

first_months as (

    select min(month_start) as first_contract_date from months

),

-- An invoice is overdue from a version that says so to its next version, as often as that happens.
invoices as (

    select
        account_id,
        cast(believed_at as date) as overdue_date,
        cast(
            lead(believed_at) over (
                partition by invoice_id
                order by believed_at nulls last, updated_at nulls last
            ) as date
        ) as next_version_date,
        status
    from {{ ref('stg_invoices') }}
    where believed_at is not null

),

first_invoices as (

    select min(invoice_date) as first_invoice_date from {{ ref('stg_invoices') }}

),

invoice_steps as (

    select
        account_id,
        overdue_date as step_date,
        1 as step
    from invoices
    where status = 'overdue'

    union all

    select
        account_id,
        next_version_date as step_date,
        -1 as step
    from invoices
    where
        status = 'overdue'
        and next_version_date is not null

),

invoice_changes as (

    select
        invoice_steps.account_id,
        {{ greater('invoice_steps.step_date', 'bounds.first_day') }} as step_date,
        sum(invoice_steps.step) as change
    from invoice_steps
    cross join bounds
    group by 1, 2

),

dated as (

    select
        account_days.account_id,
        account_days.day_date,
        cast(date_trunc('month', account_days.day_end_at) - interval '1 month' as date)
            as over_month,
        cast(
            date_trunc(
                'month',
                case
                    when reach.last_date < account_days.day_date
                        then cast(reach.last_date + interval '1 day' as timestamp)
                    else account_days.day_end_at
                end
            ) - interval '1 month' as date
        ) as known_month
    from account_days
    cross join reach

),

joined as (

    select
        account_days.account_id,
        account_days.day_date,
        account_days.known_month >= account_days.over_month - interval '1 month' as is_known,
        months.mrr as closed_mrr,
        months.base_mrr,
        months.contraction_months,
        first_months.first_contract_date,
        first_invoices.first_invoice_date <= account_days.day_date as is_billed,
        sum(invoice_changes.change) over (
            partition by account_days.account_id order by account_days.day_date nulls last
            rows between unbounded preceding and current row
        ) as overdue_invoices
    from dated as account_days
    cross join first_invoices
    cross join first_months
    left join months
        on
            account_days.account_id = months.account_id
            and account_days.known_month = months.month_start
            and account_days.known_month >= account_days.over_month - interval '1 month'
    left join invoice_changes
        on
            account_days.account_id = invoice_changes.account_id
            and account_days.day_date = invoice_changes.step_date

),

final as (

    select
        account_id,
        day_date,
        coalesce(closed_mrr > 0, false) as is_measured,
        closed_mrr,
        case when closed_mrr > 0 then base_mrr end as base_mrr,
        case
            when closed_mrr > 0 then {{ pct('closed_mrr - base_mrr', 'base_mrr') }}
        end as mrr_change_pct,
        cast(
            case
                when is_known and first_contract_date <= day_date
                    then coalesce(contraction_months, 0)
            end
            as bigint
        ) as contraction_months,
        cast(case when is_billed then coalesce(overdue_invoices, 0) end as bigint)
            as overdue_invoices
    from joined

)

select * from final
