"""From normalized rows to customers: ours beside Splink 5, on the same people and by the same rules.

    python benchmarks/unify.py
    python benchmarks/unify.py --people 1000000,5000000 --repeat 3
    python benchmarks/unify.py --people 100000 --json
    python benchmarks/unify.py --people 10000000 --ours-only

Every step runs in a fresh process with two threads on two cores, one after the other. This process imports nothing
but the standard library: the peak memory of a process is never less than that of the one that started it.

Ours goes from rows in a warehouse file to groups and customers with evidence and winners, and on to ids and merged
profiles. Splink's deterministic link goes from registered tables in memory to clusters; it gets the same normalized
columns, but without the values that very many rows hold, which ours finds and drops by itself. Splink runs with the
newest DuckDB and with the one that ours is pinned to; the faster one is the peer. The skewed people are the same, with
one phone on a tenth of the contacts and one e-mail on a twentieth. Where a machine has too little memory for Splink,
which holds all in memory, `--ours-only` leaves it out.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import peers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PYTHON = Path(sys.executable)
PEERS = ("splink", "splink, DuckDB as ours")
THREADS = 2
CUSTOMERS, PROFILES = ("Normalize", "Deduplicate", "Match"), ("Identify", "Merge")
WANTED = {"customers": 0.25, "profiles": 0.4, "skew": 1.1}

Facts: TypeAlias = dict[str, Any]


def main() -> None:
    """Run the benchmark and print what it found."""
    arguments = parse_arguments()
    pythons = {} if arguments.ours_only else {PEERS[0]: peers.splink(), PEERS[1]: peers.splink(pinned=True)}
    if hasattr(os, "sched_setaffinity"):  # for the libraries that count cores instead of being told
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])
    machine = describe_machine()
    results = [
        measure(arguments.folder / str(people), people, arguments.repeat, pythons) for people in arguments.people
    ]
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
    parser.add_argument("--repeat", type=int, default=1, help="run each this often, and take the median (default 1)")
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "build" / "benchmark", help="keeps the people for the next time"
    )
    parser.add_argument("--ours-only", action="store_true", help="leave Splink out")
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


def measure(folder: Path, people: int, repeat: int, pythons: Mapping[str, Path]) -> Facts:
    """Return what each step told about this many people, the median of several turns."""
    skewed = folder.with_name(f"{folder.name}-skewed")
    if not (folder / "truth.parquet").exists():
        run(PYTHON, "company.py", "make", folder, people)
    run(PYTHON, "company.py", "skew", folder, skewed)
    taken_out = tell_of(PYTHON, "company.py", "take-out", folder)
    read = tell_of(PYTHON, "ours.py", "read", folder)
    tell_of(PYTHON, "ours.py", "read", skewed)
    turns: dict[str, list[Facts]] = {name: [] for name in ("ours", "skewed", *pythons)}
    for _ in range(repeat):
        turns["ours"].append(tell_of(PYTHON, "ours.py", "unify", folder))
        turns["skewed"].append(tell_of(PYTHON, "ours.py", "unify", skewed))
        for name, python in pythons.items():
            turns[name].append(tell_of(python, "peer.py", folder))
    told = {name: median(those) for name, those in turns.items()}
    peer = min(pythons, key=lambda name: total(told[name])["wall"], default=None)
    result = {"people": people, "taken_out": taken_out, "read": read, **told, "peer": peer}
    result["limit"] = tell_of(PYTHON, "limit.py", folder)
    if peer:
        result["accuracy"] = tell_of(PYTHON, "ours.py", "accuracy", folder)
    return result | {"ratio": judge(result)}


def judge(result: Facts) -> Facts:
    """Return the skewed people against the others, and ours against the peer, if there is one: wall and CPU time."""
    customers = total(result["ours"], CUSTOMERS)
    profiles = total(result["ours"], (*CUSTOMERS, *PROFILES))
    skewed = total(result["skewed"], (*CUSTOMERS, *PROFILES))
    ratios = {"skew": {kind: skewed[kind] / profiles[kind] for kind in skewed}}
    if result["peer"] is None:
        return ratios
    peer = total(result[result["peer"]])
    return {
        "customers": {kind: customers[kind] / peer[kind] for kind in peer},
        "profiles": {kind: profiles[kind] / peer[kind] for kind in peer},
        **ratios,
    }


def median(turns: Sequence[Facts]) -> Facts:
    """Return the turn whose time is in the middle."""
    return sorted(turns, key=lambda told: total(told)["wall"])[len(turns) // 2]


def total(told: Facts, phases: Sequence[str] = ()) -> dict[str, float]:
    """Return the sum of some phases, or else of all that count."""
    counted = phases or [name for name in told["phases"] if name not in {"all", "publish", "register"}]
    return {kind: sum(told["phases"][name][kind] for name in counted) for kind in ("wall", "cpu")}


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
    print("Unification: from normalized rows to customers and profiles, ours beside Splink's deterministic link")
    print("{date} · {cores} cores, {memory_gib} GiB, {cpu} · {system}".format(**machine))
    for who in ("ours", *_peers_of(result)):
        print(f"{who}: {' · '.join(f'{name} {number}' for name, number in result[who]['versions'].items())}")
    print(f"Each step in a fresh process with {THREADS} threads; seconds of wall time and of CPU time.")


def print_result(result: Facts) -> None:
    """Print the times by phase, and what they come to."""
    ours, limit, peer = result["ours"], result["limit"], result["peer"]
    accuracy = result.get("accuracy", {})
    print(f"\n{result['people']:,} people, {ours['rows']:,} rows{'wall':>25}{'CPU':>9}")
    print_times("ours: read in (not counted)", result["read"]["phases"]["read in"])
    for stage in (*CUSTOMERS, *PROFILES):
        print_times(f"  {stage}", ours["phases"][stage])
    print_times("ours: groups and customers", total(ours, CUSTOMERS))
    print_times("ours: with ids and merged profiles", total(ours, (*CUSTOMERS, *PROFILES)))
    print_times("ours: the same of the skewed people", total(result["skewed"], (*CUSTOMERS, *PROFILES)))
    for name in _peers_of(result):
        for phase in ("link", "cluster"):
            print_times(f"  {phase}", result[name]["phases"][phase])
        print_times(f"{name}: registered tables to clusters", total(result[name]))
    for name, times in limit["phases"].items():
        print_times(f"  group by {name}", times)
    print_times("Physical limit: whole numbers grouped by DuckDB", total(limit))
    print(f"\n  {'':22}{'customers':>12}{'peak GiB':>10}{'precision':>11}{'recall':>9}{'F1':>9}")
    for who, told in {"ours": ours, "splink": result.get(peer)}.items():
        if told is None:
            continue
        scores = "{precision:11.4f}{recall:9.4f}{f1:9.4f}".format(**accuracy[who]) if accuracy else ""
        print(f"  {who:22}{told['clusters']:12,}{told['peak']:10.2f}{scores}")
    for name, what in (
        ("customers", f"Groups and customers take, of the time of {peer},"),
        ("profiles", "With ids and merged profiles on top"),
        ("skew", "The skewed people take, of the time of the others,"),
    ):
        if name not in result["ratio"]:
            continue
        ratio = result["ratio"][name]
        verdict = "yes" if ratio["wall"] <= WANTED[name] else "no"
        print(f"  {what} {ratio['wall']:.2f} (CPU {ratio['cpu']:.2f}). Wanted: at most {WANTED[name]}: {verdict}.")
    if peer is None:
        return
    crowded = " and ".join(f"{count:,} {name} values" for name, count in result["taken_out"]["crowded"].items())
    most = result["taken_out"]["most_rows_per_key"]
    print(f"  Taken from Splink's columns beforehand, as more than {most} rows hold them: {crowded}.")


def _peers_of(result: Facts) -> list[str]:
    return [name for name in PEERS if name in result]


def print_times(label: str, times: dict[str, float]) -> None:
    """Print a line of the table."""
    print(f"  {label:48}{times['wall']:8.2f}{times['cpu']:9.2f}")


def print_growth(results: list[Facts]) -> None:
    """Print a line for each size, with the time that n log n would have made of that of the first."""
    print(f"\n  {'people':>10}{'rows':>12}{'ours s':>9}{'n log n':>9}{'peer s':>9}{'ours GiB':>10}{'peer GiB':>10}")
    first = results[0]
    for result in results:
        ours, peer = result["ours"], result.get(result["peer"])
        seconds = total(ours, (*CUSTOMERS, *PROFILES))["wall"]
        grown = ours["rows"] * math.log(ours["rows"]) / first["ours"]["rows"] / math.log(first["ours"]["rows"])
        expected = grown * total(first["ours"], (*CUSTOMERS, *PROFILES))["wall"]
        print(
            f"  {result['people']:10,}{ours['rows']:12,}{seconds:9.2f}{expected:9.2f}"
            + (f"{total(peer)['wall']:9.2f}" if peer else f"{'-':>9}")
            + f"{ours['peak']:10.2f}"
            + (f"{peer['peak']:10.2f}" if peer else f"{'-':>10}")
        )


if __name__ == "__main__":
    main()
