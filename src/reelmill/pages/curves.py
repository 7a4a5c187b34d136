"""Loudness and pitch over time, few enough points for a page to draw."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from reelmill.artifacts import AcousticFrames, Acoustics, Episode
from reelmill.core.printable import printable
from reelmill.core.vectors import distinct
from reelmill.pages.language import Wording
from reelmill.report.wording import clock

Float32 = npt.NDArray[np.float32]
#: One value for each row of values.
Measure = Callable[[Float32], Float32]

#: More points could not be told apart on a screen.
_MOST_POINTS = 1500
_BLOCK_SECONDS = 0.1
#: Momentary loudness in LUFS, and pitch in Hz, from the bottom to the top of their rows at least.
_LOUDNESS, _PITCH = (-60.0, -10.0), (80.0, 250.0)


def curves(
    acoustics: Acoustics,
    frames: AcousticFrames,
    duration: float,
    hues: Mapping[str, str],
    say: Wording,
) -> list[dict[str, Any]]:
    """The rows of a timeline.

    Args:
        acoustics: with speakers under the names that `hues` has.
        frames: the curves beside it.
        duration: of the recording, s.
        hues: the colour of each speaker.
        say: the wording of the page.

    Returns:
        For each row its `name`, `range` of values, seconds between values (`step`), `paths` with
        `values` (None: a gap) and their `hue`, and `marks`: start, end and text of episodes.
    """
    step = max(_BLOCK_SECONDS, duration / _MOST_POINTS)
    loudness = [
        {"hue": "", "values": _values(_thinned(row, _BLOCK_SECONDS, step, _maxima))}
        for row in frames.loudness.astype(np.float32)
    ]
    pitch = list(_pitch_paths(acoustics, frames, step, hues))
    made = [
        _row(say("review.loudness"), _LOUDNESS, step, loudness, acoustics, "louder"),
        _row(say("review.pitch"), _PITCH, step, pitch, acoustics, "higher"),
    ]
    return [row for row in made if any(v is not None for p in row["paths"] for v in p["values"])]


def _pitch_paths(
    acoustics: Acoustics, frames: AcousticFrames, step: float, hues: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    names = [printable(one.speaker or "") for one in acoustics.speakers]
    for sound, f0 in enumerate(frames.f0.astype(np.float32)):
        voiced = np.where(f0 > 0, f0, np.nan)
        for number in distinct(frames.speaker[sound]):
            own = np.where(frames.speaker[sound] == number, voiced, np.nan)
            values = _values(_thinned(own, float(frames.step), step, _medians))
            name = names[number] if 0 <= number < len(names) else ""
            if any(value is not None for value in values):
                yield {"hue": hues.get(name, ""), "values": values}


def _row(
    name: str,
    bounds: tuple[float, float],
    step: float,
    paths: list[dict[str, Any]],
    acoustics: Acoustics,
    kind: str,
) -> dict[str, Any]:
    known = [value for path in paths for value in path["values"] if value is not None]
    return {
        "name": name,
        "range": [min([bounds[0], *known]), max([bounds[1], *known])],
        "step": round(step, 4),
        "paths": paths,
        "marks": [_mark(one) for one in acoustics.episodes if one.kind == kind],
    }


def _mark(episode: Episode) -> list[Any]:
    when = f"{clock(episode.start)}–{clock(episode.end)}"
    values = f"{episode.value:.1f} / {episode.baseline:.1f}"
    text = f"{when} {printable(episode.speaker or '')} {values}"
    return [round(episode.start, 2), round(episode.end, 2), text]


def _thinned(values: Float32, every: float, step: float, how: Measure) -> Float32:
    """One value for each `step` seconds, of values that are `every` seconds apart."""
    finite = np.where(np.isfinite(values), values, np.nan)
    size = max(1, round(step / every))
    count = -(-len(finite) // size)
    padded = np.full(count * size, np.nan, np.float32)
    padded[: len(finite)] = finite
    groups = padded.reshape(count, size)
    thinned = np.full(count, np.nan, np.float32)
    known = ~np.isnan(groups).all(axis=1)
    if known.any():
        thinned[known] = how(groups[known])
    return thinned


def _maxima(groups: Float32) -> Float32:
    """The largest number of each row; each has one."""
    found: Float32 = np.nanmax(groups, axis=1)
    return found


def _medians(groups: Float32) -> Float32:
    """The median of the numbers of each row; each has one. `np.nanmedian` takes ten times as long
    for rows as short as these."""
    ordered = np.sort(groups, axis=1)  # with what is no number at the end
    counts = np.count_nonzero(~np.isnan(groups), axis=1)
    rows = np.arange(len(groups))
    found: Float32 = (ordered[rows, (counts - 1) // 2] + ordered[rows, counts // 2]) / 2
    return found


def _values(values: Float32) -> list[float | None]:
    return [None if np.isnan(value) else round(float(value), 1) for value in values]
