"""A call with one person per channel: has every word the person in whose channel it is heard?

    python -m benchmarks.real.channels CALL --model MODEL --json FILE

`CALL` is a recording of two channels, such as `calls/repair-call-stereo.flac` of the real
recordings; `MODEL` as for `reelmill voice`. Truth is the loudness of each channel: a word is right
where its channel is louder by 10 dB or more, and wrong where the other one is while its own is
quiet; the rest is said by both at once, or by neither loudly.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from benchmarks.common import show, told_command, write_result

#: Decibels: one channel louder than the other, and a channel in which nobody speaks.
_LOUDER, _QUIET = 10.0, -50.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("call", type=Path)
    parser.add_argument("--model", required=True)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reelmill-channels-") as folder:
        command = [sys.executable, "-m", "reelmill", "voice", str(options.call), "-o", folder]
        settings = ["--model", options.model, "--language", "en", "--aligner", "none", "--quiet"]
        subprocess.run([*command, *settings, "--formats", "json"], check=True)
        text = (Path(folder) / f"{options.call.stem}.json").read_text(encoding="utf-8")
    figures = counted(json.loads(text), *soundfile.read(options.call, dtype="float64"))
    show(options.call.name, [figures])
    content = {"command": told_command("benchmarks.real.channels"), "words": figures}
    write_result(options.json, content)


def counted(
    transcript: dict[str, Any], sound: npt.NDArray[np.float64], rate: int
) -> dict[str, int]:
    """Words that are right, wrong, and said where both channels are loud."""
    figures = {"words": 0, "right": 0, "wrong": 0, "both": 0}
    for segment in transcript["segments"]:
        own = ("left", "right").index(segment["channel"])
        for word in segment["words"]:
            start = int(word["start"] * rate)
            piece = sound[start : max(int(word["end"] * rate), start + rate // 100)]
            level = 10 * np.log10(np.mean(piece**2, axis=0) + 1e-12)
            figures["words"] += 1
            if level[own] - level[1 - own] >= _LOUDER:
                figures["right"] += 1
            elif level[1 - own] - level[own] >= _LOUDER and level[own] < _QUIET:
                figures["wrong"] += 1
            else:
                figures["both"] += 1
    return figures


if __name__ == "__main__":
    main()
