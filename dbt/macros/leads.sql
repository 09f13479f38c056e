{#- What marketing agreed on: channels. -#}

{#-
  Channel by which a lead or a visitor came, of source and medium as UTM parameters name them: direct,
  organic, search (paid), email, social, event, content, referral, other; Unknown where neither is
  known. Those that cost money have the names of marketing_campaigns.channel. The medium has the first
  word, as in Google Analytics; the source speaks where it does not say.
  source, medium: SQL expressions of type text; Unknown and null say nothing.
-#}
{% macro acquisition_channel(source, medium) -%}
    {%- set media = {
        'email': ['email', 'e-mail', 'newsletter'],
        'organic': ['organic'],
        'social': ['social', 'paid_social', 'paidsocial', 'social-media'],
        'referral': ['referral', 'partner', 'affiliate'],
        'event': ['event', 'conference', 'trade_show', 'webinar', 'booth'],
        'content': ['content', 'blog', 'whitepaper', 'podcast'],
        'paid': ['cpc', 'ppc', 'paid', 'paid_search', 'paidsearch', 'search'],
    } -%}
    {%- set sources = {
        'direct': ['direct', '(direct)'],
        'email': ['email', 'newsletter'],
        'social': ['facebook', 'instagram', 'linkedin', 'x', 'twitter', 'reddit', 'tiktok'],
        'referral': ['partner', 'referral'],
        'event': ['event', 'conference', 'webinar'],
        'organic': ['organic'],
        'search': ['paid_search'],
    } -%}
    {%- set source = "lower(trim(coalesce(" ~ source ~ ", 'Unknown')))" -%}
    {%- set medium = "lower(trim(coalesce(" ~ medium ~ ", 'Unknown')))" -%}
    case
            when
                {{ medium }} in ('{{ media.paid | join("', '") }}')
                and {{ source }} in ('{{ sources.social | join("', '") }}') then 'social'
            {%- for channel, words in media.items() %}
            when {{ medium }} in ('{{ words | join("', '") }}')
                then '{{ "search" if channel == "paid" else channel }}'
            {%- endfor %}
            {%- for channel, words in sources.items() %}
            when {{ source }} in ('{{ words | join("', '") }}') then '{{ channel }}'
            {%- endfor %}
            when {{ source }} in ('unknown', '') and {{ medium }} in ('unknown', '') then 'Unknown'
            else 'other'
        end
{%- endmacro %}
