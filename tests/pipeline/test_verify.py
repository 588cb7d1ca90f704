"""Check links: what `verify` says of an environment, all of it read from there."""

from __future__ import annotations

import csv
import shutil
import sqlite3
import tempfile
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.link import meddling
from tests.pipeline import CONTACTS, LOOKUP, PROFILE, guid, serving

from backstamp import errors, link, pipeline, runs
from backstamp.connect import dataverse, ports

if TYPE_CHECKING:
    from pathlib import Path

    from tests.pipeline import Place

    from backstamp.pipeline import Verified, VerifiedTable


def verify(place: Place, list_to: Path | None = None) -> Verified:
    """Check the links of a place."""
    described = pipeline.describe(place.settings, place.environment)
    return pipeline.verify(place.settings, place.environment, described, list_to=list_to)


def contacts(found: Verified) -> VerifiedTable:
    """What is said of contacts, the only table that is linked."""
    (table,) = found.tables
    return table


def point(place: Place, number: int, profile: str | None) -> None:
    """Change the link of a contact by hand."""
    place.environment.stamp("contact", LOOKUP, [ports.Stamp(guid(number), profile)])


def test_right(place: Place) -> None:
    """After a run all links are right; nothing is written to find that out, and the warehouse may be gone."""
    (place.folder / ".backstamp" / "warehouse.duckdb").unlink()
    writes = place.environment.traffic.writes
    found = verify(place)
    assert (found.is_right, contacts(found).rows, contacts(found).linked) == (True, CONTACTS, CONTACTS)
    assert contacts(found).findings == {link.Finding.RIGHT: CONTACTS}
    assert place.environment.traffic.writes == writes
    assert not (place.folder / ".backstamp" / "warehouse.duckdb").exists()


def test_nothing_is_left_on_disk(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is compared lies in a folder for the time being, which is gone afterwards, whatever came of it."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    seen: list[Path] = []
    described = pipeline.describe(place.settings, place.environment)

    def look(*_: object) -> None:
        seen.extend(folder.glob("*/*.duckdb"))
        raise InterruptedError

    pipeline.verify(place.settings, place.environment, described)
    with pytest.raises(InterruptedError):
        pipeline.verify(place.settings, place.environment, described, progress=look)
    assert len(seen) == 1
    assert list(folder.iterdir()) == []


def _wrong(place: Place) -> int:
    point(place, 2, place.links()[guid(3)])
    return 2


def _missing(place: Place) -> int:
    point(place, 2, None)
    return 2


def _superfluous(place: Place) -> int:
    """A contact that no run has seen yet has a link."""
    new = {"contactid": guid(CONTACTS + 1), "lastname": "New"}
    with dataverse.Dataverse(place.url, lambda: "theirs") as person:
        person.upsert("contact", pa.RecordBatch.from_pylist([new]))
    point(place, CONTACTS + 1, place.links()[guid(2)])
    return CONTACTS + 1


def _orphan(place: Place) -> int:
    """A profile is taken away beneath the CRM, which would empty the links to it itself."""
    with sqlite3.connect(place.folder / "crm.sqlite") as database:
        database.execute(f"DELETE FROM {PROFILE} WHERE {PROFILE}id = ?", [place.links()[guid(2)]])
    return 2


KINDS = {
    link.Finding.WRONG: _wrong,
    link.Finding.MISSING: _missing,
    link.Finding.SUPERFLUOUS: _superfluous,
    link.Finding.ORPHAN: _orphan,
}


@pytest.mark.parametrize("finding", KINDS)
def test_not_right(place: Place, tmp_path: Path, finding: link.Finding) -> None:
    """Each kind of a link that is not right is counted as what it is, and listed with keys where that is asked for."""
    number = KINDS[finding](place)
    listed = tmp_path / "bad.csv"
    found = verify(place, listed)
    assert not found.is_right
    assert contacts(found).findings[finding] == 1
    assert contacts(found).findings[link.Finding.RIGHT] == contacts(found).rows - 1
    with listed.open(newline="") as rows:
        (row,) = csv.DictReader(rows)
    assert (row["table"], row["key"], row["finding"]) == ("crm.contact", guid(number), finding)
    assert row["found"] == (place.links()[guid(number)] or "")
    assert (listed.stat().st_mode & 0o077) == 0
    place.run(full=True)
    assert verify(place).is_right


def test_before_the_first_run(untouched: Path, tmp_path: Path) -> None:
    """Without column, profiles and keys no row has a link and none is expected: all are right, the file is empty."""
    folder = shutil.copytree(untouched, tmp_path / "new")
    with serving(folder) as place:
        found = verify(place, tmp_path / "bad.parquet")
    assert (found.is_right, contacts(found).has_column, contacts(found).linked) == (True, False, 0)
    assert contacts(found).rows == CONTACTS
    assert pq.read_table(tmp_path / "bad.parquet").num_rows == 0


def test_no_rows(untouched: Path, tmp_path: Path) -> None:
    """An environment without a row is right."""
    folder = shutil.copytree(untouched, tmp_path / "empty")
    with serving(folder) as place:
        with dataverse.Dataverse(place.url, lambda: "theirs") as person:
            person.delete("contact", [guid(number) for number in range(1, CONTACTS + 1)])
        found = verify(place)
    assert (found.is_right, contacts(found).rows) == (True, 0)


def test_known(untouched: Path, tmp_path: Path) -> None:
    """A row that the last run has listed as refused is told apart from others that are not right."""
    folder = shutil.copytree(untouched, tmp_path / "refusing")
    with serving(folder) as place:
        place.run(lambda sink: meddling.RefusesLink(sink, guid(2)))
        found = verify(place)
        assert (found.is_right, contacts(found).excused) == (True, {"refused": 1})
        point(place, 3, None)
        found = verify(place, tmp_path / "bad.csv")
        assert (found.is_right, contacts(found).findings[link.Finding.MISSING]) == (False, 1)
    with (tmp_path / "bad.csv").open(newline="") as rows:
        assert [(row["key"], row["excuse"]) for row in csv.DictReader(rows)] == [(guid(2), "refused"), (guid(3), "")]


def test_while_a_run_goes_on(place: Place) -> None:
    """What a run has not written yet is not right yet: the number of the run is told."""
    assert verify(place).going_on is None
    with runs.Ledger(place.settings.ledger_location) as ledger:
        run = ledger.begin_run(runs.Arguments())
        assert verify(place).going_on == run.number
        ledger.end_run(run)


def test_another_kind_of_file(place: Place, tmp_path: Path) -> None:
    """A file that is neither CSV nor Parquet is refused before anything is read."""
    with pytest.raises(errors.ConfigurationError, match=r"bad.txt is neither"):
        verify(place, tmp_path / "bad.txt")
