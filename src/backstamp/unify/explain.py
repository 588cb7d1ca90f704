"""Why rows are one customer, or why not: the evidence, and what each rule says of two rows (unification.md 3 to 6).

The evidence is what the run kept. Each link of it is *replayed*: its rule is held against the two rows once more, so
that the values that decided are seen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import ibis
import pyarrow as pa

from backstamp import shapes
from backstamp.unify import block, deduplicate, merge, profile, similar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import ibis.expr.types as ir

    from backstamp.engine import Engine
    from backstamp.unify import normalize
    from backstamp.unify.settings import Condition, Rule, Unify


@dataclass(frozen=True)
class Row:
    """A row of a unified table."""

    table: str
    key: str


@dataclass(frozen=True)
class Comparison:
    """What a condition of a rule says of two rows.

    Attributes:
        columns: the column of the one and of the other row.
        values: of both rows, as the condition compares them; None where a value counts as empty: it never matches.
        per_cent: the least similarity that is asked for; None where the values must be equal.
        similarity: of two texts that need not be equal; below 0 where more characters differ than the shorter has.
        differs: whether the two must not be the same, in an exception.
        holds: whether the condition is met.
    """

    columns: tuple[str, str]
    values: tuple[str | None, str | None]
    per_cent: int | None
    similarity: float | None
    differs: bool
    holds: bool


@dataclass(frozen=True)
class Verdict:
    """What a rule says of two rows.

    Attributes:
        rule: its name.
        conditions: in the order of the rule.
        exceptions: those of the rule all of whose conditions hold: each of them forbids the pair.
        holders: how many rows hold the key that both hold, or under a rule without one the most common of their
            values; None where they hold none together, or were not counted.
        max_rows_per_key: how many may.
        holds: whether the rule links the rows.
        score: how well, if it does: the lowest similarity of its conditions.
    """

    rule: str
    conditions: tuple[Comparison, ...]
    exceptions: tuple[tuple[Comparison, ...], ...]
    holders: int | None
    max_rows_per_key: int
    holds: bool
    score: float | None


@dataclass(frozen=True)
class Link:
    """A piece of evidence: two rows, and the rule or the always pair that joined them.

    Attributes:
        kind: a duplicate in one table, or a match with a table above.
        row: the duplicate, or the row of the lower table.
        partner: the next row on the way to the winner, or the row of the table above.
        rule: its name; `always` for an always pair.
        score: how well the rows fit, as the run decided; None for an always pair.
        verdict: what the rule says of them now; None if the project file does not have it any more, or for an always
            pair.
    """

    kind: Literal["duplicate", "match"]
    row: Row
    partner: Row
    rule: str
    score: float | None
    verdict: Verdict | None


@dataclass(frozen=True)
class Member:
    """A row of a customer, and the link by which it came there; None for the row with which the customer began."""

    row: Row
    link: Link | None


@dataclass(frozen=True)
class Origin:
    """A value of a profile: its column there, and the row and the column that it came from."""

    name: str
    value: Any
    row: Row
    column: str


@dataclass(frozen=True)
class Explanation:
    """A row's customer.

    Attributes:
        row: the row that was asked for.
        customer_id: whose it is; None if no customer owns it: its table does not include all rows, and no row above
            matched.
        members: all rows of the customer, or those of the row's group, in match order.
        values: those of the profile that there are.
    """

    row: Row
    customer_id: str | None
    members: tuple[Member, ...]
    values: tuple[Origin, ...]


@dataclass(frozen=True)
class Relation:
    """Why two rows are one customer, or why not.

    Attributes:
        left: the one row.
        right: the other.
        customer_ids: whose they are, None where no customer owns a row.
        chain: if they are together, the links that lead from the one to the other, in order.
        verdicts: if not, what each rule between their tables says of them, in order.
        decided: if not, by what the group of the row of the lower table came to its customer: an earlier rule may have
            found another one.
        never: if not, the never pairs between the rows of the two customers, or of groups that no customer owns.
    """

    left: Row
    right: Row
    customer_ids: tuple[str | None, str | None]
    chain: tuple[Link, ...]
    verdicts: tuple[Verdict, ...]
    decided: Link | None
    never: tuple[tuple[Row, Row], ...]

    @property
    def are_together(self) -> bool:
        """Whether something joins the two: they are one customer, or one group that no customer owns."""
        return bool(self.chain)


@dataclass(frozen=True)
class Unified:
    """What a run made of the tables.

    Attributes:
        engine: where it is.
        settings: what the project file says.
        tables: in match order, all their rows with their record.
        customers: `shapes.CUSTOMERS`.
        overrides: `shapes.OVERRIDES`.
        ids: `shapes.IDS`.
        profiles: `shapes.PROFILES`.
        lists: those that conditions name, as the run had them.
    """

    engine: Engine
    settings: Unify
    tables: tuple[merge.Table, ...]
    customers: ir.Table
    overrides: ir.Table
    ids: ir.Table
    profiles: ir.Table
    lists: normalize.Lists


def explain(unified: Unified, record: int) -> Explanation:
    """Return the customer of a row of unification: its rows, why they are there, and where its values came from."""
    few = _Few(unified, _together(unified, record))
    customer_id = few.customer_ids.get(record)
    return Explanation(
        row=few.rows[record],
        customer_id=customer_id,
        members=tuple(Member(few.rows[said["record"]], few.link(said)) for said in few.said),
        values=tuple(_origins(few, customer_id)) if customer_id else (),
    )


def relate(unified: Unified, left: int, right: int) -> Relation:
    """Return why two different rows of unification are one customer, or why not."""
    of_both = _together(unified, left).union(_together(unified, right), distinct=True)
    few = _Few(unified, of_both)
    found = [link for said in few.said if (link := few.link(said))]
    chain = _chain(found, few.rows[left], few.rows[right])
    return Relation(
        left=few.rows[left],
        right=few.rows[right],
        customer_ids=(few.customer_ids.get(left), few.customer_ids.get(right)),
        chain=chain,
        verdicts=() if chain else tuple(_verdicts(few, left, right)),
        decided=None if chain else few.match_of(max(left, right)),  # records are numbered in match order
        never=() if chain else tuple(_kept_apart(few, left, right)),
    )


def replay(unified: Unified, customers: ir.Table) -> list[Link]:
    """Return all evidence for a part of `shapes.CUSTOMERS`, each link with what its rule says of it now."""
    few = _Few(unified, customers)
    return [link for said in few.said if (link := few.link(said))]


def rules_between(unify: Unify, lower: str, upper: str) -> tuple[Rule, ...]:
    """Return the active rules between two tables, in order; those of deduplication if it is one."""
    if lower == upper:
        return deduplicate.rules_of(unify, lower)
    said = (match.rules for match in unify.match if match.between == (lower, upper))
    return tuple(rule for rules in said for rule in rules if rule.active)


def _together(unified: Unified, record: int) -> ir.Table:
    """Return the rows of a row's customer, or of its group where no customer owns it, as `shapes.CUSTOMERS`."""
    customers = unified.customers
    [own] = unified.engine.rows(customers.filter(customers.record == record).select("group", "customer"))
    column = "group" if own["customer"] is None else "customer"
    return customers.filter(customers[column] == own[column])


class _Few:
    """Some rows of unification, fetched: what the run said of them, and what rules say.

    Attributes:
        unified: that they are a part of.
        customers: `shapes.CUSTOMERS` of them.
        tables: those of unification with only these rows.
        said: `customers` in the order of records.
        rows: what each record is.
        customer_ids: whose each record is, if any customer's.
    """

    def __init__(self, unified: Unified, customers: ir.Table) -> None:
        engine = unified.engine
        self.unified = unified
        self.customers = engine.cache(customers)
        self.tables = [
            replace(table, rows=engine.cache(table.rows.semi_join(self.customers, "record")))
            for table in unified.tables
        ]
        self.said = engine.rows(self.customers.order_by("record"))
        self.rows = {
            row["record"]: Row(table.name, row["key"])
            for table in self.tables
            for row in engine.rows(table.rows.select("record", "key"))
        }
        named = self.customers.select("record", "customer").inner_join(unified.ids, "customer")
        self.customer_ids = {row["record"]: row["customer_id"] for row in engine.rows(named)}
        self._texts: dict[tuple[str, block.Value], dict[int, str | None]] = {}

    def link(self, said: Mapping[str, Any]) -> Link | None:
        """Return the link by which a row is where it is: a duplicate's own, or a winner's for its whole group."""
        if said["record"] == said["winner"]:
            return self._replayed("match", said["row"], said["partner"], said["rule"], said["score"])
        evidence = (said["duplicate_of"], said["duplicate_rule"], said["duplicate_score"])
        return self._replayed("duplicate", said["record"], *evidence)

    def match_of(self, record: int) -> Link | None:
        """Return by what a row's group came to its customer; None where the group began it, or owns none."""
        [said] = (said for said in self.said if said["record"] == record)
        return self._replayed("match", said["row"], said["partner"], said["rule"], said["score"])

    def side(self, rule: Rule, role: block.Role, record: int) -> block.Side:
        """Return what a rule compares in the table of a row."""
        return block.side_of(rule, role, self.unified.settings.table(self.rows[record].table).default_region)

    def verdict(self, rule: Rule, row: int, partner: int) -> Verdict:
        """Return what a rule says of a row and one of the same table, or of a table above; holders are not counted."""
        sides = self.side(rule, "lower", row), self.side(rule, "upper", partner)
        columns = zip(rule.match, *(_in_order(rule, side) for side in sides), strict=True)
        found = tuple(self._compare(condition, (row, below), (partner, above)) for condition, below, above in columns)
        exceptions = [
            tuple(
                self._compare(condition, (row, below.value), (partner, above.value))
                for condition, below, above in zip(conditions, *terms, strict=True)
            )
            for conditions, *terms in zip(rule.unless, *(side.unless for side in sides), strict=True)
        ]
        forbidding = tuple(one for one in exceptions if all(comparison.holds for comparison in one))
        holds = all(one.holds for one in found) and not forbidding
        score = min(1.0 if one.similarity is None else one.similarity for one in found) if holds else None
        return Verdict(rule.name, found, forbidding, None, rule.max_rows_per_key, holds, score)

    def _replayed(
        self, kind: Literal["duplicate", "match"], row: int | None, partner: int | None, rule: str, score: float | None
    ) -> Link | None:
        if row is None or partner is None:
            return None
        ends = self.rows[row], self.rows[partner]
        rules = rules_between(self.unified.settings, ends[0].table, ends[1].table)
        # Rules that deduplication has from several matches may have one name and differ.
        verdicts = [self.verdict(one, row, partner) for one in rules if one.name == rule]
        fitting = (verdict for verdict in verdicts if verdict.score == score)
        return Link(kind, *ends, rule, score, next(fitting, verdicts[0] if verdicts else None))

    def _compare(self, condition: Condition, *ends: tuple[int, block.Value]) -> Comparison:
        """Return what a condition says of a row and its partner, each with its value."""
        (_, below), (_, above) = ends
        left, right = (self._text(record, value) for record, value in ends)
        holds, similarity = left is not None and left == right, None
        if left is not None and right is not None and condition.per_cent is not None:
            matches, scores = similar.similarity(pa.array([left]), pa.array([right]), condition.per_cent)
            holds, similarity = bool(matches[0]), float(scores[0])
        if condition.differs:
            holds = None not in (left, right) and not holds
        columns = below.column, above.column
        return Comparison(columns, (left, right), condition.per_cent, similarity, condition.differs, holds)

    def _text(self, record: int, value: block.Value) -> str | None:
        """Return a value of a row as conditions compare it."""
        name = self.rows[record].table
        if (name, value) not in self._texts:
            [rows] = (table.rows for table in self.tables if table.name == name)
            made = self.unified.engine.rows(block.comparable(self.unified.engine, rows, [value], self.unified.lists))
            self._texts[name, value] = {row["record"]: row["c0"] for row in made}
        return self._texts[name, value][record]


def _in_order(rule: Rule, side: block.Side) -> Iterator[block.Value]:
    """Yield what the conditions of a rule compare in a table, in the order of the rule."""
    exact, fuzzy = iter(side.key), iter(side.fuzzy)
    for condition in rule.match:
        yield next(exact if condition.per_cent is None else fuzzy)


def _chain(links: Iterable[Link], left: Row, right: Row) -> tuple[Link, ...]:
    """Return the links that lead from one row to another, none where nothing joins them; links make no circle."""
    neighbours: dict[Row, list[tuple[Row, Link]]] = {}
    for link in links:
        neighbours.setdefault(link.row, []).append((link.partner, link))
        neighbours.setdefault(link.partner, []).append((link.row, link))
    ways: dict[Row, tuple[Link, ...]] = {left: ()}
    waiting = [left]
    while waiting:
        here = waiting.pop()
        for there, link in neighbours.get(here, []):
            if there not in ways:
                ways[there] = (*ways[here], link)
                waiting.append(there)
    return ways.get(right, ())


def _verdicts(few: _Few, left: int, right: int) -> Iterator[Verdict]:
    """Yield what each rule between the tables of two rows says of them; its values stand in the order of the two."""
    row, partner = max(left, right), min(left, right)
    for rule in rules_between(few.unified.settings, few.rows[row].table, few.rows[partner].table):
        verdict = few.verdict(rule, row, partner)
        if all(one.holds for one in verdict.conditions if one.per_cent is None):
            verdict = _limited(verdict, _holders(few, rule, row, partner))
        if row != left:
            exceptions = tuple(tuple(map(_flipped, exception)) for exception in verdict.exceptions)
            verdict = replace(verdict, conditions=tuple(map(_flipped, verdict.conditions)), exceptions=exceptions)
        yield verdict


def _flipped(found: Comparison) -> Comparison:
    return replace(found, columns=found.columns[::-1], values=found.values[::-1])


def _kept_apart(few: _Few, left: int, right: int) -> Iterator[tuple[Row, Row]]:
    """Yield the never pairs between the rows of two customers, or groups; each as the two rows stand."""
    overrides, said = few.unified.overrides, {row["record"]: row for row in few.said}
    owners = [_owner(said[record]) for record in (left, right)]
    fewer = few.customers.select("record")
    never = overrides.filter(overrides.kind == shapes.NEVER).semi_join(fewer.rename(left="record"), "left")
    for pair in few.unified.engine.rows(
        never.semi_join(fewer.rename(right="record"), "right").order_by("left", "right")
    ):
        ends = pair["left"], pair["right"]
        for one, other in (ends, ends[::-1]):
            if [_owner(said[one]), _owner(said[other])] == owners:
                yield few.rows[one], few.rows[other]


def _owner(said: Mapping[str, Any]) -> tuple[str, int]:
    """Return what holds a row: its customer, or its group where no customer owns it."""
    return ("group", said["group"]) if said["customer"] is None else ("customer", said["customer"])


def _limited(verdict: Verdict, holders: int) -> Verdict:
    holds = verdict.holds and holders <= verdict.max_rows_per_key
    return replace(verdict, holders=holders, holds=holds, score=verdict.score if holds else None)


def _holders(few: _Few, rule: Rule, row: int, partner: int) -> int:
    """Return how many rows of both tables hold the key of two rows, or the most common of their values (section 3)."""
    ends = {
        few.rows[row].table: few.side(rule, "lower", row),
        few.rows[partner].table: few.side(rule, "upper", partner),
    }
    engine = few.unified.engine
    held: dict[str, list[ir.Table]] = {}
    for table in few.unified.tables:
        if table.name in ends:
            side = ends[table.name]
            kept = table.rows.semi_join(few.unified.customers, "record")
            region = few.unified.settings.table(table.name).default_region
            rows = block.keyed(engine, kept, [side], region, few.unified.lists).rows(side)
            for name in side.held:
                held.setdefault(name, []).append(engine.cache(rows.select("record", value=name).drop_null("value")))
    counts = []
    for tables in held.values():
        rows = ibis.union(*tables)
        same = rows.semi_join(rows.filter(rows.record.isin([row, partner])), "value")
        counts += engine.rows(same.group_by("value").agg(holders=same.count()))
    return max((count["holders"] for count in counts), default=0)


def _origins(few: _Few, customer_id: str) -> Iterator[Origin]:
    """Yield the values of a profile, each with the row and the column that it came from."""
    engine, profiles = few.unified.engine, few.unified.profiles
    taken = profile.taken(few.unified.settings, merge.families_of(few.tables))
    [values] = engine.rows(profiles.filter(profiles.customer_id == customer_id))
    [origins] = engine.rows(merge.origins(engine, few.tables, few.customers, taken))
    for one in taken:
        for name in one.columns:
            value, record = values.get(name), origins[name]
            if value is not None and record is not None:
                row = few.rows[record]
                yield Origin(name, value, row, one.sources[row.table][name])
