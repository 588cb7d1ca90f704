"""A small house that does what the pipeline does: read, acknowledge, plan, publish, hydrate."""

from __future__ import annotations

import contextlib
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from backstamp import embedded, engine, errors, link, runs, shapes
from backstamp.connect import dataverse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import ibis.expr.types as ir

    from backstamp.connect import ports

SETTINGS = link.Link()
PROFILE = "msdynci_customerprofile"
LOOKUP = "msdynci_lookupfield_customerprofile"
TABLE = "crm.contact"
CONTACT = link.Candidate(
    TABLE, "contact", default_environment=True, connector=True, key="contactid", true_key="contactid"
)
SOURCE = shapes.shape(key=pa.string())
CUSTOMER = shapes.shape(customer_id=pa.string())
PROFILES = pa.schema([*shapes.PROFILES, *shapes.shape(City=pa.string(), FullName=pa.string(), crm_contact=pa.string())])
MEASURES = shapes.shape(customer_id=pa.string(), Purchases=pa.int64(), Spent=pa.float64())


def guid(number: int) -> str:
    """A key that sorts as its number."""
    return str(uuid.UUID(int=number))


@dataclass(frozen=True)
class Done:
    """What a run did: its plan, its tasks by name, and how many requests changed something."""

    plan: link.Plan
    tasks: Mapping[str, runs.Task]
    writes: int

    @property
    def links(self) -> runs.Task:
        """The linking task."""
        return self.tasks["CustomerId Backstamping Hydration"]


class House:
    """A warehouse, a ledger and a CRM with the table contact.

    Attributes:
        sink: the CRM; a test can put something of the same shape in front of it.
        profiles_schema: of the profiles, for tests that change their columns.
        audience: of the CRM.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self.folder = folder
        self.url = url
        self._connection = dataverse.Dataverse(url, lambda: "token", batch_size=4)
        self.crm: ports.Sink = self._connection
        self.sink: Any = self.crm
        self.engine = engine.DuckDB()
        self.ledger = runs.Ledger(folder / "ledger.sqlite")
        self.profiles_schema = PROFILES
        self.audience = "individuals"
        self._before: dict[str, Any] | None = None
        self._token: str | None = None
        self._source: dict[str, str | None] = {}

    def add_contacts(self, *numbers: int) -> None:
        """Let there be contacts, as somebody made them in the CRM."""
        rows = [{"contactid": guid(number), "lastname": f"Person {number}"} for number in numbers]
        self.crm.upsert("contact", pa.RecordBatch.from_pylist(rows))

    def links(self) -> dict[str, str | None]:
        """The link of each contact, as the CRM has it now."""
        pages = self.crm.read("contact", [LOOKUP])
        return {row["contactid"]: row[LOOKUP] for page in pages for row in page.rows.to_pylist()}

    def keys(self, table: str) -> set[str]:
        """The keys of a table's rows, as the CRM has them now."""
        key = self.crm.define(table).key
        return {row[key] for page in self.crm.read(table, []) for row in page.rows.to_pylist()}

    def run(self, customers: Mapping[int, int], *, values: Mapping[str, Any] | None = None) -> Done:
        """Link contacts (by number) to customers (by number); all contacts that there are are read or known."""
        run = self.ledger.begin_run(runs.Arguments())
        try:
            plan, before = self._compute(run, customers, values or {}), self.sink.traffic.writes
            self._hydrate(run, plan)
        finally:
            ended = self.ledger.end_run(run)
        return Done(plan, {task.name: task for task in ended.tasks}, self.sink.traffic.writes - before)

    def ask_for_links(self, table: str, keys: Sequence[str]) -> Mapping[str, str | None]:
        """The links of these rows, as the CRM has them now."""
        return self.crm.links(table, LOOKUP, keys)

    def close(self) -> None:
        """Close all of it."""
        self.engine.close()
        self.ledger.close()
        self._connection.close()

    def _compute(self, run: runs.Run, customers: Mapping[int, int], values: Mapping[str, Any]) -> link.Plan:
        """Do what is done while the warehouse is open."""
        began = datetime.now(UTC)
        members = [{"table": TABLE, "key": guid(row), "customer_id": guid(one)} for row, one in customers.items()]
        seen = [{"table": TABLE, "key": key, "customer_id": now} for key, now in self._read().items()]
        source = self.load(SOURCE, [{"key": key} for key in self._source])
        numbers = sorted({member["customer_id"] for member in members})
        profiles = self.load(
            self.profiles_schema,
            [
                {"customer_id": one, "made_in_run": 1, "FullName": f"Name of {one}", "crm_contact": one, **values}
                for one in numbers
            ],
        )
        measures = self.load(MEASURES, [{"customer_id": one, "Purchases": 3, "Spent": 12.5} for one in numbers])
        rows = self.load(shapes.MEMBERS, members)
        eligible = link.eligibility([CONTACT], self.audience)
        linked = [link.desired_links(one.table, one.outer, source, rows) for one in eligible.linked]

        def own(profiles: ir.Table, rows: ir.Table) -> tuple[link.Own, link.Own]:
            keys = link.desired_keys(SETTINGS, rows, profiles, {TABLE: "crm_contact"})
            return link.desired_profiles(SETTINGS, profiles, self.crm.find(PROFILE)), keys

        def own_of(some: ir.Table) -> tuple[link.Own, link.Own]:
            return own(*(table.semi_join(some, "customer_id") for table in (profiles, rows)))

        now = self._spelled(customers, values)
        touched = self._touched(now)
        desired = link.Desired(
            *own(profiles, rows),
            own_of,
            (link.desired_attributes(SETTINGS, measures),),
            tuple(linked),
            eligible.skip,
            touched,
        )
        known = link.Seen(TABLE, self.load(shapes.KNOWN_LINKS, seen), began)
        drift = self.acknowledge([known], source, in_part=touched is not None)
        causes = link.Causes(drift, self.load(shapes.ID_CHANGES, []))
        plan = link.make_plan(self.engine, desired, (), causes, SETTINGS, self.folder, run.number)
        self.engine.publish()
        self._before = now
        return plan

    def acknowledge(self, seen: list[link.Seen], source: ir.Table, *, in_part: bool) -> ir.Table:
        """Bring up what is known; return the drift."""
        sources = {TABLE: source}
        return link.acknowledge(
            self.engine, self.ledger.journal, self.folder, seen, sources, self.ask_for_links, in_part=in_part
        )

    def _spelled(self, customers: Mapping[int, int], values: Mapping[str, Any]) -> dict[str, Any]:
        """All that the profile and the keys of each customer come from."""
        now: dict[str, Any] = {}
        for row, one in sorted(customers.items()):
            now.setdefault(guid(one), [dict(values), self.profiles_schema.names]).append(row)
        return now

    def _touched(self, now: Mapping[str, Any]) -> ir.Table | None:
        """The customers who are not as in the run before, None where these may be all."""
        before = self._before
        if before is None:
            return None
        differing = [one for one in sorted(before.keys() | now.keys()) if before.get(one) != now.get(one)]
        return self.load(CUSTOMER, [{"customer_id": one} for one in differing])

    def _hydrate(self, run: runs.Run, plan: link.Plan) -> None:
        loaded = link.load(self.folder, run.number)
        assert loaded == plan
        self.ledger.plan_tasks(run, [step.planned for step in link.STEPS])
        failed: set[str] = set()
        for step in link.STEPS:
            if any(need.planned.name in failed for need in step.needs):
                self.ledger.skip(run, step.planned, "a step before it failed")
                continue
            try:
                with self.ledger.task(run, step.planned) as task:
                    step.work(
                        link.Hydration(
                            loaded, self.sink, self.ledger.journal, task, lambda: self.ledger.check_canceled(run)
                        )
                    )
            except errors.BackstampError:
                failed.add(step.planned.name)

    def _read(self) -> dict[str, str | None]:
        """Read what changed, and the links of it; in full where the columns did."""
        column = [LOOKUP] if self.crm.define("contact").column(LOOKUP) else []
        try:
            pages = list(self.crm.read("contact", column, self._token))
        except errors.FeedEndedError:
            pages = list(self.crm.read("contact", column))
            self._source = {}
        seen = {row["contactid"]: row.get(LOOKUP) for page in pages for row in page.rows.to_pylist()}
        self._source |= seen
        for page in pages:
            for key in page.deleted:
                self._source.pop(key, None)
        self._token = pages[-1].token
        return seen

    def load(self, schema: pa.Schema, rows: list[dict[str, Any]]) -> Any:
        """Hold rows as a table."""
        return self.engine.load(schema, [pa.RecordBatch.from_pylist(rows, schema=schema)])


@pytest.fixture
def make_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], House]]:
    """What builds houses, each with a CRM of its own."""
    with contextlib.ExitStack() as stack:

        def make() -> House:
            folder = tmp_path_factory.mktemp("house")
            settings = embedded.Settings(database_url=f"sqlite:///{folder}/crm.sqlite", limits=embedded.Limits())
            served = stack.enter_context(embedded.serving(settings, {"token": embedded.ADMINISTRATOR}))
            house = House(served, folder)
            stack.callback(house.close)
            return house

        yield make


@pytest.fixture
def house(make_house: Callable[[], House]) -> House:
    """A house whose CRM has six contacts."""
    built = make_house()
    built.add_contacts(1, 2, 3, 4, 5, 6)
    return built
