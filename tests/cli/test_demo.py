"""The demo: what it does, what it says, and which folders it takes."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import pytest
from tests.cli import PEOPLE, backstamp, start

if TYPE_CHECKING:
    from pathlib import Path


def test_first_run_finds_the_customers(told: Any) -> None:
    """The first run makes about as many profiles as there are people, nearly all of them right, and links all rows."""
    first = told["runs"][0]
    assert first["run"]["status"] == "Successful"
    assert abs(first["findings"]["profiles"] - PEOPLE) < PEOPLE / 10
    assert first["accuracy"]["precision"] > 0.95
    assert first["accuracy"]["recall"] > 0.85
    rows = {table["table"]: table["rows"] for table in first["findings"]["tables"]}
    assert {table: links["set"] for table, links in first["links"].items()} == {
        table: rows[table] for table in ("crm.contact", "crm.lead")
    }


def test_findings_add_up(told: Any) -> None:
    """Every row is a duplicate, a match by some rule, or the founder of a profile."""
    found = told["runs"][0]["findings"]
    groups = sum(table["rows"] - table["duplicates"] for table in found["tables"])
    assert groups - sum(match["groups"] for match in found["matches"]) == found["profiles"]
    assert found["new_profiles"] == found["profiles"]


def test_second_run_writes_nothing(told: Any) -> None:
    """With nothing changed no request writes, though contact and lead are read in full once more."""
    second = told["runs"][1]
    assert second["traffic"]["writes"] == second["traffic"]["rows_written"] == 0
    rows = {table["table"]: table["rows"] for table in second["findings"]["tables"]}
    assert second["traffic"]["rows_read"] == rows["crm.contact"] + rows["crm.lead"]


def test_third_run_follows_the_change(told: Any) -> None:
    """A new lead, a corrected and a deleted contact: only they are read, and few requests write."""
    third = told["runs"][2]
    assert third["traffic"]["rows_read"] == 2
    assert 0 < third["traffic"]["writes"] < 15
    assert third["links"]["crm.lead"]["set"] == 1
    assert third["accuracy"]["f1"] > 0.9


def test_a_lead_as_a_seller_sees_it(told: Any) -> None:
    """The lead that is shown carries its customer's purchases and an open case."""
    lead = told["lead"]
    assert lead["table"] == "crm.lead"
    assert lead["fields"]["lastname"]
    assert lead["profile"]["measures"]["msdynci_lifetimepurchases"] > 0
    assert lead["profile"]["measures"]["msdynci_opencases"] >= 1


def test_the_story(file: Path) -> None:
    """As text, over an earlier demo, it has its five chapters; what it says to try next can be tried."""
    said, _ = start("demo", file.parent, "--people", str(PEOPLE)).communicate(timeout=300)
    for chapter in ("First run", "A lead, as a seller sees it", "Second run", "the third run", "What to try next"):
        assert chapter in said
    assert "Written: 0 rows" in said
    commands = [line.strip() for line in said.splitlines() if line.strip().startswith("backstamp ")]
    assert len(commands) == 5
    for command in commands:
        assert backstamp(*shlex.split(command)[1:]).code == 0


@pytest.mark.parametrize("name", ["thesis.txt", "data/customers.csv", "data/members.csv", ".backstamp/crm.sqlite"])
def test_other_peoples_files(tmp_path: Path, name: str) -> None:
    """A folder that is no earlier demo is refused and left as it is, though it looks like one."""
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    said = backstamp("demo", tmp_path, "--people", str(PEOPLE))
    assert said.code == 2
    assert "Something else than an earlier demo is here" in said.err
    assert [entry for entry in tmp_path.rglob("*") if entry.is_file()] == [tmp_path / name]


@pytest.mark.parametrize("name", ["thesis.txt", "data/customers.csv", "data/purchases/mine/part-1.parquet"])
def test_files_beside_a_demo(file: Path, name: str) -> None:
    """An earlier demo in which something else lies is not replaced; the message names what that is."""
    other = file.parent / name
    other.parent.mkdir(exist_ok=True)
    other.write_text("mine")
    before = set(file.parent.rglob("*"))
    said = backstamp("demo", file.parent, "--people", str(PEOPLE))
    assert said.code == 2
    assert "No demo has written this" in said.err
    assert name.startswith(said.err.partition(": ")[0].removeprefix(f"{file.parent}/"))
    assert set(file.parent.rglob("*")) == before


def test_a_linked_folder(file: Path, tmp_path: Path) -> None:
    """Where a part of an earlier demo leads elsewhere, nothing there is removed."""
    elsewhere = (file.parent / "data").rename(tmp_path / "elsewhere")
    (file.parent / "data").symlink_to(elsewhere)
    assert backstamp("demo", file.parent, "--people", str(PEOPLE)).code == 2
    assert (elsewhere / "members.csv").exists()


def test_other_peoples_project(tmp_path: Path) -> None:
    """A project that is no demo is not replaced by one."""
    backstamp("init", tmp_path)
    before = (tmp_path / "backstamp.yaml").read_text()
    assert backstamp("demo", tmp_path, "--people", str(PEOPLE)).code == 2
    assert (tmp_path / "backstamp.yaml").read_text() == before
