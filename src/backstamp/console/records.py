"""Records: rows of source tables, one of them as its user sees it, why it is whose it is, and overrides of that."""

import re
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Form, HTTPException, Query, Request, Response

from backstamp import errors, pipeline, project
from backstamp.console import pages
from backstamp.console.permissions import Action, Visitor, may
from backstamp.console.site import Site, SiteOf
from backstamp.pipeline.overriding import Kind
from backstamp.unify import explain, transform

router = APIRouter()
RECORDS = "/records"
_LISTED = 50
_Seeing = Annotated[Visitor, may(Action.SEE_CUSTOMERS)]
_Text = Annotated[str, Form()]
_ANONYMOUS = re.compile(r"-?[0-9]+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""Keys that tell nothing of a person: whole numbers and GUIDs."""
_DONE = {
    "always": ("put two rows together", "From the next run on these two rows are one customer."),
    "never": ("kept two rows apart", "From the next run on these two rows are kept apart."),
}


@router.get(RECORDS)
def records(
    request: Request,
    site: SiteOf,
    visitor: _Seeing,
    table: str = "",
    text: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """List rows of a table."""
    settings = site.project
    tables = pipeline.shown_tables(settings)
    table = table or tables[0]
    found = pipeline.find_rows(settings, table, text, _LISTED)
    return pages.page(
        "records.html",
        request,
        site,
        visitor,
        table=table,
        text=text,
        tables=tables,
        linked=set(pipeline.outer_names(settings)),
        found=found,
    )


@router.post(RECORDS)
def override(
    site: SiteOf,
    visitor: Annotated[Visitor, may(Action.OVERRIDE)],
    kind: Annotated[Kind, Form()],
    left: _Text,
    right: _Text,
    why: _Text = "",
) -> Response:
    """Say of two rows, each its table and after a space its key, that they are one customer, or are not."""
    settings = site.project
    one, other = (_known(settings, row) for row in (left, right))
    pipeline.override(settings, kind, one, other, why, visitor.name)
    what, notice = _DONE[kind]
    site.users.note(visitor.name, what, f"{_without_person(one)} and {_without_person(other)}")
    compared = urlencode({"other_table": other.table, "other_key": other.key})
    return pages.go(f"{RECORDS}/{one.table}/{quote(one.key)}?{compared}", notice)


@router.get(RECORDS + "/{table}/{key:path}")
def record(
    request: Request, site: SiteOf, visitor: _Seeing, table: str, key: str, other_table: str = "", other_key: str = ""
) -> Response:
    """Show a row, its customer, and why it is that one's; and of another row that is named why it is, or is not."""
    settings = site.project
    row = explain.Row(table, transform.as_guid(key))
    shown, lacking = _shown(site, settings, row)
    fields = {one.label: one.value for one in shown.card.fields} if shown else pipeline.row_values(settings, row)
    if fields is None:
        raise HTTPException(404, f"{table} has no row with this key.")
    unified = [one.table for one in settings.unify.tables]
    explanation = relation = None
    problem = ""
    if table in unified:
        try:
            explanation = pipeline.explain(settings, row)
            if other_key:
                other = explain.Row(other_table or table, other_key.strip())
                relation = pipeline.relate(settings, explanation.row, other)
        except (errors.SourceError, errors.ConfigurationError) as error:
            problem = str(error)
    return pages.page(
        "record.html",
        request,
        site,
        visitor,
        row=row,
        fields=fields,
        is_of_crm=shown is not None,
        customer=shown.customer if shown else _customer(settings, row),
        lacking=lacking,
        explanation=explanation,
        relation=relation,
        problem=problem,
        other=explain.Row(other_table or table, other_key),
        tables=unified,
    )


def _shown(site: Site, settings: project.Project, row: explain.Row) -> tuple[pipeline.Shown | None, str]:
    """Return a row as its user sees it and what is not known besides; None where the CRM has it not, or not now."""
    outer = pipeline.outer_names(settings).get(row.table)
    if outer is None:
        return None, ""
    try:
        with site.connections.environment(settings) as environment:
            shown = pipeline.show(settings, environment, row, outer)
    except errors.EnvironmentServiceError as error:
        return None, f"The CRM does not tell this row now, so it is shown as the last run read it. {error}"
    return (shown, shown.lacking) if shown else (None, "The CRM has no such row any more.")


def _customer(settings: project.Project, row: explain.Row) -> pipeline.Customer | None:
    try:
        return pipeline.customer(settings, row)
    except (errors.SourceError, errors.ConfigurationError):
        return None


def _known(settings: project.Project, written: str) -> explain.Row:
    """Return a row of unification as the last run spells it."""
    table, _, key = written.partition(" ")
    try:
        return pipeline.explain(settings, explain.Row(table, key)).row
    except errors.SourceError as error:
        raise HTTPException(404, str(error)) from error


def _without_person(row: explain.Row) -> str:
    """Return what the trail calls a row: a key that is text may tell who somebody is."""
    return f"{row.table} {row.key}" if _ANONYMOUS.fullmatch(row.key) else f"a row of {row.table}"
