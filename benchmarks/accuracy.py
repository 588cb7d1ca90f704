"""How well project files find who is who in public data, and how well Splink 5 does.

    python benchmarks/accuracy.py
    python benchmarks/accuracy.py --sets fake_1000,febrl3 --engines DuckDB

Each project file of `benchmarks/accuracy` is run by `backstamp run` on files of one source each, and measured by
`backstamp evaluate`. Splink trains a probabilistic model on the same rows (`probabilistic.py`), on the DuckDB that we
pin and on the newest. Neither sees the truth; only the best of Splink's thresholds is chosen by it. What is printed is
the table of `docs/accuracy.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

import peers
from backstamp.unify import evaluate, normalize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from backstamp.unify.settings import Normalizer

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("BACKSTAMP_DATA", HERE.parent.parent / "shared" / "data"))
"""The folder of the data sets: the variable BACKSTAMP_DATA names another one."""
ENGINES = {"DuckDB": "{kind: duckdb, threads: 2}", "Spark": "{kind: spark, master: 'local[2]'}"}
"""How a project file says which engine computes."""
GIVEN_AWAY = ["soc_sec_id"]
"""Columns that tell the truth without being it."""

Facts: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class DataSet:
    """Public data whose truth is known.

    Attributes:
        tables: the table of the project that reads each source, or the one that reads all of them.
        folder: where that project looks for the files.
        prepared: what is made comparable for Splink beforehand, and how; its own library has nothing for addresses.
    """

    tables: Mapping[str, str] | str
    folder: str = ""
    prepared: Mapping[str, Sequence[Normalizer]] = field(default_factory=dict)


SETS = {
    "febrl3": DataSet("febrl.person"),
    "febrl4": DataSet({"a": "febrl.original", "b": "febrl.copy"}),
    "fake_1000": DataSet("list.person"),
    "early_childhood": DataSet(
        "lists.site",
        folder="lists",
        prepared={"site_name": ("organization", "symbols"), "address": ("address", "symbols"), "phone": ("phone",)},
    ),
}


@dataclass(frozen=True)
class Line:
    """A line of the table."""

    data: str
    who: str
    pairs: Facts
    b_cubed: Facts
    seconds: float


def main() -> None:
    """Measure everything and print the table; end with 1 where two engines do not agree."""
    arguments = _arguments()
    for name in arguments.sets:
        if not (DATA / f"{name}.parquet").exists():
            sys.exit(f"There is no {name}.parquet in {DATA}: set BACKSTAMP_DATA to the folder of the data sets.")
    print(f"backstamp {version('backstamp')}, DuckDB {version('duckdb')}", end="")
    print(f", Spark {version('pyspark')}" if "Spark" in arguments.engines else "", end="")
    print("; Splink 5 on the same rows, on the DuckDB that is named. Two threads each.\n")
    print("| data | who | precision | recall | F1 | B³ precision | B³ recall | B³ F1 | seconds |")
    print("|---|---|--:|--:|--:|--:|--:|--:|--:|", flush=True)
    differ = []
    for name in arguments.sets:
        found = [measure(name, engine) for engine in arguments.engines]
        differ += [name] if any((one.pairs, one.b_cubed) != (found[0].pairs, found[0].b_cubed) for one in found) else []
        for line in [*found, *_splink(name)]:
            print(_row(line), flush=True)
    if differ:
        sys.exit(f"The engines do not agree on {', '.join(differ)}.")


def measure(name: str, engine: str) -> Line:
    """Run the project of a data set on an engine, and measure it."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        rows = _rows(name)
        project = _write_project(name, engine, rows, folder)
        labels = folder / "truth.parquet"
        parquet.write_table(_truth(name, rows), labels)
        run = _backstamp("run", "--project", project)["run"]
        found = _backstamp("evaluate", labels, "--project", project)
    seconds = sum(task["seconds"] for task in run["tasks"] if task["group"] == "Unification")
    return Line(name, f"backstamp, {engine}", found["pairs"], found["b_cubed"], seconds)


def _rows(name: str) -> pa.Table:
    rows = parquet.read_table(DATA / f"{name}.parquet")
    return rows.drop_columns([column for column in GIVEN_AWAY if column in rows.column_names])


def _write_project(name: str, engine: str, rows: pa.Table, folder: Path) -> Path:
    """Write the project file with this engine, and a file of rows for each source."""
    file = folder / "backstamp.yaml"
    said = (HERE / "accuracy" / f"{name}.yaml").read_text(encoding="utf-8")
    file.write_text(f"{said}\nengine: {ENGINES[engine]}\n", encoding="utf-8")
    files = folder / SETS[name].folder
    files.mkdir(exist_ok=True)
    for source in sorted(set(_texts(rows["src"]))):
        own = rows.filter(pc.equal(rows["src"], pa.scalar(source))).drop_columns(["src", "truth"])
        parquet.write_table(own, files / f"{source}.parquet")
    return file


def _texts(column: Any) -> list[str]:  # noqa: ANN401 - a column of Arrow, whose types say too little
    return list(column.to_pylist())


def _truth(name: str, rows: pa.Table) -> pa.Table:
    """Return the truth as labels: table, key, cluster."""
    tables = SETS[name].tables
    named = [tables if isinstance(tables, str) else tables[source] for source in _texts(rows["src"])]
    return pa.table({"table": named, "key": rows["uid"], "cluster": rows["truth"]})


def _backstamp(*arguments: object) -> Facts:
    """Run a command of the program and return what it told."""
    command = [sys.executable, "-m", "backstamp", *map(str, arguments), "--json"]
    told: Facts = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return told


def _splink(name: str) -> Iterator[Line]:
    """Yield what Splink finds on both DuckDBs: at the threshold that is usual, and at the one that proves the best."""
    rows = _rows(name)
    truth = _truth(name, rows)
    for python in (peers.splink(pinned=True), peers.splink()):
        with tempfile.TemporaryDirectory() as folder:
            parquet.write_table(_for_splink(SETS[name], rows.drop_columns(["truth"])), f"{folder}/rows.parquet")
            command = [str(python), str(HERE / "probabilistic.py"), name, folder]
            told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
            made = parquet.read_table(f"{folder}/splink.parquet")
        scored = {at: evaluate.measure_clusters(members, truth) for at, members in _by_threshold(made, truth)}
        usual = next(at for at in scored if at[1])
        best = max(scored, key=lambda at: scored[at].pairs.f1)
        for at, what in ((usual, ""), (best, "best threshold, ")):
            who = f"Splink {told['versions']['splink']}, DuckDB {told['versions']['duckdb']}, {what}p ≥ {at[0]:.2g}"
            yield Line(name, who, _scores(scored[at].pairs), _scores(scored[at].rows), told["seconds"])


def _for_splink(of: DataSet, rows: pa.Table) -> pa.Table:
    """Return the rows as Splink gets them."""
    for column, normalizers in of.prepared.items():
        made = normalize.comparable(rows[column].combine_chunks(), normalizers)
        rows = rows.set_column(rows.column_names.index(column), column, made)
    return rows


def _by_threshold(made: pa.Table, truth: pa.Table) -> Iterator[tuple[tuple[float, bool], pa.Table]]:
    """Yield Splink's clusters at each threshold as members, with the threshold and whether it is the usual one."""
    tables = truth.select(["table", "key"])
    for one in made.group_by(["threshold", "usual"]).aggregate([]).sort_by("threshold").to_pylist():
        is_it = pc.and_(pc.equal(made["threshold"], one["threshold"]), pc.equal(made["usual"], one["usual"]))
        members = made.filter(is_it).select(["uid", "cluster"]).rename_columns(["key", "customer_id"])
        yield (one["threshold"], one["usual"]), members.join(tables, "key")


def _scores(of: evaluate.Accuracy | evaluate.BCubed) -> Facts:
    return {"precision": of.precision, "recall": of.recall, "f1": of.f1}


def _row(line: Line) -> str:
    scores = [f"{scores[name]:.4f}" for scores in (line.pairs, line.b_cubed) for name in ("precision", "recall", "f1")]
    return f"| {' | '.join([line.data, line.who, *scores, f'{line.seconds:.1f}'])} |"


def _arguments() -> argparse.Namespace:
    """Return sets and engines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    installed = ["DuckDB", *(["Spark"] if find_spec("pyspark") else [])]
    for option, known, default in (("--sets", SETS, list(SETS)), ("--engines", ENGINES, installed)):
        parser.add_argument(
            option,
            type=_names_of(known),
            default=default,
            help=f"which of {', '.join(known)}, joined by commas (default {','.join(default)})",
        )
    return parser.parse_args()


def _names_of(known: Iterable[str]) -> Callable[[str], list[str]]:
    """Return a reader of some of these names, joined by commas."""

    def read(text: str) -> list[str]:
        names = text.split(",")
        if unknown := set(names) - set(known):
            raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: there are {', '.join(known)}")
        return names

    return read


if __name__ == "__main__":
    main()
