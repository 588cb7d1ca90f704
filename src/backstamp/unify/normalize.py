"""Values made comparable (unification.md 2 and 3): a column in, a column of text out, the same on every engine.

Most values are plain ASCII: their normalizers work on all bytes of a column at once. All others go, each distinct value
once, through Python's own Unicode tables. Stored values never change.
"""

from __future__ import annotations

import math
import string
import unicodedata
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from numpy.typing import NDArray

    from backstamp.unify.settings import Normalizer

ORDER: tuple[Normalizer, ...] = ("lowercase", "phone", "symbols", "whitespace")
"""They apply in this order, whatever order they are written in."""

# The characters with the Unicode property White_Space; `str.isspace` counts four control characters besides.
_WHITE_SPACE = frozenset("\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000") | {
    chr(0x2000 + n) for n in range(11)
}


def comparable(column: pa.Array[Any], normalizers: Collection[Normalizer]) -> pa.Array[Any]:
    """Return the column as conditions compare it: text, null where a value counts as empty.

    Numbers are their shortest decimal text, times are ISO text in UTC (a date is its midnight), booleans are "true"
    and "false"; so two columns of one family compare by value. Normalizers apply to text and to numbers.
    """
    kind = column.type
    if pa.types.is_temporal(kind):
        return column.cast(pa.timestamp("us")).cast(pa.string())
    if pa.types.is_boolean(kind):
        return column.cast(pa.string())
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        column = _each_distinct(column, _decimal_text)
    return normalize(column.cast(pa.string()), normalizers)


def normalize(column: pa.Array[Any], normalizers: Collection[Normalizer]) -> pa.Array[Any]:
    """Return the text column after these normalizers; null where nothing but white space remains."""
    steps = [name for name in ORDER if name in normalizers]
    is_plain: Any = pc.string_is_ascii(column)
    if "phone" in steps:  # a letter may begin an extension
        is_plain = pc.and_not(is_plain, pc.match_substring_regex(column, "[A-Za-z#]"))
    others = pc.invert(pc.fill_null(is_plain, True))
    replacements = _each_distinct(column.filter(others), lambda text: _slow(text, steps))
    result: pa.Array[Any] = pc.replace_with_mask(_fast(column, steps), others, replacements)
    return result


def _fast(column: pa.Array[Any], steps: Sequence[Normalizer]) -> pa.Array[Any]:
    """Return what the steps make of ASCII text, all bytes at once; any other text becomes something to be replaced."""
    text, bounds = _bytes_of(column)
    if "lowercase" in steps:
        text = text.lower()
    for dropped in (_DROPPED[step] for step in steps if step in _DROPPED):
        text, bounds = text.translate(None, dropped), _bounds_without(dropped, text, bounds)
    made: Any = pa.StringArray.from_buffers(len(column), _buffer(bounds), pa.py_buffer(text))
    if "phone" in steps:
        made = pc.utf8_ltrim(made, "0")
        text, bounds = _bytes_of(made)
    is_filled = np.diff(_bounds_without(_SPACES, text, bounds)) > 0
    result: pa.Array[Any] = pc.if_else(pc.and_(column.is_valid(), pa.array(is_filled)), made, None)
    return result


def _bytes_of(column: pa.Array[Any]) -> tuple[bytes, NDArray[np.int32]]:
    """Return the UTF-8 of all values, one after the other, and where each begins and ends."""
    _, ends, content = column.buffers()
    assert ends is not None  # noqa: S101 - a column of text has ends
    bounds = np.frombuffer(memoryview(ends), np.int32, len(column) + 1, column.offset * 4)
    text = memoryview(content)[bounds[0] : bounds[-1]] if content else b""
    return bytes(text), bounds - bounds[0]


def _buffer(bounds: NDArray[np.int32]) -> pa.Buffer:
    return pa.py_buffer(bounds.tobytes())


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
_DROPPED: dict[str, bytes] = {
    "phone": bytes(set(range(256)) - set(_DIGITS)),
    "symbols": bytes(set(range(256)) - set(_DIGITS + _LETTERS + _SPACES)),
    "whitespace": _SPACES + _BEYOND_ASCII,
}
"""The bytes that a normalizer drops from ASCII text."""


def _slow(text: str, steps: Collection[Normalizer]) -> str | None:
    """Return the same of any text; NFC first and last."""
    text = unicodedata.normalize("NFC", text)
    for step in steps:
        text = _SLOW[step](text)
    text = unicodedata.normalize("NFC", text)
    return None if _WHITE_SPACE.issuperset(text) else text


def _is_letter(character: str) -> bool:
    return unicodedata.category(character)[0] == "L"


def _is_digit(character: str) -> bool:
    return unicodedata.category(character) == "Nd"


def _slow_phone(text: str) -> str:
    digits = ""
    for character in text:
        if _is_digit(character):
            digits += character
        elif digits and (_is_letter(character) or character == "#"):
            break
    start = next((place for place, digit in enumerate(digits) if unicodedata.decimal(digit)), len(digits))
    return digits[start:]


_SLOW: dict[Normalizer, Callable[[str], str]] = {
    "lowercase": str.casefold,
    "phone": _slow_phone,
    "symbols": lambda text: "".join(c for c in text if _is_letter(c) or _is_digit(c) or c in _WHITE_SPACE),
    "whitespace": lambda text: "".join(c for c in text if c not in _WHITE_SPACE),
}


def _each_distinct(column: pa.Array[Any], function: Callable[[Any], str | None]) -> pa.Array[Any]:
    """Return the column with a Python function applied, once to each distinct value; null stays null."""
    encoded = column.dictionary_encode()
    results = pa.array([function(value) for value in encoded.dictionary.to_pylist()], pa.string())
    return results.take(encoded.indices)


def _decimal_text(number: float | Decimal) -> str | None:
    """Return the shortest decimal text of a number: 2.50 and 2.5 are the same; what is no number equals nothing."""
    if not math.isfinite(number):
        return None
    text = format(Decimal(repr(number)) if isinstance(number, float) else Decimal(number), "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text
