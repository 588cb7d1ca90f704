"""`show`: a row as its user sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pyarrow as pa
from tests.cli import backstamp

from backstamp import embedded, project
from backstamp.cli import environment

if TYPE_CHECKING:
    from pathlib import Path

NEW = str(UUID(int=7))


def test_a_lead(file: Path, told: Any) -> None:
    """Its own fields come first, then its customer, the customer's rows and measures, with names for people."""
    lead = told["lead"]
    said = backstamp("show", "crm.lead", lead["key"].upper(), "--project", file)
    assert said.code == 0
    own, card = said.out.split(f"Customer {lead['profile']['customer_id']}")
    assert lead["fields"]["lastname"] in own
    assert "Last Name" in own
    rows, measures = card.split("Rows of this customer")[1].split("Measures")
    assert lead["key"] in rows
    assert "LifetimePurchases" in measures
    assert backstamp("show", "crm.lead", lead["key"], "--project", file, "--json").document == lead


def test_a_row_that_is_new(file: Path) -> None:
    """A row that no run has seen yet is shown without a customer."""
    settings = project.load(file)
    with (
        environment.served(settings) as url,
        environment.signed_in(settings, url, embedded.ADMINISTRATOR) as crm,
    ):
        crm.upsert("lead", pa.RecordBatch.from_pylist([{"leadid": NEW, "lastname": "Nobody"}]))
    said = backstamp("show", "crm.lead", NEW, "--project", file)
    assert said.code == 0
    assert "Nobody" in said.out
    assert "No customer: no run has linked this row yet" in said.out
    assert backstamp("show", "crm.lead", NEW, "--project", file, "--json").document["profile"] is None


def test_what_is_not_there(file: Path) -> None:
    """An unknown key ends with 1; a table that is none of the CRM's with 2 and the nearest name."""
    for key in (NEW, "no guid"):
        said = backstamp("show", "crm.lead", key, "--project", file)
        assert (said.code, said.out) == (1, "")
        assert "has no row with this key" in said.err
    said = backstamp("show", "crm.leads", NEW, "--project", file)
    assert said.code == 2
    assert "Did you mean `crm.lead`?" in said.err
    assert backstamp("show", "loyalty.member", "M-0000001", "--project", file).code == 2
