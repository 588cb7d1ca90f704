"""What a run wrote is put back, its CustomerIds too, and nothing more is sent until somebody approves it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.pipeline import KEYS, MEASURE, PROFILE, guid, statuses, task
from tests.pipeline.test_plans import link_by_hand, merge, someone

from backstamp import errors, pipeline
from backstamp.runs import TaskStatus

if TYPE_CHECKING:
    from tests.pipeline import Place

COLUMNS = {
    PROFILE: ("msdynci_email", "msdynci_points", "msdynci_previouscustomerid", "msdynci_crm_contact_contactid"),
    KEYS: ("msdynci_customerid", "msdynci_keyring"),
    MEASURE: ("msdynci_spent",),
}


def held(place: Place) -> Any:
    """All that the CRM holds of ours: values of our own tables, and links."""
    own = {(table, column): place.rows(table, column) for table, columns in COLUMNS.items() for column in columns}
    return own, place.links()


def merge_customers(place: Place) -> None:
    """The customers of contacts 2 and 3 become one, of all their rows."""
    merge(place)
    place.edit("members.csv", lambda lines: [line.replace("P3@x", "P2@x") for line in lines])


def undo(place: Place, number: int) -> None:
    """Undo a run at once."""
    draft = place.undo(number)
    assert draft.status is TaskStatus.WAITING_FOR_APPROVAL
    assert set(statuses(place.approve(draft.number)).values()) == {"Successful"}


@pytest.mark.parametrize("full", [True, False])
def test_undone(place: Place, full: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """After an undone merge the CRM holds what it held before: profiles that were gone, keys, measures, links."""
    before = held(place)
    merge_customers(place)
    number = place.run(full=full).number
    assert held(place) != before
    writes = place.environment.traffic.writes
    draft = place.undo(number)
    assert place.environment.traffic.writes == writes
    assert place.approve(draft.number).status is TaskStatus.SUCCESSFUL
    assert held(place) == before
    assert place.is_whole()


def test_held(place: Place) -> None:
    """Runs go on up to the plan and send nothing; the one that is approved ends the hold, and links as the rows say."""
    merge_customers(place)
    number = place.run().number
    after = place.links()
    undo(place, number)
    writes = place.environment.traffic.writes
    someone(place, {"contactid": guid(50), "emailaddress1": "p50@x"})
    waiting = place.run()
    assert waiting.status is TaskStatus.WAITING_FOR_APPROVAL
    assert "held since run" in task(waiting, "Plan").details
    assert place.environment.traffic.writes == writes
    assert place.approve(waiting.number).status is TaskStatus.SUCCESSFUL
    links = place.links()
    assert {key: links[key] for key in after} == after
    assert links[guid(50)] is not None
    assert place.is_whole()
    assert place.run().status is TaskStatus.SUCCESSFUL


def test_each_side_has_its_old_id(place: Place) -> None:
    """Where the rows are split again after an undone merge, each side has the CustomerId that it had before."""
    before, members = place.links(), place.published("members")
    merge_customers(place)
    number = place.run().number
    undo(place, number)
    someone(place, {"contactid": guid(3), "emailaddress1": "p3@x"})
    place.edit(
        "members.csv",
        lambda lines: [line.replace("P2@x", "P3@x") if line.startswith("m3,") else line for line in lines],
    )
    place.approve(place.run().number)
    assert place.links() == before
    assert place.published("members") == members
    gone = before[guid(3)]
    assert pipeline.resolve(place.folder / ".backstamp", str(gone)).state == "current"


def test_links_that_somebody_else_wrote_since(place: Place) -> None:
    """They are left as they are, and counted."""
    merge_customers(place)
    number = place.run().number
    other = place.links()[guid(5)]
    link_by_hand(place, 3, other)
    place.approve(place.undo(number).number)
    assert place.links()[guid(3)] == other


def test_later_runs_first(place: Place) -> None:
    """A run is undone after those that wrote later; once only; then two of them leave what was before both."""
    before = held(place)
    merge_customers(place)
    first = place.run().number
    someone(place, {"contactid": guid(5), "emailaddress1": "p4@x"})
    second = place.run().number
    with pytest.raises(errors.ConfigurationError, match=f"the newest first: {second}."):
        place.undo(first)
    undo(place, second)
    with pytest.raises(errors.ConfigurationError, match="undone already"):
        place.undo(second)
    undo(place, first)
    assert held(place) == before


def test_a_run_that_wrote_nothing(place: Place) -> None:
    """There is nothing to undo of it; of a run that there never was it is said that there is none, and the newest."""
    number = place.run().number
    with pytest.raises(errors.ConfigurationError, match=f"Run {number} has written nothing"):
        place.undo(number)
    with pytest.raises(errors.ConfigurationError, match=f"no run 99, the newest is run {number}"):
        place.undo(99)


def test_the_first_run_undone(place: Place) -> None:
    """Nothing of ours is left but empty tables and columns."""
    undo(place, 1)
    assert set(place.links().values()) == {None}
    assert not any(place.rows(table, columns[0]) for table, columns in COLUMNS.items())
    assert place.run().status is TaskStatus.WAITING_FOR_APPROVAL


def test_work_lists_are_kept_for_a_while(place: Place) -> None:
    """After `undo_days` they are forgotten, and the run cannot be undone any more; nothing else depends on them."""
    with (place.folder / "backstamp.yaml").open("a") as file:
        file.write("link: {undo_days: 0}\n")
    merge_customers(place)
    number, folder = place.run().number, place.folder / ".backstamp" / "runs"
    assert sorted(path.name for path in folder.iterdir()) == [str(number)]
    assert set(statuses(place.run()).values()) == {"Successful"}
    with pytest.raises(errors.ConfigurationError, match="no longer on record"):
        place.undo(number)
    assert place.run().status is TaskStatus.SUCCESSFUL
