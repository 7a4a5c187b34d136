"""`/uploads`: files sent to the server, until a run has them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from reelmill.web.api.documented import documented
from reelmill.web.api.models import UploadInfo, UploadList
from reelmill.web.queue.uploads import Upload
from reelmill.web.services import ThePerson, TheServices

router = documented("Uploads")
_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post("/uploads", status_code=201, openapi_extra=_BODY)
async def send(
    request: Request,
    services: TheServices,
    person: ThePerson,
    name: Annotated[str, Query(max_length=1000, description="The name of the file.")],
) -> UploadInfo:
    """Send a file: its bytes are the body, and their number is in Content-Length."""
    return _shown(await services.uploads.receive(request, person.name, name))


@router.get("/uploads")
def list_uploads(services: TheServices, person: ThePerson) -> UploadList:
    """Your files that no run has yet. They are kept for a week."""
    return UploadList(uploads=[_shown(one) for one in services.uploads.of(person.name)])


@router.delete("/uploads/{upload}", status_code=204)
def remove(upload: str, services: TheServices, person: ThePerson) -> Response:
    """Remove a file that no run has."""
    services.uploads.remove(upload, person.name)
    return Response(status_code=204)


def _shown(upload: Upload) -> UploadInfo:
    return UploadInfo(id=upload.id, name=upload.name, size=upload.size)
