"""People are told of a trouble once, and once more when it is well again."""

from __future__ import annotations

import email
import email.policy
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from tests.connect.test_http import Reply, serving
from tests.notify import MailServer, mail_server
from tests.pipeline import PROJECT, Place, guid

from backstamp import pipeline, runs
from backstamp.connect import dataverse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest


def subjects(server: MailServer) -> list[str]:
    """The subjects of the mails that a server took."""
    return [str(email.message_from_string(text, policy=email.policy.default)["Subject"]) for text in server.taken]


@contextmanager
def lost_members(place: Place) -> Iterator[None]:
    """A file lacks most of its rows."""
    file = place.folder / "members.csv"
    whole = file.read_text()
    place.edit("members.csv", lambda lines: lines[:10])
    yield
    file.write_text(whole)


@contextmanager
def mailed(place: Place) -> Iterator[MailServer]:
    """A project whose people get mail."""
    with mail_server() as server:
        notify = f"{{mail: {{host: localhost, port: {server.port}, tls: off, from: a@localhost, to: [b@localhost]}}}}"
        (place.folder / "backstamp.yaml").write_text(f"{PROJECT}notify: {notify}\n")
        yield server


def test_once(place: Place) -> None:
    """A failure that lasts over three runs is told once; when it is over that is told once; then nothing."""
    with mailed(place) as server:
        place.run()
        assert server.taken == []
        with lost_members(place):
            for _ in range(3):
                assert place.run().status == "Failed"
            assert subjects(server) == ["backstamp copy: 1 failed"]
        for _ in range(2):
            place.run()
    assert subjects(server) == ["backstamp copy: 1 failed", "backstamp copy: 1 well again"]
    assert "loyalty.member" in server.taken[0]
    assert "@x" not in "".join(server.taken)


def test_a_word_that_was_not_taken(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """A message that no server took fails no run, and is sent with the next one."""
    with mailed(place) as server, lost_members(place):
        server.refuses = True
        place.run()
        assert "The next run tries again to tell." in caplog.text
        server.refuses = False
        for _ in range(2):
            place.run()
    assert subjects(server) == ["backstamp copy: 1 failed"]


def test_a_draft_is_no_news(place: Place) -> None:
    """What a person asked to be shown is shown to that person."""
    with mailed(place) as server, lost_members(place):
        assert place.run(draft=True).status == "Failed"
    assert server.taken == []


def test_a_run_that_cannot_begin(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That no run can begin is told once, to a webhook too; the next run that begins is that it is well again."""
    assert tmp_path.exists()
    with serving(Reply(200)) as service:
        monkeypatch.setenv("BACKSTAMP_TEST_HOOK", service.url)
        notify = 'notify: {webhook: {url: "${BACKSTAMP_TEST_HOOK}"}}'
        (place.folder / "backstamp.yaml").write_text(f"{PROJECT}{notify}\n")
        with runs.Ledger(place.settings.ledger_location) as ledger:
            for _ in range(2):
                pipeline.tell_of_beginning(place.settings, ledger, "The CRM does not answer.")
        for _ in range(2):
            place.run()
    told: list[Any] = [json.loads(seen.body) for seen in service.seen]
    assert [one["troubles"] for one in told] == [{"The beginning of a run": "The CRM does not answer."}, {}]
    assert [one["recovered"] for one in told] == [[], ["The beginning of a run"]]


def test_a_run_that_may_not_even_wait(place: Place) -> None:
    """Where a run that was due leaves a plan alone that somebody looks at, people are told as of one that waits."""
    with mailed(place) as server:
        with (place.folder / "backstamp.yaml").open("a") as file:
            file.write("link: {approve_above: {links: 0, percent: 0}}\n")
        with dataverse.Dataverse(place.url, lambda: "theirs") as person:
            person.upsert("contact", pa.RecordBatch.from_pylist([{"contactid": guid(3), "emailaddress1": "p2@x"}]))
        place.run(draft=True)
        for _ in range(2):
            place.run(scheduled=True)
    assert subjects(server) == ["backstamp copy: 1 failed"]
    assert "Approval" in server.taken[0]
