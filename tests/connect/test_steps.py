"""What runs when a link is written, as an organization tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests import registering
from tests.embedded.conftest import Crm

from backstamp import embedded
from backstamp.connect import dataverse, ports
from backstamp.embedded import applications

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOOKUP = "msdynci_lookupfield_customerprofile"
ALL = ("plug-in", "workflow", "flow")


@pytest.fixture
def settings(tmp_path: Path) -> embedded.Settings:
    """The settings of a new embedded CRM."""
    return embedded.Settings(database_url=f"sqlite:///{tmp_path}/crm.sqlite")


def application(settings: embedded.Settings, name: str, *tables: str) -> str:
    """Make an application user who may read these tables and no others; return its domain name."""
    privileges = [f"prvRead{table}" for table in tables]
    with applications.administering(settings) as session:
        return f"{applications.add(session, name, privileges=privileges).client_id}@applications"


@pytest.fixture
def url(settings: embedded.Settings) -> Iterator[str]:
    """An embedded CRM in which a customer has registered steps of contact, some of which no link sets off."""
    tokens = {
        "ours": embedded.APPLICATION_USER,
        "theirs": embedded.ADMINISTRATOR,
        "reader": application(settings, "Reader", "SdkMessage", "SdkMessageFilter", "SdkMessageProcessingStep"),
        "stranger": application(settings, "Stranger", "Contact"),
    }
    with embedded.serving(settings, tokens) as served:
        theirs = Crm(served, "theirs")
        with theirs.http:
            registering.plugin(theirs, "Update", "contact", name="Every column")
            registering.plugin(theirs, "UpdateMultiple", "contact", name="Many at once", mode=1)
            registering.plugin(theirs, "Update", "contact", name="Ours", filteringattributes=f"firstname, {LOOKUP}")
            registering.plugin(theirs, "Update", "contact", name="Names only", filteringattributes="firstname")
            registering.plugin(theirs, "Update", "contact", name="Off", statecode=1, statuscode=2)
            registering.plugin(theirs, "Create", "contact", name="Created")
            registering.plugin(theirs, "Update", "lead", name="Leads")
            registering.workflow(theirs, "contact", name="Real time", mode=1, triggeronupdateattributelist=LOOKUP)
            registering.workflow(theirs, "contact", name="Created", triggeroncreate=True)
            registering.flow(theirs, "contact", name="Modified", message=4)
            registering.flow(theirs, "contact", name="Deleted", message=2)
            registering.flow(theirs, "contact", name="Gone", softdeletestatus=1)
        yield served


def asked(url: str, token: str, *, quiet: bool = False) -> ports.Steps:
    """What an account is told of the writes of links of contact."""
    with dataverse.Dataverse(url, lambda: token, bypass_custom_logic=quiet) as connection:
        return connection.steps("contact", LOOKUP)


@pytest.mark.parametrize("quiet", [False, True])
def test_steps(url: str, *, quiet: bool) -> None:
    """Told are the steps that are on and for that column, and whether our headers keep them from running."""
    found = asked(url, "ours", quiet=quiet)
    assert {(step.name, step.kind, step.mode) for step in found.told} == {
        ("Every column", "plug-in", "synchronous"),
        ("Many at once", "plug-in", "asynchronous"),
        ("Ours", "plug-in", "synchronous"),
        ("Real time", "workflow", "synchronous"),
        ("Modified", "flow", "asynchronous"),
    }
    assert {step.kept_from_running for step in found.told} == {quiet}
    assert found.untold == ()


@pytest.mark.parametrize(("token", "untold"), [("reader", ("workflow", "flow")), ("stranger", ALL)])
def test_what_may_not_be_read_is_not_told(url: str, token: str, untold: tuple[str, ...]) -> None:
    """Without the right to read where steps of a kind are registered, that kind is said to be not told."""
    found = asked(url, token)
    assert (found.untold, bool(found.told)) == (untold, token == "reader")
