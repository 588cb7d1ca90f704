"""All similar pairs among very many texts, beside comparing every text with every other.

    python benchmarks/similar.py [COUNT]

COUNT distinct values of the contacts of made-up people with as many of their leads, and the contacts' with each other.
Each case runs in a fresh process with two threads; what it looks at is counted in a second run.
"""

from __future__ import annotations

import sys
from typing import Any

from unify import PYTHON, ROOT, describe_machine, run, tell_of

COUNT = 100_000
COLUMNS = {"name": "First and last name", "street": "Last name and street", "email": "E-mail address"}


def main(count: int) -> None:
    """Print what each case costs."""
    values = ROOT / "build" / "benchmark" / f"similar-{count}.parquet"
    if not values.exists():
        values.parent.mkdir(parents=True, exist_ok=True)
        run(PYTHON, "texts.py", "make", values, count)
    print("{date} · {cores} cores, {memory_gib} GiB, {cpu} · {system}".format(**describe_machine()))
    for column, title in COLUMNS.items():
        for kind in ("match", "deduplicate"):
            print_case(f"{title}, {kind}", tell_of(PYTHON, "texts.py", kind, values, column))


def print_case(title: str, told: dict[str, Any]) -> None:
    """Print what one case costs, and what brute force would."""
    left, right = told["counts"]
    print(f"\n{title}: {left:,} x {right:,} values of {told['length']:.0f} characters, at {told['per_cent']} %")
    for who, phase in {"ours": "ours", f"brute force, from {told['sample']:,} x {told['sample']:,}": "brute"}.items():
        print(f"  {who:<44}{told[phase]['wall']:10.2f} s{told[phase]['cpu']:10.2f} s of CPU")
    print(f"  {'peak memory, ours':<44}{told['peak']:10.2f} GiB")
    for name, number in told["looked_at"].items():
        print(f"  {name:<44}{number:16,} pairs{100 * number / (left * right):12.5f} %")
    print(f"  in the sample {told['in_sample']:,} are similar, of which {told['missed']:,} were missed")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT)
