"""A project, its CRM and many families: people do steps to them, and each run is held against the oracle."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import yaml
from tests import pipeline
from tests.laws import families, holding, watching
from tests.laws.families import CONTACT, KEPT, LEAD, LEFT_OUT, LOSSES, MEMBER, STEPS, Family, Setting
from tests.laws.watching import KEYS, LINKED, LOOKUP, MEASURE, PROFILE

from backstamp import embedded
from backstamp.connect import dataverse, ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.oracle.model import Record

    from backstamp import runs

PREFIX = "msdynci_"
KINDS = ("rows", "settings", "few", "losses")
"""What changes from one run to the next, in turn; where few families change, a run unifies only what that touches."""
SETTINGS = ("by_phone", "filters", "with_phone")
FIRST_ROWS = 6
HOW_MANY_STEPS = (0, 1, 1, 2, 3)
"""What a family may see between two runs."""
TOKENS = {"ours": embedded.APPLICATION_USER, "theirs": embedded.ADMINISTRATOR}


@dataclass(frozen=True)
class Checked:
    """A run that was held against the oracle: the families when it began, and what it left of each."""

    moments: Mapping[int, holding.Moment]
    found: Mapping[int, holding.Seen]

    def of(self, number: int) -> holding.Seen:
        """Return what it left of a family."""
        return self.found.get(number, holding.Seen({}, {}, {}, {}))


@dataclass
class World:
    """Families, and the project and CRM in which their rows are.

    Attributes:
        place: the project and its CRM.
        draw: what decides which steps are done.
        families: all of them.
        setting: the project file as it is now.
        history: the runs that were held against the oracle.
    """

    place: pipeline.Place
    draw: random.Random
    families: Sequence[Family]
    setting: Setting = field(default_factory=Setting)
    history: list[Checked] = field(default_factory=list)
    written: dict[Record, dict[str, Any]] = field(default_factory=dict)

    @property
    def watch(self) -> watching.Watch:
        """What looks into the CRM's database."""
        return watching.Watch(self.place.folder)

    def begin(self) -> None:
        """Give each family its first rows."""
        for family in self.families:
            for _ in range(FIRST_ROWS):
                family.insert(self.draw)
        self._write()

    def change(self, kind: str = "rows") -> None:
        """Do steps to every family, or to a tenth ("few"), and change the project file ("settings") or lose rows."""
        steps = {**STEPS, **LOSSES} if kind == "losses" else STEPS
        for family in self.families[:: 10 if kind == "few" else 1]:
            for step in self.draw.choices(list(steps), list(steps.values()), k=self.draw.choice(HOW_MANY_STEPS)):
                step(family, self.draw)
        if kind == "settings":
            for name in self.draw.sample(SETTINGS, self.draw.randint(1, len(SETTINGS))):
                self.setting = replace(self.setting, **{name: not getattr(self.setting, name)})
        self._write()

    @property
    def needs_full_run(self) -> bool:
        """Whether somebody deleted what a run believes to be there until it is asked to look."""
        return any(family.losses for family in self.families)

    def run(self, environment: ports.Sink | None = None) -> runs.Run:
        """Do a run, perhaps over another connection; in full where only that can find what is lost."""
        return self.place.run(lambda sink: environment or sink, full=self.needs_full_run)

    def run_and_check(self) -> runs.Run:
        """Do a run, and hold all laws to it; what was written is what differs between before and after, once each."""
        return self._do_and_check(self.run)

    def approve_and_check(self) -> runs.Run:
        """Do the same in two steps: a draft, which writes nothing, and its approval."""
        self.watch.start()
        draft = self.place.run(draft=True, full=self.needs_full_run)
        assert (draft.status, self.watch.writes()) == ("Waiting for approval", [])
        return self._do_and_check(lambda: self.place.approve(draft.number))

    def undo_and_check(self) -> None:
        """Do a run and undo it: the CRM is as it was; the next run waits, and gives ids as if that run had not been."""
        before, states = self.seen(), {family.number: family.state for family in self.families}
        undone = self.run_and_check()
        with self.unlucky():
            self.place.approve(self.place.undo(undone.number).number)
        assert self.seen() == before
        self.history.pop()
        for family in self.families:
            family.state = replace(states[family.number], given=family.state.given)
        held = self.place.run()
        assert held.status == "Waiting for approval"
        self._do_and_check(lambda: self.place.approve(held.number))

    def _do_and_check(self, do: Callable[[], runs.Run]) -> runs.Run:
        before = self.seen()
        with self.unlucky():
            done = do()
        self.check(done)
        after, writes = self.seen(), self.watch.writes()
        relinked = {record for record, own in after.links.items() if own != before.links[record]}
        outer = {name: table for table, name in LINKED.items()}
        assert relinked == {(outer[one.table], one.key) for one in writes if one.table in outer}
        changed = {own for own, values in after.profiles.items() if values != before.profiles.get(own)}
        assert changed <= {one.key for one in writes if one.table == PROFILE and one.kind != "delete"}
        assert not [write for write in writes if write.is_same]
        assert len({(write.table, write.key) for write in writes}) == len(writes)
        return done

    @contextmanager
    def unlucky(self) -> Iterator[None]:
        """Hold to a run that may break down what holds for all: no link led nowhere, no row was given two values."""
        self.watch.start()
        with self.watch.looking() as orphans:
            yield
        assert not orphans
        self.check_writes(self.watch.writes())

    def check(self, done: runs.Run) -> None:
        """Hold what a run has left to law 1: it was successful, and all is as the oracle says."""
        failed = {task.name: (task.status, task.details) for task in done.tasks if task.status != "Successful"}
        assert not failed, failed
        found = self.seen().by_family()
        nobody = found.pop(-1, None)
        assert nobody is None, f"profiles and measures that no key names: {nobody}"
        checked = Checked({family.number: self._moment(family) for family in self.families}, found)
        self.history.append(checked)
        for family in self.families:
            seen, moment = checked.of(family.number), checked.moments[family.number]
            try:
                family.state = holding.hold(seen, moment, family.state, len(self.history))
            except AssertionError as error:
                error.add_note(f"family {family.number} in run {len(self.history)}: {moment}")
                raise
            family.losses.clear()

    def check_writes(self, writes: Sequence[watching.Write]) -> None:
        """Hold what one run wrote to laws 3 and 4: no row but ours, no column but ours, no row with two values."""
        assert not [write for write in writes if write.is_foreign]
        assert {write.kind for write in writes if write.table in LINKED.values()} <= {"update"}
        values = Counter((table, key) for table, key, _ in {(write.table, write.key, write.values) for write in writes})
        assert not [row for row, count in values.items() if count > 1]

    def check_nothing_to_do(self) -> None:
        """Hold to law 3 that a run with nothing changed sends no write."""
        sent = self.place.environment.traffic.writes
        self.watch.start()
        self.check(self.place.run())
        assert self.place.environment.traffic.writes == sent
        assert not self.watch.writes()

    def seen(self) -> holding.Seen:
        """Return what the CRM holds."""
        watch = self.watch
        names = ("datasourcename", "tablename", "alternatevalue", "customerid")
        keys = watch.rows(KEYS, *(PREFIX + name for name in names)).values()
        profiles = watch.rows(PROFILE, *(PREFIX + name for name in ("email", "phone", "previouscustomerid")))
        return holding.Seen(
            links={
                (table, key): link
                for table, outer in LINKED.items()
                for key, (link,) in watch.rows(outer, LOOKUP).items()
            },
            keys={(f"{source}.{table}", key): own for source, table, key, own in keys},
            profiles={
                own: {"Email": email, "Phone": phone, "previous": _ids(previous)}
                for own, (email, phone, previous) in profiles.items()
            },
            spent={own: int(spent or 0) for own, (spent,) in watch.rows(MEASURE, f"{PREFIX}spent").items()},
        )

    def _moment(self, family: Family) -> holding.Moment:
        return holding.Moment(family.project(self.setting), dict(family.rows), family.unified(self.setting))

    def _write(self) -> None:
        """Bring rows, links and files to where the families are."""
        rows = {record: row for family in self.families for record, row in family.rows.items()}
        # A new connection each time: it must know our lookup as soon as there is one.
        with dataverse.Dataverse(self.place.url, lambda: "theirs") as person:
            for table, outer in LINKED.items():
                gone = [str(key) for name, key in self.written.keys() - rows.keys() if name == table]
                _must_do(person.delete(outer, gone))
                changed = [
                    {f"{outer}id": key, **row}
                    for (name, key), row in rows.items()
                    if name == table and self.written.get((name, key)) != row
                ]
                if changed:
                    _must_do(person.upsert(outer, pa.RecordBatch.from_pylist(changed)))
            self.written = rows
            self._meddle(person)
        _write_files(self.place.folder, self.setting, self.families)

    def _meddle(self, person: ports.Sink) -> None:
        """Do what is done by hand to links, profiles and alternate keys."""
        found = self.seen()
        stamps: dict[str, list[ports.Stamp]] = defaultdict(list)
        edits = {record: other for family in self.families for record, other in family.edits.items()}
        for record in sorted(edits.keys() & found.links.keys()):
            other = edits[record]
            stamps[LINKED[record[0]]].append(ports.Stamp(str(record[1]), found.links.get(other) if other else None))
        for outer, edited in stamps.items():
            _must_do(person.stamp(outer, LOOKUP, edited))
        losses = {record: kind for family in self.families for record, kind in family.losses.items()}
        profiles = {found.keys[record] for record, kind in losses.items() if kind == "profile" and record in found.keys}
        if profiles:
            _must_do(person.delete(PROFILE, sorted(profiles)))
        keys = [own for own, record in self._keys().items() if losses.get(record) == "key"]
        if keys:
            _must_do(person.delete(KEYS, keys))
        for family in self.families:
            family.edits.clear()

    def _keys(self) -> dict[str, Record]:
        """Return of which record each alternate key is."""
        names = ("datasourcename", "tablename", "alternatevalue")
        rows = self.watch.rows(KEYS, *(PREFIX + name for name in names))
        return {own: (f"{source}.{table}", key) for own, (source, table, key) in rows.items()}


def _must_do(outcomes: Sequence[ports.Outcome]) -> None:
    """Hold that people can do what they are to do."""
    assert not [outcome for outcome in outcomes if outcome.state != "acknowledged"]


def _ids(text: str | None) -> frozenset[str]:
    return frozenset(text.split(";")) if text else frozenset()


def _write_files(folder: Path, setting: Setting, everybody: Sequence[Family]) -> None:
    """Write the project file, and the files that it names."""
    (folder / "backstamp.yaml").write_text(yaml.safe_dump(_project(setting), sort_keys=False))
    members = [(record[1], row) for family in everybody for record, row in family.rows.items() if record[0] == MEMBER]
    _write_lines(
        folder / "members.csv",
        "memberid,email,phone",
        [(key, row["email"] or "", row["phone"] or "") for key, row in members],
    )
    _write_lines(folder / "purchases.csv", "id,memberid,amount", [(key, key, "1") for key, _ in members])
    for kind in ("always", "never"):
        pairs = [pair for family in everybody for pair in sorted(getattr(family, kind))]
        _write_lines(
            folder / f"{kind}.csv",
            "left_table,left_key,right_table,right_key,why,by,at",
            [(*left, *right, "seen", "Ada", "2026-01-01") for left, right in pairs],
        )


def _write_lines(path: Path, heading: str, lines: Sequence[Sequence[Any]]) -> None:
    path.write_text("".join(f"{line}\n" for line in (heading, *(",".join(map(str, values)) for values in lines))))


def _project(setting: Setting) -> dict[str, Any]:
    """Say the project file; the oracle's is `Family.project`."""
    unified = [{"table": table, "key": key, "include_all": table != LEAD} for table, key in families.PRIMARY_KEYS]
    lead: Any = "lead"
    if setting.filters:
        unified[0]["where"] = {KEPT[CONTACT]: families.IN}
        lead = {"lead": {"select": f"select * from lead where coalesce({KEPT[LEAD]}, '') <> '{LEFT_OUT}'"}}
    rules = [(name, columns, normalize) for name, (columns, normalize) in families.compared(setting).items()]
    match = [
        {
            "between": [lower, upper],
            "rules": [
                {"name": name, "match": [{"columns": [columns[lower], columns[upper]], "normalize": list(normalize)}]}
                for name, columns, normalize in rules
            ],
        }
        for upper, lower in families.PAIRS
    ]
    profile = {
        name: {"from": [f"{table}.{column}" for table, column in columns.items()]}
        for name, columns in families.profile_of(setting).items()
    }
    files = {
        "member": {"path": "members.csv"},
        "purchase": {"path": "purchases.csv", "key": "id", "types": {"amount": "integer"}},
    }
    return {
        "version": 1,
        "environment": {"kind": "embedded"},
        "sources": {
            "crm": {"from": "environment", "tables": ["contact", lead]},
            "loyalty": {"from": "files", "tables": files},
        },
        "unify": {
            "tables": unified,
            "match": match,
            "overrides": {"always": "always.csv", "never": "never.csv"},
            "profile": {"columns": profile},
        },
        "relationships": [{"from": "loyalty.purchase.memberid", "to": f"{MEMBER}.memberid"}],
        "measures": {"Spent": {"kind": "attribute", "of": "loyalty.purchase", "value": "sum(amount)"}},
        "hydrate": ["attributes"],
        "engine": {"threads": 2},
    }


@contextmanager
def beginning(folder: Path, seed: int, count: int) -> Iterator[World]:
    """Make a world of so many families, and serve its CRM."""
    with embedded.serving(crm_of(folder), TOKENS) as url, pipeline.connected(folder, url) as place:
        world = World(place, random.Random(seed), [Family(number) for number in range(count)])  # noqa: S311 - steps
        world.begin()
        yield world


def crm_of(folder: Path, **settings: Any) -> embedded.Settings:
    """Return the settings of the CRM of a world."""
    return embedded.Settings(database_url=f"sqlite:///{folder}/crm.sqlite", **settings)
