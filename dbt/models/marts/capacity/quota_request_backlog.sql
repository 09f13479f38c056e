-- Grain: one row per request for another limit that is open at the end of the as-of day.
with as_of as (

    {{ known_as_of(['quota_requests']) }}

),

-- What was decided or withdrawn after the as-of day is still open on it.
requests as (

    select
        requests.*,
        as_of.as_of_date,
        as_of.as_of_end_at
    from {{ ref('stg_rate_limit_requests') }} as requests
    inner join as_of
        on requests.requested_at < as_of.as_of_end_at
    where
        requests.is_open
        or requests.closed_at >= as_of.as_of_end_at

),

accounts as (select * from {{ ref('dim_account') }}),

final as (

    select
        {{ dbt_utils.generate_surrogate_key([
            'requests.account_id', 'requests.model_variant', 'requests.inference_scope',
            'requests.source_region', 'requests.requested_at'
        ]) }} as quota_request_key,
        requests.account_id,
        coalesce(accounts.account_name, 'Unknown') as account_name,
        coalesce(accounts.plan_tier, 'Unknown') as plan_tier,
        coalesce(accounts.owner_name, 'Unknown') as owner_name,
        requests.model_variant,
        requests.inference_scope,
        requests.source_region,
        requests.limit_type,
        requests.requested_at,
        cast(
            {{ seconds_between('requests.requested_at', 'requests.as_of_end_at') }} / 3600
            as numeric(18, 6)
        ) as age_hours,
        requests.requests_per_minute,
        requests.tokens_per_minute,
        requests.tokens_per_day,
        requests.as_of_date as known_to_date
    from requests
    left join accounts
        on requests.account_id = accounts.account_id

)

select * from final
