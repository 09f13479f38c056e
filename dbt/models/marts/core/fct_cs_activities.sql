-- Grain: one row per activity of customer success due or done by the last day its feed reaches.
with as_of as (

    {{ known_as_of(['cs_activities']) }}

),

known as (

    select
        activities.activity_id,
        coalesce(accounts.account_id, 'Unknown') as account_id,
        activities.activity_type,
        activities.owner_name,
        activities.due_at,
        activities.due_date,
        as_of.as_of_date,
        as_of.as_of_end_at,
        case
            when activities.done_at < as_of.as_of_end_at then activities.done_at
        end as done_at,
        activities.outcome
    from {{ ref('stg_cs_activities') }} as activities
    inner join as_of
        on
            activities.due_at < as_of.as_of_end_at
            or activities.done_at < as_of.as_of_end_at
    left join {{ ref('dim_account') }} as accounts
        on activities.account_id = accounts.account_id

),

final as (

    select
        activity_id,
        account_id,
        activity_type,
        owner_name,
        due_at,
        due_date,
        done_at,
        cast(done_at as date) as done_date,
        done_at is not null as is_done,
        done_at is null as is_overdue,
        case when done_at is not null then outcome else 'Unknown' end as outcome
    from known

)

select * from final
