"""Who said which word: word errors that count a word of the wrong speaker as wrong.

    python -m benchmarks.real.attributed REAL --model FOLDER [--count 12] [--json FILE]

Conversations of two to four people are built from `REAL/voices`, of whole utterances, so that the
words of every turn are known (`benchmarks.real.conversations`); of the half of the people that
nothing was tuned on, half of them over a telephone. Errors are meeteval's: tcpWER, the
time-constrained word error rate with speakers (a word counts only within 5 s of its place, and only
for its speaker), and tcORC-WER, the same whoever said it. What lies between is wrong speakers.
Texts are compared without case and marks, number words as digits. FOLDER is a real Whisper in
CTranslate2's format; words have its own times. Needs `pip install -e ".[bench]"`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from meeteval.io import SegLST
from meeteval.wer import combine_error_rates, tcorcwer, tcpwer

from benchmarks.common import measure_reelmill, show, told_command, write_result
from benchmarks.real.conversations import plan_worded, write_conversations
from benchmarks.real.recognition import normalized

#: Seconds that a word may be away from its place.
_COLLAR = 5.0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("real", type=Path, help="folder of real recordings")
    parser.add_argument("--model", required=True, help="folder of a real Whisper")
    parser.add_argument("--half", choices=("tune", "check"), default="check")
    parser.add_argument("--count", type=int, default=12, help="conversations to build")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    voices = options.real / "voices"
    with tempfile.TemporaryDirectory(prefix="reelmill-attributed-") as folder:
        work = Path(folder)
        plans = plan_worded(voices, options.half, options.count)
        files = write_conversations(voices, work / "in", plans)
        _recognize(options.model, files, work / "out")
        said = _lines([line for file in files for line in _said(file)])
        heard = _lines([line for file in files for line in _heard(file, work / "out")])
    figures = scores(said, heard, len(files))
    show("who said which word", [figures])
    content = {"command": told_command("benchmarks.real.attributed"), "words": figures}
    write_result(options.json, content)


def _recognize(model: str, files: Sequence[Path], out: Path) -> None:
    measure_reelmill(
        "voice", *map(str, files), "-o", str(out), "--model", model, "--language", "en",
        "--aligner", "none", "--formats", "json",
    )  # fmt: skip


def _said(file: Path) -> list[dict[str, Any]]:
    turns = json.loads(file.with_suffix(".json").read_text("utf-8"))["turns"]
    return [_line(file, turn, turn["text"]) for turn in turns]


def _heard(file: Path, out: Path) -> list[dict[str, Any]]:
    segments = json.loads((out / f"{file.stem}.json").read_text("utf-8"))["segments"]
    return [_line(file, one, one["text"]) for one in segments]


def _line(file: Path, part: dict[str, Any], text: str) -> dict[str, Any]:
    return {
        "session_id": file.stem,
        "speaker": part["speaker"] or "nobody",
        "start_time": part["start"],
        "end_time": part["end"],
        "words": normalized(text, "en"),
    }


def _lines(found: list[dict[str, Any]]) -> SegLST:
    return SegLST([line for line in found if line["words"]])


def scores(said: SegLST, heard: SegLST, conversations: int) -> dict[str, Any]:
    """Percent of the words that are wrong, with and without regard to their speakers."""
    of_speakers = combine_error_rates(tcpwer(said, heard, collar=_COLLAR))
    of_anybody = combine_error_rates(tcorcwer(said, heard, collar=_COLLAR))
    return {
        "conversations": conversations,
        "words": of_speakers.length,
        "tcpWER %": 100 * of_speakers.error_rate,
        "tcORC-WER %": 100 * of_anybody.error_rate,
        "wrong speaker %": 100 * (of_speakers.error_rate - of_anybody.error_rate),
    }


if __name__ == "__main__":
    main()
