"""`show`: a row as its user sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pyarrow as pa
from tests.cli import backstamp, start

from backstamp import embedded, engine, project, runs
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
    document = backstamp("show", "crm.lead", lead["key"], "--project", file, "--json").document
    assert {name: document[name] for name in lead} == lead


def test_its_customer(file: Path, told: Any) -> None:
    """Beside what the CRM holds stand where each value came from, measures with their time, and what happened."""
    lead = told["lead"]
    arguments = ("show", "crm.lead", lead["key"], "--project", file)
    document = backstamp(*arguments, "--json").document
    customer, said = document["customer"], backstamp(*arguments).out
    assert (customer["customer_id"], document["lacking"]) == (lead["profile"]["customer_id"], None)
    assert {"table": "crm.lead", "key": lead["key"]} in customer["rows"]
    for one in customer["values"]:
        assert f"{one['row']['table']} {one['row']['key']}, its {one['column']}" in said
    measures = {one["name"]: one for one in customer["measures"]}
    assert measures["LifetimePurchases"]["rows"] == [
        {"LifetimePurchases": lead["profile"]["measures"]["msdynci_lifetimepurchases"]}
    ]
    spent = sum(row["Spent"] for row in measures["PurchasesByChannel"]["rows"])
    assert round(spent, 2) == round(measures["LifetimePurchases"]["rows"][0]["LifetimePurchases"], 2)
    assert all(one["as_of"] for one in measures.values())
    assert (
        lead["profile"]["measures"]["msdynci_purchaseslast4months"]
        == (measures["PurchasesLast4Months"]["rows"][0]["PurchasesLast4Months"])
    )
    times = [one["time"] for one in customer["timeline"]]
    assert times == sorted(times, reverse=True)
    assert {one["type"] for one in customer["timeline"]} == {"Purchase", "Case"}


def test_while_a_run_goes_on(file: Path, told: Any) -> None:
    """While a run has the warehouse the CRM alone tells, and the run is named."""
    lead, settings = told["lead"], project.load(file)
    with runs.Ledger(settings.ledger_location) as ledger, engine.open_warehouse(settings.state):
        run = ledger.begin_run(runs.Arguments())
        said = [*start("show", "crm.lead", lead["key"], "--project", file).communicate()]
        ledger.end_run(run)
    assert f"Run {run.number} has the warehouse" in said[0].replace("\n", " ")
    assert "LifetimePurchases" in said[0]


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
