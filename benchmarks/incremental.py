"""What a run costs in which some rows changed, beside a run over all rows.

    python benchmarks/incremental.py
    python benchmarks/incremental.py --people 1000000,10000000 --changed 1,1000,100000
    python benchmarks/incremental.py --people 10000000 --memory 16GB     room for all that the file holds
    python benchmarks/incremental.py --people 100000 --json

The demo's people stand in a warehouse file, unified once. Then so many contacts get another e-mail, every other one
that of another contact: read as a change feed brings them, unified, published. Each size is run several times (up to
1 000 rows twelve, else three), in one process with two threads; the first time, and whenever rows lead to a step that
none led to before, statements are compiled. Told are the first run, and the median of the second half of them. Time
runs from the rows as they were read to the published profiles; bytes are those that the process sent to the disk, the
file's upkeep included.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from pathlib import Path
from typing import TYPE_CHECKING

import unify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unify import Facts

WANTED = {1: "0.5 s", 1_000: "3 s", 100_000: "a twentieth of a full run"}


def main() -> None:
    """Run the benchmark and print what it found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", default="1000000", help="how many people; several sizes, joined by commas")
    parser.add_argument("--changed", default="1,1000,100000", help="how many rows change (default 1,1000,100000)")
    parser.add_argument("--memory", default="4GB", help="how much DuckDB may take (default 4GB)")
    parser.add_argument("--folder", type=Path, default=unify.ROOT / "build" / "benchmark", help="keeps the people")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    arguments = parser.parse_args()
    machine = unify.describe_machine()
    results = [
        measure(arguments.folder / size, int(size), arguments.changed, arguments.memory)
        for size in arguments.people.split(",")
    ]
    if arguments.json:
        print(json.dumps({"machine": machine, "results": results}, indent=2))
        return
    print("Runs in which some rows changed, beside a run over all rows")
    print("{date} · {cores} cores, {memory_gib} GiB, {cpu} · {system}".format(**machine))
    print(" · ".join(f"{name} {number}" for name, number in results[0]["versions"].items()))
    for result in results:
        print_result(result)


def measure(folder: Path, people: int, changed: str, memory: str) -> Facts:
    """Return what a full run and runs of so many changed rows cost, of this many people."""
    if not (folder / "truth.parquet").exists():
        unify.run(unify.PYTHON, "company.py", "make", folder, people)
    unify.run(unify.PYTHON, "ours.py", "read", folder)
    told = unify.tell_of(unify.PYTHON, "changing.py", folder, changed, memory)
    return {"people": people, "memory": memory, **told}


def print_result(result: Facts) -> None:
    """Print a line for the full run, and one for each number of changed rows."""
    full = result["full"]
    about, memory = f"{result['people']:,} people, {result['rows']:,} rows", f"DuckDB given {result['memory']}"
    print(f"\n{about}, {memory}: a full run takes {full['wall']:.1f} s, and {full['peak']:.2f} GiB")
    head = ("changed rows", "first s", "warm s", "of full", "rows touched", "MB written", "peak GiB")
    print("  " + "".join(f"{name:>13}" for name in head))
    sizes: dict[int, list[Facts]] = {}
    for told in result["changed"]:
        sizes.setdefault(told["size"], []).append(told)
    for size, turns in sizes.items():
        first, last, wall = turns[0], turns[-1], _warm(turns)
        times = (f"{first['wall']:.2f}", f"{wall:.2f}", f"{wall / full['wall']:.3f}")
        cells = (f"{size:,}", *times, f"{last['touched']:,}", f"{last['written'] / 1e6:,.1f}", f"{last['peak']:.2f}")
        wanted = f"   wanted: {WANTED[size]}" if size in WANTED else ""
        print("  " + "".join(f"{cell:>13}" for cell in cells) + wanted)
    few, *_, many = sizes
    grown = math.log(_warm(sizes[many]) / _warm(sizes[few])) / math.log(many / few) if many != few else 0
    print(f"  From {few:,} to {many:,} changed rows time grows as the number to the power of {grown:.2f}.")


def _warm(turns: Sequence[Facts]) -> float:
    """Return the seconds of a run in a process that has done the like before."""
    return float(statistics.median(told["wall"] for told in turns[len(turns) // 2 :]))


if __name__ == "__main__":
    main()
