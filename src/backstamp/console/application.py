"""The console put together: an ASGI application over one project."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import backstamp
from backstamp import errors
from backstamp.console import (
    api,
    customers,
    health,
    home,
    links,
    login,
    measures,
    oidc,
    pages,
    records,
    status,
    unify,
    users,
)
from backstamp.console.permissions import NotSignedIn, visitor_of
from backstamp.console.site import Site

PAGES = (
    login.router,
    oidc.router,
    home.router,
    customers.router,
    records.router,
    links.router,
    unify.router,
    measures.router,
    status.router,
    users.router,
    health.router,
)
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


def application(site: Site) -> FastAPI:
    """Return the console of a project, with its API and, under `/api/v1/openapi.json`, that one's description."""
    made = FastAPI(
        title="backstamp",
        version=backstamp.__version__,
        summary="Runs, their status, and customers, of one project.",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    made.state.site = site
    for router in PAGES:
        made.include_router(router, include_in_schema=False)
    made.include_router(api.router)
    made.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")
    made.add_middleware(_Protection)
    made.add_exception_handler(NotSignedIn, _not_signed_in)
    made.add_exception_handler(StarletteHTTPException, _refused)
    made.add_exception_handler(RequestValidationError, _mistaken)
    made.add_exception_handler(errors.BackstampError, _failed)
    made.add_exception_handler(Exception, _unforeseen)
    return made


class _Protection:
    """Adds to every answer what keeps browsers from helping an attacker."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                if not scope["path"].startswith("/static/"):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, sending if scope["type"] == "http" else send)


def _is_of_api(request: Request) -> bool:
    return request.url.path.startswith("/api/") or request.url.path == "/metrics"


async def _not_signed_in(request: Request, _error: Exception) -> Response:
    if _is_of_api(request):
        headers = {"WWW-Authenticate": "Bearer"}
        return JSONResponse(_told("Unauthorized", "Send a token: `Authorization: Bearer …`."), 401, headers)
    target = request.url.path if request.method == "GET" else "/"
    return RedirectResponse(f"/login?next={quote(target)}", 303)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)  # noqa: S101 - registered for nothing else
    answer = await _say(request, error.status_code, "Refused", str(error.detail))
    answer.headers.update(error.headers or {})
    return answer


async def _mistaken(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for nothing else
    # Where it is and what is wrong, never the value itself.
    told = "; ".join(f"{'.'.join(str(part) for part in one['loc'][1:])}: {one['msg']}" for one in error.errors())
    return await _say(request, 422, "RequestValidationError", told)


async def _failed(request: Request, error: Exception) -> Response:
    match error:
        case errors.ConfigurationError():
            code = 422
        case errors.BusyError():
            code = 409
        case _:
            code = 502
    return await _say(request, code, type(error).__name__, str(error))


async def _unforeseen(request: Request, error: Exception) -> Response:
    # The text of such an error can quote values of rows.
    message = f"Something that nobody has foreseen went wrong: {type(error).__name__}. The server's log tells more."
    return await _say(request, 500, type(error).__name__, message)


async def _say(request: Request, code: int, kind: str, message: str) -> Response:
    if _is_of_api(request):
        return JSONResponse(_told(kind, message), code)
    site: Site = request.app.state.site
    visitor = await run_in_threadpool(visitor_of, request, site)
    return await run_in_threadpool(
        pages.page, "problem.html", request, site, visitor, status=code, code=code, message=message
    )


def _told(kind: str, message: str) -> dict[str, Any]:
    return {"error": {"kind": kind, "message": message}}
