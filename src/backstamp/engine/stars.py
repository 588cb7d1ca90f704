"""Connected records on many machines: no step holds more than its share of the rows.

Records that are connected are first brought together by alternating large and small stars (Kiveris, Lattanzi, Mirrokni,
Rastogi, Vassilvitskii: "Connected Components in MapReduce and Beyond", 2014). Then the parts, each of whole components,
are solved by `graph`, as the whole is on one machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import functions as F  # noqa: N812 - as Spark's own documentation calls it

from backstamp import shapes
from backstamp.engine import graph

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pyspark.sql import DataFrame

    Save = Callable[[DataFrame], DataFrame]

MEMBER, FOREST, REFUSED = range(3)
"""What a row of `forest` is: a record (`left`) with its group (`right`), a link of the forest, or a refused link."""

ONE_PART = 500_000
"""So many links are solved at once in less time than it takes to bring together what is connected."""

ORDER: list[tuple[str, Literal["ascending", "descending"]]] = [
    ("rule", "ascending"),
    ("score", "descending"),
    ("left", "ascending"),
    ("right", "ascending"),
]
"""In which links are taken."""

_SOLVED = shapes.shape(kind=pa.int32(), **dict(zip(shapes.LINKS.names, shapes.LINKS.types, strict=True)))
_SOLVED_WORDS = "kind int, left long, right long, rule long, score double"


def forest(links: DataFrame, apart: DataFrame | None, save: Save) -> DataFrame:
    """Return `shapes.LINKS` with `kind`; see `Engine.spanning_forest` and `Engine.separated_forest`.

    Args:
        links: `shapes.LINKS`.
        apart: left, right: pairs of records that must not come into one group; None where nothing is refused.
        save: computes and keeps what is to be used again, so that plans stay short.
    """
    saved = save(links)
    rows = saved.withColumn("apart", F.lit(False))
    if apart is not None:
        rows = rows.unionByName(apart.select("left", "right", F.lit(True).alias("apart")), allowMissingColumns=True)
    return _in_parts(rows, saved, save).mapInArrow(_solve, _SOLVED_WORDS)


def toward(forest: DataFrame, roots: DataFrame, groups: DataFrame | None, save: Save) -> DataFrame:
    """Return (record, partner); see `Engine.toward`.

    Args:
        forest: `shapes.LINKS` without a circle.
        roots: `record`: one of each tree.
        groups: (record, group) of the forest's records, where that is known.
        save: computes and keeps what is to be used again.
    """
    links = save(forest.select("left", "right"))
    rows = links.unionByName(roots.select(F.col("record").alias("left")), allowMissingColumns=True)
    return _in_parts(rows, links, save, groups).mapInArrow(_point, "record long, partner long")


def _in_parts(rows: DataFrame, links: DataFrame, save: Save, groups: DataFrame | None = None) -> DataFrame:
    """Return the rows with all that is connected in one part; those whose `left` no link connects are left out.

    Args:
        rows: `left`, and others.
        links: left, right, saved.
        save: computes and keeps what is to be used again.
        groups: (record, group), where that is known.
    """
    if links.count() <= ONE_PART:
        return rows.coalesce(1)
    groups = components(links, save) if groups is None else groups
    return rows.join(groups.withColumnRenamed("record", "left"), "left").repartition("group")


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
    """Yield the groups, the forest and the refused links of one part."""
    rows = _whole(parts, shapes.LINKS.append(pa.field("apart", pa.bool_())))
    links = rows.filter(pc.invert(rows["apart"])).select(shapes.LINKS.names).sort_by(ORDER)
    apart = rows.filter(rows["apart"]).select(["left", "right"])
    members, *found = graph.separated_forest(links, apart) if len(apart) else graph.spanning_forest(links)
    told = [members.rename_columns(["left", "right"]), *found]
    for kind, table in zip((MEMBER, FOREST, REFUSED), told, strict=False):
        yield from _filled_up(table, kind).to_batches()


def _point(parts: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield (record, partner) of the trees of one part, which has roots as rows without `right`."""
    rows = _whole(parts, shapes.shape(left=pa.int64(), right=pa.int64()))
    links, roots = rows.filter(pc.is_valid(rows["right"])), rows.filter(pc.is_null(rows["right"]))
    yield from graph.toward(links, roots.select(["left"]).rename_columns(["record"])).to_batches()


def _whole(parts: Iterable[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_batches([part.select(schema.names).cast(schema) for part in parts], schema)


def _filled_up(table: pa.Table, kind: int) -> pa.Table:
    """Return the table with all columns of `_SOLVED`."""
    columns: dict[str, Any] = {field.name: pa.nulls(len(table), field.type) for field in _SOLVED}
    columns |= dict(zip(table.column_names, table.columns, strict=True))
    return pa.table(columns | {"kind": pa.array([kind] * len(table), pa.int32())})
