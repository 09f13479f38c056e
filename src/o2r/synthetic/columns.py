"""From numpy columns to Arrow tables, fast and without floats in money columns."""

import zlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from o2r.synthetic.schemas import schemas

MICROS_PER_DAY = 86_400_000_000


def stream(seed: int, name: str) -> np.random.Generator:
    """Random stream of one source: independent of how much any other source draws."""
    key = zlib.crc32(name.encode())
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(key,)))


def pick(labels, codes: np.ndarray) -> pa.Array:
    """labels[codes] as text, shape of `codes`; a negative code is null."""
    indices = pa.array(codes.astype(np.int32), mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array(labels, pa.string())).cast(pa.string())


def number_ids(prefix: str, numbers: np.ndarray, width: int) -> pa.Array:
    """Identifiers such as tkt-000017."""
    digits = pc.utf8_lpad(pa.array(numbers).cast(pa.string()), width=width, padding="0")
    return pc.binary_join_element_wise(prefix, digits, "")


def decimals(values: np.ndarray) -> pa.Array:
    """Floats as decimal128(18, 6), rounded to the sixth place; NaN is null."""
    present = ~np.isnan(values)
    scaled = np.rint(np.where(present, values, 0.0) * 1e6).astype(np.int64)
    words = np.empty((len(scaled), 2), np.int64)
    words[:, 0] = scaled
    words[:, 1] = scaled >> 63
    validity = None if present.all() else pa.array(present).buffers()[1]
    return pa.Array.from_buffers(
        pa.decimal128(18, 6), len(scaled), [validity, pa.py_buffer(words.tobytes())]
    )


def _column(values, field: pa.Field, rows: int) -> pa.Array:
    if values is None:
        return pa.nulls(rows, field.type)
    if isinstance(values, str):
        return pa.repeat(pa.scalar(values, field.type), rows)
    if pa.types.is_decimal(field.type) and not isinstance(values, pa.Array):
        return decimals(np.asarray(values, float)).cast(field.type)
    if pa.types.is_timestamp(field.type):
        return pa.array(np.asarray(values, "datetime64[us]")).cast(field.type)
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values.cast(field.type)
    return pa.array(values, field.type)


def table(name: str, rows: int, **columns) -> pa.Table:
    """Arrow table of bronze table `name` with `rows` rows.

    Columns not given are null; a text given alone is repeated. Raises KeyError for a column that
    the table does not have.
    """
    schema = schemas()[name]
    unknown = sorted(set(columns) - set(schema.names))
    if unknown:
        raise KeyError(f"{name} has no column {unknown}")
    arrays = [_column(columns.get(field.name), field, rows) for field in schema]
    return pa.table(arrays, schema=schema)


def instants(days: np.ndarray, micros) -> np.ndarray:
    """datetime64[us] from day numbers since 1970 and microseconds into the day."""
    return (np.asarray(days, np.int64) * MICROS_PER_DAY + np.asarray(micros, np.int64)).view(
        "datetime64[us]"
    )
