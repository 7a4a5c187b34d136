"""`--across`: match the same people across the videos of a run. Written once all videos are
done."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from reelmill import __version__
from reelmill.artifacts import ExportedFile, Person, Persons, read_persons
from reelmill.core.atomic import write_bytes
from reelmill.core.kept import read_kept, write_kept
from reelmill.core.keys import user_key
from reelmill.core.recording import Recording
from reelmill.engine.execution.planning import Found
from reelmill.engine.state.artifact_store import load
from reelmill.export.jsontext import json_text, number
from reelmill.export.names import SpeakerName, names_for
from reelmill.report.files import PEOPLE
from reelmill.runs.task import Aggregate
from reelmill.stages.faces.across import (
    BY_CLOTHES,
    Appearance,
    Known,
    Member,
    matched,
    mean,
    numbered,
)
from reelmill.stages.faces.name_persons import with_names

SCHEMA = "reelmill.people/1"
#: Below `.cache`, one file for each network: who has which number, so that numbers stay the same
#: from run to run. Vectors of different networks cannot be compared.
_REGISTERS = "people-{}.json"

_NOTICE = (
    "Machine output. Different people may have been matched as one, and one person split into "
    "several. Check it against the videos, which are identified by their SHA-256."
)


@dataclass(frozen=True)
class Video:
    """The persons found in a video."""

    recording: Recording
    persons: Persons
    embeddings: Any


def write_people(found: Sequence[Found], out: Path, names: Sequence[SpeakerName] = ()) -> Aggregate:
    """Match the persons of all recordings, who have the `names` that users gave them, and write
    `people.json` below `out`.

    Raises:
        InputError: a result that is read is damaged.
        OSError: the file cannot be written.
    """
    videos = [video for one in found if (video := _video(one, names)) is not None]
    if not videos:
        return Aggregate()
    first = videos[0].persons
    threshold, measure = first.threshold, _measure(first)
    people = _appearances(videos)
    groups = [[people[at] for at in group] for group in matched(people, threshold)]
    register = out / ".cache" / _REGISTERS.format(measure)
    known = _read_register(register, measure)
    numbers = numbered(groups, known, threshold)
    _write_register(register, measure, _remembered(groups, numbers, known))
    content = {
        "schema": SCHEMA,
        "made_by": {"program": "reelmill", "version": __version__},
        "notice": _NOTICE,
        "told_apart_by": first.told_apart_by,
        "network": first.network and vars(first.network),
        "threshold": number(threshold, 4),
        "notes": [BY_CLOTHES] if first.method == "appearance" else [],
        "videos": [
            {"name": video.recording.name, "sha256": video.recording.id} for video in videos
        ],
        "left_out": [one.recording.name for one in found if not one.artifact.is_file()],
        "people": [
            _described(group, place, videos) for place, group in zip(numbers, groups, strict=True)
        ],
    }
    data = (json_text(content, indent=1) + "\n").encode()
    write_bytes(out / PEOPLE, data)
    return Aggregate([ExportedFile(PEOPLE, hashlib.sha256(data).hexdigest(), len(data))])


def _measure(persons: Persons) -> str:
    """What makes the persons' vectors comparable: a network's digest, or `appearance`."""
    return persons.network.digest if persons.network is not None else persons.method


def _video(found: Found, names: Sequence[SpeakerName]) -> Video | None:
    """The persons of a recording; None if the search for people failed."""
    if not found.artifact.is_file():
        return None
    persons = load(found.stored, Persons, user_key().seal)
    assert isinstance(persons, Persons)
    given = names_for(names, found.recording.path.name)
    persons = replace(persons, persons=with_names(persons.persons, given))
    arrays = read_persons(found.recording.folder, persons)
    return Video(found.recording, persons, arrays.embeddings)


def _appearances(videos: Sequence[Video]) -> list[Appearance]:
    return [
        Appearance(place, (video.recording.id, person.label), vector, person.seconds, person.name)
        for place, video in enumerate(videos)
        for person, vector in zip(video.persons.persons, video.embeddings, strict=True)
    ]


def _described(group: Sequence[Appearance], place: int, videos: Sequence[Video]) -> dict[str, Any]:
    vectors = np.stack([one.vector for one in group])
    return {
        "id": f"P{place}",
        "name": next((one.name for one in group if one.name is not None), None),
        "seconds": number(sum(one.seconds for one in group)),
        "likeness": number(float((vectors @ vectors.T).min()) if len(group) > 1 else 1.0, 4),
        "seen_in": [
            _seen(videos[one.video], one.member[1])
            for one in sorted(group, key=lambda one: videos[one.video].recording.name)
        ],
    }


def _seen(video: Video, label: str) -> dict[str, Any]:
    person: Person = next(one for one in video.persons.persons if one.label == label)
    return {
        "video": video.recording.name,
        "person": label,
        "seconds": number(person.seconds),
        "share": number(person.share, 4),
        "on_screen": [[number(i.start), number(i.end)] for i in person.intervals],
    }


def _remembered(
    groups: Sequence[Sequence[Appearance]], numbers: Sequence[int], known: Sequence[Known]
) -> list[Known]:
    """The known people of earlier runs, updated. A person of a video belongs to only one of
    them."""
    here: set[Member] = {one.member for group in groups for one in group}
    by_number = {one.id: Known(one.id, one.members - here, one.vector) for one in known}
    for group, place in zip(groups, numbers, strict=True):
        before = by_number[place].members if place in by_number else frozenset[Member]()
        members = before | {one.member for one in group}
        by_number[place] = Known(place, members, mean(group))
    return sorted(by_number.values(), key=lambda one: one.id)


def _read_register(path: Path, measure: str) -> list[Known]:
    """Numbers assigned by earlier runs; None if people were told apart in another way."""
    try:
        content = read_kept(path)
        if content is None or content["measure"] != measure:
            return []
        return [
            Known(
                int(one["id"]),
                frozenset((str(sha256), str(label)) for sha256, label in one["members"]),
                np.array(one["vector"], np.float32),
            )
            for one in content["people"]
        ]
    except (ValueError, KeyError, TypeError):
        return []  # another version wrote it: start numbering at 1


def _write_register(path: Path, measure: str, people: Sequence[Known]) -> None:
    content = {
        "measure": measure,
        "people": [
            {
                "id": one.id,
                "members": sorted(one.members),
                "vector": [round(float(value), 5) for value in one.vector],
            }
            for one in people
        ],
    }
    write_kept(path, content)
