-- Grain: one row per support schedule of which the time zone is one that there is.
-- By another zone nobody can say when support was open: tickets of that schedule are not judged.
select
    schedules.schedule,
    schedules.time_zone
from {{ ref('stg_support_schedules') }} as schedules
inner join {{ ref('time_zones') }} as zones
    on schedules.time_zone = zones.time_zone
