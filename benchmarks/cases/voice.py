"""Rows of `reelmill voice`."""

from __future__ import annotations

from datetime import datetime, timezone
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.cases.case import (
    Case,
    Result,
    Right,
    done,
    either,
    every,
    exits,
    heard,
    hears,
    lasts,
    lasts_as_truth,
    says,
    says_text,
    silent_between,
    truth,
    without,
    words,
)
from synthetic.odd_sounds import SOUNDS

_TRACKS = "other audio tracks"
_YEAR_2300 = datetime(2300, 1, 1, tzinfo=timezone.utc).timestamp()
_SAMPLE = Path(str(resources.files("reelmill") / "assets" / "samples" / "voicemail.wav"))
#: Sentences of the films whose sound is inverted, or in the centre of six channels.
_SIX = (
    "saw the manager near the harbor on Sunday",
    "but I am not sure",
    "I will tell your sister everything",
    "rain in the library on Tuesday",
    "The account number is",
    "rain in the coffee shop on Sunday",
)
_SPEAKERS = ("--diarizer", "default")


def _made(name: str, expected: str, right: Right, *options: str, **more: Any) -> Case:
    """A row with a generated input."""
    return Case(f"fresh/{name}", expected, right, options, make=SOUNDS[name], **more)


def _sentences_begin(result: Result, path: Path) -> bool:
    """The text of each sentence begins between 0.55 s before and 0.45 s after it is said."""
    starts = [one["start"] for one in result.segments]
    return all(any(-0.45 <= at - start <= 0.55 for start in starts) for at, *_ in truth(path))


def _share_in_languages(result: Result, path: Path) -> float:
    """The share of the time in which somebody speaks whose segment is in the language spoken."""
    right = total = 0.0
    for start, end, language, _ in truth(path):
        middle = (start + end) / 2
        there = [one for one in result.segments if one["start"] <= middle <= one["end"]]
        total += end - start
        if there and there[0]["language"] == language:
            right += end - start
    return right / total


def _in_languages(result: Result, path: Path) -> bool:
    return _share_in_languages(result, path) == 1


def _sides_heard(share: float) -> Right:
    """At least this share of what is said on each side has only the speaker of that side."""

    def right(result: Result, path: Path) -> bool:
        said = truth(path)
        sides: dict[str, str] = {}
        for one in result.segments:
            sides[one["speaker"]] = f"{sides.get(one['speaker'], '')} {one['text']}"
        found = [max(heard(text, [one]) for text in sides.values()) for one in said]
        return len(sides) == 2 and sum(found) / len(found) >= share

    return right


#: Start, end, speaker.
Turn = tuple[float, float, str]


def _turns_said(path: Path) -> list[Turn]:
    """Who speaks when, as is known of the recording."""
    rttm = path.with_name(f"{path.stem}.truth.rttm")
    if not rttm.is_file():
        return [(start, end, language) for start, end, language, _ in truth(path)]
    lines = [line.split() for line in rttm.read_text("utf-8").splitlines()]
    return [(float(one[3]), float(one[3]) + float(one[4]), one[7]) for one in lines]


def _each_by_one(people: int, share: float) -> Right:
    """This many people are found, and at least this share of each one's speech is assigned to one
    of them, a different one for each."""

    def right(result: Result, path: Path) -> bool:
        said = _turns_said(path)
        found = sorted({one["speaker"] for one in result.turns})
        if len(found) != people:
            return False
        shares = []
        for person in dict.fromkeys(who for *_, who in said):
            own = [(start, end) for start, end, who in said if who == person]
            shares.append({one: _shared(own, result.turns, one) for one in found})
        given = [max(one, key=lambda name: one[name]) for one in shares]
        return len(set(given)) == people and all(
            one[name] >= share for one, name in zip(shares, given, strict=True)
        )

    return right


def _shared(own: list[tuple[float, float]], turns: list[dict[str, Any]], speaker: str) -> float:
    """The share of the time of `own` in which that speaker is found."""
    inside = sum(
        max(0.0, min(end, one["end"]) - max(start, one["start"]))
        for start, end in own
        for one in turns
        if one["speaker"] == speaker
    )
    return float(inside / sum(end - start for start, end in own))


def _all_have_speakers(result: Result, path: Path) -> bool:
    return bool(result.segments) and all(one["speaker"] for one in result.segments)


_GIVEN = [
    Case(
        "voice/c06_pauses_90s.flac",
        "each of the four sentences from its beginning, at 0.7, 94.1, 188.3 and 282.0 s",
        every(_sentences_begin, says_text("I'm sorry, but")),
        needs_words=True,
    ),
    Case(
        "voice/b08_fr_then_long_hold_music_then_fr.flac",
        "no words in the music, from 11.0 to 71.7 s; French",
        every(silent_between(12, 71), _in_languages),
        needs_words=True,
    ),
    Case(
        "video/sub_three_languages.mp4",
        "English, then French and German that base does not understand: said to be without text, "
        "or doubtful",
        every(
            says_text("welcome to our travel show"),
            either(says("doubtful text"), says("no text", "of speech")),
        ),
        needs_words=True,
    ),
    Case(
        "voice/l1_every_second_30dB_quieter.flac",
        "at least 118 of 124 words, as many as faster-whisper finds",
        lambda result, path: len(words(result.text)) >= 118,
        needs_words=True,
    ),
    Case(
        "voice/h4_babble.flac",
        "nothing of the hotwords, which nobody says",
        lambda result, path: not {"daejeon", "prosecutors", "escrow"} & set(words(result.text)),
        ("--hotwords", "Daejeon District Prosecutors, escrow account"),
        needs_words=True,
    ),
    Case(
        "voice/b06_es_30s_then_en_32s.flac",
        "Spanish up to 33 s, then English",
        every(lambda result, path: result.languages("es") == (0, 33), _in_languages, hears(0.8)),
        needs_words=True,
    ),
    Case(
        "voice/k3_two_tracks.mkv",
        "the main track; the other is named; not called truncated",
        every(says(_TRACKS, "track 0", "track 1 (aac, spa"), without("truncated"), lasts(16.6)),
    ),
    Case(
        "voice/k3_two_tracks.mkv",
        "--track 1: the second track",
        every(says(_TRACKS, "track 1 (aac, spa", "not in the result: track 0"), lasts(17.5)),
        ("--track", "1"),
    ),
    Case(
        "voice/k4_first_track_silent.mp4",
        "the second track, in which somebody speaks",
        every(says(_TRACKS, "nobody speaks in track 0"), lasts(16.5)),
    ),
    Case(
        "voice/cat_wav.wav",
        "both WAV files, one after the other",
        every(says("joined recordings", "2 recordings"), lasts(33.7)),
    ),
    Case(
        "voice/k2a_header_says_a_third.wav",
        "all 16.5 s, and that the header says 5.5",
        every(says("beyond its header", "states 5.5 s", "all 16.5 s"), lasts(16.5)),
    ),
    Case(
        "voice/d20_chained_vorbis_rates.ogg",
        "both links",
        every(says("joined recordings", "2 recordings"), without("damaged sound"), lasts(33.0)),
    ),
    Case(
        "voice/d23_wav_cut.wav",
        "grave, and in the exit code: it ends after 11.0 of 16.5 s",
        every(says("truncated", "after 11.0 s", "states 16.5 s"), lasts(11.0), exits(1)),
    ),
    Case(
        "voice/d36_faststart_cut.mp4",
        "grave, and in the exit code: it ends after 9.5 of 16.5 s",
        every(says("truncated", "after 9.5 s", "states 16.5 s"), lasts(9.5), exits(1)),
    ),
    Case(
        "voice/amr_long_pauses.amr",
        "the last sentence ends at 140.4 s; pauses are no damage",
        every(says("pauses not sent", "7 places"), without("damaged sound"), lasts(140.5, 0.3)),
    ),
    Case(
        "voice/amr_long_pauses.amr",
        "each sentence where it is said",
        every(_sentences_begin, hears(0.85)),
        needs_words=True,
    ),
    Case(
        "voice/e2r_aac.aac",
        "two damaged places, counted, with their times",
        every(says("damaged sound", "4 corrupt"), says("damaged sound", "2 corrupt"), lasts(37.4)),
    ),
    Case(
        "voice/f01_inverted.flac",
        "one side turned over, and said; all that is said",
        every(says("channels", "inverted"), hears(0.9)),
        needs_words=True,
    ),
    Case(
        "voice/f04_left_speech_right_noise.flac",
        "left read, and said; all that is said",
        every(says("channels", "nobody speaks in right"), hears(0.9)),
        needs_words=True,
    ),
    Case(
        "voice/f09_stereo_call_overlapping.flac",
        "each side by itself: of 79 words 9 in 10, by their own side",
        every(says("channels", "different people"), _sides_heard(0.9)),
        needs_words=True,
    ),
    Case(
        "voice/g_mtime_2300.wav",
        "of the year 2300: done, and so is the other in the folder",
        every(done, lambda result, path: result.others_done >= 1),
        date=_YEAR_2300,
        beside=_SAMPLE,
    ),
    Case(
        "voice/j1b_one_man_level_drops.flac",
        "one person",
        _each_by_one(1, 0.9),
        _SPEAKERS,
    ),
    Case(
        "voice/j2_man_with_woman_interjecting.flac",
        "two people; her answers, of half a second each, are hers",
        _each_by_one(2, 0.6),
        _SPEAKERS,
    ),
    Case(
        "voice/j8_one_speaker_es_quarter_without_speaker.flac",
        "one person, and every segment is that person's",
        every(
            _all_have_speakers, lambda result, path: len({t["speaker"] for t in result.turns}) == 1
        ),
        _SPEAKERS,
        needs_words=True,
    ),
    Case(
        "video/outofphase.mp4",
        "one side turned over, and said; six sentences",
        every(says("channels", "inverted"), says_text(*_SIX)),
        needs_words=True,
    ),
    Case(
        "video/surround_music-6.mkv",
        "the centre channel, and said; six sentences",
        every(says("channels", "dialogue in the centre"), says_text(*_SIX)),
        needs_words=True,
    ),
]

_MADE = [
    _made("two_languages.flac", "French, then Russian", _in_languages, needs_words=True),
    _made(
        "hold_music.flac",
        "no words in a minute of music",
        every(lambda result, path: silent_between(*_music(path))(result, path), hears(0.75)),
        needs_words=True,
    ),
    _made(
        "long_pauses.flac",
        "each of four sentences where it is said, with pauses of 70 s",
        every(_sentences_begin, hears(0.85)),
        needs_words=True,
    ),
    _made(
        "pauses_not_sent.amr",
        "sentences where they are said; pauses are no damage",
        every(says("pauses not sent"), without("damaged sound"), _sentences_begin, hears(0.8)),
        needs_words=True,
    ),
    _made(
        "joined.wav",
        "both files",
        every(says("joined recordings", "2 recordings"), lasts_as_truth()),
    ),
    _made(
        "short_header.wav",
        "all of it, and said",
        every(says("beyond its header"), lasts_as_truth()),
    ),
    _made(
        "chained.ogg",
        "both links",
        every(says("joined recordings", "2 recordings"), lasts_as_truth()),
    ),
    _made("cut.wav", "grave, and in the exit code", every(says("truncated"), exits(1))),
    _made("cut_film.mp4", "grave, and in the exit code", every(says("truncated"), exits(1))),
    _made(
        "damaged.aac",
        "the damaged places, at 5 and at 12 s",
        lambda result, path: (
            {round(one["start"]) for one in result.labelled("damaged sound")} == {5, 12}
        ),
    ),
    _made(
        "inverted.flac",
        "one side turned over, and said",
        every(says("channels", "inverted"), hears(0.75)),
        needs_words=True,
    ),
    _made(
        "inverted_film.mp4",
        "one side turned over, and said",
        every(says("channels", "inverted"), hears(0.85)),
        needs_words=True,
    ),
    _made(
        "noise_on_left.flac",
        "right read, and said",
        every(says("channels", "nobody speaks in left"), hears(0.85)),
        needs_words=True,
    ),
    _made(
        "person_each.flac",
        "each side by itself",
        every(says("channels", "different people"), _sides_heard(0.7)),
        needs_words=True,
    ),
    _made(
        "dated_2300.wav",
        "done, and so is the other",
        every(done, lambda result, path: result.others_done >= 1),
        beside=_SAMPLE,
    ),
    _made(
        "babble.flac",
        "nothing of the hotwords, which nobody says",
        lambda result, path: not {"incheon", "customs", "ledger"} & set(words(result.text)),
        "--hotwords",
        "Incheon customs office, second ledger",
        needs_words=True,
    ),
    _made("level_drops.flac", "one person", _each_by_one(1, 0.9), *_SPEAKERS),
    _made(
        "short_answers.flac", "two people; her answers are hers", _each_by_one(2, 0.6), *_SPEAKERS
    ),
    _made(
        "one_speaker.flac",
        "one person, and every segment is that person's",
        every(_all_have_speakers, _each_by_one(1, 0.9)),
        *_SPEAKERS,
        needs_words=True,
    ),
    _made(
        "two_tracks.mkv",
        "the main track; the other is named",
        every(says(_TRACKS, "track 1 (aac, spa"), hears(0.7)),
        needs_words=True,
    ),
    _made(
        "first_silent.mp4",
        "the second track",
        every(says(_TRACKS, "nobody speaks in track 0"), hears(0.85)),
        needs_words=True,
    ),
    _made("every_second_quiet.flac", "nine words of ten", hears(0.9), needs_words=True),
    _made(
        "twelve_times.flac",
        "a sentence said twelve times, twelve times",
        hears(0.95),
        needs_words=True,
    ),
    _made(
        "three_languages.mp4",
        "English, Spanish, French, of three that are given: nine tenths in their language",
        lambda result, path: _share_in_languages(result, path) >= 0.9,
        "--language",
        "en,es,fr",
        needs_words=True,
    ),
    _made(
        "music_surround.mkv",
        "the centre channel, and said",
        every(says("channels", "dialogue in the centre"), hears(0.85)),
        needs_words=True,
    ),
    _made(
        "late_sound.flv",
        "sound that begins after the pictures, where it is",
        every(without("late track"), _sentences_begin, hears(0.85)),
        needs_words=True,
    ),
]


def _music(path: Path) -> tuple[float, float]:
    """The longest time in which nobody speaks."""
    said = truth(path)
    return max(
        ((one[1] + 1, after[0] - 1) for one, after in pairwise(said)),
        key=lambda span: span[1] - span[0],
    )


VOICE = [*_GIVEN, *_MADE]
