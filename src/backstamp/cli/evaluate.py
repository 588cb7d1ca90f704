"""`evaluate`: how well profiles and rules agree with labels."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from backstamp import pipeline, project
from backstamp.cli import display, options

if TYPE_CHECKING:
    from rich.console import Console

    from backstamp.pipeline import Evaluation
    from backstamp.unify.evaluate import Accuracy, BCubed


def evaluate(labels: options.Labels, *, file: options.Project = options.FILE, as_json: options.Json = False) -> None:
    """Say how well the profiles of the last run, and each rule, agree with LABELS: rows of which you know who is who.

    LABELS has the columns left_table, left_key, right_table, right_key and match (true or false), a pair of rows a
    line; or table, key and a third column that is the same for all rows of one customer.
    """
    found = pipeline.evaluate(project.load(file), labels)
    if as_json:
        display.write_json(_facts(found))
    _show(display.console(quiet=as_json), found)


def _facts(found: Evaluation) -> dict[str, object]:
    pairs, rows = found.agreement.pairs, found.agreement.rows
    return {
        "kind": found.kind,
        "column": found.column,
        "labels": found.labels,
        "without_profile": found.without_profile,
        "pairs": {"true": pairs.true, "found": pairs.found, "right": pairs.right, **_scores(pairs)},
        "b_cubed": _scores(rows),
        "rules": found.rules,
    }


def _scores(of: Accuracy | BCubed) -> dict[str, float]:
    return {"precision": of.precision, "recall": of.recall, "f1": of.f1}


def _show(to: Console, found: Evaluation) -> None:
    if found.kind == "clusters":
        what = f"{display.count(found.labels, 'row')}, whose customers the column `{found.column}` tells"
    else:
        what = f"{display.count(found.labels, 'pair')} of rows, of which `{found.column}` tells if they are one"
    to.print(f"Compared with the labels of {what}:", soft_wrap=True)
    if found.without_profile:
        lost = f"{display.count(found.without_profile, 'labelled row')} in no profile"
        to.print(f"  {lost}: left out or filtered, or no row has the key.", style="yellow", soft_wrap=True)
    to.print()
    pairs, rows = found.agreement.pairs, found.agreement.rows
    shown = [
        (f"  {name}", *(f"{score:.4f}" for score in _scores(of).values()))
        for name, of in (("Pairs of rows", pairs), ("Rows (B-cubed)", rows))
    ]
    to.print(display.table(("", ">Precision", ">Recall", ">F1"), shown))
    to.print()
    counts = f"{pairs.true:,} pairs are one customer, {pairs.found:,} are in one profile, {pairs.right:,} are both."
    to.print(f"  {counts}", soft_wrap=True)
    to.print()
    to.print(
        "Rules, in links: those that hold the customers together, one fewer than a customer has rows", style="bold"
    )
    lines: list[tuple[str, ...]] = []
    for (lower, upper), rules in groupby(found.rules, lambda rule: (rule.lower, rule.upper)):
        lines.append((f"  {lower}, duplicates" if lower == upper else f"  {lower} in {upper}", *[""] * 4))
        lines += [
            (f"    {rule.rule}", *(f"{count:,}" for count in (rule.links, rule.alone, rule.labelled, rule.wrong)))
            for rule in rules
        ]
    to.print(display.table(("", ">Links", ">By it alone", ">Labelled", ">Wrong"), lines))
    to.print()
    to.print("  By it alone: no other rule between the two tables links the two rows. Wrong: of the labelled.")
