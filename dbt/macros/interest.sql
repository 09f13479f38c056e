{#-
  CTEs of an interest model, from `counts` to `final`. Beforehand there is a CTE `counted` with one
  row per who and what, and event_count above 0. Who counted nothing for a `what` counts as 0 there;
  the deviation is that of the population, as everybody is in it. Where all counts are equal there
  is no deviation and no interest.
  who: column of the account or person.
  what: column of the feature or page.
-#}
{% macro interests(who, what) -%}
users as (

    select count(distinct {{ who }}) as user_count from counted

),

-- Sums over the users without an event add nothing, so these are over all of them.
distributions as (

    select
        counted.{{ what }},
        users.user_count,
        sum(counted.event_count) as total,
        users.user_count * sum(counted.event_count * counted.event_count)
        - sum(counted.event_count) * sum(counted.event_count) as scaled_variance
    from counted
    cross join users
    group by counted.{{ what }}, users.user_count

),

compared as (

    select
        counted.{{ who }},
        counted.{{ what }},
        counted.event_count,
        {{ ratio('distributions.total', 'distributions.user_count') }} as mean_events,
        cast(
            {{ double_quotient(
                'cast(distributions.user_count * counted.event_count - distributions.total as '
                ~ type_double() ~ ')',
                'nullif(sqrt(cast(distributions.scaled_variance as ' ~ type_double() ~ ')), 0)'
            ) }} as numeric(18, 6)
        ) as z_score
    from counted
    inner join distributions
        on counted.{{ what }} = distributions.{{ what }}

),

ranked as (

    select
        *,
        row_number() over (
            partition by {{ who }}
            order by z_score desc nulls last, event_count desc nulls last, {{ what }} asc nulls last
        ) as interest_rank
    from compared
    where z_score > {{ var('interest_min_z') }}

),

final as (

    select
        {{ who }},
        cast(interest_rank as integer) as interest_rank,
        {{ what }},
        cast(event_count as bigint) as event_count,
        mean_events,
        z_score
    from ranked
    where interest_rank <= {{ var('interest_top') }}

)
{%- endmacro %}

{#- Path of a page's address without protocol, host and a last slash; '/' for the first page. -#}
{% macro page_path(url) -%}
    coalesce(
        nullif(
            trim(
                trailing '/'
                from {{ regexp_replace_all(url, "'^([A-Za-z][A-Za-z0-9+.-]*:)?//[^/]*'", "''") }}
            ),
            ''
        ),
        '/'
    )
{%- endmacro %}
