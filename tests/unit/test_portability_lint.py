"""Each rule of the portability check fires on the form it forbids and on nothing it allows."""

from pathlib import Path

import pytest

from o2r.lint.portability import COMPILED_RULES, RAW_RULES, check_compiled, check_project, check_raw

MODEL = Path("model.sql")

FORBIDDEN = [
    "select current_date",
    "select now() as built_at",
    "select clock_timestamp()",
    "select cast(a as timestamptz)",
    "select cast(a as timestamp with time zone)",
    "select a at time zone 'UTC'",
    "select to_char(a, 'IYYY')",
    "select extract(isodow from a)",
    "select extract( epoch from a)",
    "select age(a, b)",
    "select make_interval(days => 1)",
    "select cast(a as numeric)",
    "select cast(a as decimal) as b",
    "select cast(a as float)",
    "select cast(a as double  precision)",
    "select cast(a as text)",
    "select a::date",
    "select log(a)",
    "select least(100, 100 * breadth_pct / 80)",
    "select sum(GREATEST (a, b))",
    "select distinct on (a) a, b",
    "select a from t qualify b = 1",
    "select percentile_cont(array[0.5]) within group (order by a)",
    "select concat(a, b)",
    "select a ~ 'x'",
    "select a !~* 'x'",
    "select a similar to 'x'",
    'select "Name" from t',
    "select a from generate_series(1, 9)",
    "select unnest(a)",
    "select string_to_array(a, ',')",
    r"select regexp_like(a, '^\d+$')",
    "select a from t order by a",
    "select a from t order by a desc nulls last, b",
    "select row_number() over (partition by a order by b) from t",
    "select rank() over (order by coalesce(a, 0) desc rows unbounded preceding) from t",
    "select count(distinct a) over (partition by b)",
    "select count(distinct a) filter (where b) over (partition by c)",
]

ALLOWED = [
    "-- current_date, now() and a::date in a comment\nselect 1",
    "/* order by a */ select 'now() ~ generate_series(1, 2) order by x' as note",
    'select a from "o2r"."dbt_ci_mart_gold"."dim_date" as dates',
    "select cast(timezone('UTC', loaded_at) as timestamp) as loaded_at",
    "select cast(date_part('isodow', a) as integer)",
    "select cast(a as float8), cast(b as numeric(18, 6)), cast(c as numeric (18, 6))",
    "select encode(sha256(convert_to(a, 'UTF8')), 'hex')",
    "select md5(cast(coalesce(cast(a as TEXT), '') || '-' as TEXT))",
    "select extract(year from a), date_trunc('week', a), usage_age, text, b as text_length",
    "select percentile_cont(0.95) within group (order by a) as p95",
    "select a from t order by a desc nulls last, coalesce(b, 0) nulls first limit 5",
    "select row_number() over (order by a nulls last, b desc nulls last) as n, c from t",
    "select sum(a) over (order by b nulls last rows between 6 preceding and current row) from t",
    "select count(distinct a) filter (where b) as n, sum(c) over (partition by d) from t",
    "select ln(a), concat_ws(' ', a, b), regexp_like(a, '^[0-9]+$')",
    "select case when a <= 100 then a when 100 < a then 100 end as at_least, at_least(a)",
    "select catalog(a), nowhere, known_now, distinct_online from t",
]

RAW_FORBIDDEN = [
    "select initcap(trim(stage)) from x",
    "select percentile_cont(0.9) within group (order by value nulls last) from x",
    "select nullif(value, cast('NaN' as numeric(18, 6))) from x",
    "select rtrim(path, '/') from x",
    "select cast(-change_pct as integer) from x",
    "select cast(100 * part as bigint) from x",
    "select cast(days as integer) / 7 from x",
    "select timezone('UTC', a)",
    "select date_part('week', a)",
    "select cast(a as float8)",
    "select encode(sha256(a), 'hex')",
    "select convert_to(a, 'UTF8')",
    "{% if is_incremental() %} where a < current_date {% endif %}",
    "select case when n = 1 then cast('1900-01-01' as timestamp) else a end as valid_from_at",
]

RAW_ALLOWED = [
    "select cast(round(-change_pct) as integer), cast(later - earlier as integer) from x",
    "select cast(days as integer) / cast(7 as numeric(18, 6)), rtrim(path) from x",
    "select {{ to_utc('a') }} as a, {{ sha256_hex('b') }} as email_sha256",
    "{# timezone('UTC', a) would not travel #}\nselect {{ type_double() }}",
    "-- date_part differs between engines\nselect {{ iso_dow('a') }}",
    "select coalesce(a, cast('9999-12-31' as timestamp)) as valid_to_at",
]


@pytest.mark.parametrize("sql", FORBIDDEN)
def test_forbidden_form_is_found(sql: str) -> None:
    assert check_compiled(MODEL, sql)


@pytest.mark.parametrize("sql", ALLOWED)
def test_allowed_form_passes(sql: str) -> None:
    assert check_compiled(MODEL, sql) == []


@pytest.mark.parametrize("sql", RAW_FORBIDDEN)
def test_engine_form_in_a_model_file_is_found(sql: str) -> None:
    assert check_raw(MODEL, sql)


@pytest.mark.parametrize("sql", RAW_ALLOWED)
def test_macro_call_in_a_model_file_passes(sql: str) -> None:
    assert check_raw(MODEL, sql) == []


def test_every_rule_has_an_example() -> None:
    for rule in COMPILED_RULES:
        assert any(rule.pattern.search(sql) for sql in FORBIDDEN), rule
    for rule in RAW_RULES:
        assert any(rule.pattern.search(sql) for sql in RAW_FORBIDDEN), rule


def test_finding_names_file_line_words_and_remedy() -> None:
    sql = "-- Grain: one row.\nselect\n    'a;--' as a,\n    b::date as b\nfrom t\norder  by\n    b"
    assert [str(finding) for finding in check_compiled(MODEL, sql)] == [
        "model.sql:4: `::`: write cast(x as type)",
        "model.sql:7: `order by b`: say nulls first or nulls last",
    ]


def test_project_check_reads_both_forms_and_misses_no_model(tmp_path: Path) -> None:
    dbt_dir, compiled = tmp_path / "dbt", tmp_path / "compiled"
    for folder in (dbt_dir, compiled):
        (folder / "models").mkdir(parents=True)
    (dbt_dir / "models" / "a.sql").write_text("select timezone('UTC', b)")
    with pytest.raises(SystemExit, match="no compiled SQL"):
        check_project(dbt_dir, compiled)
    (compiled / "models" / "a.sql").write_text("select c::date")
    assert [finding.words for finding in check_project(dbt_dir, compiled)] == ["timezone(", "::"]
