"""Puts together what the endpoints work with."""

from __future__ import annotations

from typing import Any

from reelmill.runs.engine import Engine
from reelmill.web.api.shown import shown_recording, shown_run
from reelmill.web.queue.hub import Hub
from reelmill.web.queue.queue import RunQueue
from reelmill.web.queue.records import QueuedRun, Records, RunRecording
from reelmill.web.queue.root import Root
from reelmill.web.queue.uploads import Uploads
from reelmill.web.queue.webhooks import Webhooks
from reelmill.web.results.scripts import KnownScripts
from reelmill.web.security.access import Access
from reelmill.web.services import Services
from reelmill.web.settings import WebSettings
from reelmill.web.store import Store


def make_services(settings: WebSettings, store: Store, access: Access, engine: Engine) -> Services:
    """The parts of a server, which know each other."""
    records = Records(store)
    webhooks = Webhooks(store, records, private=settings.private_webhooks)

    def tell(run: QueuedRun, event: str, recording: RunRecording | None) -> None:
        if run.webhook is None or event not in run.webhook.events:
            return
        data: dict[str, Any] = {"run": shown_run(run, services).model_dump()}
        if recording is not None:
            data["recording"] = shown_recording(run, recording).model_dump()
        webhooks.add(run, event, data)

    queue = RunQueue(records, engine, Hub(), parallel=settings.parallel, tell=tell)
    services = Services(
        settings=settings,
        store=store,
        access=access,
        engine=engine,
        queue=queue,
        uploads=Uploads(store, settings),
        root=Root(settings.root),
        webhooks=webhooks,
        scripts=KnownScripts(store),
    )
    return services
