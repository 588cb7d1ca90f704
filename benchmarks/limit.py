"""The physical limit: one group-by for each rule's key and one by customer, on whole numbers, in plain DuckDB.

python benchmarks/limit.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

from measured import Stopwatch, peak_memory, tell

THREADS = 2
# Hashes come from one text each: `hash(a, b)` correlates between calls, and a hash of null is not null.
KEYS = {
    "e-mail": "email",
    "phone": "phone",
    "name and birth date": "first || chr(31) || last || chr(31) || born",
    "customer": "customer_id",
}


def main(folder: Path) -> None:
    """Group the rows by each key, once our clusters are there."""
    watch = Stopwatch()
    connection = duckdb.connect(config={"threads": THREADS})
    hashes = ", ".join(f'CASE WHEN {text} IS NOT NULL THEN hash({text}) END AS "{name}"' for name, text in KEYS.items())
    connection.execute(
        f"""
        CREATE TABLE keys AS
        SELECT row_number() OVER () AS record, {hashes}
        FROM (SELECT *, parse_filename(filename, true)[:-12] AS "table"
              FROM read_parquet('{folder}/*.normalized.parquet', filename = true))
        JOIN read_parquet('{folder}/ours.parquet') USING ("table", key)
        """
    )
    for name in KEYS:
        with watch.phase(name):
            connection.execute(
                f'CREATE TABLE "by {name}" AS SELECT "{name}" AS key, min(record) AS first, count(*) AS rows'
                f' FROM keys WHERE "{name}" IS NOT NULL GROUP BY "{name}"'
            )
    tell(phases=watch.phases, peak=peak_memory())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
