"""`init`, `check` and `crm`: from an empty folder to a served CRM."""

from __future__ import annotations

import json
import re
import stat
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from tests import databases
from tests.cli import Said, backstamp, start

from backstamp import __version__, embedded, project, runs
from backstamp.cli import environment
from backstamp.connect import dataverse


def test_a_project_to_start_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that init writes is one that check accepts as it is."""
    monkeypatch.chdir(tmp_path)
    assert backstamp("init").code == 0
    said = backstamp("check")
    assert said.code == 0
    assert said.out.endswith("backstamp.yaml is fine.\n")


def test_version() -> None:
    """The program says which version it is, in one line."""
    assert backstamp("--version") == Said(0, f"backstamp {__version__}\n", "")


def test_no_file_is_overwritten(tmp_path: Path) -> None:
    """Init leaves a project file that is there alone, and says so."""
    (tmp_path / "backstamp.yaml").write_text("mine")
    said = backstamp("init", tmp_path)
    assert said.code == 2
    assert "There is a project file already" in said.err
    assert (tmp_path / "backstamp.yaml").read_text() == "mine"


def test_tables_in_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files in the folder become tables, with key and semantic types; check accepts them and suggests nothing more."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "card holders.csv").write_text("holder_id,E-Mail,city,Surname\n1,a@x.example,Rome,no\n")
    (tmp_path / "visits.csv").write_text("id,city\n1,Rome\n1,Bern\n")
    told = backstamp("init", "--json").document["tables"]
    assert [(table["name"], table["key"]) for table in told] == [("card_holders", "holder_id"), ("visits", None)]
    types = {one["column"]: one["type"] for one in told[0]["types"]}
    assert types == {"E-Mail": "Identity.Service.Email", "city": "Location.City", "Surname": "Person.LastName"}
    checked = backstamp("check", "--json").document
    assert {table["table"]: table["used"] for table in checked["tables"]}["files.card_holders"] == list(types)


def test_check(file: Path) -> None:
    """It tells tables, keys, rules, ways to the customers and measures, and who is linked and who not and why."""
    said = backstamp("check", "--project", file)
    assert said.code == 0
    lines = [" ".join(line.split()) for line in said.out.splitlines()]
    assert any(line.startswith("crm.lead Email and first name (from match), ") for line in lines)
    assert "crm.contact every row" in lines
    assert any(line.startswith("not loyalty.member It did not come through") for line in lines)
    assert any(line.endswith("shop.purchase by contactid") for line in lines)
    told = backstamp("check", "--project", file, "--json").document
    assert {"from": "shop.purchase", "to": "crm.contact", "key": "contactid"} in told["relationships"]["edges"]
    assert told["relationships"]["ways"][0] == "customer"
    assert told["linked"] == ["crm.contact", "crm.lead"]
    assert {table["table"]: table["key"] for table in told["tables"]}["loyalty.member"] == "memberid"
    assert told["deduplicated_by"]["crm.contact"][0] == "Email and first name"


def test_check_profiles(file: Path) -> None:
    """Columns of rules are counted in the rows of the last run, or in those of the source before there was one."""
    told = backstamp("check", "--project", file, "--json").document
    (file.parent / ".backstamp" / "warehouse.duckdb").unlink()
    again = backstamp("check", "--project", file, "--json").document
    assert again["last_run"] is None
    for before, now in zip(told["profiles"], again["profiles"], strict=True):
        assert (before["of_run"], now["of_run"]) == (True, False)
        assert before["rows"] == now["rows"] > 0
        assert before["columns"] == now["columns"]
    [suggested] = told["profiles"][0]["suggestions"]
    assert suggested == {"column": "mobilephone", "type": "Identity.Service.Phone", "share": None}


def test_check_doubts(file: Path) -> None:
    """What the last run left in doubt is listed with values; its warnings and the status hold none of them."""
    text = file.read_text().replace("max_rows_per_key: 20", "max_rows_per_key: 1")
    never = file.parent / "never.csv"
    never.write_text("left_table,left_key,right_table,right_key,why,by,at\ncrm.lead,gone1,crm.contact,gone2,,,\n")
    file.write_text(text.replace("  profile:", "  overrides: {never: never.csv}\n  largest_customer: 2\n  profile:", 1))
    run = backstamp("run", "--project", file)
    assert run.code == 0
    found = backstamp("check", "--project", file, "--json").document["last_run"]
    [value, *_] = found["most_shared"]
    assert (value["rule"].partition(" (")[0], value["holders"] > 1) == ("Phone and last name", True)
    sizes = [customer["rows"] for customer in found["large"]]
    assert sizes == sorted(sizes, reverse=True)
    scores = [link["score"] for link in found["large"][0]["weakest"]]
    assert (len(scores), scores) == (sizes[0] - 1, sorted(scores))
    assert found["sleeping"] == [{"kind": "never", "tables": ["crm.contact", "crm.lead"], "pairs": 1}]
    assert value["values"][0] not in run.out
    assert "`Phone and last name` (crm.lead, crm.contact) passes over values of mobilephone" in run.out
    shown = backstamp("check", "--project", file).out
    assert value["values"][0] in shown
    assert re.search(r"Pairs of overrides that sleep.*\n.*\n +never +crm\.contact and crm\.lead +1\n", shown)
    assert "gone" not in run.out + shown


def test_check_on_a_narrow_terminal(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On 80 columns no line is longer, and no number or name of a column is cut off."""
    monkeypatch.setenv("COLUMNS", "80")
    out = backstamp("check", "--project", file).out.split("What the columns of rules hold")[1]
    lines = out.split("Semantic types")[0].splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.split()[:1] == ["address1_postalcode"] for line in lines)
    assert "…  " not in out


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
        serving.communicate(timeout=300)
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


def test_the_crm_on_postgresql(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A project's embedded CRM is kept in the PostgreSQL database that the project file names."""
    psycopg = pytest.importorskip("psycopg", reason="PostgreSQL's driver is not installed")
    file = tmp_path / "backstamp.yaml"
    assert backstamp("init", tmp_path).code == 0
    with databases.empty("postgresql", tmp_path_factory) as url:
        file.write_text(file.read_text().replace("kind: embedded", f"kind: embedded\n  database: {url}", 1))
        settings = project.load(file)
        with (
            environment.served(settings) as address,
            environment.signed_in(settings, address, embedded.ADMINISTRATOR) as crm,
        ):
            assert crm.define("contact").key == "contactid"
        assert not (tmp_path / ".backstamp" / "crm.sqlite").exists()
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT fullname FROM systemuser").fetchall()


def test_what_the_environment_lets_us_do(file: Path) -> None:
    """Check tells who we are in the CRM, what can be done with each table, and which of ours are not there yet."""
    [told] = backstamp("check", "--json", "--project", file).document["environments"]
    assert (told["user"], told["days_kept"], told["missing"]) == ("InsightsAppsPlatform", 7, [])
    tables = {table["table"]: table for table in told["tables"]}
    assert (tables["contact"]["key"], tables["contact"]["tracks_changes"]) == ("contactid", True)
    assert tables["contact"]["in_bulk"]
    assert set(tables) >= {"contact", "lead", "msdynci_customerprofile"}
