"""Holds what the CRM has of a family against the oracle; nothing here imports from the product."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tests.laws import families
from tests.laws.watching import LINKED
from tests.oracle.unification import seed_of, unify

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.oracle.model import Project, Record, Result, Rows, State


@dataclass(frozen=True)
class Seen:
    """What the CRM holds.

    Attributes:
        links: of each row of a linked table the CustomerId that it points to.
        keys: of each record the CustomerId, as the alternate keys say.
        profiles: by CustomerId the columns of the profile, and the ids in PreviousCustomerId.
        spent: by CustomerId the measure, 0 for none.
    """

    links: Mapping[Record, str | None]
    keys: Mapping[Record, str]
    profiles: Mapping[str, Mapping[str, Any]]
    spent: Mapping[str, int]

    def by_family(self) -> dict[int, Seen]:
        """Return what there is of each family; a profile or measure that no key names belongs to family -1."""
        owner = {own: families.family_of(record) for record, own in self.keys.items()}
        found: dict[int, Seen] = {}

        def of(number: int) -> Seen:
            return found.setdefault(number, Seen({}, {}, {}, {}))

        for name in ("links", "keys"):
            for record, own in getattr(self, name).items():
                getattr(of(families.family_of(record)), name)[record] = own
        for name in ("profiles", "spent"):
            for own, value in getattr(self, name).items():
                getattr(of(owner.get(own, -1)), name)[own] = value
        return found


@dataclass(frozen=True)
class Moment:
    """A family when a run begins: how the project unifies it, all its rows, and those that are unified."""

    project: Project
    rows: Rows
    unified: Rows


def hold(found: Seen, moment: Moment, before: State, run: int) -> State:
    """Hold what the CRM has of a family against the oracle, which unifies its rows from scratch.

    Args:
        found: what it has.
        moment: the family when the run began.
        before: what this function returned after the run before.
        run: a number that grows.

    Returns:
        What the next run has to know, with the ids that the CRM has.
    """
    wanted = unify(moment.project, moment.unified, before, run, seed_of(run))
    named = _named(found, wanted, before)
    whose = {record: str(named[own]) for own, owned in wanted.customers.items() for record in owned}
    assert found.keys == whose
    assert found.links == {record: whose.get(record) for record in moment.rows if record[0] in LINKED}
    profiles = {
        str(named[own]): {
            # A column that is no more is emptied.
            **{name: wanted.profiles[own].get(name) or None for name in ("Email", "Phone")},
            "previous": frozenset(str(named.get(old, old)) for old in wanted.previous[own]),
        }
        for own in wanted.customers
    }
    assert found.profiles == profiles
    spending = {
        str(named[own]): sum(record[0] == families.MEMBER for record in owned)
        for own, owned in wanted.customers.items()
    }
    assert found.spent == spending
    return _renamed(wanted.state, named)


def _named(found: Seen, wanted: Result, before: State) -> dict[UUID, UUID]:
    """Return the id that each customer has in the CRM: a new one has one that nobody ever had, an old one keeps its."""
    named = {}
    for own, owned in wanted.customers.items():
        ids = {found.keys.get(record) for record in owned}
        assert len(ids) == 1, f"{sorted(owned)} are one customer, and have {ids}"
        actual = ids.pop()
        assert actual is not None, f"{sorted(owned)} have no alternate key"
        named[own] = UUID(actual)
        if own in before.given:
            assert named[own] == own, f"{sorted(owned)} had {own}, and has {actual}"
        else:
            assert named[own] not in before.given, f"{actual} is given out twice"
    return named


def _renamed(state: State, named: Mapping[UUID, UUID]) -> State:
    def name(own: UUID) -> UUID:
        return named.get(own, own)

    return replace(
        state,
        customers={name(own): owned for own, owned in state.customers.items()},
        made={name(own): run for own, run in state.made.items()},
        previous={name(own): tuple(sorted(map(name, olds))) for own, olds in state.previous.items()},
        followed={name(own): records for own, records in state.followed.items()},
        given=frozenset(map(name, state.given)),
    )
