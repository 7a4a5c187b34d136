"""`reelmill correct` on a folder that has subtitles alone: every file that shows them follows."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from reelmill.commands.correct import Wanted, run_correct
from reelmill.errors import InputError, UsageError
from reelmill.evidence import CUSTODY, verify
from reelmill.runs.run import Run

# proves: V7 G14

SAMPLES = Path(__file__).parents[2] / "src/reelmill/assets/samples"
OPTIONS = {
    "model": "demo", "translator": "demo", "device": "cpu", "workers": 1, "to": ("ko", "en"),
    "subtitle_formats": ("srt", "vtt", "ass", "json"),
}  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    (folder / "in").mkdir()
    shutil.copy2(SAMPLES / "voicemail.wav", folder / "in")
    Run("subtitle", folder / "in", out=folder / "out", **OPTIONS).start().wait()
    return folder


def correct(out: Path, **wanted: object) -> int:
    return run_correct(out / "voicemail", Wanted(by="Kim", **wanted))  # type: ignore[arg-type]


def content(out: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((out / "voicemail.subtitles.json").read_text())
    return found


def test_every_file_follows_at_once_and_the_machines_text_stays(out: Path) -> None:
    english = (out / "voicemail.en.srt").read_bytes()
    times = [line for line in (out / "voicemail.ko.srt").read_text().splitlines() if "-->" in line]
    assert correct(out, subtitles="ko", at="1", text="엠마가 마흔 번 전화했어요.") == 0
    for name in ("ko.srt", "ko.vtt", "ko.ass", "subtitles.html"):
        assert "마흔 번" in (out / f"voicemail.{name}").read_text(), name
    assert "마흔 번" in (out / "index_files" / "lines-0000.js").read_text("utf-8")
    first = content(out)["sentences"][0]["translations"]["ko"]  # type: ignore[index]
    assert first["status"] == "corrected" and "마흔" not in first["machine"]
    now = [line for line in (out / "voicemail.ko.srt").read_text().splitlines() if "-->" in line]
    assert now == times
    assert (out / "voicemail.en.srt").read_bytes() == english
    assert verify(out, strict=True).ok


def test_who_corrected_what_is_in_the_log_and_a_later_run_keeps_it(out: Path) -> None:
    correct(out, subtitles="ko", at="1", text="엠마가 마흔 번 전화했어요.")
    log = [json.loads(line) for line in (out / CUSTODY).read_bytes().splitlines()]
    [entry] = [one for one in log if one["what"] == "correction"]
    [edit] = entry["translations"]
    assert entry["person"] == edit["by"] == "Kim" and edit["language"] == "ko"
    Run("subtitle", out.parent / "in", out=out, **OPTIONS).start().wait()
    later = [json.loads(line) for line in (out / CUSTODY).read_bytes().splitlines()]
    made = [one["artifact"] for one in later[len(log) :] if one["what"] == "stage"]
    known = [one["artifact"] for one in log if one["what"] == "stage"]
    assert all(one in known for one in made), "known under the keys that the run asks for"
    assert "마흔 번" in (out / "voicemail.ko.srt").read_text()


def test_an_edited_file_is_taken_over_and_undone(
    out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (out / "voicemail.ko.srt").read_text()
    words = before.splitlines()[2]
    edited = tmp_path / "edited.srt"
    edited.write_text(before.replace(words, words + " 정말", 1))
    assert correct(out, subtitles="ko", from_file=edited) == 0
    assert "정말" in (out / "voicemail.ko.srt").read_text()
    correct(out, subtitles="ko", show=True, show_machine=True)
    shown = capsys.readouterr().out
    assert "Kim" in shown and "machine: " in shown
    assert correct(out, subtitles="ko", undo=1) == 0
    assert (out / "voicemail.ko.srt").read_text() == before
    assert verify(out, strict=True).ok


def test_some_words_of_a_subtitle_are_replaced(out: Path) -> None:
    line = (out / "voicemail.ko.srt").read_text().splitlines()[2]
    word = line.split()[0]
    assert correct(out, subtitles="ko", at="1", was=word, text="안나") == 0
    assert (out / "voicemail.ko.srt").read_text().splitlines()[2].startswith("안나")


def test_words_that_were_said_are_kept_for_the_next_run(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (out / "voicemail.ko.srt").read_bytes()
    assert correct(out, at="1", was="four times", text="forty times") == 0
    assert "run your `reelmill subtitle` command again" in capsys.readouterr().out
    assert (out / "voicemail.ko.srt").read_bytes() == before
    Run("subtitle", out.parent / "in", out=out, **OPTIONS).start().wait()
    assert "forty times" in content(out)["sentences"][0]["text"]  # type: ignore[index]
    assert verify(out, strict=True).ok


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        ({"subtitles": "de", "at": "1", "text": "x"}, "has subtitles in: ko, en"),
        ({"subtitles": "ko", "at": "59", "text": "x"}, "no ko subtitle"),
        ({"subtitles": "ko", "text": "x"}, "say where"),
        ({"subtitles": "ko", "at": "1", "was": "Zoe", "text": "x"}, "is not in the subtitle"),
        ({"subtitles": "ko", "name": ["A=Kim"]}, "text alone"),
    ],
)
def test_what_cannot_be_corrected_is_told(
    out: Path, wanted: dict[str, object], problem: str
) -> None:
    before = (out / CUSTODY).read_bytes()
    with pytest.raises(UsageError, match=problem):
        correct(out, **wanted)
    assert (out / CUSTODY).read_bytes() == before


def test_a_file_of_something_else_is_refused(out: Path, tmp_path: Path) -> None:
    (tmp_path / "x.srt").write_text("1\n01:00:00,000 --> 01:00:01,000\nx\n")
    with pytest.raises(InputError, match="none of its times"):
        correct(out, subtitles="ko", from_file=tmp_path / "x.srt")
