"""Which pairs of rows a rule links, and how well they match (unification.md 3).

Equal values make stars instead of pairs: rows of one key whose fuzzy values are equal too are linked to the one with
the smallest record. Different fuzzy values are compared once for each two of them inside a key, and the smallest
records of both stand for all their rows. Neither changes groups or evidence, which take links by score, then by
record: the rows of a star are joined before any worse link comes, and of the links between two stars this is the first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from backstamp import shapes
from backstamp.engine import functions
from backstamp.unify import block

if TYPE_CHECKING:
    from collections.abc import Sequence

    import ibis.expr.types as ir
    from numpy.typing import NDArray

    from backstamp.engine import Engine

SCORED = shapes.shape(group=pa.int64(), left=pa.int64(), right=pa.int64(), score=pa.float64())
"""Pairs of records with their score; `group` is the deduplicated group of the left one, where that matters."""
_SAME = functions.whole(1).cast("float64")


def links(engine: Engine, keyed: block.Keyed, side: block.Side) -> ir.Table:
    """Return the links of one rule within one table: left, right (left < right), score."""
    shared = keyed.holders[side.key].filter(lambda t: t.holders.between(2, side.max_rows))
    rows = keyed.rows(side).inner_join(shared, "key")
    if not side.fuzzy:
        return _star(rows)
    rows = engine.cache(rows.drop("first", "holders").drop_null(side.names))
    stars = engine.cache(rows.group_by(["key", *side.names]).agg(first=rows.record.min()))
    pairs = _pairs(stars.mutate(group=stars.first), stars, side)
    similar = _similar(engine, pairs.filter(pairs.left < pairs.right), side)
    return _star(rows.inner_join(stars, ["key", *side.names])).union(similar.select("left", "right", "score"))


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
    (below, below_side), (above, above_side) = lower, upper
    full = block.crowded(engine, below, below_side, above, above_side)
    seekers = below.rows(below_side).inner_join(seeking, "record")
    if not below_side.fuzzy and owned is None:
        offers = above.holders[above_side.key].select("key", "first")
    else:
        rows = above.rows(above_side).drop_null(above_side.names).semi_join(seekers, "key")
        rows = rows if owned is None else rows.semi_join(owned, "record")
        offers = rows.group_by(["key", *above_side.names]).agg(first=rows.record.min())
    offers = offers if full is None else offers.anti_join(full, "key")
    if not below_side.fuzzy:
        pairs = seekers.inner_join(offers, "key")
        return _best(pairs.select("group", left="record", right="first", score=_SAME))
    seekers = seekers.drop_null(below_side.names)
    firsts = seekers.group_by(["group", "key", *below_side.names]).agg(first=seekers.record.min())
    return _best(_similar(engine, _pairs(firsts, offers, below_side), below_side))


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
    (below, below_side), (above, above_side) = lower, upper
    full = block.crowded(engine, below, below_side, above, above_side)
    rows = below.rows(below_side).rename(row="record").drop_null(below_side.names)
    others = {f"other_{n}": name for n, name in enumerate(above_side.names)}
    partners = above.rows(above_side).drop_null(above_side.names).select("key", partner="record", **others)
    both = pairs.inner_join(rows, "row").inner_join(partners, ["partner", "key"])
    both = both if full is None else both.anti_join(full, "key")
    if not below_side.fuzzy:
        return both.select("row", "partner")
    similar = _similar(engine, both.mutate(group=both.row, left=both.row, right=both.partner), below_side)
    return similar.select(row="left", partner="right")


def _star(rows: ir.Table) -> ir.Table:
    """Return the links of each row to the first of its key, from (record, first)."""
    others = rows.filter(rows.record != rows.first)
    return others.select(left=others.first, right=others.record, score=_SAME)


def _pairs(left: ir.Table, right: ir.Table, side: block.Side) -> ir.Table:
    """Return group, left, right and the values of both (`fuzzy_0`, `other_0`, …) of what shares a key."""
    others = {f"other_{n}": name for n, name in enumerate(side.names)}
    right = right.select("key", right="first", **others)
    pairs = left.inner_join(right, "key")
    return pairs.select("group", "right", *side.names, *others, left="first")


def _best(scored: ir.Table) -> ir.Table:
    """Return the best pair of each group: by score, then the smallest partner, then the smallest row."""
    order = [scored.score.desc(), scored.right, scored.left]
    ranked = scored.mutate(place=ibis.row_number().over(group_by="group", order_by=order))
    return ranked.filter(ranked.place == 0).select("group", "score", partner="right", row="left")


def _similar(engine: Engine, pairs: ir.Table, side: block.Side) -> ir.Table:
    """Return the pairs, as `SCORED`, all of whose values are similar enough, with the lowest similarity."""
    for n, per_cent in enumerate(side.per_cent):
        lengths = pairs[f"fuzzy_{n}"].length(), pairs[f"other_{n}"].length()
        shorter, longer = ibis.least(*lengths), ibis.greatest(*lengths)
        # The distance is at least the difference of the lengths.
        pairs = pairs.filter(100 * (2 * shorter - longer) >= per_cent * shorter)
    return engine.map(pairs, lambda batch: _score(batch, side.per_cent), SCORED)


def _score(batch: pa.RecordBatch, per_cent: Sequence[int]) -> pa.RecordBatch:
    scores = np.ones(batch.num_rows)
    alike = np.ones(batch.num_rows, dtype=bool)
    for n, least in enumerate(per_cent):
        matches, score = similarity(batch[f"fuzzy_{n}"], batch[f"other_{n}"], least)
        alike &= matches
        scores = np.minimum(scores, score)
    arrays = [batch["group"], batch["left"], batch["right"], pa.array(scores)]
    return pa.RecordBatch.from_arrays(arrays, schema=SCORED).filter(pa.array(alike))


def similarity(
    left: pa.Array[Any], right: pa.Array[Any], per_cent: int
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return whether each pair is similar enough, and its similarity (L - d) / L with L the shorter length."""
    distance = process.cpdist(
        left.to_pylist(), right.to_pylist(), scorer=Levenshtein.distance, dtype=np.int32, workers=-1
    )
    shorter = np.minimum(_lengths(left), _lengths(right))
    alike = shorter - distance
    # In whole numbers, so that no rounding decides; the quotients of such numbers are as different as doubles.
    return 100 * alike >= per_cent * shorter, alike / shorter


def _lengths(texts: Any) -> NDArray[np.int64]:  # noqa: ANN401 - an Arrow array of text
    """Return how many code points each text has."""
    lengths: NDArray[np.int64] = pc.utf8_length(texts).to_numpy().astype(np.int64)
    return lengths
