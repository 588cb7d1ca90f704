"""`init`, `check` and `crm`: from an empty folder to a served CRM."""

from __future__ import annotations

import json
import stat
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cli import backstamp, start

from backstamp import runs
from backstamp.connect import dataverse

if TYPE_CHECKING:
    import pytest


def test_a_project_to_start_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that init writes is one that check accepts as it is."""
    monkeypatch.chdir(tmp_path)
    assert backstamp("init").code == 0
    said = backstamp("check")
    assert said.code == 0
    assert said.out.endswith("backstamp.yaml is fine.\n")


def test_no_file_is_overwritten(tmp_path: Path) -> None:
    """Init leaves a project file that is there alone, and says so."""
    (tmp_path / "backstamp.yaml").write_text("mine")
    said = backstamp("init", tmp_path)
    assert said.code == 2
    assert "There is a project file already" in said.err
    assert (tmp_path / "backstamp.yaml").read_text() == "mine"


def test_check(file: Path) -> None:
    """It tells tables, keys and rules, those of the match as such, and who is linked and who not and why."""
    said = backstamp("check", "--project", file)
    assert said.code == 0
    assert "crm.lead: Email and first name (from match), " in said.out
    assert "crm.contact: every row" in said.out
    assert "not loyalty.member: It did not come through the environment's own connector" in said.out
    told = backstamp("check", "--project", file, "--json").document
    assert told["linked"] == ["crm.contact", "crm.lead"]
    assert {table["table"]: table["key"] for table in told["tables"]}["loyalty.member"] == "memberid"
    assert told["deduplicated_by"]["crm.contact"][0] == "Email and first name"


def test_check_shows_every_default(file: Path, tmp_path: Path) -> None:
    """What --show prints is a project file itself, and means the same."""
    shown = backstamp("check", "--show", "--project", file)
    assert shown.code == 0
    assert "delta_days: 7" in shown.out
    (file.parent / "shown.yaml").write_text(shown.out)
    again = backstamp("check", "--show", "--project", file.parent / "shown.yaml")
    assert again.out == shown.out
    assert tmp_path in file.parents


def test_the_crm_served(file: Path) -> None:
    """It says where it answers and where the tokens are, which only their owner can read; others use it; it stops."""
    serving = start("crm", "--port", "0", "--project", file, "--json")
    try:
        assert serving.stdout
        told = json.loads("".join(iter(serving.stdout.readline, "}\n")) + "}")
        token = (file.parent / ".backstamp" / "administrator.token").read_text().strip()
        assert stat.S_IMODE(Path(told["administrator_token"]).stat().st_mode) == 0o600
        with dataverse.Dataverse(told["url"], lambda: token) as crm:
            assert crm.define("lead").key == "leadid"
        assert json.loads((file.parent / ".backstamp" / "crm.json").read_text())["url"] == told["url"]
        assert backstamp("check", "--project", file).code == 0
        for command in ("crm", "demo"):
            arguments = ["--project", file] if command == "crm" else [file.parent]
            said = backstamp(command, *arguments)
            assert (said.code, told["url"] in said.err) == (1, True)
    finally:
        serving.terminate()
        serving.communicate(timeout=30)
    assert serving.returncode == 0
    assert not (file.parent / ".backstamp" / "crm.json").exists()


def test_a_dead_server_is_forgotten(file: Path) -> None:
    """The note of a process that has died, or died while it wrote, is removed, and the CRM served anew."""
    note = file.parent / ".backstamp" / "crm.json"
    dead = asdict(replace(runs.Owner.this_process(), birth="1"))
    for text in (json.dumps({"url": "http://127.0.0.1:9", **dead}), "{"):
        note.write_text(text)
        assert backstamp("check", "--project", file).code == 0
        assert not note.exists()
