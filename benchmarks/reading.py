"""How long tables of a CRM take to read into a warehouse: one after the other, and side by side.

    python benchmarks/reading.py
    python benchmarks/reading.py --rows 100000 --pause 0.5

The CRM is the embedded one, on SQLite, without limits, a process of its own on this machine; each page can be made to
take longer, as those of an organization do, which answers from far away and works for others too.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from backstamp import engine as engines
from backstamp.connect import ahead, dataverse
from measured import versions
from unify import describe_machine
from webapi import TOKEN, served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backstamp.connect import ports

TABLES = ("contact", "lead", "account")
COLUMNS = ("emailaddress1", "telephone1", "address1_line1", "address1_city", "address1_postalcode")
AT_ONCE = 5_000


def main() -> None:
    """Run the benchmark and print what it found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000, help="of each of the three tables (default 100000)")
    parser.add_argument("--pause", type=float, default=0.5, help="seconds that a page takes longer (default 0.5)")
    arguments = parser.parse_args()
    print("{date} · {cores} cores, {memory_gib} GiB, {cpu} · {system}".format(**describe_machine()))
    print(" · ".join(f"{name} {number}" for name, number in versions("duckdb", "pyarrow", "httpx2").items()))
    print(f"\n{len(TABLES)} tables of {arguments.rows:,} rows, seconds{'one by one':>32}{'side by side':>16}")
    with tempfile.TemporaryDirectory() as folder, served(f"sqlite:///{folder}/crm.sqlite") as url:
        make_rows(url, arguments.rows)
        for pause in dict.fromkeys((0.0, arguments.pause)):
            one_by_one = seconds(url, Path(folder), pause, is_ahead=False)
            side_by_side = seconds(url, Path(folder), pause, is_ahead=True)
            print(f"{f'pages that take {pause} s longer':<52}{one_by_one:>16.1f}{side_by_side:>16.1f}")


def make_rows(url: str, count: int) -> None:
    """Fill the tables."""
    with dataverse.Dataverse(url, lambda: TOKEN, batch_size=1_000) as crm:
        for table in TABLES:
            for start in range(0, count, AT_ONCE):
                numbers = range(start, min(start + AT_ONCE, count))
                keys = {f"{table}id": [f"{number:08}-0000-7000-a000-000000000000" for number in numbers]}
                values = {name: [f"{name} {number}" for number in numbers] for name in COLUMNS[:-1]}
                codes = {COLUMNS[-1]: [f"{number % 90_000:05}" for number in numbers]}
                crm.upsert(table, pa.RecordBatch.from_pydict(keys | values | codes))


def seconds(url: str, folder: Path, pause: float, *, is_ahead: bool) -> float:
    """Return how long it takes to read all tables into a new warehouse."""
    with reading(url, folder) as (crm, engine), ahead.Ahead(folder / "ahead") as side_by_side:
        began = time.perf_counter()
        pages = {table: slowly(crm.read(table, COLUMNS), pause) for table in TABLES}
        if is_ahead:
            pages = {table: side_by_side.fetch(each) for table, each in pages.items()}
        for each in pages.values():
            first = next(each)
            engine.load(first.rows.schema, batches(first, each))
        return time.perf_counter() - began


@contextmanager
def reading(url: str, folder: Path) -> Iterator[tuple[dataverse.Dataverse, engines.Engine]]:
    """Give a connection that knows the tables, and a warehouse."""
    with (
        tempfile.TemporaryDirectory(dir=folder) as state,
        engines.open_warehouse(Path(state)) as engine,
        dataverse.Dataverse(url, lambda: TOKEN) as crm,
    ):
        for table in TABLES:
            crm.define(table)
        yield crm, engine


def slowly(pages: Iterator[ports.Change], pause: float) -> Iterator[ports.Change]:
    """Give pages that take so much longer."""
    for page in pages:
        time.sleep(pause)
        yield page


def batches(first: ports.Change, others: Iterator[ports.Change]) -> Iterator[pa.RecordBatch]:
    """Give the rows of pages."""
    yield first.rows
    yield from (page.rows for page in others)


if __name__ == "__main__":
    main()
