"""Tables that do not take rows in bulk: what is written is the same."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from backstamp import embedded
from backstamp.connect import dataverse, ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROFILE = "msdynci_customerprofile"
LOOKUP = "msdynci_lookupfield_customerprofile"


def guid(number: int) -> str:
    """A key that sorts as its number."""
    return str(uuid.UUID(int=number))


@pytest.fixture(params=["bulk", "no bulk"])
def crm(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dataverse.Dataverse]:
    """A connection to a CRM in which contacts can be written in bulk, and to one in which they cannot."""
    without = frozenset({"contact"}) if request.param == "no bulk" else frozenset()
    settings = embedded.Settings(database_url=f"sqlite:///{tmp_path}/crm.sqlite", tables_without_bulk=without)
    with (
        embedded.serving(settings, {"token": embedded.ADMINISTRATOR}) as url,
        dataverse.Dataverse(url, lambda: "token", batch_size=20) as connection,
    ):
        yield connection


def named(*numbers: int) -> pa.RecordBatch:
    """Contacts with a name; that of 5 is too long."""
    return pa.RecordBatch.from_pylist(
        [{"contactid": guid(number), "lastname": "x" * (60 if number == 5 else 6)} for number in numbers]
    )


def links(crm: ports.Sink) -> dict[str, str | None]:
    """The link of each contact."""
    return {row["contactid"]: row[LOOKUP] for page in crm.read("contact", [LOOKUP]) for row in page.rows.to_pylist()}


def test_one_bad_row(crm: dataverse.Dataverse) -> None:
    """The row that the service refuses is told with its code, the others are written, and counted once."""
    outcomes = crm.upsert("contact", named(*range(9)))
    assert [(o.key, o.state, o.code) for o in outcomes if o.state != "acknowledged"] == [
        (guid(5), "refused", "0x80044331")
    ]
    pages = list(crm.read("contact", ["lastname"]))
    assert sum(page.rows.num_rows for page in pages) == crm.traffic.rows_written == 8


def test_links(crm: dataverse.Dataverse) -> None:
    """Links are written, changed and emptied; a row that is gone stays gone, one without its profile is refused."""
    name = ports.Column("msdynci_fullname", pa.string(), max_length=4000)
    crm.create_table(ports.TableDefinition(PROFILE, f"{PROFILE}id", (name,)))
    crm.create_column("contact", ports.Column(LOOKUP, pa.string(), lookup_to=PROFILE))
    crm.upsert(PROFILE, pa.RecordBatch.from_pylist([{f"{PROFILE}id": guid(100)}, {f"{PROFILE}id": guid(101)}]))
    crm.upsert("contact", named(1, 2, 4))
    stamps = [ports.Stamp(guid(number), guid(100)) for number in (1, 2, 3)] + [ports.Stamp(guid(4), guid(999))]
    states = {outcome.key: outcome.state for outcome in crm.stamp("contact", LOOKUP, stamps)}
    assert states == {
        guid(1): "acknowledged",
        guid(2): "acknowledged",
        guid(3): "gone",
        guid(4): "refused",
    }
    crm.stamp("contact", LOOKUP, [ports.Stamp(guid(1), guid(101)), ports.Stamp(guid(2), None)])
    assert links(crm) == {guid(1): guid(101), guid(2): None, guid(4): None}
