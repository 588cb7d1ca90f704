"""Customers found by what somebody typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from tests.pipeline import PROFILE, PROJECT, Place, guid, task

from backstamp import pipeline
from backstamp.connect import dataverse

if TYPE_CHECKING:
    from collections.abc import Sequence

TYPES = (
    "types: {emailaddress1: Identity.Service.Email, firstname: Person.FirstName, lastname: Person.LastName,"
    " mobilephone: Identity.Service.Phone}"
)
NAMED = PROJECT.replace("types: {emailaddress1: Identity.Service.Email}", TYPES)
PEOPLE: list[dict[str, str | None]] = [
    {"contactid": guid(2), "firstname": "Zoë", "lastname": "Müller-Schmidt", "mobilephone": "+49 170 555 0123"},
    {"contactid": guid(3), "firstname": "Ada", "lastname": "O'Brien", "mobilephone": None},
    {"contactid": guid(4), "firstname": "Adam", "lastname": "Obrero", "mobilephone": None},
]


@pytest.fixture
def named(place: Place) -> Place:
    """A project whose contacts have names and numbers."""
    (place.folder / "backstamp.yaml").write_text(NAMED)
    change(place, PEOPLE)
    place.run()
    return place


def change(place: Place, rows: Sequence[dict[str, str | None]]) -> None:
    """Let somebody change contacts."""
    with dataverse.Dataverse(place.url, lambda: "theirs") as person:
        person.upsert("contact", pa.RecordBatch.from_pylist(list(rows)))


def found(place: Place, text: str, limit: int = 20) -> tuple[pipeline.Hit, ...]:
    """The customers that are found."""
    return pipeline.search(place.settings.state, place.settings.engine, text, limit)


def labels(place: Place, text: str) -> list[str]:
    """What the customers are called that are found."""
    return [hit.label for hit in found(place, text)]


def test_in_a_list(named: Place) -> None:
    """A list of customers has all that are found, and where none is, those with the words anywhere."""
    for text, names in (("ada", {"Ada", "Adam"}), ("rien", {"Ada"}), ("nobody", set())):
        listed = pipeline.find_customers(named.settings, pipeline.Wanted(text), 5)
        assert {one.values["FirstName"] for one in listed.customers} == names, text


@pytest.mark.parametrize(
    "text",
    ["zoe", "MULL", "müller", "schm zo", "  Zoë   Müller-Schmidt ", "5550123", "0170 555 0123", "+49 170 5550123"],
)
def test_found(named: Place, text: str) -> None:
    """Words of a name may be cut off, in any order, with or without marks; a number is found by its end."""
    assert labels(named, text) == ["Zoë Müller-Schmidt"]


def test_names(named: Place) -> None:
    """All words have to fit; who fits is found, and nobody else."""
    brien, obrero = "Ada O'Brien", "Adam Obrero"
    assert labels(named, "ada") == [brien, obrero]
    assert labels(named, "ada o'b") == [brien]
    assert labels(named, "ada smith") == labels(named, "") == labels(named, "55") == []


def test_keys_and_ids(named: Place) -> None:
    """A CustomerId, a key of any table and an e-mail address find whom they name, as a whole only."""
    link = named.links()[guid(3)]
    assert link is not None
    for text in (link, link.upper(), f"{{{link}}}", guid(3), "m3", "P3@X"):
        assert [hit.customer_id for hit in found(named, text)] == [link], text
    assert labels(named, link[:-1]) == labels(named, "3@x") == []


def test_at_most(named: Place) -> None:
    """No more customers are given than are wanted."""
    assert len(found(named, "ada", 1)) == 1


def test_kept_up(named: Place) -> None:
    """A run in which few rows changed brings up what these were and are called; one with no change does nothing."""
    change(named, [{"contactid": guid(3), "firstname": "Grace", "lastname": "Hopper", "mobilephone": "555-7777"}])
    run = named.run()
    told = task(run, "Search Index")
    assert (told.status, told.details) == ("Successful", "the customers that changed")
    assert told.rows is not None
    assert told.rows < 10
    assert labels(named, "hopper gr") == labels(named, "7777") == ["Grace Hopper"]
    assert labels(named, "o'brien") == []
    assert len(named.rows(PROFILE, "msdynci_customerid")) > 200
    assert task(named.run(), "Search Index").details == "nothing changed"
