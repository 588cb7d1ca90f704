"""Many clients at once: no update is lost, and who follows delta links ends with an equal table."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any
from uuid import UUID

from tests.embedded.conftest import Crm
from tests.embedded.test_tracking import follow

from backstamp import embedded, odata
from backstamp.embedded import applications, records

WRITERS = 4
ROUNDS = 25


def _key(number: int) -> str:
    return str(UUID(int=number))


def _write(url: str, seed: int) -> None:
    """Create, change and delete rows that all writers share, one by one and in bulk."""
    chance = random.Random(seed)  # noqa: S311 - a test wants the same sequence each time
    crm = Crm(url)
    with crm.http:
        for step in range(ROUNDS):
            keys = chance.sample(range(60), 8)
            rows = [{"leadid": _key(number), "subject": f"{seed}-{step}"} for number in keys]
            assert crm.act("lead", odata.UPSERT_MULTIPLE, rows).status_code == 204
            deleted = crm.http.delete(f"leads({_key(chance.randrange(60))})")
            assert deleted.status_code in {204, 404}


def _replicate(url: str, finished: Event) -> dict[str, Any]:
    """Follow delta links, in small pages, until the writers are done and nothing is left to read."""
    crm = Crm(url)
    copy: dict[str, Any] = {}
    link = "leads?$select=subject,versionnumber"
    with crm.http:
        while True:
            last = finished.is_set()
            rows, deleted, link = follow(crm, link, size=7)
            copy.update((row["leadid"], row) for row in rows)
            for key in deleted:
                copy.pop(key, None)
            if last:
                return copy


def _write_slowly(database_url: str, seed: int) -> None:
    """Write a few rows at a time, as another server would, and hold the transaction open before and after."""
    chance = random.Random(seed)  # noqa: S311 - a test wants the same sequence each time
    for step in range(ROUNDS // 2):
        with applications.administering(embedded.Settings(database_url=database_url)) as session:
            time.sleep(chance.uniform(0, 0.03))
            rows = [{"leadid": _key(number), "subject": f"slow {step}"} for number in chance.sample(range(60), 5)]
            records.upsert(session, session.schema.tables["lead"], rows)
            time.sleep(chance.uniform(0, 0.03))


def test_a_follower_ends_with_an_equal_table(crm: Crm, database_url: str) -> None:
    """While several clients write, some holding on, two readers follow delta links; at the end both have the table."""
    finished = Event()
    with ThreadPoolExecutor(WRITERS + 4) as pool:
        readers = [pool.submit(_replicate, crm.url, finished) for _ in range(2)]
        writers = [pool.submit(_write, crm.url, seed) for seed in range(WRITERS)]
        writers += [pool.submit(_write_slowly, database_url, seed) for seed in range(2)]
        for writer in writers:
            writer.result()
        finished.set()
        copies = [reader.result() for reader in readers]
    table = {row["leadid"]: row for row in crm.rows("leads?$select=subject,versionnumber")}
    assert copies == [table, table]


def _count_up(url: str, key: str) -> None:
    """Add one to a column, ten times, as a careful client does: with the etag that it read."""
    crm = Crm(url)
    done = 0
    with crm.http:
        while done < 10:
            row = crm.get(f"contacts({key})?$select=numberofchildren")
            more = {"numberofchildren": row["numberofchildren"] + 1}
            response = crm.http.patch(f"contacts({key})", json=more, headers={odata.IF_MATCH: row[odata.ROW_ETAG]})
            done += response.status_code == 204


def test_no_update_is_lost(crm: Crm) -> None:
    """Clients that count up one number together, each with the etag it read, come to the right sum."""
    key = crm.create("contacts", lastname="Counter", numberofchildren=0)
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(lambda _: _count_up(crm.url, key), range(WRITERS)))
    assert crm.get(f"contacts({key})")["numberofchildren"] == 10 * WRITERS


def test_definitions_and_rows_can_be_written_together(crm: Crm) -> None:
    """Rows are read and written while columns come; nobody meets a half-made definition."""
    path = "EntityDefinitions(LogicalName='account')/Attributes"
    columns = [
        {odata.TYPE: odata.type_name("StringAttributeMetadata"), "SchemaName": f"new_c{number}"} for number in range(8)
    ]

    def write(number: int) -> list[int]:
        client = Crm(crm.url)
        with client.http as http:
            statuses = [http.post("accounts", json={"name": str(number)}).status_code for _ in range(10)]
            return [*statuses, http.get("accounts").status_code]

    with ThreadPoolExecutor(4) as pool:
        made = pool.map(lambda body: crm.http.post(path, json=body).status_code, columns)
        written = [status for statuses in pool.map(write, range(4)) for status in statuses]
    assert set(made) == {204}
    assert set(written) == {204, 200}
