"""All routes of the API."""

from __future__ import annotations

from reelmill.web.api import events, machine, runs, search, uploads
from reelmill.web.parts import Part


def part() -> Part:
    """The API."""
    return Part(
        prefix="/runs",
        routes=[
            route
            for router in (
                runs.router,
                uploads.router,
                events.router,
                search.router,
                machine.router,
            )
            for route in router.routes
        ],
        large_bodies=("/uploads",),
        lifespan=search.indexing,
    )
