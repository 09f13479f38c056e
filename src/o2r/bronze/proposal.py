"""`o2r map`: what the files of a folder are, by their headings, and a mapping file to start from.

What is certain is written down; what is not is a question in the file, and a file with a question
is not loaded. Only the first rows of each file are looked at.
"""

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import replace as with_changes
from itertools import islice
from pathlib import Path

from o2r.bronze.countries import country_words
from o2r.bronze.files import DataFile, find_files, fits, open_bytes, open_text
from o2r.bronze.json_files import open_rows
from o2r.bronze.mapping import QUESTION, FileMapping, Mapping
from o2r.bronze.proposal_text import Draft, render
from o2r.bronze.records import csv_records, json_names, json_records
from o2r.bronze.survey import SEPARATORS
from o2r.bronze.tools import ACCOUNTS, read_tool, tool_names
from o2r.contracts import Column, Contract
from o2r.errors import UserError

ROWS = 1000
"""Rows of a file that are looked at."""
HEAD = 1 << 20  # bytes that tell the encoding
SHOWN = 12  # words of a column that are asked about
LIKELY = {
    "account_id": "account accountno accountnumber customer customerno customernumber client "
    "clientid org orgid organization organizationid company companyid accountname",
    "crm_account_id": "account accountid customer customerid client organization company",
    "ticket_id": "id ticket ticketno case casenumber caseid issue number",
    "created_at": "created createdate opened openedat date",
    "last_updated": "updated updatedat modified lastmodified lastupdate changed",
    "resolved_at": "resolved closed closedat solved solvedat",
    "priority": "severity urgency",
    "invoice_id": "invoice invoiceno invoicenumber number id",
    "invoice_date": "issued issuedate date billingdate",
    "amount": "total sum value net gross amountdue",
    "status": "state stage",
    "subscription_id": "subscription subscriptionno contract contractid contractno id",
    "start_date": "start started begin from validfrom",
    "cancellation_date": "end ended cancelled canceled cancelledat until validto",
    "mrr": "monthlyprice pricepermonth monthlyamount price",
    "plan_name": "plan product",
    "plan_tier": "plan tier package",
    "plan_type": "billing interval billingperiod",
    "country": "billingcountry land countrycode",
    "date_created": "created createddate customersince signup since",
    "date_updated": "updated modified lastmodified",
    "event_id": "id event eventno",
    "event_timestamp": "timestamp time when date occurredat",
    "event_type": "event action type",
    "owner": "csm accountmanager csmanager",
    "account_name": "accountname companyname customername",
    "currency": "currencycode cur",
    "new_stage": "stage dealstage",
    "deal_value": "amount value dealamount",
    "deal_id": "deal opportunity opportunityid",
}
"""Names, without blanks and capitals, that often mean a column: worth a question, no more."""
FILE_WORDS = {
    "customer_details": "accounts customers companies clients",
    "crm_contacts": "contacts people",
    "deal_stage_history": "deals opportunities pipeline",
    "subscriptions": "subscriptions contracts",
    "invoices": "invoices bills",
    "support_tickets": "tickets cases issues conversations",
    "csat_responses": "ratings csat nps surveys",
    "product_usage_events": "usage activity events",
    "platform_incidents": "incidents outages",
    "marketing_spend_daily": "spend ads",
}
"""Words of file names that often mean a table."""


@dataclass(frozen=True)
class Sample:
    """The head of a file: its columns, and the texts of its first rows; `file` as it is read."""

    file: DataFile
    names: list[str]
    rows: list[list[str | None]]
    is_other_encoding: bool = False

    def values(self, name: str) -> list[str]:
        """Texts of a column, blanks left out."""
        place = self.names.index(name)
        return [row[place].strip() for row in self.rows if row[place] and row[place].strip()]


@dataclass(frozen=True)
class Placed:
    """What a file was found to be.

    kind:      `stripe/customers`, the name of a bronze table, or None where it is neither.
    is_sure:   whether its headings say so without doubt.
    tables:    bronze tables that it would fill.
    questions: how many the proposal asks about it.
    unplaced:  columns that fit nothing.
    """

    file: str
    kind: str | None
    is_sure: bool
    tables: tuple[str, ...] = ()
    questions: int = 0
    unplaced: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class Proposal:
    """A mapping file to start from, and what its files are."""

    text: str
    files: list[Placed]

    def tables(self, *, is_sure: bool) -> frozenset[str]:
        """Tables that the files certainly fill, or those that they may fill."""
        files = [one for one in self.files if one.is_sure or not is_sure]
        return frozenset(table for one in files for table in one.tables)


def propose(path: Path, contracts: dict[str, Contract]) -> Proposal:
    """Look at the files of a folder. Raises UserError when it holds none."""
    tools = {tool: read_tool(tool) for tool in tool_names()}
    placed, drafts = [], []
    for file in find_files(path):
        if fits(file, ACCOUNTS):
            placed.append(Placed(file.name, ACCOUNTS, True, why="accounts are looked up in it"))
            drafts.append(Draft(file.name, entry={"skip": "accounts are looked up in it"}))
            continue
        try:
            one, draft = _place(file, contracts, tools)
        except UserError as error:
            why = str(error).removeprefix(f"{file.name}: ")
            one, draft = Placed(file.name, None, False, why=why), None
        placed.append(one)
        drafts += [draft] if draft else []
    return Proposal(render(drafts), placed)


def _place(
    file: DataFile, contracts: dict[str, Contract], tools: dict[str, Mapping]
) -> tuple[Placed, Draft | None]:
    found = _of_tool(file, tools)
    if len(found) == 1:
        kind, entries = found[0]
        tables = tuple(entry.table for entry in entries if entry.table)
        draft = Draft(file.name, entry={"like": kind})
        return Placed(file.name, kind, True, tables, why=entries[0].skip or ""), draft
    if found:
        kinds = " or ".join(kind for kind, _ in found)
        draft = Draft(file.name, entry={"like": QUESTION}, notes={"like": f"{kinds}?"})
        return Placed(file.name, None, False, questions=1, why=f"{kinds}?"), draft
    sample = look(file)
    return _of_table(sample, contracts)


def _of_tool(file: DataFile, tools: dict[str, Mapping]) -> list[tuple[str, list[FileMapping]]]:
    """Kinds of files of tools whose headings are there: the one, or those that it may be."""
    found = []
    names: dict[str | None, set[str]] = {}
    for tool, mapping in tools.items():
        for kind, entries in mapping.files.items():
            records = entries[0].records
            if records not in names:
                try:
                    names[records] = set(look(with_changes(file, records=records)).names)
                except UserError:
                    names[records] = set()
            if set(entries[0].known_by) <= names[records]:
                found.append((f"{tool}/{kind}", entries))
    by_name = [one for one in found if any(fits(file, name) for name in _names_of(one[0]))]
    found = by_name or found
    most = max((len(entries[0].known_by) for _, entries in found), default=0)
    return [one for one in found if len(one[1][0].known_by) == most]


def _names_of(kind: str) -> tuple[str, str, str]:
    tool, _, name = kind.partition("/")
    return kind, f"{tool}_{name}", name


def look(file: DataFile) -> Sample:
    """Read the head of a file, whatever separates its columns. Raises UserError if that fails."""
    if file.format == "parquet":
        from o2r.bronze.parquet import parquet_names, parquet_records

        records = islice(parquet_records(file, lambda _done: None), ROWS)
        return Sample(file, parquet_names(file), [row for problem, row in records if not problem])
    if file.format == "ndjson":
        with open_rows(file) as rows:
            head = list(islice(rows, ROWS))
        names = json_names(head)
        if not names:
            raise UserError(f"{file.name}: no line is a JSON object")
        rows = [row for problem, row in json_records(head, names) if not problem]
        return Sample(file, names, rows)
    is_other = not _is_utf8(file)
    encoded = with_changes(file, encoding="windows-1252") if is_other else file
    ways = [with_changes(encoded, separator=sign) for sign in (file.separator, *SEPARATORS)]
    best = max(ways, key=lambda way: len(_header(way)))
    names = _header(best)
    with open_text(best) as lines:
        records = islice(csv_records(lines, len(names), best.separator), 1, ROWS)
        rows = [row for problem, row in records if not problem]
    if not names:
        raise UserError(f"{file.name}: no columns: the first line must hold the column names")
    return Sample(best, names, rows, is_other)


def _is_utf8(file: DataFile) -> bool:
    with open_bytes(file) as stream:
        head = stream.read(HEAD)
    try:
        io.TextIOWrapper(io.BytesIO(head), "utf-8").read(len(head) - 4)
    except UnicodeDecodeError:
        return False
    return True


def _header(file: DataFile) -> list[str]:
    with open_text(file) as lines:
        try:
            return [one.strip() for one in next(csv.reader(lines, delimiter=file.separator), [])]
        except csv.Error:
            return []


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.lower())


def _certain(column: Column, names: Iterable[str]) -> list[str]:
    known = {_plain(one) for one in (column.name, *column.aliases)}
    return [name for name in names if _plain(name) in known]


def _likely(column: Column, names: Iterable[str]) -> list[str]:
    known = {_plain(column.name), *LIKELY.get(column.name, "").split()}
    return [name for name in names if _plain(name) in known]


def _of_table(sample: Sample, contracts: dict[str, Contract]) -> tuple[Placed, Draft | None]:
    file = sample.file
    named = next((hint for hint in file.table_hints if hint in contracts), None)
    words = {*re.findall(r"[a-z]+", file.path.name.lower())}
    scores = {}
    for table, contract in contracts.items():
        needed = [column for column in contract.columns if column.required]
        certain = [column for column in contract.columns if _certain(column, sample.names)]
        likely = [column for column in contract.columns if _likely(column, sample.names)]
        share = sum(column in certain for column in needed) / len(needed)
        hoped = sum(column in certain or column in likely for column in needed) / len(needed)
        is_called = {*words, *(f"{word}s" for word in words)} & {*FILE_WORDS.get(table, "").split()}
        fitting = len({column.name for column in (*certain, *likely)})
        scores[table] = (share == 1, bool(is_called), hoped, share, fitting)
    best = sorted(scores, key=scores.get, reverse=True)
    first, second = best[:2]
    is_sure = named is not None or (scores[first][0] and not scores[second][0])
    chosen = named or first
    if not is_sure and not scores[first][1] and (scores[first][2] < 0.5 or scores[first][4] < 3):
        why = "its headings are those of no tool and no table"
        return Placed(file.name, None, False, unplaced=tuple(sample.names), why=why), None
    guesses = [table for table in best if scores[table][:3] == scores[chosen][:3]][:3]
    draft, unplaced = draft_of(sample, contracts[chosen], None if is_sure else guesses)
    why = "" if is_sure else f"{' or '.join(guesses)}?"
    placed = Placed(file.name, chosen, is_sure, (chosen,), draft.questions, tuple(unplaced), why)
    return placed, draft


def draft_of(
    sample: Sample, contract: Contract, guesses: list[str] | None
) -> tuple[Draft, list[str]]:
    """An entry for a file and a table, with its questions; and the columns that fit nothing.

    guesses: tables that it may be instead; None where the table is certain.
    """
    file = sample.file
    draft = Draft(file.name)
    draft.put("table", contract.table if guesses is None else QUESTION, guesses or ())
    if file.separator not in (",", "\t") or (file.separator == "\t") != (".tsv" in file.name):
        draft.put("separator", file.separator)
    if sample.is_other_encoding:
        draft.put("encoding", QUESTION, ("windows-1252", "iso-8859-1", "iso-8859-15"))
    certain = {column.name: _certain(column, sample.names) for column in contract.columns}
    taken = {names[0] for names in certain.values() if len(names) == 1}
    placed: set[str] = set()
    for column in contract.columns:
        names = certain[column.name] or [
            name for name in _likely(column, sample.names) if name not in taken
        ]
        is_certain = len(certain[column.name]) == 1
        if is_certain and names[0] not in placed:
            if names[0] not in (column.name, *column.aliases):
                draft.put("columns", {column.name: names[0]})
            placed.add(names[0])
            _describe(draft, column, sample.values(names[0]))
        elif names:
            draft.ask("columns", column.name, [f"{name!r}" for name in names], column.required)
        elif column.required:
            draft.ask("columns", column.name, [], True)
    asked = draft.asked_about()
    unplaced = [name for name in sample.names if name not in placed and name not in asked]
    for name in unplaced:
        draft.aside(name)
    return draft, unplaced


def _describe(draft: Draft, column: Column, values: list[str]) -> None:
    """Say how a column is written: its dates, numbers and words."""
    if not values:
        return
    if column.data_type in ("date", "timestamp", "timestamptz"):
        form = date_form(values)
        if form == QUESTION:
            draft.ask("dates", column.name, ["DD/MM/YYYY or MM/DD/YYYY", f"{values[0]!r}"], True)
        elif form:
            draft.put("dates", {column.name: form})
    elif column.data_type != "text" and column.data_type != "boolean":
        odd = next((one for one in values if not re.fullmatch(r"[-+]?\d+([.]\d+)?", one)), None)
        if odd:
            draft.ask("numbers", column.name, ["how it writes 1234.56", f"it has {odd!r}"], True)
    elif column.name == "country":
        words = country_words()
        if any(one.upper() not in words.values() for one in values):
            draft.put("countries", [column.name])
    else:
        allowed = column.words or column.known() or ()
        known = {word.lower(): word for word in allowed}
        strange = sorted({one for one in values if known and one.lower() not in known})
        if strange:
            same = {one: known[one.lower()] for one in sorted({*values} - {*strange})}
            draft.put("values", {column.name: same})
            for word in strange[:SHOWN]:
                draft.ask(f"values.{column.name}", word, list(allowed), True)


def date_form(values: list[str]) -> str | None:
    """The form of dates: None for ISO 8601, a question where it is not certain."""
    if all(re.match(r"\d{4}-\d\d-\d\d", one) for one in values):
        return None
    if all(re.fullmatch(r"\d{9,10}", one) for one in values):
        return "epoch"
    if all(re.fullmatch(r"\d{12,13}", one) for one in values):
        return "epoch_ms"
    found = [re.match(r"(\d{1,2})([/.-])(\d{1,2})\2\d{4}", one) for one in values]
    found = [one for one in found if one]
    if not found or len({one[2] for one in found}) > 1:
        return QUESTION
    sign = found[0][2]
    if any(int(one[1]) > 12 for one in found) and all(int(one[3]) <= 12 for one in found):
        return f"DD{sign}MM{sign}YYYY"
    if any(int(one[3]) > 12 for one in found) and all(int(one[1]) <= 12 for one in found):
        return f"MM{sign}DD{sign}YYYY"
    return QUESTION
