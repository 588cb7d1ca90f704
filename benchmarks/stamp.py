"""What linking does in a second, beside the most that the same server takes.

    python benchmarks/stamp.py
    python benchmarks/stamp.py --sizes 100000,1000000
    python benchmarks/stamp.py --json

Contacts stand in the embedded CRM on PostgreSQL, which lives as long as the benchmark; four contacts are a customer.
Three runs link them: a first one, one in which a hundredth of the contacts belong to another customer, and one with
nothing changed; each is planned from the tables of the warehouse, and sent by the task that links, through journal and
pace, in requests of the size that is best in the loop. Profiles are written before; alternate keys are planned, and
taken for written. The limit is a loop over `UpdateMultiple` with nothing around it, with the size and the number of
requests at once that are the best of nine, measured just before the first run and just after it. Planning, sending and
the loop are processes of their own; they, the server and PostgreSQL share the cores of this machine.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

import unify
import webapi
from backstamp import embedded
from measured import versions

if TYPE_CHECKING:
    from unify import Facts

CHANGED = 100
"""One contact of so many moves in the second run."""
LIMIT_SECONDS = 15
PROTECTED = embedded.Limits(requests=80, window_seconds=10)
PROTECTED_SIZE = 100
"""Service protection on a small scale, and small requests: half of 100,000 contacts meet it several times."""
DEFAULT_SIZE = 500
AT_ONCE = 8
"""How many requests at once the server hints: the most that the loop tries."""
WANTED = {"share": 0.85, "plan": 5, "protected": 0.9}


def main() -> None:
    """Run the benchmark and print what it found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="100000,300000,1000000", help="how many contacts, joined by commas")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    arguments = parser.parse_args()
    sizes = [int(size) for size in arguments.sizes.split(",")]
    names = ("backstamp", "httpx2", "orjson", "pyarrow", "duckdb", "sqlalchemy", "psycopg", "uvicorn")
    heading = {"machine": unify.describe_machine(), "versions": versions(*names)}
    if not arguments.json:
        print("Linking, beside the most that the same server takes")
        print("{date} · {cores} cores, {memory_gib} GiB, {cpu} · {system}".format(**heading["machine"]))
        print(" · ".join(f"{name} {number}" for name, number in heading["versions"].items()), flush=True)
    results = []
    for size in sizes:
        results.append(measure(size, more=size == min(sizes)))
        if not arguments.json:
            print_result(results[-1])
            sys.stdout.flush()
    if arguments.json:
        print(json.dumps({**heading, "results": results}, indent=2))


def measure(rows: int, *, more: bool) -> Facts:
    """Return what runs over so many contacts come to."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="backstamp-")))
        database = webapi.start_postgresql(stack)

        def tell(*arguments: object) -> Facts:
            return unify.tell_of(unify.PYTHON, "stamping.py", *arguments)

        with webapi.served(database, dop_hint=AT_ONCE) as url:
            make_contacts(url, database, rows)
            plans = [tell("plan", folder, 1, rows, 0)]
            profiles = tell("profiles", folder, 1, url)
            before = tell("limit", url, rows, LIMIT_SECONDS)
            links = [tell("links", folder, 1, url, before["size"])]
            after = tell("limit", url, rows, LIMIT_SECONDS)
            moved = rows // CHANGED
            for run in (2, 3):
                plans.append(tell("plan", folder, run, rows, moved))
                tell("profiles", folder, run, url)
                links.append(tell("links", folder, run, url, before["size"]))
            result = {"rows": rows, "plans": plans, "links": links, "profiles": profiles, "limits": [before, after]}
            if not more:
                return result
            tell("plan", folder, 4, rows, rows)
            result["default"] = tell("links", folder, 4, url, DEFAULT_SIZE)
        with webapi.served(database, dop_hint=AT_ONCE, limits=PROTECTED) as url:
            tell("plan", folder, 5, rows, rows // 2)
            result["protected"] = tell("links", folder, 5, url, PROTECTED_SIZE)
        return result


def make_contacts(url: str, database: str, count: int) -> None:
    """Create one contact through the API; let the database copy it, with names of its own for each."""
    with closing(webapi.connect(url)) as connection:
        webapi.send(connection, "POST", "contacts", {"contactid": webapi.contact_id(0), "lastname": "Last"})
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            """
            INSERT INTO contact
            SELECT made.* FROM contact, generate_series(1, %s) AS n,
                jsonb_populate_record(contact, jsonb_build_object(
                    'contactid', to_char(n, 'FM00000000') || '-0000-7000-b000-000000000000',
                    'firstname', 'First' || mod(n, 1000), 'lastname', 'Last' || n / 1000, 'fullname', 'Full name ' || n,
                    'emailaddress1', 'person' || n || '@example.com', 'telephone1', '+49 30 ' || n,
                    'versionnumber', contact.versionnumber + n)) AS made
            """,
            [count - 1],
        )
        connection.execute(
            "UPDATE _counter SET value = (SELECT max(versionnumber) FROM contact) WHERE name LIKE 'row%'"
        )
        connection.execute("VACUUM (ANALYZE) contact")


def print_result(result: Facts) -> None:
    """Print a line for each measure."""
    rows, limits = result["rows"], result["limits"]
    limit = sum(one["rate"] for one in limits) / len(limits)
    print(f"\n{rows:,} contacts, {rows // 4:,} customers")
    print(f"  profiles: {rate(result['profiles']):,.0f} rows/s")
    trials = ", ".join(f"{one['size']} rows, {one['clients']} at once: {one['rate']:,.0f} rows/s" for one in limits)
    print(f"  the limit, before and after the first run: {trials}; {limit:,.0f} on average")
    names = ("first run", "1 % changed", "nothing changed")
    for name, plan, links in zip(names, result["plans"], result["links"], strict=True):
        wall, cpu = (sum(phase[kind] for phase in plan["phases"].values()) for kind in ("wall", "cpu"))
        print(
            f"  {name:<16} {links['rows']:>9,} links in {links['wall']:>7.2f} s: {rate(links):>7,.0f} rows/s,"
            f" {rate(links) / limit:.2f} of the limit; {links['cpu'] * 1e6 / max(links['rows'], 1):.0f} µs of CPU"
            f" a row; {links['writes']:,} requests; peak {links['peak']:.2f} GiB;"
            f" planned in {wall:.1f} s, {cpu:.1f} s of CPU (wanted {WANTED['plan']}), peak {plan['peak']:.2f} GiB"
        )
    print(f"  {rate(result['links'][0]) / limit:.2f} of the limit in the first run, wanted {WANTED['share']}")
    if "protected" in result:
        usual = result["default"]
        print(
            f"  {rate(usual) / limit:.2f} of the limit with requests of {usual['size']} rows: {rate(usual):,.0f} rows/s"
        )
        print_protected(result["protected"])


def print_protected(links: Facts) -> None:
    """Print how near a run came to what service protection allows: a full window of requests at once, then the next."""
    requests = links["writes"] + links["reads"]
    windows = -(-requests // PROTECTED.requests)
    least = (windows - 1) * PROTECTED.window_seconds
    print(
        f"  with {PROTECTED.requests} requests allowed in {PROTECTED.window_seconds:g} s: {links['rows']:,} links in"
        f" {requests:,} requests and {links['wall']:.1f} s, of which {least:.0f} s is the least that"
        f" is allowed: {least / links['wall']:.2f}, wanted {WANTED['protected']}"
    )


def rate(facts: Facts) -> float:
    """Return rows per second."""
    return float(facts["rows"] / facts["wall"])


if __name__ == "__main__":
    main()
