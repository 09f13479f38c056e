"""The billing meter: daily revenue per account, model, region, billing type and currency."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from o2r.synthetic.accounts import blended_price
from o2r.synthetic.catalog import (
    BILLING_TYPES,
    COUNTRIES,
    MODELS,
    REGIONS,
    SCOPES,
    TOKEN_CLASSES,
    USD_PER_UNIT,
    inference_region,
)
from o2r.synthetic.columns import pick, table
from o2r.synthetic.world import World

TABLE = "revenue_account_daily"
CHUNK_DAYS = 28
COMMITTED = 2
COMMITTED_SHARE = 0.25
"""Part of a committed-use account's usual spend that is billed whether used or not."""
SAVINGS_PLAN_RATE = 0.12
DISCOUNT_RATE = (0.0, 0.03, 0.08)
"""Discount by tier."""
CORRECTED_SHARE = 0.015
MAX_CORRECTION_DELAY = 9
NO_MODEL = len(MODELS)


def _usage_rows(world: World, days: np.ndarray) -> tuple[np.ndarray, ...]:
    """(account, day index, model, region, tokens), one row per combination with tokens."""
    tokens = world.tokens[:, days - world.timeline.money_start]
    account, day = np.nonzero(tokens)
    models, regions = world.accounts.model_mix[account], world.accounts.region_mix[account]
    mix = models[:, :, None] * regions[:, None, :]
    row, model, region = np.nonzero(mix)
    amount = tokens[account[row], day[row]] * mix[row, model, region]
    return account[row], day[row], model, region, amount


def _gross_usd(model: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """List price in US dollars by token class, shape (n, 4)."""
    shares = np.array([m.token_shares for m in MODELS])
    prices = np.array([m.prices for m in MODELS]) / 1000.0
    return tokens[:, None] * (shares * prices)[model]


def _committed_rows(world: World, days: np.ndarray) -> tuple[np.ndarray, ...]:
    """(account, day index, US dollars) of the committed part, on days of accounts in use."""
    accounts = world.accounts
    usual = accounts.weekly_tokens * blended_price(accounts.model_mix) / 7.0
    tokens = world.tokens[:, days - world.timeline.money_start]
    account, day = np.nonzero((tokens > 0) & (accounts.billing == COMMITTED)[:, None])
    return account, day, COMMITTED_SHARE * usual[account]


def _add_up(rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Add up rows of one key: two source regions may be served by one region."""
    fields = ("region", "model", "account", "day")
    order = np.lexsort([rows[k] for k in fields])
    rows = {name: values[order] for name, values in rows.items()}
    if not len(order):
        return rows
    new = np.zeros(len(order), bool)
    new[0] = True
    for name in fields:
        new[1:] |= rows[name][1:] != rows[name][:-1]
    merged = {name: rows[name][new] for name in fields}
    merged["gross"] = np.add.reduceat(rows["gross"], np.flatnonzero(new), axis=0)
    return merged


def _revenue_rows(world: World, days: np.ndarray) -> dict[str, np.ndarray]:
    """Index columns and gross US dollars (n, 4) of some days, ordered by day and account."""
    accounts = world.accounts
    account, day, model, region, tokens = _usage_rows(world, days)
    gross = _gross_usd(model, tokens)
    gross *= np.where(accounts.billing[account] == COMMITTED, 1.0 - COMMITTED_SHARE, 1.0)[:, None]
    fixed_account, fixed_day, fixed = _committed_rows(world, days)
    served = np.array([[inference_region(m.name, r) for r in REGIONS] for m in MODELS])
    served = np.vectorize(REGIONS.index)(served)
    merged = {
        "account": np.concatenate([account, fixed_account]),
        "day": days[np.concatenate([day, fixed_day])],
        "model": np.concatenate([model, np.full(len(fixed), NO_MODEL)]),
        "region": np.concatenate([served[model, region], accounts.region[fixed_account]]),
        "gross": np.concatenate([gross, np.outer(fixed, [1.0, 0.0, 0.0, 0.0])]),
    }
    return _add_up(merged)


def _as_table(world: World, rows: dict[str, np.ndarray], snapshot: np.ndarray, factor) -> pa.Table:
    """Bronze rows of one snapshot; amounts are multiplied by factor (n,)."""
    accounts = world.accounts
    account, model = rows["account"], rows["model"]
    country = accounts.country[account]
    per_usd = np.array([1.0 / USD_PER_UNIT[c.currency] for c in COUNTRIES])[country]
    gross = rows["gross"] * (per_usd * factor)[:, None]
    total = gross.sum(axis=1)
    main_family = accounts.model_mix.argmax(axis=1)[account]
    families = [m.family for m in MODELS]
    amounts = {f"gross_revenue_{n}_tokens": gross[:, k] for k, n in enumerate(TOKEN_CLASSES)}
    billing = np.where(
        (accounts.billing[account] == COMMITTED) & (model != NO_MODEL), 0, accounts.billing[account]
    )
    return table(
        TABLE,
        len(account),
        account_id=pick(accounts.ids, account),
        product_sku=pick(families, np.where(model == NO_MODEL, main_family, model)),
        model_variant=pick([m.name for m in MODELS] + ["none"], model),
        inference_scope=pick(SCOPES, accounts.global_scope[account].astype(int)),
        region=pick(REGIONS, rows["region"]),
        billing_type=pick(BILLING_TYPES, billing),
        currency_code=pick([c.currency for c in COUNTRIES], country),
        revenue_date=rows["day"].astype("datetime64[D]"),
        snapshot_date=snapshot.astype("datetime64[D]"),
        savings_plan_amount=total * SAVINGS_PLAN_RATE * (accounts.billing[account] == 1),
        discount_amount=total * np.array(DISCOUNT_RATE)[accounts.tier[account]],
        **amounts,
    )


def deliver(world: World) -> Iterator[tuple[str, pa.Table]]:
    """Daily revenue; each row a day later, some of them corrected by a later snapshot."""
    rng = world.rng("revenue")
    days = world.timeline.days
    for first in range(0, len(days), CHUNK_DAYS):
        rows = _revenue_rows(world, days[first : first + CHUNK_DAYS])
        count = len(rows["day"])
        wrong = rng.random(count) < CORRECTED_SHARE
        corrected_on = rows["day"] + rng.integers(2, MAX_CORRECTION_DELAY + 1, count)
        wrong &= corrected_on <= world.timeline.end + 1
        first_factor = np.where(wrong, rng.uniform(0.7, 1.2, count), 1.0)
        later = {name: values[wrong] for name, values in rows.items()}
        parts = [
            _as_table(world, rows, rows["day"] + 1, first_factor),
            _as_table(world, later, corrected_on[wrong], np.ones(int(wrong.sum()))),
        ]
        merged = pa.concat_tables(parts)
        order = pc.sort_indices(
            merged,
            [
                ("revenue_date", "ascending"),
                ("account_id", "ascending"),
                ("model_variant", "ascending"),
                ("region", "ascending"),
                ("snapshot_date", "ascending"),
            ],
        )
        yield TABLE, merged.take(order)
