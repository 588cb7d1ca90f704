"""The truth: who the people are, where and how they can be reached today, and what was true before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from backstamp.demo import draw, lexicon, noise

# The made-up present: fixed, so that the same seed gives the same tables on every day.
NOW = np.datetime64("2026-11-24T00:00:00")
WINDOW_DAYS = 1100

HOUSEHOLD_SIZES = (0.895, 0.05, 0.03, 0.025)  # of one, two, three, four: a quarter of the people live with others
FROM_ABROAD = 0.08  # families whose names come from another country than the one they live in
MOVED, NEW_EMAIL, NEW_MOBILE, NEW_LAST_NAME = 0.2, 0.13, 0.11, 0.025  # in the window
SHARED_EMAIL = 0.05  # second members of a household who use the first one's address

COLUMNS_BY_CHANGE = {
    "address": ("street", "city", "postalcode", "landline"),
    "email": ("email",),
    "mobile": ("mobile",),
    "lastname": ("lastname",),
}


@dataclass(frozen=True)
class People:
    """People in columns, a row each; a person's id is the row's number.

    Attributes:
        now: firstname, nickname (null for none), lastname, email, mobile, landline, birthdate, street, city, postalcode,
            country, countrycode, dialing, trunk. Phones are national numbers in groups, without trunk prefix.
        before: the same columns as they were.
        until: for each column that can change, the second until which `before` was true; long ago where nothing changed.
    """

    now: pa.RecordBatch
    before: pa.RecordBatch
    until: dict[str, draw.Times]

    def known_at(self, column: str, person: draw.Integers, when: draw.Times) -> pa.Array:
        """Return what was true of these people in this column at these times."""
        values = self.now[column].take(pa.array(person))
        if column not in self.until:
            return values
        stale = when < self.until[column][person]
        return pc.replace_with_mask(values, pa.array(stale), self.before[column].take(pa.array(person[stale])))


def make_people(count: int, rng: np.random.Generator) -> People:
    """Return `count` people, at least one."""
    home, place = draw_homes(count, rng)
    country, origin = draw_countries(home[-1] + 1, rng)
    birthdate = draw_birthdates(place, rng)
    first = lexicon.FIRST_NAMES.draw(origin[home], rng)
    lastname = lexicon.LAST_NAMES.draw(origin, rng)["lastname"].take(pa.array(home))
    former = rename(lastname, origin[home], rng)
    email_owner = np.arange(count) - ((place == 1) & draw.happens(count, SHARED_EMAIL, rng))
    email, old_email = (
        emails.take(pa.array(email_owner)) for emails in make_emails(first, lastname, former, birthdate, rng)
    )
    always = columns_of(first) | {"birthdate": pa.array(birthdate)} | columns_of(lexicon.COUNTRIES.draw(country[home], rng))

    def describe(lastname: pa.Array, email: pa.Array) -> pa.RecordBatch:
        address = make_addresses(country, rng).take(pa.array(home))
        mobile = draw.fill(lexicon.MOBILES.draw(country[home], rng)["mobile"], rng)
        return pa.record_batch(
            always | columns_of(address) | {"lastname": lastname, "email": email, "mobile": mobile}
        )

    until = {
        "address": draw_changes(len(country), MOVED, rng)[home],
        "email": draw_changes(count, NEW_EMAIL, rng)[email_owner],
        "mobile": draw_changes(count, NEW_MOBILE, rng),
        "lastname": draw_changes(count, 1, rng),
    }
    return People(
        now=describe(lastname, email),
        before=describe(former, old_email),
        until={column: until[change] for change, columns in COLUMNS_BY_CHANGE.items() for column in columns},
    )


def columns_of(batch: pa.RecordBatch) -> dict[str, pa.Array]:
    """Return the columns by name."""
    return dict(zip(batch.schema.names, batch.columns, strict=True))


def draw_homes(count: int, rng: np.random.Generator) -> tuple[draw.Integers, draw.Integers]:
    """Return for each person the number of the household and the place in it, from 0."""
    sizes = rng.choice(len(HOUSEHOLD_SIZES), count, p=HOUSEHOLD_SIZES) + 1
    home = np.repeat(np.arange(count), sizes)[:count]
    return home, np.arange(count) - np.searchsorted(home, home)


def draw_countries(size: int, rng: np.random.Generator) -> tuple[draw.Integers, draw.Integers]:
    """Return for each family the country it lives in and the country its names come from."""
    shares = lexicon.COUNTRY_SHARES / lexicon.COUNTRY_SHARES.sum()
    country, elsewhere = rng.choice(len(shares), (2, size), p=shares)
    return country, np.where(draw.happens(size, FROM_ABROAD, rng), elsewhere, country)


def draw_birthdates(place: draw.Integers, rng: np.random.Generator) -> draw.Times:
    """Return birth dates: couples are of about one age, the third and fourth of a household their grown children."""
    size = len(place)
    oldest = rng.triangular(1938, 1979, 2006, size)
    head = oldest[np.arange(size) - place]
    year = np.select(
        [place == 0, place == 1],
        [head, head + rng.normal(0, 3, size)],
        np.minimum(head + rng.uniform(20, 36, size), rng.uniform(1996, 2008, size)),
    )
    return np.datetime64("1900-01-01") + ((year - 1900) * 365.2425).astype("timedelta64[D]")


def draw_changes(size: int, share: float, rng: np.random.Generator) -> draw.Times:
    """Return when something changed, within the window for this share and long ago for the others."""
    ago = np.where(draw.happens(size, share, rng), rng.random(size), 100) * WINDOW_DAYS * 86_400
    return NOW - ago.astype("timedelta64[s]")


def rename(lastname: pa.Array, origin: draw.Integers, rng: np.random.Generator) -> pa.Array:
    """Return the former last names: another one for those who took a new name when they married."""
    renamed = draw.happens(len(lastname), NEW_LAST_NAME, rng)
    former = lexicon.LAST_NAMES.draw(origin[renamed], rng)["lastname"]
    return pc.replace_with_mask(lastname, pa.array(renamed), former)


def make_addresses(country: draw.Integers, rng: np.random.Generator) -> pa.RecordBatch:
    """Return street with house number, city, postal code and landline for each family."""
    street, city = lexicon.STREETS.draw(country, rng), lexicon.CITIES.draw(country, rng)
    number = pa.array((rng.pareto(1.0, len(country)) * 15).clip(0, 4_000).astype(np.int64) + 1)
    return pa.record_batch({
        "street": pc.binary_join_element_wise(street["before"], number.cast(pa.string()), street["after"], ""),
        "city": city["city"],
        "postalcode": draw.fill(city["postalcode"], rng),
        "landline": draw.fill(city["landline"], rng),
    })


def make_emails(
    first: pa.RecordBatch, lastname: pa.Array, former: pa.Array, birthdate: draw.Times, rng: np.random.Generator
) -> tuple[pa.Array, pa.Array]:
    """Return today's and the former e-mail address of each person; no two of all these addresses are equal."""
    size = len(lastname)
    given, nickname = (mailable(first[column]) for column in ("firstname", "nickname"))
    short = pc.coalesce(nickname, given)
    year = pa.array(birthdate).cast(pa.date32())
    year_digits = pc.strftime(year, "%Y")
    names = [
        choose_name(given, short, mailable(last), year_digits, rng) for last in (lastname, former)
    ]
    domains = draw.one_of(lexicon.EMAIL_DOMAINS, 2 * size, rng)
    addresses = make_unique(pa.concat_arrays(names), domains)
    return addresses[:size], addresses[size:]
