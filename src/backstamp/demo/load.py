"""Brings the made-up company's contacts and leads into its CRM, as a person would who may change its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from backstamp import errors
from backstamp.connect import ports

if TYPE_CHECKING:
    from collections.abc import Callable

    from backstamp.demo.company import Company

BIRTHDATE = ports.Column("new_birthdate", pa.date32(), display_name="Birthday")
"""The column that the company added to the leads of its CRM."""
ROWS_BETWEEN_REPORTS = 2_000


def load(sink: ports.Sink, company: Company, on_progress: Callable[[str, int, int], None]) -> None:
    """Write the company's contacts and leads into the CRM; doing it twice is harmless.

    Args:
        sink: the CRM, signed in as its administrator.
        company: whose rows they are.
        on_progress: is told a table's name, how many of its rows are written, and how many there are.

    Raises:
        RefusedError: the CRM did not take a row.
    """
    sink.create_column("lead", BIRTHDATE)
    for name, rows in (("contact", company.contact), ("lead", company.lead)):
        for start in range(0, rows.num_rows, ROWS_BETWEEN_REPORTS):
            part = rows.slice(start, ROWS_BETWEEN_REPORTS)
            write(sink, name, part)
            on_progress(name, start + part.num_rows, rows.num_rows)


def write(sink: ports.Sink, table: str, rows: pa.Table) -> None:
    """Create or update rows of a CRM table by key.

    Raises:
        RefusedError: the CRM did not take a row.
    """
    for batch in rows.to_batches():
        require(table, sink.upsert(table, batch))


def require(table: str, outcomes: list[ports.Outcome]) -> None:
    """Raise a `RefusedError` unless every row was written."""
    failed = [outcome for outcome in outcomes if outcome.state != "acknowledged"]
    if failed:
        raise errors.RefusedError(
            f"The CRM did not take {len(failed)} of {len(outcomes)} rows of {table} (the first: {failed[0].state}"
            f" {failed[0].code}): is it the demo's own, as `backstamp demo` made it?",
            code=failed[0].code,
        )
