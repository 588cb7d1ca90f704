"""Project files, arguments and environments that are wrong."""

from __future__ import annotations

import io
import signal
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.exc import DatabaseError
from tests.cli import backstamp, start

from backstamp import embedded, pipeline, project

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("old", "new", "meant"),
    [
        ("unify:\n", "unfy:\n", "`unify`"),
        ("column: birthdate}", "column: birthdat}", "`birthdate`"),
        ("data/members.csv", "data/membres.csv", "data/membres.csv"),
        ("key: memberid", "key: memberno", "`memberid`"),
        ("{column: birthdate}", "{column: birthdate, precision: high}", "only text is compared by similarity"),
    ],
    ids=["wrong key", "misspelt column", "missing file", "no such key", "fuzzy condition on a date"],
)
def test_wrong_project_files(file: Path, old: str, new: str, meant: str) -> None:
    """The message has file, line and column, says what was meant, ends with 2, and nothing is written."""
    before = file.read_text()
    assert old in before
    file.write_text(before.replace(old, new, 1))
    line = before[: before.index(old)].count("\n") + 1
    said = backstamp("run", "--project", file)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"{file}:{line}:"), said.err
    assert meant in said.err
    assert backstamp("status", "--project", file, "--json").document["run"]["number"] == 3


def test_errors_as_json(file: Path) -> None:
    """With --json an error is a document too, with its place as numbers."""
    text = file.read_text()
    file.write_text(text.replace("kind: embedded", "kind: embeded"))
    said = backstamp("check", "--project", file, "--json")
    assert (said.code, said.err) == (2, "")
    error = said.document["error"]
    assert error["kind"] == "ConfigurationError"
    assert error["location"]["file"] == str(file)
    assert (error["location"]["line"], error["location"]["column"]) == (5, 3)


@pytest.mark.parametrize(
    "arguments", [["shw"], ["run", "--ful"], ["show", "crm.lead"], ["status", "--run", "x"], ["explain", "a", "b", "c"]]
)
def test_wrong_arguments(arguments: list[str]) -> None:
    """An argument that does not fit is told in a line or two, with exit code 2."""
    said = backstamp(*arguments)
    assert (said.code, said.out) == (2, "")
    assert said.err.endswith("See `backstamp --help`.\n")
    assert backstamp(*arguments, "--json").document["error"]["kind"] == "UsageError"


def test_no_project_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command that needs a project says that there is none here."""
    monkeypatch.chdir(tmp_path)
    for command in (
        ["run"],
        ["status"],
        ["cancel"],
        ["check"],
        ["crm"],
        ["show", "crm.lead", "x"],
        ["explain", "crm.lead", "x"],
        ["evaluate", "x"],
    ):
        said = backstamp(*command)
        assert said.code == 2
        assert said.err.startswith("backstamp.yaml: ")
        assert "--project" in said.err


def _through(file: Path, url: str) -> None:
    """Let a project reach its CRM at this URL, with the token of the variable CRM_TOKEN."""
    organization = f"kind: dataverse\n  url: {url}\n  credential: {{token: ${{CRM_TOKEN}}}}"
    file.write_text(file.read_text().replace("kind: embedded", organization, 1))


def test_wrong_token(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The CRM's tables are Failed with the remedy, what depends on them is Skipped, nothing is published."""
    monkeypatch.setenv("CRM_TOKEN", "not the token")
    before = pipeline.findings(project.state_folder(file))
    settings = embedded.Settings(database_url=f"sqlite:///{file.parent}/.backstamp/crm.sqlite")
    with embedded.serving(settings, {"token": embedded.APPLICATION_USER}) as url:
        _through(file, url)
        assert backstamp("show", "crm.lead", "x", "--project", file).code == 1
        check = backstamp("check", "--project", file)
        said = backstamp("run", "--project", file, "--json")
    assert check.code == 1
    assert "cannot be checked in full: crm.contact, crm.lead" in check.out
    assert said.code == 1
    tasks = {task["name"]: task for task in said.document["run"]["tasks"]}
    assert tasks["crm.contact"]["status"] == "Failed"
    assert "check its credential" in tasks["crm.contact"]["details"]
    assert tasks["Merge"]["status"] == tasks["Customer Profiles"]["status"] == "Skipped"
    assert pipeline.findings(project.state_folder(file)) == before


def test_unreachable_crm(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CRM that does not answer is told with its URL and the remedy."""
    monkeypatch.setenv("CRM_TOKEN", "token")
    _through(file, "http://127.0.0.1:9")
    said = backstamp("run", "--project", file)
    assert said.code == 1
    assert "Failed crm.contact, crm.lead" in said.out
    assert "http://127.0.0.1:9/api/data/v9.2/ does not answer" in said.out


def test_what_nobody_has_foreseen(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that is none of ours is told by its class alone, since its text can quote rows; its trace on demand."""
    monkeypatch.delenv("BACKSTAMP_DEBUG", raising=False)
    (file.parent / ".backstamp" / "crm.sqlite").write_text("no database, but somebody@example.com")
    said = backstamp("check", "--project", file)
    assert (said.code, said.out) == (1, "")
    assert said.err.endswith("went wrong: DatabaseError. BACKSTAMP_DEBUG=1 shows the trace.\n")
    assert backstamp("check", "--project", file, "--json").document["error"]["kind"] == "DatabaseError"
    monkeypatch.setenv("BACKSTAMP_DEBUG", "1")
    with pytest.raises(DatabaseError):
        backstamp("check", "--project", file)


def test_what_the_system_refuses(tmp_path: Path) -> None:
    """An error of the operating system is told in its words, with the file."""
    (tmp_path / "file").write_text("mine")
    said = backstamp("init", tmp_path / "file" / "project")
    assert said.code == 1
    assert said.err.startswith(f"{tmp_path}/file/project: Not a directory. ")


def test_interrupted(tmp_path: Path) -> None:
    """Ctrl-C outside of a run ends the command with a word."""
    running = start("demo", tmp_path / "demo", "--people", "1000")
    with running, running.stdout or io.StringIO() as out:
        assert any("A made-up company" in line for line in out)
        running.send_signal(signal.SIGINT)
        said = out.read()
    assert running.returncode == 1
    assert said.endswith("Canceled.\n")
    assert "Traceback" not in said
