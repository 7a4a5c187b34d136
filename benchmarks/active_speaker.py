"""Who is seen to speak and is shown, in videos of two people whose mouths move with real voices.

    python -m benchmarks.active_speaker --weights finetuning_TalkSet.model --voices VOICES \
        --json benchmarks/results/active_speaker.json

VOICES is a folder with a folder of recordings (16 kHz) for each of several people. `reelmill faces
--active-speaker --follow speaker` runs as users run it. Among the moments in which one of the two
is heard, it counts those in which that person is said to speak, those in which the other is as well
or instead, and those in which nobody is; and those in which the vertical cut shows that person.
MTCNN searches every fifth picture of that cut for faces: those without any are empty.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile

from benchmarks.common import REELMILL, measure, show, told_command, write_result
from reelmill.engine.stage import Device
from reelmill.models.faces.mtcnn import MtcnnSpec
from synthetic.talks import HALVES, RATE, SAMPLE_RATE, Talk, make_talk

TARGET, MOST_EMPTY = 95.0, 1.0
#: Every nth picture of a cut is searched for a face.
_LOOKED_AT = 5
SEED = 20261129


def main() -> None:
    options = _options()
    people = sorted(path for path in options.voices.iterdir() if path.is_dir())
    rng = np.random.default_rng(options.seed)
    talks: dict[Path, Talk] = {}
    with tempfile.TemporaryDirectory(prefix="reelmill-bench-") as work:
        for number in range(options.videos):
            pair = rng.choice(len(people), 2, replace=False)
            voices = [_speech(people[int(one)]) for one in pair]
            path = Path(work) / f"talk {number}.mp4"
            talks[path] = make_talk(path, voices, options.seconds, options.seed + number)
        out = Path(work) / "out"
        command = [*REELMILL, "faces", "--quiet", "--preset", "ultrafast", "--formats", "json"]
        command += ["--active-speaker", str(options.weights), "-o", str(out)]
        command += ["--follow", "speaker", "--aspect", "9:16", "--size", "360"]
        measured = measure([*command, *map(str, talks)])
        if measured.exit_code:
            raise SystemExit(f"reelmill faces: exit code {measured.exit_code}")
        detector = MtcnnSpec().load(Device("cpu"), 1)
        rows = [_row(path.stem, talk, out, detector) for path, talk in talks.items()]
    names = [name for name in rows[0] if name.endswith("%")]
    whole = {name: float(np.mean([row[name] for row in rows])) for name in names}
    show("who is seen to speak", [*rows, {"what": "all", **whole}])
    met = {
        "seen to speak": whole["right %"] >= TARGET,
        "shown": whole["shown %"] >= TARGET,
        "empty": whole["empty %"] <= MOST_EMPTY,
    }
    print("targets:", ", ".join(f"{k} {'met' if ok else 'NOT met'}" for k, ok in met.items()))
    content = {
        "command": told_command("benchmarks.active_speaker"),
        "seed": options.seed,
        "seconds": measured.seconds,
        "targets": {"seen to speak": TARGET, "shown": TARGET, "empty": MOST_EMPTY},
        "met": met,
        "all": whole,
        "videos": rows,
    }
    write_result(options.json, content)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--weights", type=Path, required=True, help="file with the weights of LR-ASD"
    )
    parser.add_argument("--voices", type=Path, required=True, help="a folder for each person")
    parser.add_argument("--videos", type=int, default=4)
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="length of each video in seconds"
    )
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser.parse_args()


def _speech(folder: Path) -> Any:
    found = []
    for file in sorted(folder.iterdir()):
        samples, rate = soundfile.read(file)
        if rate != SAMPLE_RATE:
            raise SystemExit(f"{file}: has {rate} samples a second, not {SAMPLE_RATE}")
        found.append(samples)
    return np.concatenate(found)


def _row(name: str, talk: Talk, out: Path, detector: Any) -> dict[str, Any]:
    content = json.loads((out / f"{name}.faces.json").read_text("utf-8"))
    spoken = talk.spoken
    said, shown = np.zeros_like(spoken), np.zeros_like(spoken)
    places = {}
    for person in content["persons"]:
        middle = np.median([box[2] + box[4] / 2 for box in person["boxes"]])
        places[person["label"]] = int(middle > HALVES)
        for start, end in person["speaking"]:
            said[places[person["label"]], round(start * RATE) : round(end * RATE)] = True
    (cut,) = content["clips"]
    for shot in cut["shots"]:
        for label in shot["persons"]:
            shown[places[label], round(shot["start"] * RATE) : round(shot["end"] * RATE)] = True
    one = spoken.sum(axis=0) == 1
    who = spoken.argmax(axis=0)[one]
    right, other = said[:, one][who, range(len(who))], said[:, one][1 - who, range(len(who))]
    return {
        "what": name,
        "moments": int(one.sum()),
        "right %": 100 * float(right.mean()),
        "other as well %": 100 * float((other & right).mean()),
        "other instead %": 100 * float((other & ~right).mean()),
        "nobody %": 100 * float((~other & ~right).mean()),
        "shown %": 100 * float(shown[:, one][who, range(len(who))].mean()),
        "empty %": 100 * _empty(out / cut["file"], detector),
        "shots": len(cut["shots"]),
    }


def _empty(path: Path, detector: Any) -> float:
    """The share of pictures without a face."""
    looked = empty = 0
    with av.open(str(path)) as video:
        for number, frame in enumerate(video.decode(video=0)):
            if number % _LOOKED_AT == 0:
                looked += 1
                picture = frame.to_ndarray(format="rgb24")
                empty += not len(detector.look([picture])[0].scores)
    return empty / looked


if __name__ == "__main__":
    main()
