"""What becomes of a value when somebody types it: slips, styles, and nonsense to get past a form.

An edit takes a column without nulls and gives the edited one; `spoil` applies edits to random shares of a column.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow.compute as pc

from backstamp.demo import columns, draw
from backstamp.demo.columns import Column

if TYPE_CHECKING:
    from numpy.typing import NDArray

Edit: TypeAlias = Callable[[Column, np.random.Generator], Column]
Edits: TypeAlias = Sequence[tuple[float, Edit]]

KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "QWERTYUIOP", "ASDFGHJKL", "ZXCVBNM", "1234567890")
INSERT, OMIT, REPLACE, TRANSPOSE = range(4)
# Letters that are no plain letter with an accent (Unicode does not decompose them).
PLAIN_LETTERS = {"ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "ı": "i", "æ": "ae", "Æ": "Ae"}  # noqa: RUF001 - Turkish
UMLAUTS = {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"}


def spoil(values: Column, edits: Edits, rng: np.random.Generator) -> Column:
    """Return the column after each edit was applied to its share of the rows; nulls stay null."""
    for share, edit in edits:
        chosen = draw.happens(len(values), share, rng) & columns.is_filled(values)
        values = columns.change(values, chosen, edit, rng)
    return values


def neighbours() -> NDArray[np.uint32]:
    """Return for each code point of the basic plane that of the key beside it, or itself."""
    beside = np.arange(1 << 16, dtype=np.uint32)
    for keys in KEYBOARD:
        for key, next_key in zip(keys, keys[1:] + keys[-2], strict=True):
            beside[ord(key)] = ord(next_key)
    return beside


NEIGHBOURS = neighbours()


def typing_error(values: Column, rng: np.random.Generator) -> Column:
    """Put one key stroke wrong: a character too many, left out, replaced by the key beside it, or swapped.

    Only the chosen few per cent of a column come here, so that a matrix of code points is affordable.
    """
    text = values.to_numpy(zero_copy_only=False).astype(str)
    length = np.strings.str_len(text)[:, None]
    width = text.dtype.itemsize // 4 + 1
    letters = text.astype(f"U{width}").view(np.uint32).reshape(len(text), width)
    # The first character is rarely mistyped, and too short a text has no second one.
    place = np.minimum(1 + (rng.random(length.shape) * (length - 1)).astype(np.int64), length - 1)
    slip = np.where(length > 1, rng.integers(0, 4, length.shape), REPLACE)

    column = np.arange(width)
    source = column - ((slip == INSERT) & (column > place)) + ((slip == OMIT) & (column >= place))
    source = source - ((slip == TRANSPOSE) & (column == place)) + ((slip == TRANSPOSE) & (column == place - 1))
    typed = np.take_along_axis(letters, source.clip(max=width - 1), axis=1)
    beside = ((slip == INSERT) | (slip == REPLACE)) & (column == place)
    typed[beside] = NEIGHBOURS[typed[beside]]
    return columns.of(np.ascontiguousarray(typed).view(f"U{width}").ravel())


def typing_error_before_at(values: Column, rng: np.random.Generator) -> Column:
    """Put one key stroke wrong in the name of an e-mail address, so that its domain stays one kept for examples."""
    name = typing_error(columns.substitute(values, "@.*", ""), rng)
    return columns.join(name, columns.substitute(values, "^[^@]*", ""))


def replace_letters(values: Column, letters: dict[str, str]) -> Column:
    """Return the column with each of these letters replaced."""
    for letter, other in letters.items():
        values = pc.replace_substring(values, letter, other)
    return values


def without_accents(values: Column, _: np.random.Generator | None = None) -> Column:
    """Return the column in plain Latin letters: é becomes e, ł becomes l."""
    plain = replace_letters(values, PLAIN_LETTERS)
    return columns.substitute(columns.decompose(plain), r"\pM", "")


def umlauts_spelt_out(values: Column, _: np.random.Generator) -> Column:
    """Return the column as Germans write it on a foreign keyboard: ü becomes ue."""
    return replace_letters(values, UMLAUTS)


def upper(values: Column, _: np.random.Generator) -> Column:
    """Return the column in capitals."""
    return pc.utf8_upper(values)


def lower(values: Column, _: np.random.Generator) -> Column:
    """Return the column in small letters."""
    return pc.utf8_lower(values)


def padded(values: Column, rng: np.random.Generator) -> Column:
    """Return the column with a blank before or behind."""
    return columns.pick(draw.happens(len(values), 0.5, rng), columns.join(" ", values), columns.join(values, " "))


def nonsense(*values: str) -> Edit:
    """Return the edit that writes one of these values instead; the first is by far the most frequent."""

    def edit(column: Column, rng: np.random.Generator) -> Column:
        return draw.one_of([values[0]] * 9 + list(values[1:]), len(column), rng)

    return edit


def day_and_month_swapped(dates: Column, _: np.random.Generator) -> Column:
    """Return the dates with day and month exchanged where that gives a date: 4 March for 3 April."""
    days = dates.to_numpy(zero_copy_only=False).astype("datetime64[D]")
    years, months = days.astype("datetime64[Y]"), days.astype("datetime64[M]")
    month = (months - years.astype("datetime64[M]")).astype(np.int64)
    day = (days - months.astype("datetime64[D]")).astype(np.int64)
    swapped = (years.astype("datetime64[M]") + day).astype("datetime64[D]") + month
    return columns.of(np.where(day < 12, swapped, days))


def default_date(dates: Column, _: np.random.Generator) -> Column:
    """Return the date that many systems write where they know none."""
    return columns.of(np.full(len(dates), np.datetime64("1900-01-01")))


def compact(phones: Column, _: np.random.Generator) -> Column:
    """Write phone numbers without blanks: +14255550123."""
    return pc.replace_substring(phones, " ", "")


def dotted(phones: Column, _: np.random.Generator) -> Column:
    """Write phone numbers with dots: 425.555.0123."""
    return pc.replace_substring(phones, " ", ".")


def dashed(phones: Column, _: np.random.Generator) -> Column:
    """Write phone numbers with dashes: 425-555-0123."""
    return pc.replace_substring(phones, " ", "-")


def printed(phones: Column, _: np.random.Generator) -> Column:
    """Write phone numbers as they are printed: +1 (425) 555-0123."""
    framed = columns.substitute(phones, r"^(\+\d+ )?(\d+) ", r"\1(\2) ")
    return columns.substitute(framed, r"(\d) (\d)", r"\1-\2")


def zeros_for_plus(phones: Column, _: np.random.Generator) -> Column:
    """Write phone numbers as they are dialled in most of the world: 0049 30 …; national ones stay."""
    return pc.replace_substring(phones, "+", "00")
