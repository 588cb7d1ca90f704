"""Drawing at random, a column at a time; the same generator state gives the same column."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from backstamp.demo import columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backstamp.demo.columns import Column, Flags, Integers

# What a placeholder of a pattern stands for: the first character and the one after the last.
PLACEHOLDERS = {"#": ("0", ":"), "*": ("2", ":"), "@": ("A", "[")}


class Choices:
    """Things to choose from, in groups: `weights` has a sequence for each group, a number for each of its things."""

    def __init__(self, weights: Sequence[Sequence[float]]) -> None:
        # Every group takes up one unit of a single line, so that one search draws for all groups at once.
        units = [group + np.cumsum(line) / np.sum(line) for group, line in enumerate(weights)]
        self._ends = np.concatenate(units)

    def draw(self, groups: Integers, rng: np.random.Generator) -> Integers:
        """Return for each group number the place of one of its things, counted over the things of all groups."""
        return np.searchsorted(self._ends, groups + rng.random(len(groups)), side="right")


def happens(size: int, share: float, rng: np.random.Generator) -> Flags:
    """Return a flag for each of `size` rows; about this share of them is set."""
    return rng.random(size) < share


def mix(share: float, chosen: Column | None, other: Column, rng: np.random.Generator) -> Column:
    """Return the chosen column in this share of the rows, and the other elsewhere; None leaves them empty."""
    return columns.pick(happens(len(other), share, rng), chosen, other)


def one_of(values: Sequence[str], size: int, rng: np.random.Generator) -> Column:
    """Return a column of `size` of these values, each as likely as the others."""
    return columns.take(pa.array(values, pa.string()), rng.integers(0, len(values), size))


def fill(patterns: Column, rng: np.random.Generator) -> Column:
    """Return the patterns (text) with a random digit or letter in place of every placeholder."""
    encoded = patterns.dictionary_encode()
    text = np.array(encoded.dictionary.to_pylist(), dtype=str)[encoded.indices.to_numpy()]
    code_points = text.view(np.uint32)
    for sign, (first, end) in PLACEHOLDERS.items():
        places = np.flatnonzero(code_points == ord(sign))
        code_points[places] = rng.integers(ord(first), ord(end), len(places))
    return columns.of(text)


def guids(size: int, rng: np.random.Generator) -> Column:
    """Return a column of `size` GUIDs as lower-case text, in the form of version 4 (RFC 9562, section 5.4)."""
    digits = rng.integers(0, 16, (size, 36), dtype=np.uint8)
    digits[:, 14] = 4
    digits[:, 19] = digits[:, 19] % 4 + 8
    letters = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)[digits]
    letters[:, [8, 13, 18, 23]] = ord("-")
    return columns.of(letters.view("S36").ravel()).cast(pa.string())
