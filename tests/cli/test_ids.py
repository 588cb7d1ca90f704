"""`resolve` and `export`: what became of CustomerIds."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from tests.cli import PEOPLE, backstamp

if TYPE_CHECKING:
    from pathlib import Path


def test_every_id_and_where_it_went(file: Path, tmp_path: Path) -> None:
    """What `export` writes and what `resolve` says agree; the demo's second change of rows made some ids vanish."""
    changes = tmp_path / "changes.csv"
    said = backstamp("export", "id-changes", changes, "--project", file, "--json")
    assert said.code == 0, said
    with changes.open(newline="") as rows:
        told = list(csv.DictReader(rows))
    assert said.document["rows"] == len(told) > PEOPLE
    first = told[0]["new_id"]
    assert "is the CustomerId of a profile, since run 1" in backstamp("resolve", first, "--project", file).out
    for change in (one for one in told if one["reason"] == "merged"):
        resolved = backstamp("resolve", change["old_id"].upper(), "--project", file, "--json").document
        assert resolved["state"] == "replaced"
        assert resolved["customer_ids"] == [change["new_id"]]


def test_only_later_runs(file: Path, tmp_path: Path) -> None:
    """A consumer that knows the first run asks for what came after it, here into Parquet."""
    changes = tmp_path / "changes.parquet"
    later = backstamp("export", "id-changes", changes, "--since", "1", "--project", file, "--json")
    every = backstamp("export", "id-changes", changes, "--project", file, "--json")
    assert later.document["rows"] < every.document["rows"]


def test_what_is_not_there(file: Path, tmp_path: Path) -> None:
    """An unknown id, another WHAT, another kind of file and a run without changes are told with what there is."""
    unknown = backstamp("resolve", "00000000-0000-4000-8000-000000000000", "--project", file)
    assert (unknown.code, "No run that is on record" in unknown.err) == (2, True)
    assert "only id-changes" in backstamp("export", "people", tmp_path / "a.csv", "--project", file).err
    assert ".csv nor .parquet" in backstamp("export", "id-changes", tmp_path / "a.txt", "--project", file).err
    assert "run 99" in backstamp("export", "id-changes", tmp_path / "a.csv", "--run", "99", "--project", file).err
