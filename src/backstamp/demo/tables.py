"""The company's tables, one function each; columns stand in the order in which they are listed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from backstamp.demo import columns, draw, lexicon, rows, words
from backstamp.demo.people import NOW, WINDOW_SECONDS

if TYPE_CHECKING:
    from backstamp.demo.columns import Column, Columns, Integers, Times
    from backstamp.demo.people import People

TIME = pa.timestamp("us", tz="UTC")
MONEY = pa.decimal128(12, 2)

# The share of values that nobody filled in; an address is missing as a whole.
CONTACT_MISSING = {"firstname": 0.02, "email": 0.1, "mobile": 0.15, "landline": 0.5, "birthdate": 0.25, "address": 0.1}
LEAD_MISSING = {"firstname": 0.04, "email": 0.07, "mobile": 0.15, "landline": 0.6, "birthdate": 0.5, "address": 0.4}
MEMBER_MISSING = {"firstname": 0.01, "email": 0.08, "phone": 0.12, "birthdate": 0.08, "address": 0.08}

LANDLINE_GIVEN = 0.1  # of the loyalty members: they are asked for one phone
TIERS, TIER_POINTS = ("Bronze", "Silver", "Gold"), (1_000, 5_000)
BUYERS, MOST_PURCHASES = 0.6, 60
COMPLAINERS, OPEN_CASES = 0.12, 0.25
CHANNELS = ("web", "web", "web", "app", "app", "store", "store", "phone")


def make_contacts(people: People, person: Integers, rng: np.random.Generator) -> pa.Table:
    """Return crm.contact, a row for each of these people; `lastusedincampaign` tells how up to date it is."""
    when = draw_times(len(person), rng)
    values = rows.leave_out(rows.observe(people, person, when, rng), CONTACT_MISSING, rng)
    return pa.table(
        {
            "contactid": draw.guids(len(person), rng),
            **crm_columns(values, "birthdate"),
            "jobtitle": draw.mix(0.3, None, draw.one_of(lexicon.split(words.JOB_TITLES), len(person), rng), rng),
            "lastusedincampaign": as_time(when),
        }
    )


def make_leads(people: People, person: Integers, rng: np.random.Generator) -> pa.Table:
    """Return crm.lead, a row for each of these people; the birth date is a custom column there."""
    when = draw_times(len(person), rng)
    values = rows.leave_out(rows.observe(people, person, when, rng), LEAD_MISSING, rng)
    name = draw.one_of(lexicon.split(words.COMPANY_NAMES), len(person), rng)
    kind = draw.one_of(lexicon.split(words.COMPANY_KINDS), len(person), rng)
    return pa.table(
        {
            "leadid": draw.guids(len(person), rng),
            **crm_columns(values, "new_birthdate"),
            "companyname": draw.mix(0.4, None, columns.join(name, " ", kind), rng),
            "subject": draw.one_of(lexicon.split(words.LEAD_SUBJECTS), len(person), rng),
            "lastusedincampaign": as_time(when),
        }
    )


def crm_columns(values: Columns, birthdate: str) -> dict[str, Column]:
    """Return the columns that contact and lead have in common; only the birth date has another name in each."""
    return {
        "firstname": values["firstname"],
        "lastname": values["lastname"],
        "emailaddress1": values["email"],
        "mobilephone": values["mobile"],
        "telephone1": values["landline"],
        birthdate: values["birthdate"],
        "address1_line1": values["street"],
        "address1_city": values["city"],
        "address1_postalcode": values["postalcode"],
        "address1_country": values["country"],
    }


def make_members(people: People, person: Integers, rng: np.random.Generator) -> pa.Table:
    """Return loyalty.member, a row for each of these people in the order in which they joined."""
    size = len(person)
    joined = np.sort(draw_times(size, rng))
    visited = joined + ((NOW - joined) * (1 - rng.random(size) ** 2)).astype("timedelta64[s]")
    observed = rows.observe(people, person, visited, rng)
    phone = draw.mix(LANDLINE_GIVEN, observed["landline"], observed["mobile"], rng)
    values = rows.leave_out(observed | {"phone": phone}, MEMBER_MISSING, rng)
    points = rng.gamma(0.8, 1_800, size).astype(np.int64)
    number = pc.utf8_lpad(columns.of(np.arange(1, size + 1)).cast(pa.string()), 7, "0")
    return pa.table(
        {
            "memberid": columns.join("M-", number),
            **{column: values[column] for column in ("firstname", "lastname", "email", "phone", "birthdate")},
            **{column: values[column] for column in rows.ADDRESS},
            "tier": columns.take(pa.array(TIERS), np.digitize(points, TIER_POINTS)),
            "points": columns.of(points),
            "joinedon": columns.of(joined.astype("datetime64[D]")),
            "lastvisit": as_time(visited),
        }
    )


def make_purchases(contactid: pa.ChunkedArray[Any], rng: np.random.Generator) -> pa.Table:
    """Return shop.purchase in the order of time: most buyers bought once or twice, a few very often."""
    often = (1 + rng.pareto(1.3, len(contactid))).clip(max=MOST_PURCHASES).astype(np.int64)
    buyer = np.repeat(np.arange(len(contactid)), np.where(draw.happens(len(contactid), BUYERS, rng), often, 0))
    amount = rng.lognormal(4.0, 1.0, len(buyer)).clip(1, 20_000).round(2)
    return pa.table(
        {
            "purchaseid": columns.of(np.arange(1, len(buyer) + 1)),
            "contactid": contactid.take(columns.of(rng.permutation(buyer))),
            "purchasedon": as_time(np.sort(draw_times(len(buyer), rng))),
            "amount": columns.of(amount).cast(MONEY),
            "channel": draw.one_of(CHANNELS, len(buyer), rng),
        }
    )


def make_cases(contactid: pa.ChunkedArray[Any], rng: np.random.Generator) -> pa.Table:
    """Return service.case: what contacts asked or complained about."""
    complainer = np.flatnonzero(draw.happens(len(contactid), COMPLAINERS, rng))
    owner = rng.permutation(np.repeat(complainer, rng.integers(1, 4, len(complainer))))
    return pa.table(
        {
            "caseid": draw.guids(len(owner), rng),
            "contactid": contactid.take(columns.of(owner)),
            "openedon": as_time(np.sort(draw_times(len(owner), rng))),
            "status": columns.pick(draw.happens(len(owner), OPEN_CASES, rng), "open", "resolved"),
            "subject": draw.one_of(lexicon.split(words.CASE_SUBJECTS), len(owner), rng),
        }
    )


def make_scores(contactid: pa.ChunkedArray[Any], rng: np.random.Generator) -> pa.Table:
    """Return analytics.score: how likely somebody's model takes each contact to leave, told anew now and then."""
    owner = rng.permutation(np.repeat(np.arange(len(contactid)), rng.integers(0, 3, len(contactid))))
    return pa.table(
        {
            "scoreid": columns.of(np.arange(1, len(owner) + 1)),
            "contactid": contactid.take(columns.of(owner)),
            "score": columns.of(rng.beta(1.5, 6.0, len(owner)).round(3)),
            "scoredon": as_time(np.sort(draw_times(len(owner), rng))),
        }
    )


def tell_truth(table: str, key: pa.ChunkedArray[Any], person: Integers) -> pa.Table:
    """Return whose each row of a table is: table, key, person."""
    return pa.table({"table": pa.repeat(table, len(key)), "key": key, "person": columns.of(person)})


def draw_times(size: int, rng: np.random.Generator) -> Times:
    """Return times within the window, to the second, more of them recent."""
    return NOW - (rng.random(size) ** 2 * WINDOW_SECONDS).astype("timedelta64[s]")


def as_time(times: Times) -> Column:
    """Return the times as the CRM gives them: UTC."""
    return columns.of(times).cast(TIME)
