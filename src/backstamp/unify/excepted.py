"""Customers that hold two rows which an exception kept apart, but others brought together (unification.md 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from backstamp import shapes
from backstamp.engine import built
from backstamp.unify import block, decide, deduplicate

if TYPE_CHECKING:
    from collections.abc import Mapping

    import ibis.expr.types as ir

    from backstamp.engine import Engine
    from backstamp.unify.settings import Unify


def excepted(engine: Engine, unify: Unify, keyed: Mapping[str, block.Keyed], customers: ir.Table) -> ir.Table | None:
    """Return the customers that hold an excepted pair, as `shapes.EXCEPTED`; None where no rule has an exception.

    Args:
        engine: where it is computed.
        unify: what the project file says.
        keyed: the keys of each table.
        customers: `shapes.CUSTOMERS`.
    """
    owned = customers.filter(customers.customer.notnull()).select("record", "customer")
    found = []
    for rule, lower, upper in deduplicate.all_rules(unify):
        if not rule.unless:
            continue
        below, above = keyed[lower], keyed[upper]
        sides = block.side_of(rule, "lower", below.region), block.side_of(rule, "upper", above.region)
        pairs = decide.excepted(engine, (below, sides[0]), (above, sides[1]), owned)
        found.append(_first_of_each(pairs, rule.name))
    if not found:
        return None
    return engine.cache(ibis.union(*found) if len(found) > 1 else found[0].select(*shapes.EXCEPTED.names))


@built.once
def _first_of_each(pairs: ir.Table, rule: str) -> ir.Table:
    """Return the first pair of each customer, as `shapes.EXCEPTED`."""
    order = ibis.row_number().over(group_by="customer", order_by=[pairs.partner, pairs.row])
    first = pairs.mutate(place=order).filter(lambda t: t.place == 0)
    return first.select("customer", rule=ibis.literal(rule), left="partner", right="row")
