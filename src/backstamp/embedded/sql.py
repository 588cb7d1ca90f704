"""Reads the SQL of `?sql=` into a selection (dataverse-webapi.md 4.3); whatever is not in the subset is refused.

sqlglot parses it as T-SQL; each kind of node that may occur has its line here, and all others have none.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect

from backstamp import odata
from backstamp.embedded import faults, tree
from backstamp.embedded.projection import property_name
from backstamp.embedded.selection import Join, Output, Selection, Sort
from backstamp.embedded.tree import Among, Comparison, Junction, Like, Negation, Node, Path, Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backstamp.embedded.metadata import Column, Table
    from backstamp.embedded.store import Session

_CLAUSES = {"expressions", "from_", "joins", "where", "group", "order", "distinct", "limit"}
_COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "eq",
    exp.NEQ: "ne",
    exp.GT: "gt",
    exp.GTE: "ge",
    exp.LT: "lt",
    exp.LTE: "le",
}
_OPPOSITES = {"eq": "ne", "ne": "eq", "gt": "le", "ge": "lt", "lt": "ge", "le": "gt"}
_AGGREGATES: dict[type[exp.Expr], str] = {
    exp.Sum: "sum",
    exp.Avg: "average",
    exp.Min: "min",
    exp.Max: "max",
    exp.Count: "countcolumn",
}
_STEPS = {"SECOND": "seconds", "MINUTE": "minutes", "HOUR": "hours", "DAY": "days", "WEEK": "weeks"}


@dataclass(frozen=True)
class Statement:
    """A selection and the most rows of its answer (`TOP`), None where that is open."""

    selection: Selection
    top: int | None


def parse(session: Session, text: str) -> Statement:
    """Read a SELECT.

    Raises:
        Fault: it is malformed, not in the subset, or names what does not exist.
    """
    return _Reader(session).read(_select(text))


def _select(text: str) -> exp.Select:
    if not re.match(r"\s*select\b", text, re.IGNORECASE):
        raise _refused("anything but SELECT")
    statement = _parsed(text)
    if not isinstance(statement, exp.Select):
        raise _refused("anything but SELECT")
    _refuse_others(statement, _CLAUSES)
    return statement


def _parsed(text: str) -> exp.Expr | None:
    dialect = Dialect.get_or_raise("tsql")
    try:
        tokens = dialect.tokenize(text)
        while tokens and tokens[-1].text == ";":
            tokens.pop()
        # Several statements are not even parsed, because sqlglot logs those that it does not know.
        if any(token.token_type.name == "SEMICOLON" for token in tokens):
            return None
        [statement] = dialect.parser().parse(tokens, text)
    except Exception as error:
        raise faults.bad_request("The SQL is malformed.") from error
    return statement


def _refused(what: str) -> faults.Fault:
    return faults.bad_request(f"The SQL holds {what}, which is not supported.")


def _refuse_others(node: exp.Expr, known: set[str]) -> None:
    for name, value in node.args.items():
        if value and name not in known:
            raise _refused(f"'{name.strip('_').upper()}'")


class _Reader:
    """One statement and the tables that it names, by alias; "" is the first."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._tables: dict[str, Table] = {}
        self._first = ""
        self._conditions = 0
        self._depth = 0

    def read(self, select: exp.Select) -> Statement:
        source = select.args.get("from_")
        if source is None:
            raise _refused("no FROM")
        self._first = self._add(source.this)
        joins = tuple(self._join(join) for join in select.args.get("joins") or ())
        where = select.args.get("where")
        condition = self._condition(where.this) if where else None
        outputs = self._outputs(select.expressions)
        groups = self._groups(select.args.get("group"))
        grouped = bool(groups) or any(output.aggregate for output in outputs)
        plain = {output.path for output in outputs if not output.aggregate}
        if grouped and not plain <= groups:
            raise faults.bad_request("A column of the SQL is neither grouped nor aggregated.")
        sorts = self._sorts(select.args.get("order"), outputs)
        distinct = select.args.get("distinct")
        if distinct and distinct.args.get("on"):
            raise _refused("DISTINCT ON")
        table = self._tables[self._first].name
        hidden = tuple(Output(f" {number}", path, hidden=True) for number, path in enumerate(groups - plain))
        if hidden and distinct:
            raise _refused("DISTINCT beside GROUP BY")
        everything = Selection(table, outputs + hidden, joins, condition, sorts, grouped or distinct is not None)
        return Statement(everything, _top(select.args.get("limit")))

    def _add(self, node: exp.Expr) -> str:
        """Add a table to the names of the statement; return its alias."""
        if not isinstance(node, exp.Table) or not isinstance(node.this, exp.Identifier):
            raise _refused("a subquery or function in FROM")
        _refuse_others(node, {"this", "alias"})
        table = self._session.schema.tables.get(node.name.lower())
        if table is None:
            raise faults.bad_request(f"Could not find the table '{node.name}'.")
        alias = (node.alias or node.name).lower()
        if alias in self._tables:
            raise faults.bad_request(f"The alias '{alias}' is given twice.")
        self._tables[alias] = table
        return alias

    def _join(self, join: exp.Join) -> Join:
        _refuse_others(join, {"this", "side", "kind", "on"})
        side, kind = join.side.upper(), join.kind.upper()
        on = join.args.get("on")
        if (side, kind) not in {("", ""), ("", "INNER"), ("LEFT", ""), ("LEFT", "OUTER")} or on is None:
            raise _refused("a join that is neither INNER JOIN nor LEFT JOIN with ON")
        alias = self._add(join.this)
        parts = list(on.flatten()) if isinstance(on, exp.And) else [on]
        for part in parts:
            columns = self._linking(part, alias)
            if columns is not None:
                others = [self._condition(other) for other in parts if other is not part]
                column, path = columns
                return Join(alias, self._tables[alias].name, column.steps[0], path, side == "LEFT", tree.both(*others))
        raise _refused("a join without an equality with the joined table")

    def _linking(self, node: exp.Expr, alias: str) -> tuple[Path, Path] | None:
        """Return the joined table's column and the other one, where a condition equates such two."""
        if not isinstance(node, exp.EQ) or not all(isinstance(side, exp.Column) for side in (node.left, node.right)):
            return None
        left, right = self._path(node.left), self._path(node.right)
        if (left.alias == alias) is (right.alias == alias):
            return None
        return (left, right) if left.alias == alias else (right, left)

    def _column(self, node: exp.Expr) -> tuple[str, Column]:
        """Return the alias of a column's table, and the column."""
        if not isinstance(node, exp.Column) or not isinstance(node.this, exp.Identifier):
            raise _refused("an expression in place of a column")
        _refuse_others(node, {"this", "table"})
        name, alias = node.name.lower(), node.table.lower()
        if alias and alias not in self._tables:
            raise faults.bad_request(f"There is no table with the alias '{alias}' in the SQL.")
        places = [alias] if alias else list(self._tables)
        found = [(place, self._tables[place].by_name[name]) for place in places if name in self._tables[place].by_name]
        if len(found) != 1:
            problem = "is ambiguous" if found else "does not exist"
            raise faults.bad_request(f"The column '{node.name}' of the SQL {problem}.")
        return found[0]

    def _path(self, node: exp.Expr) -> Path:
        alias, column = self._column(node)
        return Path((property_name(column),), "" if alias == self._first else alias)

    def _outputs(self, nodes: Sequence[exp.Expr]) -> tuple[Output, ...]:
        outputs: list[Output] = []
        for node in nodes:
            name = node.alias if isinstance(node, exp.Alias) else ""
            output = self._output(node.this if name else node, name)
            if output.name in {each.name for each in outputs} and isinstance(node, exp.Column):
                output = Output(f"{node.table.lower()}.{output.name}", output.path)
            outputs.append(output)
        return tuple(outputs)

    def _output(self, node: exp.Expr, name: str) -> Output:
        aggregate = _AGGREGATES.get(type(node))
        if aggregate is None:
            return Output(name or self._column(node)[1].name, self._path(node))
        argument, distinct = node.this, False
        _refuse_others(node, {"this", "big_int"})
        name = name or node.key.lower()
        if isinstance(argument, exp.Star) and isinstance(node, exp.Count):
            return Output(name, None, "count")
        if isinstance(argument, exp.Distinct) and isinstance(node, exp.Count) and len(argument.expressions) == 1:
            [argument], distinct = argument.expressions, True
        return Output(name, self._path(argument), aggregate, distinct)

    def _groups(self, group: exp.Expr | None) -> set[Path | None]:
        if group is None:
            return set()
        _refuse_others(group, {"expressions"})
        return {self._path(node) for node in group.expressions}

    def _sorts(self, order: exp.Expr | None, outputs: Sequence[Output]) -> tuple[Sort, ...]:
        if order is None:
            return ()
        _refuse_others(order, {"expressions"})
        return tuple(
            self._sort(node, {output.name.lower(): output.name for output in outputs}) for node in order.expressions
        )

    def _sort(self, node: exp.Expr, names: dict[str, str]) -> Sort:
        _refuse_others(node, {"this", "desc", "nulls_first"})
        descending = bool(node.args.get("desc"))
        column = node.this
        if isinstance(column, exp.Column) and not column.table and column.name.lower() in names:
            return Sort(names[column.name.lower()], descending)
        return Sort(self._path(column), descending)

    def _condition(self, node: exp.Expr, *, negated: bool = False) -> Node:
        """Return a condition or its opposite; in SQL neither holds for a row without a value."""
        self._depth += 1
        if self._depth > tree.MAX_DEPTH:
            raise faults.bad_request("The SQL is nested too deeply.")
        made = self._nested(node, negated=negated)
        self._depth -= 1
        return made

    def _nested(self, node: exp.Expr, *, negated: bool) -> Node:
        match node:
            case exp.Paren():
                return self._condition(node.this, negated=negated)
            case exp.Not():
                return self._condition(node.this, negated=not negated)
            case exp.And() | exp.Or():
                operator = "and" if isinstance(node, exp.And) is not negated else "or"
                return Junction(operator, tuple(self._condition(part, negated=negated) for part in node.flatten()))
        self._conditions += 1
        if self._conditions > tree.MAX_CONDITIONS:
            message = f"Number of conditions in query exceeded maximum limit of {tree.MAX_CONDITIONS}."
            raise faults.Fault(400, odata.TOO_MANY_CONDITIONS, message)
        return self._single(node, negated=negated)

    def _single(self, node: exp.Expr, *, negated: bool) -> Node:
        match node:
            case exp.Is() if isinstance(node.expression, exp.Null):
                return Comparison("ne" if negated else "eq", self._path(node.this), Value(None))
            case exp.Like():
                return self._like(node, negated=negated)
            case exp.In():
                return self._among(node, negated=negated)
            case exp.Between():
                return self._between(node, negated=negated)
            case _ if type(node) in _COMPARISONS:
                operator = _COMPARISONS[type(node)]
                return self._comparison(node, _OPPOSITES[operator] if negated else operator)
        raise _refused(f"'{node.key.upper()}'")

    def _comparison(self, node: exp.Expr, operator: str) -> Node:
        left, right = self._operand(node.args["this"]), self._operand(node.args["expression"])
        comparison = Comparison(operator, left, right)
        return comparison if operator != "ne" else _known(comparison, left, right)

    def _like(self, node: exp.Expr, *, negated: bool) -> Node:
        _refuse_others(node, {"this", "expression", "negate"})
        negated ^= bool(node.args.get("negate"))  # sqlglot has two ways to say NOT LIKE
        path, pattern = self._path(node.args["this"]), self._operand(node.args["expression"])
        like = Like("like", path, pattern)
        return _known(Negation(like), path) if negated else like

    def _among(self, node: exp.Expr, *, negated: bool) -> Node:
        _refuse_others(node, {"this", "expressions"})
        path = self._path(node.args["this"])
        values = tuple(str(self._literal(each)) for each in node.expressions)
        self._conditions += len(values)
        among = Among(path, values, negated)
        return _known(among, path) if negated else among

    def _between(self, node: exp.Expr, *, negated: bool) -> Node:
        _refuse_others(node, {"this", "low", "high"})
        path = self._path(node.args["this"])
        low, high = Value(self._literal(node.args["low"])), Value(self._literal(node.args["high"]))
        if negated:
            return Junction("or", (Comparison("lt", path, low), Comparison("gt", path, high)))
        return Junction("and", (Comparison("ge", path, low), Comparison("le", path, high)))

    def _operand(self, node: exp.Expr) -> Path | Value:
        return self._path(node) if isinstance(node, exp.Column) else Value(self._literal(node))

    def _literal(self, node: exp.Expr) -> str:
        match node:
            case exp.Literal() | exp.National():
                return str(node.name)
            case exp.Neg() if isinstance(node.this, exp.Literal) and not node.this.is_string:
                return f"-{node.this.name}"
            case exp.Boolean():
                return str(node.this)
        return odata.format_time(self._moment(node))

    def _moment(self, node: exp.Expr) -> dt.datetime:
        """Compute DATEADD and GETUTCDATE."""
        if isinstance(node, exp.Anonymous) and node.name.upper() == "GETUTCDATE" and not node.expressions:
            return odata.parse_time(self._session.now)
        if not isinstance(node, exp.DateAdd):
            raise _refused(f"'{node.key.upper()}' in place of a value")
        unit = _STEPS.get(str(node.args.get("unit")).upper())
        amount: Any = node.expression
        try:
            base = amount.this if isinstance(amount, exp.Neg) else amount
            number = int(base.name) * (-1 if isinstance(amount, exp.Neg) else 1)
            start = odata.parse_time(node.this.name) if isinstance(node.this, exp.Literal) else self._moment(node.this)
            return start + dt.timedelta(**{unit or "": number})
        except (ValueError, OverflowError, TypeError) as error:
            raise faults.bad_request("A DATEADD of the SQL cannot be computed.") from error


def _known(condition: Node, *operands: Path | Value) -> Node:
    """Add to a condition that none of its columns is empty."""
    present = (Comparison("ne", operand, Value(None)) for operand in operands if isinstance(operand, Path))
    return Junction("and", (condition, *present))


def _top(limit: exp.Expr | None) -> int | None:
    if limit is None:
        return None
    _refuse_others(limit, {"expression"})
    number = limit.args.get("expression")
    if not isinstance(number, exp.Literal) or not re.fullmatch(r"\d{1,9}", number.name, re.ASCII):
        raise _refused("a TOP that is no whole number")
    return int(number.name)
