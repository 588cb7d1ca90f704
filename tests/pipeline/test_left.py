"""A table that is unified no more, and a column of links that is there no more."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pytest
from tests.pipeline import LINKS, LOOKUP, PROFILE, guid, serving, statuses, task

from backstamp.connect import dataverse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.pipeline import Place

LEAD = "    - {table: crm.lead, key: leadid, include_all: true, deduplicate: off}\n"
MATCH = """\
    - between: [crm.lead, crm.contact]
      rules: [{name: Mail, match: [{columns: [emailaddress1, emailaddress1]}]}]
"""


@pytest.fixture
def with_leads(untouched: Path, tmp_path: Path) -> Iterator[Place]:
    """The project with a lead besides, linked."""
    folder = shutil.copytree(untouched, tmp_path / "leads")
    with serving(folder) as place:
        with dataverse.Dataverse(place.url, lambda: "theirs") as person:
            person.upsert("lead", pa.RecordBatch.from_pylist([{"leadid": guid(9), "emailaddress1": "p1@x"}]))
        file = folder / "backstamp.yaml"
        text = (
            file.read_text().replace("[contact]", "[contact, lead]").replace("  match:\n", f"{LEAD}  match:\n{MATCH}")
        )
        file.write_text(text)
        for _ in range(2):
            assert statuses(place.run())[LINKS] == "Successful"
        yield place


def leave(place: Place) -> None:
    """Take leads out of the project file."""
    file = place.folder / "backstamp.yaml"
    text = file.read_text()
    for part in (LEAD, MATCH, ", lead"):
        assert part in text
        text = text.replace(part, "")
    file.write_text(text)


def test_links_of_a_table_that_left_are_cleared(with_leads: Place) -> None:
    """Its rows lose their links with the next run, those of the other tables stay; then nothing more is sent."""
    place, contacts = with_leads, with_leads.links()
    assert place.rows("lead", LOOKUP)[guid(9)] is not None
    leave(place)
    run = place.run(accept_loss=["crm.lead"])
    assert task(run, LINKS).details.startswith("0 links set, 0 changed, 1 cleared")
    assert place.rows("lead", LOOKUP) == {guid(9): None}
    assert place.links() == contacts
    writes = place.environment.traffic.writes
    assert statuses(place.run())[LINKS] == "Successful"
    assert place.environment.traffic.writes == writes
    assert place.environment.drop_column("lead", LOOKUP)
    assert not place.environment.drop_column("lead", LOOKUP)
    assert place.environment.define("lead").column(LOOKUP) is None
    assert statuses(place.run())[LINKS] == "Successful"
    assert place.environment.define("lead").column(LOOKUP) is None


def test_tables_of_what_left_are_gone(with_leads: Place) -> None:
    """Nothing of a table or a measure that left stays in the warehouse; a table that comes back is read in full."""
    place, file = with_leads, with_leads.folder / "backstamp.yaml"
    before, text = place.published("members"), file.read_text()
    leave(place)
    place.edit("backstamp.yaml", lambda lines: [line for line in lines if not line.startswith("measures:")])
    place.edit("backstamp.yaml", lambda lines: [line.replace("hydrate: [attributes]", "hydrate: []") for line in lines])
    place.run(accept_loss=["crm.lead"])
    with duckdb.connect(str(place.folder / ".backstamp" / "warehouse.duckdb"), read_only=True) as warehouse:
        views = {
            name for (name,) in warehouse.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
        }
    assert not [name for name in views if "lead" in name]
    assert {"source_crm_contact", "Deduplication_crm_contact"} <= views
    file.write_text(text)
    assert statuses(place.run())[LINKS] == "Successful"
    assert place.published("members") == before
    assert place.rows("lead", LOOKUP)[guid(9)] is not None


def test_a_column_that_was_dropped(with_leads: Place) -> None:
    """Where an administrator dropped the column of a table that is linked, the next run makes it again, with links."""
    place, leads = with_leads, with_leads.rows("lead", LOOKUP)
    place.environment.drop_column("lead", LOOKUP)
    run = place.run()
    assert statuses(run)[LINKS] == "Successful"
    assert place.rows("lead", LOOKUP) == leads
    assert set(leads.values()) <= set(place.rows(PROFILE, "msdynci_customerid"))
