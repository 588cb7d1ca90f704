"""The steps of similar.py: make distinct texts; find all similar pairs of them.

python benchmarks/texts.py make FILE COUNT
python benchmarks/texts.py match|deduplicate FILE COLUMN
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from backstamp import demo
from backstamp.engine import DuckDB, DuckDBSettings
from backstamp.unify import normalize, similar
from measured import Stopwatch, peak_memory, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import ibis.expr.types as ir

PER_CENT = 80
PEOPLE_PER_VALUE = 4  # so that there are enough distinct values
SAMPLE = 3_000
THREADS = 2


def make(file: Path, count: int) -> None:
    """Write so many distinct values of each column, of contacts and of leads."""
    company = demo.make_company(PEOPLE_PER_VALUE * count)
    made = {}
    for side, table in {"left": company.contact, "right": company.lead}.items():
        joined: Any = pc.binary_join_element_wise  # whose overloads know no columns in pieces
        columns: Any = {
            "name": joined(table["firstname"], table["lastname"], " "),
            "street": joined(table["lastname"], table["address1_line1"], " "),
            "email": table["emailaddress1"],
        }
        for name, column in columns.items():
            values: Any = normalize.comparable(column.combine_chunks(), ["unicode_to_ascii"], None)
            made[f"{side}_{name}"] = values.drop_null().unique()[:count].to_pylist()
    pq.write_table(pa.table({name: [values] for name, values in made.items()}), file)


def measure(kind: str, file: Path, column: str) -> None:
    """Tell what one case costs."""
    sides = ["left", "right" if kind == "match" else "left"]
    texts = [pq.read_table(file)[f"{side}_{column}"][0].values for side in sides]
    watch = Stopwatch()
    with DuckDB(settings=DuckDBSettings(threads=THREADS)) as engine:
        left, right = (load(engine, some) for some in texts)
        with watch.phase("ours"):
            found = engine.cache(similar.pairs(engine, left, right, PER_CENT))
        peak = peak_memory()
        looked_at = {**count(engine, left, right), "similar": engine.count(found)}
        in_sample = found.filter((found.left < SAMPLE) & (found.right < SAMPLE))
        ours = {(pair["left"], pair["right"]) for pair in engine.rows(in_sample)}
    with watch.phase("brute"):
        brute = by_brute_force(*(some[:SAMPLE].to_pylist() for some in texts))
    times = len(texts[0]) * len(texts[1]) / SAMPLE**2
    tell(
        counts=[len(some) for some in texts],
        length=pc.mean(pc.utf8_length(texts[0])).as_py(),
        per_cent=PER_CENT,
        sample=SAMPLE,
        ours=watch.phases["ours"],
        brute={name: spent * times for name, spent in watch.phases["brute"].items()},
        peak=peak,
        looked_at=looked_at,
        in_sample=len(brute),
        missed=len(brute ^ ours),
    )


def load(engine: DuckDB, texts: pa.Array[Any]) -> ir.Table:
    """Return texts, each with its place."""
    batch = pa.RecordBatch.from_arrays([pa.array(range(len(texts)), pa.int64()), texts], schema=similar.TEXTS)
    return engine.load(similar.TEXTS, [batch])


def count(engine: DuckDB, left: ir.Table, right: ir.Table) -> dict[str, int]:
    """Return how many pairs each step of the search looks at."""
    counted: Counter[str] = Counter()

    def counting(name: str, size: Callable[..., int]) -> Any:  # noqa: ANN401 - what `patch` returns
        home, _, attribute = name.rpartition(".")
        function = getattr(process if home else similar, attribute)

        def counted_function(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - those of the function
            made = function(*arguments, **named)
            counted[name] += size(made, *arguments)
            return made

        return patch.object(process if home else similar, attribute, counted_function)

    by_letters = counting("_all", lambda _, shorter, longer, __: len(shorter) * len(longer))
    by_segments = counting("_expanded", lambda made, *_: len(made[0]))
    by_distance = counting("process.cpdist", lambda made, *_: len(made))
    with by_letters, by_segments, by_distance:
        similar.pairs(engine, left, right, PER_CENT)
    names = {"_expanded": "share a segment", "_all": "letters compared", "process.cpdist": "distance computed"}
    return {title: counted[name] for name, title in names.items()}


def by_brute_force(left: Sequence[str], right: Sequence[str]) -> set[tuple[int, int]]:
    """Compare every text with every other, by the fastest means of RapidFuzz."""
    shorter = np.minimum.outer(*(np.array([len(text) for text in texts]) for texts in (left, right)))
    most = int(shorter.max()) * (100 - PER_CENT) // 100  # edits: beyond them RapidFuzz stops counting
    distance = process.cdist(
        left, right, scorer=Levenshtein.distance, score_cutoff=most, dtype=np.uint8, workers=THREADS
    )
    i, j = np.nonzero(100 * (shorter - distance.astype(np.int64)) >= PER_CENT * shorter)
    return set(zip(i.tolist(), j.tolist(), strict=True))


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        measure(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
