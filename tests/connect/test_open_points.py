"""What is not known of real organizations: the connector comes to the same under either answer."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from backstamp import embedded, errors
from backstamp.connect import dataverse, ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PEOPLE = pa.RecordBatch.from_pylist([{"contactid": str(uuid.UUID(int=n)), "lastname": f"P{n}"} for n in range(7)])


@contextmanager
def connected(folder: Path, **switches: Any) -> Iterator[dataverse.Dataverse]:
    """A CRM that is set in some way, with seven contacts, and a connection to it."""
    settings = embedded.Settings(database_url=f"sqlite:///{folder}/crm.sqlite", **switches)
    with (
        embedded.serving(settings, {"token": embedded.ADMINISTRATOR}) as url,
        dataverse.Dataverse(url, lambda: "token") as crm,
    ):
        crm.upsert("contact", PEOPLE)
        yield crm


def token_of(crm: ports.Sink) -> str:
    """Read contacts; return where the next read goes on."""
    return list(crm.read("contact", ["lastname"]))[-1].token or ""


@pytest.mark.parametrize("status", [400, 404, 410, 412])
def test_status_of_an_expired_token(tmp_path: Path, status: int) -> None:
    """Whichever status an expired token has, the feed has ended, and it is told why."""
    with connected(tmp_path, expired_delta_status=status) as crm:
        token = token_of(crm)
        crm.create_column("contact", ports.Column("new_score", pa.int32()))
        with pytest.raises(errors.FeedEndedError, match=r"ended, because the table's definition changed: read"):
            list(crm.read("contact", ["lastname"], token))


def test_tokens_that_are_too_old(tmp_path: Path) -> None:
    """A token that the organization keeps no more is told with its age and for how long it is kept."""
    with connected(tmp_path, delta_days=0) as crm:
        token = token_of(crm).replace("%2F20", "%2F19")
        with pytest.raises(errors.FeedEndedError, match=r"its token is 36,?\d+ days old .* keeps changes for 0: read"):
            list(crm.read("contact", ["lastname"], token))


def test_new_column_that_ends_no_feed(tmp_path: Path) -> None:
    """Where a new column does not end a feed it goes on."""
    with connected(tmp_path, expire_on_metadata_change=False) as crm:
        token = token_of(crm)
        crm.create_column("contact", ports.Column("new_score", pa.int32()))
        assert sum(page.rows.num_rows for page in crm.read("contact", ["lastname"], token)) == 0


@pytest.mark.parametrize("size", [2, 5000])
def test_paged_delta(tmp_path: Path, size: int) -> None:
    """Whether or not a delta comes in pages, every change comes once."""
    with connected(tmp_path, max_page_size=size) as crm:
        token = token_of(crm)
        crm.upsert("contact", PEOPLE)
        pages = list(crm.read("contact", ["lastname"], token))
        assert sum(page.rows.num_rows for page in pages) == 7
        assert (len(pages) > 1) == (size == 2)


def test_table_without_change_tracking(tmp_path: Path) -> None:
    """A table that does not track its changes is refused with the remedy, before a row is read."""
    with connected(tmp_path) as crm, pytest.raises(errors.SourceError, match=r"turn on \*Track changes\*"):
        list(crm.read("systemuser", ["fullname"]))
