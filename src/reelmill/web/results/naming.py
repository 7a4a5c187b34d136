"""`/persons/RUN?page=NAME.faces.html`: names that people give on the page of a video."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from reelmill.errors import FolderBusyError, InputError, NotOursError, UsageError
from reelmill.evidence.paths import Folder
from reelmill.pipelines.faces_builder import keep_person_names
from reelmill.runs.case_folder import open_case
from reelmill.web.api.documented import documented
from reelmill.web.api.models import RunInfo
from reelmill.web.api.shown import shown_run
from reelmill.web.errors import Refused
from reelmill.web.parts import Part
from reelmill.web.queue.records import OVER, QueuedRun
from reelmill.web.results.files import open_result
from reelmill.web.services import Services, ThePerson, TheServices

router = documented("Persons")
#: What the page of a video has for each person.
_PERSON = re.compile(r'data-person="([^"]+)"')
#: Seconds after which a run that goes on may be over.
_BUSY_S = 10

#: As the command line takes names: a comma or an equals sign would end them there.
_Name = Annotated[str, StringConstraints(max_length=100, pattern=r"^[^,=\x00-\x1f\x7f]*$")]


class PersonNames(BaseModel):
    """Names for persons of a video, by the letters that its page shows.

    `version` is that of the page on which they were given. An empty name takes an earlier one back.
    """

    model_config = ConfigDict(extra="forbid")

    version: int
    names: dict[str, _Name] = Field(min_length=1, max_length=500)


def part() -> Part:
    """Names of persons."""
    return Part(prefix="/persons/", routes=router.routes)


@router.post("/persons/{run}")
def name_persons(
    run: str,
    page: Annotated[str, Query(max_length=4096, description="the video's page in the results")],
    given: PersonNames,
    services: TheServices,
    person: ThePerson,
) -> RunInfo:
    """Name persons of a video. The output folder keeps the names, the custody log who gave them and
    when, and the run goes through the queue again, which writes all files with the names.

    The answer is 409 `changed` if the page was written anew since that `version`, and 423 `busy`
    while a run writes there; then nothing is changed."""
    found = services.queue.get(run)
    html, written = _read(found.out, page)
    if written != given.version:
        raise Refused(
            409, "changed", "the page was written anew meanwhile; load it and give the names again"
        )
    if strange := sorted(given.names.keys() - set(_PERSON.findall(html))):
        raise Refused(422, "unfit", f"nobody is called {', '.join(strange)} on this page")
    if found.state not in OVER:
        raise Refused(423, "busy", "the run is not over yet", retry_after=_BUSY_S)
    _keep(found, _recording(found, page, services), given.names, person.name)
    return shown_run(services.queue.retry(found.id), services)


def _read(out: Path, page: str) -> tuple[str, int]:
    """A page, and when it was written."""
    with os.fdopen(open_result(out, page), "rb") as file:
        return file.read().decode("utf-8", "surrogateescape"), version_of(file.fileno())


def version_of(descriptor: int) -> int:
    """When a file was written, in microseconds since 1970, which scripts count exactly."""
    return os.fstat(descriptor).st_mtime_ns // 1000


def _recording(run: QueuedRun, page: str, services: Services) -> Path:
    """The recording that a page is about."""
    for one in services.queue.records.recordings(run.id):
        if page in one.outputs:
            return Path(one.path)
    raise Refused(404, "not_found", "this is not the page of a video")


def _keep(run: QueuedRun, recording: Path, names: dict[str, str], person: str) -> None:
    named = {label: " ".join(name.split()) for label, name in names.items()}
    try:
        with open_case(run.out, run.task) as case:
            keep_person_names(case.out, recording.name, named)
            of = Folder(case.out).name(recording)
            case.note("names", recording=of, person=person, names=named)
    except FolderBusyError as error:
        raise Refused(423, "busy", str(error), retry_after=_BUSY_S) from error
    except (InputError, NotOursError, UsageError) as error:
        raise Refused(409, "not_ours", str(error)) from error
    except OSError as error:
        raise Refused(507, "not_written", f"not saved: {error.strerror or error}") from error
