"""What runs may choose, what can be picked, and what the machine is doing."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import psutil
from fastapi import Query

from reelmill.web.api.documented import documented
from reelmill.web.api.models import Choices, FolderListing, Gpu, Machine
from reelmill.web.queue.options import FORMATS, SUBTITLE_FORMATS, models
from reelmill.web.services import Services, ThePerson, TheServices

router = documented("Server")


@router.get("/choices")
def choices(services: TheServices) -> Choices:
    """What a run may choose."""
    settings = services.settings
    return Choices(
        models=models("whisper", settings),
        translators=models("translator", settings),
        formats=list(FORMATS),
        subtitle_formats=list(SUBTITLE_FORMATS),
        has_root=settings.root is not None,
        max_upload=settings.max_upload,
    )


@router.get("/folders")
def folders(
    services: TheServices,
    person: ThePerson,
    path: Annotated[str, Query(max_length=4000, description="Below the root; empty for it.")] = "",
) -> FolderListing:
    """The folders and recordings in a folder below the root; for editors, who make runs of them."""
    person.require("editor")
    return FolderListing.model_validate(asdict(services.root.listing(path)))


@router.get("/machine")
def machine(services: TheServices) -> Machine:
    """Devices, memory, and how many runs go on and wait."""
    return shown_machine(services)


def shown_machine(services: Services) -> Machine:
    """What the server's machine is doing now."""
    engine, memory = services.engine.snapshot(), psutil.virtual_memory()
    runs = services.queue.records.all(("running", "queued"))
    progress = [services.queue.progress(run.id) for run in runs if run.state == "running"]
    used = [one.memory_mb for one in progress if one is not None and one.memory_mb is not None]
    busy = [one.cpu_percent for one in progress if one is not None and one.cpu_percent is not None]
    return Machine(
        devices=list(engine.devices),
        gpus=[Gpu(**asdict(gpu)) for gpu in engine.gpus],
        memory_mb=engine.memory_mb if engine.memory_mb is not None else (sum(used) or None),
        machine_used_mb=engine.machine_used_mb or memory.used / 1e6,
        machine_total_mb=engine.machine_total_mb or memory.total / 1e6,
        cpu_percent=engine.cpu_percent if engine.cpu_percent is not None else (sum(busy) or None),
        models=[one.model for one in engine.model_workers if one.loaded],
        running=sum(run.state == "running" for run in runs),
        queued=sum(run.state == "queued" for run in runs),
    )
