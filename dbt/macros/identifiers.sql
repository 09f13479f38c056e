{#-
  Identifiers of people: normalised, then hashed (docs/identifiers.md). What is empty, malformed or
  not ASCII gives null, never the hash of something else; a value that is a SHA-256 already is
  taken over.
-#}

{#- A delivered text without blanks around it: spaces, no-break spaces, tabs, line breaks. -#}
{% macro without_outer_blanks(value) -%}
    {%- set blanks = '[\u0009-\u000d \u00a0]+' -%}
    {{ regexp_replace_all(value, "'^" ~ blanks ~ "|" ~ blanks ~ "$'", "''") }}
{%- endmacro %}

{#- A SHA-256 in hexadecimal digits, in lower case; null for all else and for the hash of ''. -#}
{% macro delivered_sha256(value) -%}
    {%- set text = without_outer_blanks(value) -%}
    nullif(
        case when regexp_like({{ text }}, '^[0-9A-Fa-f]{64}$') then lower({{ text }}) end,
        'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
    )
{%- endmacro %}

{#-
  An e-mail address in lower case without blanks around it; null where it is none: one @, a name
  and a domain of ASCII characters, no empty part, a top-level domain that begins with a letter.
-#}
{% macro email_address(value) -%}
    {%- set text = without_outer_blanks(value) -%}
    {%- set word = "[A-Za-z0-9!#$%&''*+/=?^_\u0060{|}~-]+" -%}
    {%- set label = '[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?' -%}
    case
        when length({{ text }}) <= 254 and regexp_like(
            {{ text }},
            '^{{ word }}([.]{{ word }})*@({{ label }}[.])+[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]$'
        ) then lower({{ text }})
    end
{%- endmacro %}

{#-
  Canonical hash of an e-mail address, or the hash delivered in its place: dots before the @ of
  gmail.com and googlemail.com do not count, a +tag does.
  value: SQL expression of type text.
-#}
{% macro hem(value) -%}
    {%- set address = email_address(value) -%}
    coalesce(
        {{ delivered_sha256(value) }},
        {{ sha256_hex(
            "case when regexp_like(" ~ address ~ ", '@(gmail|googlemail)[.]com$')"
            ~ " then replace(split_part(" ~ address ~ ", '@', 1), '.', '')"
            ~ " || '@' || split_part(" ~ address ~ ", '@', 2)"
            ~ " else " ~ address ~ " end"
        ) }}
    )
{%- endmacro %}

{#- Hash of an e-mail address as Meta wants it, or the hash delivered in its place: dots count. -#}
{% macro hem_meta(value) -%}
    coalesce({{ delivered_sha256(value) }}, {{ sha256_hex(email_address(value)) }})
{%- endmacro %}

{#-
  A phone number as dialled: digits, with the leading + if it has one; null where anything but
  digits and the usual punctuation stands in it, such as an extension.
-#}
{% macro dialled_number(value) -%}
    {%- set punctuation = "'[\u0009-\u000d \u00a0()./\u2010-\u2015-]'" -%}
    {%- set text = regexp_replace_all(value, punctuation, "''") -%}
    case when regexp_like({{ text }}, '^[+]?[0-9]+$') then {{ text }} end
{%- endmacro %}

{#-
  Digits after the + or the international prefix of a dialled number; null where it has neither.
  dialled: column made by dialled_number.
  country: alias of the row of country_calling_codes; no row is like a row of nulls.
-#}
{% macro digits_from_abroad(dialled, country) -%}
    case
        when {{ dialled }} like '+%' then substr({{ dialled }}, 2)
        when {{ dialled }} like {{ country }}.international_prefix || '%'
            then substr({{ dialled }}, length({{ country }}.international_prefix) + 1)
    end
{%- endmacro %}

{#-
  Digits of a dialled number as at home, without the trunk prefix. A number that lacks the trunk
  prefix, or has the calling code without a +, counts only where the lengths of the country's
  numbers leave no doubt that it is complete. Neither may 011 be what is dialled from North America.
-#}
{% macro digits_at_home(dialled, country) -%}
    {%- set code = country ~ '.calling_code' -%}
    {%- set trunk = country ~ '.trunk_prefix' -%}
    {%- set fits = 'between ' ~ country ~ '.min_digits and ' ~ country ~ '.max_digits' -%}
    {%- set is_even = '(' ~ country ~ '.max_digits - ' ~ country ~ '.min_digits <= 1)' -%}
    {%- set has_code = (
        dialled ~ ' like ' ~ code ~ " || '%' and length(" ~ dialled ~ ') - length(' ~ code ~ ') '
        ~ fits
    ) -%}
    case
        when not {{ is_even }} and {{ dialled }} like '011%' and length({{ dialled }}) >= 12
            then null
        when
            {{ dialled }} like {{ trunk }} || '%'
            and length({{ dialled }}) - length({{ trunk }}) {{ fits }}
            then substr({{ dialled }}, length({{ trunk }}) + 1)
        when {{ is_even }} and length({{ dialled }}) {{ fits }} then {{ dialled }}
        when {{ has_code }}
            then case when {{ is_even }} then substr({{ dialled }}, length({{ code }}) + 1) end
        when {{ trunk }} is null and length({{ dialled }}) {{ fits }} then {{ dialled }}
    end
{%- endmacro %}

{#-
  E.164 without the +, of the two columns above; null where the country does not settle it.
  phone: column as delivered. A zero in brackets, +49 (0)30, is dialled at home only.
-#}
{% macro e164_digits(phone, from_abroad, at_home, country) -%}
    {%- set code = country ~ '.calling_code' -%}
    {%- set trunk = country ~ '.trunk_prefix' -%}
    {%- set digits -%}
        case
            when {{ from_abroad }} like {{ code }} || '0%' and {{ trunk }} = '0'
                then {{ code }} || substr({{ from_abroad }}, length({{ code }}) + 2)
            when {{ from_abroad }} is not null
                then case when {{ phone }} not like '%(0)%' then {{ from_abroad }} end
            -- Where a prefix is dialled before it, no number begins with a 0, nor with that 1.
            when {{ at_home }} like '00%' then null
            when {{ trunk }} is not null and {{ at_home }} like '0%' then null
            when {{ trunk }} = '1' and {{ at_home }} like '1%' then null
            else {{ code }} || {{ at_home }}
        end
    {%- endset -%}
    case when regexp_like({{ digits }}, '^[1-9][0-9]{6,14}$') then {{ digits }} end
{%- endmacro %}
