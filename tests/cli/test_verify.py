"""`verify`: whether the links of the CRM are right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cli import backstamp

from backstamp import project
from backstamp.cli import environment
from backstamp.connect import ports

if TYPE_CHECKING:
    from pathlib import Path

LOOKUP = "msdynci_lookupfield_customerprofile"


def test_right(file: Path) -> None:
    """After the demo every link is right; each table is a line, in numbers, and those not linked have their reason."""
    said = backstamp("verify", "--project", file)
    assert said.code == 0, said
    assert said.out.splitlines()[-1].startswith("All links are right: ")
    assert "loyalty.member is not linked. It did not come through the environment's own connector" in said.out
    told = backstamp("verify", "--project", file, "--json").document
    assert told["right"] is True
    assert [table["table"] for table in told["tables"]] == ["crm.contact", "crm.lead"]
    assert all(table["rows"] == table["right"] >= table["linked"] > 0 for table in told["tables"])


def test_not_right(file: Path, tmp_path: Path) -> None:
    """A link that somebody emptied ends it with 1; its key is in the file that was asked for, and nowhere else."""
    with environment.connected(project.load(file)) as sink:
        rows = (row for page in sink.read("lead", [LOOKUP]) for row in page.rows.to_pylist())
        key = next(row["leadid"] for row in rows if row[LOOKUP])
        sink.stamp("lead", LOOKUP, [ports.Stamp(key, None)])
    said = backstamp("verify", "--project", file, "--list", tmp_path / "bad.csv")
    assert said.code == 1
    assert "crm.lead: 1 link missing: there is none, though they know a profile." in said.out
    assert key not in said.out
    assert key in (tmp_path / "bad.csv").read_text()
    assert backstamp("run", "--project", file).code == 0
    assert backstamp("verify", "--project", file).code == 0
