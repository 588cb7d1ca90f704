"""Labels: a file that tells of rows who is who, written by somebody who knows."""

from __future__ import annotations

import glob
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from backstamp import errors
from backstamp.connect import files
from backstamp.unify.evaluate import CLUSTERS, PAIRS, Kind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

_YES, _NO = ("true", "1", "yes"), ("false", "0", "no")


@dataclass(frozen=True)
class Labels:
    """What a file tells.

    Attributes:
        kind: whether it tells whose rows are, or of pairs whether they are one customer.
        column: the one that tells it, by its name in the file.
        rows: `CLUSTERS` or `PAIRS`; each row, or each pair in any direction, once.
    """

    kind: Kind
    column: str
    rows: pa.Table


def read(file: Path, tables: Collection[str]) -> Labels:
    """Read labels from a CSV or Parquet file.

    Args:
        file: where they are.
        tables: those that labels can tell of.

    Raises:
        ConfigurationError: it cannot be read, its columns are not those of labels, or what it tells is contradictory
            or about other tables.
    """
    try:
        labels = _read(file)
    except errors.SourceError as error:
        raise errors.ConfigurationError(str(error), errors.Location(str(file))) from error
    if problem := next(_problems(labels, tables), None):
        raise errors.ConfigurationError(problem, errors.Location(str(file)))
    return labels


def _read(file: Path) -> Labels:
    if not file.is_file():
        raise errors.SourceError("There is no such file of labels: name a CSV or Parquet file.")
    system = files.Files(Path(), {"labels": files.FileTable(glob.escape(str(file)))})
    names = [column.name for column in system.define("labels").columns]
    kind, columns = _columns(names)
    pages = list(system.read("labels", columns))
    if unreadable := [row for page in pages for row in page.unreadable]:
        raise errors.SourceError(f"{len(unreadable)} lines cannot be read, the first is {unreadable[0].where}.")
    rows = pa.Table.from_batches([page.rows.select(columns) for page in pages])
    text = [_text(column) for column in rows.columns]
    if kind == "pairs":
        return Labels(kind, columns[-1], _each_once(pa.table([*text[:-1], _truth(text[-1])], list(PAIRS))))
    told = pa.table(text, list(CLUSTERS))
    known = told.filter(told["cluster"].is_valid())
    return Labels(kind, columns[-1], known.group_by(list(CLUSTERS)).aggregate([]))


def _columns(names: Sequence[str]) -> tuple[Kind, list[str]]:
    """Return what kind of labels these columns make, and which of them count."""
    if set(PAIRS) <= set(names):
        return "pairs", list(PAIRS)
    others = [name for name in names if name not in CLUSTERS[:2]]
    if set(CLUSTERS[:2]) <= set(names) and others:
        return "clusters", [*CLUSTERS[:2], "cluster" if "cluster" in others else others[0]]
    expected = min((PAIRS, CLUSTERS), key=lambda form: len(set(form) - set(names)))
    missing = next(name for name in expected if name not in names)
    raise errors.SourceError(
        f"There is no column `{missing}`.{errors.did_you_mean(missing, names)} Labels are pairs, with the columns"
        f" {', '.join(PAIRS)}, or clusters, with {', '.join(CLUSTERS)}. The file has: {', '.join(names)}."
    )


def _text(column: Any) -> Any:  # noqa: ANN401 - an Arrow column; here and below its own types say too little
    """Return a column as text; empty text is no value."""
    text = column.cast(pa.string())
    return pc.if_else(pc.equal(text, pa.scalar("")), None, text)


def _truth(column: Any) -> Any:  # noqa: ANN401
    """Return whether each text says yes; null where it says neither yes nor no."""
    yes, no = (pc.is_in(pc.utf8_lower(column), pa.array(words)) for words in (_YES, _NO))
    return pc.if_else(pc.or_(yes, no), yes, None)


def _each_once(pairs: Any) -> Any:  # noqa: ANN401
    """Return each pair once: of its two rows the smaller one stands to the left."""
    left, right = (
        pc.binary_join_element_wise(pairs[f"{side}_table"], pairs[f"{side}_key"], "\0") for side in ("left", "right")
    )
    is_turned = pc.fill_null(pc.greater(left, right), False)
    turned = pairs.rename_columns([*PAIRS[2:4], *PAIRS[:2], PAIRS[4]]).select(PAIRS)
    both = pa.concat_tables([pairs.filter(pc.invert(is_turned)), turned.filter(is_turned)])
    return both.group_by(list(PAIRS)).aggregate([])


def _problems(labels: Labels, tables: Collection[str]) -> Iterator[str]:
    """Yield what is wrong with labels, without a value of theirs but the name of a table."""
    rows: Any = labels.rows
    named, keys = ([name for name in rows.column_names if name.endswith(end)] for end in ("table", "key"))
    if not rows.num_rows:
        yield "There are no labels in this file."
    for name in (*named, *keys):
        if rows[name].null_count:
            yield f"`{name}` is empty in {rows[name].null_count:,} lines: fill it in, or remove them."
    if labels.kind == "pairs" and rows["match"].null_count:
        yield f"`match` is neither true nor false in {rows['match'].null_count:,} lines."
    for table in (table for name in named for table in pc.unique(rows[name]).to_pylist()):
        if table not in tables:
            hint = errors.did_you_mean(table, tables)
            yield f"`{table}` is no table of unification.{hint} There are: {', '.join(tables)}."
    if repeated := rows.num_rows - rows.group_by([*named, *keys]).aggregate([]).num_rows:
        what = "rows are in several clusters" if labels.kind == "clusters" else "pairs are labelled both ways"
        yield f"{repeated:,} {what}: keep one line of each."
    if labels.kind == "pairs" and pc.any(_is_one_row(rows)).as_py():
        yield "A pair is made of a row and itself: remove it."


def _is_one_row(pairs: Any) -> Any:  # noqa: ANN401
    return pc.and_(*(pc.equal(pairs[f"left_{what}"], pairs[f"right_{what}"]) for what in ("table", "key")))
