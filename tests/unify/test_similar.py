"""Complete pairs of similar texts: what a rule without an exact condition stands on (unification.md 3)."""

from __future__ import annotations

import os
import sys
from itertools import product
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.oracle import compare

from backstamp.unify import similar

if TYPE_CHECKING:
    from collections.abc import Sequence

    import ibis.expr.types as ir

    from backstamp.engine import Engine

PER_CENT = st.sampled_from((60, 67, 75, 80, 90, 100))
EXAMPLES = int(os.environ.get("LAWS_EXAMPLES", "40"))
WAYS = {"segments": 0, "all": sys.maxsize}


@st.composite
def columns(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """Draw two lists of different texts, many of which are a few edits apart."""
    alphabet = draw(st.sampled_from(("ab", "aA\u00e9\u0301 ", "abcdefghij", "\u0430\u0431\U0001f600b")))
    base = draw(st.text(alphabet, min_size=1, max_size=24))

    def edited(edits: Sequence[tuple[int, str, int]]) -> str:
        text = base
        for place, letters, length in edits:
            text = text[:place] + letters + text[place + length :]
        return text or base

    edit = st.tuples(st.integers(0, 24), st.text(alphabet, max_size=2), st.integers(0, 2))
    texts = st.lists(edit, max_size=6).map(edited) | st.text(alphabet, min_size=1, max_size=24)
    some = st.lists(texts, max_size=12, unique=True)
    return draw(some), draw(some)


def column(engine: Engine, texts: Sequence[str]) -> ir.Table:
    """Return different texts, each with its place in the list."""
    rows = [{"id": place, "text": text} for place, text in enumerate(texts)]
    return engine.load(similar.TEXTS, [pa.RecordBatch.from_pylist(rows, schema=similar.TEXTS)])


def expected(left: Sequence[str], right: Sequence[str], per_cent: int) -> list[tuple[int, int]]:
    """Compare every text with every other."""
    every = product(enumerate(left), enumerate(right))
    return [(i, j) for (i, one), (j, other) in every if compare.similarity(one, other, per_cent) is not None]


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=columns(), per_cent=PER_CENT)
def test_no_similar_pair_is_missed_whichever_way_is_cheaper(
    warehouse: Engine, monkeypatch: pytest.MonkeyPatch, way: str, texts: tuple[list[str], list[str]], per_cent: int
) -> None:
    """The pairs are those of comparing every text with every other, each once."""
    monkeypatch.setattr(similar, "_SEARCH", WAYS[way])
    monkeypatch.setattr(similar, "_FOUND", WAYS[way])
    left, right = (column(warehouse, some) for some in texts)
    found = warehouse.rows(similar.pairs(warehouse, left, right, per_cent))
    assert sorted((pair["left"], pair["right"]) for pair in found) == expected(*texts, per_cent)
