"""All pairs of similar texts, none missed: what a rule without an exact condition needs (unification.md 3).

Texts are compared length by length. Of two texts the shorter, of L characters, decides how many edits they may be
apart; the longer can have as many characters more. Pairs of texts become candidates in the cheaper of two ways:

- By *segments*. The shorter text is cut into one segment more than there may be edits. An edit touches one at most, so
  one of them stands unchanged in the longer text, and not far from its place (Li and others, Pass-Join, 2011).
- All of them, where segments are too common to tell texts apart, as those of `@example.com` are, or texts are few.

An edit takes at most one letter, and two neighbourhoods of letters, from a text, and adds no more. Letters and
neighbourhoods are bits, so that few pairs are left whose distance has to be computed.

Texts are held in memory, as the distinct values of one column; pairs only if they are similar.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from backstamp import shapes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import ibis.expr.types as ir
    from numpy.typing import NDArray

    from backstamp.engine import Engine

TEXTS = shapes.shape(id=pa.int64(), text=pa.string())
"""Different texts, none of them empty, and what stands for each."""

PAIRS = shapes.shape(left=pa.int64(), right=pa.int64())
"""Pairs of texts that are similar enough, by what stands for them."""

_AT_ONCE = 8_192  # compared at once: the bits of so many stay near the processor
_CHARACTERS = 1 << 22
_CELLS = 1 << 16
# What it costs to look for a segment, and to look at a pair found by one, as multiples of what it costs to look at a
# pair among all: measured, and only a matter of speed.
_SEARCH = 32
_FOUND = 8
_BASE = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2 ** 64
_INVERSE = pow(_BASE, -1, 1 << 64)

_Pairs = tuple["NDArray[np.intp]", "NDArray[np.intp]"]  # places in two lists of texts


def pairs(engine: Engine, left: ir.Table, right: ir.Table, per_cent: int) -> ir.Table:
    """Return all pairs of a text of the one table (`TEXTS`) and a similar one of the other, as `PAIRS`."""
    others = tuple(_grouped(engine.batches(right)))

    def compute(batch: pa.RecordBatch) -> pa.RecordBatch:
        found = [ids for texts in _grouped([batch]) for other in others for ids in _similar(texts, other, per_cent)]
        columns = zip(*found, strict=True) if found else ([], [])
        arrays = [pa.array(np.concatenate([*column, np.empty(0, np.int64)])) for column in columns]
        return pa.RecordBatch.from_arrays(arrays, schema=PAIRS)

    # In the order of lengths, so that few lengths meet in a batch.
    return engine.map(left.order_by(left.text.length()), compute, PAIRS, rows=_AT_ONCE)


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


@dataclass(frozen=True)
class _Marks:
    """Which marks texts have, as bits of words, and how many each has."""

    words: Sequence[NDArray[np.uint64]]
    counts: NDArray[np.int16]

    @classmethod
    def of(cls, words: Sequence[NDArray[np.uint64]]) -> _Marks:
        """Count the marks."""
        return cls(words, np.sum([np.bitwise_count(word) for word in words], axis=0, dtype=np.int16))

    def common(self, other: _Marks, places: _Pairs) -> NDArray[np.int16]:
        """Return how many marks both texts of each pair have."""
        left, right = places
        common = np.zeros(len(left), np.int16)
        for word, others in zip(self.words, other.words, strict=True):
            common += np.bitwise_count(word.take(left) & others.take(right))
        return common


@dataclass(frozen=True)
class _Texts:
    """Different texts of one length, and what stands for each."""

    length: int
    ids: NDArray[np.int64]
    texts: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def letters(self) -> _Marks:
        """A bit for each letter that is there, one if it is there twice, three and four times.

        Code points count modulo 32, which tells the letters of one alphabet apart.
        """
        bits = np.uint32(1) << np.sort(self._codes() & np.uint32(31), axis=1)
        times = []
        for before in range(4):
            again = bits[:, before:] == bits[:, : max(self.length - before, 0)]
            times.append(np.bitwise_or.reduce(np.where(again, bits[:, before:], np.uint32(0)), axis=1))
        words = np.stack(times, axis=1).view(np.uint64)
        return _Marks.of([words[:, 0].copy(), words[:, 1].copy()])

    @cached_property
    def neighbours(self) -> _Marks:
        """A bit, of 128, for each two characters that stand side by side."""
        codes = self._codes()
        mixed = (codes[:, 1:] * np.uint32(31) + codes[:, :-1]) * np.uint32(_BASE >> 33 | 1) >> np.uint32(25)
        bits = np.uint64(1) << (mixed & np.uint32(63)).astype(np.uint64)
        halves = (np.where(mixed >> np.uint32(6) == half, bits, np.uint64(0)) for half in range(2))
        return _Marks.of([np.bitwise_or.reduce(half, axis=1) for half in halves])

    def hashes(self, start: int, length: int) -> NDArray[np.uint64]:
        """Return a hash of a part of each text: the same wherever the part stands."""
        weighted: NDArray[np.uint64] = self._sums[start + length] - self._sums[start]
        return weighted * np.uint64(pow(_INVERSE, start, 1 << 64))

    @cached_property
    def _sums(self) -> NDArray[np.uint64]:
        """Sums of the characters before each place, weighted by powers of a base, modulo 2 ** 64."""
        powers = np.cumprod(np.full((self.length, 1), _BASE, np.uint64), axis=0)
        sums = np.zeros((self.length + 1, len(self)), np.uint64)
        np.cumsum(self._codes().T * powers, axis=0, out=sums[1:])
        return sums

    def _codes(self) -> NDArray[np.uint32]:
        """Return the code points, a row for each text."""
        spelled = np.array(self.texts.tolist(), dtype=f"U{self.length}")
        return spelled.view(np.uint32).reshape(len(self), self.length)


def _grouped(batches: Iterable[pa.RecordBatch]) -> Iterator[_Texts]:
    """Yield texts by their lengths, not too many at once."""
    table = pa.Table.from_batches(batches, TEXTS)
    ids, texts = table["id"].to_numpy(), table["text"].to_numpy()
    lengths = _lengths(table["text"])
    order = np.argsort(lengths, kind="stable")
    for places in np.split(order, np.flatnonzero(np.diff(lengths[order], prepend=0)))[1:]:
        length = int(lengths[places[0]])
        size = min(_AT_ONCE, _CHARACTERS // length + 1)
        for start in range(0, len(places), size):
            some = places[start : start + size]
            yield _Texts(length, ids[some], texts[some])


def _similar(left: _Texts, right: _Texts, per_cent: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield what stands for the texts of similar pairs."""
    flipped = left.length > right.length
    shorter, longer = (right, left) if flipped else (left, right)
    edits = shorter.length * (100 - per_cent) // 100
    if longer.length - shorter.length > edits:
        return
    for places in _candidates(shorter, longer, edits):
        i, j = _alike(shorter, longer, edits, places)
        texts = shorter.texts.take(i), longer.texts.take(j)
        distance = process.cpdist(*texts, scorer=Levenshtein.distance, score_cutoff=edits, dtype=np.int32)
        near = distance <= edits
        ids = shorter.ids.take(i[near]), longer.ids.take(j[near])
        yield ids[::-1] if flipped else ids


def _candidates(shorter: _Texts, longer: _Texts, edits: int) -> Iterator[_Pairs]:
    """Yield pairs, each once, among which are all that are at most so many edits apart."""
    found = _by_segments(shorter, longer, edits)
    yield from _all(shorter, longer, edits) if found is None else [found]


def _alike(shorter: _Texts, longer: _Texts, edits: int, places: _Pairs) -> _Pairs:
    """Return the pairs that differ in no more letters, and in no more neighbours, than edits can change."""
    kinds = (shorter.letters, longer.letters, 1), (shorter.neighbours, longer.neighbours, 2)
    for one, other, changed in kinds:
        common = one.common(other, places)
        # At least so many edits as the lengths differ by add a character: each takes one mark less than others do.
        lost = one.counts.take(places[0]) - common <= changed * edits - (longer.length - shorter.length)
        gained = other.counts.take(places[1]) - common <= changed * edits
        alike = lost & gained
        places = places[0][alike], places[1][alike]
    return places


def _all(shorter: _Texts, longer: _Texts, edits: int) -> Iterator[_Pairs]:
    """Yield all pairs, but for those that differ in too many letters."""
    one, other = shorter.letters.words[0], longer.letters.words[0]
    kept = np.bitwise_count(one).astype(np.int64) - (edits - (longer.length - shorter.length))
    shown = np.bitwise_count(other).astype(np.int64) - edits
    of_one, of_other = (np.maximum(least, 0).astype(np.uint8) for least in (kept, shown))
    rows = max(_CELLS // len(other), 1)
    for start in range(0, len(one), rows):
        block = slice(start, start + rows)
        common = np.bitwise_count(one[block, None] & other)
        near = np.flatnonzero(common >= np.maximum(of_one[block, None], of_other))
        i, j = np.divmod(near, len(other))
        yield i + start, j


def _by_segments(shorter: _Texts, longer: _Texts, edits: int) -> _Pairs | None:
    """Return the pairs that share a segment, but for those that differ too much; None if the other way is cheaper."""
    every = len(shorter) * len(longer)
    searches = (edits**2 - (longer.length - shorter.length) ** 2) // 2 + edits + 1
    if _SEARCH * searches * (len(shorter) + len(longer)) > every:
        return None
    hits, found = [], 0
    for start, size, places in _segments(shorter.length, longer.length, edits):
        hashes = shorter.hashes(start, size)
        order = np.argsort(hashes)
        for place in places:
            sought = longer.hashes(place, size)
            first, last = (np.searchsorted(hashes, sought, side, sorter=order) for side in ("left", "right"))
            hits.append((order, first, last - first))
            found += int((last - first).sum())
        if _FOUND * found > every:
            return None
    alike = [_alike(shorter, longer, edits, _expanded(*hit)) for hit in hits]
    codes = np.sort(np.concatenate([i * len(longer) + j for i, j in alike]))
    i, j = np.divmod(codes[np.diff(codes, prepend=-1) > 0], len(longer))
    return i, j


def _segments(shorter: int, longer: int, edits: int) -> Iterator[tuple[int, int, range]]:
    """Yield the segments of texts of one length: start, size, and where they can stand in texts of a greater one.

    Left of the nth segment are n others. If it is the first that stands unchanged, each of those took an edit, and no
    more than so many, or one before would stand unchanged as well: it moved by n at most. The same counts from the
    right end.
    """
    size, rest = divmod(shorter, edits + 1)
    start, more = 0, longer - shorter
    for n in range(edits + 1):
        length = size + (n > edits - rest)
        lowest = max(start - n, start + more - (edits - n), 0)
        highest = min(start + n, start + more + (edits - n), longer - length)
        yield start, length, range(lowest, highest + 1)
        start += length


def _expanded(order: NDArray[np.intp], first: NDArray[np.intp], counts: NDArray[np.intp]) -> _Pairs:
    """Return the places in the shorter and in the longer texts: of each longer one, `counts` from `first` on."""
    longer = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(len(longer)) - np.repeat(np.cumsum(counts) - counts, counts)
    return order.take(np.repeat(first, counts) + within), longer


def _lengths(texts: Any) -> NDArray[np.int64]:  # noqa: ANN401 - Arrow text, in one piece or several
    """Return how many code points each text has."""
    lengths: NDArray[np.int64] = pc.utf8_length(texts).to_numpy().astype(np.int64)
    return lengths
