"""Connected records on many machines: no step holds more than its share of the rows.

Records that are connected are first brought together by alternating large and small stars (Kiveris, Lattanzi, Mirrokni,
Rastogi, Vassilvitskii: "Connected Components in MapReduce and Beyond", 2014). Then the parts, each of whole components,
are solved by `graph`, as the whole is on one machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import functions as F  # noqa: N812 - as Spark's own documentation calls it

from backstamp import shapes
from backstamp.engine import graph

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pyspark.sql import DataFrame

    Save = Callable[[DataFrame], DataFrame]

_SOLVED = {"record": pa.int64(), "group": pa.int64()} | dict(zip(shapes.LINKS.names, shapes.LINKS.types, strict=True))
_SOLVED_WORDS = "record long, group long, left long, right long, rule long, score double"

ONE_PART = 500_000
"""So many links are solved at once in less time than it takes to bring together what is connected."""


def spanning_forest(links: DataFrame, save: Save) -> DataFrame:
    """Return rows with `record` and `group`, and rows with the links of the forest; see `Engine.spanning_forest`.

    Args:
        links: `shapes.LINKS`.
        save: computes and keeps what is to be used again, so that plans stay short.
    """
    saved = save(links)
    if saved.count() <= ONE_PART:
        return saved.coalesce(1).mapInArrow(_solve, _SOLVED_WORDS)
    groups = components(saved, save).withColumnRenamed("record", "left")
    return saved.join(groups, "left").repartition("group").mapInArrow(_solve, _SOLVED_WORDS)


def toward(forest: DataFrame, roots: DataFrame, save: Save) -> DataFrame:
    """Return (record, partner); see `Engine.toward`.

    Args:
        forest: `shapes.LINKS` without a circle.
        roots: `record`: one of each tree.
        save: computes and keeps what is to be used again.
    """
    links = save(forest.select("left", "right"))
    ends = links.unionByName(roots.select(F.col("record").alias("left")), allowMissingColumns=True)
    if links.count() <= ONE_PART:
        return ends.coalesce(1).mapInArrow(_point, "record long, partner long")
    groups = components(links, save).withColumnRenamed("record", "left")
    return ends.join(groups, "left").repartition("group").mapInArrow(_point, "record long, partner long")


def components(links: DataFrame, save: Save) -> DataFrame:
    """Return (record, group) of every record with a link, the group being its smallest record.

    Args:
        links: left, right.
        save: computes and keeps what is to be used again, so that plans stay short.
    """
    edges = save(links.select(F.greatest("left", "right").alias("child"), F.least("left", "right").alias("parent")))
    while True:
        edges = save(_small_star(_large_star(edges)).distinct())
        # A star's middle is the child of none: where that holds for all, every child knows its smallest record.
        between = edges.join(edges.select(F.col("child").alias("parent")), "parent", "left_semi")
        if between.isEmpty():
            middles = edges.select(F.col("parent").alias("record"), F.col("parent").alias("group")).distinct()
            return edges.select(F.col("child").alias("record"), F.col("parent").alias("group")).union(middles)


def _large_star(edges: DataFrame) -> DataFrame:
    """Link every larger neighbour of each record to its smallest one, or to the record itself if that is smaller."""
    turned = edges.select(F.col("parent").alias("record"), F.col("child").alias("other"))
    around = turned.union(edges.select(F.col("child").alias("record"), F.col("parent").alias("other")))
    smallest = around.groupBy("record").agg(F.least(F.min("other"), F.col("record")).alias("smallest"))
    joined = around.join(smallest, "record").where("other > record")
    return joined.select(F.col("other").alias("child"), F.col("smallest").alias("parent"))


def _small_star(edges: DataFrame) -> DataFrame:
    """Link each record and all its smaller neighbours to the smallest of these."""
    smallest = edges.groupBy("child").agg(F.min("parent").alias("smallest"))
    neighbours = edges.join(smallest, "child").select(F.col("parent").alias("child"), F.col("smallest").alias("parent"))
    own = smallest.select("child", F.col("smallest").alias("parent"))
    return neighbours.where("child <> parent").union(own)


def _solve(parts: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the groups and the forest of the links of one part."""
    order = [("rule", "ascending"), ("score", "descending"), ("left", "ascending"), ("right", "ascending")]
    for made in graph.spanning_forest(_whole(parts, shapes.LINKS).sort_by(order)):
        yield from _filled_up(made).to_batches()


def _point(parts: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield (record, partner) of the trees of one part, which has roots as rows without `right`."""
    rows = _whole(parts, shapes.shape(left=pa.int64(), right=pa.int64()))
    links, roots = rows.filter(pc.is_valid(rows["right"])), rows.filter(pc.is_null(rows["right"]))
    yield from graph.toward(links, roots.select(["left"]).rename_columns(["record"])).to_batches()


def _whole(parts: Iterable[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_batches([part.select(schema.names) for part in parts], schema)


def _filled_up(table: pa.Table) -> pa.Table:
    """Return the table with all columns of `_SOLVED`."""
    nothing = {name: pa.nulls(len(table), kind) for name, kind in _SOLVED.items()}
    return pa.table(nothing | dict(zip(table.column_names, table.columns, strict=True)))
