-- An account has one current version, and its versions follow one another without gap or overlap.
with versions as (

    select
        account_id,
        version_number,
        valid_from_at,
        valid_to_at,
        is_current,
        lag(valid_to_at) over (
            partition by account_id order by version_number nulls last
        ) as previous_valid_to_at,
        count(*) filter (where is_current) over (partition by account_id) as current_versions
    from {{ ref('dim_account_history') }}

)

select * from versions
where
    current_versions <> 1
    or valid_from_at >= valid_to_at
    or valid_from_at <> coalesce(previous_valid_to_at, cast('1900-01-01' as timestamp))
    or is_current <> (valid_to_at = cast('9999-12-31' as timestamp))
