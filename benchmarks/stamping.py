"""One step of `stamp.py`, in a process of its own.

python benchmarks/stamping.py plan FOLDER RUN ROWS MOVED      plan run RUN, in which so many contacts have moved
python benchmarks/stamping.py profiles FOLDER RUN URL         send its profiles, and make the lookup
python benchmarks/stamping.py links FOLDER RUN URL SIZE       send its links, so many rows in a request
python benchmarks/stamping.py limit URL ROWS SECONDS          send links as fast as can be, with nothing around it
"""

from __future__ import annotations

import itertools
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

import webapi
from backstamp import engine, link, odata, runs, shapes
from backstamp.connect import dataverse
from backstamp.link import hydrate
from measured import Stopwatch, peak_memory, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import ibis.expr.types as ir

SETTINGS = link.Link()
TABLE = "crm.contact"
CHUNK = 100_000
ROWS_OF_A_CUSTOMER = 4
PROFILES = pa.schema([*shapes.PROFILES, *shapes.shape(City=pa.string(), FullName=pa.string(), crm_contact=pa.string())])
SOURCE = shapes.shape(key=pa.string())
BATCHES, CLIENTS = (250, 500, 1000), (2, 4, 8)
TRIAL_SECONDS = 3.0


def main() -> None:
    """Do the step."""
    match sys.argv[1:]:
        case ["plan", folder, run, rows, moved]:
            plan(Path(folder), int(run), int(rows), int(moved))
        case ["profiles", folder, run, url]:
            write_profiles(Path(folder), int(run), url)
        case ["links", folder, run, url, size]:
            write_links(Path(folder), int(run), url, int(size))
        case ["limit", url, rows, seconds]:
            limit(url, int(rows), float(seconds))


def plan(folder: Path, run: int, count: int, moved: int) -> None:
    """Plan a run in which every so-manieth contact belongs to the next customer; tell how long that took."""
    watch = Stopwatch()
    every = count // moved if moved else count + 1
    customers = count // ROWS_OF_A_CUSTOMER

    def member(number: int) -> dict[str, Any]:
        own = (number // ROWS_OF_A_CUSTOMER + (number % every == every - 1)) % customers
        return {"table": TABLE, "key": webapi.contact_id(number), "customer_id": customer_id(own)}

    def profile(number: int) -> dict[str, Any]:
        told = {"City": f"City {number % 5000}", "FullName": f"Full name {number}"}
        first = webapi.contact_id(ROWS_OF_A_CUSTOMER * number)
        return {"customer_id": customer_id(number), "made_in_run": 1, "crm_contact": first, **told}

    def own_of(some: ir.Table) -> tuple[link.Own, link.Own]:
        return own(profiles.semi_join(some, "customer_id"), members.semi_join(some, "customer_id"))

    with engine.DuckDB(folder / "warehouse.duckdb", engine.DuckDBSettings(threads=2)) as warehouse:
        before = warehouse.published("members")
        members = warehouse.land("members", shapes.MEMBERS, batches(shapes.MEMBERS, count, member))
        touched = None if before is None else warehouse.cache(differing(before, members))
        profiles = warehouse.land("profiles", PROFILES, batches(PROFILES, customers, profile))
        source = warehouse.land(
            "source", SOURCE, batches(SOURCE, count, lambda number: {"key": webapi.contact_id(number)})
        )
        with runs.Ledger(folder / "ledger.sqlite") as ledger:
            with watch.phase("know"):  # every answer came, so no link is asked for
                in_part, sources = touched is not None, {TABLE: source}
                drift = link.acknowledge(warehouse, ledger.journal, folder, [], sources, lambda *_: {}, in_part=in_part)
            with watch.phase("plan"):
                desired = link.Desired(
                    *own(profiles, members),
                    own_of,
                    links=(link.desired_links(TABLE, "contact", source, members),),
                    touched=touched,
                )
                causes = link.Causes(drift, warehouse.load(shapes.ID_CHANGES, []))
                made = link.make_plan(warehouse, desired, (), causes, SETTINGS, folder, run)
        warehouse.publish()
    counts = {"profiles": made.profiles.count, "keys": made.keys.count, "links": sum(one.count for one in made.links)}
    tell(phases=watch.phases, peak=peak_memory(), counts=counts)


def own(profiles: ir.Table, members: ir.Table) -> tuple[link.Own, link.Own]:
    """Return profiles and alternate keys as they are to be."""
    keys = link.desired_keys(SETTINGS, members, profiles, {TABLE: "crm_contact"})
    return link.desired_profiles(SETTINGS, profiles), keys


def differing(before: ir.Table, members: ir.Table) -> ir.Table:
    """Return `customer_id` of those whose rows are others than before: unification knows them."""
    names = members.columns
    both = before.anti_join(members, names).union(members.anti_join(before, names))
    return both.select("customer_id").distinct()


def customer_id(number: int) -> str:
    """Return a CustomerId."""
    return f"{number:08}-0000-5000-8000-000000000000"


def batches(schema: pa.Schema, count: int, row: Callable[[int], dict[str, Any]]) -> Iterator[pa.RecordBatch]:
    """Make rows, some at a time."""
    for start in range(0, count, CHUNK):
        yield pa.RecordBatch.from_pylist([row(n) for n in range(start, min(start + CHUNK, count))], schema=schema)


def write_profiles(folder: Path, run: int, url: str) -> None:
    """Send the profiles of a run, and tell how long that took; its alternate keys are taken for written."""
    with sending(folder, run, url, link.STEPS[0]) as (hydration, facts):
        plan = hydration.plan
        for linking in plan.links:
            hydration.sink.create_column(linking.outer, plan.lookup)
        hydration.journal.answered(hydration.journal.sent(run, plan.keys.list, 0, plan.keys.count))
    tell(**facts)


def planned(folder: Path, run: int) -> link.Plan:
    """Return the plan of a run."""
    found = link.load(folder, run)
    if found is None:
        raise LookupError(f"Run {run} was not planned.")
    return found


def write_links(folder: Path, run: int, url: str, size: int) -> None:
    """Send the links of a run, and tell how long that took."""
    [step] = (step for step in link.STEPS if step.work is hydrate.write_links)
    with sending(folder, run, url, step, size) as (_, facts):
        pass
    tell(**facts)


@contextmanager
def sending(
    folder: Path, run: int, url: str, step: link.Step, size: int = 500
) -> Iterator[tuple[link.Hydration, dict[str, Any]]]:
    """Do a step of hydration; give it, and what it cost."""
    with (
        dataverse.Dataverse(url, lambda: webapi.TOKEN, batch_size=size) as sink,
        runs.Ledger(folder / "ledger.sqlite") as ledger,
    ):
        current = ledger.begin_run(runs.Arguments())
        ledger.plan_tasks(current, [step.planned])
        with ledger.task(current, step.planned) as task:
            hydration = link.Hydration(
                planned(folder, run), sink, ledger.journal, task, lambda: ledger.check_canceled(current)
            )
            begin, cpu = time.perf_counter(), time.process_time()
            step.work(hydration)
            facts = {"wall": time.perf_counter() - begin, "cpu": time.process_time() - cpu}
        ended = ledger.end_run(current)
        rows, traffic = task.rows or 0, sink.traffic
        facts |= {"rows": rows, "writes": traffic.writes, "reads": traffic.reads, "peak": peak_memory(), "size": size}
        yield hydration, facts | {"status": ended.status, "warnings": ended.warnings}


def limit(url: str, count: int, seconds: float) -> None:
    """Find the best size of a request and the best number of them at once; tell what they come to."""
    trials = {
        (size, clients): rate(url, count, size, clients, TRIAL_SECONDS) for size in BATCHES for clients in CLIENTS
    }
    size, clients = max(trials, key=lambda one: trials[one])
    told = {f"{size} rows, {clients} at once": round(found) for (size, clients), found in trials.items()}
    tell(trials=told, size=size, clients=clients, rate=rate(url, count, size, clients, seconds))


def rate(url: str, count: int, size: int, clients: int, seconds: float) -> float:
    """Return how many links a second so many clients write, with UpdateMultiple and nothing around it."""
    bind = f"{link.lookup_name(SETTINGS)}{odata.BIND}"
    profiles = f"{link.profile_table(SETTINGS)}s"
    path = webapi.action("contacts", odata.UPDATE_MULTIPLE)
    kind = odata.type_name("contact")
    customers = count // ROWS_OF_A_CUSTOMER
    offset = time.time_ns() % customers

    def target(number: int) -> dict[str, str]:
        own = customer_id((number + offset) % customers)
        return {odata.TYPE: kind, "contactid": webapi.contact_id(number), bind: f"{profiles}({own})"}

    def work(client: int) -> int:
        share = count // clients
        done = 0
        with closing(webapi.connect(url)) as connection:
            for start in itertools.cycle(range(client * share, (client + 1) * share - size + 1, size)):
                if time.perf_counter() > begin + seconds:
                    break
                targets = [target(number) for number in range(start, start + size)]
                webapi.send(connection, "POST", path, {"Targets": targets})
                done += size
        return done

    begin = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        done = sum(pool.map(work, range(clients)))
    return done / (time.perf_counter() - begin)


if __name__ == "__main__":
    main()
