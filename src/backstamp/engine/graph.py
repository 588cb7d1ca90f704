"""Connected records on one machine: whole-number arrays in, whole-number arrays out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from scipy import sparse
from scipy.sparse import csgraph

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BLOCK = 4096  # links


def spanning_forest(links: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Join what links connect, taking them in the order given (Kruskal's algorithm).

    Args:
        links: `shapes.LINKS`, in the order in which they are to be taken.

    Returns:
        (record, group) of every record with a link, the group being its smallest record; and the links that joined
        two groups not yet joined.
    """
    records, ends = _numbered(links)
    pairs = ends[0] * np.int64(len(records)) + ends[1]
    _, first = np.unique(pairs, return_index=True)  # the first link of a pair counts; sparse matrices add duplicates
    first.sort()
    graph = sparse.coo_array((first + 1.0, (ends[0][first], ends[1][first])), shape=(len(records),) * 2).tocsr()
    tree = csgraph.minimum_spanning_tree(graph)
    _, component = csgraph.connected_components(tree, directed=False)
    # Records are numbered in ascending order, so the first of a component is its smallest.
    _, smallest = np.unique(component, return_index=True)
    members = pa.table({"record": records, "group": records[smallest[component]]})
    return members, links.take(np.sort(tree.data.astype(np.int64) - 1))


def separated_forest(links: pa.Table, apart: pa.Table) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Join what links connect, taking them in the order given, unless that brings together what must stay apart.

    Args:
        links: `shapes.LINKS`, all of them, in the order in which they are to be taken; of a pair the first counts.
        apart: left, right: pairs of records that must not come into one group.

    Returns:
        (record, group) of every record with a link, the group being its smallest record; the links that joined two
        groups not yet joined; and those that would have brought a pair together.
    """
    records, ends = _numbered(links)
    separate = np.stack([apart["left"].to_numpy(), apart["right"].to_numpy()])
    separate = separate[:, np.isin(separate, records).all(axis=0)]
    joining = _Joining(len(records), np.searchsorted(records, separate))
    pairs = ends[0] * np.int64(len(records)) + ends[1]
    order = np.sort(np.unique(pairs, return_index=True)[1])
    taken: list[int] = []
    refused: list[int] = []
    for block in np.array_split(order, len(order) // _BLOCK + 1):
        # Most links are between rows that are joined by then: those are sorted out all at once.
        groups = joining.group[ends[:, block]]
        for link in block[groups[0] != groups[1]]:
            match joining.join(*ends[:, link]):
                case True:
                    taken.append(link)
                case False:
                    refused.append(link)
    _, component = np.unique(joining.group, return_inverse=True)
    _, smallest = np.unique(component, return_index=True)
    members = pa.table({"record": records, "group": records[smallest[component]]})
    return members, links.take(pa.array(taken, pa.int64())), links.take(pa.array(refused, pa.int64()))


class _Joining:
    """Groups of numbers that grow, some of which must stay apart.

    Attributes:
        group: of each number.
    """

    def __init__(self, count: int, apart: NDArray[np.int64]) -> None:
        self.group = np.arange(count)
        self._members = [[number] for number in range(count)]
        self._apart: list[set[int]] = [set() for _ in range(count)]
        for one, other in apart.T.tolist():
            self._apart[one].add(other)
            self._apart[other].add(one)

    def join(self, left: int, right: int) -> bool | None:
        """Join the groups of two numbers; return whether that was allowed, None where they are joined already."""
        into, other = int(self.group[left]), int(self.group[right])
        if into == other:
            return None
        if other in self._apart[into]:
            return False
        if len(self._members[into]) < len(self._members[other]):
            into, other = other, into
        self.group[self._members[other]] = into
        self._members[into] += self._members[other]
        for one in self._apart[other]:
            self._apart[one].remove(other)
            self._apart[one].add(into)
        self._apart[into] |= self._apart[other]
        return True


def toward(forest: pa.Table, roots: pa.Table) -> pa.Table:
    """Return (record, partner): the next record on the way of each one to the root of its tree.

    Args:
        forest: `shapes.LINKS` without a circle.
        roots: `record`: one of each tree.
    """
    records, (left, right) = _numbered(forest)
    root = len(records)  # one more vertex, above the roots of all trees
    tops = np.searchsorted(records, np.intersect1d(roots["record"].to_numpy(), records))
    left, right = np.append(left, tops), np.append(right, np.full(len(tops), root))
    graph = sparse.coo_array((np.ones(len(left)), (left, right)), shape=(root + 1, root + 1)).tocsr()
    _, above = csgraph.breadth_first_order(graph, root, directed=False)
    above = above[:root]
    below = above != root
    return pa.table({"record": records[below], "partner": records[above[below]]})


def _numbered(links: pa.Table) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    ends = np.stack([links["left"].to_numpy(), links["right"].to_numpy()]).astype(np.int64)
    records, numbers = np.unique(ends, return_inverse=True)
    return records, numbers.reshape(ends.shape)
