"""Parts of the server that are made elsewhere and mounted by `create_app`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import BaseRoute

from reelmill.web.errors import Refused


@dataclass(frozen=True)
class Part:
    """Routes below a common prefix, and what the guard has to know about them.

    Attributes:
        prefix: how their paths begin, such as `/v1`.
        routes: Starlette's or FastAPI's.
        large_bodies: beginnings of the paths whose requests may be as large as an upload.
        lifespan: what is open while the server runs; it gets the application, whose `state` has the
            engine.
        refuse: makes the answer to a refused request; by default a page for browsers and
            `{"error": {"code", "message"}}` for programs.
    """

    prefix: str
    routes: Sequence[BaseRoute]
    large_bodies: Sequence[str] = ()
    refuse: Callable[[Refused], Response] | None = None
    lifespan: Callable[[Starlette], AbstractAsyncContextManager[None]] | None = None
