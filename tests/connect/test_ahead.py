"""Pages fetched side by side, with threads and files."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from backstamp import errors
from backstamp.connect import ports
from backstamp.connect.ahead import Ahead

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = 60


def page(number: int) -> ports.Change:
    """A page of one row."""
    rows = pa.RecordBatch.from_pydict({"key": [number]})
    return ports.Change(rows, (f"gone {number}",), token=f"token {number}", ended=f"reason {number}")


def numbers(pages: Iterator[ports.Change]) -> list[int]:
    """The rows of all pages."""
    return [row["key"] for each in pages for row in each.rows.to_pylist()]


def test_tables_side_by_side(tmp_path: Path) -> None:
    """All tables are being fetched before anybody takes the first page of one."""
    together = threading.Barrier(3)

    def pages(first: int) -> Iterator[ports.Change]:
        together.wait(PATIENCE)
        yield from map(page, range(first, first + 3))

    with Ahead(tmp_path / "ahead") as side_by_side:
        tables = [side_by_side.fetch(pages(first)) for first in (0, 10, 20)]
        assert [numbers(table) for table in tables] == [[0, 1, 2], [10, 11, 12], [20, 21, 22]]


def test_pages_stay_what_they_are(tmp_path: Path) -> None:
    """A page keeps its rows, deletions, token and reason, and its file goes when it is taken."""
    told = page(1)
    with Ahead(tmp_path / "ahead") as side_by_side:
        [taken] = side_by_side.fetch(iter([told]))
        assert taken == told
        assert not list((tmp_path / "ahead").iterdir())
    assert not (tmp_path / "ahead").exists()


def test_a_table_that_fails(tmp_path: Path) -> None:
    """What reading a table raises comes after the pages before it, and no other table loses anything."""

    def broken() -> Iterator[ports.Change]:
        yield page(1)
        raise errors.TransientError("no answer")

    with Ahead(tmp_path / "ahead") as side_by_side:
        failing, other = side_by_side.fetch(broken()), side_by_side.fetch(map(page, range(2)))
        assert next(failing).rows.num_rows == 1
        with pytest.raises(errors.TransientError, match="no answer"):
            next(failing)
        assert numbers(other) == [0, 1]


def test_left_in_the_middle(tmp_path: Path) -> None:
    """Who leaves ends the fetching at the next page, and no file stays, not of a process that was killed either."""
    ended, left = threading.Event(), threading.Event()

    def endless() -> Iterator[ports.Change]:
        try:
            yield page(0)
            left.wait(PATIENCE)
            while True:
                yield page(1)
        finally:
            ended.set()

    (tmp_path / "ahead").mkdir()
    (tmp_path / "ahead" / "1-0.arrow").touch()
    with Ahead(tmp_path / "ahead") as side_by_side:
        next(side_by_side.fetch(endless()))
    left.set()
    assert ended.wait(PATIENCE)
    assert not (tmp_path / "ahead").exists()
