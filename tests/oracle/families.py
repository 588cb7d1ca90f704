"""Many small worlds in one project: families of rows that have no key of a rule and no customer in common.

To unify a few rows takes seconds, and thousands take hardly longer. So the rows of many families stand side by side.
Every rule asks for the same family too, whatever else it asks for, so that what comes of a family is what would come of
it alone. Values are those of `strategies`, in each family the same few.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, given, seed, settings
from tests.oracle.model import NOTHING, Key, Project, Record, Row, Rows, Rule, on, profile_column
from tests.oracle.strategies import KEYS, VALUES, Step, projects, used
from tests.oracle.unification import seed_of, unify

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable, Sequence

    from tests.oracle.model import Pair, Result, State

FAMILY = "family"
"""The column that tells families apart."""
MOST_FAMILIES = 1000
"""So that keys that are numbers stay within 64 bits."""
FEWEST_RULES = 2
MOST_ROWS = 20
"""Of a family in a table."""
MOST_CHANGES = 6
"""Of a family from one run to the next."""


def draw_projects(number: int) -> tuple[Project, Project]:
    """Return two projects, the same for the same number: of several tables, the second with other rules for them."""
    found: list[Project] = []

    @seed(number)
    @settings(
        max_examples=20,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    @given(projects().filter(_is_rich))
    def collect(project: Project) -> None:
        found.append(project)

    collect()
    *others, one = found
    other = next(other for other in others if len(other.tables) == len(one.tables))
    both = zip(one.tables, other.tables, strict=True)
    tables = tuple(replace(table, key=before.key) for before, table in both)
    return apart(one), apart(replace(other, tables=tables))


def _is_rich(project: Project) -> bool:
    return sum(len(between.rules) for between in project.match) >= FEWEST_RULES


def apart(project: Project) -> Project:
    """Return a project in whose rules rows of different families never match."""
    told = _with_rules(project, lambda rule: replace(rule, conditions=(*rule.conditions, on(FAMILY))))
    families = profile_column(FAMILY, *((table.name, FAMILY) for table in told.tables))
    # An id that is derived from a value is one for all families.
    told = replace(told, profile=(*told.profile, families), ids_from=())
    return replace(told, tables=tuple(replace(table, content=used(told, table)) for table in told.tables))


def with_limit(project: Project, rows: int) -> Project:
    """Return a project whose rules let no more rows share a key than so many."""
    return _with_rules(project, lambda rule: replace(rule, max_rows_per_key=min(rule.max_rows_per_key, rows)))


def _with_rules(project: Project, change: Callable[[Rule], Rule]) -> Project:
    def changed(rules: Iterable[Rule]) -> tuple[Rule, ...]:
        return tuple(map(change, rules))

    tables = tuple(
        table if table.deduplicate is None else replace(table, deduplicate=changed(table.deduplicate))
        for table in project.tables
    )
    return replace(
        project,
        tables=tables,
        match=tuple(replace(between, rules=changed(between.rules)) for between in project.match),
        clusters=tuple(replace(cluster, rules=changed(cluster.rules)) for cluster in project.clusters),
    )


def family_of(record: Record) -> int:
    """Return the number of the family that a row belongs to."""
    _, key = record
    return key % MOST_FAMILIES if isinstance(key, int) else int(key.partition("-")[0])


@dataclass
class Family:
    """One small world.

    Attributes:
        number: its own.
        rows: as they are now.
        always, never: its part of the overrides.
        steps: what each run found of it.
        results: what the oracle says came of it.
    """

    number: int
    rows: dict[Record, Row] = field(default_factory=dict)
    always: set[Pair] = field(default_factory=set)
    never: set[Pair] = field(default_factory=set)
    steps: list[Step] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)

    def change(self, project: Project, draw: random.Random) -> None:
        """Let people insert rows, then edit, overwrite and delete them too, and now and then say other overrides."""
        if not self.steps:
            self._begin(project, draw)
            return
        for _ in range(draw.randrange(MOST_CHANGES + 1)):
            self.change_one(project, draw)
        if draw.random() < 1 / 3:
            self._override(project, draw)

    def change_one(self, project: Project, draw: random.Random) -> Record:
        """Let somebody insert, edit, overwrite or delete a row, and return which."""
        record, made = self._any(project, draw), self._row(draw)
        kind = draw.choice(("edit", "write", "delete"))
        if kind == "delete":
            self.rows.pop(record, None)
        elif kind == "edit" and record in self.rows:
            column = draw.choice(tuple(VALUES))
            self.rows[record] = {**self.rows[record], column: made[column]}
        else:
            self.rows[record] = made
        return record

    def unify(self, project: Project) -> None:
        """Let the oracle unify the family from scratch, after what it said came of it before."""
        own = replace(project, always=tuple(sorted(self.always)), never=tuple(sorted(self.never)))
        self.steps.append(Step(own, dict(self.rows)))
        if self.steps[-2:-1] == self.steps[-1:]:
            self.results.append(self.results[-1])  # the oracle's own tests hold it to that
        else:
            self.results.append(_unified(self.steps, self._state))

    def is_as_told(self) -> bool:
        """Tell whether the oracle still says what it said of every run."""
        state = NOTHING
        for run, result in enumerate(self.results, start=1):
            if _unified(self.steps[:run], state) != result:
                return False
            state = result.state
        return True

    def _begin(self, project: Project, draw: random.Random) -> None:
        for table in project.tables:
            for key in draw.sample(KEYS[table.key], draw.choice((MOST_ROWS // 3, MOST_ROWS // 2, MOST_ROWS))):
                self.rows[table.name, self._own(key)] = self._row(draw)

    @property
    def _state(self) -> State:
        return self.results[-1].state if self.results else NOTHING

    def _own(self, key: Key) -> Key:
        return key * MOST_FAMILIES + self.number if isinstance(key, int) else f"{self.number}-{key}"

    def _row(self, draw: random.Random) -> Row:
        return {FAMILY: self.number, **{column: draw.choice((None, *values)) for column, values in VALUES.items()}}

    def _any(self, project: Project, draw: random.Random) -> Record:
        """Draw a row that is there, or a key that perhaps no row has."""
        if self.rows and draw.random() < 1 / 2:
            return draw.choice(list(self.rows))
        table = draw.choice(project.tables)
        return table.name, self._own(draw.choice(KEYS[table.key]))

    def _override(self, project: Project, draw: random.Random) -> None:
        """Say of some rows that are one customer that they are not, and of any two that they are, or are not."""
        customers = sorted(sorted(owned) for owned in self._state.customers.values() if len(owned) > 1)
        parted = [draw.sample(draw.choice(customers), 2) for _ in range(draw.randrange(4)) if customers]
        any_two = [[self._any(project, draw), self._any(project, draw)] for _ in range(draw.randrange(6))]
        kinds = [{_pair(*two) for two in pairs if two[0] != two[1]} for pairs in (parted + any_two[::2], any_two[1::2])]
        self.never, self.always = kinds[0], kinds[1] - kinds[0]


def _unified(steps: Sequence[Step], state: State) -> Result:
    return unify(steps[-1].project, steps[-1].rows, state, len(steps), seed_of(len(steps)))


def _pair(one: Record, other: Record) -> Pair:
    return (one, other) if repr(one) < repr(other) else (other, one)


def together(families: Iterable[Family]) -> Step:
    """Return what a run finds that follows the last one of each family."""
    steps = [family.steps[-1] for family in families]
    always, never = (
        tuple(pair for step in steps for pair in getattr(step.project, kind)) for kind in ("always", "never")
    )
    rows: Rows = {record: row for step in steps for record, row in step.rows.items()}
    return Step(replace(steps[0].project, always=always, never=never), rows)
