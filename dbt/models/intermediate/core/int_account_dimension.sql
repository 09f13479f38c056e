-- Grain: one row per reporting grain and dimension of accounts: their attributes, and the channel
-- by which they came.
{# Where contacts were never delivered nobody knows of channels, and there is no such dimension. #}
select
    grain,
    dimension
from {{ ref('int_grain_dimension') }}
where dimension <> 'product'

union all

select distinct
    grain,
    'channel' as dimension
from {{ ref('int_grain_dimension') }}
where {{ is_delivered('crm_contacts') }}
