{#- What customer success agreed on: segments and the health score. -#}

{#-
  Segment of a company: the CRM's word, else from its employees and its plan tier enterprise,
  mid_market or smb. More employees than a threshold lift it, and so does the tier; employees that are
  not known leave the word to the tier; with neither it is Unknown.
  stated: SQL expression of type text, null where the CRM has no word; employees: of type integer;
  tier: of type text, Unknown where it is; enterprise_above, mid_market_above: the thresholds.
-#}
{% macro classify_segment(stated, employees, tier, enterprise_above, mid_market_above) -%}
    case
        when {{ stated }} is not null then {{ stated }}
        when {{ employees }} is null and {{ tier }} = 'Unknown' then 'Unknown'
        when lower({{ tier }}) = 'enterprise' or {{ employees }} > {{ enterprise_above }}
            then 'enterprise'
        when lower({{ tier }}) = 'growth' or {{ employees }} > {{ mid_market_above }}
            then 'mid_market'
        else 'smb'
    end
{%- endmacro %}

{#-
  Health score of an account, 0 to 100 with one decimal, from its four components, 0 to 100 each: the
  weighted mean of those that are known, null where none is.
-#}
{% macro calculate_health_score(usage, support, revenue, engagement) -%}
    {%- set weights = {usage: '0.30', support: '0.20', revenue: '0.25', engagement: '0.25'} -%}
    round(
        cast(
            (
                {%- for component, weight in weights.items() %}
                {{ '+ ' if not loop.first }}coalesce({{ weight }} * {{ component }}, 0)
                {%- endfor %}
            ) / nullif(
                {%- for component, weight in weights.items() %}
                {{ '+ ' if not loop.first -}}
                case when {{ component }} is null then 0 else {{ weight }} end
                {%- endfor %}, 0
            ) as numeric(18, 6)
        ), 1
    )
{%- endmacro %}

{#-
  Select account_id, step_date and change, whose sum up to a day is the number of distinct items of the
  account in the window of `days` that ends on the day. An item seen on a day enters the window, and
  leaves it when it is seen again or the window is over: no day is joined to the events of its window.
  item_days: CTE (account_id, item, usage_date); bounds: CTE (first_day), on which earlier steps count.
-#}
{% macro distinct_changes(item_days, days, bounds) -%}
    with following as (

        select
            account_id,
            usage_date,
            lead(usage_date) over (
                partition by account_id, item order by usage_date nulls last
            ) as next_date
        from {{ item_days }}

    ),

    spans as (

        select
            account_id,
            usage_date as enters,
            {{ lesser_known(
                "cast(usage_date + interval '" ~ days ~ " day' as date)", 'next_date'
            ) }} as leaves
        from following

    ),

    steps as (

        select
            account_id,
            enters as step_date,
            1 as step
        from spans

        union all

        select
            account_id,
            leaves as step_date,
            -1 as step
        from spans

    )

    select
        steps.account_id,
        {{ greater('steps.step_date', 'bounds.first_day') }} as step_date,
        sum(steps.step) as change
    from steps
    cross join {{ bounds }} as bounds
    group by steps.account_id, {{ greater('steps.step_date', 'bounds.first_day') }}
{%- endmacro %}

{#-
  Bronze tables that the health score is made of. An account's score says by coverage_pct how much of
  them it rests on; a mean of accounts, or a number of those at risk, is another number without one.
-#}
{% macro health_tables() -%}
    {{ return([
        'product_usage_events', 'support_tickets', 'subscriptions', 'csat_responses', 'invoices',
        'product_feature_releases', 'health_levels', 'sla_targets',
    ]) }}
{%- endmacro %}
