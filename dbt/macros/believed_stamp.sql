{#-
  Instant by which the versions of a business key are ranked where the source says when each was
  written. A stamp later than its own delivery cannot be true: such a version, or one without a stamp,
  is as new as its delivery while no other version has been delivered since, and else the oldest.
  Otherwise one typing error (2099) would beat every correction for ever.
  stamp: naive UTC timestamp; key: columns of the business key, as in version_rank. Needs loaded_at.
-#}
{% macro believed_stamp(stamp, key) -%}
    case
            when {{ stamp }} <= loaded_at then {{ stamp }}
            when
                loaded_at > coalesce(
                    max(case when {{ stamp }} <= loaded_at then loaded_at end)
                        over (partition by {{ key | join(', ') }}),
                    cast('0001-01-01' as timestamp)
                )
                then loaded_at
        end
{%- endmacro %}
