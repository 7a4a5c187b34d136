"""A folder of synthetic calls of any size, with the truth about each.

    python -m synthetic.corpus OUT --count 40 --seed 1 --median 30

OUT gets the recordings, and OUT/truth/ a JSON file per recording, `<file name>.json`:

    schema      "reelmill-truth/1"
    file        name of the recording
    duration    seconds
    language    "en", "ko" or "ja"
    speakers    ["A", "B"]
    noise, snr_db, telephone    what was done to the sound
    utterances  in order: speaker, start, end (seconds in the recording), language, kind
                ("threat", "money", ...), text, audible (pairs of seconds between which it can
                be heard: no pauses of 0.25 s or more), and words: text, start, end

The same arguments give the same calls on every machine with the same espeak-ng.
"""

import argparse
import json
import math
import multiprocessing
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

from synthetic.acoustics import Noise
from synthetic.calls import CallPlan, make_call
from synthetic.encode import write_sound
from synthetic.sentences import LANGUAGES
from synthetic.voices import Voice, distinct_voices, random_voice

TRUTH_FOLDER = "truth"
# The collection of calls the voice pipeline was made for.
CALLS, TOTAL_HOURS, MEDIAN_SECONDS, LONGEST_SECONDS = 183, 25.9, 158.0, 69 * 60.0
_SHORTEST_SECONDS = 4.0
_NAMES = {"en": "call", "ko": "통화 녹음", "ja": "つうわ"}


@dataclass(frozen=True)
class Recording:
    """A file of the corpus and where its truth is."""

    file: Path
    truth: Path
    plan: CallPlan


def call_durations(
    count: int = CALLS, seed: int = 1, median: float = MEDIAN_SECONDS, scale: float = 1.0
) -> list[float]:
    """Durations like those of a real collection of calls, in a random order.

    Quantiles of a log-normal distribution, the longest 26 times the median. At the defaults:
    183 calls, 25.9 hours, the longest 69 minutes. `scale` shortens or lengthens all alike.
    """
    longest = median * LONGEST_SECONDS / MEDIAN_SECONDS
    mean = median * TOTAL_HOURS * 3600 / CALLS / MEDIAN_SECONDS
    low, high = 0.1, 4.0
    for _ in range(60):
        sigma = (low + high) / 2
        if sum(_quantiles(count, median, sigma, longest)) < mean * count:
            low = sigma
        else:
            high = sigma
    durations = _quantiles(count, median, low, longest)
    if count > 1:
        durations[-1] = longest
    Random(seed).shuffle(durations)
    return [round(max(_SHORTEST_SECONDS, duration * scale), 2) for duration in durations]


def _quantiles(count: int, median: float, sigma: float, longest: float) -> list[float]:
    from statistics import NormalDist

    normal = NormalDist()
    ranks = ((index + 0.5) / count for index in range(count))
    return [min(longest, median * math.exp(sigma * normal.inv_cdf(rank))) for rank in ranks]


def plan_corpus(
    durations: Sequence[float],
    seed: int,
    *,
    languages: Sequence[str] = LANGUAGES,
    speakers: int = 2,
    held_out: bool = True,
    noisy: bool = True,
    sentences: int = 400,
) -> list[CallPlan]:
    """Plan each call; voices come from a cast of two dozen people."""
    rng = Random(f"corpus-{seed}")
    cast = [random_voice(rng, held_out=held_out) for _ in range(24)]
    plans = []
    for index, seconds in enumerate(durations):
        noise = rng.choice(list(Noise)) if noisy else Noise.NONE
        plans.append(
            CallPlan(
                seed=f"{seed}-{index}",
                seconds=seconds,
                language=languages[index % len(languages)],
                voices=_pick(rng, cast, speakers, held_out),
                noise=noise,
                snr_db=round(rng.uniform(12, 35), 1),
                telephone=noisy and rng.random() < 0.4,
                held_out=held_out,
                sentences=sentences,
            )
        )
    return plans


def _pick(rng: Random, cast: Sequence[Voice], count: int, held_out: bool) -> tuple[Voice, ...]:
    chosen: dict[str, Voice] = {}
    for voice in rng.sample(list(cast), len(cast)):
        chosen.setdefault(voice.variant, voice)
    if len(chosen) < count:
        return tuple(distinct_voices(rng, count, held_out=held_out))
    return tuple(chosen.values())[:count]


def write_recording(plan: CallPlan, file: Path) -> Recording:
    """Make one call and write it and its truth."""
    call = make_call(plan)
    truth = file.parent / TRUTH_FOLDER / f"{file.name}.json"
    truth.parent.mkdir(parents=True, exist_ok=True)
    write_sound(file, call.samples)
    text = json.dumps(call.truth(file.name), ensure_ascii=False, indent=1)
    truth.write_text(text + "\n", encoding="utf-8")
    return Recording(file, truth, plan)


def generate_corpus(
    folder: Path,
    count: int,
    seed: int,
    *,
    durations: Iterable[float] | None = None,
    median: float = MEDIAN_SECONDS,
    languages: Sequence[str] = LANGUAGES,
    suffixes: Sequence[str] = (".m4a", ".mp3", ".ogg", ".wav"),
    speakers: int = 2,
    held_out: bool = True,
    noisy: bool = True,
    sentences: int = 400,
    workers: int | None = None,
) -> list[Recording]:
    """Write `count` calls and their truth into `folder`; raises EspeakError without espeak-ng.

    Durations are drawn like those of a real collection around `median`, or given. `sentences`
    bounds how many different sentences are said: fewer are faster. `workers` processes share
    the work; 1 does it all in this one.
    """
    lengths = list(durations) if durations is not None else call_durations(count, seed, median)
    if len(lengths) != count:
        raise ValueError(f"{len(lengths)} durations for {count} calls")
    folder.mkdir(parents=True, exist_ok=True)
    plans = plan_corpus(
        lengths,
        seed,
        languages=languages,
        speakers=speakers,
        held_out=held_out,
        noisy=noisy,
        sentences=sentences,
    )
    width = max(3, len(str(count)))
    files = [
        folder / f"{_NAMES[plan.language]} {index + 1:0{width}}{suffixes[index % len(suffixes)]}"
        for index, plan in enumerate(plans)
    ]
    return write_plans(plans, files, workers)


def write_plans(
    plans: Sequence[CallPlan], files: list[Path], workers: int | None
) -> list[Recording]:
    """Make calls and write each into its file, `workers` at a time; 1 does it in this process."""
    workers = min(workers or os.cpu_count() or 1, len(plans))
    if workers == 1:
        return [write_recording(plan, file) for plan, file in zip(plans, files, strict=True)]
    return _in_processes(plans, files, workers)


def _in_processes(plans: Sequence[CallPlan], files: list[Path], workers: int) -> list[Recording]:
    # Spawn: a fork would copy espeak-ng's and FFmpeg's threads' locks without their threads.
    context = multiprocessing.get_context("spawn")
    longest_first = sorted(range(len(plans)), key=lambda index: -plans[index].seconds)
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        made = {
            index: pool.submit(write_recording, plans[index], files[index])
            for index in longest_first
        }
        return [made[index].result() for index in range(len(plans))]


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Generate synthetic calls with truth.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--median", type=float, default=30.0, help="median duration, seconds")
    parser.add_argument("--languages", default="en,ko,ja")
    parser.add_argument("--formats", default="m4a,mp3,ogg,wav")
    parser.add_argument("--speakers", type=int, default=2)
    parser.add_argument("--clean", action="store_true", help="no noise and no telephone band")
    parser.add_argument("--workers", type=int, default=None)
    options = parser.parse_args(arguments)
    recordings = generate_corpus(
        options.out,
        options.count,
        options.seed,
        median=options.median,
        languages=options.languages.split(","),
        suffixes=[f".{name}" for name in options.formats.split(",")],
        speakers=options.speakers,
        noisy=not options.clean,
        workers=options.workers,
    )
    seconds = sum(recording.plan.seconds for recording in recordings)
    print(f"{len(recordings)} recordings, {seconds / 3600:.2f} hours, in {options.out}")


if __name__ == "__main__":
    main()
