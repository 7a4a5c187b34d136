"""The three tasks of Reelmill as functions. Each takes recordings and yields one typed result per
recording.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any, Generic, TypeVar, cast

from reelmill.errors import RunStoppedError, UsageError
from reelmill.runs.results import FacesResult, RecordingResult, SubtitleResult, TranscriptResult
from reelmill.runs.run import Paths, Run, as_paths

R = TypeVar("R", bound=RecordingResult)

_OUT = "analysis-results"


class Results(Generic[R]):
    """The return value of `transcribe`, `subtitle` and `cut_faces`. Work has already started.
    Iterate with `for`, or in an event loop with `async for`, to get results as recordings are
    finished.

    Leaving the loop early stops the run. Finished results are kept, and the same call continues
    from there. At the end, iteration raises `RunStoppedError` if the run could not process all
    recordings (full disk, not enough memory). A single failed recording does not raise.

    Attributes:
        run: the run behind it, for its events, its summary, and to stop it.
    """

    def __init__(self, run: Run) -> None:
        self.run = run

    def __iter__(self) -> Iterator[R]:
        try:
            for result in self.run.results():
                yield cast(R, result)
            self.run.wait()
            self._check()
        finally:
            self._leave()
            self.run.join()

    async def __aiter__(self) -> AsyncIterator[R]:
        try:
            async for result in self.run.results():
                yield cast(R, result)
            await self.run.wait_async()
            self._check()
        finally:
            self._leave()

    def _check(self) -> None:
        summary = self.run.summary
        if summary is not None and summary.stopped is not None and not self.run.was_stopped:
            raise RunStoppedError(summary.stopped)

    def _leave(self) -> None:
        if not self.run.is_over:
            self.run.stop("the caller stopped reading results")


def transcribe(
    paths: Paths,
    *,
    model: str | None = None,
    language: str | None = None,
    out: str | os.PathLike[str] = _OUT,
    fresh: bool = False,
    **settings: Any,
) -> Results[TranscriptResult]:
    """Transcribe recordings: who said what when, with times of words and speakers.

    Args:
        paths: files, folders (with all in them) or patterns such as `"calls/*.m4a"`; one or many.
        model: size, hub name, local folder or `demo`; chosen by free memory when not given.
        language: ISO 639-1 code; detected for each recording when not given.
        out: results go here; originals are never touched.
        fresh: compute everything anew, instead of going on with what `out` has.
        settings: the options of `reelmill voice` by name, with underscores: `device="cuda:1"`,
            `formats=["json", "srt"]`, `speakers=2`, `diarizer="none"`.

    Returns:
        An iterable of one `TranscriptResult` per recording, in the order in which they are done.

    Raises:
        UsageError: a setting that does not fit, no recordings, an output folder that cannot be
            written or that another run has.
        ModelUnavailableError: a model is neither here nor can it be fetched.
    """
    settings.update(model=model, language=language)
    return _begin("voice", paths, out, fresh, settings)


def subtitle(
    paths: Paths,
    *,
    to: str | Iterable[str] | None = None,
    model: str | None = None,
    translator: str | None = None,
    language: str | None = None,
    out: str | os.PathLike[str] = _OUT,
    fresh: bool = False,
    **settings: Any,
) -> Results[SubtitleResult]:
    """Subtitle recordings in other languages.

    Args:
        paths: as for `transcribe`.
        to: languages to translate into, as `"ko"` or `["ko", "en"]`.
        model: recognizer; chosen by free memory when not given.
        translator: name, hub name, local folder or `demo`; chosen by free memory when not given.
        language: spoken in the recordings; detected for each when not given.
        out: results go here; originals are never touched.
        fresh: compute everything anew, instead of going on with what `out` has.
        settings: the options of `reelmill subtitle` by name, with underscores: `mux=True`,
            `subtitle_formats=["srt"]`.

    Returns:
        An iterable of one `SubtitleResult` per recording, in the order in which they are done.

    Raises:
        UsageError, ModelUnavailableError: as `transcribe`.
        InputError: the translator does not know a language.
    """
    languages = to if to is None or isinstance(to, str) else tuple(to)
    settings.update(to=languages, model=model, translator=translator, language=language)
    return _begin("subtitle", paths, out, fresh, settings)


def cut_faces(
    paths: Paths,
    *,
    layout: str | None = None,
    identity: str | None = None,
    out: str | os.PathLike[str] = _OUT,
    fresh: bool = False,
    **settings: Any,
) -> Results[FacesResult]:
    """Cut videos into clips of the people in them, with who is seen when and boxes for every frame.

    Args:
        paths: as for `transcribe`.
        layout: `single`, `dual`, `split` or `overlay`.
        identity: how people are told apart: `vggface2`, `appearance`, or weights.
        out: results go here; originals are never touched.
        fresh: compute everything anew, instead of going on with what `out` has.
        settings: the options of `reelmill faces` by name, with underscores: `aspect="9:16"`,
            `clip="person"`, `face_formats=["json"]`.

    Returns:
        An iterable of one `FacesResult` per video, in the order in which they are done.

    Raises:
        UsageError, ModelUnavailableError: as `transcribe`.
    """
    settings.update(layout=layout, identity=identity)
    return _begin("faces", paths, out, fresh, settings)


def _begin(
    task: str,
    paths: Paths,
    out: str | os.PathLike[str],
    fresh: bool,
    settings: dict[str, Any],
) -> Results[Any]:
    given = as_paths(paths)
    if not given:
        raise UsageError("no recordings given; give files, folders or patterns")
    run = Run(task, given, fresh=fresh, out=out, **settings)
    run.close()
    return Results(run.start())
