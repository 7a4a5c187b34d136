"""The library as a program imports it; `runs/test_run.py` has runs in threads and loops."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

import reelmill
from reelmill.artifacts import SpokenTranscript, Transcript
from reelmill.engine.process.model_worker_client import ModelWorker

SAMPLES = Path(str(resources.files("reelmill") / "assets" / "samples"))
VOICEMAIL = SAMPLES / "voicemail.wav"
DEMO = {"model": "demo", "device": "cpu"}


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], check=False, capture_output=True, text=True, timeout=180
    )


def test_a_transcript_has_words_speakers_and_files(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    results = list(
        reelmill.transcribe(
            [VOICEMAIL], out=tmp_path, aligner="demo", names=["A=Kim"], formats=["json"], **DEMO
        )
    )
    (result,) = results
    assert isinstance(result, reelmill.TranscriptResult)
    assert (result.recording, result.status, result.reused) == (VOICEMAIL, "ok", False)
    assert result.error is None and result.changed == () and result.language == "en"
    assert isinstance(result.transcript, SpokenTranscript)
    assert result.segments and result.text.split()[0] == result.words[0].text.strip()
    assert all(0 <= word.start <= word.end <= result.media_seconds for word in result.words)
    assert {word.speaker for word in result.words} == {turn.speaker for turn in result.turns}
    assert result.turns[0].speaker == "Kim"
    assert set(result.files) == {tmp_path / "voicemail.json", tmp_path / "voicemail.html"}
    written = json.loads(result.files[0].read_text())
    assert [word["word"] for one in written["segments"] for word in one["words"]] == [
        word.text for word in result.words
    ]
    assert capfd.readouterr() == ("", "")

    async def again() -> list[reelmill.TranscriptResult]:
        found = reelmill.transcribe(
            VOICEMAIL, out=tmp_path, aligner="demo", names=["A=Kim"], formats=["json"], **DEMO
        )
        return [result async for result in found]

    (same,) = asyncio.run(again())
    assert same.reused and (same.text, same.words) == (result.text, result.words)


def test_leaving_the_loop_early_stops_the_run_and_frees_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "calls"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.wav").write_bytes(VOICEMAIL.read_bytes() + bytes(number))
    settings = {"out": tmp_path / "out", "align": False, "diarizer": "none", "batch_size": 1}
    results = reelmill.transcribe(folder, **DEMO, **settings)
    for result in results:
        assert isinstance(result.transcript, Transcript)
        break
    assert results.run.is_over and results.run.was_stopped
    assert results.run.summary is not None and results.run.summary.count("done") >= 1


def test_an_error_that_ends_a_run_can_be_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that cannot start: no recording is at fault, and none is lost."""

    async def broken(*_: object, **__: object) -> ModelWorker:
        raise reelmill.ModelUnavailableError("the weights are damaged; fetch them again")

    monkeypatch.setattr(ModelWorker, "start", broken)
    statuses: list[str] = []
    with pytest.raises(reelmill.RunStoppedError, match="weights are damaged"):
        for result in reelmill.transcribe(
            VOICEMAIL, out=tmp_path, align=False, diarizer="none", **DEMO
        ):
            statuses.append(result.status)
    assert statuses == ["skipped"]


@pytest.mark.parametrize(
    ("paths", "settings", "error", "told"),
    [
        ([], {}, reelmill.UsageError, "no recordings given"),
        (["nowhere/*.wav"], {}, reelmill.UsageError, "not found"),
        ([VOICEMAIL], {"language": "klingon"}, reelmill.UsageError, "--language klingon"),
        ([VOICEMAIL], {"modell": "demo"}, reelmill.UsageError, "modell"),
        ([VOICEMAIL], {"model": "no/such/folder"}, reelmill.ModelUnavailableError, "no/such"),
    ],
)
def test_an_invalid_call_raises_at_once(
    tmp_path: Path,
    paths: list[Path],
    settings: dict[str, str],
    error: type[reelmill.ReelmillError],
    told: str,
) -> None:
    with pytest.raises(error, match=re.escape(told)):
        reelmill.transcribe(paths, out=tmp_path / "out", **{"device": "cpu", **settings})


def test_importing_the_library_loads_no_heavy_library() -> None:
    told = python("-c", "import reelmill, sys; print(*[m for m in sys.modules if 'reelmill' in m])")
    assert told.stdout.split() == ["reelmill"]


def test_the_module_can_be_run_in_a_folder_of_recordings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And imports nothing that lies beside them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "typer.py").write_text("print('not asked for')")
    told = python("-m", "reelmill", "--version")
    assert (told.returncode, told.stdout) == (0, f"reelmill {reelmill.__version__}\n")


@pytest.mark.parametrize("name", reelmill.__all__)
def test_all_public_names_exist_and_are_documented(name: str) -> None:
    offered = getattr(reelmill, name)
    assert name in dir(reelmill)
    if inspect.isfunction(offered):
        document = inspect.getdoc(offered) or ""
        for part in ("Args:", "Returns:", "Raises:"):
            assert part in document
        for parameter in inspect.signature(offered).parameters:
            assert re.search(rf"^    {parameter}: ", document, re.MULTILINE), parameter
    elif inspect.isclass(offered):
        assert inspect.getdoc(offered)
        members = inspect.getmembers(offered, inspect.isfunction)
        for member, function in members:
            if not member.startswith("_"):
                assert inspect.getdoc(function), f"{name}.{member}"
