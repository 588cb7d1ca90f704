"""Drawing at random, a column at a time; the same generator state gives the same column."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

Integers: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
Times: TypeAlias = NDArray[np.datetime64]

# What a placeholder of a pattern stands for: the first code point and the one after the last.
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


def one_of(values: Sequence[str | None], size: int, rng: np.random.Generator) -> pa.Array:
    """Return a column of `size` of these values, each as likely as the others."""
    return pa.array(values, pa.string()).take(pa.array(rng.integers(0, len(values), size)))


def fill(patterns: pa.Array, rng: np.random.Generator) -> pa.Array:
    """Return the patterns (text) with a random digit or letter in place of every placeholder."""
    encoded = patterns.dictionary_encode()
    text = np.array(encoded.dictionary.to_pylist(), dtype=str)[encoded.indices.to_numpy()]
    code_points = text.view(np.uint32)
    for sign, (first, end) in PLACEHOLDERS.items():
        places = np.flatnonzero(code_points == ord(sign))
        code_points[places] = rng.integers(ord(first), ord(end), len(places))
    return pa.array(text)


def guids(size: int, rng: np.random.Generator) -> pa.Array:
    """Return a column of `size` GUIDs as lower-case text, in the form of version 4 (RFC 9562, section 5.4)."""
    digits = rng.integers(0, 16, (size, 36), dtype=np.uint8)
    digits[:, 14] = 4
    digits[:, 19] = digits[:, 19] % 4 + 8
    letters = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)[digits]
    letters[:, [8, 13, 18, 23]] = ord("-")
    ends = np.arange(0, 36 * (size + 1), 36, dtype=np.int64)
    text = pa.Array.from_buffers(pa.large_string(), size, [None, pa.py_buffer(ends), pa.py_buffer(letters)])
    return text.cast(pa.string())
