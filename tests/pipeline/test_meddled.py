"""What people and administrators do to a CRM between two runs."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pyarrow as pa
from tests.embedded.conftest import Crm
from tests.pipeline import CONTACTS, LINKS, guid, serving, statuses, task

from backstamp import odata, pipeline
from backstamp.connect import dataverse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.pipeline import Place

MANY = range(10, 40)


def edit(place: Place, *rows: Mapping[str, object]) -> None:
    """Change or add contacts, as a person."""
    with dataverse.Dataverse(place.url, lambda: "theirs") as person:
        for row in rows:
            person.upsert("contact", pa.RecordBatch.from_pylist([dict(row)]))


def merge(place: Place, target: str, subordinate: str) -> None:
    """Merge a contact into another one inside the CRM, as its administrator."""
    administrator = Crm(place.url, "theirs")
    rows = {"Target": target, "Subordinate": subordinate}
    named = {name: {odata.TYPE: odata.type_name("contact"), "contactid": key} for name, key in rows.items()}
    with administrator.http:
        answer = administrator.http.post(odata.MERGE, json={**named, "PerformParentingChecks": False})
    assert answer.status_code == 204


def is_right(place: Place) -> bool:
    """Whether all links are right."""
    described = pipeline.describe(place.settings, place.environment)
    return pipeline.verify(place.settings, place.environment, described).is_right


def test_merged_in_the_crm(place: Place) -> None:
    """A contact that was merged into another one is deactivated and stays; it is linked like any other row."""
    before = place.links()
    merge(place, guid(1), guid(CONTACTS))
    assert statuses(place.run())[LINKS] == "Successful"
    assert len(place.links()) == CONTACTS
    assert place.links()[guid(1)] == before[guid(1)]
    assert is_right(place)


def test_merged_rows_filtered_out(place: Place) -> None:
    """Where the project unifies active contacts only, a contact that was merged into another one loses its link."""
    place.edit(
        "backstamp.yaml",
        lambda lines: [line.replace("contactid, types", "contactid, where: {statecode: 0}, types") for line in lines],
    )
    merge(place, guid(1), guid(CONTACTS))
    place.run()
    assert place.links()[guid(CONTACTS)] is None
    assert is_right(place)


def test_restored_from_a_backup(copy: Path) -> None:
    """A CRM as it was yesterday is recognized by its links, told, and brought up: links, profiles, keys, measures."""
    with serving(copy) as place:
        edit(place, *({"contactid": guid(number), "emailaddress1": f"a{number}@x"} for number in MANY))
        place.run()
        place.run()
    shutil.copy(copy / "crm.sqlite", copy / "backup")
    with serving(copy) as place:
        edit(place, *({"contactid": guid(number), "emailaddress1": f"p{number}@x"} for number in MANY))
        place.run()
        now = place.links()
    for file in copy.glob("crm.sqlite*"):
        file.unlink()
    shutil.copy(copy / "backup", copy / "crm.sqlite")
    with serving(copy) as place:
        edit(place, *({"contactid": guid(number), "emailaddress1": f"p{number}@x"} for number in MANY))
        run = place.run()
        assert statuses(run)[LINKS] == "Successful"
        assert any("restored from a backup" in warning for warning in task(run, "Plan").warnings)
        assert place.links() == now
        assert place.is_whole()
        assert is_right(place)
