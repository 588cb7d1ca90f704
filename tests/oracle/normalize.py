"""Section 2: the form in which conditions see a value."""

from __future__ import annotations

import tomllib
import unicodedata
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import phonenumbers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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


def is_mark(character: str) -> bool:
    """Whether a character is of category M."""
    return unicodedata.category(character).startswith("M")


def numerals(text: str) -> str:
    """Each character of category Nd, Nl or No with a whole value to that value in ASCII digits."""

    def numeral(character: str) -> str:
        if unicodedata.category(character) not in {"Nd", "Nl", "No"}:
            return character
        value = unicodedata.numeric(character, None)
        return character if value is None or value % 1 else f"{value:.0f}"

    return "".join(map(numeral, text))


def unicode_to_ascii(text: str) -> str:
    """Each character without its marks, and without those that stand on it, if that is ASCII; then lower case."""
    special = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "\u0131": "i"}
    special |= {"\u1e9e": "ss"} | {letter.upper(): made for letter, made in special.items() if letter not in "ß\u0131"}
    made = ""
    while text:
        length = 1
        while is_mark(text[length : length + 1] or "x"):
            length += 1
        character, text = text[:length], text[length:]
        bare = [special.get(c, c) for c in unicodedata.normalize("NFKD", character) if not is_mark(c)]
        made += "".join(bare) if bare and "".join(bare).isascii() else character
    return lowercase(made)


def lowercase(text: str) -> str:
    """Full Unicode case folding."""
    return text.casefold()


def phone(text: str, region: str | None = None) -> str:
    """Digits only, without an extension and without leading zeros; a valid number as E.164, if there is a region."""
    digits, plus = "", False
    for character in text:
        if is_digit(character):
            digits += character
        elif digits and (is_letter(character) or character == "#"):
            break
        plus = plus or (character == "+" and not digits)
    number = "".join(str(unicodedata.decimal(digit)) for digit in digits)
    while digits and unicodedata.decimal(digits[0]) == 0:
        digits = digits[1:]
    return (region and e164("+" + number.lstrip("0") if plus else number, region)) or digits


def e164(number: str, region: str) -> str | None:
    """What the library makes of a number, without the plus; None if it is not valid."""
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None
    valid = phonenumbers.is_valid_number(parsed)
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)[1:] if valid else None


def tokens_of(text: str) -> list[str]:
    """Maximal runs of letters, marks, digits, apostrophes and hyphens, trimmed of apostrophes and hyphens."""
    text = text.replace("\u2019", "'").replace("\u2010", "-")
    spaced = (c if is_letter(c) or is_mark(c) or is_digit(c) or c in "'-" else "\0" for c in text)
    return [token for run in "".join(spaced).split("\0") if (token := run.strip("'-"))]


def replaced(text: str, words: Mapping[tuple[str, ...], str]) -> str:
    """Every entry by what stands for it, the longest from the left; the tokens themselves if nothing would remain."""
    tokens = tokens_of(text)
    made, place = [], 0
    while place < len(tokens):
        for length in range(len(tokens) - place, 0, -1):
            entry = tuple(tokens[place : place + length])
            if entry in words or length == 1:
                made.append(words.get(entry, entry[0]))
                place += length
                break
    return " ".join(filter(None, made)) or " ".join(tokens)


# Not code of backstamp but a list of facts, as the page leaves them open: `_` stands between the tokens of an entry.
LISTS = tomllib.loads((Path(__file__).parents[2] / "src/backstamp/unify/normalize/lists.toml").read_text("utf-8"))


def listed(written: Mapping[str, str]) -> dict[tuple[str, ...], str]:
    """Entries with what stands for them; one that stands under several is none."""
    entries = [(tuple(form.casefold().split("_")), short) for short, forms in written.items() for form in forms.split()]
    names = {entry: {short for form, short in entries if form == entry} for entry, _ in entries}
    return {entry: min(shorts).replace("_", " ") for entry, shorts in names.items() if len(shorts) == 1}


NAMES = listed(LISTS["nicknames"]) | listed(LISTS["titles"]["unified"]) | listed({"": LISTS["titles"]["removed"]})
ADDRESSES = listed(LISTS["address"])
ORGANIZATIONS = listed({"": LISTS["organization"]["removed"]})


def symbols(text: str) -> str:
    """Only letters, digits and white space stay."""
    return "".join(c for c in text if is_letter(c) or is_digit(c) or c in WHITE_SPACE)


def whitespace(text: str) -> str:
    """All white space removed."""
    return "".join(c for c in text if c not in WHITE_SPACE)


# In the order of the table in section 2, whatever order they are written in.
NORMALIZERS: dict[str, Callable[[str], str]] = {
    "numerals": numerals,
    "unicode_to_ascii": unicode_to_ascii,
    "lowercase": lowercase,
    "phone": phone,
    "name": lambda text: replaced(text, NAMES),
    "address": lambda text: replaced(text, ADDRESSES),
    "organization": lambda text: replaced(text, ORGANIZATIONS),
    "token_order": lambda text: " ".join(sorted(tokens_of(text))),
    "symbols": symbols,
    "whitespace": whitespace,
}
OF_TOKENS = {"name", "address", "organization", "token_order"}


def normalize(text: str, names: tuple[str, ...], region: str | None) -> str:
    """Apply the named normalizers; text is NFC first and last. Those of tokens imply lower case."""
    text = unicodedata.normalize("NFC", text)
    for name, normalizer in NORMALIZERS.items():
        if name == "phone" and name in names:
            text = phone(text, region)
        elif name in names or (name == "lowercase" and OF_TOKENS & set(names)):
            text = normalizer(text)
    return unicodedata.normalize("NFC", text)


@cache
def comparable_text(text: str, names: tuple[str, ...], region: str | None) -> str | None:
    """Return the text as conditions compare it, None if it is nothing but white space."""
    text = normalize(text, names, region)
    return text if whitespace(text) else None


@cache
def one_for_all(text: str, pairs: tuple[tuple[str | None, str | None], ...]) -> str:
    """Return the smallest of all texts that count as equal to one, itself among them."""
    equal, before = {text}, set[str]()
    while equal != before:
        before = set(equal)
        for left, right in pairs:
            if left is not None and right is not None and equal & {left, right}:
                equal |= {left, right}
    return min(equal)


def after_lists(
    text: str | None, alias: tuple[tuple[str | None, str | None], ...], bypass: tuple[str | None, ...]
) -> str | None:
    """Return a text after the lists of its condition, which are normalized as it is."""
    if text is None:
        return None
    text = one_for_all(text, alias)
    return None if text in {one_for_all(empty, alias) for empty in bypass if empty is not None} else text


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


@lru_cache(maxsize=None, typed=True)  # 1 and True are equal, and not the same text
def comparable(
    value: Any,
    names: tuple[str, ...],
    region: str | None = None,
    alias: tuple[tuple[str, str], ...] = (),
    bypass: tuple[str, ...] = (),
) -> Any:
    """Return the value as conditions compare it, None if it counts as empty and never matches."""
    if value is None:
        return None
    if isinstance(value, str) or ((names or alias or bypass) and isinstance(value, int | float | Decimal)):

        def made(text: str) -> str | None:
            return comparable_text(text, names, region)

        text = made(value if isinstance(value, str) else decimal_text(value))
        return after_lists(text, tuple((made(one), made(other)) for one, other in alias), tuple(map(made, bypass)))
    return instant(value)
