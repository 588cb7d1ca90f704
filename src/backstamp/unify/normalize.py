"""Values made comparable (unification.md 2 and 3): a column in, a column of text out, the same on every engine.

Most values are plain ASCII, for which Arrow and Polars have fast functions. All others go, each distinct value once,
through Python's own Unicode tables. Stored values never change.
"""

from __future__ import annotations

import unicodedata
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

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
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        column = _each_distinct(column, _decimal_text)
        return normalize(column, normalizers) if normalizers else column
    return normalize(column.cast(pa.string()), normalizers)


def normalize(column: pa.Array[Any], normalizers: Collection[Normalizer]) -> pa.Array[Any]:
    """Return the text column after these normalizers; null where nothing but white space remains."""
    steps = [name for name in ORDER if name in normalizers]
    values = pl.Series("value", column)
    plain = pl.Series(pc.string_is_ascii(column)).fill_null(value=True)
    result = values.to_frame().select(_fast(pl.col("value"), steps)).to_series()
    if not plain.all():
        other = _each_distinct(values.filter(~plain).to_arrow().cast(pa.string()), lambda text: _slow(text, steps))
        result = result.scatter((~plain).arg_true(), pl.Series(other))
    return result.to_arrow().cast(pa.string())


def _fast(value: pl.Expr, steps: Collection[Normalizer]) -> pl.Expr:
    """Return the normalizers as an expression that is right for ASCII."""
    for step in steps:
        value = _FAST[step](value)
    return pl.when(value.str.contains(r"[^\t-\r ]")).then(value)


def _fast_phone(value: pl.Expr) -> pl.Expr:
    without_extension = value.str.replace(r"(?s)^([^0-9]*[0-9][^A-Za-z#]*)[A-Za-z#].*$", "$1")
    return without_extension.str.replace_all(r"[^0-9]", "").str.strip_chars_start("0")


_FAST: dict[Normalizer, Callable[[pl.Expr], pl.Expr]] = {
    "lowercase": lambda value: value.str.to_lowercase(),
    "phone": _fast_phone,
    "symbols": lambda value: value.str.replace_all(r"[^0-9A-Za-z\t-\r ]", ""),
    "whitespace": lambda value: value.str.replace_all(r"[\t-\r ]", ""),
}


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


def _decimal_text(number: float | Decimal) -> str:
    """Return the shortest decimal text of a number: 2.50 and 2.5 are the same."""
    text = format(Decimal(repr(number)) if isinstance(number, float) else Decimal(number), "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text
