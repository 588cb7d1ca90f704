"""Connected records on one machine: whole-number arrays in, whole-number arrays out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from scipy import sparse
from scipy.sparse import csgraph

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
