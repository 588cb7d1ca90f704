"""The usual measures, ready to be filled in with the names of columns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from string import Template as Text
from typing import TYPE_CHECKING

from backstamp import errors
from backstamp.measures.settings import Measure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backstamp.measures.settings import Insight


@dataclass(frozen=True)
class Filled:
    """A template: which columns it needs, and what it makes of them."""

    columns: tuple[str, ...]
    value: str
    where: str | None = None


def _revenue(unit: str) -> Filled:
    return Filled(
        ("amount", "time"), f"sum($amount) / (date_diff('{unit}', min($time), max($time)) + 1)", "$time is not null"
    )


TEMPLATES = {
    "total_value": Filled(("amount",), "sum($amount)"),
    "average_value": Filled(("amount",), "avg($amount)"),
    "transaction_count": Filled((), "count(*)"),
    "average_daily_revenue": _revenue("day"),
    "average_monthly_revenue": _revenue("month"),
    "average_yearly_revenue": _revenue("year"),
    "days_since_last_purchase": Filled(
        ("time",), "date_diff('day', max($time), current_date)", "$time <= current_timestamp"
    ),
    "active_lifespan": Filled(("time",), "date_diff('day', min($time), max($time))"),
    "points_earned": Filled(("points",), "sum($points) filter (where $points > 0)"),
    "points_redeemed": Filled(("points",), "-sum($points) filter (where $points < 0)"),
    "points_balance": Filled(("points",), "sum($points)"),
}


def problems(path: tuple[str | int, ...], measure: Measure) -> Iterator[errors.Problem]:
    """Tell what a measure gives its template too much or too little."""
    if measure.template is None:
        if measure.columns:
            yield errors.Problem(
                (*path, "columns"), "`columns` are those of a `template`: name one, or leave them out."
            )
        return
    needed = TEMPLATES[measure.template].columns
    if measure.value is not None or measure.values:
        yield errors.Problem(
            (*path, "template"), "A `template` writes the value itself: leave out `value` and `values`."
        )
    if set(measure.columns) != set(needed):
        wanted = f"columns: {{{', '.join(f'{name}: …' for name in needed)}}}" if needed else "no `columns`"
        yield errors.Problem((*path, "template"), f"`{measure.template}` needs {wanted}.")


def expanded(measure: Measure) -> Measure:
    """Return a measure with what its template says; it has no problems."""
    if measure.template is None:
        return measure
    template = TEMPLATES[measure.template]
    names = {name: _quoted(column) for name, column in measure.columns.items()}
    value, where = Text(template.value).substitute(names), Text(template.where or "").substitute(names)
    both = " and ".join(f"({part})" for part in (where, measure.where) if part) if where and measure.where else None
    return replace(measure, value=value, where=both or where or measure.where, template=None, columns={})


def of_insight(name: str, insight: Insight) -> Measure:
    """Return the attribute that an insight is: its newest score."""
    score, time = _quoted(insight.score), _quoted(insight.time)
    return Measure(
        kind="attribute",
        of=insight.table,
        value=f"last({score}, {time})",
        where=None if insight.name is None else f"{_quoted(insight.name)} = {_text(name)}",
        through=insight.through,
        dead_band=insight.dead_band,
    )


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _quoted(column: str) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in column.split("."))
