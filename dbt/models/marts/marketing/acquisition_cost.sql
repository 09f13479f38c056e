-- Grain: one row per grain (week, month), period and channel (dimension channel), campaign
-- (campaign), and all of them together (all), since both spend and contacts are known.
{#
  Spend stands beside the leads of its period: what a lead cost, not what the spend will bring. Of a
  channel of which no spend was ever told nobody knows the cost, and of a period with spend in a
  currency without a rate neither. Leads name their campaign or its identifier.
#}
with periods as (

    {{ periods_of(['spend', 'contacts']) }}

),

as_of as (select * from {{ ref('int_as_of') }}),

observed as (

    select
        {{ greater(
            "min(first_date) filter (where bronze_table = 'marketing_spend_daily')",
            "min(first_date) filter (where bronze_table = 'crm_contacts')"
        ) }} as first_date
    from {{ ref('int_source_delivered') }}

),

campaigns as (

    select
        campaigns.campaign_id,
        campaigns.channel,
        case
            when campaigns.campaign_name <> 'Unknown' then campaigns.campaign_name
            else campaigns.campaign_id
        end as campaign,
        row_number() over (
            partition by campaigns.campaign_id order by campaigns.updated_at desc nulls last
        ) as version_rank
    from {{ ref('stg_campaigns') }} as campaigns
    inner join as_of
        on campaigns.updated_at < as_of.as_of_end_at

),

known_spend as (

    select spend.*
    from {{ ref('stg_marketing_spend') }} as spend
    inner join as_of
        on spend.spend_date <= as_of.as_of_date

),

rates as (

    {{ rates_of_days('known_spend', 'spend_date') }}

),

-- A day of spend and a lead are both rows here, so that each is found by channel and by campaign.
events as (

    select
        known_spend.spend_date as event_date,
        case
            when known_spend.channel <> 'Unknown' then known_spend.channel
            else coalesce(campaigns.channel, 'Unknown')
        end as channel,
        coalesce(campaigns.campaign, known_spend.campaign_id) as campaign,
        cast(known_spend.cost * rates.rate as numeric(18, 6)) as spend,
        known_spend.impressions,
        known_spend.clicks,
        1 as spend_days,
        0 as leads
    from known_spend
    left join campaigns
        on
            known_spend.campaign_id = campaigns.campaign_id
            and campaigns.version_rank = 1
    left join rates
        on
            known_spend.currency_code = rates.currency_code
            and known_spend.spend_date = rates.rate_date

    union all

    select
        leads.created_date as event_date,
        leads.channel,
        coalesce(campaigns.campaign, leads.lead_campaign) as campaign,
        null as spend,
        null as impressions,
        null as clicks,
        0 as spend_days,
        1 as leads
    from {{ ref('fct_leads') }} as leads
    left join campaigns
        on
            leads.lead_campaign = campaigns.campaign_id
            and campaigns.version_rank = 1

),

spread as (

    {%- for dimension, value in {
        'all': "'all'", 'channel': 'channel', 'campaign': 'campaign',
    }.items() %}
    select
        events.*,
        '{{ dimension }}' as dimension,
        {{ value }} as dimension_value
    from events
    {%- if not loop.last %}

    union all
    {% endif %}
    {%- endfor %}

),

-- From when on it is known what a member costs.
members as (

    select
        dimension,
        dimension_value,
        min(event_date) filter (where spend_days = 1) as first_spend_date
    from spread
    group by dimension, dimension_value

),

counted as (

    select
        grain,
        period_start,
        dimension,
        dimension_value,
        sum(leads) as lead_count,
        sum(spend_days) as spend_days,
        count(spend) as priced_days,
        sum(spend) as spend,
        sum(impressions) as impressions,
        sum(clicks) as clicks
    from ({{ by_grain('spread', 'event_date') }}) as events_of_periods
    group by grain, period_start, dimension, dimension_value

),

valued as (

    select
        counted.*,
        periods.is_complete and observed.first_date <= periods.period_start as is_complete,
        case
            when counted.spend_days > counted.priced_days then null
            when members.first_spend_date <= periods.period_end then coalesce(counted.spend, 0)
        end as known_spend
    from counted
    inner join periods
        on {{ columns_equal('counted', 'periods', ['grain', 'period_start']) }}
    inner join observed
        on periods.period_end >= observed.first_date
    inner join members
        on {{ columns_equal('counted', 'members', ['dimension', 'dimension_value']) }}

),

final as (

    select
        grain,
        period_start,
        dimension,
        dimension_value,
        is_complete,
        cast(lead_count as bigint) as lead_count,
        cast(known_spend as numeric(24, 6)) as spend,
        cast(impressions as bigint) as impressions,
        cast(clicks as bigint) as clicks,
        cast({{ ratio('known_spend', 'lead_count') }} as numeric(24, 6)) as cost_per_lead,
        cast({{ ratio('known_spend', 'clicks') }} as numeric(24, 6)) as cost_per_click
    from valued

)

select * from final
