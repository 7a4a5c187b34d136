"""What `--forensic` measures of real voices, beside Praat and FFmpeg, and planted changes.

    python -m benchmarks.acoustics REAL --json benchmarks/results/acoustics.json

`REAL/voices` has a folder for each person, `REAL/calls` has recorded calls. Nothing was tuned on
them.

- `voices`, `calls`: the utterances of each person, half a second apart, and each call are decoded
  and go through speech detection and the acoustic stages. Praat and FFmpeg measure the same sound
  in one piece, Praat at the original sampling rate, with its own silence detection (25 dB, 0.3 s).
  Differences are of F0 (median), jitter and shimmer in percent, of HNR and loudness in dB, of the
  edges of pauses in milliseconds (of those that both have; `found`: share of Praat's).
- `planted`: people read for one to two minutes; 20 s in the middle are louder, or Praat raises
  their pitch. Found means that episodes of that kind cover at least half of the 20 s. `elsewhere`:
  episodes of either kind that lie outside, over all readers: how lively they read.
- `episodes`: with `--results`, an output folder of `reelmill voice --forensic`: how many episodes
  and changes each recording has.

Needs `pip install -e ".[test]"`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import parselmouth
import soundfile
from scipy.signal import resample_poly

from benchmarks.common import show, told_command, write_result
from reelmill.artifacts import (
    Acoustics,
    Artifact,
    Episode,
    Transcript,
)
from reelmill.core import gate
from reelmill.core.recording import Recording, read_state
from reelmill.engine.execution.local import run_alone
from reelmill.engine.stage import Device, Inputs
from reelmill.stages.forensic.acoustics import MeasureAcoustics
from reelmill.stages.forensic.curves import (
    block_means,
    curves_of,
    integrated_loudness,
)
from reelmill.stages.media.decode import Decode
from reelmill.stages.media.probe import Probe
from reelmill.stages.speech.detect_speech import DetectSpeech

Sound = np.typing.NDArray[np.float64]
_GAP_S = 0.5
_PRAAT: Any = parselmouth.praat.call
#: dB louder, and ratios of the pitch, that are planted.
LOUDER, HIGHER = (3.5, 4.5, 6.0), (1.12, 1.2, 1.3)
_PLANTED_S = 20.0


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="reelmill-bench-") as work:
        folder = Path(work)
        gate.own(folder)
        rows = {
            "voices": [
                _compared(name, sound, rate, folder) for name, sound, rate in _people(options.real)
            ],
            "calls": [
                _compared(path.stem, *_read(path), folder)
                for path in sorted((options.real / "calls").glob("*.wav"))
            ],
        }
        summaries = [_summary(name, of) for name, of in rows.items()]
        planted = list(_planted(options.real, folder))
    show("beside Praat and FFmpeg: median and largest difference", summaries)
    show("planted episodes", planted)
    content: dict[str, Any] = {
        "command": told_command("benchmarks.acoustics"),
        "praat": f"parselmouth {parselmouth.__version__}",
        "summary": summaries,
        "planted": planted,
        "rows": rows,
    }
    if options.results is not None:
        content["episodes"] = list(_episodes(options.results))
        if content["episodes"]:
            show("episodes", content["episodes"])
    write_result(options.json, content)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("real", type=Path)
    parser.add_argument("--results", type=Path, help="an output folder, to count its episodes")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser.parse_args()


def _read(path: Path) -> tuple[Sound, int]:
    sound, rate = soundfile.read(path, dtype="float64", always_2d=True)
    return sound.mean(1), rate


def _people(real: Path) -> Iterator[tuple[str, Sound, int]]:
    """Each person's utterances, half a second of silence between them."""
    for person in sorted((real / "voices").glob("*/*")):
        files = sorted(path for path in person.glob("*") if path.suffix in (".wav", ".flac"))
        if not files:
            continue
        pieces = [_read(path) for path in files]
        rate = pieces[0][1]
        silence = np.zeros(round(_GAP_S * rate))
        joined = np.concatenate([part for sound, _ in pieces for part in (sound, silence)])
        yield f"{person.parent.name}/{person.name}", joined, rate


def measured(sound: Sound, rate: int, folder: Path) -> Acoustics:
    """What the stages measure of a sound in a file, without a recognizer or diarizer."""
    file = folder / "sound.wav"
    soundfile.write(file, sound, rate, subtype="PCM_16")
    recording = Recording(file, "sound", folder / "made", read_state(file))
    made: dict[type[Artifact], Artifact] = {}
    stages = (
        Probe(),
        Decode(),
        DetectSpeech(),
        MeasureAcoustics(),
    )
    for stage in stages:
        if isinstance(stage, MeasureAcoustics):
            made[Transcript] = Transcript("en", 1.0, "none", 0.0, 0.0, [])
        kinds = (need if isinstance(need, type) else need.kind for need in stage.needs)
        inputs = Inputs([made[kind] for kind in kinds if kind in made])
        made[stage.produces] = run_alone(stage, recording, inputs, Device("cpu"), threads=1)
    acoustics = made[Acoustics]
    assert isinstance(acoustics, Acoustics)
    return acoustics


def _compared(name: str, sound: Sound, rate: int, folder: Path) -> dict[str, Any]:
    ours = measured(sound, rate, folder)
    (speaker,) = ours.speakers
    # Praat hears what we take for speech: elsewhere is breath, noise, music.
    heard = _only(sound, rate, ours)
    whole = parselmouth.Sound(heard, rate)
    pitch = whole.to_pitch_ac(pitch_floor=75, pitch_ceiling=600)
    points = _PRAAT([whole, pitch], "To PointProcess (cc)")
    frames = pitch.selected_array
    voiced = frames["frequency"] > 0
    strength = np.clip(frames["strength"][voiced], 1e-6, 1 - 1e-6)
    periods = (0, 0, 0.0001, 0.02, 1.3)
    jitter = _PRAAT(points, "Get jitter (local)", *periods)
    shimmer = _PRAAT([whole, points], "Get shimmer (local)", *periods, 1.6)
    offsets, found = _pauses(ours, parselmouth.Sound(sound, rate))
    return {
        "what": name,
        "seconds": round(len(sound) / rate, 1),
        "f0": speaker.f0,
        "f0 %": _percent(speaker.f0, float(np.median(frames["frequency"][voiced]))),
        "jitter %": _percent(speaker.jitter, jitter),
        "shimmer %": _percent(speaker.shimmer, shimmer),
        "hnr dB": _less(speaker.hnr, float(np.mean(10 * np.log10(strength / (1 - strength))))),
        "loudness dB": _less(_integrated(sound, rate), _by_ffmpeg(sound, rate)),
        "pauses ms": round(1000 * float(np.median(offsets)), 1) if offsets else None,
        "found": found,
    }


def _only(sound: Sound, rate: int, acoustics: Acoustics) -> Sound:
    """The sound with silence where there is no utterance."""
    heard = np.zeros_like(sound)
    for span in acoustics.utterances:
        part = slice(round(span.start * rate), round(span.end * rate))
        heard[part] = sound[part]
    return heard


def _pauses(ours: Acoustics, whole: Any) -> tuple[list[float], float | None]:
    """How far the edges of pauses are from Praat's, in seconds, and the share of Praat's found."""
    grid = _PRAAT(whole, "To TextGrid (silences)", 100, 0.0, -25.0, 0.3, 0.1, "silent", "sounding")
    last = int(_PRAAT(grid, "Get number of intervals", 1))
    silences = [
        tuple(_PRAAT(grid, f"Get {edge} time of interval", 1, number) for edge in ("start", "end"))
        for number in range(2, last)  # what is before and after all speech is no pause
        if _PRAAT(grid, "Get label of interval", 1, number) == "silent"
    ]
    offsets, found = [], 0
    for start, end in silences:
        same = [
            one
            for one in ours.pauses
            if min(one.end, end) - max(one.start, start) > 0.5 * (end - start)
        ]
        if same:
            found += 1
            offsets += [abs(same[0].start - start), abs(same[0].end - end)]
    return offsets, round(found / len(silences), 3) if silences else None


def _integrated(sound: Sound, rate: int) -> float | None:
    """The integrated loudness of the whole sound by our filters and gates."""
    samples = np.round(resample_poly(sound, 16_000, rate) * 32767).clip(-32768, 32767)
    curves = curves_of(samples.astype(np.int16))
    return integrated_loudness(block_means(curves.weighted))


def _by_ffmpeg(sound: Sound, rate: int) -> float:
    """The integrated loudness by FFmpeg's ebur128 filter."""
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=rate, format="flt", layout="mono")
    meter, sink = graph.add("ebur128", "metadata=1"), graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(sound[None].astype(np.float32), "flt", "mono")
    frame.sample_rate = rate
    source.push(frame)
    source.push(None)
    loudness = -70.0
    while True:
        try:
            loudness = float(sink.pull().metadata.get("lavfi.r128.I", loudness))
        except (av.error.EOFError, av.error.BlockingIOError):
            return loudness


def _percent(ours: float | None, theirs: float) -> float | None:
    return None if ours is None else round(100 * (ours / theirs - 1), 2)


def _less(ours: float | None, theirs: float | None) -> float | None:
    return None if ours is None or theirs is None else round(ours - theirs, 2)


def _summary(name: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {"what": name, "recordings": len(rows)}
    for measure in ("f0 %", "jitter %", "shimmer %", "hnr dB", "loudness dB", "pauses ms"):
        values = np.abs([row[measure] for row in rows if row[measure] is not None])
        found[measure] = round(float(np.median(values)), 2)
        found[f"most {measure}"] = round(float(values.max()), 2)
    shares = [row["found"] for row in rows if row["found"] is not None]
    found["pauses found"] = round(float(np.mean(shares)), 3)
    return found


def _planted(real: Path, folder: Path) -> Iterator[dict[str, Any]]:
    """Readers of at least a minute, up to two, 20 s of which are changed."""
    readers = [
        resample_poly(sound, 16_000, rate)[: 120 * 16_000]
        for _, sound, rate in _people(real)
        if len(sound) / rate >= 3 * _PLANTED_S
    ]
    for kind, amounts in (("louder", LOUDER), ("higher", HIGHER)):
        for amount in (0.0, *amounts):
            found = elsewhere = 0
            for sound in readers:
                start = (len(sound) / 16_000 - _PLANTED_S) / 2
                changed = _changed(sound, start, kind, amount)
                episodes = measured(changed, 16_000, folder).episodes
                inside = sum(_inside(one, start) for one in episodes if one.kind == kind)
                found += inside >= _PLANTED_S / 2
                elsewhere += sum(_inside(one, start) == 0 for one in episodes)
            yield {"what": f"{kind} by {amount:g}", "readers": len(readers), "found": found,
                   "elsewhere": elsewhere}  # fmt: skip


def _changed(sound: Sound, start: float, kind: str, amount: float) -> Sound:
    """The sound with 20 s of it so many dB louder, or higher by that ratio."""
    first, last = round(start * 16_000), round((start + _PLANTED_S) * 16_000)
    before, middle, after = sound[:first], sound[first:last], sound[last:]
    if amount and kind == "louder":
        middle = middle * 10 ** (amount / 20)
    elif amount:
        original = parselmouth.Sound(middle, 16_000)
        manipulation = _PRAAT(original, "To Manipulation", 0.01, 75, 600)
        tier = _PRAAT(manipulation, "Extract pitch tier")
        _PRAAT(tier, "Multiply frequencies", 0, _PLANTED_S, amount)
        _PRAAT([tier, manipulation], "Replace pitch tier")
        raised = _PRAAT(manipulation, "Get resynthesis (overlap-add)").values[0]
        middle = raised[: len(middle)]
    joined = np.concatenate([before, middle, after])
    return joined * min(1.0, 0.99 / float(np.abs(joined).max()))


def _inside(episode: Episode, start: float) -> float:
    """How many seconds of an episode lie in what was changed."""
    return max(0.0, min(episode.end, start + _PLANTED_S) - max(episode.start, start))


def _episodes(out: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(out.rglob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content, dict) and "acoustics" in content:
            acoustics = content["acoustics"]
            episodes = acoustics["episodes"]
            yield {
                "what": content["source"]["name"],
                "seconds": content["duration"],
                "louder": sum(one["kind"] == "louder" for one in episodes),
                "higher": sum(one["kind"] == "higher" for one in episodes),
                "with z of 2 or more": sum(one["z"] >= 2 for one in episodes),
                "changes": len(acoustics["changes"]),
                "findings that are not info": sum(
                    one["severity"] != "info"
                    for one in content["findings"]
                    if one["source"] == "acoustics"
                ),
            }


if __name__ == "__main__":
    main()
