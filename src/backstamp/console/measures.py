"""Measures: what each one is, how it stands, how its values are spread, and how tables lead to customers."""

from dataclasses import dataclass
from typing import Annotated

import markupsafe
from fastapi import APIRouter, Request, Response

from backstamp import errors, measures, pipeline
from backstamp.console import charts, pages
from backstamp.console.permissions import Action, Visitor, may
from backstamp.console.site import Remembered, Site, SiteOf

router = APIRouter()
MEASURES = "/measures"


@dataclass(frozen=True)
class Shown:
    """A measure as the page shows it: what it is, how it stands, its distribution, and that as columns of a chart."""

    definition: measures.Measure
    standing: str
    kind: str
    distribution: pipeline.Distribution | None
    columns: tuple[charts.Column, ...]


@router.get(MEASURES)
def measured(request: Request, site: SiteOf, visitor: Annotated[Visitor, may(Action.SEE_DEFINITIONS)]) -> Response:
    """Show all measures."""
    settings = site.project
    found, why = _distributions(site)
    definitions = settings.definitions
    return pages.page(
        "measures.html",
        request,
        site,
        visitor,
        why=why,
        measures={name: _shown(one, found.get(name)) for name, one in definitions.measures.items()},
        tree=measures.text(definitions),
        graph=markupsafe.Markup(measures.svg(definitions)),  # noqa: S704 - made here, its names escaped
    )


def _distributions(site: Site) -> tuple[dict[str, pipeline.Distribution], str]:
    """Return how the values of measures are spread, or why that cannot be said now."""
    try:
        return {one.measure: one for one in _looked_at(site)}, ""
    except (errors.ConfigurationError, errors.BusyError) as error:
        return {}, str(error)


@Remembered
def _looked_at(site: Site) -> tuple[pipeline.Distribution, ...]:
    return pipeline.distributions(site.project)


def _shown(definition: measures.Measure, found: pipeline.Distribution | None) -> Shown:
    if found is None or found.as_of is None:
        return Shown(definition, "not calculated yet" if definition.active else "not active", "quiet", None, ())
    parts = [(f"{_ends(part.first, part.last)}: {pages.about(part.amount)}", part.amount) for part in found.parts]
    columns = charts.columns(parts, places=1) if found.is_scale else ()
    if not definition.active:
        return Shown(definition, "not active: keeps its last values", "quiet", found, columns)
    standing, kind = ("up to date", "good") if found.is_current else ("of an earlier run", "doubt")
    return Shown(definition, standing, kind, found, columns)


def _ends(first: object, last: object) -> str:
    one, other = pages.about(first), pages.about(last)
    return one if one == other else f"{one} to {other}"
