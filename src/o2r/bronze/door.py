"""Bringing a file to the door of bronze: staged, shaped by its mapping, judged by its contract."""

from dataclasses import dataclass

from psycopg2.extensions import cursor as Cursor

from o2r.bronze.columns import convert, stated_forms
from o2r.bronze.inspection import Job
from o2r.bronze.lookups import stage_lookups
from o2r.bronze.shaping import shape
from o2r.bronze.split import Splitter
from o2r.bronze.staging import Report, stage, stage_typed
from o2r.bronze.survey import stamp
from o2r.errors import UserError


@dataclass(frozen=True)
class AtTheDoor:
    """What became of a file's rows; all temporary tables are those of o2r.bronze.split.

    is_copied: COPY has filled `typed`, and there is no `incoming`.
    duplicate: rows that the file itself repeats.
    """

    split: Splitter
    received: int
    is_copied: bool
    duplicate: int


def bring(cursor: Cursor, job: Job, report: Report, unknown: list[str] | None = None) -> AtTheDoor:
    """Take a file apart into rows that its contract accepts and others, in this transaction.

    unknown: gets a line about each word that the mapping does not know; without it the first one
        is a UserError.
    """
    file, look, contract = job.file, job.look, job.contract
    values = convert(job.values, job.entry, contract)
    split = Splitter(cursor, contract, values, stated_forms(job.entry))
    received = None
    if not job.entry.reshapes:
        received = stage_typed(cursor, file, look, contract, values, report)
    is_copied = received is not None
    if not is_copied:
        stage_lookups(cursor, job.entry, job.partners)
        stage(cursor, file, look, report)
    refuse_changed(job)
    if not is_copied:
        found = shape(cursor, file.name, look.names, job.entry, job.values, job.exported)
        if found and unknown is None:
            raise UserError(found[0])
        if unknown is not None:
            unknown += found
        received = split.keep_readable()
    split.reject_unsound(is_copied=is_copied)
    return AtTheDoor(split, received, is_copied, split.drop_repeated())


def refuse_changed(job: Job) -> None:
    """Raise UserError when the file is no longer the one that was looked at."""
    if stamp(job.file) != job.look.stamp:
        name = job.file.name
        raise UserError(f"{name}: changed while it was loaded: load it when it is complete")
