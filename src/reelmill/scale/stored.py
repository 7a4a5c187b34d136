"""What is in a store, and under which name.

    recordings/ab/SHA256.wav                 originals, by content
    artifacts/ab/SHA256[:24]/STAGE-KEY.json  results, named as in an output folder, with the files
                                             beside them
    jobs/JOB/card.json                       whether a job goes on (`job.py`)
    jobs/JOB/SUBMISSION/SHA256.wav.json      what became of a recording

All of it may be removed when no job goes on: what is missing is sent or made again.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from reelmill.core.atomic import write_bytes
from reelmill.core.keys import Seal
from reelmill.engine.state import artifact_store
from reelmill.engine.state.artifact_store import Sent, Stored
from reelmill.engine.telemetry.events import StageKept
from reelmill.errors import NotTrustedError
from reelmill.scale.executor import RecordingEnded
from reelmill.scale.messages import (
    MessageError,
    Place,
    ShardRecording,
    ShardTask,
    packed_events,
    unpacked_events,
)
from reelmill.scale.store import Store, StoreError

#: The root of places in the store.
STORE = "store"
_CHUNK_BYTES = 1 << 20
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,10}")


def recording_place(sha256: str, suffix: str) -> Place:
    """Where a recording is in the store. Its suffix is kept, because FFmpeg guesses formats by
    it."""
    ending = suffix if _SUFFIX.fullmatch(suffix) else ""
    return Place(STORE, f"recordings/{sha256[:2]}/{sha256}{ending}")


def check_place(recording: ShardRecording) -> None:
    """Raise MessageError for a place in the store that is not named by its recording's content."""
    place, sha256 = recording.place, recording.sha256
    suffix = Path(place.path).suffix
    if sha256 is None or place != recording_place(sha256, suffix):
        raise MessageError(f"{place.path}: not a recording by its content")


def called(place: Place) -> str:
    """What a recording is called between machines."""
    return place.path if place.root == STORE else f"{place.root}/{place.path}"


def card_object(job: str) -> str:
    """The name of a job's card."""
    return f"jobs/{job}/card.json"


class Endings:
    """What became of the recordings of a submission, so that a shard that is executed twice is not
    worked on twice."""

    def __init__(self, store: Store, task: ShardTask, seal: Seal) -> None:
        """Of the submission that `task` belongs to."""
        self._store, self._seal = store, seal
        self._folder = f"jobs/{task.job}/{task.submission}"

    def read(self, recording: ShardRecording) -> RecordingEnded | None:
        """What became of a recording; None if that is not known, or not sealed."""
        data = self._store.read(self._name(recording))
        if data is None:
            return None
        try:
            events = unpacked_events(data.decode("utf-8", "replace"), self._seal)
        except MessageError:
            return None
        ending = events[0]
        return ending if isinstance(ending, RecordingEnded) else None

    def write(self, recording: ShardRecording, ending: RecordingEnded) -> None:
        """Keep what became of a recording. Raises StoreError."""
        (text,) = packed_events([ending], self._seal)
        self._store.write(self._name(recording), text.encode("utf-8"))

    def _name(self, recording: ShardRecording) -> str:
        place = recording.place
        name = Path(place.path).name
        if place.root != STORE:
            name = hashlib.sha256(f"{place.root}/{place.path}".encode()).hexdigest()
        return f"{self._folder}/{name}.json"


class StoredResults:
    """The results of stages in a store."""

    def __init__(self, store: Store, seal: Seal) -> None:
        """Use `store`; what is not sealed with the key of `seal` is refused."""
        self._store, self._seal = store, seal

    def bring(self, stage: str, key: str, sha256: str, cache: Path, path: str) -> Path | None:
        """Bring a result into the cache of an output folder.

        Args:
            stage: its name.
            key: of the result.
            sha256: of the recording's content.
            cache: of the output folder, open for writing.
            path: of the recording on this machine.

        Returns:
            Where it is now; None if it is not in the store, or was here already.

        Raises:
            NotTrustedError: it was not made with the key, is damaged, or is of other work.
            StoreError: the store cannot be used.
            OSError: it cannot be written.
        """
        folder = artifact_store.recording_folder(cache, sha256)
        target = artifact_store.artifact_path(folder, stage, key)
        if target.exists():
            return None
        name = f"{_folder(sha256)}/{target.name}"
        data = self._store.read(name)
        if data is None:
            return None
        there = Path(self._store.name, name)  # for messages
        sent = Sent.opened(data, Stored(there, key, sha256), self._seal)
        for file, wanted in sent.files.items():
            self._fetch(f"{_folder(sha256)}/{file}", folder / file, wanted)
        write_bytes(target, sent.of(path, self._seal))
        return target

    def put(self, kept: StageKept, name: str) -> None:
        """Put a result into the store, after the files beside it.

        Args:
            kept: of the run that made it.
            name: what its recording is called between machines.

        Raises:
            NotTrustedError, OSError: it was changed or removed meanwhile.
            StoreError: the store cannot be used.
        """
        sha256, folder = kept.recording.id, kept.file.parent
        data = kept.file.read_bytes()
        stored = Stored(kept.file, json.loads(data)["key"], sha256)
        sent = Sent.opened(data, stored, self._seal)
        for file in sent.files:
            self._store.send(folder / file, f"{_folder(sha256)}/{file}")
        self._store.write(f"{_folder(sha256)}/{kept.file.name}", sent.of(name, self._seal))

    def _fetch(self, name: str, path: Path, wanted: str) -> None:
        if path.exists() and digest_of_file(path) == wanted:
            return
        if not self._store.fetch(name, path):
            raise NotTrustedError(f"{self._store.name}/{name}: not there, but its result is")
        if digest_of_file(path) != wanted:
            raise NotTrustedError(f"{self._store.name}/{name}: not the file that Reelmill wrote")


def digest_of_file(path: Path) -> str:
    """The SHA-256 of a local file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def fetch_recording(store: Store, recording: ShardRecording, path: Path) -> str | None:
    """Copy a recording from the store to a local file, and check that it is what it should be.

    Returns:
        None if it is; otherwise what is wrong, which is empty where there is nothing. The file is
        then to be thrown away.

    Raises:
        StoreError: the store cannot be used.
    """
    if not store.fetch(recording.place.path, path):
        return ""
    try:
        size, sha256 = path.stat().st_size, digest_of_file(path)
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror})") from error
    if size != recording.size:
        return f"it has {size:,} bytes instead of {recording.size:,}"
    return None if sha256 == recording.sha256 else "its content is not the one it is named by"


def _folder(sha256: str) -> str:
    return f"artifacts/{sha256[:2]}/{sha256[:24]}"
