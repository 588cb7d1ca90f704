"""A day at the made-up company: what changes in its CRM between two runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_OID, uuid5

import pyarrow as pa
import pyarrow.compute as pc

from backstamp import errors
from backstamp.demo.load import require, write

if TYPE_CHECKING:
    from backstamp.connect import ports
    from backstamp.demo.company import Company

SUBJECT = "Interested in a cargo bike"
# What somebody who is a contact fills in again as a lead.
SAME = ["firstname", "lastname", "emailaddress1", "mobilephone"]


@dataclass(frozen=True)
class Changes:
    """Three edits, each of another customer.

    Attributes:
        new_lead: a row of crm.lead: somebody who has bought, and is known as a contact only, asks for something.
        corrected_contact: contactid and emailaddress1: the e-mail of a contact becomes the one on the person's lead.
        deleted_contact: contactid of somebody known by this row alone, who never bought or complained.
        truth: table, key, person after the changes: whose each row is.
    """

    new_lead: pa.Table
    corrected_contact: pa.Table
    deleted_contact: str
    truth: pa.Table


def choose_changes(company: Company) -> Changes:
    """Return the edits; the same for the same company.

    Raises:
        ConfigurationError: the company is too small to have such customers.
    """
    contacts = _with_person(company.contact.select(["contactid", *SAME]), "contactid", company)
    leads = _with_person(company.lead.select(["leadid", "emailaddress1"]), "leadid", company)
    buyer = _buyer_without_lead(contacts.drop_null(), leads, company)
    wrong = _contact_with_another_email(contacts, leads)
    loner = _lone_contact(contacts, company)
    new_lead = {"leadid": str(uuid5(NAMESPACE_OID, buyer["contactid"])), **{name: buyer[name] for name in SAME}}
    truth_of_lead = {"table": "crm.lead", "key": new_lead["leadid"], "person": buyer["person"]}
    remaining = company.truth.filter(pc.field("key") != loner["contactid"])
    return Changes(
        new_lead=pa.Table.from_pylist([new_lead | {"subject": SUBJECT}]),
        corrected_contact=pa.Table.from_pylist([wrong]),
        deleted_contact=loner["contactid"],
        truth=pa.concat_tables([remaining, pa.Table.from_pylist([truth_of_lead], remaining.schema)]),
    )


def make_changes(sink: ports.Sink, changes: Changes) -> None:
    """Do the edits in the CRM, as somebody who works there.

    Raises:
        RefusedError: the CRM did not take one.
    """
    write(sink, "lead", changes.new_lead)
    write(sink, "contact", changes.corrected_contact)
    require("contact", sink.delete("contact", [changes.deleted_contact]))


def _with_person(rows: pa.Table, key: str, company: Company) -> pa.Table:
    """Return the rows with the person that each one is."""
    return rows.join(company.truth.select(["key", "person"]), key, "key")


def _buyer_without_lead(contacts: pa.Table, leads: pa.Table, company: Company) -> dict[str, Any]:
    buyers = contacts.filter(pc.is_in(contacts["contactid"], company.purchase["contactid"]))
    return _first(buyers.join(leads, "person", join_type="left anti"))


def _contact_with_another_email(contacts: pa.Table, leads: pa.Table) -> dict[str, Any]:
    """Return a contact's key and, as its `emailaddress1`, the one that stands on a lead of the same person."""
    own = contacts.select(["contactid", "person", "emailaddress1"]).rename_columns(["contactid", "person", "own"])
    both = own.join(leads.select(["person", "emailaddress1"]), "person", join_type="inner")
    is_another = pc.not_equal(_as_compared(both["own"]), _as_compared(both["emailaddress1"]))
    return _first(both.filter(is_another).select(["contactid", "emailaddress1"]))


def _lone_contact(contacts: pa.Table, company: Company) -> dict[str, Any]:
    rows = company.truth.group_by("person").aggregate([([], "count_all")])
    alone = contacts.join(rows.filter(pc.field("count_all") == 1), "person", join_type="left semi")
    active = pa.chunked_array([*company.purchase["contactid"].chunks, *company.case["contactid"].chunks])
    return _first(alone.filter(pc.invert(pc.is_in(alone["contactid"], active))))


def _as_compared(emails: pa.ChunkedArray[Any]) -> pa.ChunkedArray[Any]:
    return pc.utf8_lower(pc.utf8_trim_whitespace(emails))


def _first(contacts: pa.Table) -> dict[str, Any]:
    """Return the row that comes first, whatever order a join left them in."""
    if not contacts.num_rows:
        raise errors.ConfigurationError("The demo company is too small for its changes: make it of 500 people or more.")
    ordered = contacts.sort_by([(name, "ascending") for name in contacts.column_names])
    row: dict[str, Any] = ordered.slice(0, 1).to_pylist()[0]
    return row
