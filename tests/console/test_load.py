"""Many read while a run writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import readers

if TYPE_CHECKING:
    from tests.console import Served


def test_fifty_readers(copied: Served) -> None:
    """Fifty readers at once are all answered while a run over everything goes on, which loses nothing by it."""
    found = readers.read_while_running(readers.Server(copied.url, copied.site.local_token), readers.Readers(50))
    assert (found.errors, len(found.seconds) > 50) == ([], True)
    last = copied.site.status.last()
    assert last is not None
    assert (last.status, last.warnings) == ("Successful", 0)
