"""Normalizers that look at each character by itself; what they make of one is found out once."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# The characters with the Unicode property White_Space; `str.isspace` counts four control characters besides.
WHITE_SPACE = frozenset("\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000") | {
    chr(0x2000 + n) for n in range(11)
}

# Letters that decomposition does not bring to ASCII.
_LETTERS = str.maketrans(
    {"ß": "ss", "ẞ": "ss", "æ": "ae", "Æ": "ae", "œ": "oe", "Œ": "oe", "ø": "o", "Ø": "o", "ł": "l", "Ł": "l"}
    | {"đ": "d", "Đ": "d", "ð": "d", "Ð": "d", "þ": "th", "Þ": "th", "\u0131": "i"}
)


class Characters(dict[int, str]):
    """A table for `str.translate` that fills itself: what a function makes of each character that was met."""

    def __init__(self, function: Callable[[str], str]) -> None:
        super().__init__()
        self._function = function

    def __missing__(self, code: int) -> str:
        made = self[code] = self._function(chr(code))
        return made


def is_letter(character: str) -> bool:
    """Tell whether a character is of category L."""
    return unicodedata.category(character)[0] == "L"


def is_mark(character: str) -> bool:
    """Tell whether a character is of category M."""
    return unicodedata.category(character)[0] == "M"


def is_digit(character: str) -> bool:
    """Tell whether a character is of category Nd."""
    return unicodedata.category(character) == "Nd"


def numerals(text: str) -> str:
    """Return the text with every numeral of a whole value as ASCII digits."""
    return text if text.isascii() else text.translate(_NUMERALS)


def unicode_to_ascii(text: str) -> str:
    """Return the text in lower case, letters of the Latin alphabet without what distinguishes them.

    A mark that could not be composed goes with the character that it stands on: both become ASCII, or both stay.
    """
    if not text.isascii():
        text = text.translate(_ASCII)
    return (text if text.isascii() else _without_marks_on_ascii(text)).casefold()


def symbols(text: str) -> str:
    """Return letters, digits and white space."""
    return text.translate(_SYMBOLS)


def whitespace(text: str) -> str:
    """Return what is no white space."""
    return text.translate(_WHITESPACE)


def _numeral(character: str) -> str:
    value = unicodedata.numeric(character, 0.5) if unicodedata.category(character)[0] == "N" else 0.5
    return str(int(value)) if value.is_integer() else character


def _ascii(character: str) -> str:
    bare = "".join(c for c in unicodedata.normalize("NFKD", character) if not is_mark(c)).translate(_LETTERS)
    return bare if bare and bare.isascii() else character


def _without_marks_on_ascii(text: str) -> str:
    kept: list[str] = []
    for character in text:
        if not (is_mark(character) and kept and kept[-1].isascii()):
            kept.append(character)
    return "".join(kept)


_NUMERALS = Characters(_numeral)
_ASCII = Characters(_ascii)
_SYMBOLS = Characters(lambda c: c if is_letter(c) or is_digit(c) or c in WHITE_SPACE else "")
_WHITESPACE = Characters(lambda c: "" if c in WHITE_SPACE else c)
