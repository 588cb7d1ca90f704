"""The truth: who the people are, where and how they can be reached today, and what was true before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from backstamp.demo import columns, draw, emails, lexicon, words

if TYPE_CHECKING:
    from backstamp.demo.columns import Column, Columns, Integers, Times

# The made-up present: fixed, so that the same seed gives the same tables on every day.
NOW = np.datetime64("2026-11-24T00:00:00")
WINDOW_SECONDS = 1_100 * 86_400

HOUSEHOLD_SIZES = (0.895, 0.05, 0.03, 0.025)  # of one, two, three, four: a quarter of the people live with others
FROM_ABROAD = 0.08  # families whose names come from another country than the one they live in
MOVED, NEW_EMAIL, NEW_MOBILE, NEW_LAST_NAME = 0.2, 0.11, 0.1, 0.02  # within the window
SHARED_EMAIL = 0.05  # of the second in a household: they use the first one's address

CHANGES = {
    "street": "address",
    "city": "address",
    "postalcode": "address",
    "landline": "address",
    "email": "email",
    "mobile": "mobile",
    "lastname": "lastname",
}
POLAND = words.COUNTRIES.index(words.POLAND)


@dataclass(frozen=True)
class People:
    """People in columns, a row each; a person's id is the row's number.

    Attributes:
        now: firstname, nickname (null for none), lastname, email, mobile, landline, birthdate, street, city,
            postalcode, country, countrycode, dialing, trunk. Phones are national numbers in groups, without trunk.
        before: the columns that can change, as they were.
        until: for each of these, the second until which `before` was true; long ago where nothing changed.
    """

    now: Columns
    before: Columns
    until: dict[str, Times]

    def known_at(self, column: str, person: Integers, when: Times) -> Column:
        """Return what was true of these people in this column at these times."""
        values = columns.take(self.now[column], person)
        if column not in self.until:
            return values
        stale = when < self.until[column][person]
        return columns.replace(values, stale, columns.take(self.before[column], person[stale]))


def make_people(count: int, rng: np.random.Generator) -> People:
    """Return `count` people, at least one."""
    home, place = draw_homes(count, rng)
    country, origin = draw_countries(home[-1] + 1, rng)
    given = lexicon.FIRST_NAMES.draw(origin[home], rng)
    born = draw_birthdates(place, rng)
    lastname = columns.take(lexicon.LAST_NAMES.draw(origin, rng)["lastname"], home)
    former = rename(lastname, origin[home], rng)
    surnames = [in_own_form(name, given["firstname"], origin[home]) for name in (lastname, former)]

    owner = np.arange(count) - ((place == 1) & draw.happens(count, SHARED_EMAIL, rng))
    addresses = [columns.take(email, owner) for email in emails.make_emails(given, surnames, born, rng)]
    now, before = (
        make_reach(country, home, rng) | {"lastname": surname, "email": address}
        for surname, address in zip(surnames, addresses, strict=True)
    )
    until = {
        "address": draw_changes(len(country), MOVED, rng)[home],
        "email": draw_changes(count, NEW_EMAIL, rng)[owner],
        "mobile": draw_changes(count, NEW_MOBILE, rng),
        "lastname": draw_changes(count, 1, rng),
    }
    lasting = given | {"birthdate": columns.of(born)} | lexicon.COUNTRIES.draw(country[home], rng)
    return People(lasting | now, before, {column: until[change] for column, change in CHANGES.items()})


def draw_homes(count: int, rng: np.random.Generator) -> tuple[Integers, Integers]:
    """Return for each person the number of the household and the place in it, from 0."""
    sizes = rng.choice(len(HOUSEHOLD_SIZES), count, p=HOUSEHOLD_SIZES) + 1
    home = np.repeat(np.arange(count), sizes)[:count]
    return home, np.arange(count) - np.searchsorted(home, home)


def draw_countries(size: int, rng: np.random.Generator) -> tuple[Integers, Integers]:
    """Return for each family the country it lives in and the country its names come from."""
    shares = np.array([country.share for country in words.COUNTRIES])
    country, elsewhere = rng.choice(len(shares), (2, size), p=shares / shares.sum())
    return country, np.where(draw.happens(size, FROM_ABROAD, rng), elsewhere, country)


def draw_birthdates(place: Integers, rng: np.random.Generator) -> Times:
    """Return birth dates: couples are of about one age, the third and fourth of a household their grown children."""
    size = len(place)
    head = rng.triangular(1938, 1979, 2006, size)[np.arange(size) - place]
    child = np.minimum(head + rng.uniform(20, 36, size), rng.uniform(1996, 2008, size))
    year = np.select([place == 0, place == 1], [head, head + rng.normal(0, 3, size)], child)
    born: Times = np.datetime64("1900-01-01") + ((year - 1900) * 365.2425).astype("timedelta64[D]")
    return born


def draw_changes(size: int, share: float, rng: np.random.Generator) -> Times:
    """Return when something changed: within the window for this share, long ago for the others."""
    ago = np.where(draw.happens(size, share, rng), rng.random(size), 10) * WINDOW_SECONDS
    return NOW - ago.astype("timedelta64[s]")


def rename(lastname: Column, origin: Integers, rng: np.random.Generator) -> Column:
    """Return the former last names: another one for those who took a new name when they married."""
    renamed = draw.happens(len(lastname), NEW_LAST_NAME, rng)
    return columns.replace(lastname, renamed, lexicon.LAST_NAMES.draw(origin[renamed], rng)["lastname"])


def in_own_form(lastname: Column, firstname: Column, origin: Integers) -> Column:
    """Return the last names as their bearers write them: a Polish woman, whose first name ends in a, is -ska."""
    women = (origin == POLAND) & columns.matches(firstname, "a$")
    return columns.change(lastname, women, lambda names: columns.substitute(names, "([sc]k|dzk)i$", r"\1a"))


def make_reach(country: Integers, home: Integers, rng: np.random.Generator) -> Columns:
    """Return for each person the family's street with house number, city, postal code and landline, and a mobile."""
    street, city = lexicon.STREETS.draw(country, rng), lexicon.CITIES.draw(country, rng)
    number = columns.of((rng.pareto(1.0, len(country)) * 15).clip(0, 4_000).astype(np.int64) + 1).cast(pa.string())
    family = {
        "street": columns.join(street["before"], number, street["after"]),
        "city": city["city"],
        "postalcode": draw.fill(city["postalcode"], rng),
        "landline": draw.fill(city["landline"], rng),
    }
    mobile = draw.fill(lexicon.MOBILES.draw(country[home], rng)["mobile"], rng)
    return {column: columns.take(values, home) for column, values in family.items()} | {"mobile": mobile}
