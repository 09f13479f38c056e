{#- What customer success agreed on: segments and the health score. -#}

{#-
  Segment of a company: the CRM's word, else from its employees and its plan tier enterprise,
  mid_market or smb. More employees than a threshold lift it, and so does the tier; employees that are
  not known leave the word to the tier; with neither it is Unknown.
  stated: SQL expression of type text, null where the CRM has no word; employees: of type integer;
  tier: of type text, Unknown where it is.
-#}
{% macro classify_segment(stated, employees, tier) -%}
    case
        when {{ stated }} is not null then {{ stated }}
        when {{ employees }} is null and {{ tier }} = 'Unknown' then 'Unknown'
        when lower({{ tier }}) = 'enterprise' or {{ employees }} > {{ var('enterprise_above_employees') }}
            then 'enterprise'
        when lower({{ tier }}) = 'growth' or {{ employees }} > {{ var('mid_market_above_employees') }}
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
