{#- Scores of 1 to 5 and the segments made of them (docs/customer-families.md). -#}

{#-
  Fifth that a row stands in, 1 to 5, 5 best. Equal values have equal scores, so the fifths need not
  be of one size. Null where all rows are equal, one row among them: nobody is ahead.
  rank: column made by rank() over all rows.
  best_first: whether rank 1 is the best. Equal rows stand where the first of them stands, so rank
      from the end at which many may be equal: the most recent day, or no login at all.
-#}
{% macro quintile(rank, best_first=false) -%}
    {%- set fifth -%}
        case
                    when {{ rank }} = count(*) over () then 5
                    else
                        1 + cast(
                            floor(
                                cast(5 * ({{ rank }} - 1) as numeric(18, 6))
                                / nullif(count(*) over () - 1, 0)
                            ) as integer
                        )
                end
    {%- endset -%}
    case
            when max({{ rank }}) over () > 1
                then {{ '6 - ' if best_first }}{{ fifth }}
        end
{%- endmacro %}

{#-
  Segment of an account by its scores; the first line that holds decides.
  recency, frequency, monetary: 1 to 5, 5 best; one of them null gives 'Not scored'.
  is_new: whether the account signed up lately; null counts as no.
-#}
{% macro rfm_segment(recency, frequency, monetary, is_new) -%}
    case
            when {{ recency }} is null or {{ frequency }} is null or {{ monetary }} is null
                then 'Not scored'
            when {{ recency }} >= 4 and {{ frequency }} >= 4 and {{ monetary }} >= 4
                then 'Champions'
            when {{ recency }} >= 3 and {{ frequency }} >= 4 then 'Loyal'
            when {{ recency }} <= 2 and ({{ frequency }} >= 4 or {{ monetary }} >= 4)
                then 'At Risk'
            when {{ recency }} >= 4 and {{ frequency }} <= 2 and {{ is_new }} then 'New'
            when {{ recency }} >= 4 and {{ frequency }} >= 2 then 'Potential Loyalist'
            when {{ recency }} <= 2 and {{ frequency }} <= 2 then 'Hibernating'
            else 'Need Attention'
        end
{%- endmacro %}
