"""Looking files over before any is loaded: which tables they feed, and from what columns."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from dataclasses import replace as with_changes
from functools import cached_property
from pathlib import Path

from psycopg2 import sql

from o2r.bronze.columns import choose_table, examine, is_ignored, read_by
from o2r.bronze.files import DataFile, find_files, skipped_files
from o2r.bronze.lookups import Partners, partners
from o2r.bronze.mapping import EXPORTED, FileMapping, Mapping
from o2r.bronze.survey import Survey, survey
from o2r.contracts import Contract
from o2r.errors import UserError

Note = Callable[[str], None]
"""Called with a line that a person should read: a file left aside, values that no seed knows."""


@dataclass(frozen=True)
class Job:
    """A file for a table that has passed inspection; `values` as `resolve` gives them.

    together: checksums of all entries of the file, this one's included.
    partners: other files that the mapping looks something up in.
    problems: lines about columns that do not fit; none of a job that is loaded.
    """

    file: DataFile
    contract: Contract
    entry: FileMapping
    look: Survey
    values: dict[str, sql.Composable]
    pattern: str | None
    together: tuple[str, ...]
    partners: Partners = field(default_factory=dict)
    exported: str | None = None
    problems: tuple[str, ...] = ()

    @property
    def checksum(self) -> str:
        """SHA-256 of the file's content and of all that may change what becomes of it."""
        return _checksum(self.look, self.entry, self.partners, self.exported)

    @property
    def ignored(self) -> list[str]:
        """Source columns that the mapping leaves out."""
        return [name for name in self.look.names if is_ignored(name, self.entry)]


@dataclass(frozen=True)
class Folder:
    """What is to be loaded: a file or a folder, and how its files are read.

    besides: files in it that are no data, such as the mapping.
    lenient: whether a file that fits no mapping and no table is left aside with a word.
    """

    path: Path
    mapping: Mapping
    contracts: dict[str, Contract]
    besides: tuple[Path, ...] = ()
    lenient: bool = False

    def files(self, note: Note, *, allow_none: bool = False) -> list[DataFile]:
        """Find the files to load, and name every other one of the folder."""
        found = find_files(self.path, allow_none=allow_none)
        for line in skipped_files(self.path, self.besides):
            note(f"skipped: {line}")
        if not self.path.is_dir() and not self.mapping.skips(found[0]):
            return found
        wanted = []
        for file in found:
            # .json is also what settings and manifests are written in
            is_json = Path(file.path.name.removesuffix(".gz")).suffix.lower() == ".json"
            is_named = {*file.table_hints} & self.contracts.keys() or self.mapping.names(file)
            if why := self.mapping.skips(file):
                note(f"skipped: {file.name}: {why}")
            elif is_named or not (is_json or self.lenient):
                wanted.append(file)
            else:
                why = "named after no bronze table: rename or map it to load it"
                note(f"skipped: {file.name}: {why}")
        return wanted

    def jobs(self, file: DataFile) -> list[Job]:
        """Look a file over: a job for each table it feeds.

        Raises UserError for one that cannot be loaded.
        """
        jobs = self.drafts(file)
        for job in jobs:
            if job.problems:
                raise UserError(job.problems[0])
        return jobs

    def drafts(self, file: DataFile) -> list[Job]:
        """As `jobs`, with columns that do not fit as problems of the jobs."""
        entries = self.mapping.of(file)
        file = _as_mapped(file, entries[0])
        tables = [choose_table(file, entry, self.contracts) for entry in entries]
        look = survey(file)
        beside = [partners(file, entry, self._looks(entry, file)) for entry in entries]
        exported = self.mapping.exported
        together = tuple(
            _checksum(look, entry, others, exported)
            for entry, others in zip(entries, beside, strict=True)
        )
        jobs = []
        for entry, contract, others in zip(entries, tables, beside, strict=True):
            elsewhere = {
                name for one in entries if one is not entry for name in read_by(one, look.names)
            }
            values, problems = examine(file, look.names, contract, entry, elsewhere)
            if entry.tells_exported and not exported and EXPORTED not in entry.optional:
                problems.append(
                    f"{file.name}: the mapping reads {EXPORTED}, the day of the export: say it "
                    "with --exported YYYY-MM-DD, or as `exported` in the mapping"
                )
            pattern = self.mapping.pattern_of(file)
            job = Job(file, contract, entry, look, values, pattern, together)
            more = {"partners": others, "exported": exported, "problems": tuple(problems)}
            jobs.append(with_changes(job, **more))
        return jobs

    def _looks(self, entry: FileMapping, file: DataFile) -> Iterable[tuple[DataFile, Survey]]:
        """The files that an entry looks something up in, as they are read themselves."""
        if not entry.lookups:
            return []
        wanted = [one.file for one in entry.lookups.values()]
        found = []
        for one in self._neighbours:
            read_as = self.mapping.of(one)[0]
            # a file that is read like a tool's is meant by the tool's name for it
            kind = (read_as.like or "").partition("/")[2]
            if one.path != file.path and (one.is_meant_by(wanted) or kind in wanted):
                other = _as_mapped(with_changes(one, kind=kind or None), read_as)
                found.append((other, survey(other)))
        return found

    @cached_property
    def _neighbours(self) -> list[DataFile]:
        return find_files(self.path if self.path.is_dir() else self.path.parent)


def _as_mapped(file: DataFile, entry: FileMapping) -> DataFile:
    separator = entry.separator if "separator" in entry.model_fields_set else file.separator
    return with_changes(file, separator=separator, encoding=entry.encoding, records=entry.records)


def _checksum(look: Survey, entry: FileMapping, others: Partners, exported: str | None) -> str:
    if entry == FileMapping():
        return look.checksum
    parts = [look.checksum, entry.model_dump_json()]
    parts += [one.checksum for found in others.values() for _, one in found]
    parts += [exported] if exported and entry.tells_exported else []
    return hashlib.sha256("".join(parts).encode()).hexdigest()
