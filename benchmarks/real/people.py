"""The same people across recordings, on real voices: links, verification, identification.

    python -m benchmarks.real.people REAL --halves check --json benchmarks/results/real_people.json

`REAL/voices` has a folder for each person. Thresholds were chosen on the half `tune` of the people,
the half `check` is what counts. Two measurements:

- Links: 40 recordings of 20 people of a half, half of them over a telephone, half in a room, with
  noise (see `benchmarks.real.conversations`); no utterance is in two. Of `calls` 20 are of two
  people and 20 of one, everybody is in three; of `messages` all are of one, everybody is in two.
  `reelmill voice --across` is run on them. A link is a pair of recordings that have somebody in
  common.
- Pairs: 5, 15 and 60 s of somebody's speech beside up to 15 s of other utterances of theirs and of
  everybody else's in the half, each over a telephone or in a room: equal error rate, and how many
  are identified (the most alike of all is the right one) or named (as `--people` does).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from benchmarks.common import show, told_command, write_result
from benchmarks.real.conversations import (
    RATE,
    ConversationPlan,
    Half,
    audible_spans,
    degraded,
    make_conversation,
    people_of,
)
from reelmill.engine.stage import Device
from reelmill.models.speakers.files import encoder_spec
from reelmill.models.speakers.networks import Encoder, EncoderSpec
from reelmill.stages.speakers.profile_speakers import voice_of, voice_windows
from reelmill.stages.speakers.same_voice import ACROSS, Cohort, KnownVoice, MatchOptions, named

Float32 = npt.NDArray[np.float32]
Float = npt.NDArray[np.float64]

PEOPLE = 20
#: In how many recordings everybody talks with somebody, and in how many they are alone.
SETS = {"calls": (2, 1), "messages": (0, 2)}
#: Seconds of the speech that is compared, of what it is compared with, and tries of each person.
LENGTHS, ENROLLED, TRIES = (5.0, 15.0, 60.0), 15.0, 4
#: Of the longest, less will do: few people have said so much.
_ENOUGH, _LEAST_ENROLLED = 0.7, 4.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("real", type=Path, help="folder of real recordings")
    parser.add_argument("--halves", nargs="+", choices=("tune", "check"), default=("check",))
    parser.add_argument(
        "--parts", nargs="+", choices=("links", "pairs"), default=("links", "pairs")
    )
    parser.add_argument("--sets", nargs="+", choices=tuple(SETS), default=tuple(SETS))
    parser.add_argument(
        "--seeds",
        nargs="+",
        type=int,
        default=(1, 2, 3),
        help="random seeds, one set of recordings each",
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    voices = options.real / "voices"
    content: dict[str, Any] = {"command": told_command("benchmarks.real.people")}
    if "links" in options.parts:
        content["links"] = [
            _links_of(voices, half, seed, kind)
            for half in options.halves
            for kind in options.sets
            for seed in options.seeds
        ]
        show("links across 40 recordings of 20 people", content["links"])
    if "pairs" in options.parts:
        content["pairs"] = [
            row for half in options.halves for row in measure_pairs(voices, half, options.seeds[0])
        ]
        show("pairs", content["pairs"])
    write_result(options.json, content)


def _links_of(voices: Path, half: Half, seed: int, kind: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="reelmill-people-") as folder:
        found = measure_links(voices, half, seed, kind, Path(folder))
        return {"half": half, "set": kind, "seed": seed, **found}


# -- links


def measure_links(voices: Path, half: Half, seed: int, kind: str, work: Path) -> dict[str, Any]:
    """Build the recordings of a half, run `reelmill voice --across`, and count links."""
    calls = work / "calls"
    truth = build(voices, half, seed, kind, work, calls)
    (work / "truth.json").write_text(json.dumps(truth), encoding="utf-8")
    command = [sys.executable, "-m", "reelmill", "voice", str(calls), "-o", str(work / "out")]
    settings = ["--model", "demo", "--language", "en", "--no-align", "--formats", "json"]
    subprocess.run([*command, *settings, "--across", "--quiet"], check=True)
    found = json.loads((work / "out" / "speakers.json").read_text(encoding="utf-8"))
    return count_links(truth, whose(truth, work / "out"), found)


def build(
    voices: Path, half: Half, seed: int, kind: str, work: Path, calls: Path
) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """Write the recordings; gives of each who can be heard in it, and when (s)."""
    rng = Random(f"people-{half}-{seed}")
    chosen = _chosen(voices, people_of(voices, half))
    files = {person: sorted((voices / person).glob("*.flac")) for person in chosen}
    for of_person in files.values():
        rng.shuffle(of_person)
    calls.mkdir(parents=True)
    truth: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for number, people in enumerate(_parties(chosen, rng, *SETS[kind])):
        name = f"call-{number + 1:02}"
        for person in people:
            folder = work / name / person
            folder.mkdir(parents=True)
            for file in files[person][_count(truth, person) :: sum(SETS[kind])]:
                (folder / file.name).symlink_to(file)
        make = _message if len(people) == 1 else _dialogue
        sound, rate, truth[name] = make(work / name, f"{half}-{seed}-{number}", people, number % 2)
        soundfile.write(calls / f"{name}.flac", sound, rate, subtype="PCM_16")
    return truth


def _dialogue(
    voices: Path, seed: str, people: tuple[str, ...], telephone: int
) -> tuple[Float, int, dict[str, list[tuple[float, float]]]]:
    """A conversation of two, until one of them has nothing more to say."""
    rng = Random(seed)
    plan = ConversationPlan(
        name=voices.name,
        seed=seed,
        people=people,
        seconds=300.0,
        overlap=rng.uniform(0.0, 0.2),
        telephone=bool(telephone),
        reverberation=0.0 if telephone else rng.uniform(0.1, 0.6),
        snr_db=rng.uniform(12, 35),
    )
    sound, rate, turns = make_conversation(voices, plan)
    said: dict[str, list[tuple[float, float]]] = {}
    for turn in turns:
        said.setdefault(turn.speaker, []).extend(turn.audible)
    return sound, rate, said


def _message(
    voices: Path, seed: str, people: tuple[str, ...], telephone: int
) -> tuple[Float, int, dict[str, list[tuple[float, float]]]]:
    """What one person says, with pauses, at 16 kHz."""
    rng, (person,) = Random(seed), people
    parts = []
    for file in sorted((voices / person).glob("*.flac")):
        sound, _ = soundfile.read(file, dtype="float64")
        parts += [sound, np.zeros(int(RATE * rng.uniform(0.2, 1.0)))]
    whole = np.concatenate(parts)
    return degraded(whole, seed, telephone=bool(telephone)), RATE, {person: audible_spans(whole)}


def _chosen(voices: Path, everybody: Sequence[str]) -> list[str]:
    """Those who say most, an even number of each collection: the smaller collection first."""
    collections: dict[str, list[str]] = {}
    for person in sorted(everybody, key=lambda person: -_seconds_of(voices / person)):
        collections.setdefault(person.split("/")[0], []).append(person)
    found: list[str] = []
    for people in sorted(collections.values(), key=len):
        room = min(len(people), PEOPLE - len(found))
        found += people[: room // 2 * 2]
    return found


def _seconds_of(folder: Path) -> float:
    return sum(float(soundfile.info(file).duration) for file in folder.glob("*.flac"))


def _count(truth: dict[str, dict[str, Any]], person: str) -> int:
    """In how many recordings somebody is heard so far."""
    return sum(person in said for said in truth.values())


def _parties(
    people: Sequence[str], rng: Random, dialogues: int, alone: int
) -> Iterator[tuple[str, ...]]:
    """Who is in each recording: those who talk with each other are of one collection."""
    for _ in range(dialogues):
        for collection in sorted({person.split("/")[0] for person in people}):
            here = [person for person in people if person.startswith(f"{collection}/")]
            rng.shuffle(here)
            yield from zip(here[::2], here[1::2], strict=True)
    for _ in range(alone):
        for person in people:
            yield (person,)


def whose(
    truth: dict[str, dict[str, list[tuple[float, float]]]], out: Path
) -> dict[tuple[str, str], str]:
    """The person of each speaker of each recording: with whom it shares most seconds."""
    found = {}
    for name, said in truth.items():
        content = json.loads((out / f"{name}.json").read_text(encoding="utf-8"))
        for speaker in content["speakers"]:
            turns = [one for one in content["turns"] if one["speaker"] == speaker["speaker"]]
            shared = {
                person: sum(
                    max(0.0, min(end, turn["end"]) - max(start, turn["start"]))
                    for start, end in spans
                    for turn in turns
                )
                for person, spans in said.items()
            }
            found[name, speaker["speaker"]] = max(shared, key=lambda one: shared[one])
    return found


def count_links(
    truth: dict[str, dict[str, Any]], person_of: dict[tuple[str, str], str], found: dict[str, Any]
) -> dict[str, Any]:
    """The numbers of existing, found and wrong links."""
    there = {
        (*sorted(pair), person)
        for pair in combinations(truth, 2)
        for person in set(truth[pair[0]]) & set(truth[pair[1]])
    }
    right, linked, wrong = set(), 0, 0
    for somebody in found["people"]:
        for one, other in combinations(somebody["heard_in"], 2):
            people = {person_of[one_["recording"], one_["speaker"]] for one_ in (one, other)}
            linked += 1
            if len(people) > 1:
                wrong += 1
                continue
            right.add((*sorted((one["recording"], other["recording"])), people.pop()))
    voices = sum(len(one["heard_in"]) for one in found["people"])
    different = sum(
        person_of[one] != person_of[other]
        for one, other in combinations(person_of, 2)
        if one[0] != other[0]
    )
    return {
        "recordings": len(truth),
        "people": len({person for said in truth.values() for person in said}),
        "people found": len(found["people"]),
        "voices": voices,
        "links there": len(there),
        "found %": 100 * len(right & there) / len(there),
        "linked": linked,
        "wrong": wrong,
        "wrong % of linked": 100 * wrong / max(1, linked),
        "wrong % of pairs of different people": 100 * wrong / max(1, different),
        "speech of a voice, s": _median(
            one["seconds"] for somebody in found["people"] for one in somebody["heard_in"]
        ),
    }


def _median(values: Iterator[float]) -> float:
    return float(np.median(list(values)))


# -- pairs


@dataclass(frozen=True)
class _Spoken:
    """Stretches of a person, over a telephone or in a room, by utterance."""

    utterances: list[list[Float32]]

    def seconds(self, numbers: Sequence[int]) -> float:
        return sum(len(piece) for at in numbers for piece in self.utterances[at]) / RATE


def measure_pairs(voices: Path, half: Half, seed: int) -> list[dict[str, Any]]:
    """Error rates for each length."""
    spec = encoder_spec("default")
    encoder = spec.load(Device("cpu"), 1)
    spoken = {
        (person, telephone): _spoken(voices / person, telephone)
        for person in people_of(voices, half)
        for telephone in (True, False)
    }
    listen = _Listen(spec, encoder)
    return [_pairs(spoken, listen, length, half, seed) for length in LENGTHS]


def _spoken(folder: Path, telephone: bool) -> _Spoken:
    utterances = []
    for file in sorted(folder.glob("*.flac")):
        sound, rate = soundfile.read(file, dtype="float64")
        assert rate == RATE
        heard = degraded(sound, f"{folder.name}-{telephone}", telephone=telephone)
        utterances.append(
            [
                heard[int(start * RATE) : int(end * RATE)].astype(np.float32)
                for start, end in audible_spans(sound)
            ]
        )
    return _Spoken(utterances)


@dataclass(frozen=True)
class _Listen:
    """Makes voices from speech."""

    spec: EncoderSpec
    encoder: Encoder

    def voice(
        self, spoken: _Spoken, numbers: Sequence[int], most: float
    ) -> tuple[Float32 | None, float]:
        """The voice in at most so many seconds of some utterances, and how many there were."""
        pieces, left = [], int(most * RATE)
        for at in numbers:
            for piece in spoken.utterances[at]:
                pieces.append(piece[:left])
                left -= len(pieces[-1])
        windows = voice_windows([piece for piece in pieces if len(piece)], self.spec)
        if not windows:
            return None, 0.0
        return voice_of(self.encoder.embed([np.stack(windows)])[0]), most - left / RATE


def _pairs(
    spoken: dict[tuple[str, bool], _Spoken], listen: _Listen, length: float, half: Half, seed: int
) -> dict[str, Any]:
    rng = Random(f"pairs-{half}-{seed}-{length}")
    people = sorted({person for person, _ in spoken})
    tries = []
    for person in people:
        for _ in range(TRIES):
            one = _tried(spoken, listen, person, length, rng)
            if one is not None:
                tries.append((person, *one))
    if not tries:
        return {"half": half, "seconds": length, "tries": 0}
    owners = np.array([person for person, _, _, _ in tries])
    tested = np.stack([vector for _, vector, _, _ in tries])
    enrolled = np.stack([vector for _, _, vector, _ in tries])
    options = ACROSS
    alike = Cohort(np.concatenate([tested, enrolled]), options).scores(tested, enrolled)
    same = np.eye(len(tries), dtype=bool)
    different = owners[:, None] != owners[None]
    right, wrong = _named(tries, people, MatchOptions(), rng)
    return {
        "half": half,
        "seconds": length,
        "people": len(set(owners)),
        "tries": len(tries),
        "speech, s": float(np.median([seconds for *_, seconds in tries])),
        "EER %": 100 * equal_error(alike[same], alike[different]),
        "identified %": 100 * _identified(alike, owners, different, same),
        "missed % at the threshold": 100 * float((alike[same] < options.threshold).mean()),
        "false % at the threshold": 100 * float((alike[different] >= options.threshold).mean()),
        "named %": 100 * right,
        "named wrongly %": 100 * wrong,
    }


def _tried(
    spoken: dict[tuple[str, bool], _Spoken],
    listen: _Listen,
    person: str,
    length: float,
    rng: Random,
) -> tuple[Float32, Float32, float] | None:
    """The voice in `length` seconds of somebody, and in other utterances, and how long the first
    really are; None where there is too little."""
    tested, enrolled = spoken[person, rng.random() < 0.5], spoken[person, rng.random() < 0.5]
    order = list(range(len(tested.utterances)))
    rng.shuffle(order)
    kept = _LEAST_ENROLLED if length > ENROLLED else min(length, ENROLLED)
    there: list[int] = []
    while order and enrolled.seconds(there) < kept:
        there.append(order.pop())
    if tested.seconds(order) < _ENOUGH * length or enrolled.seconds(there) < _LEAST_ENROLLED:
        return None
    one, seconds = listen.voice(tested, order, length)
    other, _ = listen.voice(enrolled, there, ENROLLED)
    return None if one is None or other is None else (one, other, seconds)


def equal_error(same: Float, different: Float) -> float:
    """The rate at which misses and false matches are equal."""
    limits = np.sort(np.concatenate([same, different]))
    missed = np.searchsorted(np.sort(same), limits) / len(same)
    false = 1 - np.searchsorted(np.sort(different), limits) / len(different)
    nearest = int(np.argmin(np.abs(missed - false)))
    return float(missed[nearest] + false[nearest]) / 2


def _identified(
    alike: Float, owners: npt.NDArray[Any], different: npt.NDArray[Any], same: npt.NDArray[Any]
) -> float:
    """In how many tries the right one is the most alike of one voice of everybody."""
    best_other = np.where(different, alike, -np.inf)
    return float((alike[same] > best_other.max(axis=1)).mean())


def _named(
    tries: Sequence[tuple[str, Float32, Float32, float]],
    people: Sequence[str],
    options: MatchOptions,
    rng: Random,
) -> tuple[float, float]:
    """Shares named right and wrongly: half of the people are known, from up to 15 s each; each
    tested voice is alone in its recording."""
    known = set(rng.sample(list(people), len(people) // 2))
    voices = {}
    for person, _, enrolled, _ in tries:
        if person in known:
            voices.setdefault(person, KnownVoice(person, ENROLLED, tuple(enrolled.tolist())))
    right = wrong = asked = 0
    for person, tested, _, seconds in tries:
        found = named(tested[None], [seconds], list(voices.values()), options)
        name = found[0][0] if found else None
        asked += person in voices
        right += name == person
        wrong += name is not None and name != person
    return right / max(1, asked), wrong / len(tries)


if __name__ == "__main__":
    main()
