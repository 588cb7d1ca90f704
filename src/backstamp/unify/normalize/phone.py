"""Telephone numbers as digits (unification.md 2), with a region in the form that the library calls E.164.

What most numbers look like (plus and country code, or the prefix for calls inside the country, or neither) is seen for
a whole column at once, with the library's own patterns; it is asked about each distinct value of the rest.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import phonenumbers
import pyarrow as pa
import pyarrow.compute as pc
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumberFormat

from backstamp.unify.normalize.characters import is_digit, is_letter
from backstamp.unify.normalize.columns import each_distinct

if TYPE_CHECKING:
    from collections.abc import Iterable

REGIONS = frozenset(phonenumbers.SUPPORTED_REGIONS)
"""The regions whose numbers the library knows: ISO 3166, two letters."""

_KINDS = (
    "fixed_line",
    "mobile",
    "toll_free",
    "premium_rate",
    "shared_cost",
    "personal_number",
    "voip",
    "pager",
    "uan",
    "voicemail",
)


def phone(text: str, region: str | None) -> str:
    """Return the digits of a number, without its extension."""
    digits, is_international = "", False
    for character in text:
        if is_digit(character):
            digits += character
        elif digits and (is_letter(character) or character == "#"):
            break
        elif not digits and character == "+":
            is_international = True
    start = next((place for place, digit in enumerate(digits) if unicodedata.decimal(digit)), len(digits))
    if region is not None:
        plain = "".join(str(unicodedata.decimal(digit)) for digit in digits)
        found = _look_up("+" + plain[start:] if is_international else plain, region)
        if found is not None:
            return found
    return digits[start:]


def with_region(dialled: pa.Array[Any], region: str) -> pa.Array[Any]:
    """Return the digits of numbers that consist of ASCII digits and plus signs."""
    is_international = pc.starts_with(dialled, "+")
    plain: Any = pc.replace_substring(dialled, "+", "")
    digits = pc.utf8_ltrim(plain, "0")
    dialled = pc.if_else(is_international, pc.binary_join_element_wise("+", digits, ""), plain)
    made: Any = _common(dialled, region)
    others: Any = pc.and_(made.is_null(), pc.not_equal(digits, pa.scalar("")))
    found = each_distinct(dialled.filter(others), lambda number: _look_up(number, region))
    result: pa.Array[Any] = pc.coalesce(pc.replace_with_mask(made, others, found), digits)
    return result


def _look_up(dialled: str, region: str) -> str | None:
    """Return the digits of E.164 for digits that may begin with a plus, None where they are no valid number."""
    try:
        number = phonenumbers.parse(dialled, region)
    except NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164).removeprefix("+")


@dataclass(frozen=True)
class _Plan:
    """How the numbers of a region are dialled, as patterns.

    Attributes:
        country: its country code.
        general: what all numbers of the country look like.
        common: plus and country code, or the prefix for calls inside the country, or neither; then a valid number.
        other: numbers of the country that may belong to another region or may have another prefix before them.
        abroad: what is dialled with a prefix for calls abroad, or might begin with the country code.
    """

    country: str
    general: str
    common: str
    other: str
    abroad: str


@cache
def _plan(region: str) -> _Plan:
    own = _metadata(region)
    regions = [_metadata(name) for name in phonenumbers.region_codes_for_country_code(own.country_code or 0)]
    everywhere = [metadata for metadata in regions if not metadata.leading_digits]
    elsewhere = [metadata.leading_digits for metadata in regions]
    prefixes = {own.national_prefix_for_parsing, regions[0].national_prefix_for_parsing}
    country, inside = str(own.country_code), own.national_prefix or ""
    if inside not in (own.national_prefix_for_parsing or "").split("|"):
        inside = ""  # there is more to it than this prefix
    abroad = [own.international_prefix, None if inside == country else country]
    return _Plan(
        country=country,
        general=f"^{_any(_patterns(everywhere, ['general_desc']))}$",
        common=rf"^(?:\+{country}|{inside})?(?P<national>{_any(_patterns(everywhere, _KINDS))})$",
        other=f"^{_any([*prefixes, *elsewhere])}",
        abroad=f"^{_any(abroad)}",
    )


def _metadata(region: str) -> PhoneMetadata:
    found = PhoneMetadata.metadata_for_region(region)
    assert found is not None  # noqa: S101 - the library has the regions that it names
    return found


def _patterns(everywhere: Iterable[PhoneMetadata], kinds: Iterable[str]) -> list[str | None]:
    descriptions = [getattr(metadata, kind) for metadata in everywhere for kind in kinds]
    return [description.national_number_pattern for description in descriptions if description]


def _any(patterns: Iterable[str | None]) -> str:
    """Return the pattern of what one of the patterns matches; without any, of a letter, which no number has."""
    return "(?:" + ("|".join(f"(?:{pattern})" for pattern in patterns if pattern) or "[a-z]") + ")"


def _common(dialled: pa.Array[Any], region: str) -> pa.Array[Any]:
    """Return the digits of E.164 of numbers whose form leaves no doubt, null for the others."""
    plan = _plan(region)
    national: Any = pc.struct_field(pc.extract_regex(dialled, plan.common), "national")
    doubtful = pc.or_(pc.match_substring_regex(national, plan.other), pc.match_substring_regex(dialled, plan.abroad))
    doubtful = pc.or_(doubtful, pc.invert(pc.match_substring_regex(national, plan.general)))
    certain = pc.if_else(doubtful, None, national)
    result: pa.Array[Any] = pc.binary_join_element_wise(plan.country, certain, "")
    return result
