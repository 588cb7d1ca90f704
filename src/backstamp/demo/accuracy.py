"""How well profiles agree with the truth, in pairs of rows: counted cluster by cluster, never listed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Accuracy:
    """Pairs of rows that stand for one person.

    Attributes:
        true: of one person, in truth.
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


def measure_accuracy(members: pa.Table, truth: pa.Table) -> Accuracy:
    """Compare profiles with the truth.

    Args:
        members: table, key, customer_id; a row of the truth that is not among them is in no profile, and a row that
            the truth does not know does not count.
        truth: table, key, person: each row once.
    """
    placed = truth.join(members.select(["table", "key", "customer_id"]), ["table", "key"], join_type="inner")
    return Accuracy(
        true=_count_pairs(truth, ["person"]),
        found=_count_pairs(placed, ["customer_id"]),
        right=_count_pairs(placed, ["customer_id", "person"]),
    )


def _count_pairs(rows: pa.Table, columns: list[str]) -> int:
    """Return how many pairs of rows have the same values in these columns."""
    sizes = rows.group_by(columns).aggregate([([], "count_all")])["count_all"].to_numpy().astype(np.int64)
    return int((sizes * (sizes - 1) // 2).sum())
