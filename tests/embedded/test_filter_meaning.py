"""A filter means what it says: the server finds the rows that the same filter finds in plain Python."""

from __future__ import annotations

import operator
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backstamp import odata

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.embedded.conftest import Crm

    Row = dict[str, Any]

_TEXTS = ["a", "B", "ab", "Ba", "é", "É", "straße", "x y", "100%", "a_b", "O'Ada", "~", "\\", "", "[a]"]
_COLUMNS: dict[str, list[Any]] = {
    "lastname": _TEXTS,
    "jobtitle": _TEXTS,
    "gendercode": [1, 2],
    "numberofchildren": [0, 1, 2, 3],
    "creditlimit": [0, 0.01, 9.99, 10, 10.5],
    "donotemail": [True, False],
    "birthdate": ["1980-01-01", "1980-01-02", "2000-02-29"],
    "lastusedincampaign": ["2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", "2026-01-02T00:00:00Z"],
}
_ORDERED = [name for name in _COLUMNS if name != "donotemail"]


@dataclass(frozen=True)
class Filter:
    """A filter as text and as a function."""

    text: str
    fits: Callable[[Row], bool]


def _plain(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _spelled(name: str, value: object) -> str:
    if name in {"birthdate", "lastusedincampaign"}:
        return str(value)
    return odata.literal(value)


def _equal(name: str, value: object, *, same: bool) -> Filter:
    text = f"{name} {'eq' if same else 'ne'} {'null' if value is None else _spelled(name, value)}"
    return Filter(text, lambda row: (_plain(row[name]) == _plain(value)) is same)


def _ordered(name: str, word: str, value: object) -> Filter:
    compare = {"gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le}[word]
    text = f"{name} {word} {_spelled(name, value)}"
    return Filter(text, lambda row: row[name] is not None and compare(_plain(row[name]), _plain(value)))


def _like(name: str, word: str, part: str) -> Filter:
    fit = {"contains": str.__contains__, "startswith": str.startswith, "endswith": str.endswith}[word]
    return Filter(
        f"{word}({name},{odata.literal(part)})",
        lambda row: row[name] is not None and fit(row[name].lower(), part.lower()),
    )


def _among(name: str, values: list[Any], *, negated: bool) -> Filter:
    listed = ",".join(f'"{value}"' for value in values)
    function = odata.type_name("NotIn" if negated else "In")
    plain = [_plain(value) for value in values]
    return Filter(
        f"{function}(PropertyName='{name}',PropertyValues=[{listed}])",
        lambda row: (_plain(row[name]) in plain) is not negated,
    )


def _all(one: Filter, other: Filter) -> Filter:
    return Filter(f"({one.text} and {other.text})", lambda row: one.fits(row) and other.fits(row))


def _any(one: Filter, other: Filter) -> Filter:
    return Filter(f"({one.text} or {other.text})", lambda row: one.fits(row) or other.fits(row))


def _not(one: Filter) -> Filter:
    return Filter(f"not ({one.text})", lambda row: not one.fits(row))


@st.composite
def _leaves(draw: st.DrawFn) -> Filter:
    form = draw(st.sampled_from(["equal", "ordered", "like", "among"]))
    name = draw(st.sampled_from(sorted(_COLUMNS) if form == "equal" else _ORDERED))
    if form == "equal":
        return _equal(name, draw(st.sampled_from([None, *_COLUMNS[name]])), same=draw(st.booleans()))
    if form == "ordered":
        return _ordered(name, draw(st.sampled_from(["gt", "ge", "lt", "le"])), draw(st.sampled_from(_COLUMNS[name])))
    if form == "like":
        part = draw(st.sampled_from(["a", "B", "É", " ", "'", "~", "\\", "ss"]))
        text_column = draw(st.sampled_from(["lastname", "jobtitle"]))
        return _like(text_column, draw(st.sampled_from(["contains", "startswith", "endswith"])), part)
    numbers = draw(st.sampled_from(["gendercode", "numberofchildren"]))
    return _among(numbers, draw(st.lists(st.sampled_from([0, 1, 2, 3]), min_size=1)), negated=draw(st.booleans()))


_FILTERS = st.recursive(
    _leaves(), lambda inner: st.one_of(st.builds(_all, inner, inner), st.builds(_any, inner, inner), inner.map(_not))
)


@pytest.fixture(scope="module")
def rows(crm: Crm) -> list[Row]:
    """Rows with and without values in every column, as the server tells them."""
    chance = random.Random(5)  # noqa: S311 - no secret
    targets = [
        {name: chance.choice(values) for name, values in _COLUMNS.items() if chance.random() < 0.8} for _ in range(80)
    ]
    assert crm.act("contact", odata.CREATE_MULTIPLE, targets).status_code == 200
    return crm.rows("contacts")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chosen=_FILTERS)
def test_a_filter_finds_what_plain_python_finds(crm: Crm, rows: list[Row], chosen: Filter) -> None:
    """Over random rows any tree of conditions gives exactly the rows for which it is true."""
    response = crm.http.get("contacts", params={"$filter": chosen.text, "$select": "contactid"})
    assert response.status_code == 200, response.text
    found = {row["contactid"] for row in response.json()["value"]}
    assert found == {row["contactid"] for row in rows if chosen.fits(row)}
