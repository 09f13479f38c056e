-- Opening MRR and its movements add up to the closing MRR in every row, and so do the accounts.
with computed as (

    select
        grain,
        period_start,
        dimension,
        dimension_value,
        opening_mrr + new_mrr + reactivation_mrr + expansion_mrr
        - contraction_mrr - churn_mrr as computed_mrr,
        closing_mrr,
        opening_accounts + new_accounts + reactivated_accounts
        - churned_accounts as computed_accounts,
        closing_accounts
    from {{ ref('mrr_waterfall') }}

)

select * from computed
where
    computed_mrr <> closing_mrr
    or computed_accounts <> closing_accounts
