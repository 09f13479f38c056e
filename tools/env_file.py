"""Write `.env` from `.env.example`, with secrets made here; what `.env` says already stays.

Usage: python tools/env_file.py. Needs nothing but Python, as it runs before anything is installed.
"""

import base64
import os
import re
import secrets
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
KEY_BYTES = 32  # of a Fernet key; enough for every password
JWT_BYTES = 64  # Airflow signs with HMAC-SHA512

SECRETS = {
    "AIRFLOW_ADMIN_PASSWORD": lambda: secrets.token_urlsafe(16),
    "AIRFLOW_DB_PASSWORD": lambda: secrets.token_urlsafe(KEY_BYTES),
    "AIRFLOW_FERNET_KEY": lambda: base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode(),
    "AIRFLOW_JWT_SECRET": lambda: secrets.token_urlsafe(JWT_BYTES),
    "AIRFLOW_SECRET_KEY": lambda: secrets.token_urlsafe(KEY_BYTES),
    "METABASE_DB_PASSWORD": lambda: secrets.token_urlsafe(KEY_BYTES),
    "METABASE_ENCRYPTION_KEY": lambda: secrets.token_urlsafe(KEY_BYTES),
    # Metabase asks for a digit.
    "METABASE_PASSWORD": lambda: f"{secrets.token_urlsafe(16)}{secrets.randbelow(10)}",
    "METABASE_READER_PASSWORD": lambda: secrets.token_urlsafe(KEY_BYTES),
    "PGADMIN_PASSWORD": lambda: secrets.token_urlsafe(16),
    "POSTGRES_BUILDER_PASSWORD": lambda: secrets.token_urlsafe(KEY_BYTES),
    "POSTGRES_LOADER_PASSWORD": lambda: secrets.token_urlsafe(KEY_BYTES),
    "POSTGRES_PASSWORD": lambda: secrets.token_urlsafe(KEY_BYTES),
}
"""Variables that must not be empty, and how a value of each is made."""

ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*$")


def variables(lines: list[str]) -> dict[str, str]:
    """Values by name, as written; the last line of a name counts."""
    found = (ASSIGNMENT.match(line) for line in lines)
    return {match[1]: match[2] for match in found if match}


def _name(line: str) -> str | None:
    match = ASSIGNMENT.match(line)
    return match[1] if match else None


def complete(example: list[str], current: list[str]) -> tuple[list[str], list[str]]:
    """Fill in the secrets of `.env`, and add the variables that only `.env.example` has.

    Returns the lines, and the names that were filled in or added. An empty secret counts as
    missing, but a POSTGRES_PASSWORD beside a POSTGRES_HOST does not: it belongs to a server that is
    there already, and may rightly be empty.
    """
    have = variables(current)
    missing = [name for name in variables(example) if name not in have]
    empty = [name for name in SECRETS if have.get(name) in ("", "''", '""')]
    if have.get("POSTGRES_HOST") and "POSTGRES_PASSWORD" in empty:
        empty.remove("POSTGRES_PASSWORD")
    made = {name: f"{name}={SECRETS[name]()}" for name in [*missing, *empty] if name in SECRETS}
    if not current:
        return [made.get(_name(line), line) for line in example], missing
    lines = [made.get(_name(line), line) for line in current]
    if missing:
        lines += ["", "# Added by `make env`; .env.example explains them."]
        lines += [made.get(_name(line), line) for line in example if _name(line) in missing]
    return lines, [*missing, *empty]


def write(path: Path, lines: list[str]) -> None:
    """Replace `path` as a whole, readable for its owner alone."""
    handle, aside = tempfile.mkstemp(prefix=".env-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        Path(aside).replace(path)
    finally:
        Path(aside).unlink(missing_ok=True)


def main(project: Path = PROJECT) -> None:
    """Write `.env` of the project and say what was done, naming no value."""
    path = project / ".env"
    try:
        example = (project / ".env.example").read_text(encoding="utf-8").splitlines()
        current = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        lines, changed = complete(example, current)
        if changed:
            write(path.resolve(), lines)
        else:
            path.chmod(0o600)
    except (OSError, UnicodeDecodeError) as error:
        sys.exit(f"error: cannot make {path}: {error}")
    if not current:
        print("wrote .env, with secrets of its own")
    elif changed:
        print(f".env: added {', '.join(changed)}")
    else:
        print(".env is complete: nothing was changed")
    if not variables(lines)["POSTGRES_PASSWORD"]:
        print("POSTGRES_PASSWORD stays empty, as POSTGRES_HOST names a server of yours")


if __name__ == "__main__":
    main()
