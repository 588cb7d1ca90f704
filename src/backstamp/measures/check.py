"""Everything that can be said against the settings of measures before a run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import pyarrow as pa

from backstamp import errors
from backstamp.measures import clock, expressions, kinds, relationships, templates
from backstamp.measures.calculation import columns_in, made_of
from backstamp.measures.expressions import Aggregate
from backstamp.measures.kinds import Scope, UnfitError
from backstamp.measures.rows import ACTIVITY_COLUMNS, CUSTOMER_ID, way_of
from backstamp.measures.settings import ACTIVITIES, CUSTOMERS, calculations, dead_band, keys_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from backstamp.measures.expressions import Expression
    from backstamp.measures.settings import Activity, Definitions, Insight, Measure, Relationship

    Path: TypeAlias = tuple[str | int, ...]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,49}")
_OF_ACTIVITIES = {name: "time" if name == "time" else "text" for name in ACTIVITY_COLUMNS}


@dataclass(frozen=True)
class _Tables:
    """What is known of the source tables; keys are stored as text whatever they are outside."""

    definitions: Definitions
    columns: Mapping[str, Mapping[str, pa.DataType]]
    keys: Mapping[str, str]

    def families(self, table: str) -> dict[str, str]:
        """Return what each column of a table holds."""
        found = {name: kinds.of_type(kind) for name, kind in self.columns[table].items()}
        return found | ({self.keys[table]: "text"} if self.keys.get(table) else {})

    def scope(self, measure: Measure) -> Scope:
        """Return what a measure can name; its `of` is there, and one way leads from it to the customers."""
        if measure.of == ACTIVITIES:
            return Scope(ACTIVITIES, _OF_ACTIVITIES | {CUSTOMER_ID: "text"}, {})
        if measure.of == CUSTOMERS:
            return Scope(CUSTOMERS, self._attributes() | {CUSTOMER_ID: "text"}, {})
        way = self._way(measure)
        related = {step.to_table: self.families(step.to_table) for step in way or ()}
        owner = {} if way is None else {CUSTOMER_ID: "text"}
        return Scope(measure.of, owner | self.families(measure.of), related)

    def _way(self, measure: Measure) -> relationships.Way | None:
        try:
            return way_of(measure.of, measure.through, self.definitions)
        except errors.ConfigurationError:
            return None  # a business measure needs none

    def _attributes(self) -> dict[str, str]:
        """Return what each attribute is, as far as it is known."""
        found: dict[str, str] = {}
        attributes = {name: one for name, one in self.definitions.measures.items() if one.kind == "attribute"}
        for _ in attributes:  # each is known once those are that it is made of
            for name in attributes.keys() - found.keys():
                kind = self._kind(name, attributes[name], found)
                found |= {name: kind} if kind else {}
        return {name: found[name] for name in attributes if name in found}

    def _kind(self, name: str, measure: Measure, found: Mapping[str, str]) -> str | None:
        try:
            value = expressions.parse_value(calculations(name, measure)[name])
            if measure.of == CUSTOMERS:
                return kinds.of_row(value, Scope(CUSTOMERS, {**found, CUSTOMER_ID: "text"}, {}))
            return kinds.of_rows(value, self.scope(measure)) if self.has(measure.of) else None
        except (errors.ConfigurationError, UnfitError, KeyError):
            return None  # what is wrong is told where that measure is looked at

    def has(self, of: str) -> bool:
        """Tell whether there is a table to be measured."""
        return of in self.columns or of == CUSTOMERS or (of == ACTIVITIES and bool(self.definitions.activities))


def problems(
    definitions: Definitions, tables: Mapping[str, Mapping[str, pa.DataType]], keys: Mapping[str, str]
) -> list[errors.Problem]:
    """Return what is wrong with relationships, activities and measures, in the order of the project file.

    Args:
        definitions: what the project says.
        tables: of every source table, its columns and their types.
        keys: of every source table with a known one, the key column.
    """
    known = _Tables(definitions, tables, keys)
    found: list[errors.Problem] = []
    for place, relationship in enumerate(definitions.relationships):
        found += _problems_of_relationship(("relationships", place), relationship, known)
    found += _circles(definitions)
    if found:  # what follows would tell the same again
        return found
    for place, activity in enumerate(definitions.activities):
        found += _problems_of_activity(("activities", place), activity, known)
    for name, measure in definitions.measures.items():
        insight = definitions.insights.get(name)
        path: Path = ("measures" if insight is None else "insights", name)
        found += _problems_of_name(path, definitions.measures)
        missing = [] if insight is None else list(_problems_of_insight(path, insight, known))
        found += missing or _problems_of_measure(path, name, measure, known)
    return found


def contradictions(definitions: Definitions) -> Iterator[errors.Problem]:
    """Tell what is wrong whatever tables there are: texts that cannot be read, settings that do not go together."""
    if not clock.is_zone(definitions.time_zone):
        yield errors.Problem(
            ("time_zone",), f"`{definitions.time_zone}` is no time zone. Write one as `UTC` or `Europe/Berlin`."
        )
    for name, measure in definitions.measures.items():
        if name in definitions.insights:
            yield from _problems_of_dead_band(("insights", name, "dead_band"), measure)
            continue
        path: Path = ("measures", name)
        wrong = list(templates.problems(path, measure))
        yield from wrong
        if not wrong:
            yield from _contradictions_of(path, measure)
            yield from _unreadable(path, templates.expanded(measure))


def columns_of(definitions: Definitions, table: str) -> set[str]:
    """Return the columns of a source table that are used; the measures have no problems."""
    links = definitions.relationships
    used = {one.from_column for one in links if one.from_table == table}
    used |= {one.to_column for one in links if one.to_table == table}
    for activity in definitions.activities:
        used |= set(activity.columns) if activity.table == table else set()
    for measure in definitions.measures.values():
        used |= {
            column.name
            for column in columns_in(measure)
            if (column.table or measure.of) == table and column.name != CUSTOMER_ID
        }
    return used


def _contradictions_of(path: Path, measure: Measure) -> Iterator[errors.Problem]:
    """Tell which settings of a measure do not go together."""
    if measure.template is None and (measure.value is None) == (not measure.values):
        which = "both: leave one out" if measure.values else "neither: add `value`"
        yield errors.Problem(path, f"`{path[-1]}` has a `value` or `values`, and here are {which}.")
    if measure.kind == "attribute" and measure.values:
        message = "An attribute is one `value`: several, in a table of their own, are a measure of `kind: customer`."
        yield errors.Problem((*path, "values"), message)
    if measure.dimensions and (measure.kind == "attribute" or (measure.kind == "customer" and measure.of == CUSTOMERS)):
        message = "There is one value for each customer: `dimensions` split measures of `kind: customer` or `business`."
        yield errors.Problem((*path, "dimensions"), message)
    if measure.of == CUSTOMERS and measure.where and measure.kind != "business":
        message = "There is one row for each customer: leave `where` out."
        yield errors.Problem((*path, "where"), message)
    if measure.through and measure.of in {ACTIVITIES, CUSTOMERS}:
        message = f"`{measure.of}` have their customers: leave `through` out, or say it under `activities`."
        yield errors.Problem((*path, "through"), message)
    yield from _problems_of_dead_band((*path, "dead_band"), measure)


def _problems_of_dead_band(path: Path, measure: Measure) -> Iterator[errors.Problem]:
    try:
        found = dead_band(measure)
    except ValueError:
        yield errors.Problem(path, "A dead-band is a number from 0 on, such as 0.5, or a percentage, such as 1 %.")
        return
    if found and measure.kind != "attribute" and not measure.is_of_customers_alone:
        message = "A dead-band is for values of customers alone, without `dimensions`: leave it out."
        yield errors.Problem(path, message)


def _unreadable(path: Path, measure: Measure) -> Iterator[errors.Problem]:
    """Tell of the expressions of a measure that cannot be read."""
    texts: list[tuple[Path, Callable[[str], object], str | None]] = [
        *((place, expressions.parse_value, text) for place, text in _values(path, measure)),
        ((*path, "where"), expressions.parse_where, measure.where),
        *(
            ((*path, "dimensions", place), expressions.parse_dimension, text)
            for place, text in enumerate(measure.dimensions)
        ),
    ]
    for place, read, text in texts:
        try:
            if text is not None:
                read(text)
        except errors.ConfigurationError as error:
            yield errors.Problem(place, error.message)


def _values(path: Path, measure: Measure) -> list[tuple[Path, str]]:
    several = [((*path, "values", name), text) for name, text in measure.values.items()]
    return several + ([((*path, "value"), measure.value)] if measure.value is not None else [])


def _problems_of_relationship(path: Path, relationship: Relationship, known: _Tables) -> Iterator[errors.Problem]:
    yield from _problems_of_key((*path, "from"), relationship.from_, known)
    missing = list(_problems_of_key((*path, "to"), relationship.to, known))
    yield from missing
    key = known.keys.get(relationship.to_table)
    if not missing and relationship.to_column != key:
        ends = f"{relationship.to_table}.{key}" if key else "a table whose key is known (`key:` of its file)"
        yield errors.Problem(
            (*path, "to"),
            f"{relationship.to} is not the key of a table, so that nothing is known of whose the rows are."
            f" Possible: {ends}.",
        )


def _circles(definitions: Definitions) -> Iterator[errors.Problem]:
    places = relationships.cycle(definitions.relationships)
    if places:
        links = definitions.relationships
        words = " → ".join([*(links[place].from_ for place in places), links[places[0]].from_table])
        message = f"The relationships lead in a circle: {words}. Remove the one that does not lead to the customers."
        yield errors.Problem(("relationships", places[-1], "to"), message)


def _problems_of_key(path: Path, name: str, known: _Tables) -> Iterator[errors.Problem]:
    """Tell whether a text names a column, `source.table.column`, that can hold a key."""
    table, _, column = name.rpartition(".")
    if table not in known.columns:
        yield _unknown(path, "table", table or name, known.columns)
    elif column not in known.columns[table]:
        yield _unknown(path, f"column of {table}", column, known.columns[table])
    elif not _can_be_key(known.columns[table][column]):
        yield errors.Problem(path, f"{name} is {known.columns[table][column]}: a key is text or a whole number.")


def _problems_of_activity(path: Path, activity: Activity, known: _Tables) -> Iterator[errors.Problem]:
    if activity.table not in known.columns:
        yield _unknown((*path, "table"), "table", activity.table, known.columns)
        return
    families = known.families(activity.table)
    named: list[tuple[Path, str]] = [((*path, "time"), activity.time)]
    named += [((*path, "title"), activity.title)] if activity.title else []
    named += [((*path, "detail", place), name) for place, name in enumerate(activity.detail)]
    for place, name in named:
        if name not in families:
            yield _unknown(place, f"column of {activity.table}", name, families)
    if families.get(activity.time, "time") not in {"date", "time"}:
        message = f"{activity.table}.{activity.time} is {families[activity.time]}: an activity has a date or a time."
        yield errors.Problem((*path, "time"), message)
    yield from _no_way((*path, "through" if activity.through else "table"), activity.table, activity.through, known)


def _problems_of_insight(path: Path, insight: Insight, known: _Tables) -> Iterator[errors.Problem]:
    """Tell what an insight names that is not there, or cannot be it; else it is looked at as the measure that it is."""
    if insight.table not in known.columns:
        yield _unknown((*path, "table"), "table", insight.table, known.columns)
        return
    families = known.families(insight.table)
    for setting, column in insight.columns.items():
        if column not in families:
            yield _unknown((*path, setting), f"column of {insight.table}", column, families)
    if families.get(insight.time, "time") not in {"date", "time"}:
        message = f"{insight.table}.{insight.time} is {families[insight.time]}: a score has a date or a time."
        yield errors.Problem((*path, "time"), message)
    if insight.name is not None and families.get(insight.name, "text") != "text":
        message = f"{insight.table}.{insight.name} is {families[insight.name]}: insights are told apart by a text."
        yield errors.Problem((*path, "name"), message)
    place = "through" if insight.through else "table"
    yield from _no_way((*path, place), insight.table, insight.through, known)


def _problems_of_name(path: Path, names: Iterable[str]) -> Iterator[errors.Problem]:
    name = str(path[-1])
    if not _NAME.fullmatch(name):
        message = f"{name!r} is no name for a measure: letters, digits and _, at most 50, a letter first."
        yield errors.Problem(path, message)
    if any(other != name and other.lower() == name.lower() for other in (*names, CUSTOMER_ID)) or name == CUSTOMER_ID:
        message = f"{name!r} names two columns of the measures' table: names must differ in more than capitals, and"
        yield errors.Problem(path, f"{message} {CUSTOMER_ID!r} is taken.")


def _problems_of_measure(path: Path, name: str, measure: Measure, known: _Tables) -> Iterator[errors.Problem]:
    if not known.has(measure.of):
        if measure.of == ACTIVITIES:
            yield errors.Problem((*path, "of"), "There are no `activities` in the project file: add them.")
        else:
            yield _unknown((*path, "of"), "table", measure.of, known.columns)
        return
    if measure.of in known.columns and (measure.kind != "business" or measure.through):
        missing = list(_no_way((*path, "through" if measure.through else "of"), measure.of, measure.through, known))
        yield from missing
        if missing:
            return
    if measure.of == CUSTOMERS and (wrong := list(_not_made(path, name, measure, known.definitions))):
        yield from wrong
        return
    yield from _names_of_columns(path, name, measure)
    scope, of_rows = known.scope(measure), measure.of != CUSTOMERS or measure.kind == "business"
    for place, text in _values(path, measure):
        value = expressions.parse_value(text)
        unfit = list(_unfit(place, value, scope, _of_values if of_rows else kinds.of_row))
        yield from unfit
        if measure.dead_band is not None and not unfit:
            yield from _unfit((*path, "dead_band"), value, scope, _of_numbers if of_rows else _of_number)
    if measure.where is not None:
        yield from _unfit((*path, "where"), expressions.parse_where(measure.where), scope, kinds.of_condition)
    for number, text in enumerate(measure.dimensions):
        dimension = expressions.parse_dimension(text)
        yield from _unfit((*path, "dimensions", number), dimension.expression, scope, _of_dimension)


def _no_way(path: Path, table: str, through: str | tuple[str, ...], known: _Tables) -> Iterator[errors.Problem]:
    """Tell where no one way leads from a table to the customers, or `through` names what is no relationship."""
    links = [one.from_ for one in known.definitions.relationships]
    links += [one.to for one in known.definitions.relationships if one.kind == "one_to_one"]
    for name in keys_of(through):
        if name not in links:
            yield _unknown(path, "relationship from", name, links)
            return
    try:
        found = way_of(table, through, known.definitions)
    except errors.ConfigurationError as error:
        yield errors.Problem(path, error.message)
        return
    for name in keys_of(through):
        if name not in [step.from_ for step in found]:
            message = f"{name} is not on the way from {table} to the customers: {relationships.words(found) or table}."
            yield errors.Problem(path, message)


def _not_made(path: Path, name: str, measure: Measure, definitions: Definitions) -> Iterator[errors.Problem]:
    """Tell of attributes that a measure is made of and that are not there for it."""
    attributes = {one for one, other in definitions.measures.items() if other.kind == "attribute"}
    for needed in sorted(made_of(measure)):
        if needed not in attributes:
            yield _unknown((*path, "of"), "attribute", needed, sorted(attributes))
        elif not definitions.measures[needed].active:
            yield errors.Problem((*path, "of"), f"`{needed}` is not active, and `{name}` is made of it.")
    circle = _circle_of(name, definitions)
    if circle:
        yield errors.Problem((*path, "of"), f"Attributes are made of each other in a circle: {' → '.join(circle)}.")


def _circle_of(name: str, definitions: Definitions) -> list[str]:
    """Return attributes of which each is made of the next, from a measure back to itself."""
    ways = [[name]]
    seen: set[str] = set()
    while ways:
        path = ways.pop()
        measure = definitions.measures.get(path[-1])
        for needed in sorted(made_of(measure)) if measure and measure.of == CUSTOMERS else ():
            if needed == name:
                return [*path, name]
            if needed not in seen:
                seen.add(needed)
                ways.append([*path, needed])
    return []


def _names_of_columns(path: Path, name: str, measure: Measure) -> Iterator[errors.Problem]:
    """Tell of columns of a table of its own that would share a name."""
    if measure.kind == "attribute":
        return
    dimensions = [expressions.parse_dimension(text).name for text in measure.dimensions]
    names = [*([CUSTOMER_ID] if measure.kind == "customer" else []), *dimensions, *calculations(name, measure)]
    small = [one.lower() for one in names]
    for one in names:
        if not _NAME.fullmatch(one):
            message = f"{one!r} is no name for a column: letters, digits and _, at most 50, a letter first."
            yield errors.Problem(path, message)
        elif small.count(one.lower()) > 1:
            message = f"{one!r} names two columns of the table of {name}: `… as name` tells them apart."
            yield errors.Problem(path, message)


def _of_values(value: Expression, scope: Scope) -> None:
    kinds.of_rows(value, scope)
    if not any(isinstance(part, Aggregate) for part in expressions.parts(value)):
        raise UnfitError("There are many rows, and nothing says what is made of them: sum, count, max …")


def _of_numbers(value: Expression, scope: Scope) -> None:
    _refuse_others(kinds.of_rows(value, scope))


def _of_number(value: Expression, scope: Scope) -> None:
    _refuse_others(kinds.of_row(value, scope))


def _refuse_others(kind: str) -> None:
    if kind != "number":
        raise UnfitError(f"The value is {kind}: a dead-band is for numbers.")


def _of_dimension(expression: Expression, scope: Scope) -> None:
    kind = kinds.of_row(expression, scope)
    if kind not in kinds.ORDERED | {"boolean"}:
        raise UnfitError(f"It is {kind}: a measure is split by text, numbers, dates, times or booleans.")


def _unfit(
    path: Path, expression: Expression | None, scope: Scope, look: Callable[[Expression, Scope], object]
) -> Iterator[errors.Problem]:
    try:
        if expression is not None:
            look(expression, scope)
    except UnfitError as error:
        yield errors.Problem(path, str(error))


def _unknown(path: Path, what: str, name: str, names: Iterable[str]) -> errors.Problem:
    return errors.Problem(path, kinds.unknown(what, name, names))


def _can_be_key(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind)) or kinds.of_type(kind) == "text"
