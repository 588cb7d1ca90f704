"""How well profiles and rules agree with labels: rows of which somebody knows who is who.

Pairs of rows and rows are counted cluster by cluster, never listed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from backstamp.unify import block, decide, explain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import ibis.expr.types as ir
    from numpy.typing import NDArray

    from backstamp.unify.explain import Unified

CLUSTERS = ("table", "key", "cluster")
"""Labels that tell whose each row is."""
PAIRS = ("left_table", "left_key", "right_table", "right_key", "match")
"""Labels that tell of pairs of rows whether they are one customer."""

Kind: TypeAlias = Literal["clusters", "pairs"]
"""What labels tell: whose each row is, or of pairs whether they are one customer."""

_Counts: TypeAlias = "NDArray[np.int64]"


@dataclass(frozen=True)
class Accuracy:
    """Pairs of rows that stand for one customer.

    Attributes:
        true: of one customer, in truth.
        found: of one profile.
        right: both.
    """

    true: int
    found: int
    right: int

    @property
    def precision(self) -> float:
        """The share of the pairs found that are right; 1 where none was found."""
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """The share of the true pairs that were found; 1 where there is none."""
        return self.right / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        return 2 * self.right / (self.found + self.true) if self.found + self.true else 1.0


@dataclass(frozen=True)
class BCubed:
    """What a row sees on average (B-cubed): great customers do not outweigh small ones as they do in pairs.

    Attributes:
        precision: the share of its profile's rows, itself among them, that are its customer's.
        recall: the share of its customer's rows, itself among them, that are in its profile.
    """

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        return 2 * self.precision * self.recall / (self.precision + self.recall)


@dataclass(frozen=True)
class Agreement:
    """How well profiles agree with labels: by pairs of rows, and by rows."""

    pairs: Accuracy
    rows: BCubed


@dataclass(frozen=True)
class RuleAccuracy:
    """How well a rule agrees with labels, counted in evidence: the links that hold customers together.

    Attributes:
        lower: the table that it compares with the upper one; of deduplication both are the same.
        upper: that table.
        rule: its name.
        links: how many links it made.
        alone: those of them that no other rule between the two tables could have made.
        labelled: those of them whose two rows are compared by labels.
        wrong: those of the labelled that join rows of different customers.
    """

    lower: str
    upper: str
    rule: str
    links: int
    alone: int
    labelled: int
    wrong: int


def measure_clusters(members: pa.Table, truth: pa.Table) -> Agreement:
    """Compare profiles with the truth.

    Args:
        members: `shapes.MEMBERS`; a row of the truth that is not among them is in a profile of its own, and a row
            that the truth does not know does not count.
        truth: table, key, and whose each row is, under any name: each row once.
    """
    [whose] = (name for name in truth.column_names if name not in {"table", "key"})
    placed = truth.join(members.select(["table", "key", "customer_id"]), ["table", "key"])
    # Row numbers are no CustomerIds.
    alone = pa.array(np.arange(placed.num_rows)).cast(pa.string())
    profile = _codes(pc.coalesce(placed["customer_id"].combine_chunks(), alone))
    customer = _codes(placed[whose].combine_chunks())
    profiles, customers = np.bincount(profile), np.bincount(customer)
    cells, common = np.unique(profile * np.int64(len(customers)) + customer, return_counts=True)
    of_profile, of_customer = np.divmod(cells, max(len(customers), 1))
    return Agreement(
        pairs=Accuracy(true=_pairs(customers), found=_pairs(profiles), right=_pairs(common)),
        rows=BCubed(
            precision=_mean(common / profiles[of_profile], common),
            recall=_mean(common / customers[of_customer], common),
        ),
    )


def measure_pairs(members: pa.Table, labels: pa.Table) -> Agreement:
    """Compare profiles with labelled pairs; a row sees of its profile and customer what the labels compare it with.

    Args:
        members: `shapes.MEMBERS`.
        labels: `PAIRS`: each pair once.
    """
    rows = members.select(["table", "key", "customer_id"])
    for side in ("left", "right"):
        sided = rows.rename_columns([f"{side}_table", f"{side}_key", f"{side}_profile"])
        labels = labels.join(sided, [f"{side}_table", f"{side}_key"])
    true: Any = labels["match"]
    is_one: Any = pc.equal(labels["left_profile"], labels["right_profile"])
    found: Any = pc.fill_null(is_one, False)
    told = {"true": true, "found": found, "right": pc.and_(true, found)}
    ends = [
        pa.table({"table": labels[f"{side}_table"], "key": labels[f"{side}_key"], **told}) for side in ("left", "right")
    ]
    seen: Any = pa.concat_tables(ends).group_by(["table", "key"]).aggregate([(name, "sum") for name in told])
    # With itself every row is one.
    true_rows, found_rows, right_rows = (seen[f"{name}_sum"].to_numpy().astype(np.int64) + 1 for name in told)
    each = np.ones(seen.num_rows, np.int64)
    return Agreement(
        pairs=Accuracy(**{name: column.to_numpy().sum().item() for name, column in told.items()}),
        rows=BCubed(_mean(right_rows / found_rows, each), _mean(right_rows / true_rows, each)),
    )


def count_without_profile(members: pa.Table, labels: pa.Table) -> int:
    """Return how many of the labelled rows are in no profile."""
    sides = ("",) if "table" in labels.column_names else ("left_", "right_")
    named = [labels.select([f"{side}table", f"{side}key"]).rename_columns(["table", "key"]) for side in sides]
    rows = pa.concat_tables(named).group_by(["table", "key"]).aggregate([])
    return rows.join(members, ["table", "key"], join_type="left anti").num_rows


def measure_rules(unified: Unified, kind: Kind, labels: pa.Table) -> tuple[RuleAccuracy, ...]:
    """Return how well each rule agrees with labels, `CLUSTERS` or `PAIRS`; in the order of tables and rules."""
    engine = unified.engine
    links = engine.cache(_links(unified.customers))
    told = engine.load(labels.schema, labels.to_batches())
    judged = engine.cache(_of_clusters(unified, links, told) if kind == "clusters" else _of_pairs(unified, told))
    keyed = {
        name: block.keyed(
            engine, rows, _sides(unified, name), unified.settings.table(name).default_region, unified.lists
        )
        for name, rows in _rows(unified).items()
    }
    return tuple(
        RuleAccuracy(lower, upper, rule, **counts)
        for lower, upper in _between(unified)
        for rule, counts in _count(unified, links, judged, (lower, upper), keyed).items()
    )


def _codes(column: pa.Array[Any]) -> _Counts:
    """Return a whole number for each value, equal ones for equal values."""
    codes: _Counts = column.dictionary_encode().indices.to_numpy().astype(np.int64)
    return codes


def _pairs(sizes: _Counts) -> int:
    """Return how many pairs there are in clusters of these sizes."""
    return int((sizes * (sizes - 1) // 2).sum())


def _mean(shares: NDArray[np.float64], rows: _Counts) -> float:
    """Return the mean of what so many rows see each; 1 where there is no row."""
    return float((shares * rows).sum() / rows.sum()) if len(rows) else 1.0


def _links(customers: ir.Table) -> ir.Table:
    """Return the evidence of customers: row, partner, rule, and the places of their tables, position and upper."""
    owned = customers.filter(customers.customer.notnull())
    duplicates = owned.filter(owned.duplicate_of.notnull())
    matches = owned.filter(owned.partner.notnull() & (owned.record == owned.winner))
    above = customers.select(partner="record", upper="position")
    return ibis.union(
        duplicates.select("position", row="record", partner="duplicate_of", rule="duplicate_rule", upper="position"),
        matches.inner_join(above, "partner").select("position", "row", "partner", "rule", "upper"),
    )


def _rows(unified: Unified) -> dict[str, ir.Table]:
    """Return the rows of each table that take part in unification."""
    return {table.name: table.rows.semi_join(unified.customers, "record") for table in unified.tables}


def _of_clusters(unified: Unified, links: ir.Table, labels: ir.Table) -> ir.Table:
    """Return row, partner, match of the links whose two rows clusters tell of."""
    known = _records(unified).inner_join(labels, ["table", "key"])
    own = known.select(row="record", own="cluster")
    other = known.select(partner="record", other="cluster")
    both = links.inner_join(own, "row").inner_join(other, "partner")
    return both.select("row", "partner", match=both.own == both.other)


def _of_pairs(unified: Unified, labels: ir.Table) -> ir.Table:
    """Return row, partner, match of labelled pairs, each in both directions."""
    records = _records(unified)
    left = records.select(row="record", left_table="table", left_key="key")
    right = records.select(partner="record", right_table="table", right_key="key")
    both = labels.inner_join(left, ["left_table", "left_key"]).inner_join(right, ["right_table", "right_key"])
    return ibis.union(both.select("row", "partner", "match"), both.select(row="partner", partner="row", match="match"))


def _records(unified: Unified) -> ir.Table:
    """Return table, key and record of every row that takes part."""
    # Computed now: the union of one table is a mere join, of which Ibis does not join a literal on.
    return unified.engine.cache(
        ibis.union(*(rows.select("record", "key", table=ibis.literal(name)) for name, rows in _rows(unified).items()))
    )


def _between(unified: Unified) -> Iterator[tuple[str, str]]:
    """Yield the pairs of tables that can have rules: each with itself, then with those above, in match order."""
    names = [table.name for table in unified.tables]
    for place, name in enumerate(names):
        yield name, name
        yield from ((name, above) for above in names[:place])


def _sides(unified: Unified, name: str) -> Iterator[block.Side]:
    """Yield what all rules compare in a table."""
    region = unified.settings.table(name).default_region
    for lower, upper in _between(unified):
        for rule in explain.rules_between(unified.settings, lower, upper):
            if name == lower:
                yield block.side_of(rule, "lower", region)
            if name == upper:
                yield block.side_of(rule, "upper", region)


def _count(
    unified: Unified,
    links: ir.Table,
    judged: ir.Table,
    tables: tuple[str, str],
    keyed: Mapping[str, block.Keyed],
) -> dict[str, dict[str, int]]:
    """Return the counts of each rule between two tables."""
    engine, (lower, upper) = unified.engine, tables
    places = unified.settings.position(lower), unified.settings.position(upper)
    made = engine.cache(links.filter((links.position == places[0]) & (links.upper == places[1])))
    rules = explain.rules_between(unified.settings, lower, upper)
    could = [
        decide.linked(
            engine,
            (keyed[lower], block.side_of(rule, "lower", keyed[lower].region)),
            (keyed[upper], block.side_of(rule, "upper", keyed[upper].region)),
            made.select("row", "partner"),
        ).mutate(other=ibis.literal(rule.name))
        for rule in rules
    ]
    counts = {rule.name: {"links": 0, "alone": 0, "labelled": 0, "wrong": 0} for rule in rules}
    wrong = judged.filter(~judged.match)
    parts = {
        "links": made,
        "alone": made.anti_join(_of_others(made, could), ["row", "partner"]) if could else made,
        "labelled": made.semi_join(judged, ["row", "partner"]),
        "wrong": made.semi_join(wrong, ["row", "partner"]),
    }
    for name, part in parts.items():
        for row in engine.rows(part.group_by("rule").agg(links=part.count())):
            counts.setdefault(row["rule"], {"links": 0, "alone": 0, "labelled": 0, "wrong": 0})[name] = row["links"]
    return counts


def _of_others(made: ir.Table, could: Sequence[ir.Table]) -> ir.Table:
    """Return the links that a rule could have made besides the one that did."""
    both = made.inner_join(ibis.union(*could), ["row", "partner"])
    return both.filter(both.rule != both.other)
