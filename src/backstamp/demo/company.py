"""The tables of a made-up company together, and their files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

from backstamp.demo import rows, tables
from backstamp.demo.people import make_people

if TYPE_CHECKING:
    from pathlib import Path

MEMBERS = "data/members.csv"
PURCHASES = "data/purchases/part-0.parquet"
CASES = "data/cases.parquet"
SCORES = "data/scores.parquet"
TRUTH = "truth.parquet"
FILES = (MEMBERS, PURCHASES, CASES, SCORES, TRUTH)
"""Every file that `write_files` writes, from the project's folder."""


@dataclass(frozen=True)
class Company:
    """What the company has stored, and the truth behind it.

    Attributes:
        contact: crm.contact; `lastusedincampaign` tells how up to date a row is.
        lead: crm.lead, with the custom column `new_birthdate`.
        member: loyalty.member; `lastvisit` tells how up to date a row is.
        purchase: shop.purchase, each of a contact.
        case: service.case, each of a contact.
        score: analytics.score, each of a contact.
        truth: table, key, person: whose each row of contact, lead and member is.
    """

    contact: pa.Table
    lead: pa.Table
    member: pa.Table
    purchase: pa.Table
    case: pa.Table
    score: pa.Table
    truth: pa.Table


def make_company(people: int, *, seed: int = 1) -> Company:
    """Return the tables of a company with this many customers, at least one; equal arguments give equal tables."""
    rng = np.random.default_rng([seed, people])
    population = make_people(people, rng)
    owners = rows.draw_owners(people, rng)
    contact = tables.make_contacts(population, owners["contact"], rng)
    lead = tables.make_leads(population, owners["lead"], rng)
    member = tables.make_members(population, owners["member"], rng)
    truth = (
        tables.tell_truth("crm.contact", contact["contactid"], owners["contact"]),
        tables.tell_truth("crm.lead", lead["leadid"], owners["lead"]),
        tables.tell_truth("loyalty.member", member["memberid"], owners["member"]),
    )
    return Company(
        contact=contact,
        lead=lead,
        member=member,
        purchase=tables.make_purchases(contact["contactid"], rng),
        case=tables.make_cases(contact["contactid"], rng),
        score=tables.make_scores(contact["contactid"], rng),
        truth=pa.concat_tables(truth),
    )


def write_files(company: Company, folder: Path) -> None:
    """Write under the folder what does not live in the CRM, and the truth."""
    (folder / PURCHASES).parent.mkdir(parents=True, exist_ok=True)
    csv.write_csv(company.member, folder / MEMBERS)
    parquet.write_table(company.purchase, folder / PURCHASES)
    parquet.write_table(company.case, folder / CASES)
    parquet.write_table(company.score, folder / SCORES)
    write_truth(company.truth, folder)


def write_truth(truth: pa.Table, folder: Path) -> None:
    """Write whose each row is: table, key, person; no source of the project reads it."""
    parquet.write_table(truth, folder / TRUTH)
