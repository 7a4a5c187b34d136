"""Files of word processors: what all writers of DOCX share."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime
from importlib.util import find_spec
from typing import Any

from reelmill.errors import UsageError

#: The earliest moment that an archive can state.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def need_docx(format_name: str) -> None:
    """Raises UsageError if the package that writes DOCX is not installed."""
    if find_spec("docx") is None:
        raise UsageError(
            f"the format {format_name} needs python-docx, which is not installed: "
            f'pip install "reelmill[docx]", or leave {format_name} out of --formats'
        )


def saved(document: Any, title: str, changed: datetime | None) -> bytes:
    """The file of a document of python-docx. It states nothing of when it was made, so that the
    same transcript gives the same file.

    Args:
        document: what is to be saved.
        title: for the file's properties.
        changed: the time for the file's properties.
    """
    properties = document.core_properties
    properties.title, properties.author = title, "reelmill"
    moment = (changed or datetime(*_EPOCH)).replace(tzinfo=None, microsecond=0)
    properties.created = properties.modified = moment
    file = io.BytesIO()
    document.save(file)
    return _without_moment(file.getvalue())


def _without_moment(data: bytes) -> bytes:
    result = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as archive,
        zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for entry in archive.infolist():
            info = zipfile.ZipInfo(entry.filename, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(info, archive.read(entry))
    return result.getvalue()
