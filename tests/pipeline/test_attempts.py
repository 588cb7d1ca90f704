"""Tasks that are tried again."""

from __future__ import annotations

import shutil
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.link import meddling
from tests.pipeline import LINKS, PEOPLE, PROFILE, Place, guid, serving, statuses, task

from backstamp import errors, runs
from backstamp.pipeline import attempts

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def two_more(one_attempt: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two further attempts, soon."""
    assert one_attempt is None
    monkeypatch.setattr(attempts, "WAITS", (0.05, 0.1))


class Recovers(meddling.Meddling):
    """Breaks down after a page of rows, so many times."""

    def __init__(self, sink: Any, times: int) -> None:
        super().__init__(sink)
        self._left = times

    def read(self, *arguments: Any) -> Any:
        """Give a page, then none, or all of them."""
        pages = self._sink.read(*arguments)
        yield next(pages)
        if self._left:
            self._left -= 1
            raise errors.TransientError("The environment does not answer.")
        yield from pages


@pytest.mark.parametrize(("times", "status"), [(1, "Successful"), (2, "Successful"), (3, "Failed (permanent)")])
def test_reading(place: Place, times: int, status: str) -> None:
    """A source that recovers is read, at the second or third attempt; one that does not is Failed (permanent)."""
    run = place.run(lambda sink: Recovers(sink, times), full=True)
    found = task(run, "crm.contact")
    assert (found.status, found.attempts) == (status, min(times + 1, 3))


def test_no_help(place: Place) -> None:
    """What another attempt meets too is tried once: a file that lacks most of its rows."""
    place.edit("members.csv", lambda lines: lines[:10])
    found = task(place.run(), "loyalty.member")
    assert (found.status, found.attempts) == ("Failed", 1)


@pytest.mark.parametrize("late", [False, True])
def test_writing(untouched: Path, tmp_path: Path, *, late: bool) -> None:
    """A step goes on at the request that had no answer: what was answered is not sent again, and is counted."""
    folder = shutil.copytree(untouched, tmp_path / "copy")
    with serving(folder) as place:
        run = place.run(lambda sink: meddling.Fails(sink, 2, late=late))
        assert set(statuses(run).values()) == {"Successful"}
        profiles = task(run, "Customer Profiles")
        assert (profiles.attempts, profiles.rows) == (2, PEOPLE)
        assert profiles.details.startswith(f"{PEOPLE} rows created, 0 changed")
        work_list = place.plan(run.number).profiles.list
        entries = [entry for entry in journal(place, run.number) if entry.work_list == work_list]
        assert [entry.state for entry in entries].count(runs.EntryState.SENT) == 1
        firsts = [entry.first for entry in entries if entry.state is runs.EntryState.ACKNOWLEDGED]
        assert len(firsts) == len(set(firsts))
        assert len(place.rows(PROFILE, "msdynci_customerid")) == PEOPLE


def journal(place: Place, run: int) -> list[runs.Entry]:
    """What a run sent."""
    with runs.Ledger(place.settings.ledger_location) as ledger:
        return ledger.journal.entries(run)


def test_links_are_moved_once(place: Place) -> None:
    """Links that were answered are not written again by another attempt: it would move *modified on*."""
    place.edit("members.csv", lambda lines: [line.replace("P1@x", "other@x") for line in lines])
    run = place.run(lambda sink: meddling.Fails(sink, 0, late=False))
    assert task(run, LINKS).status == "Successful"
    assert place.is_whole()
    assert place.links()[guid(1)] is not None


def test_cancel_while_it_waits(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cancel ends the wait before the next attempt."""
    monkeypatch.setattr(attempts, "WAITS", (60.0,))
    location = place.settings.ledger_location

    def cancel() -> None:
        with runs.Ledger(location) as ledger, runs.Status(location) as status:
            while (run := status.run(3)) is None or statuses(run).get("crm.contact") != "Failed":
                time.sleep(0.05)
            ledger.request_cancel(3, "Ada")

    canceling = threading.Thread(target=cancel)
    canceling.start()
    began = time.monotonic()
    run = place.run(lambda sink: Recovers(sink, 1), full=True)
    canceling.join()
    assert run.status == "Failed"
    assert run.canceled_by == "Ada"
    assert time.monotonic() - began < 50
