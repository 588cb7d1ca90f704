"""The words of `words` as columns that can be drawn from, country by country; read once, when the room is imported."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import pyarrow as pa

from backstamp.demo import columns, draw, words

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from backstamp.demo.columns import Columns, Integers

Entry = tuple[str | None, ...]
Weighted = dict[Entry, float]

# Last names that stand in the list carry most people; the many formed ones share the rest, as in life.
FORMED_SHARE = 0.3
JOINED_FROM = 50


@dataclass(frozen=True)
class Lexicon:
    """Entries of all countries, and how often each is drawn in its country."""

    entries: Columns
    choices: draw.Choices

    def draw(self, countries: Integers, rng: np.random.Generator) -> Columns:
        """Return an entry for each country; a country is its place in `words.COUNTRIES`."""
        places = self.choices.draw(countries, rng)
        return {name: columns.take(values, places) for name, values in self.entries.items()}


def split(text: str) -> list[str]:
    """Return the words of a list in `words`."""
    return [word.replace("_", " ") for word in text.split()]


def zipf(size: int, offset: float) -> list[float]:
    """Return weights that fall with the rank; a larger offset makes the first ones stand out less."""
    return [1 / (rank + offset) for rank in range(size)]


def first_names(country: words.Country) -> Weighted:
    """Return (first name, nickname), with an entry for each nickname that a first name has."""
    names = [token.partition(":") for token in split(country.first)]
    entries: Weighted = {}
    for (name, _, nicknames), weight in zip(names, zipf(len(names), 12), strict=True):
        options = nicknames.split(",") if nicknames else [None]
        entries |= {(name, option): weight / len(options) for option in options}
    return entries


def last_names(country: words.Country) -> Weighted:
    """Return (last name,): listed ones, ones formed of a stem and an ending, and two joined."""
    listed = split(country.last)
    single = dict(zip(listed, zipf(len(listed), 15), strict=True))
    formed = [stem + ending for stem, ending in product(split(country.stems), split(country.endings))]
    joined = {
        f"{left}{country.joiner}{right}": single[left] * single[right]
        for left, right in product(listed[:JOINED_FROM], listed[:JOINED_FROM])
    }
    parts = (
        (country.joined, joined),
        ((1 - country.joined) * FORMED_SHARE, dict(zip(formed, zipf(len(formed), 100), strict=True))),
        ((1 - country.joined) * (1 - FORMED_SHARE), single),
    )
    return {(name,): share * weight / sum(part.values()) for share, part in parts for name, weight in part.items()}


def streets(country: words.Country) -> Weighted:
    """Return (what stands before the house number, what stands after it)."""
    forms, names = split(country.street_forms), split(country.streets)
    lines = [
        (form.replace("%", name), form_weight * name_weight)
        for (form, form_weight), (name, name_weight) in product(
            zip(forms, zipf(len(forms), 2), strict=True), zip(names, zipf(len(names), 12), strict=True)
        )
    ]
    return {tuple(line.split("$")): weight for line, weight in lines}


def cities(country: words.Country) -> Weighted:
    """Return (city, pattern of postal codes, pattern of landlines)."""
    lines = country.cities.strip().splitlines()
    entries = [tuple(part.strip() for part in line.split(";")) for line in lines]
    return dict(zip(entries, zipf(len(entries), 2), strict=True))


def mobiles(country: words.Country) -> Weighted:
    """Return (pattern of mobile numbers,)."""
    return {(pattern,): 1.0 for pattern in split(country.mobile)}


def facts(country: words.Country) -> Weighted:
    """Return the country's own entry: (name, code, dialing prefix, trunk prefix)."""
    return {(country.name, country.code, country.dialing, country.trunk): 1.0}


def collect(read: Callable[[words.Country], Weighted], *names: str) -> Lexicon:
    """Return the lexicon of what `read` gives for each country; the names are those of its columns."""
    by_country = [read(country) for country in words.COUNTRIES]
    values = zip(*(entry for entries in by_country for entry in entries), strict=True)
    return Lexicon(
        {name: pa.array(column, pa.string()) for name, column in zip(names, values, strict=True)},
        draw.Choices([list(entries.values()) for entries in by_country]),
    )


FIRST_NAMES = collect(first_names, "firstname", "nickname")
LAST_NAMES = collect(last_names, "lastname")
STREETS = collect(streets, "before", "after")
CITIES = collect(cities, "city", "postalcode", "landline")
MOBILES = collect(mobiles, "mobile")
COUNTRIES = collect(facts, "country", "countrycode", "dialing", "trunk")
