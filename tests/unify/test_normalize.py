"""Values made comparable are what the page says (unification.md 2 and 3), in whatever form a column comes."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from itertools import combinations
from typing import TYPE_CHECKING, Any

import phonenumbers
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.oracle import normalize as oracle

from backstamp.unify import normalize
from backstamp.unify.normalize import lists, supplied

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backstamp.unify.settings import Normalizer

WORDS = """
Moss Abbie ABBY debby Chris Mr. Prof Professor O\u2019Neil -Smith- Stra\u00dfe Str. North West Apt. Suite P. O. Box 12
1st First Co Corp. Inc GmbH & S.p.A. S A de C.V. Ltd Ph.D. \u1e4cx \u216f \u277d \u00bd
"""
PLAIN = st.text("abcXYZ 019+#-.'\t\n\x1c\x00", max_size=12)
TRICKY = st.text(
    "aZ0\u06607\u00b2\u2167\u00bd\u33e9 \u00e9\u0301\u00df\u0130\u0131\u00d8\u01fe\u24b6\u017f\u0345\u0915\u093f"
    "\u2003\x85\u200b#+'\u2019-\u2010",
    max_size=8,
)
ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
LINES = st.lists(st.sampled_from(WORDS.split()), max_size=6).map(" ".join)
COLUMNS = st.lists(st.none() | PLAIN | PLAIN | LINES | LINES | TRICKY | ANY, max_size=30)
RANDOM = settings(max_examples=150, deadline=None)


def expected(values: Sequence[Any], names: Sequence[Normalizer], region: str | None = None) -> list[str | None]:
    """Return what the oracle makes of texts."""
    return [oracle.comparable(value, tuple(names), region) for value in values]


def made(values: Sequence[Any], kind: pa.DataType, *names: Normalizer, region: str | None = None) -> list[str | None]:
    """Return what comparable makes of a column of this type."""
    result: list[str | None] = normalize.comparable(pa.array(values, kind), names, region).to_pylist()
    return result


@pytest.mark.parametrize("names", [(), *((name,) for name in normalize.ORDER), normalize.ORDER], ids="-".join)
@RANDOM
@given(values=COLUMNS)
@example(values=[])
@example(values=[None, None])
@example(values=["", " ", "\u00e9", None])
def test_texts(names: tuple[Normalizer, ...], values: list[str | None]) -> None:
    """Every normalizer by itself, and all of them together, give what the oracle gives."""
    assert made(values, pa.string(), *names) == expected(values, names)


@settings(max_examples=500, deadline=None)
@given(values=COLUMNS, names=st.lists(st.sampled_from(normalize.ORDER), unique=True))
def test_texts_under_several_normalizers(names: list[Normalizer], values: list[str | None]) -> None:
    """Any normalizers give what the oracle gives, in whatever order they are written."""
    assert made(values, pa.string(), *names) == expected(values, names)


VALUES = st.sampled_from(
    ["", " ", "a", "A", "b", "B ", "c", "d", "e", "Bob", "Robert", "\u00e9", "e\u0301", "\u00df", "ss", "1"]
)
PAIRS = st.lists(st.tuples(VALUES, VALUES), max_size=8).map(tuple)


@settings(max_examples=300, deadline=None)
@given(
    values=st.lists(st.none() | VALUES, max_size=20),
    names=st.lists(st.sampled_from(normalize.ORDER), unique=True, max_size=2),
    alias=PAIRS,
    bypass=st.lists(VALUES, max_size=3).map(tuple),
)
def test_lists_of_equal_and_of_empty_values(
    values: list[str | None], names: list[Normalizer], alias: tuple[tuple[str, str], ...], bypass: tuple[str, ...]
) -> None:
    """Lists are normalized as the column is; pairs are closed into sets; a whole set is empty if one of it is."""
    equal = normalize.Entries([one for one, _ in alias], [other for _, other in alias])
    replaced = normalize.replacements(equal, normalize.Entries(bypass), names, None)
    found = normalize.comparable(pa.array(values, pa.string()), names, None, replaced).to_pylist()
    assert found == [oracle.comparable(value, tuple(names), None, alias, bypass) for value in values]


def test_long_lists_of_equal_values() -> None:
    """A chain of many pairs is one set, whatever their order."""
    chain = [(str(number), str(number + 1)) for number in range(10**5, 2 * 10**5)]
    replaced = supplied.replacements(chain[::2] + chain[::-2], ["150000"])
    assert (len(replaced), set(replaced.values())) == (10**5 + 1, {None})


NUMBERED = {
    region: phonenumbers.PhoneMetadata.metadata_for_region(region)
    for region in ("US", "CA", "GB", "DE", "IT", "JP", "AR", "BR")
}


@st.composite
def dialled(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Draw a region and numbers as people write them there, valid and not."""
    region = draw(st.sampled_from(sorted(NUMBERED)))
    plan: Any = NUMBERED[region]
    before = ["", f"+{plan.country_code} ", f"+0{plan.country_code}", f"00{plan.country_code}", f"{plan.country_code}"]
    before += [plan.national_prefix or "", f"+{plan.country_code}(0)", "+", "+44 ", "Tel. ", "\u00a0", "x+"]
    kinds = [kind for kind in (plan.mobile, plan.fixed_line, plan.toll_free, plan.general_desc) if kind]
    digits = st.sampled_from(kinds).flatmap(
        lambda kind: st.from_regex(re.compile(kind.national_number_pattern, re.ASCII), fullmatch=True)
    )
    after = st.sampled_from(["", "", "5", "-", " ext 7", "+1"])
    numbers = st.tuples(st.sampled_from(before), digits | st.text("0123456789", max_size=12), after).map("".join)
    return region, draw(st.lists(numbers, max_size=20))


@settings(max_examples=300, deadline=None)
@given(drawn=dialled())
def test_numbers_of_a_region(drawn: tuple[str, list[str]]) -> None:
    """What is seen for a whole column at once is what the library says of each number."""
    region, values = drawn
    assert made(values, pa.string(), "phone", region=region) == expected(values, ["phone"], region)


@pytest.mark.parametrize(
    ("region", "values", "wanted"),
    [
        ("US", ["+01 425.555.1212", "1 (425) 555-1212", "425-555-1212 ext. 7", "011 1 425 555 1212"], "14255551212"),
        ("CA", ["(604) 555-0123", "+1 604 555 0123", "1-604-555-0123"], "16045550123"),
        ("DE", ["0151 23456789", "+49 (0)151 23456789", "0049 151/23456789", "151 23456789"], "4915123456789"),
        ("GB", ["020 7946 0018", "+44 20 7946 0018", "+44 (0)20 7946 0018"], "442079460018"),
        ("DE", ["+01 425.555.1212", "001 425 555 1212"], "14255551212"),
        ("US", ["123", "0123", "+123"], "123"),
    ],
)
def test_one_number_in_many_forms(region: str, values: list[str], wanted: str) -> None:
    """With a region a number is the same however it is dialled; what is no valid number keeps its digits."""
    assert set(made(values, pa.string(), "phone", region=region)) == {wanted}


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
    ("numerals", "\u277d \u2167 \u0663 \u00bd \u4e09 7", "8 8 3 \u00bd \u4e09 7"),
    ("unicode_to_ascii", "\u00e0\u00e1\u00e2\u00c0\u24b6\uff21", "aaaaaa"),
    (
        "unicode_to_ascii",
        "Stra\u00dfe \u0141\u00f3d\u017a \u00c6R\u00d8 \u00de\u00f3r D\u0131yar",
        "strasse lodz aero thor diyar",
    ),
    (
        "unicode_to_ascii",
        "O\u0323\u0300s\u0323un \u041c\u043e\u0441\u043a\u0432\u0430 \u0915\u093f",
        "osun \u043c\u043e\u0441\u043a\u0432\u0430 \u0915\u093f",
    ),
    ("name", "debby", "deborah"),
    ("name", "Mr. Chris O\u2019Neil", "chris o'neil"),
    ("name", "Prof. Alex Smith", "prof alex smith"),
    ("name", "Professor Alex Smith", "prof alex smith"),
    ("name", "Dr. Bob Moss, Ph.D.", "dr robert moss phd"),
    ("name", "Mr.", "mr"),
    ("name", " - ", None),
    ("address", "12 North West Main Street, Apartment 5", "12 nw main st apt 5"),
    ("address", "12 Northwest Main St. Apt 5", "12 nw main st apt 5"),
    ("address", "P.O. Box 7", "po box 7"),
    ("address", "Post Office Box 7", "po box 7"),
    ("organization", "Acme Corporation", "acme"),
    ("organization", "ACME & Co., Inc.", "acme"),
    ("organization", "M\u00fcller GmbH & Co. KG", "m\u00fcller"),
    ("organization", "Rossi S.p.A.", "rossi"),
    ("organization", "Co.", "co"),
    ("token_order", "Moss, Abbie", "abbie moss"),
    ("token_order", "Abbie Moss", "abbie moss"),
    ("token_order", "b\u2010-c' 'A", "a b--c"),
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
    for names in ((), *combinations(set(normalize.ORDER) - {"phone"}, 2)):
        one, other = made(["Zo\u00eb x", "Zoe\u0308 x"], pa.string(), *names)
        assert one == other
        assert one is not None


def test_lists_are_as_long_as_the_page_asks() -> None:
    """Well over 500 variations of names are written in one way, 50 or more legal forms are removed."""
    names = {form for form, made in lists.names().words.items() if made}
    assert len(names) > 600
    assert len(lists.organizations().words) > 50


@pytest.mark.parametrize("name", ["name", "address", "organization"])
def test_what_stands_for_a_word_stays(name: Normalizer) -> None:
    """No entry of a list leads to another one: normalized again, nothing changes."""
    words = {"name": lists.names, "address": lists.addresses, "organization": lists.organizations}[name]()
    entries = [*words.words, *(" ".join(phrase) for some in words.phrases.values() for phrase, _ in some)]
    once = made(entries, pa.string(), name)
    assert made(once, pa.string(), name) == once


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
