"""Delivery faults: what goes wrong between a source and the bronze layer.

A fault adds rows or files, or alters delivered rows; the latent world stays as it is. Late,
malformed and renamed files hold rows taken out of the main file, so that all rows worth loading
are delivered exactly once whatever the faults (save the repeated and future-dated ones).
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from o2r.synthetic.catalog import USD_PER_UNIT
from o2r.synthetic.columns import MICROS_PER_DAY, decimals
from o2r.synthetic.world import World

EVENT_TIME = {
    "inference_user_token_usage_open_source": "event_timestamp",
    "inference_user_token_usage_proprietary": "event_timestamp",
    "product_usage_events": "event_timestamp",
}
"""High-volume event tables and the column that holds the instant of the event."""
LATE_DAYS = (3, 20)
LATE_SHARE = 0.2
TIMED = {**EVENT_TIME, "web_events": "event_timestamp"}
"""Event tables of which rows come late, twice or from the future, and their instant."""
REPEATED = {**TIMED, "support_tickets": "created_at", "csat_responses": "answered_at"}
REPEATED_SHARE = 0.02
MALFORMED = (
    *("inference_user_token_usage_open_source", "revenue_account_daily", "support_tickets"),
    "deal_stage_history",
)
MALFORMED_SHARE, BAD_SHARE = 0.05, 0.03
RENAMED = {
    "inference_user_token_usage_proprietary": {"event_timestamp": "event_ts"},
    "support_tickets": {"account_id": "customer_id", "csat": "satisfaction_score"},
    "subscriptions": {"crm_account_id": "account_id"},
    "crm_contacts": {"email": "email_address"},
}
"""Columns delivered under another name, which the contract lists as an alias."""
RENAMED_SHARE = 0.05
MIXED_ACCOUNTS = 0.1
FUTURE = {**TIMED, "revenue_account_daily": "revenue_date", "support_tickets": "created_at"}
FUTURE_SHARE = 0.0005

Delivery = dict[str, pa.Table]
"""Parts of one chunk by file suffix; '' is the main file."""


def _chosen(rows: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """A random mask (rows,) with about `share` true, at least one true if there is a row."""
    mask = rng.random(rows) < share
    if rows and not mask.any():
        mask[rng.integers(rows)] = True
    return mask


def _move(parts: Delivery, mask: np.ndarray, suffix: str) -> Delivery:
    """Take the rows of `mask` out of the main file into a file of their own."""
    moved = parts[""].filter(pa.array(mask))
    return parts | {"": parts[""].filter(pa.array(~mask)), suffix: moved}


def _with_columns(table: pa.Table, **columns) -> pa.Table:
    """The table with some columns replaced, cast to their types."""
    for name, values in columns.items():
        index = table.column_names.index(name)
        field = table.schema.field(name)
        table = table.set_column(index, field, values.cast(field.type))
    return table


def _day_numbers(column: pa.ChunkedArray) -> np.ndarray:
    """Day numbers (n,) of a column of dates or instants."""
    return column.cast(pa.date32()).cast(pa.int32()).to_numpy()


def _late(name: str, parts: Delivery, world: World, rng: np.random.Generator) -> Delivery:
    if name not in TIMED:
        return parts
    age = world.timeline.end - _day_numbers(parts[""][TIMED[name]])
    recent = (age >= LATE_DAYS[0]) & (age <= LATE_DAYS[1])
    return _move(parts, recent & (rng.random(len(age)) < LATE_SHARE), "__late.parquet")


def _duplicate(name: str, parts: Delivery, world: World, rng: np.random.Generator) -> Delivery:
    if name not in REPEATED:
        return parts
    again = parts[""].filter(pa.array(_chosen(len(parts[""]), REPEATED_SHARE, rng)))
    return parts | {"": pa.concat_tables([parts[""], again])}


def _malformed(name: str, parts: Delivery, world: World, rng: np.random.Generator) -> Delivery:
    """Part of the rows as text, with BAD_SHARE of broken copies added."""
    if name not in MALFORMED:
        return parts
    suffix = "__malformed.csv"
    parts = _move(parts, _chosen(len(parts[""]), MALFORMED_SHARE, rng), suffix)
    good = parts[suffix]
    text = pa.table({c: good[c].cast(pa.string()) for c in good.column_names})
    bad = text.filter(pa.array(_chosen(len(text), BAD_SHARE, rng))) if len(text) else text
    breakage = (
        (_first_of(good, pa.types.is_decimal), "12,5x"),
        (_first_of(good, pa.types.is_temporal), "31/31/2026"),
        (good.column_names[0], ""),
    )
    broken = [text]
    for k, (column, value) in enumerate(breakage):
        slice_ = bad.take(np.arange(k, len(bad), len(breakage)))
        index = slice_.column_names.index(column)
        broken.append(slice_.set_column(index, column, pa.repeat(pa.scalar(value), len(slice_))))
    return parts | {suffix: pa.concat_tables(broken)}


def _first_of(table: pa.Table, of_type) -> str:
    """Name of the first column whose type satisfies `of_type`."""
    return next(field.name for field in table.schema if of_type(field.type))


def _renamed(name: str, parts: Delivery, world: World, rng: np.random.Generator) -> Delivery:
    if name not in RENAMED:
        return parts
    suffix = "__renamed.parquet"
    parts = _move(parts, _chosen(len(parts[""]), RENAMED_SHARE, rng), suffix)
    names = [RENAMED[name].get(column, column) for column in parts[suffix].column_names]
    return parts | {suffix: parts[suffix].rename_columns(names)}


def _currency(name: str, parts: Delivery, world: World, rng: np.random.Generator) -> Delivery:
    """Some accounts are billed in another currency every second week, at the price-list rate."""
    if name != "revenue_account_daily":
        return parts
    main = parts[""]
    luck = world.rng("fault.currency.accounts").random(len(world.accounts))
    accounts = world.accounts.ids[luck < MIXED_ACCOUNTS]
    mixed = pc.is_in(main["account_id"], pa.array(accounts, pa.string())).to_numpy()
    mixed &= world.timeline.week_of(_day_numbers(main["revenue_date"])) % 2 == 1
    old = main["currency_code"].to_pylist()
    new = [("EUR" if c == "USD" else "USD") if m else c for c, m in zip(old, mixed, strict=True)]
    rate = np.array([USD_PER_UNIT[a] / USD_PER_UNIT[b] for a, b in zip(old, new, strict=True)])
    columns = {"currency_code": pa.array(new, pa.string())}
    for field in main.schema:
        if pa.types.is_decimal(field.type):
            amounts = main[field.name].cast(pa.float64()).to_numpy()
            changed = decimals(amounts * rate)
            columns[field.name] = pc.if_else(pa.array(mixed), changed, main[field.name])
    return parts | {"": _with_columns(main, **columns)}


def _resegment(name: str, parts: Delivery, world: World, rng: np.random.Generator) -> Delivery:
    """More accounts change segment inside the telemetry window, some of them twice."""
    if name != "customer_details":
        return parts
    main, timeline = parts[""], world.timeline
    accounts = main["account_id"].to_pylist()
    last = [i for i, a in enumerate(accounts) if i + 1 == len(accounts) or accounts[i + 1] != a]
    base = main.take(pa.array(last))
    moving = base.filter(pa.array(_chosen(len(base), 0.3, rng)))
    share = rng.uniform(0.05, 0.95, (2, len(moving))) / 2.0 + [[0.0], [0.5]]
    known = moving["date_updated"].cast(pa.int64()).to_numpy()
    low = np.maximum(known, timeline.window_start * MICROS_PER_DAY)
    moments = (low + share * (timeline.end_micros - low)).astype(np.int64)
    other = pc.if_else(pc.equal(moving["segment"], "Strategic"), "Commercial", "Strategic")
    away = _with_columns(moving, segment=other, date_updated=pa.array(moments[0]))
    back = _with_columns(moving, date_updated=pa.array(moments[1]))
    back = back.filter(pa.array(_chosen(len(back), 0.5, rng)))
    order = [("account_id", "ascending"), ("date_updated", "ascending")]
    return parts | {"": pa.concat_tables([main, away, back]).sort_by(order)}


def _future(name: str, parts: Delivery, world: World, rng: np.random.Generator) -> Delivery:
    """A few rows that claim to come from the next 400 days, with identifiers of their own."""
    if name not in FUTURE:
        return parts
    main = parts[""]
    rows = main.filter(pa.array(_chosen(len(main), FUTURE_SHARE, rng)))
    # `ahead` days beyond the age of the row: every shifted row lies after the end of data
    ahead = int(rng.integers(2, 400))
    shift = world.timeline.end - _day_numbers(rows[FUTURE[name]]) + ahead
    temporal = (field.name for field in rows.schema if pa.types.is_temporal(field.type))
    columns = {column: _shifted(rows[column], shift) for column in temporal}
    key = rows.column_names[0]
    if key != "account_id":
        columns[key] = pc.binary_join_element_wise(rows[key], "future", "-")
    return parts | {"": pa.concat_tables([main, _with_columns(rows, **columns)])}


def _shifted(column: pa.ChunkedArray, days: np.ndarray) -> pa.ChunkedArray:
    """Dates or instants moved by days (n,); nulls stay null."""
    if pa.types.is_date(column.type):
        return pc.add(column.cast(pa.int32()), pa.array(days.astype(np.int32))).cast(column.type)
    moved = pc.add(column.cast(pa.int64()), pa.array(days.astype(np.int64) * MICROS_PER_DAY))
    return moved.cast(column.type)


_APPLY = {
    "late": _late,
    "duplicate": _duplicate,
    "malformed": _malformed,
    "renamed": _renamed,
    "currency": _currency,
    "resegment": _resegment,
    "future": _future,
}
_ORDER = ("currency", "resegment", "future", "late", "malformed", "renamed", "duplicate")


def deliveries(
    name: str, chunk: pa.Table, world: World, rng: dict[str, np.random.Generator]
) -> Iterator[tuple[str, pa.Table]]:
    """(file name, rows) for one chunk of table `name` after the chosen faults.

    `rng` has one generator for each chosen fault. Rows are altered first and split into files next.
    """
    parts: Delivery = {"": chunk}
    for fault in _ORDER:
        if fault in rng:
            parts = _APPLY[fault](name, parts, world, rng[fault])
    for suffix, part in parts.items():
        yield f"{name}{suffix or '.parquet'}", part
