"""What is connected, and on which way, against the textbook's own algorithms on random graphs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backstamp import shapes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backstamp.engine import Engine

Link = tuple[int, int, int, float]
"""left, right, rule, score."""

RECORDS = st.sampled_from((*range(12), 2**40, 2**40 + 1))
PAIRS = st.tuples(RECORDS, RECORDS).filter(lambda pair: pair[0] != pair[1]).map(sorted)
LINKS = st.lists(
    st.tuples(PAIRS, st.integers(0, 2), st.sampled_from((1.0, 0.9, 0.25))).map(lambda drawn: (*drawn[0], *drawn[1:])),
    max_size=25,
)
FAR = 2**42
"""From here on are the records of the next graph: a statement is given several at once."""


def side_by_side(graphs: Sequence[Sequence[Link]]) -> list[Link]:
    """Return all links, those of each graph between records of its own."""
    return [
        (left + n * FAR, right + n * FAR, rule, score)
        for n, graph in enumerate(graphs)
        for left, right, rule, score in graph
    ]


GRAPHS = st.lists(LINKS, max_size=10).map(side_by_side)
FEW = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def load(warehouse: Engine, links: Sequence[Link]) -> Any:
    """Hold links as a table."""
    rows = [dict(zip(shapes.LINKS.names, link, strict=True)) for link in links]
    return warehouse.load(shapes.LINKS, [pa.RecordBatch.from_pylist(rows, schema=shapes.LINKS)])


def kruskal(links: Sequence[Link]) -> tuple[dict[int, int], set[Link]]:
    """Return the smallest record of each record's group, and the links that joined two groups."""
    group = {record: {record} for link in links for record in link[:2]}
    forest: set[Link] = set()
    for link in sorted(links, key=lambda link: (link[2], -link[3], link[0], link[1])):
        one, other = group[link[0]], group[link[1]]
        if one is not other:
            forest.add(link)
            one |= other
            group |= dict.fromkeys(other, one)
    return {record: min(members) for record, members in group.items()}, forest


def separate(links: Sequence[Link], apart: Sequence[tuple[int, int]]) -> tuple[set[Link], set[Link]]:
    """Return the links that joined two groups, and those that a pair that must stay apart refused."""
    group = {record: {record} for link in links for record in link[:2]}
    forest: dict[tuple[int, int], Link] = {}
    refused: dict[tuple[int, int], Link] = {}
    for link in sorted(links, key=lambda link: (link[2], -link[3], link[0], link[1])):
        one, other = group[link[0]], group[link[1]]
        if one is other:
            continue
        if any({left, right} <= one | other for left, right in apart):
            refused.setdefault(link[:2], link)
            continue
        forest[link[:2]] = link
        one |= other
        group |= dict.fromkeys(other, one)
    return set(forest.values()), set(refused.values())


def walk(forest: set[Link], root: int) -> dict[int, int]:
    """Return for each record of the root's tree the next one on its way to the root."""
    found: dict[int, int] = {}
    reached = [root]
    for here in reached:
        ends = [link[:2] for link in forest if here in link[:2]]
        steps = [right if left == here else left for left, right in ends]
        new = [there for there in steps if there not in reached]
        found |= dict.fromkeys(new, here)
        reached += new
    return found


@FEW
@given(links=GRAPHS)
def test_spanning_forest(warehouse: Engine, links: list[Link]) -> None:
    """Groups and the links that join them are Kruskal's, in the order rule, score, left, right."""
    members, forest = warehouse.spanning_forest(load(warehouse, links))
    groups, wanted = kruskal(links)
    assert {row["record"]: row["group"] for row in warehouse.rows(members)} == groups
    assert warehouse.count(members) == len(groups)
    kept = [tuple(row[name] for name in shapes.LINKS.names) for row in warehouse.rows(forest)]
    assert sorted(kept) == sorted(wanted)


@FEW
@given(links=GRAPHS, apart=st.lists(PAIRS.map(tuple), max_size=4))
def test_separated_forest(warehouse: Engine, links: list[Link], apart: list[tuple[int, int]]) -> None:
    """A link that would bring together what must stay apart is refused, each pair once; the others join as ever."""
    schema = shapes.shape(left=pa.int64(), right=pa.int64())
    told = [dict(zip(schema.names, pair, strict=True)) for pair in apart]
    pairs = warehouse.load(schema, [pa.RecordBatch.from_pylist(told, schema=schema)])
    members, forest, refused = warehouse.separated_forest(load(warehouse, links), pairs)
    taken, not_taken = separate(links, apart)
    for found, wanted in ((forest, taken), (refused, not_taken)):
        kept = [tuple(row[name] for name in shapes.LINKS.names) for row in warehouse.rows(found)]
        assert sorted(kept) == sorted(wanted)
    assert {row["record"]: row["group"] for row in warehouse.rows(members)} == {
        record: record for link in links for record in link[:2]
    } | kruskal(list(taken))[0]


@FEW
@given(links=GRAPHS, data=st.data())
def test_toward(warehouse: Engine, links: list[Link], data: st.DataObject) -> None:
    """Whichever record of a tree is its root, every other one is told the next on its way there."""
    groups, wanted = kruskal(links)
    trees: dict[int, list[int]] = {}
    for record, group in sorted(groups.items()):
        trees.setdefault(group, []).append(record)
    roots = [data.draw(st.sampled_from(tree)) for tree in trees.values()]
    table = warehouse.load(
        shapes.shape(record=pa.int64()), [pa.RecordBatch.from_pydict({"record": pa.array(roots, pa.int64())})]
    )
    found = warehouse.rows(warehouse.toward(load(warehouse, list(wanted)), table))
    expected = {record: step for root in roots for record, step in walk(wanted, root).items()}
    assert {row["record"]: row["partner"] for row in found} == expected
    assert len(found) == len(expected)
