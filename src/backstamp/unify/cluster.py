"""Profiles that belong together, such as those of a household (unification.md 6 and 7)."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

import ibis

from backstamp.engine import functions
from backstamp.unify import block, deduplicate, history, identify
from backstamp.unify.settings import Rule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    import ibis.expr.types as ir

    from backstamp.engine import Engine
    from backstamp.unify import normalize
    from backstamp.unify.settings import Cluster

HOUSEHOLD = "household"
LAST_NAME, _LOCATION = "Person.LastName", "Location."
_STREETS = frozenset({"Location.Street", "Location.Address"})


def column(name: str) -> str:
    """Return the profile column that holds the id of a cluster."""
    return f"{name}_id"


def is_street(semantic_type: str) -> bool:
    """Tell whether a column with this semantic type holds a street."""
    return semantic_type in _STREETS


def find(engine: Engine, cluster: Cluster, profiles: ir.Table, lists: normalize.Lists) -> ir.Table:
    """Return which customers rules put together: customer and cluster, the smallest customer of it.

    Args:
        engine: where it is computed.
        cluster: the rules, whose columns are those of the profile.
        profiles: `record` (the customer), and the profile's columns.
        lists: those that the conditions name.
    """
    rules = [rule for rule in cluster.rules if rule.active]
    keyed = block.keyed(engine, profiles, [block.side_of(rule, "lower", None) for rule in rules], None, lists)
    groups, _ = deduplicate.deduplicate(engine, profiles, keyed, rules, "most_filled", (), None)
    sizes = groups.mutate(size=groups.count().over(group_by="group"))
    return sizes.filter(sizes.size > 1).select(customer="record", cluster="group")


def find_households(engine: Engine, profiles: ir.Table, meanings: Mapping[str, str]) -> ir.Table:
    """Return which customers live together, as `find` does: they have one last name and one address.

    The last name and a street must be there; what else there is of a place must be the same, or nowhere.

    Args:
        engine: where it is computed.
        profiles: `record` (the customer), and the profile's columns.
        meanings: the semantic types of the profile's columns.
    """
    names = [name for name, meaning in meanings.items() if meaning == LAST_NAME]
    places = [name for name, meaning in meanings.items() if meaning.startswith(_LOCATION)]
    values = [block.Value(name, ("name",)) for name in names]
    values += [block.Value(name, ("address",) if profiles[name].type().is_string() else ()) for name in places]
    made = block.comparable(engine, profiles, values, {})
    compared = {value.column: made[f"c{number}"] for number, value in enumerate(values)}
    has_street = reduce(or_, (compared[name].notnull() for name in places if is_street(meanings[name])))
    has_name = reduce(or_, (compared[name].notnull() for name in names))
    homes = made.filter(has_name & has_street).select("record", home=functions.digest(list(compared.values())))
    sizes = homes.mutate(size=homes.count().over(group_by="home"), cluster=homes.record.min().over(group_by="home"))
    # Where more live than rows may share a value in a rule, it is no home.
    return sizes.filter(sizes.size.between(2, Rule.max_rows_per_key)).select("cluster", customer="record")


def resolved(before: ir.Table, ids: ir.Table, followed: ir.Table, members: ir.Table) -> ir.Table:
    """Return the clusters of the run before with the profiles of today that their profiles stand for.

    Args:
        before: `shapes.CLUSTERS`.
        ids: `shapes.IDS`.
        followed: `shapes.FOLLOWED`.
        members: `shapes.MEMBERS`.
    """
    living = before.semi_join(ids, "customer_id")
    heirs = followed.inner_join(members.rename(heir="customer_id"), ["table", "key"]).select("customer_id", "heir")
    vanished = before.anti_join(ids, "customer_id").inner_join(heirs, "customer_id")
    vanished = vanished.select("cluster", "cluster_id", "made_in_run", customer_id="heir")
    return living.select(*vanished.columns).union(vanished, distinct=True)


def identified(
    engine: Engine, name: str, found: ir.Table, ids: ir.Table, before: ir.Table | None, *, run: int, seed: UUID
) -> ir.Table:
    """Give each cluster its id, which stays as that of a profile does; return `shapes.CLUSTERS`.

    To a cluster its profiles are what its rows are to a profile.

    Args:
        engine: where it is computed.
        name: of the kind of cluster.
        found: customer and cluster, as `find` gives them.
        ids: `shapes.IDS`.
        before: what the run before published, `resolved`; None before the first.
        run: the number of this run.
        seed: drawn once for this run.
    """
    named = found.inner_join(ids, "customer")
    profiles = engine.cache(
        named.select(record="customer", customer="cluster", table=ibis.literal(name), key="customer_id")
    )
    records, clusters = profiles.select("record", "table", "key"), profiles.select("record", "customer")
    known = None if before is None else _before(before.filter(before.cluster == name))
    made = identify.identify(engine, records, clusters, known, run=run, seed=seed).ids
    return profiles.inner_join(made, "customer").select(
        cluster="table", customer_id="key", cluster_id="customer_id", made_in_run="made_in_run"
    )


def complete(profiles: ir.Table, clusters: ir.Table, names: Sequence[str]) -> ir.Table:
    """Return the profiles with the ids of their clusters of these kinds, from `shapes.CLUSTERS`."""
    for name in names:
        ids = clusters.filter(clusters.cluster == name).select("customer_id", **{column(name): clusters.cluster_id})
        profiles = profiles.left_join(ids, "customer_id").drop("customer_id_right")
    return profiles


def _before(clusters: ir.Table) -> history.Before:
    members = clusters.select(customer_id="cluster_id", table="cluster", key="customer_id")
    made = clusters.select("made_in_run", customer_id="cluster_id").distinct()
    nobody = members.limit(0)
    return history.Before(members, made, nobody.select("customer_id", previous_id="key"), nobody)
