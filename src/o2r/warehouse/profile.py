"""`dbt/profiles.yml`, with which dbt that is started by hand finds the warehouse.

`o2r` gives dbt its connection in variables, which dbt/profiles/profiles.yml reads. Who types
`cd dbt && dbt build` has none: the same file is written beside dbt_project.yml, where dbt looks
first, with what `.env` and the embedded server say as defaults.
"""

import os
import re
from pathlib import Path

import yaml

from o2r.settings import Settings
from o2r.warehouse.connection import environment
from o2r.warehouse.embedded import running
from o2r.yaml_files import read_yaml

TEMPLATE, PROFILE = "profiles/profiles.yml", "profiles.yml"
VARIABLE = re.compile(r"env_var\('(?P<name>POSTGRES_\w+)'(?P<default>, '[^']*')?\)")
HEADER = "# Written by `o2r up` and `o2r setup`. Variables of the environment win.\n"


class _FileSettings(Settings):
    """The settings as the files of the checkout give them, whatever is in the environment."""

    @classmethod
    def settings_customise_sources(cls, settings_cls, /, **sources):
        """Read arguments and `.env` only."""
        return (sources["init_settings"], sources["dotenv_settings"])


def write_profile(project: Path) -> Path | None:
    """Write the profile and return its path; None where there is nothing to say or no way to.

    It can be read by its owner only, as it holds what `.env` does. Nothing is written while the
    checkout names no server and its embedded one does not run.
    """
    settings = _FileSettings(_env_file=project / ".env", O2R_PROJECT=project)
    folder = settings.dbt_dir
    silent = settings.embedded and running(settings) is None
    if silent or not os.access(folder, os.W_OK):
        return None
    known = {k: v for k, v in environment(settings).items() if k.startswith("POSTGRES_")}
    if settings.embedded:
        del known["POSTGRES_PASSWORD"]  # its socket asks for none

    def with_default(found: re.Match) -> str:
        name = found["name"]
        default = f", {known[name]!r}" if name in known else found["default"] or ""
        return f"env_var('{name}'{default})"

    outputs = read_yaml(folder / TEMPLATE)
    for output in outputs["o2r"]["outputs"].values():
        for key, value in output.items():
            output[key] = VARIABLE.sub(with_default, value)
    aside = folder / f".{PROFILE}.{os.getpid()}"
    aside.touch(mode=0o600)
    aside.write_text(HEADER + yaml.safe_dump(outputs, sort_keys=False))
    return aside.replace(folder / PROFILE)
