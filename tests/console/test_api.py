"""The HTTP API as programs meet it, and what machines ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
import pytest
from tests.console import Browser, Served, name_of

from backstamp.console.permissions import Action
from backstamp.runs import Role

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def api(served: Served) -> Iterator[httpx2.Client]:
    """A program that may see how runs go."""
    with client(served, Role.VIEWER, Action.SEE_STATUS) as found:
        yield found


def client(served: Served, role: Role, *scopes: Action) -> httpx2.Client:
    """Return a program with a token."""
    headers = {"Authorization": f"Bearer {served.token(role, *scopes)}"}
    return httpx2.Client(base_url=served.url, headers=headers, trust_env=False, timeout=300)


def test_status(api: httpx2.Client, served: Served) -> None:
    """The last run is told with its tasks, as `backstamp status` tells it."""
    told = api.get("/api/v1/status").json()
    assert (told["run"]["number"], told["died"]) == (1, False)
    assert told["standing"].startswith("Run 1 was successful")
    last = served.site.status.last()
    assert last is not None
    assert [task["name"] for task in told["run"]["tasks"]] == [task.name for task in last.tasks]
    assert api.get("/api/v1/runs/1").json() == told["run"] == api.get("/api/v1/runs?count=5").json()[0]


def test_lines(api: httpx2.Client, served: Served) -> None:
    """What a task said is told line by line, as the ledger has it."""
    last = served.site.status.last()
    assert last is not None
    for task in last.tasks:
        told = api.get(f"/api/v1/runs/1/tasks/{task.position}/lines").json()
        texts = [line["text"] for line in told]
        assert texts == [line.text for line in served.site.status.lines(1, task.position)]
        assert (texts[0], texts[-1].partition(":")[0]) == ("begun", task.status), task.name
    assert api.get("/api/v1/runs/1/tasks/99/lines").status_code == 404


def test_mistakes(api: httpx2.Client) -> None:
    """What is wrong is told in a sentence, of one form."""
    for path, code in (("runs/9", 404), ("runs/nine", 422), ("runs?count=0", 422), ("nothing", 404)):
        answer = api.get("/api/v1/" + path)
        assert (answer.status_code, set(answer.json()["error"])) == (code, {"kind", "message"}), path
    assert api.post("/api/v1/runs", json={}).status_code == 403


def test_a_run(copied: Served) -> None:
    """A draft is planned, and approved by who may; the trail tells both. A run of before is not canceled."""
    with client(copied, Role.ADMINISTRATOR, *Action) as api:
        assert api.post("/api/v1/runs", json={"draft": True, "wrong": 1}).status_code == 422
        begun = api.post("/api/v1/runs", json={"draft": True, "full": True})
        assert (begun.status_code, begun.json()) == (202, {"run": 2})
        busy = api.post("/api/v1/runs", json={})
        assert (busy.status_code, busy.json()["error"]["kind"]) == (409, "BusyError")
        assert api.post("/api/v1/runs/1/cancel").status_code == 422
        copied.site.worker.stop()
    deeds = [(deed.by, deed.what, deed.of) for deed in copied.site.users.trail(3)]
    assert (name_of(Role.ADMINISTRATOR), "started a run", "2") in deeds


def test_health(served: Served) -> None:
    """Anybody may ask whether the server is well, and learns nothing else."""
    answer = httpx2.get(served.url + "/health", trust_env=False, timeout=300)
    assert answer.json() == {"status": "ok"}
    assert answer.headers["cache-control"] == "no-store"


def test_metrics(api: httpx2.Client) -> None:
    """Prometheus is told how many runs there were, how the last one went, and what each task took."""
    lines = api.get("/metrics").text.splitlines()
    assert 'backstamp_runs_total{status="Successful"} 1.0' in lines
    assert "backstamp_run_in_progress 0.0" in lines
    task = '{group="Dataverse Hydration",task="CustomerId Backstamping Hydration"}'
    assert f"backstamp_task_failed{task} 0.0" in lines
    assert any(line.startswith(f"backstamp_task_seconds{task} ") for line in lines)


def test_tokens(served: Served) -> None:
    """A token is shown once, is good for its scopes, and for nothing once it is revoked."""
    with Browser(served, Role.CONTRIBUTOR) as browser:
        page = browser.post("/account/token", label="script", scope="status").text
        token = page.partition("<pre>")[2].partition("</pre>")[0]
        headers = {"Authorization": f"Bearer {token}"}
        assert (
            httpx2.get(served.url + "/api/v1/status", headers=headers, trust_env=False, timeout=300).status_code == 200
        )
        assert token not in browser.get("/account").text
        [made] = [one for one in served.site.users.tokens(name_of(Role.CONTRIBUTOR)) if one.label == "script"]
        browser.post("/account/revoke", token=str(made.id))
        assert (
            httpx2.get(served.url + "/api/v1/status", headers=headers, trust_env=False, timeout=300).status_code == 401
        )


def test_guessing(served: Served) -> None:
    """After ten wrong passwords for a name no more are looked at for a while, not even the right one."""
    with Browser(served) as browser:
        for _ in range(10):
            answer = browser.post("/login", name="Mallory", password="a wrong password")
            assert "Name or password are not right" in answer.text
        assert "too many wrong passwords" in browser.post("/login", name="Mallory", password="another").text
