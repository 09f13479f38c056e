{#- Audiences for advertising platforms (docs/audiences.md). -#}

{#- Names of the audiences; each has a mart audience_<name>, and its rule in audience_accounts. -#}
{% macro audience_names() -%}
    {{ return(['at_risk', 'upgrade_candidates', 'champions', 'win_back', 'onboarding_stalled']) }}
{%- endmacro %}

{#-
  The people of an audience: contacts of the CRM in its accounts who agreed to marketing. A whole model.
  name: one of audience_names.
-#}
{% macro audience_people(name) -%}
    select
        people.person_id,
        people.account_id,
        accounts.reason,
        accounts.since_date
    from {{ ref('audience_accounts') }} as accounts
    inner join {{ ref('dim_person') }} as people
        on accounts.account_id = people.account_id
    where
        accounts.audience = '{{ name }}'
        and people.is_known
        and people.has_marketing_consent
{%- endmacro %}
