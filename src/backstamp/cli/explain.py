"""`explain`: why rows are one customer, or why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from backstamp import pipeline, project
from backstamp.cli import display, options
from backstamp.unify import words
from backstamp.unify.explain import Row

if TYPE_CHECKING:
    from rich.console import Console

    from backstamp.unify.explain import Explanation, Link, Relation, Verdict


def explain(
    table: options.UnifiedTable,
    key: options.UnifiedKey,
    other_table: options.OtherTable = None,
    other_key: options.OtherKey = None,
    *,
    file: options.Project = options.FILE,
    as_json: options.Json = False,
) -> None:
    """Say why rows are one customer, or why not, as the last run decided.

    With one row: its customer, what joined each of its rows, and which row each value of the profile came from.
    With two rows: the links between them, or what each rule between their tables says of them.
    """
    if other_table is not None and other_key is None:
        raise typer.BadParameter("The second row has a table and no key.")
    settings = project.load(file)
    console = display.console(quiet=as_json)
    row = Row(table, key)
    if other_table is None or other_key is None:
        explanation = pipeline.explain(settings, row)
        if as_json:
            display.write_json(vars(explanation))
        _show_explanation(console, explanation)
        return
    relation = pipeline.relate(settings, row, Row(other_table, other_key))
    if as_json:
        display.write_json({"are_together": relation.are_together, **vars(relation)})
    _show_relation(console, relation)


def _show_explanation(to: Console, found: Explanation) -> None:
    if found.customer_id:
        _say(to, f"{_row(found.row)} belongs to customer {found.customer_id}.")
    else:
        _say(
            to,
            f"{_row(found.row)} belongs to no customer: no row above matches it, and its table does not include all.",
        )
    _head(to, "Its rows, and what joined each")
    for member in found.members:
        if member.link is None:
            _say(to, f"  {_row(member.row)} is where it begins")
        elif member.link.kind == "duplicate" or member.link.row == member.row:
            _show_link(to, member.link)
        else:
            _say(to, f"  {_row(member.row)} stands for {_row(member.link.row)}, which joined it")
            _show_link(to, member.link)
    if found.values:
        _head(to, "The values of its profile, and where each comes from")
        rows = [(f"  {one.name}", display.value(one.value), _row(one.row), f"its {one.column}") for one in found.values]
        to.print(display.table(("", "", "", ""), rows))


def _show_relation(to: Console, found: Relation) -> None:
    left, right = found.left, found.right
    if found.are_together:
        owner = found.customer_ids[0]
        whose = f"one customer, {owner}" if owner else "one group of duplicates, which no customer owns"
        _say(to, f"{_row(left)} and {_row(right)} are {whose}.")
        _head(to, f"What leads from the one to the other: {display.count(len(found.chain), 'link')}")
        for link in found.chain:
            _show_link(to, link)
        return
    _say(to, f"{_row(left)} and {_row(right)} are not one customer.")
    for row, owner in zip((left, right), found.customer_ids, strict=True):
        _say(to, f"  {_row(row)} belongs to {owner or 'none: no row above matches it'}")
    for one, other in found.never:
        _say(to, f"A never pair keeps them apart: {_row(one)} and {_row(other)}.")
    if not found.verdicts:
        pair = f"{left.table} with {right.table}" if left.table != right.table else f"rows of {left.table}"
        _say(to, f"No rule compares {pair}.")
        return
    _head(to, f"What the rules say of {_row(left)} and {_row(right)}")
    for verdict in found.verdicts:
        _say(to, f"  {verdict.rule}: {'holds' if verdict.holds else 'does not hold'}")
        _show_conditions(to, verdict)
    if any(verdict.holds for verdict in found.verdicts):
        _show_decision(to, found)


def _show_decision(to: Console, found: Relation) -> None:
    """Say why two rows are apart though a rule between their tables holds."""
    to.print()
    if found.decided:
        _say(to, "A row goes to the customer that the first table, rule and score find; this decided:")
        _show_link(to, found.decided)
    elif found.never:
        return
    elif None in found.customer_ids:
        _say(to, "A row that no customer owns is matched by no table below.")
    else:
        _say(to, "The rules are not those of the last run: `backstamp run` applies them.")


def _show_link(to: Console, link: Link) -> None:
    joined = "is a duplicate of" if link.kind == "duplicate" else "matches"
    _say(to, f"  {_row(link.row)} {joined} {_row(link.partner)}")
    if link.score is None:
        _say(to, "    by an always pair of the overrides, whatever the rules say")
        return
    _say(to, f"    by {link.rule}, score {words.per_cent(link.score)}")
    if link.verdict is None:
        _say(to, "    The project file does not have this rule any more.")
        return
    _show_conditions(to, link.verdict)
    if link.verdict.score != link.score:
        _say(to, "    The project file has this rule otherwise now than in the last run.")


def _show_conditions(to: Console, verdict: Verdict) -> None:
    for condition in verdict.conditions:
        _say(to, f"      {words.condition(condition)}", style="" if condition.holds else "yellow")
    for exception in verdict.exceptions:
        _say(to, "      no: an exception (`unless`) holds", style="yellow")
        for condition in exception:
            _say(to, f"        {words.condition(condition)}", style="yellow")
    if verdict.holders is not None and verdict.holders > verdict.max_rows_per_key:
        many = f"{verdict.holders:,} rows hold these values, and at most {verdict.max_rows_per_key:,} may:"
        _say(to, f"      no: {many} shared values link nothing", style="yellow")


def _row(row: Row) -> str:
    return f"{row.table} {row.key}"


def _head(to: Console, title: str) -> None:
    to.print()
    _say(to, title, style="bold")


def _say(to: Console, text: str, style: str = "") -> None:
    to.print(text, style=style, soft_wrap=True)
