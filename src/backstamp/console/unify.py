"""Unify: the tables and rules in their order, what each rule found, and what a person should look at."""

import threading
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Request, Response

from backstamp import errors, pipeline, project
from backstamp.console import pages
from backstamp.console.permissions import Action, Visitor, may
from backstamp.console.site import Remembered, Site, SiteOf
from backstamp.unify import deduplicate, guard
from backstamp.unify.evaluate import RuleAccuracy
from backstamp.unify.settings import Rule

router = APIRouter()
UNIFY = "/unify"
_AT_ONCE = 200_000
"""Up to how many rows it is counted unasked what each rule alone found: it takes about as long as the rules did."""
_PATIENCE_SECONDS = 2.0
"""How long the page waits for that, before it says that it is being counted."""
_LISTED = 10


@dataclass(frozen=True)
class _Found:
    """What the last run found: tables and doubts; what columns are like."""

    findings: pipeline.Findings
    doubts: pipeline.Doubts
    columns: tuple[pipeline.TableProfile, ...]


@dataclass(frozen=True)
class RuleLine:
    """A rule as the page shows it: its tables, itself, and the links that it made, as far as they are counted."""

    lower: str
    upper: str
    rule: Rule
    links: int | None
    alone: int | None


@router.get(UNIFY)
def unify(
    request: Request, site: SiteOf, visitor: Annotated[Visitor, may(Action.SEE_DEFINITIONS)], *, alone: bool = False
) -> Response:
    """Show tables, rules, and what the last run found by them."""
    settings = site.project
    found, why = None, ""
    counts: tuple[RuleAccuracy, ...] | None = None
    is_asked = alone
    try:
        found = _look(site)
        is_asked = alone or sum(table.rows for table in found.findings.tables) <= _AT_ONCE
        counts = _counted(site) if is_asked else None
    except (errors.ConfigurationError, errors.BusyError) as error:
        why = str(error)
    return pages.page(
        "unify.html",
        request,
        site,
        visitor,
        settings=settings.unify,
        found=found,
        why=why,
        counted={table.table: table for table in found.findings.tables} if found else {},
        rules=_rules(settings, found, counts or ()),
        is_asked=is_asked,
        are_counted=counts is not None,
        listed=_LISTED,
        refusals=guard.REASONS,
    )


@Remembered
def _look(site: Site) -> _Found:
    settings = site.project
    findings = pipeline.findings(settings.state)
    return _Found(findings, pipeline.doubts(settings), pipeline.profile_stored(settings))


def _counted(site: Site) -> tuple[RuleAccuracy, ...] | None:
    """Return what each rule found, and found alone; None as long as that is being counted."""
    counting = _counting(site)
    wait([counting], timeout=_PATIENCE_SECONDS)
    if not counting.done():
        return None
    if counting.exception():
        _counting.forget()
    return counting.result()


@Remembered
def _counting(site: Site) -> "Future[tuple[RuleAccuracy, ...]]":
    """Begin to count in a thread of its own: who looks at the page need not wait."""
    counting: Future[tuple[RuleAccuracy, ...]] = Future()

    def count() -> None:
        try:
            counting.set_result(pipeline.count_rules(site.project))
        except BaseException as error:  # noqa: BLE001 - whoever asks for the result is told
            counting.set_exception(error)

    threading.Thread(target=count, name="count rules", daemon=True).start()
    return counting


def _rules(settings: project.Project, found: _Found | None, counts: tuple[RuleAccuracy, ...]) -> list[RuleLine]:
    matches = {(one.table, one.upper, one.rule): one.groups for one in found.findings.matches} if found else {}
    counted = {(one.lower, one.upper, one.rule): one for one in counts}
    lines = []
    for rule, lower, upper in deduplicate.all_rules(settings.unify):
        name = (lower, upper, rule.name)
        of_rule = counted.get(name)
        links = of_rule.links if of_rule else matches.get(name)
        lines.append(RuleLine(lower, upper, rule, links, of_rule.alone if of_rule else None))
    return lines
