"""From an uploaded file to what was heard in it, on the engine that all requests share."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from starlette.requests import Request

from reelmill.core import gate
from reelmill.core.atomic import write_bytes
from reelmill.errors import UsageError
from reelmill.models.files.cache import resolve
from reelmill.models.files.catalog import choose_whisper
from reelmill.pipelines.choices import free_memory_mb
from reelmill.runs.engine import Engine
from reelmill.runs.run import Run
from reelmill.settings import load_settings
from reelmill.stages.speakers.profile_speakers import ProfileSpeakers
from reelmill.stages.speakers.same_voice import MatchOptions
from reelmill.web.openai.errors import ApiError, invalid
from reelmill.web.openai.form import Upload
from reelmill.web.openai.models import Models
from reelmill.web.openai.open_runs import Heard, OpenRuns, Preview
from reelmill.web.openai.parameters import RunSettings, Sample
from reelmill.web.openai.turns import Turns
from reelmill.web.security.peers import Peers
from reelmill.web.security.people import Person
from reelmill.web.settings import WebSettings

#: Someone waits for the answer, so these runs go before those of the queue.
_PRIORITY = 10
#: Below the server's data folder.
_FOLDER = "endpoint"


class Transcriber:
    """What the endpoint does, without HTTP.

    Attributes:
        limits: on what a client may cost.
        models: by the names that clients give.
        turns: of the clients.
    """

    def __init__(self, settings: WebSettings, engine: Engine) -> None:
        limits = self.limits = settings.endpoint
        self.turns = Turns(limits)
        self.models = Models(_default_model(settings, engine), settings.models)
        self._engine = engine
        self._folder = gate.own(settings.data / _FOLDER)
        self._runs = OpenRuns(self._folder / "runs", self._begin, limits)
        self._tokenizers: dict[str, Any] = {}
        self._peers = Peers()
        self._mutex = threading.Lock()

    @classmethod
    @asynccontextmanager
    async def opened(cls, settings: WebSettings, engine: Engine) -> AsyncIterator[Transcriber]:
        """A transcriber that is open during the block. What one that was killed left is removed."""
        folder = gate.own(settings.data / _FOLDER)
        await asyncio.to_thread(gate.discard_folder, folder / "runs")
        await asyncio.to_thread(gate.discard_folder, folder / "uploads")
        await asyncio.to_thread(gate.make_folder, folder / "uploads", 0o700)
        made = cls(settings, engine)
        try:
            yield made
        finally:
            await made._runs.close()
            await asyncio.to_thread(gate.discard_folder, folder / "runs")
            await asyncio.to_thread(gate.discard_folder, folder / "uploads")

    def new_upload(self) -> Path:
        """Where the next file goes; it belongs to the request, which removes it."""
        return self._folder / "uploads" / uuid.uuid4().hex

    async def hear(
        self, settings: RunSettings, upload: Upload, client: str, preview: Preview | None = None
    ) -> Heard:
        """Transcribe a file, when it is this client's turn. `preview` is told what is recognized
        meanwhile.

        Raises:
            ApiError: it failed; the error says what the client can do.
        """
        async with self.turns.turn(client):
            heard = await self._runs.hear(settings, upload, preview)
        names = {who: settings.samples[int(number)].name for who, number in heard.names.items()}
        return replace(heard, names=names)

    def client(self, request: Request) -> str:
        """The client that sent a request: a key, a person, or a program with the server's token."""
        person: Person = request.state.person
        if not person.is_shared or request.client is None:
            return f"{person.name} {person.key}"
        with self._mutex:
            return f"{person.name} {self._peers.name(request.client, request.scope['server'])}"

    def tokens(self, model: str, text: str) -> list[int]:
        """The ids of a text's tokens in a model's vocabulary."""
        with self._mutex:
            tokenizer = self._tokenizers.get(model)
            if tokenizer is None:
                import tokenizers

                file = resolve(model, download=False).path / "tokenizer.json"
                tokenizer = self._tokenizers[model] = tokenizers.Tokenizer.from_file(str(file))
        return list(tokenizer.encode(text, add_special_tokens=False).ids)

    # -- runs, made in a thread

    def _begin(self, settings: RunSettings, folder: Path) -> Run:
        people = _written(settings.samples, folder / "people")
        run = Run(
            "voice",
            out=folder / "out",
            engine=self._engine,
            priority=_PRIORITY,
            previews=settings.previews,
            model=settings.model,
            language=",".join(settings.languages) or None,
            initial_prompt=settings.prompt,
            hotwords=", ".join(settings.keywords) or None,
            translate=settings.translate,
            temperature=settings.temperature,
            **_detection(settings),
            align=settings.has_times and not settings.translate,
            aligner="none",
            diarizer="default" if settings.has_speakers else "none",
            people=people,
            across=False,
            max_duration=self.limits.duration,
            formats=("txt",),
            pages=False,
            forensic=False,
        )
        try:
            run.start()
        except UsageError as error:
            if people is not None and str(people) in str(error):
                raise _no_voice(settings.samples) from error
            raise
        if unknown := _unknown(run, settings.samples):
            run.stop()
            run.join()
            raise _no_voice(unknown)
        return run


def _default_model(settings: WebSettings, engine: Engine) -> str:
    """As the server was told, as the user's settings say, or by free memory."""
    chosen = settings.model or load_settings().model
    if chosen is None:
        choice = engine.choice
        chosen = choose_whisper(free_memory_mb(choice), str(choice.devices[0])).name
    return chosen


def _detection(settings: RunSettings) -> dict[str, Any]:
    return dict(settings.detection)


def _written(samples: tuple[Sample, ...], folder: Path) -> Path | None:
    """The folder with the samples, each called by its number."""
    for number, sample in enumerate(samples):
        write_bytes(folder / str(number), sample.data)
    return folder if samples else None


def _unknown(run: Run, samples: tuple[Sample, ...]) -> list[Sample]:
    """The samples in which no voice could be heard well enough."""
    stages = [one for one in run.pipeline.stages if isinstance(one, ProfileSpeakers)]
    known = {voice.name for stage in stages for voice in stage.people}
    return [one for number, one in enumerate(samples) if str(number) not in known]


def _no_voice(samples: Sequence[Sample]) -> ApiError:
    names = ", ".join(one.name for one in samples)
    return invalid(
        f"the samples of {names} cannot be used: give recordings in which one person speaks for "
        f"{MatchOptions().shortest_sample:g} seconds or more",
        "known_speaker_references",
        "invalid_audio",
    )
