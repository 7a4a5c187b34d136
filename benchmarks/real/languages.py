"""Recordings in which the language changes: the share of speech recognized in its own language.

    python -m benchmarks.real.languages --model FOLDER [--recordings 8] [--json FILE]

Recordings of about a minute are put together from Debian's telephone prompts, real people (packages
asterisk-core-sounds-{en,es,fr,it,ru}-wav, with their texts in those without `-wav`): half of them
change the language once, half after every two sentences. Thresholds were found on other recordings
(the shared cases, `mixed/`, other seeds); these are of fixed seeds. The peer is faster-whisper with
`multilingual=True`, which detects a language for each window, with the same weights in the same
call. FOLDER is a real Whisper in CTranslate2's format. Word errors are jiwer's, texts without case
and marks; the prompts' texts have small errors of their own.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import soundfile

from benchmarks.common import measure, measure_reelmill, show, told_command, write_result
from benchmarks.real.conversations import RATE, resampled
from synthetic.prompts import VOICES, prompts

_PAUSE = 0.7

#: Language, start and end in seconds, text.
Said = tuple[str, float, float, str]


@dataclass(frozen=True)
class Conversation:
    """A recording and what is said in it."""

    file: Path
    kind: str
    said: list[Said]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", required=True, help="folder of a real Whisper model")
    parser.add_argument("--recordings", type=int, default=8)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reelmill-languages-") as folder:
        work = Path(folder)
        built = [_build(number, work) for number in range(options.recordings)]
        found = {
            "reelmill": _ours(options.model, built, work / "out"),
            "faster-whisper, multilingual": _theirs(options.model, built, work / "peer.json"),
        }
    rows = [
        {"what": f"{what}: {kind}", **_scores([one for one in built if one.kind == kind], heard)}
        for kind in dict.fromkeys(one.kind for one in built)
        for what, heard in found.items()
    ]
    show("in the right language", rows)
    write_result(options.json, {"command": told_command("benchmarks.real.languages"), "rows": rows})


def _build(number: int, work: Path) -> Conversation:
    chosen = random.Random(200 + number)
    first, second = chosen.sample(sorted(VOICES), 2)
    once = number % 2 == 0
    plan = [(first, 6), (second, 6)] if once else [(first, 2), (second, 2)] * 3
    parts: list[Any] = []
    said: list[Said] = []
    at = 0
    for language, count in plan:
        for file, text in chosen.sample(list(prompts(language)), count):
            sound, rate = soundfile.read(file, dtype="float64", always_2d=True)
            mono = resampled(sound.mean(axis=1), rate, RATE)
            said.append((language, at / RATE, (at + len(mono)) / RATE, text))
            parts += [mono, np.zeros(round(_PAUSE * RATE))]
            at += len(mono) + round(_PAUSE * RATE)
    path = work / f"{number:02d}-{first}-{second}.wav"
    soundfile.write(path, np.concatenate(parts), RATE, subtype="PCM_16")
    kind = "one change" if once else "a change after every two sentences"
    return Conversation(path, kind, said)


def _ours(model: str, built: Sequence[Conversation], out: Path) -> dict[str, list[Said]]:
    files = [str(one.file) for one in built]
    measure_reelmill(
        "voice", *files, "-o", str(out), "--model", model, "--no-align", "--diarizer", "none",
        "--formats", "json",
    )  # fmt: skip
    found = {}
    for one in built:
        segments = json.loads((out / f"{one.file.stem}.json").read_text("utf-8"))["segments"]
        found[one.file.name] = [(s["language"], s["start"], s["end"], s["text"]) for s in segments]
    return found


_PEER = """
import json, sys
from faster_whisper import WhisperModel
model = WhisperModel(sys.argv[1], device="cpu", compute_type="int8")
found = {}
for file in sys.argv[3:]:
    segments, info = model.transcribe(file, vad_filter=True, multilingual=True)
    found[file.rsplit("/", 1)[1]] = [("", s.start, s.end, s.text) for s in segments]
json.dump(found, open(sys.argv[2], "w"))
"""


def _theirs(model: str, built: Sequence[Conversation], out: Path) -> dict[str, list[Said]]:
    """Its segments have no language, so only their words count."""
    files = [str(one.file) for one in built]
    measure([sys.executable, "-c", _PEER, model, str(out), *files])
    return json.loads(out.read_text("utf-8"))


def _scores(built: Sequence[Conversation], heard: dict[str, list[Said]]) -> dict[str, Any]:
    total = right = 0.0
    truth, texts = [], []
    for one in built:
        found = heard[one.file.name]
        truth.append(_plain(" ".join(text for *_, text in one.said)))
        texts.append(_plain(" ".join(text for *_, text in found)))
        for language, start, end, _ in one.said:
            for other, first, last, _ in found:
                common = max(0.0, min(end, last) - max(start, first))
                total, right = total + common, right + common * (other == language)
    named = any(one[0] for found in heard.values() for one in found)
    return {
        "recordings": len(built),
        "time in its language %": 100 * right / total if named else None,
        "WER %": 100 * jiwer.wer(truth, texts),
    }


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[\w']+", text.casefold()))


if __name__ == "__main__":
    main()
