"""`run`, `status` and `cancel`."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.cli import backstamp, start

from backstamp import engine, errors, pipeline, project, runs

if TYPE_CHECKING:
    from pathlib import Path

LINKS = "CustomerId Backstamping Hydration"


def _tasks(document: Any) -> dict[str, str]:
    """The status of each task of a run, by name."""
    return {task["name"]: task["status"] for task in document["run"]["tasks"]}


def test_status(file: Path) -> None:
    """The tasks of the last run stand under their groups, with what they did; the run is summed up in a sentence."""
    said = backstamp("status", "--project", file)
    assert said.code == 0
    groups = [line.strip() for line in said.out.splitlines()[1:] if line and not line.startswith((" ", "Run"))]
    assert groups == ["Data Sources", "Unification", "Measures", "Dataverse Hydration"]
    assert "1 new or changed and 1 deleted rows" in said.out
    assert said.out.splitlines()[-1].startswith("Run 3 was successful, in ")


def test_status_of_an_earlier_run(file: Path) -> None:
    """A run is told by its number; one that there is not is an error of the arguments."""
    first = backstamp("status", "--project", file, "--run", "1", "--json").document
    assert first["run"]["number"] == 1
    assert set(_tasks(first).values()) == {"Successful"}
    assert backstamp("status", "--project", file, "--run", "9").code == 2


def test_status_before_the_first_run(tmp_path: Path) -> None:
    """Where nothing has run yet, status says how to start, and makes no file."""
    backstamp("init", tmp_path)
    for option in ([], ["--history"]):
        said = backstamp("status", *option, "--project", tmp_path / "backstamp.yaml")
        assert (said.code, said.out) == (0, "There has been no run yet: start one with `backstamp run`.\n")
    assert not (tmp_path / ".backstamp").exists()


def test_a_run_in_a_log(file: Path) -> None:
    """Without a terminal each task is a plain line as it ends, then comes the table; nothing changed, so 0 rows."""
    said = backstamp("run", "--project", file)
    assert said.code == 0, said
    lines, table = said.out.split("Task  ")
    assert [line for line in lines.splitlines() if line.startswith(LINKS)] == [f"{LINKS}  Successful  0.0 s  0 rows"]
    assert "0 links set" in table
    assert "\x1b" not in said.out


def test_half_of_a_file_is_missing(file: Path) -> None:
    """The source is Failed, nothing is lost, and the loss can be accepted."""
    members = file.parent / "data" / "members.csv"
    members.write_text("".join(members.read_text().splitlines(keepends=True)[:10]))
    said = backstamp("run", "--project", file, "--json")
    assert said.code == 1
    tasks = _tasks(said.document)
    assert (tasks["loyalty.member"], tasks["Match"], tasks[LINKS]) == ("Failed", "Skipped", "Skipped")
    assert "--accept-loss loyalty.member" in backstamp("status", "--project", file).out
    assert _rows_of(file, "loyalty.member") > 100
    assert backstamp("run", "--project", file, "--accept-loss", "loyalty.member", "--json").code == 0
    assert _rows_of(file, "loyalty.member") == 9


def _rows_of(file: Path, table: str) -> int:
    found = pipeline.findings(project.state_folder(file))
    return next(one.rows for one in found.tables if one.table == table)


def test_what_a_run_is_asked_for(file: Path) -> None:
    """A loss can be accepted of a source that the project has no more, and new ids be asked for; the ledger tells."""
    said = backstamp("run", "--project", file, "--accept-loss", "partners.company", "--new-ids", "--json")
    assert said.code == 0, said
    assert said.document["run"]["arguments"]["new_ids"] is True
    assert backstamp("run", "--project", file, "--json").document["run"]["arguments"]["new_ids"] is False


def test_a_task(file: Path) -> None:
    """A task is shown by its name with what it said; a name that is none is told with those there are."""
    said = backstamp("status", "--task", "match", "--run", "3", "--project", file)
    assert "Match: " in said.out
    assert "begun" in said.out
    told = backstamp("status", "--task", "Match", "--run", "3", "--project", file, "--json").document
    assert told["lines"][0]["text"] == "begun"
    wrong = backstamp("status", "--task", "Mach", "--project", file)
    assert (wrong.code, "Did you mean `Match`?" in wrong.err) == (2, True)


def test_history(file: Path) -> None:
    """The last runs are listed, newest first, as many as wanted."""
    said = backstamp("status", "--history", "--project", file)
    assert said.code == 0
    numbers = [line.split()[0] for line in said.out.splitlines()[1:]]
    assert numbers == ["3", "2", "1"]
    found = backstamp("status", "--history", "2", "--project", file, "--json").document["runs"]
    assert [run["number"] for run in found] == [3, 2]
    assert set(found[0]) == {"number", "started", "status", "seconds", "warnings", "requested_by", "died"}
    assert (found[0]["status"], found[0]["died"]) == ("Successful", False)
    for arguments in (["3"], ["--history", "--run", "3"]):
        assert backstamp("status", *arguments, "--project", file).code == 2


def test_a_run_whose_process_died(file: Path) -> None:
    """Status and cancel say so, and that the next run goes on; which it does."""
    running = start("run", "--full", "--project", file)
    _wait_for_task(file, "Normalize")
    running.kill()
    running.communicate(timeout=300)
    status, cancel = (backstamp(command, "--project", file) for command in ("status", "cancel"))
    died = f"Run 4 has died (process {running.pid} on "
    assert status.code == 0
    assert died in status.out
    assert (cancel.code, cancel.err.startswith(died)) == (1, True)
    assert backstamp("status", "--project", file, "--json").document["died"] is True
    assert "Died" in backstamp("status", "--history", "--project", file).out
    assert backstamp("run", "--project", file).code == 0
    assert backstamp("status", "--run", "4", "--project", file, "--json").document["run"]["status"] == "Failed"


def test_nothing_to_cancel(file: Path) -> None:
    """A run that has ended cannot be canceled."""
    said = backstamp("cancel", "--project", file)
    assert said.code == 2
    assert "Run 3 has ended (Successful)" in said.err


def test_while_a_run_goes_on(file: Path, told: Any) -> None:
    """Status and show answer though the run has the warehouse; another run waits its turn; cancel reaches it."""
    state = project.state_folder(file)
    with runs.Ledger(project.find_ledger(file)) as ledger, engine.open_warehouse(state):
        run = ledger.begin_run(runs.Arguments())
        status = backstamp("status", "--project", file, "--json").document["run"]
        assert (status["number"], status["status"]) == (4, "Processing")
        assert backstamp("show", "crm.lead", told["lead"]["key"], "--project", file).code == 0
        another = backstamp("run", "--project", file)
        assert (another.code, another.out) == (1, "")
        assert "Run 4 is going on" in another.err
        assert backstamp("cancel", "--project", file).code == 0
        with pytest.raises(errors.CanceledError, match="canceled by"):
            ledger.check_canceled(run)
    assert "Run 4 is about to stop: canceled by" in backstamp("status", "--project", file).out


def test_ctrl_c(file: Path) -> None:
    """It asks the run to stop: that ends as Canceled, and what was published before stays as it was."""
    before = pipeline.findings(project.state_folder(file))
    running = start("run", "--full", "--project", file)
    _wait_for_task(file, "Normalize")
    running.send_signal(signal.SIGINT)
    out, _ = running.communicate(timeout=300)
    assert running.returncode == 1, out
    assert "Run 4 ended after" in out
    assert "Traceback" not in out
    status = backstamp("status", "--project", file, "--json").document["run"]
    assert (status["number"], status["status"]) == (4, "Canceled")
    assert pipeline.findings(project.state_folder(file)) == before


def _wait_for_task(file: Path, name: str) -> None:
    """Wait until a task of run 4 has begun."""
    deadline = time.monotonic() + 60
    with runs.Status(project.find_ledger(file)) as status:
        while time.monotonic() < deadline:
            run = status.run(4)
            if run and any(task.name == name and task.started for task in run.tasks):
                return
            time.sleep(0.02)
    raise TimeoutError(name)
