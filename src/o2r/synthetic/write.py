"""Files: one per bronze table, written beside the target and moved into place when complete."""

import csv
import hashlib
import json
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

MANIFEST, TRUTH = "manifest.json", "synthetic_truth.json"
GENERATOR_VERSION = 6
"""Raised whenever the same configuration starts to give other data."""


@dataclass(frozen=True)
class Manifest:
    """What a folder of generated files holds: configuration, and rows and SHA-256 by file name."""

    generator_version: int
    config: dict
    files: dict[str, dict]

    @property
    def rows(self) -> int:
        """Rows in all data files."""
        return sum(entry["rows"] or 0 for entry in self.files.values())


class Sink:
    """Writes chunks of tables into `folder`; one file per name, schema of its first chunk."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._rows: dict[str, int] = {}

    def write(self, name: str, chunk: pa.Table) -> None:
        """Append `chunk` to the Parquet or CSV file `name`."""
        self._rows[name] = self._rows.get(name, 0) + len(chunk)
        if name.endswith(".csv"):
            self._append_csv(self._folder / name, chunk)
            return
        if name not in self._writers:
            self._writers[name] = pq.ParquetWriter(
                self._folder / name, chunk.schema, compression="zstd", version="2.6"
            )
        if len(chunk):
            self._writers[name].write_table(chunk)

    @staticmethod
    def _append_csv(path: Path, chunk: pa.Table) -> None:
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            if file.tell() == 0:
                writer.writerow(chunk.column_names)
            columns = (column.to_pylist() for column in chunk.columns)
            writer.writerows(zip(*columns, strict=True))

    def close(self) -> dict[str, int]:
        """Finish all files; rows by file name."""
        for writer in self._writers.values():
            writer.close()
        return self._rows


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_json(path: Path, value) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of `folder`, or None if there is none that can be read."""
    try:
        return Manifest(**json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def intact(folder: Path, config: dict) -> Manifest | None:
    """The manifest of `folder` if it has this configuration and all its files are unharmed."""
    manifest = read_manifest(folder)
    if manifest is None or manifest.config != config:
        return None
    if manifest.generator_version != GENERATOR_VERSION:
        return None
    for name, entry in manifest.files.items():
        path = folder / name
        if not path.is_file() or _sha256(path) != entry["sha256"]:
            return None
    return manifest


def finish(folder: Path, config: dict, rows: dict[str, int], truth: list[dict]) -> Manifest:
    """Write the truth and the manifest of a folder whose data files are complete."""
    _write_json(folder / TRUTH, truth)
    names = sorted([*rows, TRUTH])
    files = {n: {"rows": rows.get(n), "sha256": _sha256(folder / n)} for n in names}
    manifest = Manifest(GENERATOR_VERSION, config, files)
    _write_json(folder / MANIFEST, asdict(manifest))
    return manifest


def staging_folder(target: Path) -> Path:
    """A new empty folder beside `target`, on the same disk."""
    target.parent.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))


def check_replaceable(target: Path) -> None:
    """Raise FileExistsError if `target` holds anything that this module did not write."""
    if not target.exists():
        return
    if not target.is_dir():
        raise FileExistsError(f"{target} is not a folder")
    manifest = read_manifest(target)
    known = {MANIFEST, *manifest.files} if manifest else set()
    foreign = sorted({path.name for path in target.iterdir()} - known)
    if foreign:
        raise FileExistsError(
            f"{target} holds files that are not in a {MANIFEST} ({foreign[0]}); "
            "choose an empty folder"
        )


def move_into_place(staged: Path, target: Path) -> None:
    """Replace `target` by `staged`; no reader ever sees a half-written folder."""
    staged.chmod(0o755)
    if target.exists():
        old = staging_folder(target)
        target.replace(old)
        staged.replace(target)
        shutil.rmtree(old)
    else:
        staged.replace(target)
