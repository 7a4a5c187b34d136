"""How far word boundaries are from the truth, and what they cost.

python -m benchmarks.words --out benchmarks/results/words.json

Synthetic calls of sentences and voices that no model was trained on, with the texts known and the
segments' times as wrong as a recognizer's: `aligner` and `whisper` (cross-attention times), in CPU
seconds of one thread; `on_all_cores`, on the wall, the same model as in a run, and a segment at a
time (one thread, two are no faster): padded to a few lengths as ours is, and as long as each is, as
WhisperX feeds them; for every new length the library plans and compiles its convolutions anew. An
error is counted wherever a found word and a true word begin, or end, at the same letter.
`as_written`: the same calls with numerals in digits and, in Korean, names in Latin letters, aligned
by a model that knows these letters and by one that, as most for Korean, does not. With
`--whisperx-python` also WhisperX's align with the same model (English and Japanese: it knows no
parts of syllables, of which ours spells Korean), on emissions as they come and on narrow ones (see
`benchmarks.whisperx_align`).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from benchmarks.align_speed import wall_seconds, ways
from benchmarks.common import machine, told_command, write_result
from benchmarks.hub_aligner import without_latin, write_hub_aligner
from reelmill.artifacts import (
    Audio,
    Segment,
    Span,
    Speech,
    Transcript,
    WhisperTimes,
    Word,
)
from reelmill.core.recording import FileState, Recording
from reelmill.engine.stage import Device, Inputs
from reelmill.models.alignment.aligners import choose_aligners
from reelmill.models.alignment.wav2vec2 import Aligners
from reelmill.models.files.cache import resolve
from reelmill.models.files.environments import look
from reelmill.models.whisper.spec import WhisperSpec
from reelmill.stages.speech.transcribe import Transcribe
from reelmill.stages.words.align import Align, AlignItem
from reelmill.stages.words.whisper_times import TimeByWhisper
from synthetic.acoustics import Noise
from synthetic.calls import Call, CallPlan, make_call
from synthetic.voices import distinct_voices
from synthetic.written import written

RATE = 16_000
LANGUAGES = ("en", "ko", "ja")
#: Seconds by which a segment's edges may be wrong.
_WRONG_BY = 0.3
_REACH = 0.25
_WHISPERX_SPELLS = ("en", "ja")
_NUMERAL, _LATIN = re.compile(r"\d"), re.compile(r"[A-Za-z]")
_REPEATS = 2


@dataclass(frozen=True)
class Case:
    """A call as the stages see it, and its truth."""

    call: Call
    recording: Recording
    inputs: Inputs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=10, help="calls in each language")
    parser.add_argument("--seconds", type=float, default=72.0)
    parser.add_argument("--aligner", default="demo")
    parser.add_argument("--whisperx-python", type=Path, help="environment with WhisperX")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cases = list(_cases(Path(folder), arguments.calls, arguments.seconds))
        report = _report(cases, arguments.aligner, Path(folder))
        if arguments.whisperx_python is not None:
            report["whisperx"] = _whisperx(cases, arguments.whisperx_python, Path(folder))
    print(json.dumps(report, indent=1))
    write_result(arguments.out, report)


def _cases(folder: Path, count: int, seconds: float) -> Iterator[Case]:
    for language in LANGUAGES:
        for number in range(count):
            rng = Random(f"words-{language}-{number}")
            noisy = number % 2 == 1
            plan = CallPlan(
                f"words-{language}-{number}",
                seconds,
                language,
                tuple(distinct_voices(rng, 2, held_out=True)),
                Noise.PINK if noisy else Noise.NONE,
                20.0,
                telephone=noisy,
            )
            place = folder / f"{language}-{number}"
            place.mkdir()
            yield _case(make_call(plan), place, rng)


def _case(call: Call, folder: Path, rng: Random) -> Case:
    np.round(call.samples * 32767).astype("<i2").tofile(folder / "audio.raw")
    said, spans, reached = [], [], 0.0
    for utterance in call.utterances:
        start = max(reached, utterance.start + rng.uniform(-_WRONG_BY, _WRONG_BY))
        end = max(start + 0.1, utterance.end + rng.uniform(-_WRONG_BY, _WRONG_BY))
        said.append(Segment(start, end, utterance.text, -0.2, 0.0, 1.0, 0.0))
        begin = max(utterance.start - _REACH, spans[-1].end if spans else 0.0)
        spans.append(Span(begin, min(utterance.end + _REACH, call.duration)))
        reached = end
    language, duration = call.plan.language, call.duration
    inputs = Inputs(
        [
            Audio("audio.raw", RATE, len(call.samples), 0),
            Speech(spans, duration),
            Transcript(language, 1.0, "truth", duration, duration, said),
            WhisperTimes([[] for _ in said]),
        ]
    )
    state = FileState("a" * 64, "b" * 32, 1, 1)
    return Case(call, Recording(folder / "call.wav", folder.name, folder, state), inputs)


def _report(cases: Sequence[Case], name: str, folder: Path) -> dict[str, Any]:
    files = resolve("demo")
    whisper = WhisperSpec.of(files)
    stage = Align(choose_aligners(name, (), "demo").spec)
    whispering, transcribing = TimeByWhisper(whisper), Transcribe(whisper)
    aligners = stage.model.load(Device("cpu"), 1)
    stage.model.warm_up(aligners)
    recognizer = whisper.load(Device("cpu"), 1)
    items = [list(stage.split(case.recording, case.inputs)) for case in cases]
    flat = [item for of_case in items for item in of_case]
    seconds, found = _timed(lambda: stage.infer(aligners, flat))
    singles = _singles(stage, cases)
    on_all_cores = _on_all_cores(stage, flat, singles, folder)
    waiting = iter(found)
    ours = [
        stage.merge(case.recording, case.inputs, iter([next(waiting) for _ in of_case])).segments
        for case, of_case in zip(cases, items, strict=True)
    ]
    windows = [list(whispering.split(case.recording, case.inputs)) for case in cases]
    whisper_seconds, times = _timed(
        lambda: [whispering.infer(recognizer, of_case) for of_case in windows]
    )
    theirs = [
        whispering.merge(case.recording, case.inputs, iter(one)).words
        for case, one in zip(cases, times, strict=True)
    ]
    heard = [list(transcribing.split(case.recording, case.inputs)) for case in cases]
    recognized_seconds, _ = _timed(lambda: [transcribing.infer(recognizer, one) for one in heard])
    hours = sum(case.call.duration for case in cases) / 3600
    segments = [[segment.words for segment in of_case] for of_case in ours]
    return {
        "machine": machine(),
        "command": told_command("benchmarks.words"),
        "audio_hours": round(hours, 4),
        "aligner": {
            **_errors(cases, segments),
            "seconds_per_hour": round(seconds / hours, 2),
            "of_it_the_network": round(_network_seconds(aligners, flat) / hours, 2),
        },
        "by_language": {
            language: _errors(*_of_language(cases, segments, language)) for language in LANGUAGES
        },
        "whisper": {
            **_errors(cases, theirs),
            "seconds_per_hour": round(whisper_seconds / hours, 2),
        },
        "on_all_cores": {
            way: {
                **{f"{name}_per_hour": round(value / hours, 2) for name, value in one.items()},
                "times_as_long": round(
                    one["seconds"] / next(iter(on_all_cores.values()))["seconds"], 2
                ),
            }
            for way, one in on_all_cores.items()
        },
        "recognition": {"seconds_per_hour": round(recognized_seconds / hours, 2)},
        "kept": _kept(ours),
        "as_written": _as_written(stage, cases, folder),
    }


def _as_written(stage: Align, cases: Sequence[Case], folder: Path) -> dict[str, Any]:
    """Errors of all words, of numerals and of foreign names in Korean."""
    some = [_rewritten(case) for case in cases if case.call.plan.language in ("en", "ko")]
    korean = [case for case in some if case.call.plan.language == "ko"]
    korean_aligner = without_latin(folder / "without-latin")
    without = Align(choose_aligners(str(korean_aligner), ("ko",), "demo").spec)
    words, korean_words = _aligned(stage, some), _aligned(stage, korean)
    marked = _aligned(without, korean)
    return {
        "all words": _statistics(list(_word_errors(some, words, re.compile("")))),
        "numerals": _statistics(list(_word_errors(some, words, _NUMERAL))),
        "foreign names in Korean": _statistics(list(_word_errors(korean, korean_words, _LATIN))),
        "the same, without Latin letters": _statistics(list(_word_errors(korean, marked, _LATIN))),
        "kept": _kept(words),
        "kept without Latin letters": _kept(marked),
    }


def _rewritten(case: Case) -> Case:
    utterances = []
    for one in case.call.utterances:
        words = written(one.words, one.language)
        text = " ".join(word.text for word in words)
        utterances.append(replace(one, words=words, text=text))
    transcript = case.inputs[Transcript]
    segments = [
        replace(segment, text=one.text)
        for segment, one in zip(transcript.segments, utterances, strict=True)
    ]
    kept = [case.inputs[kind] for kind in (Audio, Speech, WhisperTimes)]
    return Case(
        replace(case.call, utterances=tuple(utterances)),
        case.recording,
        Inputs([*kept, replace(transcript, segments=segments)]),
    )


def _aligned(stage: Align, cases: Sequence[Case]) -> list[list[Segment]]:
    aligners = stage.model.load(Device("cpu"), 1)
    found = []
    for case in cases:
        items = list(stage.split(case.recording, case.inputs))
        outputs = iter(stage.infer(aligners, items))
        found.append(stage.merge(case.recording, case.inputs, outputs).segments)
    return found


def _word_errors(
    cases: Sequence[Case], found: Sequence[Sequence[Segment]], wanted: re.Pattern[str]
) -> Iterator[float]:
    """Seconds between found and true boundaries of the words in which `wanted` is found."""
    for case, segments in zip(cases, found, strict=True):
        for utterance, segment in zip(case.call.utterances, segments, strict=True):
            for true, word in zip(utterance.words, segment.words, strict=True):
                assert true.text == word.text
                if wanted.search(true.text):
                    yield from (abs(true.start - word.start), abs(true.end - word.end))


def _whisperx(cases: Sequence[Case], python: Path, folder: Path) -> dict[str, Any]:
    """WhisperX's align, under its own interpreter, with the demo aligner."""
    found = look(python, ["whisperx"])
    spelled = [case for case in cases if case.call.plan.language in _WHISPERX_SPELLS]
    calls = []
    for number, case in enumerate(spelled):
        sound = case.call.samples - case.call.samples.mean()
        path = folder / f"whisperx-{number}.f32"
        (sound / sound.std()).astype(np.float32).tofile(path)  # as our aligner takes it
        segments = [
            {"start": one.start, "end": one.end, "text": one.text}
            for one in case.inputs[Transcript].segments
        ]
        language = case.call.plan.language
        calls.append({"sound": str(path), "language": language, "segments": segments})
    task, out = folder / "task.json", folder / "whisperx.json"
    model = str(write_hub_aligner(folder / "hub"))
    task.write_text(json.dumps({"model": model, "calls": calls}), encoding="utf-8")
    script = Path(__file__).with_name("whisperx_align.py")
    subprocess.run([str(found.python), str(script), str(task), str(out)], check=True)
    hours = sum(case.call.duration for case in spelled) / 3600
    result: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return {
        "version": found.versions["whisperx"],
        "languages": list(_WHISPERX_SPELLS),
        "audio_hours": round(hours, 4),
        **{
            how: {
                **_errors(spelled, [_read(call) for call in one["words"]]),
                "seconds_per_hour": round(one["seconds"] / hours, 2),
                "cpu_seconds_per_hour": round(one["cpu_seconds"] / hours, 2),
            }
            for how, one in result.items()
        },
    }


def _read(call: Sequence[Sequence[tuple[str, float, float]]]) -> list[list[Word]]:
    return [
        [Word(start, end, text, 0.0, "aligned") for text, start, end in segment] for segment in call
    ]


def _network_seconds(aligners: Aligners, items: Sequence[AlignItem]) -> float:
    """What the network alone takes, without the search for the best path."""
    total = 0.0
    for language in LANGUAGES:
        sounds = [item.samples for item in items if item.language == language]
        began = time.process_time()
        aligners.of(language).log_probs(sounds)
        total += time.process_time() - began
    return total


def _on_all_cores(
    stage: Align, items: Sequence[AlignItem], singles: Sequence[AlignItem], folder: Path
) -> dict[str, dict[str, float]]:
    """What aligning the corpus takes on the wall, ours first; each way the best of `_REPEATS`."""
    found = {}
    for name, way in ways(os.cpu_count() or 1).items():
        work = items if way.at_once > 1 else singles
        runs = [wall_seconds(stage, work, way, folder) for _ in range(_REPEATS)]
        found[name] = min(runs, key=lambda run: run["seconds"])
    return found


def _singles(stage: Align, cases: Sequence[Case]) -> list[AlignItem]:
    """An item for each segment, as programs that align one at a time have them."""
    items = []
    for case in cases:
        transcript = case.inputs[Transcript]
        for segment in transcript.segments:
            part = replace(transcript, segments=[segment])
            inputs = Inputs([case.inputs[Audio], case.inputs[Speech], part])
            items += stage.split(case.recording, inputs)
    return items


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.process_time()
    result = work()
    return time.process_time() - began, result


def _of_language(
    cases: Sequence[Case], words: Sequence[list[list[Word]]], language: str
) -> tuple[list[Case], list[list[list[Word]]]]:
    pairs = [
        (case, one)
        for case, one in zip(cases, words, strict=True)
        if case.call.plan.language == language
    ]
    return [case for case, _ in pairs], [one for _, one in pairs]


def _errors(cases: Sequence[Case], words: Sequence[list[list[Word]]]) -> dict[str, Any]:
    """Milliseconds between found and true boundaries."""
    return _statistics(
        [
            error
            for case, of_case in zip(cases, words, strict=True)
            for utterance, found in zip(case.call.utterances, of_case, strict=True)
            for error in _boundary_errors(utterance.words, found)
        ]
    )


def _statistics(seconds: Sequence[float]) -> dict[str, Any]:
    errors = np.array(seconds)
    return {
        "boundaries": len(errors),
        "median_ms": round(1000 * float(np.median(errors)), 1),
        "p95_ms": round(1000 * float(np.quantile(errors, 0.95)), 1),
        "within_150_ms": round(float((errors <= 0.15).mean()), 4),
    }


def _boundary_errors(true: Sequence[Any], found: Sequence[Word]) -> Iterator[float]:
    starts, ends = _edges(true)
    found_starts, found_ends = _edges(found)
    for here, there in ((starts, found_starts), (ends, found_ends)):
        for place in here.keys() & there.keys():
            yield abs(here[place] - there[place])


def _edges(words: Sequence[Any]) -> tuple[dict[int, float], dict[int, float]]:
    """Seconds of starts and ends by how many letters come before them."""
    starts, ends, at = {}, {}, 0
    for word in words:
        starts[at] = word.start
        at += len(word.text.replace(" ", ""))
        ends[at] = word.end
    return _known(starts), _known(ends)


def _known(times: dict[int, float]) -> dict[int, float]:
    return {place: time for place, time in times.items() if not np.isnan(time)}


def _kept(transcripts: Sequence[Sequence[Segment]]) -> dict[str, Any]:
    """How many words have their time by the aligner, and whether all are in order and inside."""
    segments = [segment for one in transcripts for segment in one]
    words = [word for segment in segments for word in segment.words]
    orderly = all(
        edges == sorted(edges) and segment.start <= edges[0] and edges[-1] <= segment.end
        for segment in segments
        if (edges := [edge for word in segment.words for edge in (word.start, word.end)])
    )
    return {
        "words": len(words),
        "aligned": sum(word.timing == "aligned" for word in words),
        "segments_without_words": sum(not segment.words for segment in segments),
        "in_order_and_inside": orderly,
    }


if __name__ == "__main__":
    main()
