"""Semantic types that columns could have, by their names and by what their values look like."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from backstamp.unify import semantic_types
from backstamp.unify.normalize import lists

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_PHONE = re.compile(r"\+?[\d\s().\-/]{7,24}(?:(?:x|ext\.?|#)\s*\d+)?", re.IGNORECASE)
_POSTAL_CODE = re.compile(
    r"\d{5}(?:-\d{4})?|[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}|[A-Z]\d[A-Z]\s?\d[A-Z]\d", re.IGNORECASE
)  # of the United States and much of Europe, of the United Kingdom, of Canada
_DATE = re.compile(r"\d{4}[-/.]?\d{2}[-/.]?\d{2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}")

_FEW = 20
"""So many different values say nothing of what a column is."""


@dataclass(frozen=True)
class Suggestion:
    """A semantic type that a column could have.

    Attributes:
        column: its name.
        type: the semantic type.
        share: the share of the different values looked at that looks so; None where the name of the column says it.
    """

    column: str
    type: str
    share: float | None


def suggest(
    columns: Mapping[str, pa.DataType], values: Mapping[str, Sequence[Any]], given: Collection[str] = ()
) -> tuple[Suggestion, ...]:
    """Return what the columns of one table could mean; a type is suggested for one column only.

    Args:
        columns: the columns and their types.
        values: some of the values of each column; a column may lack here.
        given: semantic types that other columns of the table have.
    """
    found: dict[str, Suggestion] = {}
    every = (made for column, kind in columns.items() for made in _of_column(column, kind, values.get(column, ())))
    # What the name says goes first; of several columns the first has it.
    for made in sorted(every, key=lambda made: made.share is not None):
        if made.type not in {*given, *(one.type for one in found.values())}:
            found.setdefault(made.column, made)
    return tuple(found[column] for column in columns if column in found)


def _of_column(column: str, kind: pa.DataType, values: Sequence[Any]) -> Iterator[Suggestion]:
    texts = {text for value in values if value is not None and (text := str(value).strip())}
    shares = {look.type: _share(texts, look) for look in _LOOKS if len(texts) > _FEW}
    named = semantic_types.by_name(column)
    if named and _can_be(named, kind):
        if not (named in _DENIED and shares.get(named, 1) < _DENIED[named]):
            yield Suggestion(column, named, share=None)
    elif pa.types.is_string(kind):
        for look in _LOOKS:
            if shares.get(look.type, 0) >= look.telling:
                yield Suggestion(column, look.type, shares[look.type])


def _can_be(name: str, kind: pa.DataType) -> bool:
    """Tell whether values of an Arrow type can have a semantic type: nearly all are text."""
    if name == "Person.BirthDate" and pa.types.is_temporal(kind):
        return True
    if name in {"Location.Latitude", "Location.Longitude"}:
        return not pa.types.is_boolean(kind)
    is_code = name in {"Location.PostalCode", "Identity.Service.Phone", "Identity.GovernmentID"}
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or (is_code and pa.types.is_integer(kind))


def _share(texts: Collection[str], look: _Look) -> float:
    return sum(map(look.fits, texts)) / len(texts)


def _is_phone(text: str) -> bool:
    digits = sum(character.isdigit() for character in text)
    is_written_so = not text.isdigit() or digits >= len("4255551212")
    return bool(_PHONE.fullmatch(text)) and digits >= len("5551212") and is_written_so and not _DATE.fullmatch(text)


def _is_birth_date(text: str) -> bool:
    """Tell a day on which somebody who is of age today can have been born."""
    if not _DATE.fullmatch(text[: len("2000-01-01")]):
        return False
    year = next((int(part) for part in re.findall(r"\d{4}", text)), 0)
    return year in range(_this_year() - 110, _this_year() - 15)


@cache
def _this_year() -> int:
    return datetime.now(UTC).year


def _is_first_name(text: str) -> bool:
    return text.casefold() in _first_names()


def _is_full_name(text: str) -> bool:
    words = re.findall(r"[^\W\d_]+", text.casefold())
    return len(words) in {2, 3, 4} and not any(map(str.isdigit, text)) and not _first_names().isdisjoint(words)


def _is_street(text: str) -> bool:
    words = re.findall(r"\w+", text.casefold())
    return any(map(str.isdigit, words)) and not _street_words().isdisjoint(words)


@cache
def _first_names() -> frozenset[str]:
    known = lists.names().words
    return frozenset({*known, *(word for made in known.values() for word in made)})


@cache
def _street_words() -> frozenset[str]:
    known = lists.addresses().words
    return frozenset({*known, *(word for made in known.values() for word in made)})


@dataclass(frozen=True)
class _Look:
    """What values of a semantic type look like, and the share of them from which on they tell it by themselves."""

    type: str
    fits: Callable[[str], bool]
    telling: float


_LOOKS = (
    _Look("Identity.Service.Email", lambda text: bool(_EMAIL.fullmatch(text)), 0.75),
    _Look("Person.BirthDate", _is_birth_date, 0.75),
    _Look("Identity.Service.Phone", _is_phone, 0.75),
    _Look("Location.PostalCode", lambda text: bool(_POSTAL_CODE.fullmatch(text)), 0.75),
    _Look("Location.Street", _is_street, 0.5),
    # The lists know the names that have nicknames: one or two in ten, but among surnames hardly any.
    _Look("Person.FullName", _is_full_name, 0.25),
    _Look("Person.FirstName", _is_first_name, 0.12),
)
"""The surest look first."""
_DENIED: Mapping[str, float] = {"Identity.Service.Email": 0.5, "Person.BirthDate": 0.25}
"""Types whose values look alike all over the world: a lower share says that the name of a column is wrong."""
