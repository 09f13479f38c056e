"""What models take from dbt beyond sqlfluff's own emulation, for its jinja templater."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import yaml

_VARS = yaml.safe_load(Path("dbt/dbt_project.yml").read_text())["vars"]


def var(name: str, default: object = None) -> object:
    """Return a variable's value in `dbt_project.yml`."""
    return _VARS.get(name, default)


setting = var
"""A setting of the company is the variable where nothing is stated."""


def env_var(_: str, default: str) -> str:
    """Return what a variable of the environment is where nobody has set it."""
    return default


def _dispatch(macro_name: str, macro_namespace: str | None = None):
    """Return a stand-in for an engine macro: a type name or a plain function call."""

    def render(*arguments: object) -> str:
        if macro_name.startswith("type_"):
            return "double"
        return f"{macro_name}({', '.join(map(str, arguments))})"

    return render


def _surrogate_key(field_list: list[str]) -> str:
    return f"md5(concat({', '.join(field_list)}))"


adapter = SimpleNamespace(dispatch=_dispatch)
dbt_utils = SimpleNamespace(generate_surrogate_key=_surrogate_key)
run_started_at = datetime(2026, 1, 1, tzinfo=UTC)
model = SimpleNamespace(columns=["period_start"])
batch_ids = "'{}'"
started_at = "'2026-01-01'"


def is_forbidden(_: str) -> str:
    """Return a stand-in for the condition that the reconciliation makes of a contract."""
    return "coalesce(loaded_at < '2000-01-01', false)"
