"""Registered steps: how often custom logic would have run, and the headers that keep it from running."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from tests import registering
from tests.embedded.conftest import APPLICATION_TOKEN, Crm, fault

from backstamp import odata

if TYPE_CHECKING:
    from collections.abc import Iterator

SYNCHRONOUS, ASYNCHRONOUS = 0, 1
DENIED = (403, odata.PRIVILEGE_DENIED)


@pytest.fixture
def register(crm: Crm) -> Iterator[Any]:
    """Register a step on a message, or a "Workflow" or a "Flow"; it is gone after the test."""
    made: list[str] = []

    def register(on: str, table: str = "contact", **values: object) -> str:
        make = {"Workflow": registering.workflow, "Flow": registering.flow}.get(on)
        step = make(crm, table, **values) if make else registering.plugin(crm, on, table, **values)
        made.append(step)
        return step

    yield register
    for step in made:
        crm.http.delete(step)


def fired(crm: Crm, step: str) -> tuple[int, int]:
    """Return in how many requests, and for how many rows, a step would have fired."""
    row = crm.get(f"{step}?$select=firedrequests,firedrows")
    return row["firedrequests"] or 0, row["firedrows"] or 0


def people(crm: Crm, amount: int) -> list[str]:
    """Create contacts in one request."""
    answer = crm.act("contact", odata.CREATE_MULTIPLE, [{"lastname": "Fired"}] * amount)
    ids: list[str] = answer.json()["Ids"]
    return ids


def stamp(crm: Crm, *keys: str, headers: dict[str, str] | None = None, **values: object) -> int:
    """Update rows with the headers of a client; return the status."""
    target = {odata.TYPE: odata.type_name("contact"), **(values or {"jobtitle": "Poet"})}
    body = {"Targets": [{**target, "contactid": key} for key in keys]}
    path = f"contacts/{odata.type_name(odata.UPDATE_MULTIPLE)}"
    return crm.http.post(path, json=body, headers=headers or {}).status_code


def test_steps_count_requests_and_rows(crm: Crm, register: Any) -> None:
    """A step fires for each row that its message writes; requests are counted beside."""
    created, updated, deleted = register("Create"), register("Update"), register("Delete")
    elsewhere = register("Update", "lead")
    keys = people(crm, 3)
    stamp(crm, *keys)
    stamp(crm, keys[0])
    crm.http.patch(f"contacts({uuid.uuid4()})", json={"lastname": "Upserted"})
    crm.http.delete(f"contacts({keys[0]})")
    assert (fired(crm, created), fired(crm, updated), fired(crm, deleted)) == ((2, 4), (2, 4), (1, 1))
    assert fired(crm, elsewhere) == (0, 0)


def test_filtering_attributes_are_respected(crm: Crm, register: Any) -> None:
    """With filtering attributes an update fires if it has a value for one of them, changed or not."""
    step = register("Update", filteringattributes="jobtitle, emailaddress1")
    [key] = people(crm, 1)
    stamp(crm, key, description="A word")
    assert fired(crm, step) == (0, 0)
    stamp(crm, key, jobtitle=None)
    assert fired(crm, step) == (1, 1)


def test_what_is_off_does_not_fire(crm: Crm, register: Any) -> None:
    """A step fires while it is enabled, also one of the bulk form of its message."""
    off, on = register("Update", statecode=1, statuscode=2), register("UpdateMultiple")
    [key] = people(crm, 1)
    stamp(crm, key)
    assert (fired(crm, off), fired(crm, on)) == ((0, 0), (1, 1))


def test_workflows_and_flows_fire(crm: Crm, register: Any) -> None:
    """A classic workflow fires on what it is set to if it is activated, a flow on the changes that it is told of."""
    steps = [
        register("Workflow", triggeronupdateattributelist="jobtitle"),
        register("Workflow", triggeroncreate=True),
        register("Workflow", triggeronupdateattributelist="jobtitle", statecode=0, statuscode=1),
        register("Flow", filteringattributes="jobtitle"),
        register("Flow", message=1),
    ]
    keys = people(crm, 2)
    stamp(crm, *keys)
    stamp(crm, *keys, description="A word")
    assert [fired(crm, step) for step in steps] == [(1, 2), (1, 2), (0, 0), (1, 2), (1, 2)]


def test_a_refused_request_fires_nothing(crm: Crm, register: Any) -> None:
    """What is rolled back was never counted."""
    step = register("Update")
    [key] = people(crm, 1)
    assert stamp(crm, key, str(uuid.uuid4())) == 404
    assert fired(crm, step) == (0, 0)


@pytest.mark.parametrize(
    ("headers", "silent"),
    [
        ({}, set()),
        ({odata.BYPASS_LOGIC: "CustomSync"}, {"synchronous"}),
        ({odata.BYPASS_LOGIC: "CustomAsync"}, {"asynchronous"}),
        ({odata.BYPASS_LOGIC: odata.BYPASS_LOGIC_ALL}, {"synchronous", "asynchronous"}),
        ({odata.BYPASS_PLUGINS: "true"}, {"synchronous"}),
        ({odata.BYPASS_PLUGINS: "false"}, set()),
        ({odata.SUPPRESS_FLOWS: "true"}, {"flow"}),
        ({odata.BYPASS_STEPS: "{asynchronous}"}, {"asynchronous"}),
    ],
)
def test_headers_keep_steps_from_firing(crm: Crm, register: Any, headers: dict[str, str], silent: set[str]) -> None:
    """Each header is about its kind of step: a mode, single ones, or flows."""
    steps = {
        "synchronous": register("Update", mode=SYNCHRONOUS),
        "asynchronous": register("Update", mode=ASYNCHRONOUS),
        "flow": register("Flow"),
    }
    ids = {name: step.split("(")[1].rstrip(")") for name, step in steps.items()}
    [key] = people(crm, 1)
    assert stamp(crm, key, headers={name: value.format(**ids) for name, value in headers.items()}) == 204
    assert {name for name, step in steps.items() if fired(crm, step) == (0, 0)} == silent


@pytest.mark.parametrize("header", [odata.BYPASS_LOGIC, odata.BYPASS_PLUGINS, odata.BYPASS_STEPS])
def test_who_may_not_bypass_is_refused(crm: Crm, header: str) -> None:
    """Without the privilege, which administrators have, the request is refused and nothing is written."""
    [key] = people(crm, 1)
    values = {odata.BYPASS_LOGIC: "CustomSync", odata.BYPASS_PLUGINS: "true", odata.BYPASS_STEPS: key}
    service = Crm(crm.url, APPLICATION_TOKEN)
    with service.http:
        answer = service.http.patch(f"contacts({key})", json={"jobtitle": "A"}, headers={header: values[header]})
    assert fault(answer) == DENIED
    assert crm.get(f"contacts({key})")["jobtitle"] is None


@pytest.mark.parametrize(
    ("header", "value"),
    [
        (odata.BYPASS_LOGIC, "Everything"),
        (odata.BYPASS_PLUGINS, "perhaps"),
        (odata.SUPPRESS_FLOWS, "1"),
        (odata.BYPASS_STEPS, "one"),
        (odata.BYPASS_STEPS, ",".join(str(uuid.UUID(int=number)) for number in range(4))),
    ],
)
def test_malformed_headers_are_refused(crm: Crm, header: str, value: str) -> None:
    """A word that no header takes, or more steps than it takes, is a bad request."""
    assert fault(crm.http.post("contacts", json={"lastname": "A"}, headers={header: value}))[0] == 400
