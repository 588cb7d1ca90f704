"""`plan`, `run --approve` and `undo`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cli import backstamp
from tests.cli.test_linking_page import LOOKUP, PROJECT, someone, write

if TYPE_CHECKING:
    from pathlib import Path

    from backstamp.connect import ports


def change_a_member(file: Path) -> None:
    """The first member comes into another tier, which is in the profile."""
    members = file.parent / "data" / "members.csv"
    head, first, *others = members.read_text().splitlines(keepends=True)
    assert '"Bronze"' in first
    members.write_text("".join([head, first.replace('"Bronze"', '"Platinum"'), *others]))


def test_nothing_to_plan(file: Path) -> None:
    """A plan in which nothing is to be written says so, and waits for nobody."""
    said = backstamp("plan", "--project", file)
    assert (said.code, said.out.splitlines()[-1]) == (0, "There is nothing to write.")
    assert "successful" in backstamp("status", "--project", file).out


def test_plan_approve_undo(file: Path) -> None:
    """What is planned is sent when it is approved, once; it is undone when that is confirmed; then runs wait."""
    change_a_member(file)
    planned = backstamp("plan", "--project", file)
    assert planned.code == 0, planned
    assert "Customer Profile    0        1        0" in planned.out
    assert planned.out.splitlines()[-1] == "Nothing was sent. `backstamp run --approve 4` does exactly this."
    assert "--approve 4" in backstamp("status", "--project", file).out
    assert backstamp("run", "--approve", "4", "--full", "--project", file).code == 2
    assert backstamp("run", "--approve", "4", "--project", file).code == 0
    assert backstamp("run", "--approve", "4", "--project", file).code == 2

    shown = backstamp("undo", "4", "--project", file, "--json")
    assert shown.code == 3
    assert shown.document["forecast"]["plan"]["profiles"]["changed"] == 1
    done = backstamp("undo", "4", "--yes", "--project", file)
    assert done.code == 0, done
    waiting = backstamp("run", "--project", file, "--json")
    assert waiting.code == 3
    assert waiting.document["forecast"]["plan"]["profiles"]["changed"] == 1
    assert backstamp("undo", "1", "--project", file).code == 2
    assert backstamp("undo", "4", "--drop-columns", "--project", file).code == 2
    assert backstamp("run", "--approve", str(waiting.document["run"]["number"]), "--project", file).code == 0


def test_the_first_run_undone_with_its_columns(tmp_path: Path) -> None:
    """Nothing of ours is left in the CRM's own tables; the next run waits for approval."""
    file = tmp_path / "backstamp.yaml"
    file.write_text(PROJECT)
    write(file, (1, "ann"), (2, "bob"))
    assert backstamp("run", "--project", file).code == 0
    done = backstamp("undo", "1", "--yes", "--drop-columns", "--project", file)
    assert done.code == 0, done
    found: list[ports.Column | None] = []
    someone(file, lambda person: found.append(person.define("contact").column(LOOKUP)))
    assert found == [None]
    assert backstamp("run", "--project", file).code == 3
