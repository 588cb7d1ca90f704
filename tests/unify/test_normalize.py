"""Values made comparable are what the page says (unification.md 2 and 3), in whatever form a column comes."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from itertools import chain, combinations
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.oracle import normalize as oracle

from backstamp.unify import normalize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backstamp.unify.settings import Normalizer

COMBINATIONS = [*chain.from_iterable(combinations(normalize.ORDER, count) for count in range(len(normalize.ORDER) + 1))]
PLAIN = st.text("abcXYZ 019+#-.'\t\n\x1c\x00", max_size=12)
TRICKY = st.text("aZ0\u06607²Ⅷ é\u0301ßİ\u017f\u2003\x85\u200b#+", max_size=8)
ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
COLUMNS = st.lists(st.none() | PLAIN | PLAIN | TRICKY | ANY, max_size=30)
RANDOM = settings(max_examples=150, deadline=None)


def expected(values: Sequence[Any], names: Sequence[Normalizer]) -> list[str | None]:
    """Return what the oracle makes of texts."""
    return [oracle.comparable(value, tuple(names)) for value in values]


def made(values: Sequence[Any], kind: pa.DataType, *names: Normalizer) -> list[str | None]:
    """Return what comparable makes of a column of this type."""
    result: list[str | None] = normalize.comparable(pa.array(values, kind), names).to_pylist()
    return result


@pytest.mark.parametrize("names", COMBINATIONS, ids="-".join)
@RANDOM
@given(values=COLUMNS)
@example(values=[])
@example(values=[None, None])
@example(values=["", " ", "é", None])
def test_texts(names: tuple[Normalizer, ...], values: list[str | None]) -> None:
    """All normalizers, alone and together, give what the oracle gives, written in any order."""
    assert made(values, pa.string(), *names) == expected(values, names)
    assert made(values, pa.string(), *reversed(names)) == expected(values, names)


@pytest.mark.parametrize("names", [(), ("phone",), ("lowercase", "symbols")], ids="-".join)
@RANDOM
@given(values=COLUMNS, data=st.data())
def test_parts_of_columns(names: tuple[Normalizer, ...], values: list[str | None], data: st.DataObject) -> None:
    """A part of a longer column gives what its own values give, wherever it begins and ends."""
    begin = data.draw(st.integers(0, len(values)))
    length = data.draw(st.integers(0, len(values) - begin))
    part = pa.array(values, pa.string()).slice(begin, length)
    assert normalize.comparable(part, names).to_pylist() == expected(values[begin : begin + length], names)


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())], ids=str
)
@RANDOM
@given(values=COLUMNS)
def test_forms_of_text(kind: pa.DataType, values: list[str | None]) -> None:
    """Text is text, however Arrow holds it."""
    column = pa.array(values, pa.string()).cast(kind)
    assert normalize.comparable(column, ["symbols"]).to_pylist() == expected(values, ["symbols"])


PAGE: list[tuple[Normalizer, str, str | None]] = [
    ("lowercase", "STRASSE", "strasse"),
    ("lowercase", "Straße", "strasse"),
    ("lowercase", "Σίσυφος", "σίσυφοσ"),
    ("phone", "+01 425.555.1212", "14255551212"),
    ("phone", "1 (425) 555-1212", "14255551212"),
    ("phone", "425 555 1212 ext. 7", "4255551212"),
    ("phone", "425-555-1212 #12", "4255551212"),
    ("phone", "Tel. 425 555 1212", "4255551212"),
    ("phone", "#1 425", "1425"),
    ("phone", "000", None),
    ("phone", "ask Ada", None),
    ("symbols", "O'Neil-Smith, Jr.", "ONeilSmith Jr"),
    ("symbols", "-- !", None),
    ("whitespace", " a\tb\u2003c ", "abc"),
    ("whitespace", "\x1f", "\x1f"),
]


@pytest.mark.parametrize(("name", "text", "wanted"), PAGE)
def test_examples(name: Normalizer, text: str, wanted: str | None) -> None:
    """Each normalizer does what its line of the page says."""
    assert made([text], pa.string(), name) == [wanted]
    assert expected([text], [name]) == [wanted]


def test_composed_and_decomposed_letters() -> None:
    """Text is NFC first and last: é is é in one code point or in two, with or without normalizers."""
    for names in COMBINATIONS:
        if "phone" not in names:
            one, other = made(["Zo\u00eb x", "Zoe\u0308 x"], pa.string(), *names)
            assert one == other
            assert one is not None


NUMBERS: list[tuple[Any, pa.DataType, str]] = [
    (2, pa.int64(), "2"),
    (2, pa.int8(), "2"),
    (2**63 - 1, pa.int64(), "9223372036854775807"),
    (2.0, pa.float64(), "2"),
    (0.1, pa.float64(), "0.1"),
    (1e22, pa.float64(), "10000000000000000000000"),
    (-0.0, pa.float64(), "0"),
    (1e-7, pa.float64(), "0.0000001"),
    (Decimal("2.50"), pa.decimal128(9, 2), "2.5"),
    (Decimal("100.00"), pa.decimal128(9, 2), "100"),
    (Decimal("-0.00"), pa.decimal128(9, 2), "0"),
]


@pytest.mark.parametrize(("value", "kind", "wanted"), NUMBERS)
def test_numbers(value: Any, kind: pa.DataType, wanted: str) -> None:
    """A number is its shortest decimal text, so that 2, 2.0 and 2.00 are the same; null stays null."""
    assert made([value, None], kind) == [wanted, None]


def test_normalized_numbers() -> None:
    """A normalizer works on the shortest decimal text of a number; zero is no phone number."""
    assert made([4255551212, 0, None], pa.int64(), "phone") == ["4255551212", None, None]
    assert made([Decimal("-2.50")], pa.decimal128(9, 2), "symbols") == ["25"]


@RANDOM
@given(values=st.lists(st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3), max_size=10))
def test_whole_numbers_and_decimals_compare_by_value(values: list[int | None]) -> None:
    """The same numbers are the same text, as whole numbers and as decimals."""
    decimals = [None if value is None else Decimal(value) for value in values]
    assert made(values, pa.int64()) == made(decimals, pa.decimal128(38, 10))


def test_dates_and_times_compare_by_value() -> None:
    """A date is its midnight, a time with a zone the moment that it names in UTC."""
    day, zone = dt.date(2024, 2, 29), dt.timezone(dt.timedelta(hours=2))
    midnight = dt.datetime(2024, 2, 29, 2, tzinfo=zone)
    texts = [made([day, None], kind) for kind in (pa.date32(), pa.date64())]
    kinds = (pa.timestamp("s"), pa.timestamp("us"), pa.timestamp("ns"), pa.timestamp("ms", "Europe/Athens"))
    texts += [made([midnight, None], kind) for kind in kinds]
    assert all(text == texts[0] for text in texts)
    assert texts[0][1] is None
    assert made([midnight + dt.timedelta(microseconds=1)], pa.timestamp("us", "UTC")) != texts[0][:1]


def test_booleans_compare_by_value() -> None:
    """True and false are two values, and null is none."""
    assert made([True, False, None], pa.bool_()) == ["true", "false", None]
