"""Whatever happens in between, after a run that succeeds every row has the link that it is to have (linking.md 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.link import meddling
from tests.link.conftest import LOOKUP, PROFILE, guid

from backstamp.connect import ports

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.link.conftest import House

CONTACTS = range(1, 10)


@dataclass(frozen=True)
class Episode:
    """A run: which contact belongs to which customer, whose link somebody emptied before it, where it breaks down."""

    customers: dict[int, int]
    emptied: int
    fails_at: int
    late: bool


EPISODES = st.builds(
    Episode,
    customers=st.dictionaries(st.sampled_from(CONTACTS), st.integers(101, 104), min_size=1),
    emptied=st.sampled_from(CONTACTS),
    fails_at=st.integers(0, 9),
    late=st.booleans(),
)


@settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(episodes=st.lists(EPISODES, min_size=2, max_size=4))
def test_end_state(make_house: Callable[[], House], episodes: list[Episode]) -> None:
    """After runs that broke down anywhere the next one brings every link, profile, key and measure to rights."""
    house = make_house()
    house.add_contacts(*CONTACTS)
    for episode in episodes:
        if house.crm.define("contact").column(LOOKUP):
            house.crm.stamp("contact", LOOKUP, [ports.Stamp(guid(episode.emptied), None)])
        house.sink = meddling.Fails(house.crm, episode.fails_at, late=episode.late)
        house.run(episode.customers)
    house.sink = house.crm
    customers = episodes[-1].customers
    done = house.run(customers)
    assert all(not task.warnings for task in done.tasks.values())
    assert house.links() == {guid(row): guid(customers[row]) if row in customers else None for row in CONTACTS}
    profiles = {guid(customer) for customer in customers.values()}
    assert house.keys(PROFILE) == house.keys("msdynci_customermeasure") == profiles
    assert len(house.keys("msdynci_alternatekey")) == len(customers)
    assert house.run(customers).writes == 0
