"""From rows to customers: ours beside Splink 5, on the same people and by the same rules.

    python benchmarks/unify.py
    python benchmarks/unify.py --people 250000,1000000 --repeat 3
    python benchmarks/unify.py --people 100000 --json

Every step runs in a fresh process with two threads on two cores, one after the other. This process imports nothing
but the standard library: the peak memory of a process is never less than that of the one that started it.

Ours goes from rows in the warehouse to merged profiles with ids, evidence and winners. Splink's deterministic link goes
from registered tables to clusters; to normalize, to choose values and to keep ids is not among its work, so its columns
come ready-made, without the values that very many rows hold, which ours finds and drops by itself.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import peers

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PYTHON = Path(sys.executable)
THREADS = 2
WANTED_RATIO, WANTED_GIB = 0.5, 3.0

Facts: TypeAlias = dict[str, Any]


def main() -> None:
    """Run the benchmark and print what it found."""
    arguments = parse_arguments()
    splink = peers.splink()
    if hasattr(os, "sched_setaffinity"):  # for the libraries that count cores instead of being told
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])
    machine = describe_machine()
    results = [measure(arguments.folder / str(people), people, arguments.repeat, splink) for people in arguments.people]
    if arguments.json:
        print(json.dumps({"machine": machine, "results": results}, indent=2))
        return
    print_heading(machine, results[0])
    for result in results:
        print_result(result)
    if len(results) > 1:
        print_growth(results)


def parse_arguments() -> argparse.Namespace:
    """Return people (a list of sizes), repeat, folder, json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--people",
        "--sizes",
        type=lambda text: [int(size) for size in text.split(",")],
        default=[1_000_000],
        help="how many people; several sizes, joined by commas, show how time grows (default 1000000)",
    )
    parser.add_argument("--repeat", type=int, default=1, help="run both this often, and take the fastest (default 1)")
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "build" / "benchmark", help="keeps the people for the next time"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser.parse_args()


def describe_machine() -> Facts:
    """Return when and where this is measured."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)),
        "cpu": models[0] if models else platform.processor(),
        "system": platform.platform(terse=True),
    }


def measure(folder: Path, people: int, repeat: int, splink: Path) -> Facts:
    """Return what each step told about this many people."""
    if not (folder / "truth.parquet").exists():
        folder.mkdir(parents=True, exist_ok=True)
        run(PYTHON, "company.py", "make", folder, people)
    normalized = tell_of(PYTHON, "company.py", "normalize", folder)
    read = tell_of(PYTHON, "ours.py", "read", folder)
    ours, theirs = [], []
    for _ in range(repeat):
        ours.append(tell_of(PYTHON, "ours.py", "unify", folder))
        theirs.append(tell_of(splink, "peer.py", folder))
    result = {
        "people": people,
        "normalized": normalized,
        "read": read,
        "ours": min(ours, key=lambda told: told["phases"]["all"]["wall"]),
        "splink": min(theirs, key=lambda told: total(told, ["link", "cluster"])["wall"]),
        "limit": tell_of(PYTHON, "limit.py", folder),
        "accuracy": tell_of(PYTHON, "ours.py", "accuracy", folder),
    }
    return result | judge(result)


def judge(result: Facts) -> Facts:
    """Return ours against Splink, and whether the wish holds."""
    ours, splink = result["ours"]["phases"]["all"], total(result["splink"], ["link", "cluster"])
    ratio = {kind: ours[kind] / splink[kind] for kind in ours}
    return {"ratio": ratio, "holds": ratio["wall"] <= WANTED_RATIO and result["ours"]["peak"] < WANTED_GIB}


def total(told: Facts, phases: Sequence[str]) -> dict[str, float]:
    """Return the sum of some phases."""
    return {kind: sum(told["phases"][name][kind] for name in phases) for kind in ("wall", "cpu")}


def tell_of(python: Path, script: str, *arguments: object) -> Facts:
    """Run a step in a fresh process, and return what it told."""
    told: Facts = json.loads(run(python, script, *arguments).splitlines()[-1])
    return told


def run(python: Path, script: str, *arguments: object) -> str:
    """Run a script beside this one; what it writes to standard error passes through."""
    command = [str(python), str(HERE / script), *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def print_heading(machine: Facts, result: Facts) -> None:
    """Print when, where and with what."""
    print("Unification: from rows to customers, ours beside Splink's deterministic link and clusters")
    print("{date} · {cores} cores, {memory_gib} GiB, {cpu} · {system}".format(**machine))
    for who in ("ours", "splink"):
        print(f"{who}: {' · '.join(f'{name} {number}' for name, number in result[who]['versions'].items())}")
    print(f"Each step in a fresh process with {THREADS} threads; seconds of wall time and of CPU time.")


def print_result(result: Facts) -> None:
    """Print the times by phase, and what they come to."""
    ours, splink, limit = result["ours"], result["splink"], result["limit"]
    *stages, every, published = ours["phases"]
    by_splink = total(splink, ["link", "cluster"])
    print(f"\n{result['people']:,} people, {ours['rows']:,} rows{'wall':>25}{'CPU':>9}")
    print_times("ours: read in (not counted)", result["read"]["phases"]["read in"])
    for stage in stages:
        print_times(f"  {stage}", ours["phases"][stage])
    print_times("ours: rows in the warehouse to merged profiles", ours["phases"][every])
    print_times("ours: publish (not counted)", ours["phases"][published])
    print_times("Splink: normalize (not counted)", result["normalized"]["phases"]["normalize"])
    print_times("Splink: register (not counted)", splink["phases"]["register"])
    for phase in ("link", "cluster"):
        print_times(f"  {phase}", splink["phases"][phase])
    print_times("Splink: registered tables to clusters", by_splink)
    for name, times in limit["phases"].items():
        print_times(f"  group by {name}", times)
    print_times("Physical limit: whole numbers grouped by DuckDB", total(limit, list(limit["phases"])))
    print(f"\n  {'':22}{'customers':>12}{'peak GiB':>10}{'precision':>11}{'recall':>9}{'F1':>9}")
    for who, told in {"ours": ours, "splink": splink}.items():
        scores = "{precision:11.4f}{recall:9.4f}{f1:9.4f}".format(**result["accuracy"][who])
        print(f"  {who:22}{told['clusters']:12,}{told['peak']:10.2f}{scores}")
    print(
        f"  Ours takes {result['ratio']['wall']:.2f} of Splink's time ({result['ratio']['cpu']:.2f} of its CPU time). "
        f"Wanted: at most {WANTED_RATIO}, in less than {WANTED_GIB:.0f} GiB: {'yes' if result['holds'] else 'no'}."
    )
    crowded = " and ".join(f"{count:,} {name} values" for name, count in result["normalized"]["crowded"].items())
    most = result["normalized"]["most_rows_per_key"]
    print(f"  Taken from Splink's columns beforehand, as more than {most} rows hold them: {crowded}.")


def print_times(label: str, times: dict[str, float]) -> None:
    """Print a line of the table."""
    print(f"  {label:48}{times['wall']:8.2f}{times['cpu']:9.2f}")


def print_growth(results: list[Facts]) -> None:
    """Print a line for each size."""
    print(f"\n  {'people':>10}{'rows':>12}{'ours s':>9}{'Splink s':>10}{'ratio':>8}{'ours GiB':>10}{'Splink GiB':>12}")
    for result in results:
        ours, splink = result["ours"], result["splink"]
        seconds = ours["phases"]["all"]["wall"], total(splink, ["link", "cluster"])["wall"]
        print(
            f"  {result['people']:10,}{ours['rows']:12,}{seconds[0]:9.2f}{seconds[1]:10.2f}"
            f"{result['ratio']['wall']:8.2f}{ours['peak']:10.2f}{splink['peak']:12.2f}"
        )


if __name__ == "__main__":
    main()
