"""Sections 6 and 7: profiles that belong together, and their ids."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tests.oracle import compare, deduplicate, identify
from tests.oracle.model import NOTHING, Cluster, Evidence, Key, Project, Record, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True)
class Profiles(Project):
    """Profiles in the place of rows: a profile's place is that of its smallest (table, key)."""

    places: Mapping[Record, tuple[int, Key]] = field(default_factory=dict)

    def place(self, record: Record) -> tuple[int, Key]:
        """The order in which clusters with equal claims are taken."""
        return self.places[record]


def record_of(cluster: Cluster, customer_id: UUID) -> Record:
    """Return a profile as if it was a row."""
    return cluster.name, str(customer_id)


def links(cluster: Cluster, rows: Mapping[Record, Mapping[str, Any]]) -> Iterator[Evidence]:
    """All pairs of profiles that a rule links."""
    for rule in cluster.rules:
        yield from (link for link in compare.links(rule, rows, rows) if link.row != link.partner)


def resolved(cluster: Cluster, before: State, today: State) -> State:
    """Return the clusters of the run before over the profiles of today that theirs stand for."""

    def heirs(profiles: frozenset[Record]) -> frozenset[Record]:
        found = {heir for _, old in profiles for heir in today.resolve(UUID(str(old)))}
        return frozenset(record_of(cluster, heir) for heir in found)

    return replace(before, customers={own: heirs(profiles) for own, profiles in before.customers.items()})


def find(
    project: Project,
    cluster: Cluster,
    profiles: Mapping[UUID, Mapping[str, Any]],
    today: State,
    before: State,
    run: int,
    seed: UUID,
) -> State:
    """Return the clusters of two or more profiles with their ids, as if they were customers and profiles their rows."""
    rows = {record_of(cluster, own): profile for own, profile in profiles.items()}
    parts, *_ = deduplicate.join(list(rows), links(cluster, rows), ())
    places = {
        record_of(cluster, own): project.place(identify.smallest(project, owned))
        for own, owned in today.customers.items()
    }
    together = [part for part in parts if len(part) > 1]
    known = resolved(cluster, before.clusters.get(cluster.name, NOTHING), today)
    return identify.identify(Profiles((), places=places), together, known, run, seed)
