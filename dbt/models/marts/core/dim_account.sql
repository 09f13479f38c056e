-- Grain: one row per account, with its attributes as of the as-of day.
select
    account_id,
    account_name,
    company_name,
    account_size,
    segment,
    plan_tier,
    vertical,
    owner_name,
    city,
    country_code,
    home_region,
    is_active,
    crm_cs_score,
    is_fraud,
    signed_up_date,
    is_inferred
from {{ ref('int_account') }}
