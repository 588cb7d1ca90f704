"""The file of DuckDB, beside what every warehouse does (`test_warehouse`)."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from tests.engine import land, numbers

from backstamp import engine, errors
from backstamp.engine import held

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A warehouse whose tables `old` and `both` are published."""
    with engine.DuckDB(tmp_path / "warehouse.duckdb") as warehouse:
        land(warehouse, "old", 1, 2)
        land(warehouse, "both", 3)
        warehouse.publish()
    return tmp_path / "warehouse.duckdb"


def _query(file: Path, sql: str) -> list[Any]:
    with duckdb.connect(file, read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_a_forgotten_draft_takes_no_room(file: Path) -> None:
    """No table of a draft that was not published stays in the file."""
    with engine.DuckDB(file) as warehouse:
        land(warehouse, "new", 5)
    engine.DuckDB(file).close()
    assert len(_query(file, "SELECT * FROM duckdb_tables()")) == len({"old", "both", "manifest", "aside"})


def test_people_read_views(file: Path) -> None:
    """Who opens the file with another program finds the published tables under their names."""
    assert _query(file, "SELECT n FROM old ORDER BY n") == [(1,), (2,)]
    with engine.DuckDB(file) as warehouse:
        land(warehouse, "old", 7)
        warehouse.publish()
    assert _query(file, "SELECT n FROM old") == [(7,)]


def test_publishing_is_one_moment(file: Path) -> None:
    """Where the last of many tables cannot be published, none of them is."""
    with engine.DuckDB(file) as warehouse:
        land(warehouse, "both", 4)
        land(warehouse, "last", 5)
        warehouse._connection.execute("CREATE TABLE main.last (n BIGINT)")  # its view cannot be made
        with pytest.raises(duckdb.Error):
            warehouse.publish()
    with engine.DuckDB(file) as warehouse:
        assert numbers(warehouse.table("both"), warehouse) == [3]
        assert not warehouse.has("last")
    assert _query(file, 'SELECT n FROM "both"') == [(3,)]


def test_a_file_that_is_no_warehouse(tmp_path: Path) -> None:
    """A file of another kind, or in no folder, is told as such; only a file in use is busy."""
    (tmp_path / "notes.duckdb").write_text("Not a database. " * 1000)
    for path in (tmp_path / "notes.duckdb", tmp_path / "nowhere" / "warehouse.duckdb"):
        with pytest.raises(errors.ConfigurationError, match="cannot be opened"):
            engine.DuckDB(path)


def test_settings(tmp_path: Path) -> None:
    """Threads and memory are what the project file says."""
    with engine.DuckDB(tmp_path / "w.duckdb", engine.DuckDBSettings(threads=1, memory="300MB")) as warehouse:
        found = warehouse._connection.execute("SELECT current_setting('threads'), current_setting('memory_limit')")
        assert found.fetchall() == [(1, "286.1 MiB")]


def test_the_zone_of_the_machine_does_not_matter(tmp_path: Path) -> None:
    """Text with an offset is the same time in UTC on a machine of any time zone."""
    program = """
import pyarrow as pa
from backstamp import engine
from backstamp.engine import functions
with engine.DuckDB() as opened:
    batch = pa.RecordBatch.from_pydict({"text": ["2026-07-01T00:30:00Z"]})
    table = opened.load(batch.schema, [batch])
    print(opened.rows(table.select(time=functions.utc_time(table.text))))
"""
    (tmp_path / "program.py").write_text(program)
    environment = {**os.environ, "TZ": "America/New_York"}
    command = [sys.executable, str(tmp_path / "program.py")]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "datetime.datetime(2026, 7, 1, 0, 30)" in told.stdout


def test_threads_open_and_close_at_once(file: Path) -> None:
    """Threads that open and close the file at the same moment do not get in each other's way."""

    def look(_: int) -> None:
        engine.duckdb._connect(str(file), engine.DuckDBSettings()).close()

    with ThreadPoolExecutor(40) as pool:
        list(pool.map(look, range(1000)))


def opens_elsewhere(file: Path) -> bool:
    """Whether another process can open the file."""
    command = [sys.executable, "-c", "import duckdb, sys; duckdb.connect(sys.argv[1])", str(file)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_lingering(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that a server looked at stays open for a moment, and no longer than the server."""
    monkeypatch.setattr(held, "FILES", held.Lingering())  # a server of other tests may live in this process
    with engine.lingering():
        with engine.DuckDB(file, reads_only=True):
            pass
        assert not opens_elsewhere(file)
    assert opens_elsewhere(file)
    monkeypatch.setattr(held, "SECONDS", 0.1)
    with engine.lingering():
        with engine.DuckDB(file, reads_only=True):
            pass
        time.sleep(0.5)
        assert opens_elsewhere(file)
