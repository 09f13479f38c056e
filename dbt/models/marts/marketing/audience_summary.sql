-- Grain: one row per audience and advertising platform, also where the audience is empty; none
-- where the CRM has delivered no contacts.
{#
  Sizes before an upload. Who cannot be matched has no address or number that only this person uses.
  Nobody is in an audience only where all that its rule asks was ever delivered; else it is unknown.
#}
{%- set minimum = setting('audience_min_people') %}
with audiences as (
    {%- for name in audience_names() %}
    {%- for platform in minimum %}

    select
        '{{ name }}' as audience,
        '{{ platform }}' as platform,
        {%- for one_of in audience_sources(name) %}
        {{ 'and ' if not loop.first }}{{ is_delivered(*one_of) }}
        {%- endfor %} as is_known,
        {{ minimum[platform] }} as minimum_count
    {%- if not loop.last %}

    union all
    {%- endif %}
    {%- endfor %}
    {%- if not loop.last %}

    union all
    {%- endif %}
    {%- endfor %}

),

people as (
    {%- for name in audience_names() %}

    select
        '{{ name }}' as audience,
        person_id
    from {{ ref('audience_' ~ name) }}
    {%- if not loop.last %}

    union all
    {%- endif %}
    {%- endfor %}

),

account_counts as (

    select
        accounts.audience,
        count(distinct accounts.account_id) as account_count,
        count(known.person_id) as known_count
    from {{ ref('audience_accounts') }} as accounts
    left join {{ ref('dim_person') }} as known
        on
            accounts.account_id = known.account_id
            and known.is_known
    group by accounts.audience

),

matches as (

    select
        person_id,
        platform,
        bool_or(identifier_type = 'email') as has_address,
        bool_or(identifier_type = 'phone') as has_number
    from {{ ref('int_upload_hash') }}
    group by person_id, platform

),

people_counts as (

    select
        audiences.audience,
        audiences.platform,
        count(people.person_id) as consenting_count,
        count(*) filter (where matches.has_address) as email_count,
        count(*) filter (where matches.has_number) as phone_count,
        count(matches.person_id) as reachable_count
    from audiences
    left join people
        on audiences.audience = people.audience
    left join matches
        on
            people.person_id = matches.person_id
            and audiences.platform = matches.platform
    group by audiences.audience, audiences.platform

),

final as (

    select
        audiences.audience,
        audiences.platform,
        {%- for name in [
            'account_counts.account_count', 'account_counts.known_count',
            'people_counts.consenting_count', 'people_counts.email_count',
            'people_counts.phone_count', 'people_counts.reachable_count',
        ] %}
        case when audiences.is_known or {{ name }} > 0 then coalesce({{ name }}, 0) end
            as {{ name.split('.')[1] }},
        {%- endfor %}
        {{ pct('people_counts.reachable_count', 'people_counts.consenting_count') }}
            as reachable_pct,
        audiences.minimum_count,
        case
            when people_counts.reachable_count = 0 and audiences.is_known then 'empty'
            when people_counts.reachable_count = 0 then 'unknown'
            when people_counts.reachable_count < audiences.minimum_count then 'too small'
            else 'large enough'
        end as size_status
    from audiences
    inner join people_counts
        on {{ columns_equal('audiences', 'people_counts', ['audience', 'platform']) }}
    left join account_counts
        on audiences.audience = account_counts.audience
    where exists (
        select 1 from {{ ref('dim_person') }} as known
        where known.is_known
    )

)

select * from final
