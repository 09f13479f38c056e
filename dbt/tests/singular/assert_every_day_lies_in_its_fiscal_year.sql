-- Every day lies in its fiscal year, which begins with the month of the var
-- fiscal_year_start_month and lasts twelve months.
select
    date_day,
    fiscal_year_start,
    fiscal_year_end
from {{ ref('dim_date') }}
where
    date_day < fiscal_year_start
    or date_day > fiscal_year_end
    or fiscal_year_start <> cast(
        date_trunc('year', fiscal_year_start)
        + interval '{{ setting("fiscal_year_start_month") - 1 }} month' as date
    )
    or cast(fiscal_year_end + interval '1 day' as date)
    <> cast(fiscal_year_start + interval '12 month' as date)
