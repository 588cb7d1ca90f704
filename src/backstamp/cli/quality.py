"""What `check` shows of rows: what columns are like, what they could mean, and what the last run leaves in doubt."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from backstamp.cli import display
from backstamp.unify import guard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from backstamp.pipeline import Doubts, TableProfile
    from backstamp.unify.explain import Row
    from backstamp.unify.guard import LargeCustomer
    from backstamp.unify.profiling import ColumnProfile

_FEW = 3
"""How many of a kind are shown; --json has more."""
_FREQUENT, _ROOM = 3, 120
"""How many frequent values are shown where there is room, and how many characters that takes."""


def show_profiles(to: Console, profiles: Sequence[TableProfile]) -> None:
    """Print what the columns are like that rules compare, and what untyped columns could mean."""
    if not profiles:
        return
    to.print("\nWhat the columns of rules hold", style="bold")
    longest = max(len(one.column) for profile in profiles for one in profile.columns)
    shown = _FREQUENT if to.width >= _ROOM else 1
    for profile in profiles:
        if not profile.rows:
            to.print(f"  {profile.table}: no row")
            continue
        rows = [
            (
                f"    {one.column:<{longest}}",
                display.per_cent(one.empty / profile.rows) if one.empty else "",
                f"{one.distinct:,}",
                *_frequent(one, shown),
            )
            for one in profile.columns
        ]
        headings = (f"  {profile.table}", ">Empty", ">Different", "Most frequent", *[""] * (shown - 1))
        to.print(display.table(headings, rows))
        to.print(f"    {_counted(profile)}", style="dim")
    suggested = [(profile.table, one) for profile in profiles for one in profile.suggestions]
    if suggested:
        to.print("\nSemantic types that these columns could have, under `types` of their table", style="bold")
        lines = [
            (f"  {table}.{one.column}", one.type, "by its name" if one.share is None else _look(one.share))
            for table, one in suggested
        ]
        to.print(display.table(("", "", ""), lines))


def show_doubts(to: Console, found: Doubts) -> None:
    """Print what a person should look at in what the last run published."""
    if found.corrupt:
        _show_corrupt(to, found)
    if found.shared:
        _show_shared(to, found)
    if found.sleeping:
        to.print("\nPairs of overrides that sleep, as no row has one of their keys (any more)", style="bold")
        rows = [(f"  {one.kind}", " and ".join(one.tables), f"{one.pairs:,}") for one in found.sleeping]
        to.print(display.table(("  List", "Tables", ">Pairs"), rows))
    if found.refused:
        to.print("\nLinks that were not made because of overrides", style="bold")
        for refused in found.refused[:_FEW]:
            to.print(f"  {refused.rule}: {guard.REASONS[refused.reason]}")
            _show_pair(to, refused.left, refused.right)
        _show_more(to, len(found.refused))
    if found.excepted:
        to.print("\nCustomers with two rows that an exception kept apart, and others brought together", style="bold")
        for excepted in found.excepted[:_FEW]:
            to.print(f"  {excepted.customer_id}: {excepted.rule}", soft_wrap=True)
            _show_pair(to, excepted.left, excepted.right)
        _show_more(to, len(found.excepted))
    if found.large:
        to.print("\nThe largest customers, and the weakest links that hold each together", style="bold")
        for customer in found.large[:_FEW]:
            _show_large(to, customer)
        _show_more(to, len(found.large))


def _show_corrupt(to: Console, found: Doubts) -> None:
    to.print("\nThe last run could not use", style="bold")
    lines = [
        (f"  {one.table}", f"{one.count:,}", one.column, one.reason)
        for _, several in groupby(found.corrupt, lambda one: one.table)
        for one in list(several)[:_FEW]
    ]
    to.print(display.table(("Table", ">Rows or values", "Column", "Details"), lines))


def _show_shared(to: Console, found: Doubts) -> None:
    to.print("\nValues that more rows share than a rule allows: they link nobody by it", style="bold")
    for rule in found.shared:
        key = (rule.rule, rule.lower, rule.upper)
        listed = [one for one in found.most_shared if (one.rule, one.lower, one.upper) == key]
        to.print(f"  {rule.rule}, {' in '.join(dict.fromkeys(key[1:]))}", soft_wrap=True)
        rows = [(f"    {one.holders:,}", *map(display.shortened, one.values)) for one in listed[:_FEW]]
        to.print(display.table((">    Rows", *rule.columns), rows))
        if rule.values > _FEW:
            to.print(f"    and {rule.values - _FEW:,} more, {rule.holders:,} rows in all", style="dim")


def _show_large(to: Console, customer: LargeCustomer) -> None:
    to.print(f"  {customer.customer_id}: {customer.rows:,} rows")
    for link in customer.weakest[:_FEW]:
        score = "" if link.score is None else f", {display.per_cent(link.score)}"
        to.print(f"    {link.rule}{score}", soft_wrap=True)
        _show_pair(to, link.row, link.partner)


def _show_pair(to: Console, *rows: Row) -> None:
    for row in rows:
        to.print(f"      {row.table} {row.key}", soft_wrap=True)


def _show_more(to: Console, count: int) -> None:
    if count > _FEW:
        to.print(f"  and {count - _FEW:,} more", style="dim")


def _counted(profile: TableProfile) -> str:
    rows = display.count(profile.rows, "row")
    if not profile.of_run:
        return f"the first {rows} of its source; after a run, of all"
    return f"{rows} of the last run" + (f", one of {profile.every} that there are" if profile.every > 1 else "")


def _frequent(column: ColumnProfile, shown: int) -> list[str]:
    values = [f"{display.shortened(one.value)} ({one.rows:,})" for one in column.most_frequent[:shown]]
    return values + [""] * (shown - len(values))


def _look(share: float) -> str:
    return f"{display.per_cent(share)} of its values look so"
