"""Whether the environment has changed since a run."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from tests.pipeline import PROJECT, Place, guid

from backstamp import engine, pipeline, runs
from backstamp.connect import dataverse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backstamp.connect import ports


def has_changed(place: Place) -> bool:
    """What is found, while somebody else has the warehouse."""
    with engine.open_warehouse(place.settings.state), runs.Status(place.settings.ledger_location) as status:
        return pipeline.has_changed(place.settings, place.environment, status.feeds())


@contextmanager
def person(place: Place) -> Iterator[ports.Sink]:
    """The CRM, as somebody else than us."""
    with dataverse.Dataverse(place.url, lambda: "theirs") as connection:
        yield connection


def update(place: Place, number: int, email: str) -> None:
    """Let somebody change a contact."""
    with person(place) as crm:
        crm.upsert("contact", pa.RecordBatch.from_pylist([{"contactid": guid(number), "emailaddress1": email}]))


def test_changed(place: Place) -> None:
    """After a run that wrote nothing nothing has changed; a new value or a deletion has, until a run reads it."""
    assert not has_changed(place)
    update(place, 1, "nobody's@x")
    assert has_changed(place)
    for _ in range(2):
        place.run()
    assert not has_changed(place)
    with person(place) as crm:
        crm.delete("contact", [guid(2)])
    assert has_changed(place)


def test_our_own_links(place: Place) -> None:
    """A run that wrote links is followed by one more, and by no third."""
    update(place, 1, "p9@x")
    place.run()
    assert has_changed(place)
    place.run()
    assert not has_changed(place)


def test_cheap(place: Place) -> None:
    """Once tables are described, a look that finds nothing is a request a table, and brings no rows."""
    assert not has_changed(place)
    traffic = place.environment.traffic
    reads, rows = traffic.reads, traffic.rows_read
    assert not has_changed(place)
    assert (traffic.reads - reads, traffic.rows_read - rows) == (1, 0)


@pytest.mark.parametrize("select", ["select *, lower(emailaddress1) as email from contact"])
def test_transform_step(place: Place, select: str) -> None:
    """The feed of a table with a transform step is looked at as any other."""
    (place.folder / "backstamp.yaml").write_text(PROJECT.replace("[contact]", f'[contact: {{select: "{select}"}}]'))
    place.run()
    place.run()
    assert not has_changed(place)
    update(place, 3, "other@x")
    assert has_changed(place)


def test_feed_that_ended(place: Place) -> None:
    """A feed that cannot go on counts as a change: only a run can tell."""
    token = '{"organization": "another", "columns": ["contactid"], "address": "x"}'
    assert pipeline.has_changed(place.settings, place.environment, {"crm.contact": token})
    assert not pipeline.has_changed(place.settings, place.environment, {})
