"""Law 5 of linking: no personal data in logs, errors or status texts."""

from __future__ import annotations

import contextlib
import logging
import re
import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from tests import pipeline
from tests.cli import backstamp
from tests.link import meddling

from backstamp import errors
from backstamp.connect import dataverse, ports

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

NAMES = ("Augusta", "Lovelace", "Babbage", "Somerville")
EMAILS = ("augusta.lovelace@planted.example", "babbage@planted.example")
PHONES = ("+44 20 7946 0018", "7946 0019")
PLANTED = (*NAMES, r"planted\.example", r"7946\W?00")
"""What must not be found, as patterns; the last two are in every e-mail and in every phone."""
KEY = "m.somerville@planted.example"
"""The key of a member."""


class Quotes(meddling.Meddling):
    """Refuses the first row of each request that writes, or every request, in words that quote somebody."""

    def __init__(self, sink: ports.Sink, *, breaks: bool) -> None:
        super().__init__(sink)
        self._breaks = breaks

    def upsert(self, table: str, rows: pa.RecordBatch) -> list[ports.Outcome]:
        """See the class."""
        return self._quoted(self._sink.upsert(table, rows))

    def stamp(self, table: str, lookup: str, stamps: Sequence[ports.Stamp]) -> list[ports.Outcome]:
        """See the class."""
        return self._quoted(self._sink.stamp(table, lookup, stamps))

    def _quoted(self, outcomes: list[ports.Outcome]) -> list[ports.Outcome]:
        said = f"{NAMES[0]} {NAMES[1]} ({EMAILS[0]}, {PHONES[0]}) is there already."
        if self._breaks:
            raise ValueError(said)
        return [replace(outcomes[0], state="refused", code="0x80040237", message=said), *outcomes[1:]]


@pytest.fixture
def planted(tmp_path: Path) -> Iterator[pipeline.Place]:
    """A project that has never run, with people who can be found again wherever they are named."""
    pipeline.begin(tmp_path)
    types = "types: {lastname: Person.LastName, telephone1: Identity.Service.Phone, emailaddress1"
    project = (tmp_path / "backstamp.yaml").read_text().replace("types: {emailaddress1", types)
    (tmp_path / "backstamp.yaml").write_text(project)
    contacts = [
        {"contactid": pipeline.guid(number), "lastname": name, "emailaddress1": email, "telephone1": phone}
        for number, (name, email, phone) in enumerate(zip(NAMES, EMAILS * 2, PHONES * 2, strict=True), start=1)
    ]
    with pipeline.serving(tmp_path) as place, dataverse.Dataverse(place.url, lambda: "theirs") as person:
        person.upsert("contact", pa.RecordBatch.from_pylist(contacts))
        # A key that is an e-mail, the same once more, a value that is no number, and a line with too many values.
        lines = [f"{KEY},{EMAILS[0]},1\n", f"{KEY},{EMAILS[1]},2\n", f"n1,{EMAILS[1]},{NAMES[2]}\n"]
        place.edit("members.csv", lambda known: [*known, *lines, f"n2,{EMAILS[0]},3,{NAMES[3]}\n"])
        place.edit("purchases.csv", lambda known: [*known, f"{EMAILS[1]},{KEY},{NAMES[0]}\n"])
        yield place


def test_no_personal_data(planted: pipeline.Place, caplog: pytest.LogCaptureFixture) -> None:
    """No planted name, e-mail or phone is in a log, a message, a status or a plan; the words of a refusal are kept."""
    caplog.set_level(logging.DEBUG)
    told: list[str] = []
    planted.run()
    for meddle in (lambda sink: Quotes(sink, breaks=False), lambda sink: Quotes(sink, breaks=True)):
        planted.edit(
            "members.csv", lambda lines: [line.replace(",1\n", ",8\n").replace(",2\n", ",9\n") for line in lines]
        )
        planted.edit("purchases.csv", lambda lines: [line.replace("1.50", "2.50") for line in lines])
        with contextlib.suppress(ValueError):
            planted.run(meddle)
    planted.edit("members.csv", lambda lines: [f"memberid,{NAMES[0]}\n", *lines[1:]])
    with contextlib.suppress(errors.BackstampError):
        planted.run()
    for arguments in (["status"], ["status", "--history"], ["status", "--json"], ["status", "--run", "2"]):
        said = backstamp(*arguments, "--file", planted.folder / "backstamp.yaml")
        told += [said.out, said.err]
    told += [record.getMessage() + str(record.exc_text or "") for record in caplog.records]
    told += [path.read_text() for path in (planted.folder / ".backstamp").rglob("*.json")]
    told += _ledger(planted.folder, "run", "task", "journal_entry", "lease")
    assert any("refused (0x80040237: 1)" in text for text in told)
    assert not [(word, text) for text in told for word in PLANTED if re.search(word, text, re.IGNORECASE)]
    assert any(NAMES[0] in text for text in _ledger(planted.folder, "journal_exception"))


def _ledger(folder: Path, *tables: str) -> list[str]:
    """Return all that the ledger's tables hold."""
    with contextlib.closing(sqlite3.connect(folder / ".backstamp" / "ledger.sqlite")) as connection:
        rows: list[Any] = [row for table in tables for row in connection.execute(f"SELECT * FROM {table}")]
    return [repr(row) for row in rows]
