"""The export stage: paths and names of files, and what must never happen."""

# proves: V7, G14 (originals), G13

from __future__ import annotations

import hashlib
import json
import os
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import srt

from reelmill.artifacts import Segment, SpeakerTotals, SpokenTranscript, Transcript
from reelmill.core.recording import FileState, Recording
from reelmill.core.text import columns
from reelmill.engine.stage import Inputs
from reelmill.errors import NotOursError, UsageError
from reelmill.export.files import export_path
from reelmill.export.names import SpeakerName
from reelmill.export.transcript.case import Case, Party
from reelmill.stages.transcript.export import Export
from reelmill.testing import context_of

TRANSCRIPT = Transcript("ko", 1.0, "demo", 3.0, 2.0, [Segment(0, 1, "네", -0.1, 0, 1, 0)])


def recording(path: Path, name: str) -> Recording:
    return Recording(path, name, path.parent, FileState("a" * 64, "b" * 32, 7, 1))


def test_files_are_beside_each_other_below_the_root(tmp_path: Path):
    stage = Export(tmp_path / "out", ("srt", "json"), (("language", "ko"),))
    call = recording(tmp_path / "통화.1.m4a", "6월/통화.1")
    exports = stage.run(context_of(call), Inputs([TRANSCRIPT]))
    assert [file.path for file in exports.files] == ["6월/통화.1.json", "6월/통화.1.srt"]
    for file, path in zip(exports.files, stage.files(call, exports), strict=True):
        data = path.read_bytes()
        assert (file.sha256, file.size) == (hashlib.sha256(data).hexdigest(), len(data))
    assert len(list((tmp_path / "out" / "6월").iterdir())) == 2


def test_formats_and_settings_are_part_of_the_key_but_not_the_root(tmp_path: Path):
    one, two = Export(tmp_path / "a"), Export(tmp_path / "b")
    assert one.fingerprint() == two.fingerprint()
    assert Export(tmp_path, ("txt",)).fingerprint() != one.fingerprint()
    assert Export(tmp_path, settings=(("x", 1),)).fingerprint() != one.fingerprint()
    assert pickle.loads(pickle.dumps(one)) == one


def test_captions_fit_on_the_screen_and_the_json_keeps_the_segments(tmp_path: Path):
    said = "오늘 아침에 통장을 확인해 보니 돈이 하나도 없어서 은행에 바로 전화를 했습니다."
    transcript = replace(TRANSCRIPT, segments=[Segment(0, 12, said, -0.1, 0, 1, 0)])
    stage = Export(tmp_path, ("srt", "vtt", "json"))
    stage.run(context_of(recording(tmp_path / "a.m4a", "call")), Inputs([transcript]))
    shown = list(srt.parse((tmp_path / "call.srt").read_text()))
    assert len(shown) == 2
    for cue in shown:
        assert (cue.end - cue.start).total_seconds() <= 7
        lines = cue.content.split("\n")
        assert len(lines) <= 2 and max(map(columns, lines)) <= 2 * 18
    assert " ".join(cue.content.replace("\n", " ") for cue in shown) == said
    assert all(cue.content in (tmp_path / "call.vtt").read_text() for cue in shown)
    (kept,) = json.loads((tmp_path / "call.json").read_text())["segments"]
    assert (kept["text"], kept["end"]) == (said, 12)


def test_an_unknown_format_is_refused_before_work_begins(tmp_path: Path):
    with pytest.raises(UsageError, match="the formats are"):
        Export(tmp_path, ("pdf",))


def test_long_names_are_shortened_the_same_way_each_time(tmp_path: Path):
    one, other = "폴더/" + "가" * 84, "폴더/" + "가" * 83 + "나"
    names = {export_path(name, "json") for name in (one, other)}
    assert len(names) == 2
    for name in names:
        assert len(os.fsencode(Path(name).name)) <= 255
        assert name.startswith("폴더/가가")
    assert export_path(one, "srt").removesuffix("srt") == export_path(one, "vtt")[:-3]
    exports = Export(tmp_path, ("txt",)).run(
        context_of(recording(tmp_path / "a.m4a", one)), Inputs([TRANSCRIPT])
    )
    assert (tmp_path / exports.files[0].path).read_text() == "네\n"


@pytest.mark.parametrize("name", ["-rf", ".hidden", "a\nb", "🎙️", "\udcff", "a.b.c", "CON"])
def test_files_with_odd_names_are_written(tmp_path: Path, name: str):
    stage = Export(tmp_path / "out")
    call = recording(tmp_path / "a.m4a", name)
    exports = stage.run(context_of(call), Inputs([TRANSCRIPT]))
    assert all(path.is_file() for path in stage.files(call, exports))


def test_an_original_is_never_replaced(tmp_path: Path):
    original = tmp_path / "call.txt"
    original.write_bytes(b"sound, oddly named")
    with pytest.raises(NotOursError, match="is one of the recordings"):
        Export(tmp_path, ("txt",)).run(
            context_of(recording(original, "call")), Inputs([TRANSCRIPT])
        )
    assert original.read_bytes() == b"sound, oddly named"


@pytest.mark.parametrize(
    ("called", "told"), [("김민수", ["name"]), ("김철수", []), ("철수", []), (None, [])]
)
def test_a_record_that_names_somebody_else_than_the_transcript_says_so(
    tmp_path: Path, called: str | None, told: list[str]
):
    said = [replace(TRANSCRIPT.segments[0], speaker="A")]
    values = {**vars(TRANSCRIPT), "segments": said}
    spoken = SpokenTranscript(**values, speakers=[SpeakerTotals("A", 1.0, 1, 1.0, 0.0)])
    names = () if called is None else (SpeakerName("A", called),)
    case = Case(speakers=(Party("A", "김철수", "대표"),))
    stage = Export(tmp_path / "out", ("json", "nokchwirok.html"), names=names, case=case)
    made = stage.run(context_of(recording(tmp_path / "a.wav", "a")), Inputs([spoken]))
    assert [one.label for one in made.findings] == told
    alone = replace(stage, formats=("json",)).run(
        context_of(recording(tmp_path / "a.wav", "a")), Inputs([spoken])
    )
    assert not alone.findings, "without a record nothing contradicts"
