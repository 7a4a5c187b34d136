"""`reelmill correct` on a folder that a run made: every file follows, and later runs keep it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from reelmill.cli.app import app
from reelmill.commands.correct import Wanted, run_correct
from reelmill.errors import InputError, UsageError
from reelmill.evidence import CUSTODY, verify
from reelmill.runs import correcting
from reelmill.runs.run import Run
from reelmill.search.index import Query, SearchIndex

# proves: V7 G14

SAMPLES = Path(__file__).parents[2] / "src/reelmill/assets/samples"
FORMATS = ("json", "txt", "srt", "vtt", "tsv", "rttm", "docx")
OPTIONS = {"model": "demo", "device": "cpu", "workers": 1, "formats": FORMATS}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    (folder / "in").mkdir()
    shutil.copy2(SAMPLES / "voicemail.wav", folder / "in")
    Run("voice", folder / "in", out=folder / "out", **OPTIONS).start().wait()
    return folder


def correct(out: Path, **wanted: object) -> int:
    return run_correct(out / "voicemail", Wanted(by="Kim", **wanted))  # type: ignore[arg-type]


def content(out: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((out / "voicemail.json").read_text())
    return found


def entries(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (out / CUSTODY).read_bytes().splitlines()]


def test_every_file_follows_and_the_machines_text_stays(out: Path) -> None:
    import docx

    assert correct(out, at="1", was="four times", text="forty times") == 0
    for name in ("txt", "srt", "vtt", "tsv", "html"):
        text = (out / f"voicemail.{name}").read_text()
        assert "forty" in text.split("Listen")[0], name
    paragraphs = docx.Document(str(out / "voicemail.docx")).paragraphs
    assert any("forty times" in one.text for one in paragraphs)
    assert "<del hidden>four</del>" in (out / "voicemail.html").read_text()
    found = content(out)
    [first, *_] = found["segments"]  # type: ignore[misc]
    assert first["text"] == "Emma called me forty times this week."  # type: ignore[index]
    assert first["machine"] == {"text": "Emma called me four times this week."}  # type: ignore[index]
    [word] = [one for one in first["words"] if "machine" in one]  # type: ignore[index]
    assert (word["word"], word["machine"], word["changed_by"]) == ("forty", "four", "person")
    assert "four times" in found["corrections"]["machine_text"]  # type: ignore[index]
    assert [hit.text for hit in SearchIndex(out).search(Query('"forty times"'))] or _indexed(out)
    assert verify(out, strict=True).ok


def test_subtitles_follow_at_their_next_run(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = {"model": "demo", "translator": "demo", "device": "cpu", "workers": 1, "to": ("en",)}
    subtitle = lambda: Run("subtitle", out.parent / "in", out=out, **options).start().wait()  # noqa: E731
    subtitle()
    assert "four times" in (out / "voicemail.en.srt").read_text()
    assert correct(out, at="1", was="four times", text="forty times") == 0
    assert "run your `reelmill subtitle` command again" in capsys.readouterr().out
    subtitle()
    assert "forty times" in (out / "voicemail.en.srt").read_text()
    assert "forty times" in (out / "voicemail.subtitles.html").read_text()
    assert verify(out, strict=True).ok


def _indexed(out: Path) -> list[str]:
    index = SearchIndex(out)
    index.update()
    return [hit.text for hit in index.search(Query('"forty times"'))]


def test_the_page_and_the_search_of_the_index_follow(out: Path) -> None:
    # proves: V13 V7
    assert correct(out, at="1", was="four times", text="forty times") == 0
    page = (out / "voicemail.html").read_text("utf-8")
    assert 'class="corrected"' in page and "<del hidden>" in page
    lines = (out / "index_files" / "lines-0000.js").read_text("utf-8")
    assert "forty times" in lines and "four times" not in lines
    assert "voicemail.html" in (out / "index.html").read_text("utf-8")
    assert verify(out, strict=True).ok


def test_who_corrected_what_and_when_is_in_the_log(out: Path) -> None:
    correct(out, at="1", was="Emma", text="Anna")
    [entry] = [one for one in entries(out) if one["what"] == "correction"]
    assert entry["person"] == "Kim" and entry["recording"] == "../in/voicemail.wav"
    [edit] = entry["edits"]  # type: ignore[misc]
    assert (edit["was"], edit["now"], edit["by"]) == ("Emma", "Anna", "Kim")  # type: ignore[index]
    assert {one["what"] for one in entries(out)[-4:]} == {"stage", "export"}


def test_speakers_are_named_and_turns_moved(out: Path) -> None:
    correct(out, name=["A=김민수"])
    assert (
        "SPEAKER voicemail.wav 1 0.394 1.957 <NA> <NA> 김민수"
        in (out / "voicemail.rttm").read_text()
    )
    correct(out, at="4", speaker="이영희")
    lines = (out / "voicemail.txt").read_text().splitlines()
    assert [line.partition("]")[0] for line in lines] == ["[김민수", "[이영희", "[김민수"]
    assert [one["speaker"] for one in content(out)["speakers"]] == ["김민수", "이영희"]  # type: ignore[attr-defined, index]
    assert verify(out, strict=True).ok


def test_turns_are_split_and_merged(out: Path) -> None:
    before = (out / "voicemail.txt").read_text()
    correct(out, at="1.2", split=True, speaker="B")
    lines = (out / "voicemail.txt").read_text().splitlines()
    assert lines[:2] == ["[A]: Emma called me", "[B]: four times this week."]
    correct(out, at="0.4", to="2.4", merge=True)
    assert (out / "voicemail.txt").read_text() == before


def test_undo_gives_back_what_the_machine_made(out: Path, finished: Path) -> None:
    correct(out, at="1", was="Emma", text="Anna")
    correct(out, segment=1, text="other words")
    assert "other words" in (out / "voicemail.txt").read_text()
    correct(out, undo=1)
    assert "Anna" in (out / "voicemail.txt").read_text()
    correct(out, undo=1)
    for name in ("txt", "srt", "vtt", "tsv", "rttm"):
        file = f"voicemail.{name}"
        assert (out / file).read_text() == (finished / "out" / file).read_text()
    assert [one["what"] for one in entries(out)].count("correction") == 4


def test_an_edited_export_is_taken_over(out: Path, tmp_path: Path) -> None:
    edited = tmp_path / "edited.srt"
    edited.write_text((out / "voicemail.srt").read_text().replace("Osaka", "Kyoto"))
    assert correct(out, from_file=edited) == 0
    assert "Kyoto" in (out / "voicemail.txt").read_text()
    layer = json.loads((out / "corrections/voicemail.json").read_text())
    assert len(layer["edits"]) == 1


def test_a_toml_of_edits_is_taken_over_as_far_as_it_fits(out: Path, tmp_path: Path) -> None:
    edits = tmp_path / "edits.toml"
    edits.write_text(
        '[[edits]]\nkind = "words"\nstart = 0.4\nend = 0.6\nwas = "Emma"\nnow = "Anna"\n'
        '[[edits]]\nkind = "words"\nstart = 0.4\nend = 0.6\nwas = "Zoe"\nnow = "Ann"\n'
    )
    assert correct(out, from_file=edits) == 1
    assert (out / "voicemail.txt").read_text().startswith("[A]: Anna called")


def test_a_later_run_keeps_the_corrections(out: Path) -> None:
    correct(out, at="1", was="Emma", text="Anna")
    summary = Run("voice", out.parent / "in", out=out, **OPTIONS).start().wait()
    assert summary.count("done") == 1 and summary.warnings == []
    assert (out / "voicemail.txt").read_text().startswith("[A]: Anna called")
    formats = (*FORMATS, "court")
    Run("voice", out.parent / "in", out=out, **{**OPTIONS, "formats": formats}).start().wait()
    assert (out / "voicemail.txt").read_text().startswith("[A]: Anna called")
    assert verify(out, strict=True).ok


def test_a_run_that_changes_the_machines_text_says_what_no_longer_fits(out: Path) -> None:
    correct(out, at="1", was="Emma", text="Anna")
    correct(out, at="4", was="map", text="mat")
    layer = out / "corrections" / "voicemail.json"
    from reelmill.stages.transcript.layers import layer_data, read_layer

    kept = read_layer(layer)
    kept.edits[0] = type(kept.edits[0])("words", 0.4, 0.6, "Zoe", "Ann", "Kim", "")
    layer.write_bytes(layer_data(kept))  # as if the machine had heard Zoe before
    summary = Run("voice", out.parent / "in", out=out, **OPTIONS).start().wait()
    [finding] = [f for f in summary.outcomes[0].findings if f.label == "correction"]
    assert "no longer fits" in finding.text and "Zoe" in finding.text
    text = (out / "voicemail.txt").read_text()
    assert "Emma" in text and "mat is" in text


def test_a_layer_that_somebody_changed_is_not_applied(out: Path) -> None:
    correct(out, at="1", was="Emma", text="Anna")
    layer = out / "corrections" / "voicemail.json"
    layer.write_text(layer.read_text().replace("Anna", "Olga"))
    assert any(one.what == "changed" for one in verify(out).findings)
    summary = Run("voice", out.parent / "in", out=out, **OPTIONS).start().wait()
    assert any("not applied" in one.text for one in summary.outcomes[0].findings)
    assert "Emma" in (out / "voicemail.txt").read_text()
    with pytest.raises(InputError, match="changed since"):
        correct(out, at="1", was="Emma", text="Anna")


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        ({"at": "1", "was": "Zoe", "text": "Ann"}, "not said"),
        ({"text": "Ann"}, "say where"),
        ({"at": "59", "text": "Ann"}, "nothing was recognized"),
        ({"name": ["A"]}, "A=Kim"),
        ({"at": "1", "merge": True}, "--to"),
        ({"segment": 99, "text": "x"}, "--segment 99"),
        ({"name": ["Z=Kim"]}, "does not fit"),
    ],
)
def test_what_cannot_be_corrected_is_told(
    out: Path, wanted: dict[str, object], problem: str
) -> None:
    before = (out / CUSTODY).read_bytes()
    with pytest.raises(UsageError, match=problem):
        correct(out, **wanted)
    assert (out / CUSTODY).read_bytes() == before


def test_words_that_are_said_at_another_time_are_found(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(correcting, "_NEAREST", 1)
    with pytest.raises(UsageError, match="not said at 00:07, but at 00:00"):
        correct(out, at="0:07", was="Emma", text="Anna")
    with pytest.raises(UsageError, match="not said at 00:07 or elsewhere: “Listen"):
        correct(out, at="0:07", was="Zoe", text="Anna")


def test_a_file_that_a_person_edited_in_place_is_kept(out: Path) -> None:
    from reelmill.errors import NotOursError

    (out / "voicemail.txt").write_text("mine")
    with pytest.raises(NotOursError, match="changed after"):
        correct(out, at="1", was="Emma", text="Anna")
    assert (out / "voicemail.txt").read_text() == "mine"


def test_nothing_is_changed_in_a_dry_run(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    correct(out, at="1", was="Emma", text="Anna", dry_run=True)
    assert "“Emma” → “Anna”" in capsys.readouterr().out
    after = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    changed = {path.name for path in after if before.get(path) != after[path]}
    assert changed <= {"lock", "ledger.sqlite-shm", "ledger.sqlite-wal"}


def test_the_machines_text_is_shown_beside(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    correct(out, at="1", was="Emma", text="Anna")
    correct(out, show_machine=True, show=True)
    lines = capsys.readouterr().out.splitlines()
    assert any("A: Anna called me" in line for line in lines)
    assert any("machine: A: Emma called me" in line for line in lines)


def test_the_command_takes_a_result_file_too(out: Path) -> None:
    target = str(out / "voicemail.srt")
    done = CliRunner().invoke(
        app, ["correct", target, "--at", "0:01", "--was", "Emma", "--text", "Anna"]
    )
    assert done.exit_code == 0, done.output
    nowhere = subprocess.run(
        [sys.executable, "-m", "reelmill", "correct", str(out.parent / "x"), "--at", "1"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert nowhere.returncode == 2 and "not in a folder of results" in nowhere.stderr


def test_replacements_are_made_by_every_command_and_can_be_corrected(
    finished: Path, tmp_path: Path
) -> None:
    table, out = tmp_path / "table.csv", tmp_path / "out"
    table.write_text("from,to\nEmma,Anna\n")
    shutil.copytree(finished / "in", tmp_path / "in")
    options = {**OPTIONS, "replacements": table}
    Run("voice", tmp_path / "in", out=out, **options).start().wait()
    assert (out / "voicemail.txt").read_text().startswith("[A]: Anna called")
    [replaced] = content(out)["replacements"]  # type: ignore[misc]
    assert (replaced["was"], replaced["now"]) == ("Emma", "Anna")  # type: ignore[index]
    [begun] = [one for one in entries(out) if one["what"] == "run"]
    stage = begun["stages"]["replace-words"]  # type: ignore[index]
    assert stage["settings"]["table"] == [["Emma", "Anna"]]
    correct(out, at="1", was="Anna", text="Olga")
    [word] = [one for one in content(out)["segments"][0]["words"] if "machine" in one]  # type: ignore[index]
    assert (word["word"], word["machine"]) == ("Olga", "Emma")
    table.write_text("from,to\nEmma,Zoe\n")
    summary = Run("voice", tmp_path / "in", out=out, **options).start().wait()
    assert any(f.label == "correction" for f in summary.outcomes[0].findings), "Anna is gone"
    assert (out / "voicemail.txt").read_text().startswith("[A]: Zoe called")


def test_patterns_and_scores_follow_the_corrected_words(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "in", tmp_path / "in")
    out = tmp_path / "out"
    options = {**OPTIONS, "forensic": True}
    Run("voice", tmp_path / "in", out=out, **options).start().wait()

    def threats() -> list[dict[str, object]]:
        found: list[dict[str, object]] = content(out)["findings"]  # type: ignore[assignment]
        return [one for one in found if one["source"] == "patterns" and one["label"] == "threat"]

    assert threats() == []
    correct(out, name=["A=Kim"])
    correct(out, at="4", text="If you tell the police, I will kill you.")
    [*_, threat] = threats()
    assert threat["speaker"] == "Kim"
    scores = content(out)["scores"]
    assert "kill you" in json.dumps(scores)
    assert verify(out, strict=True).ok
    Run("voice", tmp_path / "in", out=out, **options).start().wait()
    assert threats() and content(out)["scores"] == scores
    correct(out, undo=1)
    assert threats() == []
