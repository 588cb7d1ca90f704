"""How a page is made of a template, and where one goes from there."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import quote, unquote

import jinja2
from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from markupsafe import Markup, escape

from backstamp import measures, pipeline, runs
from backstamp.console.permissions import Action, Visitor
from backstamp.console.site import Site
from backstamp.runs import words
from backstamp.unify import words as explained

_NOTICE = "backstamp_notice"
"""The cookie with what the next page says of what was just done."""


@dataclass(frozen=True)
class Place:
    """A page of the navigation: its heading there, its address, and what one must be allowed to see it."""

    name: str
    href: str
    action: Action
    section: str = ""


NAVIGATION = (
    Place("Home", "/", Action.SEE_STATUS),
    Place("Customers", "/customers", Action.SEE_CUSTOMERS),
    Place("Records", "/records", Action.SEE_CUSTOMERS),
    Place("Unify", "/unify", Action.SEE_DEFINITIONS),
    Place("Links", "/links", Action.SEE_DEFINITIONS),
    Place("Measures", "/measures", Action.SEE_DEFINITIONS),
    Place("Status", "/settings/system/status", Action.SEE_STATUS, "Settings › System"),
    Place("Users", "/settings/users", Action.MANAGE_USERS, "Settings"),
)


def number(value: float | None) -> str:
    """Return a number as people read it."""
    return "" if value is None else f"{value:,}"


def moment(value: datetime | None) -> str:
    """Return a time as people read it."""
    return "" if value is None else f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def clock(value: datetime) -> str:
    """Return the time of day, in UTC to the second."""
    return f"{value.astimezone(UTC):%H:%M:%S}"


def machine_time(value: datetime) -> str:
    """Return a time as the attribute `datetime` wants it."""
    return value.astimezone(UTC).isoformat(timespec="seconds")


def share(part: int, whole: int) -> str:
    """Return a share in per cent, rounded down: what is not all never looks so."""
    return f"{part * 1000 // whole / 10:g} %" if whole else ""


def shown(value: object) -> str:
    """Return a value of a row as people read it."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M}"
        case Decimal():
            exact = value.normalize()
            return f"{exact:,.0f}" if exact == exact.to_integral_value() else f"{exact:,.2f}"
        case int() | float():
            return f"{value:,}"
        case _:
            return str(value)


def breakable(text: str) -> Markup:
    """Return text that may go on in the next line before an `@`: an e-mail address is longer than a column."""
    return escape(text).replace("@", Markup("<wbr>@"))


def about(value: object) -> str:
    """Return a value as exactly as it can be seen in a chart."""
    return f"{value:,.4g}" if isinstance(value, float) and abs(value) < 10_000 else shown(value)


def called(customer: pipeline.Customer) -> str:
    """Return by what people know a customer: a name, or else what the profile says first."""
    values = {one.name: shown(one.value) for one in customer.values}
    for names in (("FullName",), ("Name",), ("FirstName", "LastName")):
        if name := " ".join(values[name] for name in names if name in values):
            return name
    return next(iter(values.values()), customer.customer_id)


_KINDS = {
    runs.TaskStatus.SUCCESSFUL: "good",
    runs.TaskStatus.SKIPPED: "quiet",
    runs.TaskStatus.NOT_STARTED: "quiet",
    runs.TaskStatus.CANCELED: "doubt",
    runs.TaskStatus.WAITING_FOR_APPROVAL: "doubt",
    **dict.fromkeys(runs.UNDER_WAY, "busy"),
    **dict.fromkeys(runs.FAILURES, "bad"),
}


def kind_of(status: runs.TaskStatus) -> str:
    """Return the colour of a status, as the style sheet calls it."""
    return _KINDS[status]


def _templates() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("backstamp.console"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals |= {"navigation": NAVIGATION, "Action": Action}
    made.filters |= {
        "number": number,
        "clock": clock,
        "moment": moment,
        "machine_time": machine_time,
        "shown": shown,
        "called": called,
        "about": about,
        "breakable": breakable,
        "in_short": measures.in_short,
        "condition": explained.condition,
        "per_cent": explained.per_cent,
        "kind": kind_of,
        "duration": words.duration,
        "outlook": words.outlook,
        "standing": words.standing,
        "has_died": words.has_died,
        "rows_of": words.rows_of,
        "speed": words.speed,
    }
    made.globals |= {"share": share, "count": words.count}
    return made


_TEMPLATES = _templates()


def fragment(template: str, **values: object) -> str:
    """Return a piece of a page."""
    return _TEMPLATES.get_template(template).render(**values)


def page(
    template: str, request: Request, site: Site, visitor: Visitor | None, *, status: int = 200, **values: object
) -> HTMLResponse:
    """Return a page made of a template.

    Args:
        template: its file; it extends `base.html`.
        request: which asks for it.
        site: the project.
        visitor: who asks; None before the login.
        status: of HTTP.
        values: what the template shows.
    """
    notice = unquote(request.cookies.get(_NOTICE, ""))
    around = {"path": request.url.path, "site": site, "visitor": visitor, "notice": notice}
    made = HTMLResponse(fragment(template, **around, **values), status)
    if notice:
        made.delete_cookie(_NOTICE)
    return made


def go(href: str, notice: str = "") -> RedirectResponse:
    """Lead to a page after a form was sent, which then says what was done."""
    made = RedirectResponse(href, 303)
    if notice:
        made.set_cookie(_NOTICE, quote(notice), max_age=60, httponly=True, samesite="lax")
    return made
