from __future__ import annotations

import io

import pytest

from reelmill.artifacts import Segment, SpeakerTotals, SpokenTranscript, Turn
from reelmill.errors import UsageError
from reelmill.export.names import named, named_turns, names_for, parse_names
from reelmill.export.transcript import Document, Source, writer_for

SOURCE = Source("통화 1.m4a", "ab" * 32, "cd" * 16, 10, 1_700_000_000_000_000_000)


def spoken() -> SpokenTranscript:
    segments = [
        Segment(0.0, 1.0, "Hello.", -0.1, 0.0, 1.0, 0.0, [], "A"),
        Segment(1.5, 2.0, "Hi.", -0.1, 0.0, 1.0, 0.0, [], "B"),
    ]
    totals = [SpeakerTotals("A", 1.0, 1, 0.67, 0.0), SpeakerTotals("B", 0.5, 1, 0.33, 0.0)]
    return SpokenTranscript("en", 1.0, "demo", 2.0, 1.5, segments, [], None, [], totals, "networks")


TURNS = [Turn(0.0, 1.0, "A"), Turn(1.5, 2.0, "B")]


# proves: V7
def test_names_reach_every_format() -> None:
    names = names_for(
        parse_names(["A=Kim Min", "통화 1.m4a:B=Lee", "other.m4a:A=Nobody"]), SOURCE.name
    )
    document = Document(named(spoken(), names), SOURCE, {}, named_turns(TURNS, names))
    assert writer_for("txt").render(document) == "[Kim Min]: Hello.\n[Lee]: Hi.\n"
    assert "<v Kim Min>Hello.</v>" in writer_for("vtt").render(document)
    assert writer_for("tsv").render(document).splitlines()[1].endswith("\tKim Min")
    assert '"speaker": "Kim Min"' in writer_for("json").render(document)
    assert writer_for("rttm").render(document).splitlines() == [
        "SPEAKER 통화_1.m4a 1 0.000 1.000 <NA> <NA> Kim_Min <NA> <NA>",
        "SPEAKER 통화_1.m4a 1 1.500 0.500 <NA> <NA> Lee <NA> <NA>",
    ]


# proves: V7
def test_docx_is_readable_and_always_the_same_file() -> None:
    docx = pytest.importorskip("docx")
    document = Document(spoken(), SOURCE, {}, TURNS)
    data = writer_for("docx").content(document)
    assert data == writer_for("docx").content(document)
    made = docx.Document(io.BytesIO(data))
    texts = [paragraph.text for paragraph in made.paragraphs]
    assert "00:00:00  [A]: Hello." in texts
    assert [cell.text for cell in made.tables[0].rows[1].cells] == ["A", "00:00:01", "1", "67%"]


def test_names_of_files_and_speakers_may_contain_colons() -> None:
    names = parse_names(["12:30.m4a:A=Kim: boss,B=Lee", "C=a:b"])
    assert names_for(names, "12:30.m4a") == {"A": "Kim: boss", "B": "Lee", "C": "a:b"}
    assert names_for(names, "other.m4a") == {"C": "a:b"}


def test_an_empty_name_takes_one_for_all_back_for_a_recording() -> None:
    names = parse_names(["A=Kim,B=Lee", "1.m4a:A="])
    assert names_for(names, "1.m4a") == {"B": "Lee"}
    assert names_for(names, "2.m4a") == {"A": "Kim", "B": "Lee"}


@pytest.mark.parametrize("given", ["A", "=Kim", "=", "call.m4a:A"])
def test_invalid_names_are_refused(given: str) -> None:
    with pytest.raises(UsageError, match="LABEL=NAME"):
        parse_names([given])
