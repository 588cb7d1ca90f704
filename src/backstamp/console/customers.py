"""Customers: found by what their profiles say, and one of them with all that is known of it."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request, Response

from backstamp import errors, pipeline
from backstamp.console import pages
from backstamp.console.permissions import Action, Visitor, may
from backstamp.console.site import Site, SiteOf
from backstamp.unify import history

router = APIRouter()
CUSTOMERS = "/customers"
_LISTED = 50
_SIZES = (1, 2, 3, 5, 10, 50)
_Seeing = Annotated[Visitor, may(Action.SEE_CUSTOMERS)]


@router.get(CUSTOMERS)
def customers(
    request: Request,
    site: SiteOf,
    visitor: _Seeing,
    *,
    text: Annotated[str, Query(max_length=200)] = "",
    table: str = "",
    rows: Annotated[int, Query(ge=1)] = 1,
    doubt: bool = False,
) -> Response:
    """List the customers that are looked for, those of most rows first."""
    settings = site.project
    tables = [one.table for one in settings.unify.tables]
    wanted = pipeline.Wanted(text, table if table in tables else "", rows, is_in_doubt=doubt)
    found = pipeline.find_customers(settings, wanted, _LISTED)
    return pages.page(
        "customers.html",
        request,
        site,
        visitor,
        wanted=wanted,
        found=found,
        tables=tables,
        sizes=_SIZES,
    )


@router.get(CUSTOMERS + "/{customer_id}")
def customer(request: Request, site: SiteOf, visitor: _Seeing, customer_id: str) -> Response:
    """Show a customer; of an id that no profile has any more, what it stands for today."""
    settings = site.project
    found = pipeline.customer_of(settings, customer_id)
    told = _resolved(site, customer_id)
    if found is None and told is None:
        raise HTTPException(404, "No customer has, or ever had, this CustomerId.")
    return pages.page(
        "customer.html" if found else "customer_gone.html",
        request,
        site,
        visitor,
        customer=found,
        told=told,
        changes=pipeline.changes_of(settings.state, customer_id),
        reasons=history.WORDS,
    )


def _resolved(site: Site, customer_id: str) -> pipeline.Resolved | None:
    try:
        return pipeline.resolve(site.project.state, customer_id)
    except errors.ConfigurationError:
        return None
