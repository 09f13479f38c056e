-- What only the CRM tells of an account is unknown before its first row there.
with first_rows as (

    select
        account_id,
        min(changed_at) as first_said_at
    from {{ ref('stg_account_changes') }}
    group by account_id

),

told as (

    select
        account_id,
        valid_from_at as told_at
    from {{ ref('dim_account_history') }}
    where
        account_name <> 'Unknown'
        or vertical <> 'Unknown'
        or home_region <> 'Unknown'
        or is_active is not null
        or plan_tier_source = 'crm'

    union all

    select
        account_id,
        created_at as told_at
    from {{ ref('fct_tickets') }}
    where
        owner_name_as_of_event <> 'Unknown'
        or home_region_as_of_event <> 'Unknown'

    union all

    -- Told as of the end of the period.
    select
        account_periods.account_id,
        periods.observed_end_at as told_at
    from {{ ref('fct_account_period') }} as account_periods
    inner join {{ ref('int_period') }} as periods
        on {{ columns_equal('account_periods', 'periods', ['grain', 'period_start']) }}
    where account_periods.is_active is not null

)

select told.*
from told
left join first_rows
    on told.account_id = first_rows.account_id
where told.told_at < coalesce(first_rows.first_said_at, cast('9999-12-31' as timestamp))
