"""How well the profiles and rules of the last run agree with labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from backstamp import shapes
from backstamp.pipeline import labels, published
from backstamp.unify import evaluate as unify

if TYPE_CHECKING:
    from pathlib import Path

    from backstamp import project


@dataclass(frozen=True)
class Evaluation:
    """How well what the last run published agrees with labels.

    Attributes:
        kind: whether the labels tell whose rows are, or of pairs whether they are one customer.
        column: the column of the file that tells it.
        labels: how many rows or pairs it tells of.
        without_profile: how many of these rows are in no profile: kept or left out, or no row has the key.
        agreement: of profiles with the labels.
        rules: of the rules with the labels.
    """

    kind: unify.Kind
    column: str
    labels: int
    without_profile: int
    agreement: unify.Agreement
    rules: tuple[unify.RuleAccuracy, ...]


def evaluate(settings: project.Project, file: Path) -> Evaluation:
    """Compare what the last run published with the labels in a file.

    Raises:
        BusyError: a run has the warehouse open.
        ConfigurationError: the file has no labels that can be used, or no run has unified the tables as the project
            file has them.
    """
    told = labels.read(file, [table.table for table in settings.unify.tables])
    with published.unified(settings) as unified:
        batches = unified.engine.batches(unified.engine.table("members"))
        members = pa.Table.from_batches(batches, shapes.MEMBERS)
        measure = unify.measure_clusters if told.kind == "clusters" else unify.measure_pairs
        return Evaluation(
            kind=told.kind,
            column=told.column,
            labels=told.rows.num_rows,
            without_profile=unify.count_without_profile(members, told.rows),
            agreement=measure(members, told.rows),
            rules=unify.measure_rules(unified, told.kind, told.rows),
        )


def count_rules(settings: project.Project) -> tuple[unify.RuleAccuracy, ...]:
    """Return of each rule how many links it made in the last run, and how many of them no other could have made.

    Nothing is told of whether they are right.

    Raises:
        BusyError: a run has the warehouse open.
        ConfigurationError: no run has unified the tables as the project file has them.
    """
    texts = {name: pa.string() for name in unify.PAIRS[:-1]}
    nothing = shapes.shape(**texts, match=pa.bool_()).empty_table()
    with published.unified(settings) as unified:
        return unify.measure_rules(unified, "pairs", nothing)
