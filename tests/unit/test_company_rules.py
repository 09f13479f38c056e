"""What a company may state of itself, and what is said where it may not."""

from datetime import date
from pathlib import Path

import pytest
import yaml

from o2r.company.rules import CompanySettings
from o2r.company.stated import checked, defaults
from o2r.errors import UserError
from o2r.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = load_settings(project=ROOT)
TIERS = {"champion": 80, "healthy": 60, "neutral": 40, "at_risk": 20}


def test_every_default_may_be_stated():
    given = {name: one for name, one in defaults(SETTINGS).items() if one is not None}
    assert checked(SETTINGS, given) == given


def test_every_setting_is_a_variable_that_models_read_as_a_setting():
    texts = "".join(
        path.read_text()
        for folder in ("models", "tests", "macros")
        for path in (ROOT / "dbt" / folder).rglob("*.sql")
    )
    names = CompanySettings.model_fields.keys() - {"time_zone"}
    assert {name for name in names if f"setting('{name}')" not in texts} - {
        "reporting_currency", "fiscal_year_start_month"
    } == set()  # fmt: skip
    assert 'setting("reporting_currency")' in texts
    assert 'setting("fiscal_year_start_month")' in texts
    directly = {name for name in names if f"var('{name}')" in texts or f'var("{name}")' in texts}
    assert directly == {"as_of_date"}, "int_as_of puts --vars before O2R_AS_OF"


def test_macros_read_no_setting_behind_the_back_of_a_model():
    """settings_read looks for them in the code of models."""
    for path in (ROOT / "dbt" / "macros").rglob("*.sql"):
        if path.name != "settings.sql":
            assert "setting(" not in path.read_text().replace("current_setting(", ""), path


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"reporting_curency": "EUR"}, "no setting reporting_curency; did you mean reporting_cur"),
        ({"reporting_currency": "CHF"}, "reporting_currency: seeds/exchange_rates.csv has EUR, "),
        ({"fiscal_year_start_month": 13}, "fiscal_year_start_month: input should be less than or"),
        ({"fiscal_year_start_month": "4"}, "fiscal_year_start_month: input should be a valid int"),
        ({"fiscal_year_start_month": True}, "fiscal_year_start_month: input should be a valid in"),
        ({"time_zone": "Europe/Berlin"}, "time_zone: only UTC: every day, week and month"),
        ({"as_of_date": "2025-02-30"}, "as_of_date: must be a day such as 2025-10-01, not '2025-"),
        ({"retired_feeds": ["nothing"]}, "retired_feeds: no bronze table nothing"),
        ({"retired_feeds": "web_events"}, "retired_feeds: input should be a valid list"),
        ({"risk_low_health_below": 101}, "risk_low_health_below: input should be less than"),
        ({"risk_low_health_below": float("nan")}, "risk_low_health_below: input should be"),
        ({"health_tiers": TIERS | {"healthy": "60"}}, "health_tiers.healthy: must be a number"),
        ({"health_tiers": {"healthy": 60}}, "health_tiers.champion: field required"),
        ({"health_tiers": TIERS | {"best": 99}}, "health_tiers.best: extra inputs are not"),
        ({"health_tiers": TIERS | {"neutral": 70}}, "health_tiers: at_risk, neutral, healthy, ch"),
        ({"growing_max_days": 30}, "onboarding_max_days, growing_max_days: must rise, not 90, 30"),
    ],
)
def test_what_is_wrong_is_named(given, said):
    with pytest.raises(UserError) as found:
        checked(SETTINGS, given)
    assert str(found.value).startswith(said)
    assert "\n" not in str(found.value)


def test_all_faults_are_named_at_once():
    with pytest.raises(UserError) as found:
        checked(
            SETTINGS, {"fiscal_year_start_month": 0, "nonsense": 1, "risk_renewal_near_days": 0}
        )
    for part in ("fiscal_year_start_month", "no setting nonsense", "risk_renewal_near_days"):
        assert part in str(found.value)


def test_days_are_kept_as_text_and_numbers_as_they_are():
    given = {"as_of_date": date(2025, 10, 1), "risk_low_health_below": 42.5}
    assert checked(SETTINGS, given) == {"as_of_date": "2025-10-01", "risk_low_health_below": 42.5}


def test_what_is_not_stated_stays_a_default_of_the_project():
    variables = yaml.safe_load((ROOT / "dbt/dbt_project.yml").read_text())["vars"]
    assert defaults(SETTINGS).items() <= variables.items()
