"""What the company's tables say of the people: who has how many rows, and what stands in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from backstamp.demo import columns, draw, noise

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backstamp.demo.columns import Column, Columns, Integers, Times
    from backstamp.demo.people import People

# The share of people whom a table knows, and of these the share with a second row there; some even have a third.
# Who is in no table gets a contact, so that contact ends at 0.92 rows per person, lead at 0.55, member at 0.41.
KNOWN = {"contact": 0.705, "lead": 0.48, "member": 0.38}
TWICE = {"contact": 0.13, "lead": 0.13, "member": 0.07}
THIRD = 0.15

NICKNAMED, SWAPPED_NAMES, COUNTRY_CODE = 0.04, 0.003, 0.15
NAME_NONSENSE, NONSENSE_SHARE = (("Enter your name", "-"), ("test", "test")), 0.001
# Who leaves out the prefix of the country: more of those who live where the company does.
NATIONAL_US, NATIONAL_ELSEWHERE = 0.4, 0.08

NAME: noise.Edits = (
    (0.01, noise.typing_error),
    (0.06, noise.without_accents),
    (0.02, noise.umlauts_spelt_out),
    (0.03, noise.upper),
    (0.02, noise.lower),
    (0.02, noise.padded),
)
PHONE_SLIPS: noise.Edits = ((0.01, noise.typing_error),)
PHONE_STYLES: noise.Edits = (
    (0.30, noise.compact),
    (0.15, noise.dashed),
    (0.12, noise.dotted),
    (0.25, noise.printed),
    (0.10, noise.zeros_for_plus),
    (0.003, noise.nonsense("0000000000", "9999999999", "1234567890")),
)
EDITS: Mapping[str, noise.Edits] = {
    "firstname": NAME,
    "lastname": NAME,
    "email": (
        (0.01, noise.typing_error_before_at),
        (0.02, noise.upper),
        (0.02, noise.padded),
        (0.001, noise.nonsense("noone@example.com", "none@none.com")),
    ),
    "birthdate": ((0.006, noise.day_and_month_swapped), (0.003, noise.default_date)),
    "street": ((0.02, noise.typing_error), (0.10, noise.without_accents), (0.03, noise.upper), (0.02, noise.lower)),
    "city": ((0.005, noise.typing_error), (0.10, noise.without_accents), (0.03, noise.upper)),
    "postalcode": ((0.005, noise.typing_error),),
}
ADDRESS = ("street", "city", "postalcode", "country")


def draw_owners(count: int, rng: np.random.Generator) -> dict[str, Integers]:
    """Return for each table whose its rows are: person ids in random order, some of them two or three times."""
    known = {table: draw.happens(count, share, rng) for table, share in KNOWN.items()}
    known["contact"] |= ~np.logical_or.reduce(list(known.values()))
    return {table: rng.permutation(repeat(np.flatnonzero(known[table]), TWICE[table], rng)) for table in KNOWN}


def repeat(people: Integers, share: float, rng: np.random.Generator) -> Integers:
    """Return the people with this share of them twice, and some of these a third time."""
    twice = draw.happens(len(people), share, rng)
    third = twice & draw.happens(len(people), THIRD, rng)
    return np.repeat(people, 1 + twice + third)


def observe(people: People, person: Integers, when: Times, rng: np.random.Generator) -> Columns:
    """Return what somebody typed about these people at these times, by column of `People.now`."""
    true = {column: people.known_at(column, person, when) for column in people.now}
    called = {
        "firstname": draw.mix(NICKNAMED, pc.coalesce(true["nickname"], true["firstname"]), true["firstname"], rng),
        "country": draw.mix(COUNTRY_CODE, true["countrycode"], true["country"], rng),
        "mobile": write_phone(true["mobile"], true["dialing"], true["trunk"], rng),
        "landline": write_phone(true["landline"], true["dialing"], true["trunk"], rng),
    }
    typed = {column: noise.spoil(values, EDITS.get(column, ()), rng) for column, values in (true | called).items()}
    first, last = confuse_names(typed["firstname"], typed["lastname"], rng)
    return typed | {"firstname": first, "lastname": last}


def write_phone(national: Column, dialing: Column, trunk: Column, rng: np.random.Generator) -> Column:
    """Return phone numbers as people write them, most of them with the prefix of the country."""
    national = noise.spoil(national, PHONE_SLIPS, rng)
    share = np.where(columns.matches(dialing, "^1$"), NATIONAL_US, NATIONAL_ELSEWHERE)
    at_home = rng.random(len(share)) < share
    full = columns.pick(at_home, columns.join(trunk, national), columns.join("+", dialing, " ", national))
    return noise.spoil(full, PHONE_STYLES, rng)


def confuse_names(first: Column, last: Column, rng: np.random.Generator) -> tuple[Column, Column]:
    """Return both names, some of them in each other's place, and some nonsense to get past a form."""
    swapped = draw.happens(len(first), SWAPPED_NAMES, rng)
    first, last = columns.pick(swapped, last, first), columns.pick(swapped, first, last)
    for nonsense_first, nonsense_last in NAME_NONSENSE:
        invented = draw.happens(len(first), NONSENSE_SHARE, rng)
        first, last = columns.pick(invented, nonsense_first, first), columns.pick(invented, nonsense_last, last)
    return first, last


def leave_out(values: Columns, missing: Mapping[str, float], rng: np.random.Generator) -> Columns:
    """Return the columns with these shares of their values missing; an address is missing as a whole."""
    kept = {column: draw.mix(share, None, values[column], rng) for column, share in missing.items() if column in values}
    no_address = draw.happens(len(values["city"]), missing["address"], rng)
    return values | kept | {column: columns.pick(no_address, None, values[column]) for column in ADDRESS}
