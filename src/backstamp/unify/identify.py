"""CustomerIds that stay (unification.md 7): which profile keeps which id, and what vanished ids stand for.

An id follows the rows of its profile, or, where the project derives ids from columns, a value of theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

import ibis

from backstamp.engine import built, functions
from backstamp.unify import history

if TYPE_CHECKING:
    from collections.abc import Sequence

    import ibis.expr.types as ir

    from backstamp.engine import Engine
    from backstamp.unify.history import Before

_OF_VALUES = UUID("838ace1f-9a69-419c-9f9f-45306441ded0")
"""The namespace of ids that are derived from columns: the same in every project, for ever."""


@dataclass(frozen=True)
class Identified:
    """Who is who now.

    Attributes:
        ids: `shapes.IDS`.
        previous_ids: `shapes.PREVIOUS_IDS`.
        followed: `shapes.FOLLOWED`.
        id_changes: `shapes.ID_CHANGES`; None in the first run, in which all ids are new.
        new: those of `ids` that this run made.
    """

    ids: ir.Table
    previous_ids: ir.Table
    followed: ir.Table
    id_changes: ir.Table | None
    new: ir.Table


def identify(
    engine: Engine,
    records: ir.Table,
    customers: ir.Table,
    before: Before | None,
    *,
    run: int,
    seed: UUID,
    wanted: ir.Table | None = None,
) -> Identified:
    """Give each customer its CustomerId.

    Args:
        engine: where it is computed.
        records: `shapes.RECORDS`.
        customers: `shapes.CUSTOMERS`.
        before: what the run before published, or None before the first.
        run: the number of this run.
        seed: drawn once for this run.
        wanted: `derived`; None where no ids are derived from columns.
    """
    now = _now(engine, run, seed)
    owned, founders = _owned(customers)
    if before is None:
        known = [] if wanted is None else [engine.cache(_first_claimed(wanted.mutate(rows=0), now.run))]
        ids = _with_new_ids(founders, known, records, now)
        return Identified(ids, *_empty_history(records), None, ids)
    named = engine.cache(built.here(lambda: owned.inner_join(records, "record")))
    shared = engine.cache(_shared(named, before))
    if wanted is None:
        known = [_kept(engine, shared, before)]
    else:
        claimed = engine.cache(_claimed(wanted, shared, before, now.run))
        kept = _kept(engine, shared.filter(~shared.derived), before)
        known = [claimed, kept.anti_join(claimed, "customer").anti_join(claimed, "customer_id")]
    ids = engine.cache(_with_new_ids(founders, known, records, now))
    vanished = engine.cache(built.here(lambda: before.made.select("customer_id").anti_join(ids, "customer_id")))
    previous = _previous_ids(ids, shared, before, vanished, now.run)
    followed = engine.cache(_followed(before, vanished, named, ids))
    members = built.here(lambda: named.inner_join(ids, "customer").select("table", "key", "customer_id"))
    made = built.here(lambda: ids.filter(ids.made_in_run == now.run))
    changes = history.changes(before, made, shared, vanished, followed, members, now.run)
    return Identified(ids, previous, followed, changes, made)


@dataclass(frozen=True)
class _Now:
    """The number of this run, and its seed in hexadecimal digits."""

    run: ir.IntegerScalar
    seed: ir.StringScalar


def _now(engine: Engine, run: int, seed: UUID) -> _Now:
    return _Now(engine.constant(run), engine.constant(seed.hex))


@built.once
def _owned(customers: ir.Table) -> tuple[ir.Table, ir.Table]:
    """Return whose each row is, and the customers: the smallest record of each names it."""
    owned = customers.filter(customers.customer.notnull()).select("record", "customer")
    return owned, owned.filter(owned.record == owned.customer).select("customer")


def derived(values: ir.Table, columns: Sequence[tuple[str, str]]) -> ir.Table:
    """Return customer and customer_id: the ids that customers derive from columns, for those that have a value.

    Args:
        values: customer, and `value_<n>`, what merge sees of each column, null where the customer has none.
        columns: table and column, in the order in which they are asked.
    """
    seen = [values[f"value_{number}"] for number in range(len(columns))]
    ids = [
        value.notnull().ifelse(functions.uuid5(_OF_VALUES, *map(ibis.literal, place), value), ibis.null())
        for place, value in zip(columns, seen, strict=True)
    ]
    found = values.select("customer", customer_id=ibis.coalesce(*ids))
    return found.filter(found.customer_id.notnull())


def members(records: ir.Table, customers: ir.Table, ids: ir.Table) -> ir.Table:
    """Return whose each row is, as `shapes.MEMBERS`, from `shapes.RECORDS`, `shapes.CUSTOMERS` and `shapes.IDS`."""
    owned = customers.select("record", "customer").inner_join(ids.select("customer", "customer_id"), "customer")
    return records.inner_join(owned, "record").select("table", "key", "customer_id")


@built.once
def _with_new_ids(founders: ir.Table, known: Sequence[ir.Table], records: ir.Table, now: _Now) -> ir.Table:
    """Return `shapes.IDS`: those that are known, and new ones for all other customers.

    A new id is the UUID of the run's seed and the smallest record, by which a customer is known.
    """
    for one in known:
        founders = founders.anti_join(one, "customer")
    named = founders.inner_join(records, founders.customer == records.record)
    customer_id = functions.uuid5(now.seed, named.table, named.key)
    made = named.select("customer", customer_id=customer_id, made_in_run=now.run, derived=False)
    return ibis.union(*known, made) if known else made


def _claimed(wanted: ir.Table, shared: ir.Table, before: Before, run: ir.IntegerScalar) -> ir.Table:
    """Return `shapes.IDS` of who has the ids that customers derive from columns.

    Of several that derive the same, that is who had it before: who has most rows of the profile that had it.
    """
    had = shared.select("customer", "customer_id", "rows")
    claims = wanted.left_join(had, ["customer", "customer_id"]).select("customer", "customer_id", "rows")
    first = _first_claimed(claims.mutate(rows=claims["rows"].fill_null(0)), run)
    known = first.drop("made_in_run").left_join(before.made.select("customer_id", "made_in_run"), "customer_id")
    made_in_run = known.made_in_run.fill_null(run)
    return known.select("customer", "customer_id", made_in_run=made_in_run, derived=True)


def _first_claimed(claims: ir.Table, run: ir.IntegerScalar) -> ir.Table:
    """Return `shapes.IDS` of the customer with most rows, or of these the smallest, that claims each id."""
    place = ibis.row_number().over(group_by="customer_id", order_by=[claims["rows"].desc(), claims.customer])
    numbered = claims.mutate(place=place)
    first = numbered.filter(numbered.place == 0)
    return first.select("customer", "customer_id", made_in_run=run, derived=True)


def _empty_history(records: ir.Table) -> tuple[ir.Table, ir.Table]:
    nobody = records.limit(0).mutate(customer_id=records.key)
    return nobody.select("customer_id", previous_id="customer_id"), nobody.select("customer_id", "table", "key")


@built.once
def _shared(named: ir.Table, before: Before) -> ir.Table:
    """Return each old profile and new customer with rows in common: customer_id, customer, rows, made_in_run."""
    common = named.inner_join(before.members, ["table", "key"])
    counted = common.group_by(["customer_id", "customer"]).agg(rows=common.count())
    return counted.inner_join(before.made, "customer_id")


def _kept(engine: Engine, shared: ir.Table, before: Before) -> ir.Table:
    """Return `shapes.IDS` of the customers that keep the id of an old profile.

    All pairs are taken in one order: more shared rows, older id, smaller id, smallest record; a pair is accepted if
    neither side is taken. So a pair that is the first of both its sides is accepted; what neither side of it has is
    looked at again, until nothing is left.
    """
    open_pairs = engine.cache(_in_order(shared))
    accepted: list[ir.Table] = []
    while engine.count(open_pairs):
        first = engine.cache(_first_of_both(open_pairs))
        accepted.append(first)
        open_pairs = engine.cache(_still_open(open_pairs, first))
    return _with_their_runs(shared, accepted, before)


@built.once
def _in_order(shared: ir.Table) -> ir.Table:
    order = [shared["rows"].desc(), shared.made_in_run, shared.customer_id, shared.customer]
    return shared.select("customer_id", "customer", place=ibis.row_number().over(order_by=order))


@built.once
def _first_of_both(pairs: ir.Table) -> ir.Table:
    by_id = pairs.place.min().over(group_by="customer_id")
    by_customer = pairs.place.min().over(group_by="customer")
    first = pairs.mutate(by_id=by_id, by_customer=by_customer)
    first = first.filter((first.place == first.by_id) & (first.place == first.by_customer))
    return first.select("customer", "customer_id")


@built.once
def _still_open(pairs: ir.Table, first: ir.Table) -> ir.Table:
    return pairs.anti_join(first, "customer_id").anti_join(first, "customer")


@built.once
def _with_their_runs(shared: ir.Table, accepted: Sequence[ir.Table], before: Before) -> ir.Table:
    """Return `shapes.IDS` of the customers that were accepted."""
    kept = shared.limit(0).select("customer", "customer_id") if not accepted else ibis.union(*accepted)
    made = kept.inner_join(before.made.select("customer_id", "made_in_run"), "customer_id")
    return made.select("customer", "customer_id", "made_in_run", derived=False)


@built.once
def _previous_ids(
    ids: ir.Table, shared: ir.Table, before: Before, vanished: ir.Table, run: ir.IntegerScalar
) -> ir.Table:
    """Return what each profile stands for besides: its own list, the ids that it took the place of, and their lists."""
    own = before.previous_ids.semi_join(ids, "customer_id")
    new = ids.select("customer", new_id="customer_id", is_new=ids.made_in_run == run)
    gone = vanished.select("customer_id", has_vanished=ibis.literal(True))
    pairs = shared.select("customer", "customer_id").inner_join(new, "customer").left_join(gone, "customer_id")
    pairs = pairs.filter(pairs.customer_id != pairs.new_id)
    pairs = pairs.select("new_id", "is_new", "customer_id", has_vanished=pairs.has_vanished.fill_null(False))
    taken = pairs.filter(pairs.is_new | pairs.has_vanished).select(customer_id="new_id", previous_id="customer_id")
    lists = pairs.filter(pairs.has_vanished).inner_join(before.previous_ids, "customer_id")
    inherited = lists.select(customer_id="new_id", previous_id="previous_id")
    every = ibis.union(own.select("customer_id", "previous_id"), taken, inherited, distinct=True)
    return every.filter(every.customer_id != every.previous_id)


@built.once
def _followed(before: Before, vanished: ir.Table, named: ir.Table, ids: ir.Table) -> ir.Table:
    """Return the rows by which vanished ids are followed: a row that is in no profile now is followed no longer.

    An id that is derived from columns may have come back: it stands for itself again.
    """
    last = before.members.semi_join(vanished, "customer_id").select("customer_id", "table", "key")
    every = before.followed.select("customer_id", "table", "key").union(last)
    return every.semi_join(named, ["table", "key"]).anti_join(ids, "customer_id")
