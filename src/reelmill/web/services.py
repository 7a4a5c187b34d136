"""What the endpoints work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from reelmill.runs.engine import Engine
from reelmill.web.queue.queue import RunQueue
from reelmill.web.queue.root import Root
from reelmill.web.queue.uploads import Uploads
from reelmill.web.queue.webhooks import Webhooks
from reelmill.web.results.scripts import KnownScripts
from reelmill.web.security.access import Access
from reelmill.web.security.people import Person
from reelmill.web.settings import WebSettings
from reelmill.web.store import Store


@dataclass(frozen=True)
class Services:
    """The parts of a server, made once."""

    settings: WebSettings
    store: Store
    access: Access
    engine: Engine
    queue: RunQueue
    uploads: Uploads
    root: Root
    webhooks: Webhooks
    scripts: KnownScripts

    def open(self) -> None:
        """Go on where the server was when it ended."""
        self.scripts.open()
        self.uploads.tidy()
        self.webhooks.open()
        self.queue.open()

    def close(self) -> None:
        """Stop what goes on. It goes on when the server is started again."""
        self.queue.close()
        self.webhooks.close()


def services_of(request: Request) -> Services:
    """Those of the server that got the request."""
    found: Services = request.app.state.services
    return found


def person_of(request: Request) -> Person:
    """Who sent the request."""
    found: Person = request.state.person
    return found


async def _services(request: Request) -> Services:
    return services_of(request)


async def _person(request: Request) -> Person:
    return person_of(request)


#: For the signatures of FastAPI's endpoints.
TheServices = Annotated[Services, Depends(_services)]
ThePerson = Annotated[Person, Depends(_person)]
