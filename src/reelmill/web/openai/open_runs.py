"""Runs that are kept open: one for all requests that ask for the same. Recordings are added as they
come, and each request gets its result."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from reelmill.artifacts import RecognizedWindow, SpeakerProfiles, Transcript
from reelmill.core import gate
from reelmill.engine.resources.process_memory import release
from reelmill.engine.state.artifact_store import recording_folder
from reelmill.engine.telemetry.events import Previewed, RecordingFinished
from reelmill.errors import (
    InputError,
    ModelUnavailableError,
    ReelmillError,
    RunClosedError,
    UsageError,
)
from reelmill.runs.results import RecordingResult, TranscriptResult
from reelmill.runs.run import Run
from reelmill.web.openai.errors import ApiError, invalid
from reelmill.web.openai.form import Upload
from reelmill.web.openai.limits import EndpointLimits
from reelmill.web.openai.parameters import RunSettings

_log = logging.getLogger("reelmill.web")
_ANY = re.compile(r"(?s).*")
#: Seconds after which a request that could not be worked on may be sent again.
_LATER = 5

#: Hears a text that was recognized in a recording that is not done yet.
Preview = Callable[[str], None]
#: Starts a run with some settings and a folder for what it writes. Called in a thread.
Begin = Callable[[RunSettings, Path], Run]


@dataclass(frozen=True)
class Heard:
    """What was heard in a recording: its transcript, and the names of known speakers by the labels
    in it."""

    transcript: Transcript
    names: dict[str, str]

    @classmethod
    def of(cls, result: TranscriptResult, upload_name: str) -> Heard:
        """What a run found.

        Raises:
            ApiError: it found nothing.
        """
        if result.error is not None or result.transcript is None:
            raise _failed(result, upload_name)
        profiles = result.artifact(SpeakerProfiles)
        found = [] if profiles is None else profiles.speakers
        names = {one.speaker: one.name for one in found if one.name is not None}
        return cls(result.transcript, names)


class OpenRun:
    """A run, and the requests that wait for its results."""

    def __init__(self, run: Run, folder: Path) -> None:
        self.run = run
        self.users = 0
        self.taken = 0
        self.is_closing = False
        self.last_used = time.monotonic()
        self._folder = folder
        self._waiting: dict[str, asyncio.Future[TranscriptResult]] = {}
        #: How many recordings of a content are at work: they share results in the run.
        self._alike: Counter[str] = Counter()
        self._forgetting: dict[str, asyncio.Future[None]] = {}
        self._previews: dict[str, Preview] = {}
        self._reading = [asyncio.create_task(self._read()), asyncio.create_task(self._listen())]

    @property
    def is_over(self) -> bool:
        """Whether it takes no more recordings."""
        return self.run.is_over

    async def hear(self, upload: Upload, preview: Preview | None) -> Heard:
        """Have a recording transcribed. What the run keeps of it is removed before this returns.

        Args:
            upload: the recording.
            preview: is told what is recognized meanwhile, if the run has previews.

        Raises:
            ApiError: it failed.
            RunClosedError: the run has ended.
        """
        while (removing := self._forgetting.get(upload.sha256)) is not None:
            await asyncio.wait({removing})
        waiting: asyncio.Future[TranscriptResult] = asyncio.get_running_loop().create_future()
        path = upload.path
        self._waiting[str(path)] = waiting
        if preview is not None:
            self._previews[str(path)] = preview
        self._alike[upload.sha256] += 1
        self.taken += 1
        result: TranscriptResult | None = None
        try:
            await asyncio.to_thread(self.run.add, path)
            result = await waiting
            return await asyncio.to_thread(Heard.of, result, upload.name)
        finally:
            self._waiting.pop(str(path), None)
            self._previews.pop(str(path), None)
            self._alike[upload.sha256] -= 1
            if not self._alike[upload.sha256]:
                del self._alike[upload.sha256]
            if result is None:
                self.run.withdraw(path)
            else:
                await self._forget(result, upload.sha256)

    async def _forget(self, result: RecordingResult, content: str) -> None:
        """Remove what the run keeps of a recording; what it shares with others of its content with
        the last of them. New ones wait until it is gone, or would find only a part of it."""
        is_last = content not in self._alike
        removing = asyncio.ensure_future(
            asyncio.to_thread(_remove, self.run.out, content, result, is_last=is_last)
        )
        if is_last:
            self._forgetting[content] = removing
            removing.add_done_callback(lambda done: self._forgetting.pop(content, None))
        await asyncio.shield(removing)

    async def close(self) -> None:
        """Take no more recordings, wait for the end, and remove everything it wrote."""
        self.run.close()
        await asyncio.to_thread(self.run.join)
        await asyncio.gather(*self._reading, return_exceptions=True)
        await asyncio.to_thread(gate.discard_folder, self._folder)

    async def _read(self) -> None:
        async for result in self.run.results():
            waiting = self._waiting.get(str(result.recording))
            if waiting is None:  # its client is gone
                for content in {stored.recording for stored in result.artifacts.values()}:
                    await self._forget(result, content)
            elif not waiting.done():
                assert isinstance(result, TranscriptResult)
                waiting.set_result(result)
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(RunClosedError("the run has ended"))

    async def _listen(self) -> None:
        """Pass on what is recognized, each window once."""
        heard: Counter[str] = Counter()
        async for event in self.run.events():
            if isinstance(event, Previewed) and isinstance(event.output, RecognizedWindow):
                path = str(event.path)
                preview = self._previews.get(path)
                if preview is not None and event.index >= heard[path]:
                    heard[path] = event.index + 1
                    for segment in event.output.segments:
                        preview(segment.text)
            elif isinstance(event, RecordingFinished):
                del heard[event.outcome.path]


class OpenRuns:
    """The runs that are open, by their settings."""

    def __init__(self, folder: Path, begin: Begin, limits: EndpointLimits) -> None:
        self._folder = folder
        self._begin = begin
        self._limits = limits
        self._open: dict[RunSettings, OpenRun] = {}
        self._opening: dict[RunSettings, asyncio.Lock] = {}
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing_idle = asyncio.create_task(self._close_idle())

    async def hear(
        self, settings: RunSettings, upload: Upload, preview: Preview | None = None
    ) -> Heard:
        """Have a recording transcribed, by an open run if there is one for these settings; the
        other arguments are those of `OpenRun.hear`.

        Raises:
            ApiError: it failed, or there can be no such run.
        """
        for _ in range(2):
            async with self._use(settings) as one:
                try:
                    return await one.hear(upload, preview)
                except RunClosedError:
                    self._retire(settings, one)
                    stopped = one.run.summary and one.run.summary.stopped
        raise ApiError(
            503, f"the work was stopped: {stopped or 'internal error'}", retry_after=_LATER
        )

    async def close(self) -> None:
        """Close all runs. Requests that still wait fail."""
        self._closing_idle.cancel()
        for settings, one in list(self._open.items()):
            one.run.stop("the server ends")
            one.users = 0
            self._retire(settings, one)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def _use(self, settings: RunSettings) -> AsyncIterator[OpenRun]:
        one = await self._ready(settings)
        one.users += 1
        try:
            yield one
        finally:
            one.users -= 1
            one.last_used = time.monotonic()
            if one.taken >= self._limits.recordings or self._open.get(settings) is not one:
                self._retire(settings, one)
            async with self._changed:
                self._changed.notify_all()

    async def _ready(self, settings: RunSettings) -> OpenRun:
        lock = self._opening.setdefault(settings, asyncio.Lock())
        try:
            async with lock:
                found = self._open.get(settings)
                if found is not None and not found.is_over:
                    return found
                if found is not None:
                    self._retire(settings, found)
                await self._make_room()
                self._open[settings] = one = await self._start(settings)
                return one
        finally:
            if not lock.locked():
                self._opening.pop(settings, None)

    async def _make_room(self) -> None:
        """Close the run that was not used for longest, once there is one without work."""
        while len(self._open) >= self._limits.open_runs:
            idle = [pair for pair in self._open.items() if not pair[1].users]
            if idle:
                self._retire(*min(idle, key=lambda pair: pair[1].last_used))
                return
            async with self._changed:
                await self._changed.wait()

    async def _start(self, settings: RunSettings) -> OpenRun:
        folder = self._folder / uuid.uuid4().hex

        try:
            return OpenRun(await asyncio.to_thread(self._begin, settings, folder), folder)
        except BaseException as error:
            await asyncio.to_thread(gate.discard_folder, folder)
            raise _cannot_start(error) from error

    def _retire(self, settings: RunSettings, one: OpenRun) -> None:
        """Give a run no more recordings, and close it if it has none; otherwise its last user
        does."""
        if self._open.get(settings) is one:
            del self._open[settings]
        if not one.users and not one.is_closing:
            one.is_closing = True
            task = asyncio.create_task(_end(one))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _close_idle(self) -> None:
        while True:
            await asyncio.sleep(self._limits.idle / 4)
            for settings, one in list(self._open.items()):
                unused = time.monotonic() - one.last_used
                if one.is_over or (not one.users and unused > self._limits.idle):
                    self._retire(settings, one)


async def _end(one: OpenRun) -> None:
    await one.close()
    del one
    # A run is a large cycle of objects: Python alone would let several of them gather, and the
    # system would not get their memory back.
    await asyncio.to_thread(release)


def _remove(out: Path, content: str, result: RecordingResult, *, is_last: bool) -> None:
    """Remove what a run keeps of a recording; `is_last`: no other recording with its content is at
    work, so that nobody needs its results. What cannot be removed goes with the run's folder."""
    shared = recording_folder(out / gate.CACHE, content)
    with contextlib.suppress(ReelmillError, OSError):
        if is_last:
            gate.sweep(shared, _ANY, deep=True)
        for stored in result.artifacts.values():
            if stored.path.parent != shared:  # of this recording alone
                gate.remove(stored.path)
        for file in result.files:
            gate.remove(file, result.recording, content)


def _failed(result: TranscriptResult, name: str) -> ApiError:
    """The error for a recording that failed: that of the client for what it sent."""
    error = result.error
    if error is None:
        return ApiError(503, "the work was stopped; send the file again", retry_after=_LATER)
    message = error.message.replace(str(result.recording), name or "the file")
    if error.kind == "input":
        return invalid(message, "file", "invalid_audio")
    if error.kind == "crash":
        return ApiError(500, message, code="recognition_failed", retry_after=False)
    return ApiError(503, message, code="overloaded", retry_after=_LATER)


def _cannot_start(error: BaseException) -> BaseException:
    """The error for a run that could not start."""
    if isinstance(error, ModelUnavailableError):
        return ApiError(503, str(error), param="model", code="model_unavailable", retry_after=False)
    if isinstance(error, (UsageError, InputError)):
        return invalid(str(error))
    if isinstance(error, (ReelmillError, OSError)):
        _log.exception("a run of the endpoint could not start")
        return ApiError(503, str(error), retry_after=_LATER)
    return error
