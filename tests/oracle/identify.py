"""Section 7: CustomerIds that stay, and those derived from columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from tests.oracle.model import Key, Project, Record, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Customer = frozenset[Record]
DERIVED = UUID("838ace1f-9a69-419c-9f9f-45306441ded0")  # the one fixed D


def smallest(project: Project, customer: Customer) -> Record:
    """Return the smallest (table, key)."""
    return min(customer, key=project.place)


def new_id(project: Project, customer: Customer, seed: UUID) -> UUID:
    """Make an id from the run's seed and the smallest record."""
    table, key = smallest(project, customer)
    return uuid5(seed, f"{table}\0{key}")


def claim(project: Project, previous: State, customer: Customer, old: UUID) -> tuple[int, int, UUID, tuple[int, Key]]:
    """The order of pairs: more shared rows, older id, smaller id, new profile with the smallest record."""
    shared = len(previous.customers[old] & customer)
    return -shared, previous.made[old], old, project.place(smallest(project, customer))


def kept_ids(project: Project, customers: Iterable[Customer], previous: State) -> dict[Customer, UUID]:
    """Pair the new profiles with the old ones that share rows; each side is taken once."""
    follow_values = previous.derived if project.ids_from else frozenset()
    olds = {old: rows for old, rows in previous.customers.items() if old not in follow_values}
    pairs = [(new, old) for new in customers for old, rows in olds.items() if new & rows]
    kept: dict[Customer, UUID] = {}
    for new, old in sorted(pairs, key=lambda pair: claim(project, previous, *pair)):
        if new not in kept and old not in kept.values():
            kept[new] = old
    return kept


def previous_ids(own: UUID, customer: Customer, today: Mapping[UUID, Customer], before: State) -> tuple[UUID, ...]:
    """Return a profile's PreviousCustomerId: its own list, and ids of old profiles whose rows it has now."""
    survived = own in before.customers
    history = set(before.previous.get(own, ()))
    for old, rows in before.customers.items():
        vanished = old not in today
        if rows & customer and (vanished or not survived):
            history |= {old}
        if rows & customer and vanished:
            history |= set(before.previous[old])
    return tuple(sorted(history - {own}))


def followed(today: Mapping[UUID, Customer], before: State) -> dict[UUID, frozenset[Record]]:
    """Return the rows by which vanished ids go on; a row that is in no profile now is followed no longer.

    An id that came back, as only derived ones do, stands for itself again.
    """
    owned = frozenset[Record]().union(*today.values())
    last = {**before.followed, **{old: rows for old, rows in before.customers.items() if old not in today}}
    return {old: rows & owned for old, rows in last.items() if rows & owned and old not in today}


def derived_id(project: Project, values: Mapping[str, Mapping[str, Any]]) -> UUID | None:
    """Derive an id from the first column that has a value; `values` are what merge sees of each table."""
    for table, column in project.ids_from:
        value = values.get(table, {}).get(column)
        if value not in (None, ""):
            return uuid5(DERIVED, f"{table}\0{column}\0{value}")
    return None


def claims(project: Project, wanted: Mapping[Customer, UUID | None], before: State) -> dict[UUID, Customer]:
    """Return who has each derived id: who had it before, that is most of its rows, else the smallest (table, key)."""

    def order(customer: Customer) -> tuple[int, tuple[int, Key]]:
        had = before.customers.get(wanted[customer] or UUID(int=0), frozenset())
        return -len(had & customer), project.place(smallest(project, customer))

    found: dict[UUID, Customer] = {}
    for customer in sorted(wanted, key=order, reverse=True):
        if (own := wanted[customer]) is not None:
            found[own] = customer
    return found


def identify(
    project: Project,
    customers: Iterable[Customer],
    before: State,
    run: int,
    seed: UUID,
    wanted: Mapping[Customer, UUID | None] | None = None,
) -> State:
    """Return the state after a run: every customer with its id, and what the next run has to know.

    `wanted` are the ids that customers derive from columns.
    """
    customers = list(customers)
    derived = claims(project, wanted or {}, before)
    kept = {
        customer: old
        for customer, old in kept_ids(project, customers, before).items()
        if customer not in derived.values() and old not in derived
    }
    others = [customer for customer in customers if customer not in kept and customer not in derived.values()]
    made = {new_id(project, customer, seed): customer for customer in others}
    assert before.given.isdisjoint(made), "no id is given out twice: each run needs a seed of its own"
    today = {old: customer for customer, old in kept.items()} | made | derived
    return State(
        customers=today,
        made={own: before.made.get(own, run) for own in today},
        previous={own: previous_ids(own, customer, today, before) for own, customer in today.items()},
        followed=followed(today, before),
        given=before.given | frozenset(today),
        derived=frozenset(derived),
    )
