"""Which pairs of rows a rule links, and how well they match (unification.md 3).

Rows of one key whose other values are equal too are a *class*: a rule says the same of all of them. So each two
classes of a key are compared once, and their first rows, those with the smallest records, stand for the others.

Without exceptions a class is a star, its rows linked to the first, and of similar classes the first rows are linked.
Neither changes groups or evidence, which take links by score, then by record: the rows of a star are joined before any
worse link comes, and of the links between two stars this is the first.

With exceptions a class may be linked to another with the same score as within, or its own rows not at all. Then of two
classes that a rule links, each first row is linked to all rows of the other class. That changes nothing either: of two
linked rows x < y of the classes of m and n (m < x, n < y) the rows m and n are linked in the same way, as are m and y,
and x and n. All three links come before that of x and y, so that it never joins anything.

Under a rule without exact conditions the classes that have a similar value are compared, all of them (`similar`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from backstamp import shapes
from backstamp.engine import built, functions
from backstamp.unify import block, similar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import ibis.expr.types as ir
    from numpy.typing import NDArray

    from backstamp.engine import Engine

SCORED = shapes.shape(group=pa.int64(), left=pa.int64(), right=pa.int64(), score=pa.float64())
"""Pairs of records with their score; `group` is the deduplicated group of the left one, where that matters."""
_SAME = functions.whole(1).cast("float64")
_BY_CHANCE = 40  # so many characters of a hundred may agree in two texts that have nothing to do with each other


def links(engine: Engine, keyed: block.Keyed, side: block.Side) -> ir.Table:
    """Return links of one rule within one table that stand for all of them: left, right (left < right), score."""
    rows = _sharing(engine, keyed, side)
    if not side.values:
        return _star(_with_first(rows, keyed.holders[side.key]))
    rows = engine.cache(_filled(rows, side.names))
    classes = engine.cache(_classes(rows, ["key", *side.values]))
    pairs = _pairs(engine, built.here(lambda: classes.mutate(group=classes.first)), classes, side)
    of_class = _same_class(rows, classes, side)
    if not side.unless:
        alike = _linked(engine, built.here(lambda: pairs.filter(pairs.left < pairs.right)), side)
        return built.here(lambda: _star(of_class).union(alike.select("left", "right", "score")))
    found = engine.cache(_linked(engine, pairs.filter(pairs.left <= pairs.right), side))
    return _double_star(found, engine.cache(of_class))


def all_links(engine: Engine, keyed: block.Keyed, side: block.Side, among: ir.Table) -> ir.Table:
    """Return all links of one rule between some rows of a table: left, right (left < right), score.

    Args:
        engine: where it is computed.
        keyed: the table's keys.
        side: what the rule compares there.
        among: `record` of the rows.
    """
    rows = _sharing(engine, keyed, side).drop_null(side.names).semi_join(among, "record")
    rows = rows.mutate(first=rows.record)
    pairs = _pairs(engine, rows.mutate(group=rows.record), rows, side)
    return _linked(engine, pairs.filter(pairs.left < pairs.right), side).select("left", "right", "score")


def best_matches(
    engine: Engine,
    lower: tuple[block.Keyed, block.Side],
    upper: tuple[block.Keyed, block.Side],
    seeking: ir.Table,
    owned: ir.Table | None,
) -> ir.Table:
    """Return the best partner of each group of a lower table that a rule matches with rows of one above.

    Args:
        engine: where it is computed.
        lower: the keys of the table that matches, and what the rule compares there.
        upper: the same of the table above.
        seeking: record and group of the lower rows that look for a partner.
        owned: `record` of the rows above that a customer owns, where that is not all of them.

    Returns:
        group, partner (a record above), row (the record of the group that it matches) and score: the best score
        decides, then the smallest partner, then the smallest row (unification.md 5).
    """
    above, side = upper
    seekers = _seekers(lower[0].rows(lower[1]), seeking)
    if not side.values and owned is None:
        holders = above.holders[side.key]
        offers = built.here(lambda: holders.select("key", "first").drop_null("first"))
    else:
        offers = _classes(_sought(above.rows(side), seekers, owned, side.names), ["key", *side.values])
    return best(_matches(engine, lower, upper, seekers, offers), ["group"])


def matches_of_customers(
    engine: Engine,
    lower: tuple[block.Keyed, block.Side],
    upper: tuple[block.Keyed, block.Side],
    seeking: ir.Table,
    owned: ir.Table,
) -> ir.Table:
    """Return the best partner that each customer has for each group: group, customer, partner, row and score.

    Args:
        engine: see `best_matches`.
        lower: see `best_matches`.
        upper: see `best_matches`.
        seeking: see `best_matches`.
        owned: record and customer of the rows above that a customer owns.
    """
    above, side = upper
    seekers = lower[0].rows(lower[1]).inner_join(seeking, "record")
    rows = above.rows(side).drop_null(side.names).semi_join(seekers, "key").inner_join(owned, "record")
    offers = rows.group_by(["customer", "key", *side.values]).agg(first=rows.record.min())
    found = _matches(engine, lower, upper, seekers, offers)
    return best(found.inner_join(owned.select("customer", right="record"), "right"), ["group", "customer"])


def linked(
    engine: Engine, lower: tuple[block.Keyed, block.Side], upper: tuple[block.Keyed, block.Side], pairs: ir.Table
) -> ir.Table:
    """Return which of some pairs of rows a rule links: row, partner.

    Args:
        engine: where it is computed.
        lower: the keys of the table of the rows, and what the rule compares there.
        upper: the same of the table of their partners: a table above, or the same object for the same table.
        pairs: row, partner.
    """
    both = _compared(engine, lower, upper, pairs.mutate(group=pairs.row))
    return _linked(engine, both, lower[1]).select(row="left", partner="right")


def excepted(
    engine: Engine, lower: tuple[block.Keyed, block.Side], upper: tuple[block.Keyed, block.Side], owned: ir.Table
) -> ir.Table:
    """Return the pairs of rows of one customer that a rule would link but for its exceptions: customer, row, partner.

    Args:
        engine: where it is computed.
        lower: the keys of the table of the rows, and what the rule compares there.
        upper: the same of the table of their partners: a table above, or the same object for the same table.
        owned: record and customer of the rows that a customer owns.
    """
    (below, side), (above, above_side) = lower, upper
    rows = below.rows(side).inner_join(owned, "record").select("key", "customer", row="record")
    partners = above.rows(above_side).inner_join(owned, "record").select("key", "customer", partner="record")
    pairs = rows.inner_join(partners, ["key", "customer"]).select("row", "partner", group="customer")
    pairs = pairs.filter(pairs.row > pairs.partner)  # a table above has the smaller records
    both = engine.cache(_compared(engine, lower, upper, pairs))
    but_for = _linked(engine, both, replace(side, unless=()))
    forbidden = but_for.anti_join(_linked(engine, both, side), ["left", "right"])
    return forbidden.select(customer="group", row="left", partner="right")


@built.once
def best(scored: ir.Table, of: Sequence[str]) -> ir.Table:
    """Return the best pair of each: by score, then the smallest partner, then the smallest row.

    Args:
        scored: left (the row), right (its partner), score, and other columns.
        of: those of them whose values together say what has one best pair.

    Returns:
        The columns of `scored`, of which left is called row now, and right partner.
    """
    order = [scored.score.desc(), scored.right, scored.left]
    ranked = scored.mutate(place=ibis.row_number().over(group_by=of, order_by=order))
    return ranked.filter(ranked.place == 0).drop("place").rename(row="left", partner="right")


def _sharing(engine: Engine, keyed: block.Keyed, side: block.Side) -> ir.Table:
    """Return the rows that may have a partner: they hold nothing that too many rows hold, and a key with others."""
    rows = keyed.rows(side)
    if not side.key:
        return block.without(rows, block.crowded(engine, keyed, side, keyed, side))
    return _held_by_several(rows, keyed.holders[side.key], side.max_rows)


@built.once
def _held_by_several(rows: ir.Table, holders: ir.Table, max_rows: int) -> ir.Table:
    return rows.semi_join(holders.filter(holders.holders.between(2, max_rows)), "key")


@built.once
def _with_first(rows: ir.Table, holders: ir.Table) -> ir.Table:
    return rows.inner_join(holders.select("key", "first"), "key")


@built.once
def _filled(rows: ir.Table, names: Sequence[str]) -> ir.Table:
    return rows.drop_null(names)


@built.once
def _classes(rows: ir.Table, by: Sequence[str]) -> ir.Table:
    """Return what rows have in common, and the smallest record that has it, as `first`."""
    return rows.group_by(by).agg(first=rows.record.min())


@built.once
def _seekers(rows: ir.Table, seeking: ir.Table) -> ir.Table:
    return rows.inner_join(seeking, "record")


@built.once
def _sought(rows: ir.Table, seekers: ir.Table, owned: ir.Table | None, names: Sequence[str]) -> ir.Table:
    """Return the rows above that have a key in common with rows that look for a partner."""
    sought = rows.drop_null(names).semi_join(seekers, "key")
    return sought if owned is None else sought.semi_join(owned, "record")


@built.once
def _same_class(rows: ir.Table, classes: ir.Table, side: block.Side) -> ir.Table:
    """Return each row with the first of its class: record, first."""
    maybe_empty = [name for exception in side.exceptions for name in exception]
    same = [rows[name].identical_to(classes[name]) for name in maybe_empty]
    return rows.inner_join(classes, ["key", *side.names, *same]).select("record", "first")


@built.once
def _star(rows: ir.Table) -> ir.Table:
    """Return the links of each row to the first of its key, from (record, first)."""
    others = rows.filter(rows.record != rows.first)
    return others.select(left=others.first, right=others.record, score=_SAME)


def _double_star(found: ir.Table, rows: ir.Table) -> ir.Table:
    """Return the links of each of two first rows to all rows of the other's class, from (record, first)."""
    right = found.inner_join(rows, found.right == rows.first).select("score", one="left", other="record")
    two = found.filter(found.left != found.right)
    left = two.inner_join(rows, two.left == rows.first).select("score", one="right", other="record")
    both = right.union(left)
    both = both.filter(both.one != both.other)
    return both.select("score", left=ibis.least(both.one, both.other), right=ibis.greatest(both.one, both.other))


def _matches(
    engine: Engine,
    lower: tuple[block.Keyed, block.Side],
    upper: tuple[block.Keyed, block.Side],
    seekers: ir.Table,
    offers: ir.Table,
) -> ir.Table:
    """Return, as `SCORED`, what a rule links of rows (with their group) and of the first rows of classes above."""
    (below, side), (above, above_side) = lower, upper
    full = block.crowded(engine, below, side, above, above_side)
    seekers, offers = block.without(seekers, full), block.without(offers, full)
    if not side.values:
        return _met(seekers, offers)
    firsts = _classes(_filled(seekers, side.names), ["group", "key", *side.values])
    return _linked(engine, _pairs(engine, firsts, offers, side), side)


@built.once
def _met(seekers: ir.Table, offers: ir.Table) -> ir.Table:
    pairs = seekers.inner_join(offers, "key")
    return pairs.select("group", left="record", right="first", score=_SAME)


def _compared(
    engine: Engine, lower: tuple[block.Keyed, block.Side], upper: tuple[block.Keyed, block.Side], pairs: ir.Table
) -> ir.Table:
    """Return those of some pairs (group, row, partner) that share a key, with the values of both, as `_pairs` does."""
    (below, side), (above, above_side) = lower, upper
    full = block.crowded(engine, below, side, above, above_side)
    rows = block.without(below.rows(side), full).rename(row="record").drop_null(side.names)
    others = {_other(name): name for name in above_side.values}
    partners = block.without(above.rows(above_side), full).drop_null(above_side.names)
    partners = partners.select("key", partner="record", **others)
    both = pairs.inner_join(rows, "row").inner_join(partners, ["partner", "key"])
    return both.select("group", *side.values, *others, left="row", right="partner")


def _pairs(engine: Engine, left: ir.Table, right: ir.Table, side: block.Side) -> ir.Table:
    """Return group, left, right and the values of both (`fuzzy_0`, `other_fuzzy_0`, …) of classes that share a key.

    Without a key they share a similar value.

    A value that alone makes an exception where it differs is joined like a key, where it is filled: else a key with a
    thousand first names would make half a million pairs, all of them forbidden.
    """
    meeting: str | tuple[str, str] = "key"
    if not side.key:
        name, per_cent = _most_telling(engine, right, side)
        left, meeting = _reaching(engine, left, right, name, per_cent), ("reached", _other(name))
    return _joined(left, right, side, meeting)


@built.once
def _joined(left: ir.Table, right: ir.Table, side: block.Side, meeting: str | tuple[str, str]) -> ir.Table:
    others = {_other(name): name for name in side.values}
    left = left.rename(left="first")
    right = right.select("key", right="first", **others)
    parting = [next(iter(exception)) for exception in side.exceptions if _is_parting(exception)]
    found = [left.inner_join(right, [meeting, *((name, _other(name)) for name in parting)])]
    if parting:
        filled = left.drop_null(parting)
        emptied = right.filter(ibis.or_(*(right[_other(name)].isnull() for name in parting)))
        empty = left.filter(ibis.or_(*(left[name].isnull() for name in parting)))
        found += [filled.inner_join(emptied, [meeting]), empty.inner_join(right, [meeting])]
    chosen = [pairs.select("group", "left", "right", *side.values, *others) for pairs in found]
    return ibis.union(*chosen) if parting else chosen[0]


def _most_telling(engine: Engine, classes: ir.Table, side: block.Side) -> tuple[str, int]:
    """Return the fuzzy value of which the fewest pairs are likely to be similar: its name, the least similarity."""
    [lengths] = engine.rows(classes.aggregate(**{name: classes[name].length().mean() for name in side.names}))
    asked = zip(side.names, side.per_cent, strict=True)
    return max(asked, key=lambda one: (lengths[one[0]] or 0) * (one[1] - _BY_CHANCE))


def _reaching(engine: Engine, left: ir.Table, right: ir.Table, name: str, per_cent: int) -> ir.Table:
    """Return each left class once for every similar value that a right class has: also `reached`, that value."""
    one, other = (
        engine.cache(classes.group_by(text=classes[name]).agg(id=classes.first.min()).select(*similar.TEXTS.names))
        for classes in (left, right)
    )
    near = similar.pairs(engine, one, other, per_cent)
    texts = near.inner_join(one, near.left == one.id).select("right", **{name: "text"})
    reached = texts.inner_join(other, texts.right == other.id).select(name, reached="text")
    return left.inner_join(reached, name)


def _is_parting(exception: Mapping[str, block.Term]) -> bool:
    """Tell whether an exception asks for no more than that one value is not equal."""
    return len(exception) == 1 and all(term.differs and term.per_cent is None for term in exception.values())


def _other(name: str) -> str:
    """Return what a value is called that stands beside the same of another row."""
    return f"other_{name}"


def _linked(engine: Engine, pairs: ir.Table, side: block.Side) -> ir.Table:
    """Return the pairs that a rule links, as `SCORED`: all values are similar enough, and no exception holds.

    Equal values are compared by the engine, similar ones in Python; an exception that has both is decided there.
    """
    compared, has_texts = _compared_texts(pairs, side)
    return engine.map(compared, lambda batch: _score(batch, side), SCORED) if has_texts else compared


@built.once
def _compared_texts(pairs: ir.Table, side: block.Side) -> tuple[ir.Table, bool]:
    """Return the pairs that may be linked, with the texts to be compared, and true; or `SCORED` where there is none."""
    for n, per_cent in enumerate(side.per_cent):
        lengths = pairs[f"fuzzy_{n}"].length(), pairs[_other(f"fuzzy_{n}")].length()
        shorter, longer = ibis.least(*lengths), ibis.greatest(*lengths)
        # The distance is at least the difference of the lengths.
        pairs = pairs.filter(100 * (2 * shorter - longer) >= per_cent * shorter)
    texts, held = list(side.names), []
    for n, exception in enumerate(side.exceptions):
        exact = [_holds(pairs, name, term) for name, term in exception.items() if term.per_cent is None]
        if len(exact) == len(exception):
            pairs = pairs.filter(~ibis.and_(*exact))
        else:
            pairs = pairs.mutate(**{f"held_{n}": ibis.and_(*exact)})
            held.append(f"held_{n}")
            texts += [name for name, term in exception.items() if term.per_cent is not None]
    if not texts:
        return pairs.select("group", "left", "right", score=_SAME), False
    return pairs.select("group", "left", "right", *texts, *map(_other, texts), *held), True


def _holds(pairs: ir.Table, name: str, term: block.Term) -> ir.BooleanValue:
    """Say whether an exact term of an exception holds; an empty value is neither the same nor different."""
    one, other = pairs[name], pairs[_other(name)]
    return (one != other if term.differs else one == other).fill_null(False)


def _score(batch: pa.RecordBatch, side: block.Side) -> pa.RecordBatch:
    scores = np.ones(batch.num_rows)
    alike = np.ones(batch.num_rows, dtype=bool)
    for name, least in zip(side.names, side.per_cent, strict=True):
        matches, score = similar.similarity(batch[name], batch[_other(name)], least)
        alike &= matches
        scores = np.minimum(scores, score)
    for n, exception in enumerate(side.exceptions):
        fuzzy = {name: term for name, term in exception.items() if term.per_cent is not None}
        held = alike & _flags(batch[f"held_{n}"]) if fuzzy else np.zeros_like(alike)
        for name, term in fuzzy.items():
            held = _still_held(batch, name, term, held)
        alike &= ~held
    arrays = [batch["group"], batch["left"], batch["right"], pa.array(scores)]
    return pa.RecordBatch.from_arrays(arrays, schema=SCORED).filter(pa.array(alike))


def _still_held(batch: pa.RecordBatch, name: str, term: block.Term, held: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return for which pairs an exception that held so far still does; of empty values no term holds."""
    left, right = batch[name], batch[_other(name)]
    places = np.flatnonzero(held & _flags(pc.and_(left.is_valid(), right.is_valid())))
    matches, _ = similar.similarity(left.take(places), right.take(places), term.per_cent or 0)
    holds = np.zeros(len(held), dtype=bool)
    holds[places] = matches != term.differs
    return holds


def _flags(column: pa.Array[Any]) -> NDArray[np.bool_]:
    flags: NDArray[np.bool_] = column.to_numpy(zero_copy_only=False)
    return flags
