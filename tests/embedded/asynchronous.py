"""A program that works with Microsoft's asynchronous client, at the URL that it is given.

It needs a process of its own: aiohttp looks for `SSL_CERT_FILE` once, when it is imported.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

from azure.core.credentials_async import AsyncTokenCredential
from PowerPlatform.Dataverse.aio.async_client import AsyncDataverseClient
from tests.embedded.conftest import Administrator

if TYPE_CHECKING:
    from types import TracebackType

    from azure.core.credentials import AccessToken

NAMES = [f"T{number}" for number in range(7)]


class Asynchronous(AsyncTokenCredential):
    """The administrator's credential, as the asynchronous client wants it."""

    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        """Return the administrator's token."""
        return Administrator().get_token(*scopes)

    async def close(self) -> None:
        """There is nothing to close."""

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.close()


async def work(url: str) -> None:
    """Make a table, create, read, query, change and delete its rows, and delete it."""
    async with AsyncDataverseClient(url, Asynchronous()) as client:
        columns = {"new_Name": "string", "new_Size": "int"}  # the first is there anyway
        await client.tables.create("new_Thing", columns, solution="Ours")
        made = (client.records.create("new_thing", {"new_name": name, "new_size": 7}) for name in NAMES)
        keys = await asyncio.gather(*made)
        row = await client.records.retrieve("new_thing", keys[1], select=["new_name", "new_size"])
        assert row is not None
        assert (row["new_name"], row["new_size"]) == ("T1", 7)
        await client.records.update("new_thing", list(keys), {"new_size": 8})
        listed = await client.records.list("new_thing", filter="new_size eq 8", orderby=["new_name"], page_size=3)
        assert [each["new_name"] for each in listed] == NAMES
        told = await client.query.sql("SELECT TOP 2 new_name FROM new_thing ORDER BY new_name DESC")
        assert [each["new_name"] for each in told] == ["T6", "T5"]
        batch = client.batch.new()
        batch.records.create("new_thing", {"new_name": "B"})
        batch.records.delete("new_thing", keys[0])
        assert len((await batch.execute()).succeeded) == len(("created", "deleted"))
        assert await client.records.retrieve("new_thing", keys[0]) is None
        await client.tables.delete("new_thing")


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1]))
