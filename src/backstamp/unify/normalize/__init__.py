"""Values made comparable (unification.md 2 and 3): a column in, a column of text out, the same on every engine.

Most values are plain ASCII: the normalizers of characters work on all bytes of a column at once. All other values, and
those that are looked at token by token, go through Python, each distinct value once. Stored values never change.
The lists that people supply come after all normalizers, as one table of replacements.

    characters   numerals, unicode_to_ascii, symbols, whitespace
    phone        telephone numbers, with a region or without
    tokens       name, address, organization, token_order
    lists        the words that these know
    supplied     alias and bypass
    columns      Python functions on columns
"""

from __future__ import annotations

import math
import string
import unicodedata
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from backstamp.unify.normalize import characters, phone, supplied, tokens
from backstamp.unify.normalize.columns import each_distinct
from backstamp.unify.normalize.supplied import Entries as Entries
from backstamp.unify.normalize.supplied import Lists as Lists
from backstamp.unify.settings import Normalizer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from numpy.typing import NDArray

ORDER: tuple[Normalizer, ...] = get_args(Normalizer)
"""They apply in this order, whatever order they are written in."""

Replaced: TypeAlias = "tuple[pa.Array[Any], pa.Array[Any]]"
"""Normalized values, and what stands in the place of each: null where it counts as empty."""

OF_TOKENS: frozenset[Normalizer] = frozenset({"name", "address", "organization", "token_order"})
"""They look at a text token by token, and imply `lowercase`."""


def in_order(normalizers: Collection[Normalizer]) -> tuple[Normalizer, ...]:
    """Return the normalizers in the order in which they apply, with those that they imply."""
    implied = {"lowercase"} if not OF_TOKENS.isdisjoint(normalizers) else set()
    return tuple(name for name in ORDER if name in {*normalizers, *implied})


def comparable(
    column: pa.Array[Any],
    normalizers: Collection[Normalizer],
    region: str | None = None,
    replaced: Replaced | None = None,
) -> pa.Array[Any]:
    """Return the column as conditions compare it: text, null where a value counts as empty.

    Numbers are their shortest decimal text, times are ISO text in UTC (a date is its midnight), booleans are "true"
    and "false"; so two columns of one family compare by value. Normalizers apply to text and to numbers.

    Args:
        column: the values.
        normalizers: what is made of them, in any order.
        region: where a telephone number without a country code is from, or None if that is not known.
        replaced: what stands in the place of normalized text, as `replacements` gives it.
    """
    kind = column.type
    if pa.types.is_temporal(kind):
        return column.cast(pa.timestamp("us")).cast(pa.string())
    if pa.types.is_boolean(kind):
        return column.cast(pa.string())
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        column = each_distinct(column, _decimal_text)
    text = _normalize(column.cast(pa.string()), in_order(normalizers), region)
    return text if replaced is None else _replace(text, *replaced)


def replacements(
    alias: supplied.Entries, bypass: supplied.Entries, normalizers: Collection[Normalizer], region: str | None
) -> Replaced:
    """Return what stands in the place of normalized text by lists that people supply, None for what counts as empty.

    Args:
        alias: pairs of values that count as equal.
        bypass: of these the values count as empty.
        normalizers: what is made of the lists, as of the column.
        region: where telephone numbers in them are from.
    """

    def normal(values: Sequence[str | None]) -> list[str | None]:
        made: list[str | None] = comparable(pa.array(values, pa.string()), normalizers, region).to_pylist()
        return made

    pairs = zip(normal(alias.values), normal(alias.aliases), strict=True)
    made = supplied.replacements(pairs, normal(bypass.values))
    return pa.array(made, pa.string()), pa.array(made.values(), pa.string())


def _replace(column: pa.Array[Any], values: pa.Array[Any], others: pa.Array[Any]) -> pa.Array[Any]:
    """Return the text column with other text, or null, in the place of some values."""
    places: Any = pc.index_in(column, values)
    result: pa.Array[Any] = pc.if_else(pc.is_valid(places), others.take(places), column)
    return result


def _normalize(column: pa.Array[Any], steps: Sequence[Normalizer], region: str | None) -> pa.Array[Any]:
    """Return the text column after these steps; null where nothing but white space remains."""
    if not OF_TOKENS.isdisjoint(steps):
        return each_distinct(column, lambda text: _slow(text, steps, region))
    is_plain: Any = pc.string_is_ascii(column)
    if "phone" in steps:  # a letter may begin an extension
        is_plain = pc.and_not(is_plain, pc.match_substring_regex(column, "[A-Za-z#]"))
    others = pc.invert(pc.fill_null(is_plain, True))
    replacements = each_distinct(column.filter(others), lambda text: _slow(text, steps, region))
    result: pa.Array[Any] = pc.replace_with_mask(_fast(column, steps, region), others, replacements)
    return result


def _fast(column: pa.Array[Any], steps: Sequence[Normalizer], region: str | None) -> pa.Array[Any]:
    """Return what the steps make of ASCII text, all bytes at once; any other text becomes something to be replaced."""
    text, bounds = _bytes_of(column)
    if "phone" in steps:
        made = _fast_phone(text, bounds, region)
        text, bounds = _bytes_of(made)
    else:
        if "lowercase" in steps or "unicode_to_ascii" in steps:
            text = text.lower()
        for dropped in (_DROPPED[step] for step in steps if step in _DROPPED):
            text, bounds = text.translate(None, dropped), _bounds_without(dropped, text, bounds)
        made = _array_of(text, bounds)
    is_filled = np.diff(_bounds_without(_SPACES, text, bounds)) > 0
    result: pa.Array[Any] = pc.if_else(pc.and_(column.is_valid(), pa.array(is_filled)), made, None)
    return result


def _fast_phone(text: bytes, bounds: NDArray[np.int32], region: str | None) -> pa.Array[Any]:
    """Return the digits of numbers; no other normalizer changes anything before or after."""
    dropped = _NOT_DIALLED if region else _NOT_DIGITS
    dialled = _array_of(text.translate(None, dropped), _bounds_without(dropped, text, bounds))
    made: pa.Array[Any] = phone.with_region(dialled, region) if region else pc.utf8_ltrim(dialled, "0")
    return made


def _array_of(text: bytes, bounds: NDArray[np.int32]) -> pa.Array[Any]:
    return pa.StringArray.from_buffers(len(bounds) - 1, pa.py_buffer(bounds.tobytes()), pa.py_buffer(text))


def _bytes_of(column: pa.Array[Any]) -> tuple[bytes, NDArray[np.int32]]:
    """Return the UTF-8 of all values, one after the other, and where each begins and ends."""
    _, ends, content = column.buffers()
    assert ends is not None  # noqa: S101 - a column of text has ends
    bounds = np.frombuffer(memoryview(ends), np.int32, len(column) + 1, column.offset * 4)
    text = memoryview(content)[bounds[0] : bounds[-1]] if content else b""
    return bytes(text), bounds - bounds[0]


def _bounds_without(dropped: bytes, text: bytes, bounds: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return where each value begins and ends once these bytes are dropped."""
    stays = np.frombuffer(text.translate(_flags(dropped)), np.bool_)
    if stays.all():
        return bounds
    return np.concatenate([[0], np.cumsum(stays, dtype=np.int32)], dtype=np.int32)[bounds]


@cache
def _flags(dropped: bytes) -> bytes:
    """Return the table that turns these bytes into 0 and any other into 1."""
    return bytes(byte not in dropped for byte in range(256))


_SPACES = b"\t\n\v\f\r "
_BEYOND_ASCII = bytes(range(128, 256))  # what is left of other text would be no UTF-8
_DIGITS, _LETTERS = string.digits.encode(), string.ascii_letters.encode()
_NOT_DIGITS = bytes(set(range(256)) - set(_DIGITS))
_NOT_DIALLED = bytes(set(_NOT_DIGITS) - set(b"+"))
_DROPPED: dict[str, bytes] = {
    "symbols": bytes(set(range(256)) - set(_DIGITS + _LETTERS + _SPACES)),
    "whitespace": _SPACES + _BEYOND_ASCII,
}
"""The bytes that a normalizer drops from ASCII text."""


def _slow(text: str, steps: Sequence[Normalizer], region: str | None) -> str | None:
    """Return the same of any text; NFC first and last."""
    text = unicodedata.normalize("NFC", text)
    for step in steps:
        text = phone.phone(text, region) if step == "phone" else _SLOW[step](text)
    text = unicodedata.normalize("NFC", text)
    # What `strip` leaves is no white space; what it takes may be something else.
    return None if not text.strip() and characters.WHITE_SPACE.issuperset(text) else text


_SLOW: dict[Normalizer, Callable[[str], str]] = {
    "numerals": characters.numerals,
    "unicode_to_ascii": characters.unicode_to_ascii,
    "lowercase": str.casefold,
    "name": tokens.name,
    "address": tokens.address,
    "organization": tokens.organization,
    "token_order": tokens.token_order,
    "symbols": characters.symbols,
    "whitespace": characters.whitespace,
}


def _decimal_text(number: float | Decimal) -> str | None:
    """Return the shortest decimal text of a number: 2.50 and 2.5 are the same; what is no number equals nothing."""
    if not math.isfinite(number):
        return None
    text = format(Decimal(repr(number)) if isinstance(number, float) else Decimal(number), "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text
