"""Files as a source: what is read from CSV and Parquet, and what is said of files that cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from backstamp import errors
from backstamp.connect import files

if TYPE_CHECKING:
    from pathlib import Path

    from backstamp.connect import ports


def source(folder: Path, path: str = "members.csv", **settings: Any) -> ports.Source:
    """The table `member` with the key `id`."""
    return files.Files(folder, {"member": files.FileTable(path=path, key="id", **settings)})


def write(folder: Path, content: str | bytes, name: str = "members.csv") -> None:
    """Write a file, and its folder where it is not there."""
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def write_parquet(folder: Path, columns: dict[str, list[object]], name: str) -> None:
    """Write a Parquet file."""
    pyarrow.parquet.write_table(pa.table(columns), folder / name)


def read(connection: ports.Source, *columns: str, token: str | None = None) -> list[ports.Change]:
    """All pages of a read."""
    return list(connection.read("member", columns, token))


def rows(changes: list[ports.Change]) -> list[dict[str, object]]:
    """The rows of all pages."""
    return [row for change in changes for row in change.rows.to_pylist()]


def test_values_are_text(tmp_path: Path) -> None:
    """Every value of a CSV file is text as it stands, and nothing is no value."""
    write(tmp_path, 'id,name,joined\n007,"",2024-13-01\n8,NULL,\n')
    assert rows(read(source(tmp_path), "name", "joined")) == [
        {"id": "007", "name": None, "joined": "2024-13-01", "_position": 0},
        {"id": "8", "name": "NULL", "joined": None, "_position": 1},
    ]


def test_quotes(tmp_path: Path) -> None:
    """A quoted value may hold the delimiter, quotes and line ends."""
    write(tmp_path, 'id;name\n1;"Lopez; ""Ana""\nMaria"\n')
    assert rows(read(source(tmp_path, delimiter=";"), "name"))[0]["name"] == 'Lopez; "Ana"\nMaria'


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "windows-1252"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    """A byte order mark belongs to no column, and other encodings are read where they are named."""
    write(tmp_path, "id,name\n1,Zoë\n".encode(encoding))
    named = "utf-8" if encoding == "utf-8-sig" else encoding
    assert rows(read(source(tmp_path, encoding=named), "name"))[0] == {"id": "1", "name": "Zoë", "_position": 0}


def test_values_in_another_encoding(tmp_path: Path) -> None:
    """A value that is not in UTF-8 is no value, and is told with the key of its row; a key so is missing."""
    write(tmp_path, 'id,name\n1,Zoë\n2,"Ann\nLee"\nëb,Bo\n4,Zoë\n5,Bo,5\n'.encode("windows-1252"))
    changes = read(source(tmp_path), "name")
    found = [(row["id"], row["name"]) for row in rows(changes)]
    assert found == [("1", None), ("2", "Ann\nLee"), (None, "Bo"), ("4", None)]
    told = [(bad.where, bad.column) for change in changes for bad in change.unreadable]
    assert sorted(told) == [("1", "name"), ("4", "name"), ("members.csv:7", "")]


def test_values_of_rows_without_key(tmp_path: Path) -> None:
    """Where a table has no key, the place of a row among all its files tells of its value."""
    for file in ("a", "b"):
        write(tmp_path, "name\nAnn\nZoë\n".encode("windows-1252"), f"part/{file}.csv")
    connection = files.Files(tmp_path, {"member": files.FileTable(path="part")})
    assert [bad.where for change in read(connection, "name") for bad in change.unreadable] == ["2", "4"]


def test_wrong_encoding(tmp_path: Path) -> None:
    """A file whose heading is in another encoding cannot be read, and the message says which and what to check."""
    write(tmp_path, "id,naïve\n1,Ann\n".encode("windows-1252"))
    with pytest.raises(errors.SourceError, match=r"members\.csv cannot be read .*check its encoding"):
        source(tmp_path).define("member")


def test_wrong_field_count(tmp_path: Path) -> None:
    """A line with too few or too many values is told with its line, whatever line ends came before; others are read."""
    write(tmp_path, 'id,name\n1,"two\nlines"\n\n2\n3,Ada\n4,Bo,extra\n')
    changes = read(source(tmp_path), "name")
    assert [row["id"] for row in rows(changes)] == ["1", "3"]
    told = [(bad.where, bad.reason) for change in changes for bad in change.unreadable]
    assert told == [
        ("members.csv:5", "It has 1 values where the header names 2."),
        ("members.csv:7", "It has 3 values where the header names 2."),
    ]


@pytest.mark.parametrize("content", ["id,name", "id,name\n", "id,name\r\n\r\n"])
def test_header_only(tmp_path: Path, content: str) -> None:
    """A file with a header only is a table without rows."""
    write(tmp_path, content)
    assert source(tmp_path).define("member").column("name") is not None
    (change,) = read(source(tmp_path), "name")
    assert change.rows.schema.names == ["id", "name", "_position"]
    assert change.rows.num_rows == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [("", "is empty"), ("id,name,name\n", "several columns of the name name")],
)
def test_bad_header(tmp_path: Path, content: str, message: str) -> None:
    """A file without a header, or with a name twice in it, cannot be read."""
    write(tmp_path, content)
    with pytest.raises(errors.SourceError, match=message):
        source(tmp_path).define("member")


def test_missing_column(tmp_path: Path) -> None:
    """A column that no file has is told with what there is and the nearest name."""
    write(tmp_path, "id,email\n")
    with pytest.raises(errors.SourceError, match=r"no column 'emial'; they have: id, email\. Did you mean 'email'"):
        read(source(tmp_path), "emial")


@pytest.mark.parametrize("path", ["nowhere.csv", "nowhere/*.parquet"])
def test_missing_file(tmp_path: Path, path: str) -> None:
    """A path or pattern without files is told with where we looked."""
    with pytest.raises(errors.SourceError, match="correct its path in the project file"):
        source(tmp_path, path).define("member")


def test_unknown_format(tmp_path: Path) -> None:
    """A file that is neither CSV nor Parquet by its name is told so."""
    write(tmp_path, "x", "members.xlsx")
    with pytest.raises(errors.SourceError, match="neither CSV"):
        source(tmp_path, "members.xlsx").define("member")


def test_several_files(tmp_path: Path) -> None:
    """Files of one table are read in order of their names, and positions count over all of them."""
    write(tmp_path, "name,id\nBo,2\nCy,3\n", "part/b.csv")
    write(tmp_path, "id,name\n1,Ada\n", "part/a.csv")
    expected = [("1", "Ada", 0), ("2", "Bo", 1), ("3", "Cy", 2)]
    for path in ("part", "part/*.csv"):
        assert [tuple(row.values()) for row in rows(read(source(tmp_path, path), "name"))] == expected


def test_files_that_differ(tmp_path: Path) -> None:
    """Two files of one table with different columns are told by name, with the columns."""
    write(tmp_path, "id,name\n", "part/a.csv")
    write(tmp_path, "id,surname\n", "part/b.csv")
    with pytest.raises(errors.SourceError, match=r"a\.csv and part/b\.csv .* differ in: name, surname"):
        source(tmp_path, "part/*").define("member")


def test_parquet(tmp_path: Path) -> None:
    """Parquet files keep their types."""
    write_parquet(tmp_path, {"id": [1, 2], "amount": [1.5, None], "unused": ["x", "y"]}, "a.parquet")
    connection = source(tmp_path, "*.parquet")
    assert [str(column.type) for column in connection.define("member").columns] == ["int64", "double", "string"]
    assert rows(read(connection, "amount")) == [
        {"id": 1, "amount": 1.5, "_position": 0},
        {"id": 2, "amount": None, "_position": 1},
    ]


def test_broken_parquet(tmp_path: Path) -> None:
    """A file that is Parquet by name only cannot be read, and the message says which."""
    write(tmp_path, "no parquet", "a.parquet")
    with pytest.raises(errors.SourceError, match=r"a\.parquet cannot be read"):
        source(tmp_path, "a.parquet").define("member")


def test_unchanged_files(tmp_path: Path) -> None:
    """While nothing changed, a read from the token brings no rows and the same token."""
    write(tmp_path, "id,name\n1,Ada\n")
    token = read(source(tmp_path), "name")[-1].token
    (change,) = read(source(tmp_path), "name", token=token)
    assert (change.rows.num_rows, change.token) == (0, token)


def test_changed_files(tmp_path: Path) -> None:
    """After a change of content, of columns wanted, of their types or of the files, a token leads no further."""
    write(tmp_path, "id,name\n1,Ada\n")
    token = read(source(tmp_path, "*.csv"), "name")[-1].token
    with pytest.raises(errors.FeedEndedError):
        read(source(tmp_path, "*.csv"), token=token)
    with pytest.raises(errors.FeedEndedError):
        read(source(tmp_path, "*.csv", types={"name": "date"}), "name", token=token)
    write(tmp_path, "id,name\n", "more.csv")
    with pytest.raises(errors.FeedEndedError, match="changed: read in full"):
        read(source(tmp_path, "*.csv"), "name", token=token)
