-- Minutes with usage are no more than there are, and no more than requests; percentiles lie below
-- the peak, and nobody's busiest minute holds more than the whole period.
select
    entity_type,
    entity_id,
    grain,
    period_start
from {{ ref('int_token_usage_period') }}
where
    active_minutes > possible_minutes
    or active_minutes > request_count
    or active_days > observed_days
    or active_days > active_minutes
    or requests_per_minute_peak > request_count
    or tokens_per_minute_peak > total_tokens
    or not requests_per_minute_p90 <= requests_per_minute_p95
    or not requests_per_minute_p95 <= requests_per_minute_p97
    or not requests_per_minute_p97 <= requests_per_minute_peak
    or not tokens_per_minute_p90 <= tokens_per_minute_p95
    or not tokens_per_minute_p95 <= tokens_per_minute_p97
    or not tokens_per_minute_p97 <= tokens_per_minute_peak
