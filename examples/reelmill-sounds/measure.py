"""Sum up the seconds with each label in all recordings of an output folder of `reelmill voice`.

    python measure.py OUT

`detected` are the seconds of speech found by Reelmill's own detector. In a recording that is all
speech, `speech` is about the same.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path


def seconds_of(content: dict[str, list[dict[str, object]]]) -> Counter[str]:
    """The seconds by label in the JSON of a recording."""
    found: Counter[str] = Counter()
    for one in content["findings"]:
        if one["source"] == "sounds":
            found[str(one["label"])] += float(str(one["end"])) - float(str(one["start"]))
    return found


def shown(name: str, detected: float, found: Counter[str]) -> str:
    total = sum(found.values()) or 1.0
    labels = ", ".join(f"{label} {s:.1f} s ({s / total:.1%})" for label, s in found.most_common())
    return f"{name}: detected {detected:.1f} s; {labels or 'nothing'}"


def main() -> None:
    everything, detected = Counter[str](), 0.0
    for file in sorted(Path(sys.argv[1]).glob("*.json")):
        content = json.loads(file.read_text(encoding="utf-8"))
        if "speech_seconds" not in content:
            continue  # a report, not a recording
        found = seconds_of(content)
        print(shown(file.stem, content["speech_seconds"], found))
        everything += found
        detected += content["speech_seconds"]
    print(shown("all", detected, everything))


if __name__ == "__main__":
    main()
