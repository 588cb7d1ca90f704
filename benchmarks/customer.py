"""How long it takes to read a contact with its profile and measures in one request, from an embedded CRM on PostgreSQL.

    python benchmarks/customer.py
    python benchmarks/customer.py --rows 100000 --seconds 10
    python benchmarks/customer.py --json

Four contacts have one profile, each profile a row of attributes and one of a measure with a table of its own: tables as
hydration makes them. Requests begin at fixed times, 50 a second, whether or not earlier ones have ended; how long one
takes counts from the moment it should have begun. The database alone answers the same with one join, at the same pace.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from threading import local
from typing import TYPE_CHECKING, Any

import ibis
import psycopg
import pyarrow as pa

from backstamp import link
from backstamp.connect import dataverse, ports
from measured import versions
from unify import describe_machine
from webapi import TOKEN, connect, contact_id, send, served, start_postgresql

if TYPE_CHECKING:
    from collections.abc import Callable

SETTINGS = link.Link()
ROWS_OF_A_CUSTOMER = 4
PER_SECOND = 50
CLIENTS = 8
WANTED = 30
PROFILE, LOOKUP = link.profile_table(SETTINGS), link.lookup_name(SETTINGS)
ATTRIBUTES, BOUGHT = link.measure_table(SETTINGS), "msdynci_bought"
FIRST = "00000000-0000-5000-8000-000000000000"


def main() -> None:
    """Run the benchmark and print what it found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="how many contacts (default 1000000)")
    parser.add_argument("--seconds", type=float, default=60, help="how long each is measured (default 60)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        database = start_postgresql(stack)
        url = stack.enter_context(served(database))
        make_tables(url)
        fill_tables(database, arguments.rows)
        found = {
            "database": paced(asking_database(database, stack), arguments.rows, arguments.seconds),
            "ours": paced(asking_web_api(url, stack), arguments.rows, arguments.seconds),
        }
    numbers = versions("sqlalchemy", "psycopg", "uvicorn", "orjson")
    facts = {"machine": describe_machine(), "versions": numbers, "rows": arguments.rows, **found}
    print(json.dumps(facts, indent=2)) if arguments.json else print_facts(facts)


def print_facts(facts: dict[str, Any]) -> None:
    """Print a line for each of both."""
    print(f"Contact, profile and measures in one request, {PER_SECOND} a second")
    print("{date} · {cores} cores, {memory_gib} GiB, {cpu} · {system}".format(**facts["machine"]))
    print(" · ".join(f"{name} {number}" for name, number in facts["versions"].items()))
    print(f"\n{facts['rows']:,} contacts, {facts['rows'] // ROWS_OF_A_CUSTOMER:,} profiles")
    for name, label in (("database", "one join in the database"), ("ours", "one request to the Web API")):
        told = facts[name]
        print(
            f"  {label:<28} {told['requests']:,} requests: median {told['p50']:.2f} ms, 99th percentile"
            f" {told['p99']:.2f} ms, longest {told['longest']:.2f} ms"
            + (f" (wanted: 99th percentile {WANTED} ms)" if name == "ours" else "")
        )


def make_tables(url: str) -> None:
    """Make our tables and the lookup as hydration does, and a row in each."""
    texts = ("customer_id", "previous_customer_id", "FullName", "City")
    schema = dict.fromkeys(texts, "string") | {"made_in_run": "int64"}
    profiles = ibis.memtable([dict.fromkeys(texts, FIRST) | {"made_in_run": 1}], schema=schema)
    attributes = ibis.memtable({"customer_id": [FIRST], "Spent": [1.5], "Tier": ["gold"]})
    bought = ibis.memtable({"customer_id": [FIRST], "Number": [3], "Largest": [9.5]})
    own = (
        link.desired_profiles(SETTINGS, profiles),
        link.desired_attributes(SETTINGS, attributes),
        link.desired_measure(SETTINGS, (BOUGHT, "Bought"), bought),
    )
    with dataverse.Dataverse(url, lambda: TOKEN) as sink:
        for table in own:
            sink.create_table(table.definition)
            names = [table.definition.key, *(column.name for column in table.definition.columns)]
            for batch in table.rows.select(*names).to_pyarrow().to_batches():
                sink.upsert(table.definition.name, batch)
        sink.create_column("contact", ports.Column(LOOKUP, pa.string(), lookup_to=PROFILE, display_name="Profile"))
        sink.upsert("contact", pa.RecordBatch.from_pylist([{"contactid": contact_id(0), "lastname": "Last"}]))


def fill_tables(database: str, contacts: int) -> None:
    """Let the database copy the row of each table, with a key and values of its own for each."""
    customers = contacts // ROWS_OF_A_CUSTOMER
    profile = "to_char(n, 'FM00000000') || '-0000-5000-8000-000000000000'"
    fill = {
        PROFILE: (customers, {f"{PROFILE}id": profile, "msdynci_fullname": "'Full name ' || n"}),
        ATTRIBUTES: (customers, {f"{ATTRIBUTES}id": profile, PROFILE: profile, "msdynci_spent": "n"}),
        BOUGHT: (customers, {f"{BOUGHT}id": profile, PROFILE: profile, "msdynci_number": "mod(n, 90)"}),
        "contact": (
            contacts,
            {
                "contactid": "to_char(n, 'FM00000000') || '-0000-7000-b000-000000000000'",
                "fullname": "'Full name ' || n",
                LOOKUP: f"to_char(n / {ROWS_OF_A_CUSTOMER}, 'FM00000000') || '-0000-5000-8000-000000000000'",
            },
        ),
    }
    with psycopg.connect(database, autocommit=True) as connection:
        for table, (rows, values) in fill.items():
            made = ", ".join(f"'{name}', {value}" for name, value in values.items())
            connection.execute(
                f"INSERT INTO {table} SELECT made.* FROM {table}, generate_series(1, {rows - 1}) AS n,"
                f" jsonb_populate_record({table}, jsonb_build_object({made})) AS made"
            )
            connection.execute(f"VACUUM (ANALYZE) {table}")


def asking_web_api(url: str, stack: ExitStack) -> Callable[[str], None]:
    """Return what reads a contact, its profile and its measures in one request, on a connection for each thread."""
    one, other = (f"{PROFILE}_{table}_{PROFILE}" for table in (ATTRIBUTES, BOUGHT))
    measures = f"{one}($select=msdynci_spent,msdynci_tier),{other}($select=msdynci_number,msdynci_largest)"
    query = f"?$select=fullname&$expand={LOOKUP}($select=msdynci_fullname,msdynci_city;$expand={measures})"
    kept = local()

    def ask(contact: str) -> None:
        if not hasattr(kept, "connection"):
            kept.connection = stack.enter_context(closing(connect(url)))
        row = send(kept.connection, "GET", f"contacts({contact}){query}")
        if not (row[LOOKUP][one] and row[LOOKUP][other]):
            raise LookupError(contact)

    return ask


def asking_database(database: str, stack: ExitStack) -> Callable[[str], None]:
    """Return what reads the same with one statement."""
    statement = (
        "SELECT c.fullname, p.msdynci_fullname, p.msdynci_city, a.msdynci_spent, a.msdynci_tier, b.msdynci_number,"
        f" b.msdynci_largest FROM contact c JOIN {PROFILE} p ON p.{PROFILE}id = c.{LOOKUP}"
        f" LEFT JOIN {ATTRIBUTES} a ON a.{PROFILE} = p.{PROFILE}id LEFT JOIN {BOUGHT} b ON b.{PROFILE} = p.{PROFILE}id"
        " WHERE c.contactid = %s"
    )
    kept = local()

    def ask(contact: str) -> None:
        if not hasattr(kept, "connection"):
            kept.connection = stack.enter_context(psycopg.connect(database, autocommit=True))
        if kept.connection.execute(statement, [contact]).fetchone() is None:
            raise LookupError(contact)

    return ask


def paced(ask: Callable[[str], None], rows: int, seconds: float) -> dict[str, float]:
    """Ask for contacts at random at a fixed pace; return milliseconds, counted from when each was to begin."""
    chance = random.Random(1)  # noqa: S311 - not for secrets
    begin = time.perf_counter() + 1

    def work(turn: int, contact: str) -> float:
        due = begin + turn / PER_SECOND
        time.sleep(max(0, due - time.perf_counter()))
        ask(contact)
        return 1000 * (time.perf_counter() - due)

    with ThreadPoolExecutor(CLIENTS) as pool:
        turns = range(int(seconds * PER_SECOND))
        taken = sorted(pool.map(work, turns, [contact_id(chance.randrange(1, rows)) for _ in turns]))
    return {
        "requests": len(taken),
        "p50": taken[len(taken) // 2],
        "p99": taken[len(taken) * 99 // 100],
        "longest": taken[-1],
    }


if __name__ == "__main__":
    main()
