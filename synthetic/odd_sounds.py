"""Sounds of kinds that once went wrong, about a minute each: `SOUNDS`.

Speech is of Debian's telephone prompts (`synthetic/prompts.py`); what is said stands beside each
file (`NAME.truth.json`): start and end in seconds, language, text.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from fractions import Fraction
from pathlib import Path

import numpy as np

from synthetic.containers import (
    amr_with_pauses,
    damaged_adts,
    moov_first,
    two_links,
    with_stated_length,
    write_tracks,
)
from synthetic.flv import followed
from synthetic.movie import SoundTrack, write_movie
from synthetic.prompts import sound, spoken
from synthetic.staged import Form, write
from synthetic.synth import RATE, Samples

#: Start, end, language, text.
Said = tuple[float, float, str, str]
_PAUSE = 0.8


class Scene:
    """One channel, as long as what is put into it."""

    def __init__(self) -> None:
        self._parts: list[Samples] = []
        self._length = 0
        self.said: list[Said] = []

    @property
    def seconds(self) -> float:
        return self._length / RATE

    @property
    def samples(self) -> Samples:
        return np.concatenate(self._parts)

    def add(self, samples: Samples) -> Scene:
        self._parts.append(samples)
        self._length += len(samples)
        return self

    def pause(self, seconds: float) -> Scene:
        return self.add(np.zeros(round(seconds * RATE), np.float32))

    def say(self, samples: Samples, language: str, text: str) -> Scene:
        start = self.seconds
        self.add(samples)
        self.said.append((start, self.seconds, language, text))
        return self

    def talk(self, language: str, count: int, seed: int = 1) -> Scene:
        """Some prompts with pauses between them."""
        for samples, text in spoken(language, count, seed):
            self.say(samples, language, text).pause(_PAUSE)
        return self


def later(said: Sequence[Said], seconds: float) -> list[Said]:
    return [(start + seconds, end + seconds, code, text) for start, end, code, text in said]


def told(path: Path, said: Sequence[Said]) -> None:
    """Write what is said in `path` beside it."""
    truth = [[round(start, 3), round(end, 3), *rest] for start, end, *rest in said]
    path.with_name(f"{path.stem}.truth.json").write_text(json.dumps(truth, ensure_ascii=False))


def _flac(path: Path, scene: Scene, *channels: Samples) -> None:
    write_tracks(path, [np.stack(channels) if channels else scene.samples[None]], "flac", "flac")
    told(path, scene.said)


def chords(seconds: float) -> Samples:
    """Music without words: a chord every 1.5 s."""
    time = np.arange(round(seconds * RATE)) / RATE
    roots = np.array([220.0, 174.6, 196.0, 261.6])[(time / 1.5).astype(int) % 4]
    phase = 2 * np.pi * np.cumsum(roots) / RATE
    mixed = sum(np.sin(step * phase) for step in (1.0, 1.25, 1.5, 2.0))
    music: Samples = (0.06 * mixed * np.exp(-(time % 1.5))).astype(np.float32)
    return music


def two_languages(path: Path) -> None:
    """French, and then Russian."""
    _flac(path, Scene().talk("fr", 6).talk("ru", 6))


def hold_music(path: Path) -> None:
    """Speech, a minute of music, speech."""
    _flac(path, Scene().talk("it", 3).add(chords(60)).pause(0.3).talk("it", 3, 2))


def long_pauses(path: Path) -> None:
    """Sentences with pauses of 70 s of silence."""
    scene = Scene().pause(0.5)
    for seed in (5, 6, 7):
        scene.talk("en", 1, seed).pause(70)
    _flac(path, scene.talk("en", 1, 8))


def pauses_not_sent(path: Path) -> None:
    """AMR of a telephone that sends nothing in pauses."""
    scene = Scene()
    parts = []
    for seed in (1, 2, 3):
        (samples, text), pause = spoken("en", 1, seed)[0], 30.0
        scene.say(samples, "en", text).pause(pause)
        parts.append((samples, pause))
    path.write_bytes(amr_with_pauses(parts))
    told(path, scene.said)


def joined(path: Path) -> None:
    """Two WAV files, one behind the other."""
    scene, parts = Scene(), []
    for seed in (1, 2):
        part = Scene().talk("en", 2, seed)
        parts.append(_wav(path, part.samples))
        scene.said += later(part.said, scene.seconds)
        scene.add(part.samples)
    path.write_bytes(b"".join(parts))
    told(path, scene.said)


def short_header(path: Path) -> None:
    """A WAV whose header states a third of its sound."""
    scene = Scene().talk("en", 4)
    path.write_bytes(with_stated_length(_wav(path, scene.samples), len(scene.samples) // 3 * 2))
    told(path, scene.said)


def _wav(path: Path, samples: Samples) -> bytes:
    write_tracks(path, [samples[None]], "wav", "pcm_s16le")
    return path.read_bytes()


def chained(path: Path) -> None:
    """An Ogg whose second link has another number of channels."""
    scene = Scene().talk("es", 4)
    half = len(scene.samples) // 2
    two_links(path, scene.samples[None, :half], np.stack([scene.samples[half:]] * 2))
    told(path, scene.said)


def cut_wav(path: Path) -> None:
    """The first two thirds of a WAV."""
    scene = Scene().talk("en", 4)
    whole = _wav(path, scene.samples)
    path.write_bytes(whole[: len(whole) * 2 // 3])


def cut_mp4(path: Path) -> None:
    """The first two thirds of an mp4 whose index comes first."""
    scene = Scene().talk("en", 4)
    write_tracks(path, [scene.samples[None]], "mp4", "aac", moov_first())
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])


def damaged(path: Path) -> None:
    """AAC with two damaged places, at 5 and at 12 s."""
    scene = Scene().talk("en", 5)
    write_tracks(path, [scene.samples[None]], "adts", "aac")
    path.write_bytes(damaged_adts(path.read_bytes(), RATE, (5.0, 5.4), (12.0, 12.3)))


def inverted(path: Path) -> None:
    """The same on both sides, one of them turned over."""
    scene = Scene().talk("es", 4)
    _flac(path, scene, scene.samples, -scene.samples)


def noise_on_left(path: Path) -> None:
    """Speech on the right, noise on the left."""
    scene = Scene().talk("en", 4)
    noise = np.random.default_rng(1).normal(0, 0.05, len(scene.samples)).astype(np.float32)
    _flac(path, scene, noise, scene.samples)


def person_each(path: Path) -> None:
    """A person on each side, who talk at the same time now and then."""
    left, right = Scene().talk("en", 4), Scene().pause(1.5).talk("fr", 4)
    longest = max(left.seconds, right.seconds)
    for side in (left, right):
        side.pause(longest - side.seconds)
    said = Scene()
    said.said = sorted([*left.said, *right.said])
    _flac(path, said, left.samples, right.samples)


def dated_2300(path: Path) -> None:
    """A short sound whose file is of the year 2300."""
    _wav(path, Scene().talk("en", 1).samples)
    when = datetime(2300, 1, 1, tzinfo=timezone.utc).timestamp()
    os.utime(path, (when, when))


def babble(path: Path) -> None:
    """Five people at once, backwards."""
    people = [Scene().talk(language, 4).samples for language in ("en", "es", "fr", "it", "ru")]
    length = min(map(len, people))
    mixed = np.sum([one[:length][::-1] for one in people], axis=0) / 4
    write_tracks(path, [mixed[None]], "flac", "flac")


def level_drops(path: Path) -> None:
    """One man, 20 dB quieter from the middle on."""
    scene = Scene().talk("it", 14)
    level = np.where(np.arange(len(scene.samples)) < len(scene.samples) // 2, 1.0, 0.1)
    _flac(path, scene, (scene.samples * level).astype(np.float32))


def short_answers(path: Path) -> None:
    """A man who talks, and a woman who says a word now and then."""
    answers = [Path(sound_of) for sound_of in _ANSWERS]
    scene = Scene()
    for number, (samples, text) in enumerate(spoken("it", 12, 3)):
        scene.say(samples, "it", text).pause(0.25)
        scene.say(sound(answers[number % len(answers)]), "en", "").pause(0.25)
    _flac(path, scene)


_FOLDER = "/usr/share/asterisk/sounds/en_US_f_Allison"
_ANSWERS = [f"{_FOLDER}/digits/{number}.wav" for number in (4, 8, 9, 5)]


def one_speaker(path: Path) -> None:
    """One woman, for a minute and a half."""
    _flac(path, Scene().talk("ru", 20))


def two_tracks(path: Path) -> None:
    """A film's sound in two languages."""
    first, second = Scene().talk("fr", 3), Scene().talk("es", 3)
    write_tracks(
        path, [first.samples[None], second.samples[None]], "matroska", "aac", None, ("fra", "spa")
    )
    told(path, first.said)


def first_silent(path: Path) -> None:
    """Nobody is heard in the first track."""
    scene = Scene().talk("en", 4)
    write_tracks(path, [np.zeros_like(scene.samples)[None], scene.samples[None]], "mp4", "aac")
    told(path, scene.said)


def every_second_quiet(path: Path) -> None:
    """Every second sentence is 30 dB quieter."""
    scene = Scene()
    for number, (samples, text) in enumerate(spoken("en", 12, 4)):
        level = 10 ** (-30 / 20) if number % 2 else 1.0
        scene.say((samples * level).astype(np.float32), "en", text).pause(_PAUSE)
    _flac(path, scene)


def twelve_times(path: Path) -> None:
    """A sentence said twelve times, after another and before a third one."""
    scene = Scene().talk("en", 1, 1)
    (samples, text) = spoken("en", 1, 9)[0]
    for _ in range(12):
        scene.say(samples, "en", text).pause(0.4)
    _flac(path, scene.talk("en", 1, 2))


def inverted_film(path: Path) -> None:
    """Stereo in an mp4, one side turned over."""
    scene = Scene().talk("en", 5, 3)
    write_tracks(path, [np.stack([scene.samples, -scene.samples])], "mp4", "aac")
    told(path, scene.said)


def music_surround(path: Path) -> None:
    """5.1 with speech in the centre and music louder than it in front and behind."""
    scene = Scene().talk("en", 5, 4)
    music, nothing = 4 * chords(scene.seconds + 1)[: len(scene.samples)], 0 * scene.samples
    sides = [music, music, scene.samples, nothing, 0.5 * music, 0.5 * music]
    write_tracks(path, [np.stack(sides)], "matroska", "ac3", rate=RATE * 3, given=RATE)
    told(path, scene.said)


def three_languages(path: Path) -> None:
    """A film in which English, Spanish and French are spoken, one after the other."""
    scene = Scene().talk("en", 6, 5).talk("es", 6, 5).talk("fr", 6, 5)
    black = np.zeros((90, 160, 3), np.uint8)
    shown = (black for _ in range(round(scene.seconds * 5)))
    write_movie(path, shown, Fraction(5), SoundTrack(scene.samples, RATE))
    told(path, scene.said)


def late_sound(path: Path) -> None:
    """An FLV of which the sound begins after the pictures have ended."""
    scene = Scene().talk("en", 2, 6)
    write(path, [np.full((90, 160, 3), 90, np.uint8)] * 250, Form("flv"))
    pictures = path.read_bytes()
    write_tracks(path, [scene.samples[None]], "flv", "aac", rate=44_100, given=RATE)
    path.write_bytes(followed(pictures, path.read_bytes(), 10.0))
    told(path, later(scene.said, 10))


#: By file name: the function that makes it.
SOUNDS: dict[str, Callable[[Path], None]] = {
    "two_languages.flac": two_languages,
    "hold_music.flac": hold_music,
    "long_pauses.flac": long_pauses,
    "pauses_not_sent.amr": pauses_not_sent,
    "joined.wav": joined,
    "short_header.wav": short_header,
    "chained.ogg": chained,
    "cut.wav": cut_wav,
    "cut_film.mp4": cut_mp4,
    "damaged.aac": damaged,
    "inverted.flac": inverted,
    "noise_on_left.flac": noise_on_left,
    "person_each.flac": person_each,
    "dated_2300.wav": dated_2300,
    "babble.flac": babble,
    "level_drops.flac": level_drops,
    "short_answers.flac": short_answers,
    "one_speaker.flac": one_speaker,
    "two_tracks.mkv": two_tracks,
    "first_silent.mp4": first_silent,
    "every_second_quiet.flac": every_second_quiet,
    "twelve_times.flac": twelve_times,
    "inverted_film.mp4": inverted_film,
    "music_surround.mkv": music_surround,
    "three_languages.mp4": three_languages,
    "late_sound.flv": late_sound,
}
