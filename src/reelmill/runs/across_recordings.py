"""`voice --across`: match the same people across the recordings of a run. Written once all
recordings are done."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reelmill import __version__
from reelmill.artifacts import ExportedFile, SpeakerProfiles
from reelmill.artifacts.speakers import packed, unpacked
from reelmill.core.atomic import write_bytes
from reelmill.core.kept import read_kept, write_kept
from reelmill.core.keys import user_key
from reelmill.core.recording import Recording
from reelmill.engine.execution.planning import Found
from reelmill.engine.state.artifact_store import load
from reelmill.engine.telemetry.metrics import Table
from reelmill.export.jsontext import json_text, number
from reelmill.report import wording
from reelmill.report.files import SPEAKERS
from reelmill.runs.task import Aggregate
from reelmill.stages.speakers.across import Heard, KnownPerson, Link, Person, match
from reelmill.stages.speakers.same_voice import ACROSS

SCHEMA = "reelmill.speakers/1"
#: Below `.cache`, one file for each network: who has which number, so that numbers stay the same
#: from run to run. Vectors of different networks cannot be compared.
_REGISTERS = "speakers-{}.json"
_DIGEST_DIGITS = 16

_NOTICE = (
    "Machine output. Different people may have been taken for one, and one for several; check it "
    "against the recordings, which are identified by their SHA-256. `score` is how alike a voice "
    "is to the others of its person, from -1 to 1, and `needed` what it must be."
)
#: Recordings that a row of the table names one by one.
_MOST_NAMED = 12


@dataclass(frozen=True)
class _Profiled:
    """A recording and the voices of its speakers."""

    recording: Recording
    profiles: SpeakerProfiles

    def heard(self) -> list[Heard]:
        return [
            Heard((self.recording.id, one.speaker), vector, one.seconds, one.name)
            for one, vector in zip(self.profiles.speakers, self.profiles.embeddings(), strict=True)
        ]


def write_speakers(found: Sequence[Found], out: Path) -> Aggregate:
    """Match the speakers of all recordings and write `speakers.json` below `out`.

    Raises:
        InputError: a result that is read is damaged.
        OSError: the file cannot be written.
    """
    recordings = [one for every in found if (one := _profiled(every)) is not None]
    if not recordings:
        return Aggregate()
    options, digest = ACROSS, recordings[0].profiles.digest
    everybody = [one for recording in recordings for one in recording.heard()]
    heard = [one for one in everybody if one.seconds >= options.least_seconds]
    register = out / ".cache" / _REGISTERS.format(digest[:_DIGEST_DIGITS])
    known = _read_register(register, digest)
    people = match(heard, known, options)
    _write_register(register, digest, _remembered(people, known))
    names = {one.recording.id: one.recording.name for one in recordings}
    content = {
        "schema": SCHEMA,
        "made_by": {"program": "reelmill", "version": __version__},
        "notice": _NOTICE,
        "encoder": {"name": recordings[0].profiles.encoder, "digest": digest},
        "recordings": [
            {"name": one.recording.name, "sha256": one.recording.id} for one in recordings
        ],
        "left_out": [one.recording.name for one in found if not one.artifact.is_file()],
        "people": [_described(person, names) for person in people],
        "too_short": [
            {"recording": names[one.member[0]], "speaker": one.member[1], "seconds": one.seconds}
            for one in everybody
            if one.seconds < options.least_seconds
        ],
    }
    data = (json_text(content, indent=1) + "\n").encode()
    write_bytes(out / SPEAKERS, data)
    written = ExportedFile(SPEAKERS, hashlib.sha256(data).hexdigest(), len(data))
    return Aggregate([written], [_table(people, names)])


def _profiled(found: Found) -> _Profiled | None:
    """The voices of a recording; None if it failed."""
    if not found.artifact.is_file():
        return None
    profiles = load(found.stored, SpeakerProfiles, user_key().seal)
    assert isinstance(profiles, SpeakerProfiles)
    return _Profiled(found.recording, profiles)


def _name(person: Person) -> str | None:
    return next((one.name for one in person.heard if one.name is not None), None)


def _described(person: Person, names: dict[str, str]) -> dict[str, Any]:
    return {
        "id": f"S{person.id}",
        "name": _name(person),
        "seconds": number(sum(one.seconds for one in person.heard)),
        "heard_in": [
            {
                "recording": names[one.member[0]],
                "speaker": one.member[1],
                "seconds": number(one.seconds),
                "score": None if link is None else number(link.score, 4),
                "needed": None if link is None else number(link.needed, 4),
            }
            for one, link in _by_recording(person, names)
        ],
    }


def _by_recording(person: Person, names: dict[str, str]) -> list[tuple[Heard, Link | None]]:
    pairs = zip(person.heard, person.links, strict=True)
    return sorted(pairs, key=lambda pair: (names[pair[0].member[0]], pair[0].member[1]))


def _table(people: Sequence[Person], names: dict[str, str]) -> Table:
    """The table of who is in which recordings; people in most recordings come first."""
    rows: list[list[str | list[str]]] = []
    for person in sorted(people, key=lambda one: (-len(one.heard), one.id)):
        pairs = _by_recording(person, names)
        listed = [
            f"{names[one.member[0]]}: {one.member[1]}, {wording.clock(one.seconds)}"
            + ("" if link is None else f", score {link.score:.2f}")
            for one, link in pairs[:_MOST_NAMED]
        ]
        if len(pairs) > _MOST_NAMED:
            listed.append(f"and {len(pairs) - _MOST_NAMED} more, all in {SPEAKERS}")
        total = wording.clock(sum(one.seconds for one in person.heard))
        rows.append([f"S{person.id}", _name(person) or "", str(len(pairs)), total, listed])
    return Table(
        "Who is in which recordings",
        ["Person", "Name", "Recordings", "Speech", "Heard in"],
        rows,
        "By voice, a machine's judgement: check it before relying on it. The score says how alike "
        "a voice is to the person's others, from -1 to 1; what is less alike than it must be is "
        "not linked.",
    )


def _remembered(people: Sequence[Person], known: Sequence[KnownPerson]) -> list[KnownPerson]:
    """The known people of earlier runs, updated. A speaker of a recording belongs to only one of
    them."""
    here = {one.member[0] for person in people for one in person.heard}
    by_number = {one.id: [old for old in one.heard if old.member[0] not in here] for one in known}
    for person in people:
        by_number.setdefault(person.id, []).extend(person.heard)
    # A person who has lost all recordings to others keeps the number, so that it is not used again.
    return [KnownPerson(place, tuple(heard)) for place, heard in sorted(by_number.items())]


def _read_register(path: Path, digest: str) -> list[KnownPerson]:
    """Numbers assigned by earlier runs; empty if another network told voices apart."""
    try:
        content = read_kept(path)
        if content is None or content["digest"] != digest:
            return []
        return [
            KnownPerson(
                int(person["id"]),
                tuple(
                    Heard(
                        (str(one["recording"]), str(one["speaker"])),
                        unpacked(one["vector"], 1, content["dimensions"])[0],
                        float(one["seconds"]),
                        one["name"],
                    )
                    for one in person["heard"]
                ),
            )
            for person in content["people"]
        ]
    except (ValueError, KeyError, TypeError):
        return []  # another version wrote it: start numbering at 1


def _write_register(path: Path, digest: str, people: Sequence[KnownPerson]) -> None:
    dimensions = max((len(one.vector) for person in people for one in person.heard), default=0)
    content = {
        "digest": digest,
        "dimensions": dimensions,
        "people": [
            {
                "id": person.id,
                "heard": [
                    {
                        "recording": one.member[0],
                        "speaker": one.member[1],
                        "seconds": one.seconds,
                        "name": one.name,
                        "vector": packed(one.vector),
                    }
                    for one in person.heard
                ],
            }
            for person in people
        ],
    }
    write_kept(path, content)
