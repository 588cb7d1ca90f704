"""CustomerIds that stay (unification.md 7): which profile keeps which id, and what vanished ids stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis

from backstamp.engine import functions
from backstamp.unify import history

if TYPE_CHECKING:
    from uuid import UUID

    import ibis.expr.types as ir

    from backstamp.engine import Engine
    from backstamp.unify.history import Before


@dataclass(frozen=True)
class Identified:
    """Who is who now.

    Attributes:
        ids: `shapes.IDS`.
        previous_ids: `shapes.PREVIOUS_IDS`.
        followed: `shapes.FOLLOWED`.
        id_changes: `shapes.ID_CHANGES`; None in the first run, in which all ids are new.
    """

    ids: ir.Table
    previous_ids: ir.Table
    followed: ir.Table
    id_changes: ir.Table | None


def identify(
    engine: Engine, records: ir.Table, customers: ir.Table, before: Before | None, *, run: int, seed: UUID
) -> Identified:
    """Give each customer its CustomerId.

    Args:
        engine: where it is computed.
        records: `shapes.RECORDS`.
        customers: `shapes.CUSTOMERS`.
        before: what the run before published, or None before the first.
        run: the number of this run.
        seed: drawn once for this run.
    """
    owned = customers.filter(customers.customer.notnull()).select("record", "customer")
    founders = owned.filter(owned.record == owned.customer).select("customer")  # its smallest record names a customer
    if before is None:
        return Identified(_new_ids(founders, records, run, seed), *_empty_history(records), None)
    named = owned.inner_join(records, "record")
    shared = engine.cache(_shared(named, before))
    kept = _kept(engine, shared)
    fresh = founders.anti_join(kept, "customer")
    ids = engine.cache(
        ibis.union(
            kept.inner_join(before.made, "customer_id").select("customer", "customer_id", "made_in_run"),
            _new_ids(fresh, records, run, seed),
        )
    )
    vanished = engine.cache(before.made.select("customer_id").anti_join(ids, "customer_id"))
    previous = _previous_ids(ids, shared, before, vanished, run)
    followed = engine.cache(_followed(before, vanished, named))
    members = named.inner_join(ids, "customer").select("table", "key", "customer_id")
    changes = history.changes(before, ids.filter(ids.made_in_run == run), shared, vanished, followed, members, run)
    return Identified(ids, previous, followed, changes)


def members(records: ir.Table, customers: ir.Table, ids: ir.Table) -> ir.Table:
    """Return whose each row is, as `shapes.MEMBERS`, from `shapes.RECORDS`, `shapes.CUSTOMERS` and `shapes.IDS`."""
    owned = customers.select("record", "customer").inner_join(ids.select("customer", "customer_id"), "customer")
    return records.inner_join(owned, "record").select("table", "key", "customer_id")


def _new_ids(customers: ir.Table, records: ir.Table, run: int, seed: UUID) -> ir.Table:
    """Return new ids: the UUID of the run's seed and the smallest record, by which a customer is known."""
    named = customers.inner_join(records, customers.customer == records.record)
    customer_id = functions.uuid5(seed, named.table, named.key)
    return named.select("customer", customer_id=customer_id, made_in_run=functions.whole(run))


def _empty_history(records: ir.Table) -> tuple[ir.Table, ir.Table]:
    nobody = records.limit(0).mutate(customer_id=records.key)
    return nobody.select("customer_id", previous_id="customer_id"), nobody.select("customer_id", "table", "key")


def _shared(named: ir.Table, before: Before) -> ir.Table:
    """Return each old profile and new customer with rows in common: customer_id, customer, rows, made_in_run."""
    common = named.inner_join(before.members, ["table", "key"])
    counted = common.group_by(["customer_id", "customer"]).agg(rows=common.count())
    return counted.inner_join(before.made, "customer_id")


def _kept(engine: Engine, shared: ir.Table) -> ir.Table:
    """Return customer and the customer_id that it keeps.

    All pairs are taken in one order: more shared rows, older id, smaller id, smallest record; a pair is accepted if
    neither side is taken. So a pair that is the first of both its sides is accepted; what neither side of it has is
    looked at again, until nothing is left.
    """
    order = [shared["rows"].desc(), shared.made_in_run, shared.customer_id, shared.customer]
    open_pairs = engine.cache(shared.select("customer_id", "customer", place=ibis.row_number().over(order_by=order)))
    accepted: list[ir.Table] = []
    while engine.count(open_pairs):
        by_id = open_pairs.place.min().over(group_by="customer_id")
        by_customer = open_pairs.place.min().over(group_by="customer")
        first = open_pairs.mutate(by_id=by_id, by_customer=by_customer)
        first = first.filter((first.place == first.by_id) & (first.place == first.by_customer))
        first = engine.cache(first.select("customer", "customer_id"))
        accepted.append(first)
        open_pairs = engine.cache(open_pairs.anti_join(first, "customer_id").anti_join(first, "customer"))
    if not accepted:
        return shared.limit(0).select("customer", "customer_id")
    return ibis.union(*accepted) if len(accepted) > 1 else accepted[0]


def _previous_ids(ids: ir.Table, shared: ir.Table, before: Before, vanished: ir.Table, run: int) -> ir.Table:
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


def _followed(before: Before, vanished: ir.Table, named: ir.Table) -> ir.Table:
    """Return the rows by which vanished ids are followed: a row that is in no profile now is followed no longer."""
    last = before.members.semi_join(vanished, "customer_id").select("customer_id", "table", "key")
    every = before.followed.select("customer_id", "table", "key").union(last)
    return every.semi_join(named, ["table", "key"])
