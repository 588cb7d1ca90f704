"""Lists that people write: each row with its line, and what is said of a line that cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from backstamp import errors
from backstamp.connect import lists

if TYPE_CHECKING:
    from pathlib import Path


def read(folder: Path, content: bytes) -> list[tuple[int | None, list[str]]]:
    """Write a file; return the line and the values of each of its rows."""
    file = folder / "list.csv"
    file.write_bytes(content)
    return [(place.line, row) for place, row in lists.read(file)]


def test_rows_have_lines(tmp_path: Path) -> None:
    """A row stands where it begins; quoted line ends, blank lines and a byte order mark change nothing."""
    content = '\ufeffvalue,alias\r\n\r\n"Bad\nBürg",x\r\ny,"a ""b"""\r\n'.encode()
    assert read(tmp_path, content) == [(1, ["value", "alias"]), (3, ["Bad\nBürg", "x"]), (5, ["y", 'a "b"'])]
    assert read(tmp_path, b"") == []


@pytest.mark.parametrize(
    ("content", "line", "column", "said"),
    [
        (b'value\na\n"secret\nb\n', 3, 1, "close each quote"),
        (b'value\n"secret" a\n', 2, 1, "close each quote"),
        (b"value\r\na\r\nsecr\xc3\xa9t \xff\n", 3, 8, "not in UTF-8"),
    ],
)
def test_unreadable_lines(tmp_path: Path, content: bytes, line: int, column: int, said: str) -> None:
    """The place at which something is wrong is told, and nothing of what stands there."""
    with pytest.raises(errors.ConfigurationError, match=said) as caught:
        read(tmp_path, content)
    assert caught.value.location == errors.Location(str(tmp_path / "list.csv"), line, column)
    assert "secr" not in str(caught.value)
