"""Edited exports are read back: what was not edited changes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reelmill.artifacts import Transcript
from reelmill.errors import InputError
from reelmill.export.transcript import Document, Source, writer_for
from reelmill.export.transcript.reading import changes, read_rows
from reelmill.stages.subtitles.rules import rules_for
from reelmill.stages.transcript.captions import captions
from tests.artifacts.test_corrections import segment, transcript

# proves: V7

CALL = transcript(
    segment(0, "send the money now, or else you will hear from my very best Q&A lawyers"),
    segment(20, "=SUM is not what I said", "Kim [boss]"),
    segment(40, "아니요 그렇게 말하지 않았어요", "B"),
)
SOURCE = Source("call.wav", "a" * 64, "b" * 32, 1, 1)
FORMATS = ("json", "srt", "vtt", "tsv", "txt")


def exported(folder: Path, name: str, said: Transcript = CALL) -> Path:
    shown = captions(said, rules_for(said.language))
    document = Document(said, SOURCE, captions=shown)
    path = folder / f"call.{name}"
    path.write_bytes(writer_for(name).content(document))
    return path


@pytest.mark.parametrize("name", FORMATS)
def test_an_export_that_nobody_edited_changes_nothing(tmp_path: Path, name: str) -> None:
    said = replace(CALL, segments=[replace(one, speaker="B") for one in CALL.segments])
    path = exported(tmp_path, name, said)
    assert changes(read_rows(path, said), said) == ([], [])


@pytest.mark.parametrize("name", FORMATS)
def test_an_edited_word_and_speaker_are_found(tmp_path: Path, name: str) -> None:
    path = exported(tmp_path, name)
    text = path.read_text().replace("lawyers", "friends")
    for old, new in (('"B"', '"Lee"'), ("[B]", "[Lee]"), ("\tB", "\tLee"), ("<v B>", "<v Lee>")):
        text = text.replace(old, new)
    path.write_text(text)
    found, strays = changes(read_rows(path, CALL), CALL)
    assert strays == []
    by_start = {one.segment.start: one for one in found}
    assert by_start[0].text.endswith("my very best Q&A friends")
    assert by_start[40].speaker == "Lee"


def test_a_subtitle_that_was_deleted_takes_its_words_away(tmp_path: Path) -> None:
    path = exported(tmp_path, "srt")
    cues = path.read_text().strip().split("\n\n")
    path.write_text("\n\n".join(cues[:-1]) + "\n")
    [change], _ = changes(read_rows(path, CALL), CALL)
    assert change.segment.start == 40 and "않았어요" not in change.text


def test_a_subtitle_where_nothing_was_said_is_told(tmp_path: Path) -> None:
    path = exported(tmp_path, "srt")
    path.write_text(path.read_text() + "\n9\n00:00:55,000 --> 00:00:56,000\nnew\n")
    _, [stray] = changes(read_rows(path, CALL), CALL)
    assert (stray.start, stray.text) == (55, "new")


def test_a_new_line_of_text_has_no_time(tmp_path: Path) -> None:
    path = exported(tmp_path, "txt")
    path.write_text("a new line\n" + path.read_text())
    with pytest.raises(InputError, match="line 1 is new"):
        read_rows(path, CALL)


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.json", "{}"), ("a.json", "["), ("a.tsv", "x\n1"), ("a.docx", ""), ("gone.srt", None)],
)
def test_what_is_no_export_is_told(tmp_path: Path, name: str, text: str | None) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError):
        read_rows(tmp_path / name, CALL)
