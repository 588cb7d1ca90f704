"""What FetchXML, SQL and `$apply` ask, as one value, and its answer: joined tables, chosen columns, groups."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

import sqlalchemy as sa

from backstamp import odata
from backstamp.embedded import conditions, faults, formats, paging, projection, statements, tree
from backstamp.embedded.conditions import Scope
from backstamp.embedded.metadata import LOOKUPS, Column, ColumnType
from backstamp.embedded.paging import Position, SortKey
from backstamp.embedded.projection import Projection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from backstamp.embedded.conditions import Found, Place
    from backstamp.embedded.query import Reader

    Item = dict[str, Any]
    Expression = sa.ColumnElement[Any]

AGGREGATES = frozenset({"count", "countcolumn", "sum", "average", "min", "max"})
_AGGREGATE_LIMIT = 50_000
_MOST_JOINS = 15
_MEAN_DIGITS = Decimal("1e-10")
_NUMBERS = frozenset({ColumnType.INTEGER, ColumnType.BIGINT, ColumnType.DECIMAL, ColumnType.DOUBLE, ColumnType.MONEY})
_PERIODS = {"year": (1, 4), "quarter": (6, 2), "month": (6, 2), "day": (9, 2)}


@dataclass(frozen=True)
class Join:
    """One more table, whose column equals one that is there already.

    Attributes:
        alias: what paths call the table.
        column: the property of the joined table.
        path: the property that it equals.
        outer: rows without a partner stay.
        condition: what else is asked of partners.
    """

    alias: str
    table: str
    column: str
    path: tree.Path
    outer: bool = False
    condition: tree.Node | None = None


@dataclass(frozen=True)
class Output:
    """A column of the answer.

    Attributes:
        path: where its values are; None to count rows.
        aggregate: one of `AGGREGATES`, or "" for a value itself.
        distinct: each value counts once.
        period: the part of a time by which to group: year, quarter, month or day.
        hidden: the answer is grouped by it and does not show it.
    """

    name: str
    path: tree.Path | None
    aggregate: str = ""
    distinct: bool = False
    period: str = ""
    hidden: bool = False


@dataclass(frozen=True)
class Sort:
    """What to sort by: a path, or an output by its name."""

    by: tree.Path | str
    descending: bool = False


@dataclass(frozen=True)
class Selection:
    """A question to one table and those joined to it.

    Attributes:
        grouped: rows with the same values become one; aggregates are of these.
        keyed: the rows of the first table bring their key and entity tag.
    """

    table: str
    outputs: tuple[Output, ...]
    joins: tuple[Join, ...] = ()
    filter: tree.Node | None = None
    sorts: tuple[Sort, ...] = ()
    grouped: bool = False
    keyed: bool = False


@dataclass(frozen=True)
class Start:
    """Where an answer begins and ends.

    Attributes:
        token: the position after the last row before, where that is known.
        offset: else, how many rows to pass over.
        size: the most rows of the answer.
    """

    size: int
    token: str = ""
    offset: int = 0


@dataclass(frozen=True)
class Answer:
    """Rows as JSON objects; whether more follow; and the token of the next, which groups do not have."""

    items: list[Item]
    more: bool = False
    token: str = ""


def answer(reader: Reader, selection: Selection, start: Start) -> Answer:
    """Return the rows of a selection.

    Raises:
        Fault: it names what does not exist, or aggregates what cannot be.
    """
    names = [output.name for output in selection.outputs]
    if len(set(names)) < len(names) or not names:
        raise faults.bad_request("Each column of an answer needs a name of its own.")
    if any("@" in name for name in names):
        raise faults.bad_request("The name of a column cannot hold '@', with which annotations begin.")
    if len(selection.joins) > _MOST_JOINS:
        raise faults.bad_request(f"A query can join at most {_MOST_JOINS} tables.")
    read = _grouped if selection.grouped else _plain
    found = read(reader, selection, _source(reader, selection), start)
    hidden = {output.name for output in selection.outputs if output.hidden}
    return replace(found, items=[_without(item, hidden) for item in found.items]) if hidden else found


def _without(item: Item, hidden: set[str]) -> Item:
    return {name: value for name, value in item.items() if name.partition("@")[0] not in hidden}


@dataclass(frozen=True)
class _Source:
    """The joined tables and the rows of them that are wanted."""

    scope: Scope
    sql: sa.FromClause
    wheres: list[Expression]

    def select(self, *expressions: Expression) -> sa.Select[Any]:
        return sa.select(*expressions).select_from(self.sql).where(*self.wheres)


def count(reader: Reader, selection: Selection, limit: int) -> int:
    """Return how many rows fit, before any grouping; at most as many as the limit says."""
    return _count(reader, _source(reader, selection), limit)


def _count(reader: Reader, source: _Source, limit: int) -> int:
    some = source.select(sa.literal(1).label("one")).limit(limit).subquery()
    return int(statements.rows(reader.session, sa.select(sa.func.count()).select_from(some))[0][0])


def _source(reader: Reader, selection: Selection) -> _Source:
    session = reader.session
    scope = Scope(session, conditions.main_place(session, selection.table))
    source: sa.FromClause = scope.main.sql
    for join in selection.joins:
        place = conditions.place_of(session, join.table)
        if join.alias in scope.others:
            raise faults.bad_request(f"The alias '{join.alias}' is given twice.")
        scope = scope.within(join.alias, place)
        equal = tree.Comparison("eq", tree.Path((join.column,), join.alias), join.path)
        on = conditions.condition(scope, tree.both(equal, join.condition) or equal)
        source = source.join(place.sql, on, isouter=join.outer)
    wheres = [conditions.condition(scope, selection.filter)] if selection.filter else []
    return _Source(scope, source, wheres)


def _plain(reader: Reader, selection: Selection, source: _Source, start: Start) -> Answer:
    scope = source.scope
    chosen = Projection(reader.session.schema, scope.main, reader.annotations)
    table = scope.main.table
    if selection.keyed:
        chosen.show_tag()
        if table.key not in {output.name for output in selection.outputs}:
            chosen.show(table.key, scope.main.sql.c[table.key])
    for output in selection.outputs:
        found, place = _column_of(scope, output)
        chosen.show_column(output.name, found.column, place, found.value)
        _annotate_name(chosen, output, found.column)
    keys = [_sort_key(selection, scope, sort) for sort in selection.sorts]
    keys += [SortKey.of_key(place) for place in (scope.main, *scope.others.values())]
    places = [chosen.need(key.expression) for key in keys]
    position = paging.resume(start.token, keys) if start.token else Position()
    statement = source.select(*chosen.expressions).where(*paging.after(keys, position))
    ordered = statement.order_by(*(key.order for key in keys)).limit(start.size + 1).offset(start.offset)
    rows = statements.rows(reader.session, ordered)
    more = len(rows) > start.size
    rows = rows[: start.size]
    token = Position(tuple(rows[-1][place] for place in places)).token if more and rows else ""
    return Answer(chosen.items(rows), more, token)


def _column_of(scope: Scope, output: Output) -> tuple[Found, Place]:
    if output.path is None or output.aggregate:
        raise faults.bad_request(f"'{output.name}' is an aggregate in a query that has no groups.")
    return conditions.resolve(scope, output.path), scope.place(output.path.alias)


def _annotate_name(chosen: Projection, output: Output, column: Column) -> None:
    """Tell which column stands behind an alias."""
    if output.name in {column.name, projection.property_name(column)}:
        return
    if chosen.annotations.wants(odata.ATTRIBUTE_NAME):
        chosen.annotate(projection.constant(output.name, odata.ATTRIBUTE_NAME, column.name))


def _sort_key(selection: Selection, scope: Scope, sort: Sort) -> SortKey:
    named = (output.path for output in selection.outputs if output.name == sort.by)
    path = next(named, None) if isinstance(sort.by, str) else sort.by
    if path is None:
        raise faults.bad_request(f"There is no column '{sort.by}' to sort by.")
    return SortKey.of(conditions.resolve(scope, path), descending=sort.descending)


def _grouped(reader: Reader, selection: Selection, source: _Source, start: Start) -> Answer:
    if any(output.aggregate for output in selection.outputs):
        _refuse_too_many(reader, source)
    groups = _Groups(reader, source.scope)
    for number, output in enumerate(selection.outputs):
        groups.add(number, output)
    inner = source.select(*groups.inner).subquery()
    chosen = Projection(reader.session.schema, source.scope.main, reader.annotations)
    columns = dict(inner.c)
    outer = [show(chosen, columns) for show in groups.shows]
    orders = [_group_order(selection, outer, sort) for sort in selection.sorts]
    keys = [columns[name] for name in groups.keys]
    statement = sa.select(*chosen.expressions).select_from(inner).group_by(*keys)
    ordered = statement.order_by(*orders, *(key.asc().nulls_first() for key in keys))
    rows = statements.rows(reader.session, ordered.limit(start.size + 1).offset(start.offset))
    return Answer(chosen.items(rows[: start.size]), len(rows) > start.size)


def _refuse_too_many(reader: Reader, source: _Source) -> None:
    if _count(reader, source, _AGGREGATE_LIMIT + 1) > _AGGREGATE_LIMIT:
        message = f"The maximum record limit of {_AGGREGATE_LIMIT} is exceeded. Reduce the number of records."
        raise faults.Fault(400, odata.AGGREGATE_LIMIT, message)


def _group_order(selection: Selection, outer: Sequence[Expression], sort: Sort) -> Expression:
    for output, expression in zip(selection.outputs, outer, strict=True):
        if sort.by == output.name or (sort.by == output.path and not output.aggregate):
            return expression.desc().nulls_last() if sort.descending else expression.asc().nulls_first()
    raise faults.bad_request("Groups can only be sorted by what they show.")


_Columns: TypeAlias = "Mapping[str, Expression]"


class _Groups:
    """A statement with groups in the making: an inner query gives the values, an outer one groups them.

    So each database sees plain columns where it groups, whatever expression they come from.

    Attributes:
        inner: what the inner query selects.
        keys: the names of those by which the outer one groups.
        shows: what adds an output to the outer query; each returns by what it is sorted.
    """

    def __init__(self, reader: Reader, scope: Scope) -> None:
        self._reader = reader
        self._scope = scope
        self.inner: list[Expression] = [sa.literal(1).label("one")]
        self.keys: list[str] = []
        self.shows: list[Callable[[Projection, _Columns], Expression]] = []

    def add(self, number: int, output: Output) -> None:
        """Add an output."""
        if output.path is None:
            self.shows.append(lambda chosen, _: _show(chosen, output.name, sa.func.count()))
            return
        found = conditions.resolve(self._scope, output.path)
        value = f"v{number}"
        self.inner.append((_part(found, output) if output.period else found.value).label(value))
        if output.aggregate:
            _refuse_wrong_aggregate(output, found.column)
            self.shows.append(lambda chosen, columns: _aggregate(chosen, output, found.column, columns[value]))
        elif found.column.is_text:
            # Text that differs by case only is one group, shown in one of its spellings.
            key = f"k{number}"
            self.inner.append(conditions.comparable(found.column, found.value).label(key))
            self.keys.append(key)
            self.shows.append(lambda chosen, columns: _text(chosen, output, columns[value], columns[key]))
        else:
            self.keys.append(value)
            self.shows.append(lambda chosen, columns: self._value(chosen, output, found.column, columns[value]))
            if found.column.type in LOOKUPS:
                self._add_annotations(output, found.column, self._scope.place(output.path.alias))

    def _value(self, chosen: Projection, output: Output, column: Column, value: Expression) -> Expression:
        spell = None if output.period or column.is_lookup else formats.spelling(column)
        if spell is not None and chosen.annotations.wants(odata.FORMATTED_VALUE):
            chosen.annotate(projection.formatted(output.name, spell))
        return _show(chosen, output.name, value)

    def _add_annotations(self, output: Output, column: Column, place: Place) -> None:
        """Bring the names of the rows that lookups point to through both queries."""
        if output.path is None or len(output.path.steps) > 1:
            return
        one = Projection(self._reader.session.schema, place, self._reader.annotations)
        for annotation, expression in one.lookup_texts(column, place):
            name = f"a{len(self.inner)}"
            self.inner.append(expression.label(name))
            show = self.shows.pop()
            self.shows.append(_with_text(show, output.name, annotation, name))


def _with_text(
    show: Callable[[Projection, _Columns], Expression], name: str, annotation: str, column: str
) -> Callable[[Projection, _Columns], Expression]:
    def shown(chosen: Projection, columns: _Columns) -> Expression:
        chosen.annotate(projection.from_row(name, annotation, chosen.need(sa.func.min(columns[column]))))
        return show(chosen, columns)

    return shown


def _show(chosen: Projection, name: str, expression: Expression) -> Expression:
    chosen.show(name, expression)
    return expression


def _text(chosen: Projection, output: Output, value: Expression, key: Expression) -> Expression:
    chosen.show(output.name, sa.func.min(value))
    return key


def _part(found: Found, output: Output) -> Expression:
    """Return a part of a time as a number; times are kept as text in which each part has its place."""
    if found.column.type is not ColumnType.DATETIME or output.period not in _PERIODS:
        raise faults.bad_request(f"'{output.name}' cannot be grouped by '{output.period}'.")
    first, length = _PERIODS[output.period]
    part = sa.cast(sa.func.substr(found.value, first, length), sa.Integer)
    return (part + 2) // 3 if output.period == "quarter" else part


def _refuse_wrong_aggregate(output: Output, column: Column) -> None:
    fitting = output.aggregate == "countcolumn" or column.type in _NUMBERS
    if not fitting and not (output.aggregate in {"min", "max"} and column.type is ColumnType.DATETIME):
        raise faults.bad_request(f"The aggregate '{output.aggregate}' cannot be used on '{column.name}'.")


def _aggregate(chosen: Projection, output: Output, column: Column, value: Expression) -> Expression:
    if output.aggregate == "countcolumn":
        return _show(chosen, output.name, sa.func.count(sa.distinct(value) if output.distinct else value))
    if output.aggregate == "average":
        return _average(chosen, output, column, value)
    expression = _show(chosen, output.name, _FUNCTIONS[output.aggregate](value))
    if column.type in {ColumnType.INTEGER, ColumnType.BIGINT}:
        chosen.annotate(_as(output.name, int))  # PostgreSQL adds whole numbers up to a decimal one
    _annotate_value(chosen, output, column)
    return expression


_FUNCTIONS: dict[str, Callable[[Expression], Expression]] = {"sum": sa.func.sum, "min": sa.func.min, "max": sa.func.max}


def _average(chosen: Projection, output: Output, column: Column, value: Expression) -> Expression:
    """Divide sum by number here: the databases disagree about how an average is rounded."""
    total, number = sa.func.sum(value), sa.func.count(value)
    chosen.show(output.name, total)
    place = chosen.need(number)
    whole = column.type in {ColumnType.INTEGER, ColumnType.BIGINT}

    def divide(item: Item, row: Sequence[Any]) -> None:
        if item[output.name] is None:
            return
        if column.type is ColumnType.DOUBLE:
            item[output.name] = item[output.name] / row[place]
        else:
            mean = Decimal(item[output.name]) / row[place]
            item[output.name] = int(mean) if whole else mean.quantize(_MEAN_DIGITS).normalize()

    chosen.annotate(divide)
    _annotate_value(chosen, output, column)
    return sa.cast(sa.type_coerce(total, sa.BigInteger), sa.Double) / sa.func.nullif(number, 0)


def _as(name: str, convert: Callable[[Any], Any]) -> Callable[[Item, Sequence[Any]], None]:
    def annotate(item: Item, _row: Sequence[Any]) -> None:
        if item[name] is not None:
            item[name] = convert(item[name])

    return annotate


def _annotate_value(chosen: Projection, output: Output, column: Column) -> None:
    spell = formats.spelling(column)
    if spell is not None and chosen.annotations.wants(odata.FORMATTED_VALUE):
        chosen.annotate(projection.formatted(output.name, spell))
