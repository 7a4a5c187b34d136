"""Conversations with truth, built from recordings of single people.

    python -m benchmarks.real.conversations VOICES OUT --half check

`VOICES` holds a folder for each person, with utterances of theirs, below one folder for each
collection (`libri/`, `ocean/`); `text.txt` in a collection gives the words of its utterances. Two
to five people take turns, interrupt each other and say "yes" into each other's words, in a room or
over a telephone, with noise. The truth is automatic: a person speaks where the person's own
recording is loud enough before mixing.

People are divided into two halves, `tune` and `check`; no person is in both.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Literal

import numpy as np
import numpy.typing as npt
import soundfile
from scipy.signal import butter, fftconvolve, resample_poly, sosfilt

Float = npt.NDArray[np.float64]
Half = Literal["tune", "check"]

RATE = 16_000
TELEPHONE_RATE = 8_000
_FRAME = RATE // 100
#: Speech is this far below the loudest of an utterance at most, and this far above its quietest.
#: What is quieter than the noise cannot be heard; the loudest is some 5 dB above the average.
_BELOW_LOUDEST_DB, _ABOVE_QUIETEST_DB, _LOUDEST_DB = 25.0, 9.0, 5.0
#: Seconds: shorter pauses are part of the speech, shorter sounds are none.
_SHORTEST_PAUSE, _SHORTEST_SPEECH = 0.25, 0.1
#: Utterances are cut into turns of at most this length, where somebody pauses.
_LONGEST_TURN = 8.0
#: What listeners say into the words of others is cut from the starts of utterances.
_BACKCHANNEL = (0.3, 0.9)
_MU = 255.0
#: How much more people have to say in a long conversation than there is time for: nobody must run
#: out of words long before the others.
_SPARE = 1.6


@dataclass(frozen=True)
class ConversationPlan:
    """Who talks, where, and how; everything else follows from `seed`.

    `overlap`: the share of turns that begin before the one before has ended. `telephone`: narrow
    band and 8-bit companding, otherwise a room with this reverberation time in seconds. `whole`:
    utterances are not cut and nobody says a word into them, so the words of every turn are known.
    `rounds`: how often everybody says all they have to say, each time in another order and cut into
    other turns.
    """

    name: str
    seed: str
    people: tuple[str, ...]
    seconds: float
    overlap: float
    telephone: bool
    reverberation: float
    snr_db: float
    whole: bool = False
    rounds: int = 1


@dataclass(frozen=True)
class SaidTurn:
    """A turn as it is in the mixture; `audible` in seconds of the mixture."""

    speaker: str
    start: float
    end: float
    audible: list[tuple[float, float]]
    text: str | None


@dataclass(frozen=True)
class _Piece:
    """Sound of one person and where in it they can be heard, in seconds."""

    sound: Float
    audible: list[tuple[float, float]]
    text: str | None


def people_of(voices: Path, half: Half) -> list[str]:
    """Every second person of each collection, as `collection/person`."""
    found: list[str] = []
    for collection in sorted(path for path in voices.iterdir() if path.is_dir()):
        people = sorted(path.name for path in collection.iterdir() if path.is_dir())
        found += [f"{collection.name}/{name}" for name in people[half == "check" :: 2]]
    return found


def plan_conversations(
    voices: Path, half: Half, *, dialogues: int, meetings: int, seed: int = 1
) -> list[ConversationPlan]:
    """Dialogues of two people and meetings of three to five, of one half of the people.

    Those who talk with each other are of one collection: different microphones would reveal the
    people.
    """
    rng = Random(f"conversations-{half}-{seed}")
    collections: dict[str, list[str]] = {}
    for person in people_of(voices, half):
        collections.setdefault(person.split("/")[0], []).append(person)
    plans = []
    for index in range(dialogues + meetings):
        meeting = index >= dialogues
        count = rng.choice((3, 4, 5)) if meeting else 2
        fitting = [people for people in collections.values() if len(people) >= count]
        people = rng.choices(fitting, [len(people) for people in fitting])[0]
        telephone = not meeting and index % 2 == 0
        plans.append(
            ConversationPlan(
                name=f"{'meeting' if meeting else 'dialogue'}-{half}-{index + 1:03}",
                seed=f"{half}-{seed}-{index}",
                people=tuple(rng.sample(people, count)),
                seconds=rng.uniform(60, 150),
                overlap=rng.uniform(0.2, 0.5) if meeting else rng.uniform(0.0, 0.3),
                telephone=telephone,
                reverberation=0.0 if telephone else rng.uniform(0.1, 0.6),
                snr_db=rng.uniform(12, 35),
            )
        )
    return plans


def plan_long(voices: Path, half: Half, count: int, seed: int = 1) -> list[ConversationPlan]:
    """Conversations of 25 to 30 minutes; nobody has so much to say, so utterances are repeated."""
    rng = Random(f"long-{half}-{seed}")
    collections: dict[str, list[str]] = {}
    for person in people_of(voices, half):
        collections.setdefault(person.split("/")[0], []).append(person)
    plans = []
    for index, collection in zip(range(count), cycle(sorted(collections)), strict=False):
        able = collections[collection]
        people = tuple(rng.sample(able, min(len(able), rng.choice((3, 4, 5)))))
        seconds = rng.uniform(1500, 1800)
        plans.append(
            ConversationPlan(
                name=f"long-{half}-{index + 1:03}",
                seed=f"long-{half}-{seed}-{index}",
                people=people,
                seconds=seconds,
                overlap=rng.uniform(0.1, 0.3),
                telephone=False,
                reverberation=rng.uniform(0.1, 0.6),
                snr_db=rng.uniform(12, 35),
                rounds=math.ceil(_SPARE * seconds / sum(_seconds(voices / one) for one in people)),
            )
        )
    return plans


def _seconds(person: Path) -> float:
    return sum(float(soundfile.info(file).duration) for file in person.glob("*.flac"))


def plan_worded(voices: Path, half: Half, count: int, seed: int = 1) -> list[ConversationPlan]:
    """Conversations of two to four people whose words are known."""
    rng = Random(f"worded-{half}-{seed}")
    people = [one for one in people_of(voices, half) if _texts(voices / one.split("/")[0])]
    plans = []
    for index in range(count):
        telephone = index % 2 == 0
        plans.append(
            ConversationPlan(
                name=f"worded-{half}-{index + 1:03}",
                seed=f"worded-{half}-{seed}-{index}",
                people=tuple(rng.sample(people, rng.choice((2, 2, 3, 4)))),
                seconds=90.0,
                overlap=rng.uniform(0.0, 0.2),
                telephone=telephone,
                reverberation=0.0 if telephone else rng.uniform(0.1, 0.4),
                snr_db=rng.uniform(15, 35),
                whole=True,
            )
        )
    return plans


def make_conversation(voices: Path, plan: ConversationPlan) -> tuple[Float, int, list[SaidTurn]]:
    """The sound, its rate, and who says what when; it ends when there is nothing new to say."""
    rng = Random(plan.seed)
    noise = np.random.default_rng(rng.getrandbits(63))
    below = min(_BELOW_LOUDEST_DB, plan.snr_db + _LOUDEST_DB)
    pieces = {
        person: [
            piece
            for _ in range(plan.rounds)
            for piece in _pieces(voices, person, rng, below, whole=plan.whole)
        ]
        for person in plan.people
    }
    rooms = {person: _room(plan.reverberation, noise) for person in plan.people}
    levels = {person: 10 ** (rng.uniform(-5, 5) / 20) for person in plan.people}
    placed: list[tuple[int, str, _Piece]] = []
    for start, person, piece in _schedule(pieces, plan, rng):
        placed.append((int(start * RATE), person, piece))
    length = max(at + len(piece.sound) for at, _, piece in placed) + RATE
    mixture = np.zeros(length)
    for at, person, piece in placed:
        heard = fftconvolve(piece.sound, rooms[person])[: length - at] * levels[person]
        mixture[at : at + len(heard)] += heard
    mixture = _with_noise(mixture, plan.snr_db, noise)
    mixture *= 0.5 / np.abs(mixture).max()
    turns = [_said(at, person, piece) for at, person, piece in sorted(placed, key=lambda p: p[0])]
    if plan.telephone:
        return _through_telephone(mixture), TELEPHONE_RATE, turns
    return mixture, RATE, turns


def degraded(sound: Float, seed: str, *, telephone: bool) -> Float:
    """Somebody's speech as it would be recorded over a telephone, or in a room, with noise; at the
    rate of the conversations."""
    rng = Random(seed)
    noise = np.random.default_rng(rng.getrandbits(63))
    room = _room(0.0 if telephone else rng.uniform(0.1, 0.6), noise)
    heard = _with_noise(fftconvolve(sound, room)[: len(sound)], rng.uniform(12, 35), noise)
    heard *= 0.5 / np.abs(heard).max()
    if telephone:
        heard = resampled(_through_telephone(heard), TELEPHONE_RATE, RATE)[: len(sound)]
    return heard


def write_conversations(
    voices: Path, folder: Path, plans: Sequence[ConversationPlan]
) -> list[Path]:
    """A FLAC file for each, with `.rttm` and `.json` (turns with words) beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for plan in plans:
        sound, rate, turns = make_conversation(voices, plan)
        path = folder / f"{plan.name}.flac"
        soundfile.write(path, sound, rate, subtype="PCM_16")
        truth = {"plan": asdict(plan), "turns": [asdict(turn) for turn in turns]}
        path.with_suffix(".json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
        lines = [
            f"SPEAKER {plan.name} 1 {start:.3f} {end - start:.3f} <NA> <NA> "
            f"{turn.speaker.replace('/', '-')} <NA> <NA>\n"
            for turn in turns
            for start, end in turn.audible
        ]
        path.with_suffix(".rttm").write_text("".join(lines), encoding="utf-8")
        files.append(path)
    return files


def _pieces(
    voices: Path, person: str, rng: Random, below_db: float, *, whole: bool
) -> Iterator[_Piece]:
    """What somebody has to say, in random order, in turns."""
    files = sorted((voices / person).glob("*.flac"))
    rng.shuffle(files)
    texts = _texts(voices / person.split("/", maxsplit=1)[0])
    for file in files:
        sound, rate = soundfile.read(file, dtype="float64")
        assert rate == RATE, f"{file}: {rate} Hz; give 16 kHz"
        audible = audible_spans(sound, below_db)
        if not audible:
            continue
        loudness = np.sqrt(np.mean([np.mean(sound[_slice(span)] ** 2) for span in audible]))
        text = texts.get(file.stem)
        for group in [audible] if whole else _turns(audible, rng):
            complete = len(group) == len(audible)
            start, end = max(group[0][0] - 0.05, 0.0), group[-1][1] + 0.1
            moved = [(left - start, right - start) for left, right in group]
            cut = sound[_slice((start, end))] * (0.05 / loudness)
            yield _Piece(_faded(cut), moved, text if complete else None)


def _turns(
    audible: Sequence[tuple[float, float]], rng: Random
) -> Iterator[list[tuple[float, float]]]:
    """Join stretches into turns, most of them 0.5 to 8 s long."""
    group: list[tuple[float, float]] = []
    wanted = min(_LONGEST_TURN, rng.lognormvariate(1.1, 0.6))
    for span in audible:
        if group and span[1] - group[0][0] > wanted:
            yield group
            group, wanted = [], min(_LONGEST_TURN, rng.lognormvariate(1.1, 0.6))
        group.append(span)
    if group:
        yield group


def resampled(sound: Float, rate: int, wanted: int) -> Float:
    """Sound of one channel at another rate."""
    result: Float = sound if rate == wanted else resample_poly(sound, wanted, rate)
    return result


def _texts(collection: Path) -> dict[str, str]:
    file = collection / "text.txt"
    if not file.is_file():
        return {}
    lines = (line.split(maxsplit=1) for line in file.read_text(encoding="utf-8").splitlines())
    return {parts[0]: parts[1] for parts in lines if len(parts) == 2}


def audible_spans(sound: Float, below_db: float = _BELOW_LOUDEST_DB) -> list[tuple[float, float]]:
    """Where a recording of one person is loud enough to be speech, at most `below_db` less than its
    loudest, in seconds."""
    frames = sound[: len(sound) // _FRAME * _FRAME].reshape(-1, _FRAME)
    power = np.convolve(np.mean(frames**2, axis=1), np.ones(3) / 3, "same")
    level = 10 * np.log10(power + 1e-12)
    loudest, quietest = np.percentile(level, [97, 3])
    loud = level > max(loudest - below_db, min(quietest + _ABOVE_QUIETEST_DB, loudest - 15))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], loud.astype(np.int8), [0]])))
    spans: list[tuple[float, float]] = []
    for left, right in zip(edges[::2] / 100, edges[1::2] / 100, strict=True):
        if spans and left - spans[-1][1] < _SHORTEST_PAUSE:
            spans[-1] = (spans[-1][0], float(right))
        else:
            spans.append((float(left), float(right)))
    return [span for span in spans if span[1] - span[0] >= _SHORTEST_SPEECH]


def _schedule(
    pieces: dict[str, list[_Piece]], plan: ConversationPlan, rng: Random
) -> Iterator[tuple[float, str, _Piece]]:
    """Turn after turn, with listeners' short words in between."""
    now, last = rng.uniform(0.3, 1.5), ""
    while now < plan.seconds:
        able = [person for person in plan.people if pieces[person] and person != last]
        if not able:
            return
        weights = [1.0 + len(pieces[person]) for person in able]
        person = rng.choices(able, weights)[0]
        piece = pieces[person].pop()
        if last and rng.random() < plan.overlap:
            now = max(0.3, now - rng.uniform(0.2, 1.2))
        else:
            now += min(3.0, rng.expovariate(1 / 0.5))
        yield now, person, piece
        length = len(piece.sound) / RATE
        listeners = [one for one in plan.people if pieces[one] and one != person]
        if not plan.whole and listeners and length > 2.5 and rng.random() < plan.overlap:
            listener = rng.choice(listeners)
            short = _backchannel(pieces[listener][0], rng)
            if short is not None:
                yield now + rng.uniform(0.8, length - 1.2), listener, short
        now, last = now + length, person


def _backchannel(piece: _Piece, rng: Random) -> _Piece | None:
    """The first word or so of a piece."""
    start = piece.audible[0][0]
    end = min(piece.audible[0][1], start + rng.uniform(*_BACKCHANNEL))
    if end - start < _BACKCHANNEL[0]:
        return None
    return _Piece(_faded(piece.sound[_slice((start, end))]), [(0.0, end - start)], None)


def _said(at: int, person: str, piece: _Piece) -> SaidTurn:
    start = at / RATE
    audible = [(round(start + left, 3), round(start + right, 3)) for left, right in piece.audible]
    return SaidTurn(person, audible[0][0], audible[-1][1], audible, piece.text)


def _slice(span: tuple[float, float]) -> slice:
    return slice(int(span[0] * RATE), int(span[1] * RATE))


def _faded(sound: Float) -> Float:
    """Without clicks where it was cut."""
    ramp = np.minimum(np.arange(len(sound)) / (0.01 * RATE), 1.0)
    return sound * ramp * ramp[::-1]


def _room(reverberation: float, rng: np.random.Generator) -> Float:
    """An impulse response: the direct sound and a tail of noise that dies away."""
    if reverberation <= 0:
        return np.ones(1)
    time = np.arange(int(reverberation * RATE)) / RATE
    tail = rng.normal(size=len(time)) * 10 ** (-3 * time / reverberation)
    tail[: int(0.004 * RATE)] = 0
    ratio_db = rng.uniform(-2, 10)  # direct to reverberant
    tail *= 10 ** (-ratio_db / 20) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return tail


def _with_noise(sound: Float, snr_db: float, rng: np.random.Generator) -> Float:
    """Noise that falls off toward high frequencies as that of rooms and lines does."""
    spectrum = np.fft.rfft(rng.normal(size=len(sound)))
    spectrum /= np.maximum(np.sqrt(np.arange(len(spectrum))), 30.0)
    noise = np.fft.irfft(spectrum, len(sound))
    spoken = np.abs(sound) > 0.02 * np.abs(sound).max()
    level = np.sqrt(np.mean(sound[spoken] ** 2) / np.mean(noise**2))
    return sound + noise * level * 10 ** (-snr_db / 20)


def _through_telephone(sound: Float) -> Float:
    band = butter(4, (300, 3400), "bandpass", fs=RATE, output="sos")
    narrow = resample_poly(sosfilt(band, sound), TELEPHONE_RATE, RATE)
    narrow *= 0.5 / np.abs(narrow).max()
    packed = np.sign(narrow) * np.log1p(_MU * np.abs(narrow)) / np.log1p(_MU)
    packed = np.round(packed * 127) / 127
    unpacked: Float = np.sign(packed) * np.expm1(np.abs(packed) * np.log1p(_MU)) / _MU
    return unpacked


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("voices", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--half", choices=("tune", "check"), default="check")
    parser.add_argument("--dialogues", type=int, default=40)
    parser.add_argument("--meetings", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    plans = plan_conversations(
        options.voices,
        options.half,
        dialogues=options.dialogues,
        meetings=options.meetings,
        seed=options.seed,
    )
    files = write_conversations(options.voices, options.out, plans)
    print(f"{len(files)} conversations in {options.out}")


if __name__ == "__main__":
    main()
