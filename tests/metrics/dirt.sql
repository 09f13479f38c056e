-- What the simulator does not deliver: versions that disagree, strangers, gaps, overlaps, returns.
insert into raw_bronze.inference_user_token_usage_proprietary (
    request_id, account_id, api_name, model_variant, input_tokens, output_tokens,
    cache_read_tokens, cache_write_tokens, source_region, inference_region, traffic_type,
    inference_scope, latency_ms, error_code, event_timestamp, loaded_at
)
select
    request_id, account_id, api_name, model_variant, 3 * input_tokens, output_tokens, null,
    cache_write_tokens, source_region, inference_region, traffic_type, inference_scope,
    case when row_number() over (order by request_id) % 3 > 0 then latency_ms * 1.5 end,
    case when row_number() over (order by request_id) % 2 = 0 then 'e429 ' end,
    event_timestamp, loaded_at + interval '1 hour'
from raw_bronze.inference_user_token_usage_proprietary
where hashtext(request_id) % 40 = 0;

insert into raw_bronze.inference_user_token_usage_open_source
    (request_id, account_id, model_variant, input_tokens, output_tokens, latency_ms,
     event_timestamp, loaded_at)
values
    ('stranger-1', 'acc-nobody', 'no-such-model', 900, 100, 812.5,
     '2026-10-14 10:00Z', '2026-11-22 07:00Z'),
    ('stranger-2', ' ', null, 50, 10, null, '2026-11-03 23:59:59.5Z', '2026-11-22 07:00Z');

insert into raw_bronze.revenue_account_daily
select
    account_id, product_sku, model_variant, inference_scope, region, billing_type,
    lower(currency_code), revenue_date, snapshot_date + 2, 0.5 * gross_revenue_input_tokens,
    gross_revenue_output_tokens, null, gross_revenue_cache_write_tokens, savings_plan_amount,
    1 + 2 * discount_amount, loaded_at + interval '1 hour', null, null
from raw_bronze.revenue_account_daily
where hashtext(account_id || revenue_date || model_variant) % 25 = 0
    and snapshot_date < '2026-11-20';

insert into raw_bronze.revenue_account_daily
    (account_id, product_sku, model_variant, inference_scope, region, billing_type, currency_code,
     revenue_date, snapshot_date, gross_revenue_input_tokens, discount_amount, loaded_at)
values
    ('acc-nobody', 'loose-sku', 'no-such-model', 'global', 'us-east', 'pay-as-you-go', 'JPY',
     '2026-10-14', '2026-10-15', 150000, null, '2026-11-22 07:00Z'),
    ('acc-nobody', 'loose-sku', 'no-such-model', 'global', 'us-east', 'pay-as-you-go', 'JPY',
     '2026-10-22', '2026-10-23', 0, 990000, '2026-11-22 07:00Z');

insert into raw_bronze.platform_incidents
    (incident_id, started_at, resolved_at, severity, component, region, downtime_minutes,
     last_updated, loaded_at)
select
    'overlap-' || incident_id, started_at + (resolved_at - started_at) / 2,
    resolved_at + interval '95 minutes', severity, component,
    case when hashtext(incident_id) % 2 = 0 then region end, null,
    resolved_at + interval '2 hours', loaded_at
from raw_bronze.platform_incidents
where resolved_at is not null and hashtext(incident_id) % 5 in (0, 1);
insert into raw_bronze.platform_incidents
    (incident_id, started_at, resolved_at, region, downtime_minutes, last_updated, loaded_at)
values
    ('weekend', '2026-11-01 20:00Z', '2026-11-02 05:30Z', null, null, '2026-11-02 06:00Z',
     '2026-11-22 07:00Z'),
    ('degraded', '2026-11-10 08:00Z', '2026-11-10 20:00Z', null, 0, '2026-11-10 21:00Z',
     '2026-11-22 07:00Z'),
    ('exaggerated', '2026-11-12 08:00Z', '2026-11-12 09:00Z', 'eu-west', 600, '2026-11-12 09:00Z',
     '2026-11-22 07:00Z'),
    ('still-open', '2026-11-21 18:00Z', null, 'us-east', null, '2026-11-21 18:00Z',
     '2026-11-22 07:00Z');

insert into raw_bronze.support_tickets
    (ticket_id, account_id, created_at, resolved_at, category, status, last_updated, loaded_at)
values
    ('t-open', 'acc-nobody', '2026-10-13 09:00Z', null, 'Error', 'open', '2026-10-13 09:00Z',
     '2026-11-22 07:00Z'),
    ('t-late', 'acc-nobody', '2026-11-20 09:00Z', '2026-11-22 03:00Z', 'billing', 'resolved',
     '2026-11-22 03:00Z', '2026-11-22 07:00Z');

-- adopted in the last minute of the 91 days, and not quite: the rest comes on day 92
insert into raw_bronze.customer_details
    (account_id, plan_tier, segment, country, is_active, date_created, date_updated, loaded_at)
values
    ('acc-just', 'Starter', 'Commercial', 'FR', true, '2026-08-05', '2026-08-05', '2026-11-22Z'),
    ('acc-slow', 'Growth', 'Strategic', 'FR', true, '2026-08-05', '2026-08-05', '2026-11-22Z');
insert into raw_bronze.inference_user_token_usage_open_source
    (request_id, account_id, model_variant, output_tokens, event_timestamp, loaded_at)
values
    ('just-1', 'acc-just', 'no-such-model', 999, '2026-09-01', '2026-11-22 07:00Z'),
    ('just-2', 'acc-just', 'no-such-model', 1, '2026-11-03 23:59Z', '2026-11-22 07:00Z'),
    ('slow-1', 'acc-slow', 'no-such-model', 999, '2026-09-01', '2026-11-22 07:00Z'),
    ('slow-2', 'acc-slow', 'no-such-model', 900, '2026-11-04 00:00Z', '2026-11-22 07:00Z');

-- up, two tiers down, up again; offered, withdrawn for a while, once without saying so
insert into raw_bronze.customer_details
    (account_id, plan_tier, segment, country, is_active, date_created, date_updated, loaded_at)
values
    ('acc-slow', 'Enterprise', 'Strategic', 'FR', true, '2026-08-05', '2026-09-15 10:00Z',
     '2026-11-22Z'),
    ('acc-slow', 'Starter', 'Strategic', 'FR', true, '2026-08-05', '2026-10-20 12:00Z',
     '2026-11-22Z'),
    ('acc-slow', 'Growth', 'Strategic', 'FR', true, '2026-08-05', '2026-11-10 09:00Z',
     '2026-11-22Z');
insert into raw_bronze.config_model_region_availability
    (model_variant, source_region, snapshot_date, is_active, routing_strategy, inference_region,
     loaded_at)
values
    ('lumen-chat-small', 'eu-west', '2026-09-10', false, 'local', 'eu-west', '2026-11-22 07:00Z'),
    ('lumen-chat-small', 'eu-west', '2026-09-10', true, 'local', 'eu-west', '2026-11-22 06:30Z'),
    ('lumen-chat-small', 'eu-west', '2026-09-13', false, 'local', 'eu-west', '2026-11-22 07:00Z'),
    ('lumen-chat-small', 'us-west', '2026-09-20', null, 'local', 'us-west', '2026-11-22 07:00Z'),
    ('lumen-chat-small', 'us-west', '2026-09-24', true, 'local', 'us-west', '2026-11-22 07:00Z'),
    ('lumen-chat-small', 'us-west', '2026-11-22', false, 'local', 'us-west', '2026-11-22 07:00Z');

-- a flow finished after its window, one whose window closes in time, one still open
insert into raw_bronze.onboarding_step_events
    (event_id, account_id, product_user_id, journey, step, action, event_timestamp, loaded_at)
values
    ('f1', 'acc-slow', 'late', 'onboarding', 'create_workspace', 'started', '2026-10-01Z',
     '2026-11-22 07:00Z'),
    ('f2', 'acc-slow', 'late', 'onboarding', 'first_request', 'completed', '2026-10-08Z',
     '2026-11-22 07:00Z'),
    ('f3', 'acc-slow', null, 'onboarding', 'create_workspace', 'started', '2026-11-14 23:59Z',
     '2026-11-22 07:00Z'),
    ('f4', 'acc-slow', 'open', 'onboarding', 'create_workspace', 'started', '2026-11-15 00:01Z',
     '2026-11-22 07:00Z');

-- a month in which so many first pay that the cohort is not small
insert into raw_bronze.subscriptions
    (subscription_id, event_timestamp, crm_account_id, plan_type, mrr, currency, status, start_date,
     loaded_at)
select
    'many-' || n, '2026-03-10Z', 'acc-many-' || n, 'annual', 100 + n, 'EUR', 'active',
    '2026-03-10Z', timestamptz '2026-11-22 07:00Z'
from generate_series(1, 12) as n;

-- deals that skip, go back, reopen, change twice at an instant, are won at once, cannot be valued,
-- leave a stage they were not in, stand in a stage of no seed; a contact and an account not known
insert into raw_bronze.deal_stage_history
    (row_id, event_timestamp, crm_contact_id, crm_account_id, deal_id, old_stage, new_stage,
     deal_value, currency, loaded_at)
values
    ('x-01', '2025-12-20Z', 'con-000001', 'acc-slow', 'x-1', null, 'Qualification', 100, 'EUR',
     '2026-11-22Z'),
    ('x-02', '2025-12-30Z', 'con-000001', 'acc-slow', 'x-1', 'Qualification', 'Negotiation', 120,
     'EUR', '2026-11-22Z'),
    ('x-03', '2026-01-04Z', 'con-000001', 'acc-slow', 'x-1', 'Negotiation', 'Proposal', 130, 'EUR',
     '2026-11-22Z'),
    ('x-04', '2026-01-05Z', null, null, 'x-1', 'proposal ', 'Proposal', 140, 'EUR', '2026-11-22Z'),
    ('x-05', '2026-01-06Z', 'con-000001', 'acc-slow', 'x-1', 'Proposal', 'Closed Lost', 140, 'EUR',
     '2026-11-22Z'),
    ('x-06', '2026-02-06Z', 'con-000002', 'acc-slow', 'x-1', 'Closed Lost', 'Negotiation', 150,
     'EUR', '2026-11-22Z'),
    ('x-08', '2026-02-16Z', 'con-000002', 'acc-slow', 'x-1', 'Negotiation', 'Closed Won', 150,
     'EUR', '2026-11-22Z'),
    ('x-11', '2026-10-01Z', null, 'acc-nobody', 'x-2', 'Proposal', 'Negotiation', 70, 'GBP',
     '2026-11-22Z'),
    ('x-10', '2026-10-01Z', null, 'acc-nobody', 'x-2', 'Qualification', 'Proposal', 60, 'GBP',
     '2026-11-22Z'),
    ('x-12', '2026-10-01Z', null, 'acc-nobody', 'x-2', null, 'Qualification', 50, 'GBP',
     '2026-11-22Z'),
    ('x-20', '2026-10-02Z', 'con-nobody', 'acc-just', 'x-3', null, 'Closed Won', 900, 'usd',
     '2026-11-22Z'),
    ('x-21', '2026-10-09Z', 'con-nobody', 'acc-just', 'x-3', 'Closed Won', 'Proposal', 800, 'usd',
     '2026-11-22Z'),
    ('x-30', '2026-11-02Z', 'con-000003', 'acc-just', 'x-4', null, 'Proposal', 900, null,
     '2026-11-22Z'),
    ('x-31', '2026-11-05Z', 'con-000003', 'acc-just', 'x-4', 'Qualification', 'Negotiation', 900,
     null, '2026-11-22Z'),
    ('x-40', '2026-11-21 23:59:59Z', 'con-000003', 'acc-just', 'x-5', null, 'On hold', 5, 'USD',
     '2026-11-22 07:00Z'),
    ('x-41', '2026-11-22Z', 'con-000003', 'acc-just', 'x-5', 'On hold', 'Proposal', 5, 'USD',
     '2026-11-22 07:00Z'),
    ('x-50', '2026-11-01Z', 'con-000003', 'acc-just', 'x-6', null, 'Closed Lost', 5, 'USD',
     '2026-11-22 07:00Z');

-- a second snapshot of a day, parts that leave something over, a silence, a type without a price
insert into raw_bronze.resource_accelerator_inventory
    (odcr, event_timestamp, instance_type, region, service_account, total_instances,
     idle_instances, warmpool_instances, used_instances, loaded_at)
values
    ('dirt', '2026-10-01 05:00Z', 'loose-type', 'us-east', null, 10, 3, 1, 6, '2026-11-22 07:00Z'),
    ('dirt', '2026-10-01 23:59:59Z', 'loose-type', 'us-east', ' ', 10, 2, 1, 4,
     '2026-11-22 07:00Z'),
    ('dirt', '2026-10-05 00:00Z', 'fab4.12xl', 'us-east', 'svc-x', null, 2, 1, null,
     '2026-11-22 07:00Z'),
    ('dirt', '2026-10-05 12:00Z', 'fab4.12xl', 'us-east', 'svc-x', 8, null, 1, 5,
     '2026-11-22 07:00Z'),
    ('dirt', '2026-11-20 12:00Z', 'fab4.12xl', 'eu-west', 'svc-x', 8, 8, 0, 0,
     '2026-11-22 07:00Z'),
    ('dirt', '2026-11-22 00:00Z', 'fab4.12xl', 'eu-west', 'svc-x', 8, 0, 0, 8,
     '2026-11-22 07:00Z');
insert into raw_bronze.resource_accelerator_inventory
    (odcr, event_timestamp, instance_type, region, service_account, total_instances,
     idle_instances, warmpool_instances, used_instances, loaded_at)
select
    odcr, event_timestamp, instance_type, region, service_account, total_instances, 0, 0,
    total_instances, loaded_at + interval '1 hour'
from raw_bronze.resource_accelerator_inventory
where hashtext(odcr || event_timestamp::date) % 9 = 0 and odcr <> 'dirt';

-- a second pod, seconds apart, often of no known role; samples not measured; steady growth
insert into raw_bronze.resource_model_utilization
    (pod_id, event_timestamp, model_variant, instance_type, role, pod_max_concurrency,
     actual_concurrency, util_ratio, region, loaded_at)
select
    pod_id || '-b', event_timestamp + n * interval '25 seconds', model_variant, instance_type,
    case when model_variant like 'lumen%' then role end, pod_max_concurrency,
    actual_concurrency + n,
    case when hashtext(event_timestamp::date::text) % 5 <> 0 then util_ratio end, region, loaded_at
from raw_bronze.resource_model_utilization
cross join generate_series(1, 2) as n
where region = 'us-east' and role = 'sampler' and hashtext(event_timestamp::text) % 3 = 0;
insert into raw_bronze.resource_model_utilization
    (pod_id, event_timestamp, model_variant, util_ratio, region, loaded_at)
select
    'growing', '2026-10-25 12:00Z'::timestamptz + n * interval '1 day', 'no-such-model',
    0.4 + 0.008 * n + 0.02 * (n % 3), 'us-east', '2026-11-22 07:00Z'
from generate_series(0, 27) as n;

-- a second allocation of the day
insert into raw_bronze.resource_model_instance_allocation
    (model_variant, region, instance_type, event_timestamp, used_instances, warmpool_instances,
     loaded_at)
select
    model_variant, region, instance_type, event_timestamp + interval '7 hours', used_instances + 2,
    6 * warmpool_instances, loaded_at
from raw_bronze.resource_model_instance_allocation
where hashtext(model_variant || region) % 2 = 0;

-- agreements in two versions, one on top of another, one of next month; low defaults in between
insert into raw_bronze.quota_customer_rate_limit_adjustments
    (account_id, model_variant, inference_scope, source_region, snapshot_date, requests_per_minute,
     tokens_per_minute, tokens_per_day, effective_date, expiry_date, loaded_at)
select distinct
    requests.account_id, requests.model_variant, requests.inference_scope, requests.source_region,
    versions.snapshot_date, 7, versions.tokens_per_minute, versions.tokens_per_day,
    versions.effective_date, versions.expiry_date, timestamptz '2026-11-22 07:00Z'
from raw_bronze.inference_user_token_usage_open_source as requests
cross join (
    values
        (date '2026-11-01', 40000, null, date '2026-11-10', null),
        (date '2026-11-05', 50000, null, date '2026-11-10', date '2026-11-19'),
        (date '2026-11-06', 60000, 900000, date '2026-11-12', date '2026-11-15'),
        (date '2026-11-07', 1, 1, date '2026-12-01', null),
        (date '2026-11-23', 2, 2, date '2026-10-01', null)
) as versions (snapshot_date, tokens_per_minute, tokens_per_day, effective_date, expiry_date)
where hashtext(requests.account_id) % 2 = 0 and requests.inference_scope is not null;
insert into raw_bronze.quota_default_rate_limits
select
    model_variant, inference_scope, source_region, date '2026-11-03', 3, 100000, 200000, loaded_at
from raw_bronze.quota_default_rate_limits
where source_region = 'eu-west' and snapshot_date < '2026-03-01';

-- decided after the as-of day; of no known kind, in other letters; asked after the as-of day
insert into raw_bronze.quota_customer_rate_limit_requests
    (account_id, model_variant, inference_scope, source_region, create_datetime, limit_type, status,
     last_updated, loaded_at)
values
    ('acc-just', 'm', 'global', 'r', '2026-11-09 00:00Z', 'upgrade', 'approved',
     '2026-11-22 00:00Z', '2026-11-22 07:00Z'),
    ('acc-nobody', 'm', 'global', 'r', '2026-11-10 08:00Z', null, ' Pending', '2026-11-12 00:00Z',
     '2026-11-22 07:00Z'),
    ('acc-slow', 'm', 'global', 'r', '2026-11-22 01:00Z', 'upgrade', 'pending', '2026-11-22 01:00Z',
     '2026-11-22 07:00Z');
-- approved, exported again, and rejected in error: corrected at its own instant
insert into raw_bronze.quota_customer_rate_limit_requests
    (account_id, model_variant, inference_scope, source_region, create_datetime, limit_type, status,
     last_updated, loaded_at)
select
    'acc-just', 'm', 'global', 'r', timestamptz '2026-10-05Z', 'upgrade', status, updated, loaded
from (
    values
        ('approved', timestamptz '2026-10-06Z', timestamptz '2026-11-22 06:00Z'),
        ('approved', '2026-10-20Z', '2026-11-22 06:00Z'),
        ('rejected', '2026-10-27Z', '2026-11-22 06:00Z'),
        ('approved', '2026-10-27Z', '2026-11-22 07:00Z')
) as versions (status, updated, loaded);

-- an account that never had a success; its people: addresses whose hashes are known, typed badly,
-- a no, a silence, a shared mailbox, a yes taken out, a yes of the day after
insert into raw_bronze.customer_details
    (account_id, plan_tier, segment, country, is_active, date_created, date_updated, loaded_at)
values
    ('acc-stalled', 'Growth', 'Commercial', 'US', true, '2026-10-20', '2026-10-20', '2026-11-22Z');
insert into raw_bronze.crm_contacts
    (crm_contact_id, crm_account_id, email, phone, country, consent_marketing, consent_timestamp,
     created_at, updated_at, loaded_at)
select
    id, 'acc-stalled', email, phone, 'US', consent, asked, '2026-10-20Z', updated, '2026-11-22Z'
from (
    values
        ('con-vector', ' User@Example.com ', '+1 (650) 555-1234', true, timestamptz '2026-11-01Z',
         timestamptz '2026-11-01Z'),
        ('con-dots', 'person@example.com', null, true, '2026-11-02Z', '2026-11-02Z'),
        ('con-dots', 'Jane.Doe@gmail.com', null, true, '2026-11-02Z', '2026-11-03Z'),
        ('con-no', 'no@example.com', null, false, '2026-11-01Z', '2026-11-01Z'),
        ('con-never', 'never@example.com', null, null, null, '2026-11-01Z'),
        ('con-shared-1', 'info@stalled.example', null, true, '2026-11-01Z', '2026-11-01Z'),
        ('con-shared-2', 'info@stalled.example', null, true, '2026-11-01Z', '2026-11-01Z'),
        ('con-emptied', 'emptied@example.com', null, true, '2026-11-01Z', '2026-11-01Z'),
        ('con-emptied', 'emptied@example.com', null, null, null, '2026-11-09Z'),
        ('con-next-day', 'next@example.com', null, false, '2026-11-01Z', '2026-11-01Z'),
        ('con-next-day', 'next@example.com', null, true, '2026-11-22Z', '2026-11-22 02:00Z')
) as people (id, email, phone, consent, asked, updated);

-- a deal with the name of a formula, its value corrected; won and lost; won for nothing
insert into raw_bronze.deal_stage_history
    (row_id, event_timestamp, crm_contact_id, crm_account_id, deal_id, old_stage, new_stage,
     deal_value, currency, created_at, loaded_at)
select
    'dirt-' || n, at, 'con-vector', 'acc-stalled', deal, before, after, value, 'EUR', at,
    timestamptz '2026-11-22Z'
from (
    values
        (1, timestamptz '2026-11-09 09:00Z', '=2+5', null, 'Proposal', 900),
        (2, '2026-11-10 09:00Z', '=2+5', 'Proposal', ' closed won', 1000.5),
        (3, '2026-11-12 09:00Z', '=2+5', 'Closed Won', 'Closed Won', 1200.25),
        (4, '2026-11-05 09:00Z', 'deal-lost-again', null, 'Closed Won', 500),
        (5, '2026-11-14 09:00Z', 'deal-lost-again', 'Closed Won', 'Closed Lost', 500),
        (6, '2026-11-05 09:00Z', 'deal-for-nothing', null, 'Closed Won', 0)
) as changes (n, at, deal, before, after, value);
insert into raw_bronze.web_events
    (event_id, event_timestamp, fp_cookie_id, crm_contact_id, event_type, gclid, gbraid, wbraid,
     created_at, loaded_at)
values
    ('dirt-1', '2026-11-07 10:00Z', 'fp-vector', null, 'pageview', 'gclid-vector', null, null,
     '2026-11-07 10:00Z', '2026-11-22Z'),
    ('dirt-2', '2026-11-08 10:00Z', 'fp-vector', null, 'pageview', null, 'gbraid-vector', null,
     '2026-11-08 10:00Z', '2026-11-22Z'),
    ('dirt-3', '2026-11-08 10:05Z', 'fp-vector', 'con-vector', 'demo_request', null, null, null,
     '2026-11-08 10:05Z', '2026-11-22Z'),
    ('dirt-4', '2026-11-11 10:00Z', 'fp-vector', null, 'pageview', null, null, 'wbraid-vector',
     '2026-11-11 10:00Z', '2026-11-22Z');
-- notice of a contract that still runs; a contract of an account that the CRM calls inactive
insert into raw_bronze.subscriptions
    (subscription_id, event_timestamp, crm_account_id, plan_type, mrr, currency, status, start_date,
     cancellation_date, loaded_at)
values
    ('many-1', '2026-11-10Z', 'acc-many-1', 'annual', 101, 'EUR', 'cancelled', '2026-03-10Z',
     '2026-12-31Z', '2026-11-22 07:00Z');
insert into raw_bronze.customer_details
    (account_id, plan_tier, employee_count, country, is_active, date_created, date_updated,
     loaded_at)
values
    ('acc-many-2', 'Starter', 51, 'FR', true, '2026-03-01', '2026-03-01', '2026-11-22Z'),
    ('acc-many-2', 'Starter', 51, 'FR', false, '2026-03-01', '2026-11-05 12:00Z', '2026-11-22Z');
-- escalated while open and never resolved; escalated in error, corrected at that instant; rated low
insert into raw_bronze.support_tickets
    (ticket_id, account_id, created_at, resolved_at, priority, category, status, csat, last_updated,
     loaded_at)
values
    ('t-up', 'acc-many-3', '2026-11-01 09:00Z', null, 'p4', 'other', 'open', null,
     '2026-11-01 09:00Z', '2026-11-22 07:00Z'),
    ('t-up', 'acc-many-3', '2026-11-01 09:00Z', null, 'p4', 'other', 'escalated', null,
     '2026-11-03 09:00Z', '2026-11-22 07:00Z'),
    ('t-low', 'acc-many-3', '2026-10-01 09:00Z', null, 'p3', 'other', 'escalated', null,
     '2026-10-01 10:00Z', '2026-11-22 06:00Z'),
    ('t-low', 'acc-many-3', '2026-10-01 09:00Z', null, 'p3', 'other', 'open', null,
     '2026-10-01 10:00Z', '2026-11-22 07:00Z'),
    ('t-low', 'acc-many-3', '2026-10-01 09:00Z', '2026-10-02 09:00Z', 'p3', 'other', 'resolved', 1,
     '2026-10-02 09:00Z', '2026-11-22 07:00Z');

-- Teams, applications and goals: strangers, another team by its case, changes told twice and late.
insert into raw_bronze.account_members
    (product_user_id, account_id, team, role, invited_at, activated_at, removed_at, updated_at,
     loaded_at)
select
    product_user_id, account_id, upper(team) || ' ', role, invited_at, activated_at,
    case when hashtext(product_user_id) % 3 = 0 then updated_at end, updated_at,
    loaded_at + interval '1 hour'
from raw_bronze.account_members
where activated_at is not null and hashtext(product_user_id) % 6 in (0, 1);
insert into raw_bronze.account_members
    (product_user_id, account_id, team, invited_at, activated_at, updated_at, loaded_at)
values
    ('usr-x-1', 'acc-nobody', 'data', '2026-10-01Z', '2026-10-02Z', '2026-10-02Z',
     '2026-11-22 07:00Z'),
    ('usr-x-2', 'acc-nobody', null, '2026-10-01Z', '2026-10-02Z', '2026-10-02Z',
     '2026-11-22 07:00Z');

insert into raw_bronze.platform_applications
    (application_id, account_id, use_case, workflow, created_at, updated_at, loaded_at)
values
    ('app-x-1', 'acc-nobody', 'Search', null, '2026-05-01Z', '2026-05-01Z', '2026-11-22 07:00Z'),
    ('app-x-2', 'acc-nobody', 'search ', 'find', '2026-10-20Z', '2026-10-20Z',
     '2026-11-22 07:00Z'),
    ('app-x-3', 'acc-00004', 'search', 'Find', '2026-11-21 23:59Z', '2026-11-22 08:00Z',
     '2026-11-22 09:00Z');

insert into raw_bronze.success_plan_goals
    (goal_id, account_id, baseline, target, due_at, achieved_value, value_kind, amount, currency,
     updated_at, loaded_at)
values
    ('goal-x-1', 'acc-stranger', 1, 2, '2026-10-20Z', 2, 'Cost_Saving', 100, 'gbp', '2026-10-21Z',
     '2026-11-22 07:00Z'),
    ('goal-x-2', 'acc-nobody', null, 2, '2026-10-20Z', 3, 'revenue_growth', 50, 'ZZZ',
     '2026-10-21Z', '2026-11-22 07:00Z'),
    ('goal-x-3', 'acc-00004', 9, 9, '2026-10-31 23:59:59Z', 9, null, 70, 'USD', '2026-11-01Z',
     '2026-11-22 07:00Z'),
    ('goal-x-3', 'acc-00004', 9, 9, '2026-10-31 23:59:59Z', 10, 'cost_saving', 70, 'USD',
     '2026-11-22 01:00Z', '2026-11-22 07:00Z');

insert into raw_bronze.uptime_targets (plan_tier, valid_from, target_pct, credit_pct, loaded_at)
values
    ('GROWTH', '2026-10-14', 99.99, null, '2026-11-22 07:00Z'),
    ('starter', '2026-11-01', null, null, '2026-11-22 07:00Z');

insert into raw_bronze.plan_prices
    (plan_tier, model_variant, currency, valid_from, price, loaded_at)
select upper(plan_tier), model_variant, currency, '2026-10-16', 1.8 * price, '2026-11-22 07:00Z'
from raw_bronze.plan_prices
where plan_tier = 'starter' and model_variant <> 'lumen-chat-small';
