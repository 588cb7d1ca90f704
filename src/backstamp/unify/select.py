"""The transform step of a table: a SQL select over its rows as read, parsed and held against the tables that it reads.

It is written in DuckDB's SQL. What it says is checked here; an engine computes it (`Engine.select`), in its own SQL.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp
from sqlglot.optimizer import qualify, scope
from sqlglot.optimizer.pushdown_projections import pushdown_projections

from backstamp import errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pyarrow as pa

_DIALECT = "duckdb"
# Whatever has one of these says of one row something that depends on others, or on the time.
_NOT_OF_ONE_ROW = (
    exp.AggFunc,
    exp.Window,
    exp.Join,
    exp.Group,
    exp.Having,
    exp.Distinct,
    exp.Limit,
    exp.Offset,
    exp.Order,
    exp.UDTF,
    exp.Explode,
    exp.Anonymous,
    exp.CurrentDate,
    exp.CurrentTime,
    exp.CurrentTimestamp,
    exp.Rand,
    exp.Uuid,
)


@dataclass(frozen=True)
class Select:
    """A select that fits the tables.

    Attributes:
        table: whose step it is, as the system outside calls it.
        tree: what it says, every column with its table.
        key: the primary key of the table.
    """

    table: str
    tree: exp.Select
    key: str

    @property
    def statement(self) -> str:
        """What it says, in DuckDB's SQL."""
        return self.tree.sql(dialect=_DIALECT)

    @property
    def digest(self) -> str:
        """A digest of what it says: rows that were made by another one have to be made again."""
        return hashlib.sha256(self.statement.encode()).hexdigest()[:16]

    @property
    def outputs(self) -> tuple[str, ...]:
        """The columns that it gives."""
        return tuple(self.tree.named_selects)

    @property
    def keeps_key(self) -> bool:
        """Whether the table's own primary key is among its columns, as it is."""
        whole = scope.build_scope(self.tree)
        return whole is not None and _gives(whole, self.key, self.table)

    @property
    def is_of_single_rows(self) -> bool:
        """Whether each row comes from one row of the table with the same key, whatever the others are.

        Then what changed can be transformed by itself.
        """
        return (
            self.keeps_key
            and set(self.reads) == {self.table}
            and len(list(self.tree.find_all(exp.Select))) == 1
            and not any(self.tree.find(kind) for kind in _NOT_OF_ONE_ROW)
        )

    @property
    def reads(self) -> dict[str, tuple[str, ...]]:
        """The columns that it needs of each table."""
        found: dict[str, dict[str, None]] = {}
        for one in scope.traverse_scope(self.tree):
            for source in one.sources.values():
                if isinstance(source, exp.Table):
                    found.setdefault(source.name, {})
            for column in one.columns:
                of = one.sources.get(column.table)
                if isinstance(of, exp.Table):
                    found[of.name][column.name] = None
        return {table: tuple(columns) for table, columns in found.items()}

    def only(self, columns: Iterable[str], besides: Iterable[str] = ()) -> Select:
        """Return a select that gives the key and these columns, and needs no more than they do.

        Args:
            columns: of what it gives.
            besides: columns of the table that are to be given too, as they are.
        """
        wanted = {self.key, *columns}
        tree = self.tree.copy()
        if not any(tree.args.get(part) for part in ("distinct", "order", "group")):
            tree.set("expressions", [one for one in tree.selects if one.alias_or_name in wanted])
        for name in besides:
            if name not in tree.named_selects:
                tree.select(exp.column(name, table=self._alias, quoted=True).as_(name, quoted=True), copy=False)
        narrowed = pushdown_projections(tree)
        assert isinstance(narrowed, exp.Select)  # noqa: S101 - it was one
        return Select(self.table, narrowed, self.key)

    @property
    def _alias(self) -> str:
        """The name by which it calls the table itself, "" where it is not in its own `from`."""
        sources = scope.build_scope(self.tree)
        tables = sources.sources.items() if sources else ()
        return next((name for name, one in tables if isinstance(one, exp.Table) and one.name == self.table), "")


def parse(text: str) -> exp.Select:
    """Parse a select.

    Raises:
        ConfigurationError: it is none; the message has the position, counted from 1.
    """
    try:
        trees = [tree for tree in sqlglot.parse(text, dialect=_DIALECT) if tree]
    except sqlglot.errors.ParseError as error:
        at = error.errors[0]
        before = text.splitlines(keepends=True)[: (at["line"] or 1) - 1]
        position = sum(map(len, before)) + (at["col"] or 1) - len(at["highlight"] or "") + 1
        raise _refusal(text, position, "This is no SQL") from error
    except sqlglot.errors.TokenError as error:
        raise _refusal(text, len(text), "This is no SQL") from error
    if len(trees) != 1 or not isinstance(trees[0], exp.Select):
        raise _refusal(text, 1, "A transform step is one select")
    return trees[0]


def resolve(text: str, table: str, key: str, tables: Mapping[str, Mapping[str, pa.DataType]]) -> Select:
    """Hold a select against the tables that it may read.

    Args:
        text: the select.
        table: whose step it is.
        key: its primary key.
        tables: the columns of each table that it may read, its own too, as the system outside calls them.

    Raises:
        ConfigurationError: it names what is not there, or does not read its own table, or gives the key's name to
            something else; the message has the position, counted from 1.
    """
    tree = parse(text)
    made = {one.alias for one in tree.find_all(exp.CTE)}
    for one in tree.find_all(exp.Table):
        if not isinstance(one.this, exp.Identifier) or one.db or one.name.lower() not in {*tables, *made}:
            known = f"There are: {', '.join(tables)}."
            hint = errors.did_you_mean(one.name, tables)
            raise _refusal(text, _position(one), f"`{one.name}` is no table of this source.{hint} {known}", " See")
    schema: dict[str, object] = {name: dict.fromkeys(columns, "VARCHAR") for name, columns in tables.items()}
    try:
        whole = qualify.qualify(tree.copy(), dialect=_DIALECT, schema=schema)
    except sqlglot.errors.OptimizeError as error:
        raise _unresolved(text, tree, str(error), tables) from error
    assert isinstance(whole, exp.Select)  # noqa: S101 - it was one
    found = Select(table, whole, key)
    if table not in found.reads:
        raise _refusal(text, 1, f"It does not read {table} itself")
    names = found.outputs
    if repeated := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise _refusal(text, 1, f"It gives two columns the name `{repeated[0]}`: name them with `as`")
    if key in names and not found.keeps_key:
        raise _refusal(text, 1, f"It calls something else `{key}`, which is the key of {table}: name it differently")
    return found


def _unresolved(
    text: str, tree: exp.Select, said: str, tables: Mapping[str, Mapping[str, pa.DataType]]
) -> errors.ConfigurationError:
    """Return the refusal of a column that is in no table, or in several."""
    name = (re.findall(r"[Cc]olumn '?\"?(?:\w+\"?\.\"?)?(\w+)", said) or [""])[0]
    places = [_position(one) for one in tree.find_all(exp.Column) if one.name.lower() == name.lower()]
    columns = [column for one in tables.values() for column in one]
    what = f"`{name}` is no column, or one of several tables: write TABLE.COLUMN" if name else "This cannot be resolved"
    hint = "" if name in columns else errors.did_you_mean(name, columns)
    return _refusal(text, places[0] if places else 1, f"{what}.{hint}", " See")


def _refusal(text: str, position: int, what: str, see: str = ": see") -> errors.ConfigurationError:
    rest = " ".join(text[position - 1 :].split()) or "(nothing)"
    shown = rest if len(rest) <= 40 else f"{rest[:40]}…"
    return errors.ConfigurationError(f"{what}{see} character {position}, `{shown}`.")


def _position(node: exp.Expression) -> int:
    starts = [part.meta["start"] for part in node.walk() if "start" in part.meta]
    return int(min(starts)) + 1 if starts else 1


def _gives(of: scope.Scope, column: str, table: str) -> bool:
    """Tell whether a select gives a column of a table as it is, under its own name, be it through other selects."""
    for given in getattr(of.expression, "selects", ()):
        inner = given.unalias()
        if given.alias_or_name == column and isinstance(inner, exp.Column) and inner.name == column:
            source = of.sources.get(inner.table)
            if isinstance(source, scope.Scope):
                return _gives(source, column, table)
            return source is not None and source.name == table
    return False
