"""The warehouse file: what a run keeps is seen by nobody until it is published, then whole."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pytest

from backstamp import engine, errors, shapes

if TYPE_CHECKING:
    from pathlib import Path

NUMBERS = shapes.shape(n=pa.int64())


def land(warehouse: engine.Engine, name: str, *numbers: int) -> None:
    """Keep a table of one column in the draft."""
    batch = pa.RecordBatch.from_pydict({"n": list(numbers)}, schema=NUMBERS)
    warehouse.land(name, NUMBERS, [batch])


def numbers(table: Any, warehouse: engine.Engine) -> list[int]:
    """Return what is in it, in ascending order."""
    return sorted(row["n"] for row in warehouse.rows(table))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A warehouse whose tables `old` and `both` are published."""
    with engine.DuckDB(tmp_path / "warehouse.duckdb") as warehouse:
        land(warehouse, "old", 1, 2)
        land(warehouse, "both", 3)
        warehouse.publish()
    return tmp_path / "warehouse.duckdb"


def test_draft(file: Path) -> None:
    """A run sees its draft where it has a table, the published one elsewhere; `published` never shows the draft."""
    with engine.DuckDB(file) as warehouse:
        land(warehouse, "both", 4)
        land(warehouse, "new", 5)
        assert [numbers(warehouse.table(name), warehouse) for name in ("old", "both", "new")] == [[1, 2], [4], [5]]
        assert numbers(warehouse.published("both"), warehouse) == [3]
        assert warehouse.published("new") is None
        assert [warehouse.has(name) for name in ("old", "new", "none")] == [True, True, False]
        with pytest.raises(KeyError):
            warehouse.table("none")


def test_publishing_makes_the_draft_the_published_one(file: Path) -> None:
    """After `publish` its tables are the published ones, and those that it has no table for stay."""
    with engine.DuckDB(file) as warehouse:
        land(warehouse, "both", 4)
        land(warehouse, "new", 5)
        warehouse.publish()
        assert numbers(warehouse.published("both"), warehouse) == [4]
    with engine.DuckDB(file) as warehouse:
        assert [numbers(warehouse.table(name), warehouse) for name in ("old", "both", "new")] == [[1, 2], [4], [5]]


def test_a_table_made_of_its_own_last_state(file: Path) -> None:
    """A table can be kept under its own name as often as a run likes; the last one counts."""
    with engine.DuckDB(file) as warehouse:
        for _ in range(3):
            table = warehouse.table("both")
            warehouse.keep("both", table.mutate(n=table.n + 1))
        assert numbers(warehouse.published("both"), warehouse) == [3]
        warehouse.publish()
        assert numbers(warehouse.table("both"), warehouse) == [6]


def test_views(file: Path) -> None:
    """A view shows kept tables as they are; it is published with them and is there after reopening."""
    with engine.DuckDB(file) as warehouse:
        land(warehouse, "both", 4, 5)
        table = warehouse.table("both")
        warehouse.view("large", table.filter(table.n > 4))
        warehouse.publish()
    with engine.DuckDB(file) as warehouse:
        assert numbers(warehouse.table("large"), warehouse) == [5]
    assert _query(file, "SELECT n FROM large") == [(5,)]


def test_discarding(file: Path) -> None:
    """What a run discards is not published with the rest; the published table stays."""
    with engine.DuckDB(file) as warehouse:
        land(warehouse, "both", 4)
        land(warehouse, "old", 5)
        warehouse.discard("both")
        assert numbers(warehouse.table("both"), warehouse) == [3]
        warehouse.publish()
        assert [numbers(warehouse.table(name), warehouse) for name in ("old", "both")] == [[5], [3]]


def test_a_draft_that_was_not_published_is_forgotten(file: Path) -> None:
    """Closing without publishing leaves the run before, and no table of the draft takes room in the file."""
    with engine.DuckDB(file) as warehouse:
        land(warehouse, "both", 4)
        land(warehouse, "new", 5)
    with engine.DuckDB(file) as warehouse:
        assert numbers(warehouse.table("both"), warehouse) == [3]
        assert not warehouse.has("new")
    assert len(_query(file, "SELECT * FROM duckdb_tables()")) == len({"old", "both", "manifest"})


def _query(file: Path, sql: str) -> list[Any]:
    with duckdb.connect(file, read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_people_read_views(file: Path) -> None:
    """Who opens the file with another program finds the published tables under their names."""
    assert _query(file, "SELECT n FROM old ORDER BY n") == [(1,), (2,)]
    with engine.DuckDB(file) as warehouse:
        land(warehouse, "old", 7)
        warehouse.publish()
    assert _query(file, "SELECT n FROM old") == [(7,)]


WRITER = textwrap.dedent("""
    import sys, time
    import pyarrow as pa
    from backstamp import engine, shapes

    schema = shapes.shape(n=pa.int64())

    def batches():
        for number in range(1_000_000):
            yield pa.RecordBatch.from_pydict({"n": [number] * 1000}, schema=schema)
            if number == 100:
                print("writing", flush=True)

    with engine.DuckDB(sys.argv[1]) as warehouse:
        warehouse.land("both", schema, [pa.RecordBatch.from_pydict({"n": [4]}, schema=schema)])
        warehouse.land("old", schema, batches())
        warehouse.publish()
""")


def test_killed_while_it_writes(file: Path) -> None:
    """A process that is killed in the middle of writing leaves the run before, whole; another waits no longer."""
    with subprocess.Popen([sys.executable, "-c", WRITER, file], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "writing\n"
        with pytest.raises(errors.BusyError, match="open in another process"):
            engine.DuckDB(file)
        writer.kill()
    with engine.DuckDB(file) as warehouse:
        assert numbers(warehouse.table("old"), warehouse) == [1, 2]
        assert numbers(warehouse.table("both"), warehouse) == [3]


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


def test_names_are_no_sql(tmp_path: Path) -> None:
    """A table's name may hold anything that is no end of a name."""
    name = 'crm.contact "; DROP TABLE x'
    with engine.DuckDB(tmp_path / "ware-house 1.duckdb") as warehouse:
        land(warehouse, name, 1)
        warehouse.publish()
        assert numbers(warehouse.table(name), warehouse) == [1]


def test_settings(tmp_path: Path) -> None:
    """Threads and memory are what the project file says."""
    with engine.DuckDB(tmp_path / "w.duckdb", engine.DuckDBSettings(threads=1, memory="300MB")) as warehouse:
        found = warehouse._connection.execute("SELECT current_setting('threads'), current_setting('memory_limit')")
        assert found.fetchall() == [(1, "286.1 MiB")]
