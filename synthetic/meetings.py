"""Talks of one to six people with different voices, with and without overlapping speech.

    python -m synthetic.meetings OUT --count 24 --seed 1

Truth as `synthetic.corpus` writes it: who says what when. English, because flite speaks only
that, and four of its voices are among the cast. Needs espeak-ng and flite.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from random import Random

from synthetic.acoustics import Noise
from synthetic.calls import CallPlan
from synthetic.corpus import Recording, write_plans
from synthetic.voices import CAST

SPEAKERS = (1, 2, 2, 3, 3, 4, 4, 5, 6)
OVERLAPS = (0.0, 0.05, 0.1, 0.2)
_SHORTEST, _LONGEST = 45.0, 150.0
#: Seconds each speaker of a meeting has on average, at least.
_SECONDS_A_SPEAKER = 20.0
_SUFFIXES = (".m4a", ".mp3", ".ogg", ".wav")


def plan_meetings(
    count: int,
    seed: int,
    *,
    speakers: Sequence[int] = SPEAKERS,
    overlaps: Sequence[float] = OVERLAPS,
    seconds: float | None = None,
    noisy: bool = True,
) -> list[CallPlan]:
    """Plan meetings with every combination of number of speakers and overlap."""
    rng = Random(f"meetings-{seed}")
    plans = []
    for index in range(count):
        turn, place = divmod(index, len(speakers))
        people = speakers[place]
        noise = rng.choice(list(Noise)) if noisy else Noise.NONE
        length = seconds or max(rng.uniform(_SHORTEST, _LONGEST), _SECONDS_A_SPEAKER * people)
        plans.append(
            CallPlan(
                seed=f"meeting-{seed}-{index}",
                seconds=round(length, 2),
                language="en",
                voices=tuple(rng.sample(CAST, people)),
                noise=noise,
                snr_db=round(rng.uniform(15, 35), 1),
                telephone=noisy and rng.random() < 0.4,
                overlap=overlaps[(place + turn) % len(overlaps)],
            )
        )
    return plans


def generate_meetings(
    folder: Path, plans: Sequence[CallPlan], workers: int | None = None
) -> list[Recording]:
    """Write the meetings and their truth; raises EspeakError without espeak-ng and flite."""
    width = max(3, len(str(len(plans))))
    files = [
        folder / f"meeting {index + 1:0{width}}{_SUFFIXES[index % len(_SUFFIXES)]}"
        for index in range(len(plans))
    ]
    return write_plans(plans, files, workers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speakers", type=int, nargs="+", default=SPEAKERS)
    parser.add_argument("--overlap", type=float, nargs="+", default=OVERLAPS)
    parser.add_argument("--seconds", type=float, help="of each; random when not given")
    parser.add_argument("--workers", type=int)
    options = parser.parse_args()
    plans = plan_meetings(
        options.count,
        options.seed,
        speakers=options.speakers,
        overlaps=options.overlap,
        seconds=options.seconds,
    )
    made = generate_meetings(options.out, plans, options.workers)
    print(f"{len(made)} meetings, {sum(plan.seconds for plan in plans) / 60:.0f} min")


if __name__ == "__main__":
    main()
