"""What the search index costs, and how fast customers are found by it.

    python benchmarks/searching.py --people 1000000

On the people of `benchmarks/unify.py`, unified in a warehouse file: the index is made as a whole, then brought up for a
thousand customers; then every kind of question is asked, each for many customers, and by name also with few letters,
which fit very many. Times are of one question as the API asks it, one after the other, from opening the warehouse to
closing it: by the clock, and of processors, for a machine that is not alone.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import company
import unify
from backstamp import engine
from backstamp.pipeline import searching
from measured import Stopwatch
from ours import Silent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

QUESTIONS = 20
SETTINGS = engine.DuckDBSettings(threads=2, memory="4GB")


def main() -> None:
    """Run the benchmark and print what it found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=1_000_000, help="how many people")
    parser.add_argument("--folder", type=Path, default=unify.ROOT / "build" / "benchmark", help="keeps the people")
    arguments = parser.parse_args()
    folder = arguments.folder / str(arguments.people)
    if not (folder / "truth.parquet").exists():
        unify.run(unify.PYTHON, "company.py", "make", folder, arguments.people)
    if not (folder / "warehouse.duckdb").exists():
        unify.run(unify.PYTHON, "ours.py", "read", folder)
        unify.run(unify.PYTHON, "ours.py", "unify", folder)
    print(json.dumps(measure(folder), indent=2))


def measure(folder: Path) -> dict[str, Any]:
    """Return what the index costs, and what questions take, in seconds."""
    watch = Stopwatch()
    with engine.DuckDB(folder / engine.WAREHOUSE, SETTINGS) as warehouse:
        with watch.phase("index"):
            searching.index(warehouse, company.SETTINGS, None, Silent())
            warehouse.publish()
        values = warehouse.table("profile_values")
        with watch.phase("a thousand customers"):
            some = warehouse.cache(values.select("customer").order_by("customer").limit(1_000))
            searching.index(warehouse, company.SETTINGS, some, Silent())
            warehouse.publish()
        terms = warehouse.count(warehouse.table(searching.INDEX))
        customers = warehouse.count(values)
        rows = warehouse.rows(values.order_by(values.customer_id).limit(QUESTIONS))
    with engine.lingering():
        asked = {kind: [time_of(folder, ask(row)) for row in rows if ask(row)] for kind, ask in KINDS.items()}
    told = {
        kind: [middle_and_worst(of_clock) for of_clock in zip(*times, strict=True)] for kind, times in asked.items()
    }
    return {"customers": customers, "terms": terms, "seconds": watch.phases, "questions": told}


def middle_and_worst(times: Sequence[float]) -> dict[str, float]:
    """Return the median and the worst time."""
    return {"median": round(sorted(times)[len(times) // 2], 4), "worst": round(max(times), 4)}


KINDS: dict[str, Callable[[dict[str, Any]], str]] = {
    "CustomerId": lambda row: row["customer_id"],
    "e-mail": lambda row: row["Email"] or "",
    "phone": lambda row: (row["Phone"] or "")[-9:],
    "name": lambda row: f"{row['FirstName'] or ''} {row['LastName'] or ''}",
    "beginnings of a name": lambda row: f"{(row['FirstName'] or '')[:3]} {(row['LastName'] or '')[:3]}",
    "a letter": lambda row: (row["LastName"] or "")[:1],
}


def time_of(folder: Path, text: str) -> tuple[float, float]:
    """Return how long a question takes, in seconds, and how long processors were busy with it."""
    began, worked = time.perf_counter(), time.process_time()
    found = searching.search(folder, SETTINGS, text)
    taken = time.perf_counter() - began, time.process_time() - worked
    if not found:
        print("NOT", repr(text))
    return taken


if __name__ == "__main__":
    main()
