"""Lists that people write by hand: CSV files, read row by row, each with its line."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from backstamp import errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def read(file: Path) -> Iterator[tuple[errors.Location, list[str]]]:
    """Yield each row of a file, its heading too, with the line where it begins; blank lines are none.

    Raises:
        OSError: there is no such file, or it may not be read.
        ConfigurationError: it is not in UTF-8, or a line is no CSV.
    """
    rows = csv.reader(io.StringIO(_text(file), newline=""), strict=True)
    begins = 1
    try:
        for row in rows:
            if row:
                yield errors.Location(str(file), begins), row
            begins = rows.line_num + 1
    except csv.Error as error:
        message = f"This line cannot be read ({error}): close each quote, and write a quote inside quotes twice."
        raise errors.ConfigurationError(message, errors.Location(str(file), begins)) from error


def _text(file: Path) -> str:
    written = file.read_bytes()
    try:
        return written.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = written.count(b"\n", 0, error.start) + 1
        message = "This line is not in UTF-8: save the file so."
        raise errors.ConfigurationError(message, errors.Location(str(file), line)) from error
