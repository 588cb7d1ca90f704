"""Lists that people write by hand: CSV files, read row by row, each with its place."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

from backstamp import errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_VALUE = re.compile(r'(?:"(?:[^"]|"")*"|[^,"])*,?')


def read(file: Path) -> Iterator[tuple[errors.Location, list[str]]]:
    """Yield each row of a file, its heading too, with the place where it begins; blank lines are none.

    Raises:
        OSError: there is no such file, or it may not be read.
        ConfigurationError: it is not in UTF-8, or a line is no CSV.
    """
    rows = csv.reader(io.StringIO(_text(file), newline=""), strict=True)
    begins = 1
    try:
        for row in rows:
            if row:
                yield errors.Location(str(file), begins, 1), row
            begins = rows.line_num + 1
    except csv.Error as error:
        message = f"This line cannot be read ({error}): close each quote, and write a quote inside quotes twice."
        raise errors.ConfigurationError(message, errors.Location(str(file), begins, 1)) from error


def locate(file: Path, place: errors.Location, column: str) -> errors.Location:
    """Return where the value of a column begins in the row at a place that `read` told."""
    _, heading = next(read(file))
    line = _lines(_text(file))[(place.line or 1) - 1]
    before = list(_VALUE.finditer(line))[: heading.index(column)]
    return errors.Location(place.file, place.line, 1 + sum(len(value.group()) for value in before))


def _lines(text: str) -> list[str]:
    return list(io.StringIO(text, newline=""))


def _text(file: Path) -> str:
    written = file.read_bytes()
    try:
        return written.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        # Up to the byte that is no text all is, and ends in what stands before it in its line.
        lines = _lines(written[: error.start].decode("utf-8").removeprefix("\ufeff") + "?")
        message = "This line is not in UTF-8: save the file so."
        raise errors.ConfigurationError(message, errors.Location(str(file), len(lines), len(lines[-1]))) from error
