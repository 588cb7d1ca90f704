"""What is known of the environment after a run, from the journal alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.link import meddling
from tests.link.conftest import PROFILE, SOURCE, TABLE, guid

from backstamp import link, runs

if TYPE_CHECKING:
    from tests.link.conftest import House

TWO = {1: 101, 2: 102}


def acknowledge(house: House, *contacts: int) -> None:
    """Bring up what is known, of contacts that are there and were not read again."""
    source = house.load(SOURCE, [{"key": guid(number)} for number in contacts])
    house.acknowledge([], source, in_part=True)


def known_links(house: House) -> dict[str, str]:
    """The links that are known."""
    return {row["key"]: row["customer_id"] for row in house.engine.rows(house.engine.table("known_links"))}


def known_profiles(house: House) -> dict[str, str]:
    """The digests of the profiles that are known."""
    return {row["key"]: row["digest"] for row in house.engine.rows(house.engine.table(f"known_{PROFILE}"))}


def test_acknowledged(house: House) -> None:
    """Rows that were acknowledged are known as they were written; a second look at the journal changes nothing."""
    house.run(TWO)
    for _ in range(2):
        acknowledge(house, 1, 2)
        assert known_links(house) == {guid(1): guid(101), guid(2): guid(102)}
        assert set(known_profiles(house)) == {guid(101), guid(102)}
        assert all(known_profiles(house).values())


def test_refused(house: House) -> None:
    """A refused row keeps what was known of it: nothing, for a new one."""
    house.sink = meddling.Refuses(house.crm, PROFILE, guid(101))
    house.run(TWO)
    acknowledge(house, 1, 2)
    assert set(known_profiles(house)) == {guid(102)}
    assert known_links(house) == {guid(2): guid(102)}


def test_lost(house: House) -> None:
    """A row of ours that was sent and never answered may be there with any values; what comes after it is known."""
    house.sink = meddling.Fails(house.crm, at=0, late=True)
    house.run(TWO)
    acknowledge(house, 1, 2)
    assert known_profiles(house) == {guid(101): "", guid(102): ""}
    assert house.ledger.journal.unanswered() == []
    assert [entry.state for entry in house.ledger.journal.after(0)] == [runs.EntryState.LOST]


def test_rows_that_are_gone(house: House) -> None:
    """The link of a row that is gone is forgotten."""
    house.run(TWO)
    acknowledge(house, 2)
    assert known_links(house) == {guid(2): guid(102)}


def test_work_lists_gone(house: House) -> None:
    """Requests whose work lists are no longer kept are passed over: what they wrote is not known."""
    house.run(TWO)
    (house.folder / "runs" / "1" / "plan.json").unlink()
    acknowledge(house, 1, 2)
    assert known_links(house) == {}


def test_excused(house: House) -> None:
    """Rows that wait for a refused profile, and refused ones, are told with the reason that the run gave."""
    house.sink = meddling.RefusesLink(meddling.Refuses(house.crm, PROFILE, guid(101)), guid(3))
    done = house.run({1: 101, 2: 102, 3: 103, 4: 101})
    found = house.engine.rows(link.excused(house.engine, done.plan, house.ledger.journal, TABLE).order_by("key"))
    told = [(row["key"], row["excuse"]) for row in found]
    assert told == [(guid(1), "waiting"), (guid(3), "refused"), (guid(4), "waiting")]
