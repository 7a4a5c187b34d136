"""The application: everything that answers requests, behind one guard."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from reelmill import __version__
from reelmill.runs.engine import Engine
from reelmill.web.answers import Answers
from reelmill.web.api import routes as api
from reelmill.web.corrections import routes as corrections
from reelmill.web.errors import Refused
from reelmill.web.making import make_services
from reelmill.web.openai import routes as endpoint
from reelmill.web.pages import routes as pages
from reelmill.web.pages.login import WrongPasswords
from reelmill.web.parts import Part
from reelmill.web.results import naming
from reelmill.web.results import routes as results
from reelmill.web.security.access import Access
from reelmill.web.security.guard import Guard
from reelmill.web.security.passwords import PasswordFile
from reelmill.web.security.refusals import RefusalLog
from reelmill.web.security.sessions import Sessions
from reelmill.web.settings import WebSettings
from reelmill.web.store import Store

#: Everything that is mounted. Each makes its part when the application is made.
_PARTS: Sequence[Callable[[], Part]] = (
    api.part,
    endpoint.part,
    corrections.part,
    results.part,
    naming.part,
    pages.part,
)


def create_app(settings: WebSettings) -> FastAPI:
    """The application of a server. Its store is open until the application's lifespan ends.

    Raises:
        UsageError: the data folder or the password file cannot be used.
    """
    store = Store(settings.data)
    passwords = None if settings.passwords is None else PasswordFile(settings.passwords)
    parts = [make() for make in _PARTS]
    answers = Answers(settings, parts)
    access = Access(settings, Sessions(store, settings, passwords), passwords)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as opened:
            opened.callback(store.close)
            app.state.engine = await opened.enter_async_context(_engine(settings))
            services = make_services(settings, store, access, app.state.engine)
            app.state.services = services
            app.state.queue = services.queue
            await asyncio.to_thread(services.open)
            opened.push_async_callback(asyncio.to_thread, services.close)
            for part in parts:
                if part.lifespan is not None:
                    await opened.enter_async_context(part.lifespan(app))
            yield

    app = FastAPI(
        title="Reelmill",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    app.state.settings, app.state.store, app.state.access = settings, store, access
    app.state.login_lock, app.state.wrong_passwords = asyncio.Lock(), WrongPasswords()
    app.state.refusals = RefusalLog(store.data / "server")
    for part in parts:
        app.router.routes.extend(part.routes)
    _answer_errors(app, answers)
    app.add_middleware(
        Guard,
        settings=settings,
        access=access,
        log=app.state.refusals,
        answers=answers,
        parts=parts,
    )
    return app


@contextlib.asynccontextmanager
async def _engine(settings: WebSettings) -> AsyncIterator[Engine]:
    """The engine that all runs of the server share."""
    engine = Engine(
        device=settings.device, workers=settings.workers, memory_limit=settings.memory_limit
    )
    await asyncio.to_thread(engine.open)
    try:
        yield engine
    finally:
        await asyncio.to_thread(engine.close)


def _answer_errors(app: FastAPI, answers: Answers) -> None:
    """Every error has the form of the part that it happened in."""

    async def refused(request: Request, error: Exception) -> Response:
        return answers.of(request, _as_refused(error))

    for kind in (Refused, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, refused)


def _as_refused(error: Exception) -> Refused:
    if isinstance(error, Refused):
        return error
    if isinstance(error, RequestValidationError):
        said = "; ".join(
            f"{'.'.join(map(str, one['loc'][1:])) or 'body'}: {one['msg']}"
            for one in error.errors()[:5]
        )
        return Refused(422, "invalid", said)
    assert isinstance(error, HTTPException)
    code = _CODES.get(error.status_code, "refused")
    return Refused(error.status_code, code, _MESSAGES.get(error.status_code, error.detail))


_CODES = {404: "not_found", 405: "bad_method", 400: "bad_request"}
_MESSAGES = {404: "there is nothing here", 405: "this cannot be done here"}
