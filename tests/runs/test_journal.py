"""What was sent to the environment and what was answered."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from backstamp.runs import EntryState, Exceptional, RowState

if TYPE_CHECKING:
    from backstamp import runs

REFUSED = Exceptional(503, RowState.REFUSED, "0x80040217", "Ada Lovelace cannot be written")
GONE = Exceptional(501, RowState.GONE, "0x80040217")


def test_sent(ledger: runs.Ledger, run: runs.Run) -> None:
    """A request is in the journal from before it leaves until its answer, as unanswered."""
    entry = ledger.journal.sent(run.number, "links-contact", 500, 250)
    (found,) = ledger.journal.unanswered()
    assert (found.id, found.work_list, found.first, found.count) == (entry, "links-contact", 500, 250)
    assert (found.state, found.answered) == (EntryState.SENT, None)
    ledger.journal.answered(entry)
    assert ledger.journal.unanswered() == []
    assert [found.state for found in ledger.journal.entries(run.number)] == [EntryState.ACKNOWLEDGED]


def test_exceptions(ledger: runs.Ledger, run: runs.Run) -> None:
    """The rows that were not written are kept, in the order of the work list, with the server's words."""
    entry = ledger.journal.sent(run.number, "links-contact", 500, 250)
    ledger.journal.answered(entry, [REFUSED, GONE])
    assert ledger.journal.exceptions(run.number) == [("links-contact", GONE), ("links-contact", REFUSED)]
    assert ledger.journal.entries(run.number)[0].exceptions == (GONE, REFUSED)


def test_no_personal_data() -> None:
    """The server's words, which can quote a name, are not in what a log would show of an exceptional row."""
    assert "Ada" not in repr(REFUSED)


def test_answered_once(ledger: runs.Ledger, run: runs.Run) -> None:
    """An answer is kept once, and for rows of its own request only; otherwise nothing changes."""
    entry = ledger.journal.sent(run.number, "links-contact", 0, 500)
    with pytest.raises(ValueError, match="not among the rows"):
        ledger.journal.answered(entry, [REFUSED])
    ledger.journal.answered(entry)
    with pytest.raises(ValueError, match="not waiting"):
        ledger.journal.answered(entry)


def test_rejected(ledger: runs.Ledger, run: runs.Run) -> None:
    """A request that was refused as a whole is settled, and its rows go again in others."""
    whole = ledger.journal.sent(run.number, "links-contact", 0, 2)
    ledger.journal.rejected(whole)
    for first in range(2):
        ledger.journal.answered(ledger.journal.sent(run.number, "links-contact", first, 1))
    states = [entry.state for entry in ledger.journal.entries(run.number)]
    assert states == [EntryState.REJECTED, EntryState.ACKNOWLEDGED, EntryState.ACKNOWLEDGED]


def test_copy(ledger: runs.Ledger, run: runs.Run) -> None:
    """A copy goes on after the last entry it has, and stops before one whose answer can still come."""
    first, second, third = (ledger.journal.sent(run.number, "keys", row, 1) for row in range(3))
    ledger.journal.answered(first)
    ledger.journal.answered(third)
    assert [entry.id for entry in ledger.journal.after(0)] == [first]
    ledger.journal.answered(second, [Exceptional(1, RowState.GONE)])
    assert [(entry.id, len(entry.exceptions)) for entry in ledger.journal.after(first)] == [(second, 1), (third, 0)]


def test_threads(ledger: runs.Ledger, run: runs.Run) -> None:
    """Many requests in flight at once each have an entry of their own."""

    def request(first: int) -> int:
        entry = ledger.journal.sent(run.number, "links-contact", first, 1)
        ledger.journal.answered(entry)
        return entry

    with ThreadPoolExecutor(8) as pool:
        entries = list(pool.map(request, range(64)))
    assert sorted(entries) == [entry.id for entry in ledger.journal.entries(run.number)]
    assert ledger.journal.unanswered() == []
