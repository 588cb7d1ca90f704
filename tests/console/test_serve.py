"""`backstamp serve` as a process: found by other commands, first start, stopped in the middle of a run."""

from __future__ import annotations

import io
import json
import shutil
import stat
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from tests import cli
from tests.console import PASSWORD

from backstamp import project, runs
from backstamp.serving import is_loopback

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def file(demo_file: Path, tmp_path: Path) -> Path:
    """The project file of a copy of the demo."""
    shutil.copytree(demo_file.parent, tmp_path / "copy")
    return tmp_path / "copy" / "backstamp.yaml"


@contextmanager
def serve(file: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], Any]]:
    """Start the server; give its process and what it told; stop it at the end."""
    serving = cli.start("serve", "--port", "0", "--project", file, "--json", *options)
    try:
        assert serving.stdout
        told = json.loads("".join(iter(serving.stdout.readline, "}\n")) + "}")
        yield serving, told
    finally:
        serving.terminate()
        out, _ = serving.communicate(timeout=300)
        assert "Traceback" not in out


def wait_for(file: Path, number: int, name: str = "") -> runs.Run:
    """Wait until a run has begun a task, or has ended."""
    deadline = time.monotonic() + 600
    with runs.Status(project.state_folder(file) / "ledger.sqlite") as status:
        while time.monotonic() < deadline:
            run = status.run(number)
            if run and (run.ended or any(task.name == name and task.started for task in run.tasks)):
                return run
            time.sleep(0.02)
    raise TimeoutError(number)


@pytest.mark.parametrize(
    ("host", "alone"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("192.0.2.1", False)]
)
def test_who_can_reach_it(host: str, alone: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """What other machines can reach is known, so that it is told where passwords would go in the clear."""
    assert is_loopback(host) == alone


def test_other_commands_talk_to_it(file: Path) -> None:
    """It serves the CRM too; a run and a plan are done there, and the note that leads there is its owner's only."""
    with serve(file, "--crm", "--crm-port", "0") as (serving, told):
        note = project.state_folder(file) / "server.json"
        assert stat.S_IMODE(note.stat().st_mode) == 0o600
        assert json.loads((project.state_folder(file) / "crm.json").read_text())["url"] == told["crm"]
        run = cli.backstamp("run", "--project", file, "--json").document["run"]
        assert (run["number"], run["status"], run["owner"]["pid"]) == (2, "Successful", serving.pid)
        plan = cli.backstamp("plan", "--full", "--project", file, "--json").document["run"]
        assert (plan["arguments"]["draft"], plan["arguments"]["full"], plan["owner"]["pid"]) == (
            True,
            True,
            serving.pid,
        )
        assert cli.backstamp("cancel", "--project", file).code == 2
        assert cli.backstamp("check", "--project", file).code == 0
        refused = cli.backstamp("serve", "--project", file)
        assert (refused.code, told["url"] in refused.err) == (1, True)
    assert serving.returncode == 0
    assert not note.exists()


def test_first_start(file: Path) -> None:
    """The link that is printed makes the first administrator, once; without its word nobody becomes one."""
    with serve(file) as (_, told), httpx2.Client(base_url=told["url"], trust_env=False, timeout=300) as browser:
        page = browser.get(told["first"]).text
        form = {"csrf": page.partition('name="csrf" value="')[2].partition('"')[0], "name": "Ann", "password": PASSWORD}
        assert browser.post("/first", data={**form, "word": "guessed"}).status_code == 403
        word = told["first"].partition("word=")[2]
        assert browser.post("/first", data={**form, "word": word, "password": "short"}).status_code == 422
        assert browser.post("/first", data={**form, "word": word}).headers["location"] == "/"
        assert "Ann" in browser.get("/settings/users").text
        assert browser.get(told["first"]).headers["location"] == "/login"
        assert browser.post("/first", data={**form, "word": word, "name": "Bob"}).status_code == 403


def test_stopped_in_the_middle_of_a_run(file: Path) -> None:
    """SIGTERM ends the run cleanly, and the next start goes on with it."""
    with serve(file) as (serving, _):
        running = cli.start("run", "--full", "--project", file)
        wait_for(file, 2, "Normalize")
        serving.terminate()
        serving.wait(timeout=300)
        running.communicate(timeout=300)
        assert running.returncode == 1
    stopped = wait_for(file, 2)
    assert (serving.returncode, stopped.status) == (0, runs.TaskStatus.CANCELED)
    with serve(file):
        again = wait_for(file, 3)
    assert (again.status, again.arguments.full) == (runs.TaskStatus.SUCCESSFUL, True)


def test_ctrl_c_of_a_command_that_waits(file: Path) -> None:
    """Whoever waits for a run in the server can stop it; the server goes on."""
    with serve(file) as (serving, _):
        running = cli.start("run", "--full", "--project", file)
        wait_for(file, 2, "Normalize")
        running.terminate()
        running.communicate(timeout=300)
        assert wait_for(file, 2).status is runs.TaskStatus.CANCELED
        assert serving.poll() is None


def test_users_by_command(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Users are made, changed and listed; the last administrator cannot be shut out."""

    def user(*words: str, password: str = "") -> Any:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
        return cli.backstamp("user", *words, "--project", file, "--json").document

    assert user("add", "Ann", "--role", "administrator", password=PASSWORD)["user"]["role"] == "administrator"
    assert "at least 12" in user("add", "Bob", password="short")["error"]["message"]
    assert "last administrator" in user("change", "Ann", "--shut-out")["error"]["message"]
    assert [one["name"] for one in user("list")["users"]] == ["Ann"]
