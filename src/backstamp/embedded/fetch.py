"""Reads FetchXML into a selection, and writes its paging cookie (dataverse-webapi.md 4.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from backstamp import odata
from backstamp.embedded import faults, operators, tree
from backstamp.embedded.metadata import ColumnType
from backstamp.embedded.projection import property_name
from backstamp.embedded.selection import AGGREGATES, Join, Output, Selection, Sort
from backstamp.embedded.tree import Comparison, Junction, Linked, Negation, Node, Path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

    from backstamp.embedded.metadata import Column, Table
    from backstamp.embedded.schema import Schema

_AGGREGATES = {"avg": "average"}
_SIMPLE_PAGING_LIMIT = 50_000


@dataclass(frozen=True)
class Fetch:
    """A selection, and which part of its rows is wanted.

    Attributes:
        top: the most rows, without pages.
        count: the rows of a page, None where the server says.
        token: the position after the last row before the page, where a cookie gave it.
        counted: whether the number of all rows is wanted.
    """

    selection: Selection
    top: int | None = None
    count: int | None = None
    page: int = 1
    token: str = ""
    counted: bool = False

    @property
    def offset(self) -> int:
        """How many rows come before the page, where no cookie tells its position."""
        return 0 if self.token or self.count is None else (self.page - 1) * self.count


def parse(schema: Schema, text: str, page_size: int) -> Fetch:
    """Read a `<fetch>`.

    Raises:
        Fault: it is malformed, or names what does not exist or is not supported.
    """
    root = _parsed(text)
    if root.tag != "fetch" or [child.tag for child in root] != ["entity"]:
        raise faults.bad_request("FetchXML is a 'fetch' element with one 'entity'.")
    aggregate, distinct = _flag(root, "aggregate"), _flag(root, "distinct")
    reader = _Reader(schema, aggregate=aggregate)
    entity = root[0]
    reader.read(_table(schema, entity), entity)
    if not reader.outputs and not aggregate:
        reader.show_all(_table(schema, entity), "")
    grouped = aggregate or distinct
    selection = Selection(
        _table(schema, entity).name,
        tuple(reader.outputs),
        tuple(reader.joins),
        tree.both(*reader.filters),
        tuple(reader.sorts),
        grouped,
        keyed=not grouped,
    )
    return _paged(root, selection, page_size)


def _paged(root: Element, selection: Selection, page_size: int) -> Fetch:
    top, count, page = (_number(root, name) for name in ("top", "count", "page"))
    if top is not None and (count is not None or page is not None):
        raise faults.bad_request("The top attribute cannot be specified with paging attributes.")
    cookie = root.get("paging-cookie", "")
    size = min(count or page_size, page_size)
    token = _parsed(cookie).get("token", "") if cookie and not selection.grouped else ""
    fetch = Fetch(selection, top, size, page or 1, token, _flag(root, "returntotalrecordcount"))
    if fetch.offset + size > _SIMPLE_PAGING_LIMIT and not token:
        raise faults.bad_request(f"Paging without a paging cookie ends at {_SIMPLE_PAGING_LIMIT} rows.")
    return fetch


def cookie(fetch: Fetch, token: str) -> str:
    """Return the element that a client takes the next page's number and cookie from; the inner one is quoted twice."""
    inner = f"<cookie page={quoteattr(str(fetch.page))} token={quoteattr(token)} />"
    twice = quote(quote(inner, safe=""), safe="")
    return f'<cookie pagenumber="{fetch.page + 1}" pagingcookie="{twice}" istracking="False" />'


def _parsed(text: str) -> Element:
    try:
        root: Element = fromstring(text, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise faults.bad_request("The FetchXML is malformed.") from error
    return root


def _flag(element: Element, name: str) -> bool:
    return element.get(name, "").lower() in {"true", "1"}


def _number(element: Element, name: str) -> int | None:
    text = element.get(name)
    if text is None:
        return None
    if not re.fullmatch(r"\d{1,7}", text, re.ASCII) or int(text) == 0:
        raise faults.bad_request(f"The attribute '{name}' of FetchXML must be a whole number above zero.")
    return int(text)


def _table(schema: Schema, element: Element) -> Table:
    name = element.get("name", "")
    if name not in schema.tables:
        raise faults.bad_request(f"The entity with a name = '{name}' was not found.")
    return schema.tables[name]


def _required(element: Element, name: str) -> str:
    value = element.get(name)
    if not value:
        raise faults.bad_request(f"The element '{element.tag}' of FetchXML needs the attribute '{name}'.")
    return value


def _unknown(element: Element) -> faults.Fault:
    return faults.bad_request(f"The element '{element.tag}' of FetchXML is not supported here.")


class _Reader:
    """One `<fetch>`: what its entities and links say, put together in the order in which they stand."""

    def __init__(self, schema: Schema, *, aggregate: bool) -> None:
        self._schema = schema
        self._aggregate = aggregate
        self._tables: dict[str, Table] = {}
        self._depth = 0
        self._conditions = 0
        self._linked = 0
        self.outputs: list[Output] = []
        self.joins: list[Join] = []
        self.filters: list[Node] = []
        self.sorts: list[Sort] = []

    def read(self, table: Table, entity: Element, alias: str = "") -> None:
        """Read what stands in an entity or link."""
        self._tables[alias] = table
        for child in entity:
            match child.tag:
                case "attribute":
                    self._show(table, child, alias)
                case "all-attributes":
                    self.show_all(table, alias)
                case "order":
                    self.sorts.append(self._sort(table, child, alias))
                case "link-entity":
                    self._link(child, alias)
                case "filter":
                    continue  # a link has read its own, those of the first entity come last
                case _:
                    raise _unknown(child)
        if not alias:
            # They may name links, which are all known by now.
            self.filters += [self._filter(child, "") for child in entity if child.tag == "filter"]

    def show_all(self, table: Table, alias: str) -> None:
        """Show all columns of a table."""
        for column in table.columns:
            if column.type is not ColumnType.ENTITY_NAME:
                self.outputs.append(Output(_shown(column, alias), _path(column, alias)))

    def _show(self, table: Table, element: Element, alias: str) -> None:
        column = _column(table, _required(element, "name"))
        name = element.get("alias") or _shown(column, alias)
        if not self._aggregate:
            if element.get("aggregate") or _flag(element, "groupby"):
                raise faults.bad_request("An aggregate or groupby needs the attribute 'aggregate' of 'fetch'.")
            self.outputs.append(Output(name, _path(column, alias)))
            return
        function = element.get("aggregate", "")
        function = _AGGREGATES.get(function, function)
        if not element.get("alias") or (function not in AGGREGATES) is not _flag(element, "groupby"):
            raise faults.bad_request("In an aggregate each attribute needs an alias, and an aggregate or groupby.")
        path = None if function == "count" else _path(column, alias)
        period = element.get("dategrouping", "")
        self.outputs.append(Output(name, path, function, _flag(element, "distinct"), period))

    def _sort(self, table: Table, element: Element, alias: str) -> Sort:
        descending = _flag(element, "descending")
        if element.get("alias"):
            return Sort(element.get("alias", ""), descending)
        other = element.get("entityname", "")
        place, table = (other, self._tables.get(other, table)) if other else (alias, table)
        return Sort(_path(_column(table, _required(element, "attribute")), place), descending)

    def _link(self, element: Element, parent: str) -> None:
        kind = element.get("link-type", "inner")
        if kind in {"exists", "in"}:
            self.filters.append(self._linking(element, parent))
            return
        if kind not in {"inner", "outer"}:
            raise faults.bad_request(f"The link-type '{kind}' is not supported here.")
        table, alias, column, path = self._far_end(element, parent)
        conditions = (self._filter(child, alias) for child in element if child.tag == "filter")
        on = tree.both(*conditions)
        self.joins.append(Join(alias, table.name, property_name(column), path, kind == "outer", on))
        self.read(table, element, alias)
        self._depth -= 1

    def _far_end(self, element: Element, parent: str) -> tuple[Table, str, Column, tree.Path]:
        """Enter a link: the table at its end with the name that it gets, its column, and what that is equal to."""
        self._enter()
        table = _table(self._schema, element)
        alias = self._alias(element, table)
        column = _column(table, _required(element, "from"))
        path = _path(_column(self._tables[parent], _required(element, "to")), parent)
        self._tables[alias] = table
        return table, alias, column, path

    def _linking(self, element: Element, parent: str) -> Node:
        """Read a link that only asks whether there are rows at its end."""
        table, alias, column, path = self._far_end(element, parent)
        parts: list[Node] = []
        for child in element:
            if child.tag == "filter":
                parts.append(self._filter(child, alias))
            elif child.tag == "link-entity":
                parts.append(self._linking(child, alias))
            elif child.tag != "attribute":
                raise _unknown(child)
        self._depth -= 1
        return Linked(alias, table.name, property_name(column), path, tree.both(*parts))

    def _alias(self, element: Element, table: Table) -> str:
        self._linked += 1
        alias = element.get("alias") or f"{table.name}{self._linked}"
        if alias in self._tables:
            raise faults.bad_request(f"The alias '{alias}' is given twice.")
        return alias

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > tree.MAX_DEPTH:
            raise faults.bad_request("The FetchXML is nested too deeply.")

    def _filter(self, element: Element, alias: str) -> Node:
        self._enter()
        kind = element.get("type", "and")
        if kind not in {"and", "or"}:
            raise faults.bad_request(f"The filter type '{kind}' is neither 'and' nor 'or'.")
        parts = tuple(self._part(child, alias) for child in element)
        self._depth -= 1
        if not parts:
            raise faults.bad_request("A filter of FetchXML needs a condition.")
        return parts[0] if len(parts) == 1 else Junction(kind, parts)

    def _part(self, element: Element, alias: str) -> Node:
        if element.tag == "filter":
            return self._filter(element, alias)
        if element.tag == "link-entity":
            kind = element.get("link-type", "")
            if kind not in {"any", "not any"}:
                raise faults.bad_request(f"The link-type '{kind}' is not supported in a filter.")
            linked = self._linking(element, alias)
            return Negation(linked) if kind == "not any" else linked
        if element.tag != "condition":
            raise _unknown(element)
        return self._condition(element, element.get("entityname") or alias)

    def _condition(self, element: Element, alias: str) -> Node:
        if alias not in self._tables:
            raise faults.bad_request(f"There is no link with the alias '{alias}' in the FetchXML.")
        path = _path(_column(self._tables[alias], _required(element, "attribute")), alias)
        values = [element.get("value", "")] if "value" in element.attrib else list(_values(element))
        self._conditions += max(1, len(values))
        if self._conditions > tree.MAX_CONDITIONS:
            message = f"Number of conditions in query exceeded maximum limit of {tree.MAX_CONDITIONS}."
            raise faults.Fault(400, odata.TOO_MANY_CONDITIONS, message)
        operator = _required(element, "operator")
        if "valueof" in element.attrib:
            return self._of_column(operator, path, element.get("valueof", ""), alias)
        return operators.condition(operator, path, values)

    def _of_column(self, operator: str, path: Path, other: str, alias: str) -> Node:
        place, _, name = other.rpartition(".")
        place = place or alias
        if place not in self._tables or operator not in operators.COMPARISONS:
            raise faults.bad_request(f"A column cannot be compared with '{other}' by '{operator}'.")
        return Comparison(operator, path, _path(_column(self._tables[place], name), place))


def _values(element: Element) -> Iterator[str]:
    for child in element:
        if child.tag != "value":
            raise _unknown(child)
        yield child.text or ""


def _column(table: Table, name: str) -> Column:
    column = table.by_name.get(name)
    if column is None or column.type is ColumnType.ENTITY_NAME:
        message = f"'{table.name}' entity doesn't contain attribute with Name = '{name}'."
        raise faults.bad_request(message)
    return column


def _path(column: Column, alias: str) -> Path:
    return Path((property_name(column),), alias)


def _shown(column: Column, alias: str) -> str:
    return f"{alias}.{column.name}" if alias else property_name(column)
