"""Subtitling videos: Reelmill with resident models, with sequential loading, and the usual way.

    python -m benchmarks.subtitle --json benchmarks/results/subtitle.json

The usual way is that of programs that never have two models in memory: for each video one process
that recognizes, then one that translates. All recognize and translate with the same models, without
word alignment. Memory is the proportional set size of all processes at once.

The videos are Japanese, synthetic, with known Korean: needs espeak-ng.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.common import REELMILL, Measured, measure, show, told_command, write_result
from reelmill.models.files.cache import resolve
from reelmill.models.translation.translators import resolve_translator
from synthetic.corpus import TRUTH_FOLDER
from synthetic.films import FilmPlan, make_film, write_film
from synthetic.voices import distinct_voices

#: The targets: in turns, at least so many times as fast as the sequential way; memory and time
#: over the larger model's alone and over resident models.
TIMES_SEQUENTIAL, MEMORY_OVER, TIME_OVER = 3.0, 0.10, 0.05
_LANGUAGE = "ja"
_CUE = re.compile(r"\d+\n[\d:,]+ --> [\d:,]+\n(.*?)(?:\n\n|\Z)", re.DOTALL)


@dataclass(frozen=True)
class Setting:
    """What all contenders get."""

    folder: Path
    films: list[Path]
    work: Path
    recognizer: str
    translator: str


@dataclass
class Attempt:
    """A contender's run, and the Korean it gave for each film; None where that is not its job."""

    measured: Measured
    subtitles: dict[str, str] | None = None


def make_films(folder: Path, count: int, sentences: int) -> None:
    """Films of two held-out voices with sentences no model was trained on."""
    for number in range(count):
        seed = f"benchmark-{number}"
        voices = tuple(distinct_voices(Random(seed), 2, held_out=True))
        film = make_film(FilmPlan(seed, voices, sentences, _LANGUAGE))
        path = folder / f"영화 {number + 1:02}.mp4"
        write_film(path, film, folder / TRUTH_FOLDER / f"{path.name}.json")


def reelmill(setting: Setting, placement: str) -> Attempt:
    out = setting.work / placement
    options = ["--model", setting.recognizer, "--translator", setting.translator]
    options += ["--from", _LANGUAGE, "--to", "ko", "--no-align", "--formats", "srt"]
    command = [*REELMILL, "subtitle", str(setting.folder), "-o", str(out), *options]
    measured = measure([*command, "--placement", placement, "--quiet"])
    texts = {film.name: _text(out / f"{film.stem}.ko.srt") for film in setting.films}
    return Attempt(measured, texts)


def recognizer_alone(setting: Setting) -> Attempt:
    """The same machinery with the larger model only."""
    command = [*REELMILL, "voice", str(setting.folder), "-o", str(setting.work / "alone")]
    command += ["--model", setting.recognizer, "--language", _LANGUAGE, "--formats", "json"]
    return Attempt(measure([*command, "--no-align", "--diarizer", "none", "--quiet"]))


def sequential(setting: Setting) -> Attempt:
    total = Measured(0.0, 0.0, 0.0, 0)
    texts = {}
    for film in setting.films:
        segments, out = (setting.work / f"{film.stem}.{suffix}" for suffix in ("json", "srt"))
        for step, model, given, made in (
            ("recognize", setting.recognizer, film, segments),
            ("translate", setting.translator, segments, out),
        ):
            command = [sys.executable, "-m", "benchmarks.subtitle_peers", step, model, _LANGUAGE]
            one = measure([*command, str(given), str(made)])
            total.seconds += one.seconds
            total.cpu_seconds += one.cpu_seconds
            total.peak_mb = max(total.peak_mb, one.peak_mb)
        texts[film.name] = _text(out)
    return Attempt(total, texts)


CONTENDERS: dict[str, Callable[[Setting], Attempt]] = {
    "Reelmill, resident": lambda setting: reelmill(setting, "resident"),
    "Reelmill, in turns": lambda setting: reelmill(setting, "sequential"),
    "Reelmill, recognizer alone": recognizer_alone,
    "sequential, a process a model a video": sequential,
}


def _text(path: Path) -> str:
    """All that an SRT shows, in one line."""
    shown = _CUE.findall(path.read_text(encoding="utf-8"))
    return " ".join(" ".join(text.split()) for text in shown)


def right_share(setting: Setting, subtitles: dict[str, str]) -> float:
    """Percent of the sentences whose Korean is there to the letter."""
    right = total = 0
    for film in setting.films:
        truth = json.loads((film.parent / TRUTH_FOLDER / f"{film.name}.json").read_text("utf-8"))
        for said in truth["utterances"]:
            total += 1
            right += said["translations"]["ko"] in subtitles[film.name]
    return 100 * right / total


def media_seconds(setting: Setting) -> float:
    truths = (film.parent / TRUTH_FOLDER / f"{film.name}.json" for film in setting.films)
    return float(sum(json.loads(truth.read_text("utf-8"))["duration"] for truth in truths))


def rows_of(setting: Setting, attempts: dict[str, list[Attempt]]) -> list[dict[str, Any]]:
    """A row a contender: the fastest of its runs, the most memory of any."""
    media = media_seconds(setting)
    rows = []
    for name, runs in attempts.items():
        best = min(runs, key=lambda run: run.measured.seconds)
        rows.append(
            {
                "what": name,
                "seconds": round(best.measured.seconds, 2),
                "x real time": round(media / best.measured.seconds, 2),
                "CPU s": round(best.measured.cpu_seconds, 2),
                "peak MB": round(max(run.measured.peak_mb for run in runs), 1),
                "sentences right %": None
                if best.subtitles is None
                else round(right_share(setting, best.subtitles), 1),
            }
        )
    return rows


def findings(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The targets beside what was measured; those for which something was left out are missing."""
    by_name = {row["what"]: row for row in rows}
    resident, turns, alone, one_by_one = (by_name.get(name) for name in CONTENDERS)
    found = []
    if turns and one_by_one:
        value = one_by_one["seconds"] / turns["seconds"]
        found.append(_finding("in turns, times as fast as sequential", value, TIMES_SEQUENTIAL))
    if turns and alone:
        value = turns["peak MB"] / alone["peak MB"] - 1
        found.append(_finding("in turns, memory over the recognizer's alone", value, MEMORY_OVER))
    if turns and resident:
        value = turns["seconds"] / resident["seconds"] - 1
        found.append(_finding("in turns, time over resident", value, TIME_OVER))
    return found


def _finding(what: str, value: float, target: float) -> dict[str, Any]:
    met = value >= target if target >= 1 else value <= target
    return {"what": what, "value": round(value, 3), "target": target, "met": met}


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="reelmill-bench-") as work:
        folder = options.films or Path(work) / "films"
        if not folder.exists():
            make_films(folder, options.count, options.sentences)
        films = sorted(folder.glob("*.mp4"))
        recognizer = str(resolve(options.model).path)
        translator = str(resolve_translator(options.translator).path)
        attempts: dict[str, list[Attempt]] = {}
        wanted = options.only.split(",") if options.only else [""]
        for number in range(options.repeats):
            for name, run in CONTENDERS.items():
                if any(part in name for part in wanted):
                    place = Path(work) / str(number)
                    place.mkdir(exist_ok=True)
                    setting = Setting(folder, films, place, recognizer, translator)
                    attempts.setdefault(name, []).append(run(setting))
                    print(f"{name}: {attempts[name][-1].measured.seconds:.1f} s", flush=True)
        rows = rows_of(setting, attempts)
        media = media_seconds(setting)
    show(f"{len(films)} films, {media / 60:.1f} min", rows)
    targets = findings(rows)
    if targets:
        show("targets", targets)
    command = told_command("benchmarks.subtitle")
    content = {"command": command, "films": len(films), "media_seconds": round(media, 1)}
    write_result(options.json, {**content, "rows": rows, "targets": targets})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=12, help="number of films")
    parser.add_argument(
        "--sentences", type=int, default=8, help="sentences in each film, of some 4 s each"
    )
    parser.add_argument("--films", type=Path, help="folder of the films; created if missing")
    parser.add_argument("--model", default="demo")
    parser.add_argument("--translator", default="demo")
    parser.add_argument(
        "--repeats", type=int, default=1, help="runs of each contender, alternating"
    )
    parser.add_argument(
        "--only", help="measure contenders whose names contain one of these, separated by commas"
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
