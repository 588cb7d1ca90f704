"""What ten measures cost, beside the plain DuckDB query for the same numbers, in full and after a small change.

    python benchmarks/measures.py
    python benchmarks/measures.py --rows 50000000 --json

So many purchases of a tenth as many customers stand in a warehouse file. Ten attributes are calculated of all of them,
as a run does; then one purchase in a thousand is new, and the customers whom that touches are calculated; beside both
the SQL that gives the ten numbers from the same tables, written to a table. Time runs from the rows in the warehouse to
the published values. Each turn is done three times in one process with two threads; the best is told.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import ibis

import unify
from backstamp import engine, shapes
from backstamp.measures import Definitions, Measure, Relationship
from backstamp.pipeline import incremental, measuring, reading
from backstamp.unify import transform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOW = dt.datetime(2026, 11, 28, 12)  # noqa: DTZ001 - UTC, without a zone
OF = "shop.purchase"
MEASURES = {
    "Total": Measure("attribute", OF, "sum(amount)"),
    "Average": Measure("attribute", OF, "avg(amount)"),
    "Purchases": Measure("attribute", OF, "count(*)"),
    "First": Measure("attribute", OF, "min(boughton)"),
    "Last": Measure("attribute", OF, "max(boughton)"),
    "Recent": Measure("attribute", OF, "count(*)", "boughton >= current_date - interval 4 month"),
    "RecentTotal": Measure("attribute", OF, "sum(amount)", "boughton >= current_date - interval 4 month"),
    "Web": Measure("attribute", OF, "sum(amount)", "channel = 'web'"),
    "Largest": Measure("attribute", OF, "max(amount)"),
    "Lifespan": Measure("attribute", OF, "date_diff('day', min(boughton), max(boughton))"),
}
PLAIN = """
SELECT customer_id, coalesce(sum(amount), 0), avg(amount), count(boughton), min(boughton), max(boughton),
    count(*) FILTER (boughton >= TIMESTAMP '2026-07-28'),
    coalesce(sum(amount) FILTER (boughton >= TIMESTAMP '2026-07-28'), 0),
    coalesce(sum(amount) FILTER (channel = 'web'), 0), max(amount), date_diff('day', min(boughton), max(boughton))
FROM members LEFT JOIN source_shop_purchase ON contactid = members.key GROUP BY customer_id
"""
DEFINITIONS = Definitions(MEASURES, (Relationship(f"{OF}.contactid", "crm.contact.contactid"),), (), ("crm.contact",))


def main() -> None:
    """Run the benchmark and print what it found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000, help="how many purchases (default 5000000)")
    parser.add_argument("--folder", type=Path, default=unify.ROOT / "build" / "benchmark" / "measures")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    arguments = parser.parse_args()
    shutil.rmtree(arguments.folder, ignore_errors=True)
    arguments.folder.mkdir(parents=True)
    found = {"machine": unify.describe_machine(), "rows": arguments.rows} | measure(arguments.folder, arguments.rows)
    if arguments.json:
        print(json.dumps(found, indent=2))
        return
    print("Ten measures over {rows:,} purchases of a tenth as many customers".format(**found))
    print("{date} · {cores} cores, {memory_gib} GiB, {cpu} · {system}".format(**found["machine"]))
    print(f"  plain query  {found['plain']:8.2f} s")
    print(f"  in full      {found['full']:8.2f} s   {found['full'] / found['plain']:.2f} times the plain query")
    print(
        f"  0.1 % new    {found['change']:8.2f} s   {found['change'] / found['full']:.3f} of in full;"
        f" {found['touched']:,} customers touched"
    )


def measure(folder: Path, rows: int) -> dict[str, Any]:
    """Return the seconds of a plain query, of a full calculation and of one after a change."""
    with engine.open_warehouse(folder, engine.DuckDBSettings(threads=2)) as warehouse:
        warehouse.keep("members", _members(rows // 10))
        warehouse.keep("source_shop_purchase", _purchases(0, rows, rows // 10))
        warehouse.publish()
        every = _best(lambda: _run(warehouse, None))
        changes, touched = [], []
        for turn in range(3):
            first = rows + turn * rows // 1000
            change = _changes(warehouse, _purchases(first, first + rows // 1000, rows // 10))
            begun = time.perf_counter()
            touched.append(_run(warehouse, change))
            changes.append(time.perf_counter() - begun)
    with duckdb.connect(str(folder / engine.WAREHOUSE), config={"threads": 2}) as connection:
        plain = _best(lambda: connection.execute(f"CREATE OR REPLACE TEMP TABLE plain AS {PLAIN}"))
    return {"plain": plain, "full": every, "change": min(changes), "touched": touched[-1]}


def _run(warehouse: engine.Engine, change: transform.Changes | None) -> int:
    """Calculate and publish; return how many customers were calculated."""
    nothing_read = reading.Read(None, False, 0, 0, 0, 0, None, is_same=True)
    read = reading.Read(None, False, 0, 0, 0, 0, None, changes=change) if change else nothing_read
    customers = None
    if change:
        incremental.patch_source(warehouse, OF, change)
        customers = warehouse.load(shapes.MEASURES, [])
    task = _Task()
    told = measuring.Change({OF: read, "crm.contact": nothing_read}, customers)
    measuring.measure(warehouse, DEFINITIONS, told, warehouse.table("members"), NOW, lambda _: task)
    warehouse.publish()
    return task.rows or 0


def _changes(warehouse: engine.Engine, added: Any) -> transform.Changes:  # noqa: ANN401 - an Ibis table
    added = warehouse.cache(added)
    return transform.Changes(added.limit(0), added, warehouse.load(shapes.CORRUPT, []), warehouse.count(added))


def _members(customers: int) -> Any:  # noqa: ANN401 - an Ibis table
    number = ibis.range(customers).unnest().name("number").as_table()
    return number.select(
        table=ibis.literal("crm.contact"), key=_guid(number.number), customer_id=_guid(-1 - number.number)
    )


def _purchases(first: int, end: int, customers: int) -> Any:  # noqa: ANN401 - an Ibis table
    number = ibis.range(first, end).unnest().name("number").as_table()
    drawn = (number.number * 2_654_435_761) % 4_294_967_296  # Knuth's, so that it looks like chance and is the same
    return number.select(
        key=number.number.cast("string"),
        contactid=_guid(drawn % customers),
        amount=((drawn % 100_000) / 100).cast("decimal(12, 2)"),
        boughton=(ibis.timestamp("2026-11-28") - (drawn % 94_608_000).as_interval("s")).cast("timestamp(6)"),
        channel=(drawn % 3 == 0).ifelse("web", "store"),
        _row=number.number.cast("int64") + 1,
    )


def _guid(number: Any) -> Any:  # noqa: ANN401 - an Ibis column
    digits = number.cast("string").hexdigest("md5")
    parts = [digits.substr(begin, length) for begin, length in ((0, 8), (8, 4), (12, 4), (16, 4), (20, 12))]
    return ibis.literal("-").join(parts)


def _best(work: Callable[[], object]) -> float:
    def seconds() -> Iterator[float]:
        for _ in range(3):
            begun = time.perf_counter()
            work()
            yield time.perf_counter() - begun

    return min(seconds())


class _Task:
    """A task of nobody."""

    rows: int | None = None

    def __enter__(self) -> Any:  # noqa: ANN401 - it stands for a task of a run
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def detail(self, text: str) -> None:
        """Forget what was said."""

    warn = skip = detail


if __name__ == "__main__":
    main()
