-- Grain: one row per pair of identifiers that a source names together by the as-of day, and one per
-- strongest identifier of its rows.
{#
  Each row of a source ties its strongest identifier to the others; every version of a contact
  counts, so a former e-mail address still leads to the person. Accounts, subscriptions and deals
  are not persons: they tie nothing.
#}
with as_of as (select * from {{ ref('int_as_of') }}),

sightings as (

    select
        crm_contact_id,
        hem,
        hphone,
        cast(null as varchar(1)) as product_user_id,
        cast(null as varchar(1)) as fp_cookie_id,
        updated_at as seen_at
    from {{ ref('stg_contact_versions') }}

    union all

    select
        crm_contact_id,
        hem,
        null as hphone,
        null as product_user_id,
        fp_cookie_id,
        event_at as seen_at
    from {{ ref('stg_web_events') }}

    union all

    select
        crm_contact_id,
        null as hem,
        null as hphone,
        product_user_id,
        null as fp_cookie_id,
        occurred_at as seen_at
    from {{ ref('int_product_events') }}

),

grouped as (

    select
        sightings.crm_contact_id,
        sightings.hem,
        sightings.product_user_id,
        sightings.hphone,
        sightings.fp_cookie_id,
        min(sightings.seen_at) as first_seen_at,
        max(sightings.seen_at) as last_seen_at
    from sightings
    inner join as_of
        on sightings.seen_at < as_of.as_of_end_at
    group by
        sightings.crm_contact_id, sightings.hem, sightings.product_user_id, sightings.hphone,
        sightings.fp_cookie_id

),

anchored as (

    select
        *,
        case
            when crm_contact_id is not null then 'crm_contact_id'
            when hem is not null then 'email'
            when product_user_id is not null then 'product_user_id'
            when hphone is not null then 'phone'
            when fp_cookie_id is not null then 'web_cookie'
        end as anchor_type,
        coalesce(crm_contact_id, hem, product_user_id, hphone, fp_cookie_id) as anchor_value
    from grouped

),

paired as (

    select
        anchor_type as type_a,
        anchor_value as value_a,
        null as type_b,
        null as value_b,
        first_seen_at,
        last_seen_at
    from anchored

    {%- for type, column in [
        ('email', 'hem'),
        ('product_user_id', 'product_user_id'),
        ('phone', 'hphone'),
        ('web_cookie', 'fp_cookie_id'),
    ] %}

    union all

    select
        anchor_type as type_a,
        anchor_value as value_a,
        '{{ type }}' as type_b,
        {{ column }} as value_b,
        first_seen_at,
        last_seen_at
    from anchored
    where
        anchor_type <> '{{ type }}'
        and {{ column }} is not null
    {%- endfor %}

),

final as (

    select
        type_a,
        value_a,
        type_b,
        value_b,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at
    from paired
    where value_a is not null
    group by type_a, value_a, type_b, value_b

)

select * from final
