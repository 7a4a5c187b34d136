"""The routes of OpenAI's API for transcription."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from reelmill.core import gate
from reelmill.web.openai.errors import ApiError, invalid, refuse
from reelmill.web.openai.form import FormReader, Upload
from reelmill.web.openai.formats import Streamed, event, response_of
from reelmill.web.openai.open_runs import Heard, Preview
from reelmill.web.openai.parameters import Parameters, RunSettings, Task, read_parameters
from reelmill.web.openai.transcriber import Transcriber
from reelmill.web.parts import Part

_T = TypeVar("_T")
_PREFIX = "/v1"
#: Seconds after which a stream shows that it is alive.
_ALIVE_S = 10.0
#: The status that servers log for a client that is gone (nginx); nobody reads it.
_GONE = 499

#: Bytes and seconds for which the form of a refused request is still read.
_READ_ON, _READ_ON_S = 32 << 20, 5.0

Endpoint = Callable[[Request], Awaitable[Response]]


def part() -> Part:
    """The endpoint, with what it needs while the server runs."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with Transcriber.opened(
            app.state.settings, app.state.engine
        ) as app.state.transcriber:
            yield

    return Part(_PREFIX, routes(), (f"{_PREFIX}/audio/",), refuse, lifespan)


def routes() -> list[Route]:
    """The routes below `/v1`."""
    return [
        Route(f"{_PREFIX}/audio/transcriptions", _told(transcriptions), methods=["POST"]),
        Route(f"{_PREFIX}/audio/translations", _told(translations), methods=["POST"]),
        Route(f"{_PREFIX}/models", _told(models), methods=["GET"]),
        Route(f"{_PREFIX}/models/{{name:path}}", _told(model), methods=["GET"]),
    ]


async def transcriptions(request: Request) -> Response:
    """What is said in a file."""
    return await _answer(request, "transcribe")


async def translations(request: Request) -> Response:
    """What is said in a file, in English."""
    return await _answer(request, "translate")


async def models(request: Request) -> Response:
    """All models that a request may name."""
    return JSONResponse(await asyncio.to_thread(_transcriber(request).models.listed))


async def model(request: Request) -> Response:
    """One of them."""
    known = _transcriber(request).models
    return JSONResponse(await asyncio.to_thread(known.facts, request.path_params["name"]))


def _told(endpoint: Endpoint) -> Endpoint:
    """An endpoint whose errors are answers."""

    async def answering(request: Request) -> Response:
        try:
            return await endpoint(request)
        except ApiError as error:
            await _read_on(request)
            return error.response()

    return answering


async def _body(request: Request) -> AsyncIterator[bytes]:
    async for chunk in request.stream():
        yield chunk
    request.state.body_is_read = True


async def _read_on(request: Request) -> None:
    """Read what still comes of a form that is refused, for a while: a client that is cut off while
    it sends does not see the answer."""

    async def read() -> None:
        left, more = _READ_ON, not getattr(request.state, "body_is_read", False)
        while left > 0 and more:
            message = await request.receive()
            left -= len(message.get("body", b""))
            more = message.get("more_body", False)

    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(read(), _READ_ON_S)


def _transcriber(request: Request) -> Transcriber:
    found: Transcriber = request.app.state.transcriber
    return found


async def _answer(request: Request, task: Task) -> Response:
    work = contextlib.AsyncExitStack()
    async with work:
        exchange = _Exchange(request, task)
        await exchange.receive(work)
        if not exchange.asked.stream:
            return await exchange.answer()
        return _Streamed(exchange.stream(), work.pop_all())


class _Streamed(StreamingResponse):
    """An answer of server-sent events. `work` is closed when it ends, however it ends."""

    def __init__(self, events: AsyncIterator[str], work: contextlib.AsyncExitStack) -> None:
        super().__init__(events, media_type="text/event-stream; charset=utf-8")
        self._work = work

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._work:
            await super().__call__(scope, receive, send)


class _Exchange:
    """One request, from its body to its answer."""

    asked: Parameters
    _upload: Upload
    _settings: RunSettings

    def __init__(self, request: Request, task: Task) -> None:
        self._request = request
        self._task = task
        self._transcriber = _transcriber(request)
        self._client = ""

    async def receive(self, work: contextlib.AsyncExitStack) -> None:
        """Read and check the form. Its file is there until `work` is closed.

        Raises:
            ApiError: it cannot be accepted.
        """
        transcriber = self._transcriber
        self._client = await asyncio.to_thread(transcriber.client, self._request)
        work.enter_context(transcriber.turns.present(self._client))
        path = transcriber.new_upload()
        work.callback(gate.discard, path)
        limits = transcriber.limits
        content_type = self._request.headers.get("content-type", "")
        with FormReader(content_type, path, limits.fields) as reader:
            form = await reader.read(_body(self._request))
        self.asked = read_parameters(form.fields, self._task, limits)
        if form.file is None:
            raise invalid(
                "Missing required parameter: 'file'.", "file", "missing_required_parameter"
            )
        if not form.file.size:
            raise invalid("the file is empty", "file", "invalid_audio")
        self._upload = form.file
        self._settings = self.asked.settings(transcriber.models.named(self.asked.model))

    async def answer(self) -> Response:
        """The answer as a whole."""
        heard = await self._unless_gone(self._hear())
        if heard is None:
            return Response(status_code=_GONE)
        return await asyncio.to_thread(response_of, heard, self.asked, self._tokens)

    async def stream(self) -> AsyncIterator[str]:
        """The answer piece by piece."""
        texts: asyncio.Queue[str | None] = asyncio.Queue()
        hearing = asyncio.ensure_future(self._hear(texts.put_nowait))
        hearing.add_done_callback(lambda done: texts.put_nowait(None))
        streamed = Streamed(self.asked)
        try:
            while (text := await _next(texts)) is not None:
                yield streamed.delta(text) if text else ": still at work\n\n"
            for one in streamed.rest(hearing.result()):
                yield one
        except ApiError as error:
            yield event(error.body())
        finally:
            await _end(hearing)

    async def _hear(self, preview: Preview | None = None) -> Heard:
        return await self._transcriber.hear(self._settings, self._upload, self._client, preview)

    def _tokens(self, text: str) -> list[int]:
        return self._transcriber.tokens(self._settings.model, text)

    async def _unless_gone(self, work: Awaitable[_T]) -> _T | None:
        """The result; None if the client goes away first, which ends the work."""
        task = asyncio.ensure_future(work)
        gone = asyncio.ensure_future(_gone(self._request))
        try:
            await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else None
        finally:
            await _end(gone)
            await _end(task)


async def _next(texts: asyncio.Queue[str | None]) -> str | None:
    """The next text; an empty one where none came for a while."""
    try:
        return await asyncio.wait_for(texts.get(), _ALIVE_S)
    except asyncio.TimeoutError:
        return ""


async def _gone(request: Request) -> None:
    """Wait until the client closes the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _end(task: asyncio.Future[_T]) -> None:
    """Cancel a task, if it still goes on, and wait until it has cleaned up."""
    if not task.done():
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
