"""Read pictures of known people: the name, and the network's vector of the face."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reelmill.core.people_folder import Example, examples
from reelmill.errors import UsageError
from reelmill.media.video.image import read_picture
from reelmill.models.faces.boxes import areas
from reelmill.stages.faces.known_people import KnownFace

_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"})
#: Pictures are reduced to this longer side before the search. The smallest face found is then a
#: fiftieth of the picture.
_LONGER_SIDE = 1024
#: A margin is added, because the detector needs to see what is around a face and portraits are
#: cropped closely.
_RIM = 0.15


def references(folder: Path) -> list[Example]:
    """The pictures in `folder`, named after their files, and in its subfolders, named after the
    subfolder.

    Raises:
        UsageError: no folder, or no picture in it.
    """
    if not folder.is_dir():
        raise UsageError(
            f"--people {folder}: not a folder; give a folder with a picture of each person"
        )
    found = examples(folder, lambda path: path.suffix.lower() in _SUFFIXES)
    if not found:
        raise UsageError(
            f"--people {folder}: contains no pictures; add one of each person, named after the "
            "person (Kim.jpg), or several in a folder of that name (Kim/1.jpg)"
        )
    return found


def look_at(
    pictures: Sequence[Example], detector: Any, network: Any
) -> tuple[tuple[KnownFace, ...], tuple[str, ...]]:
    """The largest face of each picture, and a message for each picture that could not be used.

    Args:
        pictures: as `references` gives them.
        detector: has `look`.
        network: has `pictures` and `embed`.
    """
    faces, notes = [], []
    for reference in pictures:
        try:
            frame = read_picture(reference.path, _LONGER_SIDE)
        except ValueError as error:
            notes.append(f"{reference.path}: left out, {error}")
            continue
        rim = round(_RIM * max(frame.shape))
        frame = np.pad(frame, ((rim, rim), (rim, rim), (0, 0)), mode="edge")
        (found,) = detector.look([frame])
        if not len(found):
            notes.append(f"{reference.path}: left out, because no face was found in it")
            continue
        if len(found) > 1:
            notes.append(f"{reference.path}: has {len(found)} faces; the largest is used")
        largest = found.take(np.array([areas(found.boxes).argmax()]))
        (vector,) = network.embed(network.pictures(frame, largest.boxes, largest.landmarks))
        # five digits: enough for a cosine, and the same on every machine
        rounded = tuple(round(float(value), 5) for value in vector)
        faces.append(KnownFace(reference.name, rounded))
    return tuple(faces), tuple(notes)
