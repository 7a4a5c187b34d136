"""`reelmill subtitle` as users run it, with the demo models, on cuts of the sample film."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import srt

from reelmill.commands.task import run_task
from reelmill.errors import ReelmillError, UsageError
from tests.faults.faults import Fault, schedule, struck
from tests.faults.kit import MarkedRun
from tests.film_clips import clip, hush, video

CLI = [sys.executable, "-c", "from reelmill.cli.app import main; main()", "subtitle"]
#: Sentences take their times from segments: no aligner has to be loaded.
QUICK = ("--model", "demo", "--translator", "demo", "--no-align")
NAME = "회의 会議"


def start(*arguments: str | Path, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*CLI, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def subtitle(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    process = start(*arguments, **options)
    out, err = process.communicate(timeout=300)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def cues(path: Path) -> list[srt.Subtitle]:
    return list(srt.parse(path.read_text(encoding="utf-8")))


def texts(path: Path) -> list[str]:
    return [one.content.replace("\n", " ") for one in cues(path)]


def failures(out: Path) -> dict[str, str]:
    report = json.loads((out / "performance_report.json").read_text())
    return {Path(entry["file"]).name: entry["error"] for entry in report["failed_files"]}


def metrics(out: Path) -> list[dict[str, Any]]:
    newest = max((out / ".cache" / "runs").glob("*.jsonl"), key=lambda path: path.stat().st_mtime)
    return [json.loads(line) for line in newest.read_text().splitlines()]


def artifacts(out: Path, stage: str) -> dict[Path, int]:
    found = (out / ".cache" / "artifacts").rglob(f"{stage}-*.json")
    return {path: path.stat().st_mtime_ns for path in found}


@dataclass(frozen=True)
class Run:
    """A finished run on a folder, and what it printed."""

    out: Path
    done: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def in_turns(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """All kinds of videos in one run, models one after the other, two languages."""
    folder = tmp_path_factory.mktemp("영화")
    video(folder / "one" / f"{NAME}.mkv", clip(0, 1).samples)
    video(folder / "two" / f"{NAME}.mkv", clip(2).samples)
    video(folder / "two tracks.mkv", clip(5).samples, clip(6).samples)
    video(folder / "silence.mkv", hush(4.0))
    video(folder / "no sound.mkv")
    out = folder / "out"
    options = ("--residency", "turns", "--to", "ko,en", "--formats", "srt,json")
    return Run(out, subtitle(folder, "-o", out, *options, *QUICK))


def test_subtitles_have_the_right_text_and_times_in_several_languages(in_turns: Run) -> None:
    # proves: S1 S5
    assert in_turns.done.returncode == 1, in_turns.done.stderr  # the one without sound
    said = clip(0, 1)
    for language in ("ko", "en"):
        shown = cues(in_turns.out / "one" / f"{NAME}.{language}.srt")
        assert [one.content.replace("\n", " ") for one in shown] == said.texts[language]
        for one, begins in zip(shown, said.starts, strict=True):
            assert one.start.total_seconds() == pytest.approx(begins, abs=0.3)


def test_videos_of_the_same_name_in_different_folders_keep_separate_results(in_turns: Run) -> None:
    # proves: G18
    one, two = (in_turns.out / folder / f"{NAME}.ko.srt" for folder in ("one", "two"))
    assert texts(one) == clip(0, 1).texts["ko"]
    assert texts(two) == clip(2).texts["ko"]


def test_silence_gives_no_text(in_turns: Run) -> None:
    # proves: S6
    content = json.loads((in_turns.out / "silence.subtitles.json").read_text())
    assert content["sentences"] == []
    assert [track["cues"] for track in content["tracks"]] == [[], []]
    assert cues(in_turns.out / "silence.ko.srt") == []
    (finding,) = content["findings"]
    assert (finding["text"], finding["severity"]) == ("no speech found", "warning")
    assert "no speech found" in (in_turns.out / "report.html").read_text("utf-8")


def test_a_video_without_sound_is_reported_in_one_line(in_turns: Run) -> None:
    # proves: G8 S1
    causes = failures(in_turns.out)
    assert list(causes) == ["no sound.mkv"]
    assert "no sound" in causes["no sound.mkv"] and "\n" not in causes["no sound.mkv"]
    assert "Traceback" not in in_turns.done.stderr


def test_the_first_of_two_tracks_is_used_unless_another_is_chosen(in_turns: Run) -> None:
    # proves: S1
    assert texts(in_turns.out / "two tracks.ko.srt") == clip(5).texts["ko"]


def test_sequential_loading_never_has_recognizer_and_translator_in_memory_together(
    in_turns: Run,
) -> None:
    # proves: S2 G9
    lines = metrics(in_turns.out)
    ended = [line for line in lines if line["event"] == "turn ended"]
    assert [line["model"] for line in ended] == ["recognizer demo", "translator demo"]
    assert all(line["processes_left"] == [] for line in ended)
    order = [line["event"] for line in lines if line["event"] in {"turn", "turn ended"}]
    assert order == ["turn", "turn ended"] * 2
    samples = [line["processes"] for line in lines if line["event"] == "sample"]
    models = [{p["what"] for p in one} - {"coordinator", "worker"} for one in samples]
    assert {"recognizer demo"} in models and {"translator demo"} in models
    assert all(len(one) <= 1 for one in models), "two models at once"
    # The recognizer's memory is free while the translator is loaded.
    recognizer = {worker["pid"] for worker in ended[0]["model_workers"]}
    while_translating = [
        one for one, m in zip(samples, models, strict=True) if "translator" in str(m)
    ]
    assert recognizer and all(p["pid"] not in recognizer for one in while_translating for p in one)
    # A process that is just beginning or ending has hardly any.
    used: dict[str, float] = {}
    for process in (one for some in while_translating for one in some):
        used[process["what"]] = max(process["memory_mb"], used.get(process["what"], 0.0))
    assert "translator demo" in used and all(most > 1 for most in used.values())


def test_decoded_sound_is_removed_and_every_result_is_kept(in_turns: Run) -> None:
    # proves: S4 G13
    assert not list(in_turns.out.rglob("*.pcm"))
    stages = {
        path.name.rpartition("-")[0] for path in in_turns.out.rglob(".cache/artifacts/*/*/*.json")
    }
    assert {"probe", "speech", "transcribe", "sentences", "translate", "layout"} <= stages


def test_two_runs_at_once_on_videos_of_the_same_name_do_not_mix(tmp_path: Path) -> None:
    # proves: G18 S1
    runs = []
    for folder, tracks, track in (("a", (3,), 0), ("b", (4, 6), 1)):
        path = video(tmp_path / folder / f"{NAME}.mkv", *(clip(n).samples for n in tracks))
        options = ("--track", str(track), "--formats", "srt", *QUICK)
        runs.append(start(path.name, *options, cwd=path.parent))
    for run in runs:
        _, err = run.communicate(timeout=300)
        assert run.returncode == 0, err
    found = {path.parent.parent.name: texts(path) for path in tmp_path.rglob("*.srt")}
    assert found == {"a": clip(3).texts["ko"], "b": clip(6).texts["ko"]}


def test_a_run_killed_during_translation_continues_from_the_transcript(tmp_path: Path) -> None:
    # proves: S4 G12
    path, out = video(tmp_path / f"{NAME}.mkv", clip(5).samples), tmp_path / "out"
    command = (path, "-o", out, "--placement", "sequential", "--formats", "srt", *QUICK)
    faults = [Fault("hang", 1, "translate")]
    run = MarkedRun(
        "tests.faults.commandrun",
        ("subtitle", *command),
        tmp_path / "stderr",
        schedule(tmp_path / "faults", faults),
    )
    run.wait_for(lambda: struck(tmp_path / "faults") == faults, 120)
    run.kill()
    assert run.survivors() == []
    heard = artifacts(out, "transcribe")
    assert len(heard) == 1 and not artifacts(out, "translate")

    again = subtitle(*command)
    assert again.returncode == 0, again.stderr
    assert texts(out / f"{NAME}.ko.srt") == clip(5).texts["ko"]
    assert artifacts(out, "transcribe") == heard
    report = json.loads((out / "performance_report.json").read_text())
    done = {stage["name"]: stage["done"] for stage in report["stages"]}
    assert (done["transcribe"], done["translate"]) == (0, 1)
    processes = [p["what"] for line in metrics(out) for p in line.get("processes", ())]
    assert "recognizer demo" not in processes


def test_without_a_network_the_message_names_the_default_model_and_what_to_do(
    tmp_path: Path,
) -> None:
    # proves: G19 S3
    path, out = video(tmp_path / "film.mkv", hush(1.0)), tmp_path / "out"
    nowhere = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subtitle(path, "-o", out, env=nowhere)
    assert done.returncode == 2
    assert "recognizer small: " in done.stderr
    assert "translator nllb-200-distilled-600M: " in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    ways_out = ("is not available", "--model demo", "--translator demo", "reelmill models pull")
    assert all(words in last for words in ways_out), last
    assert "Traceback" not in done.stderr and not artifacts(out, "*")


def test_an_unsupported_direction_is_reported_before_any_work(tmp_path: Path) -> None:
    # proves: S1 G19
    path, out = video(tmp_path / "film.mkv", hush(1.0)), tmp_path / "out"
    given = {"out": out, "model": "demo", "translator": "demo", "language": "ja", "to": "fr"}
    with pytest.raises(ReelmillError, match=r"'demo' cannot translate ja to fr.*--translator"):
        run_task("subtitle", [path], given, fresh=False, quiet=True, as_json=False)
    assert not artifacts(out, "*")
    with pytest.raises(UsageError, match="klingon"):
        run_task(
            "subtitle", [path], {**given, "to": "klingon"}, fresh=False, quiet=True, as_json=False
        )
