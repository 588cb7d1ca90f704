"""A plan is shown before it is done; what is approved is what was shown."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
import sqlalchemy as sa
from tests import registering
from tests.embedded.conftest import Crm
from tests.link import meddling
from tests.pipeline import LINKS, LOOKUP, guid, statuses, task

from backstamp import errors, link, pipeline, runs
from backstamp.connect import dataverse, ports
from backstamp.pipeline import searching
from backstamp.runs import TaskStatus, schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.pipeline import Place


def someone(place: Place, *contacts: dict[str, str]) -> None:
    """Somebody writes contacts in the CRM."""
    with dataverse.Dataverse(place.url, lambda: "theirs") as person:
        person.upsert("contact", pa.RecordBatch.from_pylist(list(contacts)))


def link_by_hand(place: Place, number: int, profile: str | None) -> None:
    """Somebody changes the link of a contact."""
    with dataverse.Dataverse(place.url, lambda: "theirs") as person:
        person.stamp("contact", LOOKUP, [ports.Stamp(guid(number), profile)])


def merge(place: Place) -> None:
    """Contact 3 becomes one with contact 2: its link changes."""
    someone(place, {"contactid": guid(3), "emailaddress1": "p2@x"})


def ask_always(place: Place) -> None:
    """Let every changed link need approval."""
    with (place.folder / "backstamp.yaml").open("a") as file:
        file.write("link: {approve_above: {links: 0, percent: 0}}\n")


def links_of(plan: link.Plan) -> link.Linking:
    """What a plan says of the links of contacts."""
    [linking] = plan.links
    return linking


def test_a_draft(place: Place) -> None:
    """A plan sends nothing and publishes nothing; approved, it is done as it was shown, and nothing is left to do."""
    before, links, writes = place.published("members"), place.links(), place.environment.traffic.writes
    merge(place)
    draft = place.run(draft=True)
    assert draft.status is TaskStatus.WAITING_FOR_APPROVAL
    assert place.environment.traffic.writes == writes
    assert (place.published("members"), place.links()) == (before, links)
    shown = links_of(place.plan(draft.number))
    assert (shown.set, shown.changed, shown.cleared, dict(shown.reasons)) == (0, 1, 0, {"moved": 1})
    done = place.approve(draft.number)
    assert set(statuses(done).values()) == {"Successful"}
    assert task(done, LINKS).rows == 1
    assert place.links()[guid(3)] == place.links()[guid(2)]
    assert place.is_whole()
    nothing = place.run(draft=True)
    assert (nothing.status, place.plan(nothing.number).count) == (TaskStatus.SUCCESSFUL, 0)


@pytest.mark.parametrize("until", list(runs.Until))
def test_until(place: Place, until: runs.Until) -> None:
    """A run until a stage does what is before it, keeps nothing, and leaves the draft that waits as it is."""
    merge(place)
    draft = place.run(draft=True)
    before, links = place.published("members"), place.links()
    looked = place.run(draft=True, until=until)
    last = {"match": "Match", "merge": "Merge"}.get(until, searching.TASK.name)
    ended = statuses(looked)
    assert (looked.status, ended[last], ended["Plan"]) == (TaskStatus.SUCCESSFUL, "Successful", "Skipped")
    assert (ended["Identify"] == "Skipped") == (until is runs.Until.MATCH)
    assert (place.published("members"), place.links()) == (before, links)
    assert set(statuses(place.approve(draft.number)).values()) == {"Successful"}


@pytest.fixture
def theirs(place: Place) -> Iterator[Crm]:
    """The CRM, as its administrator."""
    client = Crm(place.url, "theirs")
    with client.http:
        yield client


def test_what_a_plan_sets_off(place: Place, theirs: Crm) -> None:
    """A plan says what of the CRM's own runs on its writes of links, and only of tables with links to write."""
    step = registering.plugin(theirs, "Update", "contact", name="Greet", filteringattributes=LOOKUP)
    registering.plugin(theirs, "Update", "contact", name="Call", filteringattributes="telephone1")
    nothing = place.run(draft=True)
    assert pipeline.forecast(place.settings, place.environment, nothing.number).steps == {}
    merge(place)
    draft = place.run(draft=True)
    told = pipeline.forecast(place.settings, place.environment, draft.number).steps
    assert told == {"crm.contact": ports.Steps((ports.Step("Greet", "plug-in", "synchronous", False),), ())}
    place.approve(draft.number)
    assert theirs.get(step)["firedrows"] == 1


def test_the_same_as_a_run(place: Place) -> None:
    """Between draft and approval more rows change: they are not sent, but by the next run."""
    merge(place)
    draft = place.run(draft=True)
    someone(place, {"contactid": guid(4), "emailaddress1": "p5@x"})
    place.approve(draft.number)
    assert place.links()[guid(4)] != place.links()[guid(5)]
    assert task(place.run(), LINKS).rows == 1
    assert place.links()[guid(4)] == place.links()[guid(5)]


@pytest.mark.parametrize("gone", [True, False])
def test_left_out(place: Place, gone: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """A row that is gone, or whose link is not the one that the plan saw, is left out, and the rest is done."""
    someone(place, *({"contactid": guid(number), "emailaddress1": "p2@x"} for number in (3, 4)))
    draft = place.run(draft=True)
    assert links_of(place.plan(draft.number)).changed == 2
    if gone:
        with dataverse.Dataverse(place.url, lambda: "theirs") as person:
            person.delete("contact", [guid(3)])
    else:
        link_by_hand(place, 3, None)
    done = task(place.approve(draft.number), LINKS)
    assert (done.status, done.rows) == (TaskStatus.SUCCESSFUL, 1)
    assert done.warnings == (
        "crm.contact: 1 row not there any more."
        if gone
        else "crm.contact: 1 row left out: the link is not the planned one now.",
    )
    assert place.links()[guid(4)] == place.links()[guid(2)]
    assert place.run().status is TaskStatus.SUCCESSFUL
    assert gone or place.links()[guid(3)] == place.links()[guid(2)]


def test_a_newer_draft_takes_the_place_of_an_older_one(place: Place) -> None:
    """The run of the older one ends Canceled, and it cannot be approved any more; nor after a run."""
    merge(place)
    first, second = place.run(draft=True), place.run(draft=True)
    with runs.Status(place.folder / ".backstamp" / "ledger.sqlite") as status:
        replaced = status.run(first.number)
    assert replaced is not None
    assert (replaced.status, replaced.details) == (TaskStatus.CANCELED, f"replaced by run {second.number}")
    with pytest.raises(errors.ConfigurationError, match=f"run {second.number} waits"):
        place.approve(first.number)
    assert place.run().status is TaskStatus.SUCCESSFUL
    with pytest.raises(errors.ConfigurationError, match="no run waits"):
        place.approve(second.number)


def test_a_run_that_was_due_leaves_a_draft_alone(place: Place) -> None:
    """Where it would have to wait too, it says so and ends; once the draft is approved, the next one waits itself."""
    ask_always(place)
    merge(place)
    draft = place.run(draft=True)
    someone(place, {"contactid": guid(4), "emailaddress1": "p5@x"})
    due = place.run(scheduled=True)
    assert due.status is TaskStatus.SUCCESSFUL
    told = task(due, "Plan")
    assert (told.status, f"the plan of run {draft.number}" in told.details) == (TaskStatus.SKIPPED, True)
    assert place.approve(draft.number).status is TaskStatus.SUCCESSFUL
    assert place.links()[guid(3)] == place.links()[guid(2)]
    assert place.run(scheduled=True).status is TaskStatus.WAITING_FOR_APPROVAL


def test_discarded(place: Place) -> None:
    """A plan that was discarded cannot be approved any more; the next run plans anew."""
    merge(place)
    draft = place.run(draft=True)
    with runs.Ledger(place.settings.ledger_location) as ledger:
        ledger.request_cancel(draft.number, "Ada")
    with pytest.raises(errors.ConfigurationError, match="does not wait"):
        place.approve(draft.number)
    assert task(place.run(), LINKS).rows == 1


@pytest.mark.parametrize("full", [True, False])
def test_what_is_above_the_limit_waits(place: Place, full: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """A run that would change more links than is allowed unasked publishes and sends nothing until it is approved."""
    ask_always(place)
    before, writes = place.published("members"), place.environment.traffic.writes
    merge(place)
    waiting = place.run(full=full)
    assert waiting.status is TaskStatus.WAITING_FOR_APPROVAL
    assert f"backstamp run --approve {waiting.number}" in task(waiting, "Plan").details
    assert (place.published("members"), place.environment.traffic.writes) == (before, writes)
    assert place.approve(waiting.number).status is TaskStatus.SUCCESSFUL
    assert place.links()[guid(3)] == place.links()[guid(2)]
    assert place.is_whole()


def test_links_that_are_set_need_no_approval(place: Place) -> None:
    """Rows that had no link are no reason to ask."""
    ask_always(place)
    someone(place, {"contactid": guid(50), "emailaddress1": "p50@x"})
    assert place.run().status is TaskStatus.SUCCESSFUL


def change(place: Place, what: str) -> None:
    """Let one link need to be written, for a reason."""
    match what:
        case "profile split":
            someone(place, {"contactid": guid(1), "emailaddress1": "nobody@x"})
        case "changed in the environment":
            link_by_hand(place, 2, place.links()[guid(3)])
        case "joined a profile":
            someone(place, {"contactid": guid(60), "emailaddress1": "p60@x"})
        case "profiles merged":
            someone(place, {"contactid": guid(70), "emailaddress1": "alone@x"})
            place.run()
            someone(place, {"contactid": guid(70), "emailaddress1": "p2@x"})
        case "in no profile":
            place.edit(
                "backstamp.yaml",
                lambda lines: [
                    line.replace("key: contactid,", "key: contactid, where: {emailaddress1: [p1@x]},") for line in lines
                ],
            )


@pytest.mark.parametrize(
    "reason",
    ["profile split", "changed in the environment", "joined a profile", "profiles merged", "in no profile"],
)
def test_reasons(place: Place, reason: str) -> None:
    """The plan says why each link changes."""
    change(place, reason)
    reasons = links_of(place.plan(place.run(draft=True).number)).reasons
    assert set(reasons) == {reason}
    assert reason == "in no profile" or reasons[reason] == 1


class Waits(meddling.Meddling):
    """Tells when the first links are about to be written, and waits until they may."""

    def __init__(self, sink: ports.Sink) -> None:
        super().__init__(sink)
        self.reached, self.may = threading.Event(), threading.Event()

    def stamp(self, table: str, lookup: str, stamps: list[ports.Stamp]) -> list[ports.Outcome]:
        """Wait, then write."""
        self.reached.set()
        assert self.may.wait(60)
        return self._sink.stamp(table, lookup, stamps)


def write_when_wanted(place: Place, slow: Waits) -> None:
    """Let the first links be written as soon as a newer run wants the lease."""
    with runs.Ledger(place.folder / ".backstamp" / "ledger.sqlite") as ledger:
        for _ in range(1200):
            with ledger._database.reading() as connection:
                if connection.scalar(sa.select(schema.lease.c.wanted_by)) is not None:
                    break
            time.sleep(0.1)
    slow.may.set()


def test_continued(place: Place) -> None:
    """A newer run waits for the batches in flight only, and goes on from there; the older one says by whom."""
    someone(place, *({"contactid": guid(100 + n), "emailaddress1": f"p{n % 200 + 1}@x"} for n in range(1000)))
    slow, ended = Waits(place.environment), []
    older = threading.Thread(target=lambda: ended.append(place.run(lambda _: slow)))
    older.start()
    assert slow.reached.wait(120)
    threading.Thread(target=write_when_wanted, args=(place, slow)).start()
    newer = place.run()
    older.join()
    links = task(ended[0], LINKS)
    assert (links.status, links.details) == (TaskStatus.SKIPPED, f"continued by run {newer.number}")
    assert newer.status is TaskStatus.SUCCESSFUL
    assert 0 < (task(newer, LINKS).rows or 0) < 1000
    assert None not in place.links().values()
    assert place.is_whole()
