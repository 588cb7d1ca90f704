"""Splink's part of the benchmark: deterministic link and clusters. It runs in the environment that has Splink.

.venv-splink/bin/python benchmarks/peer.py FOLDER
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import duckdb
from splink import DuckDBAPI, Linker, SettingsCreator, block_on
from splink.blocking_rule_library import CustomRule

from measured import Stopwatch, peak_memory, tell, versions

THREADS = 2
# The similarity (L - distance) / L of at least 80 %, L being the shorter length, in whole numbers. DuckDB's distance
# counts bytes: it is stricter than ours with the few names that have other letters than ASCII.
SIMILAR = "5 * levenshtein(l.last, r.last) <= least(length(l.last), length(r.last))"


def main(folder: Path) -> None:
    """Link the normalized tables of the folder by the rules of `company.SETTINGS`, and write the clusters there."""
    watch = Stopwatch()
    connection = duckdb.connect(config={"threads": THREADS})
    database = DuckDBAPI(connection)
    with watch.phase("register"):
        tables = []
        for number, name in enumerate(("crm.contact", "crm.lead", "loyalty.member")):
            file = str(folder / f"{name}.normalized.parquet")
            connection.execute(f"CREATE TABLE rows_{number} AS SELECT * FROM read_parquet(?)", [file])
            tables.append(database.register(f"rows_{number}", dataset_display_name=name))
    with watch.phase("link"):
        settings = SettingsCreator(
            link_type="link_and_dedupe",
            unique_id_column_name="key",
            blocking_rules_to_generate_predictions=[
                block_on("email"),
                CustomRule(f"l.phone = r.phone and {SIMILAR}"),
                block_on("first", "last", "born"),
            ],
            retain_matching_columns=False,
        )
        linker = Linker(tables, settings, log_level=logging.ERROR)
        links = linker.inference.deterministic_link()
    with watch.phase("cluster"):
        clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(links)
    peak = peak_memory()
    name = clusters.physical_name
    connection.execute(
        f'COPY (SELECT source_dataset AS "table", key, cluster_id AS customer_id FROM {name})'
        f" TO '{folder / 'splink.parquet'}' (FORMAT parquet)"
    )
    tell(
        phases=watch.phases,
        peak=peak,
        links=_count(connection, links.physical_name, "*"),
        clusters=_count(connection, name, "DISTINCT cluster_id"),
        versions=versions("splink", "duckdb"),
    )


def _count(connection: duckdb.DuckDBPyConnection, table: str, what: str) -> int:
    return int(connection.execute(f"SELECT count({what}) FROM {table}").fetchall()[0][0])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
