"""The engines on which tests run: DuckDB in this process, and Spark, one Java machine for the whole run of tests."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest

from backstamp import engine

ROOT = Path(__file__).parents[1]

SPARK = engine.SparkSettings(
    master="local[2]",
    memory="2g",
    options={
        "spark.driver.maxResultSize": "1m",  # no test may bring a table through the driver
        # Little rows: to plan takes longer than to compute.
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.codegen.wholeStage": "false",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.executorEnv.PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
    },
)
MANY_ROWS = {
    "spark.sql.shuffle.partitions": "4",
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.codegen.wholeStage": "true",
}
SETTINGS: dict[str, engine.Settings] = {"duckdb": engine.DuckDBSettings(), "spark": SPARK}

needs_spark = pytest.mark.skipif(importlib.util.find_spec("pyspark") is None, reason="the extra `spark` is missing")
EVERY = ["duckdb", pytest.param("spark", marks=needs_spark)]
"""The names of all engines, as parameters of tests."""


def opened(name: str, folder: Path, *, many_rows: bool = False) -> engine.Engine:
    """Open a warehouse in a folder on an engine, on Spark for few rows or for many."""
    settings = SETTINGS[name]
    if many_rows and isinstance(settings, engine.SparkSettings):
        settings = replace(settings, options=settings.options | MANY_ROWS)
    return engine.open_warehouse(folder, settings)
