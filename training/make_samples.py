"""Make the sample recordings in src/reelmill/assets/samples and their truth.

python training/make_samples.py src/reelmill/assets/samples

Needs espeak-ng. All sentences and voices are held out: no model was trained on them. The names
in file names are invented.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from synthetic.acoustics import Noise
from synthetic.calls import TRUTH_SCHEMA, CallPlan
from synthetic.corpus import TRUTH_FOLDER, write_recording
from synthetic.voices import distinct_voices

BROKEN = "broken.m4a"
_KEPT_OF_BROKEN = 0.6


@dataclass(frozen=True)
class Sample:
    """How a sample differs from an ordinary call."""

    name: str
    language: str
    seconds: float
    noise: Noise = Noise.NONE
    snr_db: float = 30.0
    telephone: bool = False
    kinds: Sequence[str] = ()
    pauses: float = 1.0
    speakers: int = 2


SAMPLES = (
    Sample("통화 녹음 김민수.m4a", "ko", 42, Noise.PINK, 28, True, ("threat", "money", "fixed")),
    Sample("통화 녹음 계약.mp3", "ko", 36, kinds=("meeting", "coercion", "promise")),
    Sample("통화 녹음 회의.ogg", "ko", 30, Noise.WHITE, 32, kinds=("meeting", "question", "place")),
    Sample("통화 녹음 긴 침묵.m4a", "ko", 45, Noise.BROWN, 30, kinds=("talk", "hedging"), pauses=6),
    Sample("call with the bank.mp3", "en", 40, Noise.PINK, 30, True, ("money", "number", "fixed")),
    Sample("call 2026-03-14.m4a", "en", 38, kinds=("threat", "coercion", "manipulation")),
    Sample("planning a trip.ogg", "en", 34, kinds=("meeting", "place", "question", "talk")),
    Sample("noisy line.mp3", "en", 28, Noise.HUM, 16, True, ("talk", "promise", "hedging")),
    Sample("voicemail.wav", "en", 12, kinds=("meeting", "number"), speakers=1),
    Sample("でんわ キムさん.m4a", "ja", 38, Noise.PINK, 28, True, ("money", "threat", "fixed")),
    Sample("かいぎ.ogg", "ja", 32, kinds=("meeting", "promise", "question")),
)


def make(folder: Path) -> None:
    """All samples, and one that no program can read."""
    for sample in SAMPLES:
        rng = Random(sample.name)
        plan = CallPlan(
            seed=f"sample-{sample.name}",
            seconds=sample.seconds,
            language=sample.language,
            voices=tuple(distinct_voices(rng, sample.speakers, held_out=True)),
            noise=sample.noise,
            snr_db=sample.snr_db,
            telephone=sample.telephone,
            sentences=100_000,
            kinds=tuple(sample.kinds),
            pauses=sample.pauses,
        )
        write_recording(plan, folder / sample.name)
    make_broken(folder)


def make_broken(folder: Path) -> None:
    """An m4a without its end, and so without the index that locates its sound."""
    whole = (folder / "call 2026-03-14.m4a").read_bytes()
    (folder / BROKEN).write_bytes(whole[: int(len(whole) * _KEPT_OF_BROKEN)])
    truth = {"schema": TRUTH_SCHEMA, "file": BROKEN, "broken": True, "utterances": []}
    text = json.dumps(truth, ensure_ascii=False, indent=1)
    (folder / TRUTH_FOLDER / f"{BROKEN}.json").write_text(text + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    make(arguments.out)
    size = sum(file.stat().st_size for file in arguments.out.iterdir() if file.is_file())
    print(f"{len(SAMPLES) + 1} recordings, {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
