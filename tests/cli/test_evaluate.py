"""`evaluate`: profiles and rules beside labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.cli import backstamp

if TYPE_CHECKING:
    from pathlib import Path

PAIRS = "left_table,left_key,right_table,right_key,match\n"


def test_clusters(file: Path, told: Any) -> None:
    """The demo's truth gives the demo's figures; links are as many as rows that are not the first of a customer."""
    truth = file.parent / "truth.parquet"
    said = backstamp("evaluate", truth, "--project", file)
    assert said.code == 0, said
    assert "whose customers the column `person` tells" in said.out
    assert "crm.lead in crm.contact" in said.out
    found = backstamp("evaluate", truth, "--project", file, "--json").document
    demo = told["runs"][2]
    assert {name: found["pairs"][name] for name in ("precision", "recall", "f1")} == demo["accuracy"]
    assert 0.9 < found["b_cubed"]["f1"] < 1
    rows = sum(table["rows"] for table in demo["findings"]["tables"])
    assert sum(rule["links"] for rule in found["rules"]) == rows - demo["findings"]["profiles"]
    assert 0 < sum(rule["alone"] for rule in found["rules"]) < sum(rule["links"] for rule in found["rules"])


def test_pairs(file: Path, tmp_path: Path) -> None:
    """A pair counts once in whatever direction, and a row that no profile has is told."""
    labels = tmp_path / "labels.csv"
    member, other, nobody = (f"loyalty.member,M-000000{place}" for place in ("1", "2", "x"))
    labels.write_text(f"{PAIRS}{member},{other},TRUE\n{other},{member},yes\n{nobody},{other},0\n")
    found = backstamp("evaluate", labels, "--project", file, "--json").document
    assert (found["kind"], found["column"], found["labels"], found["without_profile"]) == ("pairs", "match", 2, 1)
    assert found["pairs"]["true"] == 1
    assert "1 labelled row in no profile" in backstamp("evaluate", labels, "--project", file).out


WRONG = [
    ("table,kay,cluster\n", "no column `key`. Did you mean `kay`?"),
    ("left_table,left_key,right_table,rigth_key,match\n", "no column `right_key`. Did you mean `rigth_key`?"),
    ("table,key,cluster\n", "no labels"),
    ("table,key,cluster\ncrm.leed,x,1\n", "Did you mean `crm.lead`?"),
    ("table,key,cluster\ncrm.lead,,1\n", "`key` is empty in 1 lines"),
    ("table,key,cluster\ncrm.lead,secret,1\ncrm.lead,secret,2\n", "1 rows are in several clusters"),
    (f"{PAIRS}crm.lead,secret,crm.lead,b,perhaps\n", "neither true nor false in 1 lines"),
    (f"{PAIRS}crm.lead,secret,crm.lead,b,1\ncrm.lead,b,crm.lead,secret,0\n", "1 pairs are labelled both ways"),
    (f"{PAIRS}crm.lead,secret,crm.lead,secret,1\n", "a row and itself"),
    ("table,key,cluster\ncrm.lead,a,1,2,3\n", "1 lines cannot be read, the first is"),
    ("", "is empty"),
]


@pytest.mark.parametrize(("text", "meant"), WRONG, ids=[meant for _, meant in WRONG])
def test_wrong_labels(file: Path, tmp_path: Path, text: str, meant: str) -> None:
    """The message has the file and what was expected, and no key; it ends with 2."""
    labels = tmp_path / "labels.csv"
    labels.write_text(text)
    said = backstamp("evaluate", labels, "--project", file)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"{labels}: ")
    assert meant in said.err
    assert "secret" not in said.err


def test_no_labels(file: Path, tmp_path: Path) -> None:
    """A file that is not there is told by its name."""
    said = backstamp("evaluate", tmp_path / "nothing.csv", "--project", file)
    assert said.code == 2
    assert "nothing.csv: There is no such file of labels" in said.err
