"""Tables in files that people asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.csv
import pyarrow.parquet

from backstamp import errors

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa


def refuse_unknown(file: Path) -> None:
    """Refuse a file of another kind than those that `write` knows.

    Raises:
        ConfigurationError: its name ends in neither `.csv` nor `.parquet`.
    """
    if file.suffix not in {".csv", ".parquet"}:
        raise errors.ConfigurationError(f"{file.name} is neither .csv nor .parquet.")


def write(rows: pa.Table, file: Path) -> None:
    """Write rows to a file of one of these kinds, which nobody else may read: they name rows of people."""
    file.touch(mode=0o600)
    if file.suffix == ".csv":
        pyarrow.csv.write_csv(rows, file)
    else:
        pyarrow.parquet.write_table(rows, file)
