"""Section 2: the form in which conditions see a value."""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# The characters with the Unicode property White_Space.
WHITE_SPACE = frozenset("\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000") | {
    chr(c) for c in range(0x2000, 0x200B)
}


def is_letter(character: str) -> bool:
    """Whether a character is of category L."""
    return unicodedata.category(character).startswith("L")


def is_digit(character: str) -> bool:
    """Whether a character is a decimal digit, of category Nd."""
    return unicodedata.category(character) == "Nd"


def lowercase(text: str) -> str:
    """Full Unicode case folding."""
    return text.casefold()


def phone(text: str) -> str:
    """Digits only, without an extension and without leading zeros."""
    digits = ""
    for character in text:
        if is_digit(character):
            digits += character
        elif digits and (is_letter(character) or character == "#"):
            break
    while digits and unicodedata.decimal(digits[0]) == 0:
        digits = digits[1:]
    return digits


def symbols(text: str) -> str:
    """Only letters, digits and white space stay."""
    return "".join(c for c in text if is_letter(c) or is_digit(c) or c in WHITE_SPACE)


def whitespace(text: str) -> str:
    """All white space removed."""
    return "".join(c for c in text if c not in WHITE_SPACE)


# In the order of the table in section 2, whatever order they are written in.
NORMALIZERS: dict[str, Callable[[str], str]] = {
    "lowercase": lowercase,
    "phone": phone,
    "symbols": symbols,
    "whitespace": whitespace,
}


def normalize(text: str, names: tuple[str, ...]) -> str:
    """Apply the named normalizers; text is NFC first and last."""
    text = unicodedata.normalize("NFC", text)
    for name, normalizer in NORMALIZERS.items():
        if name in names:
            text = normalizer(text)
    return unicodedata.normalize("NFC", text)


@cache
def comparable_text(text: str, names: tuple[str, ...]) -> str | None:
    """Return the text as conditions compare it, None if it is nothing but white space."""
    text = normalize(text, names)
    return text if whitespace(text) else None


def decimal_text(number: float | Decimal) -> str:
    """Return the shortest decimal text of a number (section 3)."""
    text = format(number if isinstance(number, Decimal) else Decimal(repr(number)), "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def instant(value: Any) -> Any:
    """Make dates and times comparable with each other: a date is its midnight, a time with an offset is in UTC."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    return datetime.combine(value, time()) if isinstance(value, date) else value


def comparable(value: Any, names: tuple[str, ...]) -> Any:
    """Return the value as conditions compare it, None if it counts as empty and never matches."""
    if value is None:
        return None
    if isinstance(value, str) or (names and isinstance(value, int | float | Decimal)):
        return comparable_text(value if isinstance(value, str) else decimal_text(value), names)
    return instant(value)
