"""Small inputs that once went wrong, with what is right, through the commands as users run them.

    python -m benchmarks.cases FOLDER [NAME ...] [--model FOLDER]

Rows about words need a real Whisper: `--model FOLDER`. FOLDER holds the inputs, `voice/` and
`video/`; with names only the rows whose file's name contains one of them. Prints a line for each:
file, what was expected, what came, ok or FAIL; ends with 1 when a row failed, and 2 when a file is
not there. Rows of `fresh/` are made on the spot (`synthetic/oddities.py`).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pysubs2
from rich.console import Console
from rich.table import Table

from benchmarks.matrix import clips
from benchmarks.matrix.compare import differences, picture_differences, text_is_seen
from benchmarks.matrix.layouts import ffprobe
from reelmill.artifacts import SubtitleCue, SubtitleTrack
from reelmill.export.subtitles import DEFAULT_STYLE
from reelmill.export.subtitles.text_tracks import ass_file
from synthetic.oddities import FILMS

#: Words and speakers are not what these rows are about.
_TEXT_ONLY = ("--no-align", "--diarizer", "none", "--formats", "json")
#: Of the demo film's sentences, which the demo models know.
COPIES = ("--translator", "demo", "--no-align", "--to", "ko", "--mux", "--burn")

#: Words and boxes are not looked at, clips are.
_CLIPS = ("--formats", "json", "--preset", "ultrafast")

Finding = dict[str, Any]


@dataclass(frozen=True)
class Result:
    """What a command left: exit code, and of the one recording its length and findings."""

    code: int
    duration: float
    findings: list[Finding]
    error: str
    segments: list[dict[str, Any]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join(one["text"] for one in self.segments)

    def languages(self, code: str) -> tuple[int, int]:
        """From when to when that language is spoken, in whole seconds; (-1, -1) where it is not."""
        spoken = [one for one in self.segments if one["language"] == code]
        return (int(spoken[0]["start"]), round(spoken[-1]["end"])) if spoken else (-1, -1)

    @classmethod
    def of(cls, code: int, out: Path) -> Result:
        report = json.loads((out / "performance_report.json").read_text("utf-8"))
        failed = [entry["error"] for entry in report["failed_files"]]
        results = [json.loads(path.read_text("utf-8")) for path in out.glob("*.json")]
        made = [one for one in results if isinstance(one, dict) and "segments" in one]
        duration = made[0]["duration"] if made else 0.0
        found = [one for each in report["recording_findings"] for one in each["findings"]]
        segments = made[0]["segments"] if made else []
        return cls(code, duration, found, "; ".join(failed), segments)

    def labelled(self, label: str) -> list[Finding]:
        return [one for one in self.findings if one["label"] == label]

    def words(self) -> str:
        """In a cell of the table."""
        found = [f"{one['severity']}: {one['text']}" for one in self.findings]
        return "\n".join(
            filter(None, [f"{self.duration:.1f} s, exit {self.code}", *found, self.error])
        )


@dataclass(frozen=True)
class Case:
    """`file` below FOLDER; `right` decides whether what came is what was `expected`."""

    file: str
    expected: str
    right: Callable[[Result], bool]
    options: tuple[str, ...] = ()
    #: None: no command is run, `look` sees to it.
    command: str | None = "voice"
    #: Given the input and the output folder, what is wrong with the files that were written.
    look: Callable[[Path, Path], list[str]] = lambda original, out: []
    #: It is about words: --model takes the place of the demo model, and without one it is left out.
    needs_words: bool = False


def _says(label: str, *parts: str) -> Callable[[Result], bool]:
    return lambda result: any(
        all(part in one["text"] for part in parts) for one in result.labelled(label)
    )


def _lasts(seconds: float, within: float = 0.1) -> Callable[[Result], bool]:
    return lambda result: abs(result.duration - seconds) <= within


def _all(*checks: Callable[[Result], bool]) -> Callable[[Result], bool]:
    return lambda result: all(check(result) for check in checks)


def _without(label: str) -> Callable[[Result], bool]:
    return lambda result: not result.labelled(label)


def _done(result: Result) -> bool:
    return result.code == 0 and not result.error and not result.labelled("not kept")


def _copies(
    original: Path, out: Path, *texts: tuple[float, float], taken: tuple[str, ...] = ()
) -> list[str]:
    """What the copies of `subtitle --mux --burn` lack; texts are seen in those times (s), and
    `taken` are dispositions that the original's subtitles were not to keep."""
    muxed = list(out.glob(f"{original.stem}.subtitled.*"))
    burned = list(out.glob(f"{original.stem}.ko.burned.*"))
    if not (muxed and burned):
        return ["a copy is not there"]
    before, with_track, with_text = map(ffprobe, (original, muxed[0], burned[0]))
    wrong = differences(before, with_track, added=1, taken=taken)
    wrong += differences(before, with_text, added=0, without_picture=True)
    wrong += picture_differences(original, burned[0], before, with_text)
    unseen = [time for time in texts if not text_is_seen(original, burned[0], *time)]
    return wrong + [f"no text at {start} to {end} s" for start, end in unseen]


def _marks_of_lines(original: Path, out: Path) -> list[str]:
    """The lines of a script that, written now, do not say that they are read from the right."""
    lines = [line for event in pysubs2.load(str(original)) for line in event.text.split("\\N")]
    track = SubtitleTrack("ar", [SubtitleCue(0.0, 1.0, lines, [])], [])
    written = ass_file(track, DEFAULT_STYLE, (1920, 1080)).events[0].text.split("\\N")
    marked = [f"\u202b{line}\u202c" for line in lines]
    return [line for line, right in zip(written, marked, strict=True) if line != right]


_TRACKS = "other audio tracks"

#: Below this folder, inputs are made on the spot.
FRESH = "fresh/"


def _fails(*parts: str) -> Callable[[Result], bool]:
    return lambda result: all(part in result.error for part in parts)


_FACES = [
    Case(
        "video/faces_ts_first_gop_lost.m2ts",
        "every picture looked at, from the first on",
        _done,
        command="faces",
        look=clips.all_of(clips.every_picture, clips.persons(1, 7.9)),
    ),
    Case(
        "video/faces_raw.h264",
        "no time stamps: counted, and said",
        _says("no time stamps", "25 pictures a second"),
        command="faces",
        look=clips.every_picture,
    ),
    Case(
        "video/faces_oneframe.mp4",
        "one picture, one person",
        _done,
        command="faces",
        look=clips.all_of(clips.every_picture, clips.persons(1)),
    ),
    Case(
        "video/faces_fps1.mp4",
        "one frame a second: one person",
        _done,
        command="faces",
        look=clips.all_of(clips.every_picture, clips.persons(1, 25.0)),
    ),
    Case(
        "video/faces_blink_cuts.mp4",
        "cuts every 0.4 s: nobody else's shots in a clip",
        _done,
        ("--clip", "person"),
        command="faces",
        look=clips.all_of(clips.every_picture, clips.persons(2), clips.one_person_a_clip),
    ),
    Case(
        "video/faces_hlg.mp4",
        "HLG: clips of standard range",
        _done,
        command="faces",
        look=clips.of_standard_range,
    ),
    Case(
        "video/faces_overlay_sar2.mp4",
        "anamorphic: the overlay as it is shown, 640 x 360",
        _done,
        ("--layout", "overlay"),
        command="faces",
        look=clips.all_of(clips.clip_size(640, 360), clips.in_proportion),
    ),
    Case(
        "video/faces_split_one_person.mp4",
        "split with one person: in proportion, and said",
        _says("one person", "one person"),
        ("--layout", "split"),
        command="faces",
        look=clips.all_of(clips.clip_size(1920, 1080), clips.in_proportion),
    ),
    Case(
        "fresh/first_group.ts",
        "every picture of a transport stream",
        _done,
        command="faces",
        look=clips.all_of(clips.every_picture, clips.persons(1, 2.9)),
    ),
    Case(
        "fresh/no_stamps.h264",
        "no time stamps: counted, and said",
        _says("no time stamps", "25 pictures a second"),
        command="faces",
        look=clips.every_picture,
    ),
    Case(
        "fresh/joined.mpg",
        "three recordings in one file, one after the other",
        _says("joined recordings", "3 recordings"),
        command="faces",
        look=clips.all_of(clips.every_picture, clips.persons(1, 4.7)),
    ),
    Case(
        "fresh/every_two_seconds.mp4",
        "a picture every two seconds: one person",
        _done,
        command="faces",
        look=clips.all_of(clips.every_picture, clips.persons(1, 21.9)),
    ),
    Case(
        "fresh/stands.mkv",
        "a picture that stands for ten seconds: no absence",
        _done,
        command="faces",
        look=clips.all_of(clips.every_picture, clips.persons(1, 11.9)),
    ),
    Case(
        "fresh/single.mkv",
        "one picture, one person",
        _done,
        command="faces",
        look=clips.all_of(clips.every_picture, clips.persons(1)),
    ),
    Case(
        "fresh/blinks.mp4",
        "cuts every 0.32 s: nobody else's shots in a clip",
        _done,
        ("--clip", "person"),
        command="faces",
        look=clips.all_of(clips.every_picture, clips.persons(2), clips.one_person_a_clip),
    ),
    Case(
        "fresh/pq.mkv",
        "PQ: clips of standard range",
        _done,
        command="faces",
        look=clips.of_standard_range,
    ),
    Case(
        "fresh/narrow_pixels.mp4",
        "pixels half as wide as high: the overlay as it is shown",
        _done,
        ("--layout", "overlay"),
        command="faces",
        look=clips.all_of(clips.clip_size(640, 360), clips.in_proportion),
    ),
    Case(
        "fresh/poster.mp4",
        "with --min-face and --ignore-still one person, and what was left out",
        _all(_says("still faces", "1 face"), _says("small faces", "1 face")),
        ("--ignore-still", "--min-face", "0.1"),
        command="faces",
        look=clips.persons(1, 3.9),
    ),
    Case(
        "fresh/call.mp4",
        "four people in tiles: no clip shows an edge",
        _done,
        ("--face-share", "0.25"),
        command="faces",
        look=clips.all_of(clips.persons(4), clips.within_one_tile),
    ),
    Case(
        "fresh/on_its_side.mp4",
        "on its side: how to turn it",
        _fails("on its side", "90 degrees clockwise"),
        command="faces",
    ),
]

CASES = [
    Case(
        "voice/c06_pauses_90s.flac",
        "each of the four sentences from its beginning, at 0.7, 94.1, 188.3 and 282.0 s",
        lambda result: (
            all(
                any(0 <= at + 0.55 - one["start"] <= 1 for one in result.segments)
                for at in (0.7, 94.1, 188.3, 282.0)
            )
            and "I'm sorry, but" in result.text
        ),
        needs_words=True,
    ),
    Case(
        "voice/b08_fr_then_long_hold_music_then_fr.flac",
        "no words in the music, from 11.0 to 71.7 s; French",
        lambda result: (
            not any(12 < one["end"] < 71 or 12 < one["start"] < 71 for one in result.segments)
            and result.languages("fr")[1] in range(81, 84)
        ),
        needs_words=True,
    ),
    Case(
        "video/sub_three_languages.mp4",
        "English, then French and German that base does not understand: called doubtful",
        lambda result: (
            "welcome to our travel show" in result.text and bool(result.labelled("doubtful text"))
        ),
        needs_words=True,
    ),
    Case(
        "voice/l1_every_second_30dB_quieter.flac",
        "at least 118 of 124 words, as many as faster-whisper finds",
        lambda result: len(result.text.split()) >= 118,
        needs_words=True,
    ),
    Case(
        "voice/h4_babble.flac",
        "nothing of the hotwords, which nobody says",
        lambda result: (
            not any(word in result.text.casefold() for word in ("daejeon", "prosecutor", "escrow"))
        ),
        ("--hotwords", "Daejeon District Prosecutors, escrow account"),
        needs_words=True,
    ),
    Case(
        "voice/b06_es_30s_then_en_32s.flac",
        "Spanish up to 33 s, then English",
        lambda result: (
            result.languages("es") == (0, 33) and result.languages("en")[0] in range(33, 36)
        ),
        needs_words=True,
    ),
    Case(
        "voice/k3_two_tracks.mkv",
        "the main track; the other is named; not called truncated",
        _all(_says(_TRACKS, "track 0", "track 1 (aac, spa"), _without("truncated"), _lasts(16.6)),
    ),
    Case(
        "voice/k3_two_tracks.mkv",
        "--track 1: the second track",
        _all(_says(_TRACKS, "track 1 (aac, spa", "not in the result: track 0"), _lasts(17.5)),
        ("--track", "1"),
    ),
    Case(
        "voice/k4_first_track_silent.mp4",
        "the second track, in which somebody speaks",
        _all(_says(_TRACKS, "nobody speaks in track 0"), _lasts(16.5)),
    ),
    Case(
        "voice/cat_wav.wav",
        "both WAV files, one after the other",
        _all(_says("joined recordings", "2 recordings"), _lasts(33.7)),
    ),
    Case(
        "voice/k2a_header_says_a_third.wav",
        "all 16.5 s, and that the header says 5.5",
        _all(_says("beyond its header", "states 5.5 s", "all 16.5 s"), _lasts(16.5)),
    ),
    Case(
        "voice/d20_chained_vorbis_rates.ogg",
        "both links",
        _all(_says("joined recordings", "2 recordings"), _without("damaged sound"), _lasts(33.0)),
    ),
    Case(
        "voice/amr_long_pauses.amr",
        "the last sentence ends at 140.4 s; pauses are no damage",
        _all(_says("pauses not sent", "7 places"), _without("damaged sound"), _lasts(140.5, 0.3)),
    ),
    Case(
        "voice/e2r_aac.aac",
        "two damaged places, counted, with their times",
        _all(
            _says("damaged sound", "4 corrupt"), _says("damaged sound", "2 corrupt"), _lasts(37.4)
        ),
    ),
    Case(
        "video/burn_slides_vfr.mp4",
        "a picture every 10 s: repeated, so that each text is seen in its time",
        _says("pictures repeated", "10 pictures a second"),
        command="subtitle",
        look=lambda original, out: _copies(original, out, (1.0, 2.5), (4.2, 6.8), (14.5, 17.5)),
    ),
    Case(
        "video/burn_mjpeg_pcm.mov",
        "a camera's MJPEG and PCM: kept, and text in the picture",
        _done,
        command="subtitle",
        look=lambda original, out: _copies(original, out, (0.6, 2.8)),
    ),
    Case(
        "video/burn_odd_641x361.mp4",
        "a picture of 641 x 361: text in one of 642 x 362",
        _says("odd size", "642x362"),
        command="subtitle",
        look=lambda original, out: _copies(original, out, (0.8, 3.0), (4.2, 6.8)),
    ),
    Case(
        "video/mux_av1.mp4",
        "AV1 copied",
        _done,
        command="subtitle",
        look=lambda original, out: _copies(original, out, (0.6, 2.8)),
    ),
    Case(
        "video/mux_burn_iphone_hdr_hvc1.mov",
        "hvc1 and PQ kept; burned as BT.709, which is said",
        _says("tone-mapped", "BT.709"),
        command="subtitle",
        look=lambda original, out: _copies(original, out, (0.8, 3.0)),
    ),
    Case(
        "video/mux_rich.mkv",
        "chapters, font, flags, cover, titles kept; the new track is the default one",
        _without("not kept"),
        ("--mux-default",),
        command="subtitle",
        look=lambda original, out: _copies(original, out, (0.8, 3.0), taken=("default",)),
    ),
    Case(
        "video/x.ar.ass",
        "each line says that it is read from the right",
        _done,
        command=None,
        look=_marks_of_lines,
    ),
    Case(
        "video/mux_wmv2.wmv",
        "WMV copied into Matroska",
        _done,
        command="subtitle",
        look=lambda original, out: _copies(original, out, (0.8, 3.0)),
    ),
    *_FACES,
]


def _run(case: Case, folder: Path, out: Path, model: str) -> Result:
    if case.command is None:
        return Result(0, 0.0, [], "")
    command = [sys.executable, "-m", "reelmill", case.command, str(folder / case.file)]
    fixed = {"voice": _TEXT_ONLY, "subtitle": COPIES, "faces": _CLIPS}[case.command]
    if case.command != "faces":
        fixed = (*fixed, "--model", model if case.needs_words else "demo")
    done = subprocess.run(
        [*command, "-o", str(out), *fixed, *case.options],
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    if not (out / "performance_report.json").is_file():
        return Result(done.returncode, 0.0, [], done.stderr.strip())
    return Result.of(done.returncode, out)


def main() -> int:
    """The table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", help="only files whose name contains one of these")
    parser.add_argument(
        "--model", help="a real Whisper, for the rows about words; without it they are left out"
    )
    given = parser.parse_args()
    chosen = [
        case
        for case in CASES
        if (given.model or not case.needs_words)
        if not given.names or any(name in Path(case.file).name for name in given.names)
    ]
    absent = [
        case.file
        for case in chosen
        if not case.file.startswith(FRESH) and not (given.folder / case.file).is_file()
    ]
    if absent or not chosen:
        print(f"not in {given.folder}: {', '.join(absent) or 'any such file'}", file=sys.stderr)
        return 2
    table = Table("file", "expected", "came", "")
    failed = 0
    for case in chosen:
        with tempfile.TemporaryDirectory() as temporary:
            out, folder = Path(temporary, "out"), given.folder
            if case.file.startswith(FRESH):
                folder = Path(temporary)
                made = folder / case.file
                FILMS[made.name](made)
            result = _run(case, folder, out, given.model)
            wrong = case.look(folder / case.file, out)
        right = case.right(result) and not wrong
        failed += not right
        came = "\n".join([result.words(), *(f"WRONG: {one}" for one in wrong)])
        table.add_row(case.file, case.expected, came, "ok" if right else "FAIL")
    Console(width=150).print(table)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
