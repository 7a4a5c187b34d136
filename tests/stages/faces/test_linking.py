"""Voices are linked with matching faces, and transcripts get names from faces.

# proves: F8
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from reelmill.artifacts import (
    Diarization,
    HeardPersons,
    Persons,
    PersonTurns,
    Segment,
    SpeakingArrays,
    SpeakingPersons,
    SpokenTranscript,
    Transcript,
    Turn,
    write_arrays,
)
from reelmill.engine.stage import Inputs
from reelmill.export.names import SpeakerName
from reelmill.stages.faces.link_voices import LinkVoices, NameTurns
from reelmill.stages.faces.linking import evidence, heard_in, links, who_speaks
from reelmill.stages.faces.name_persons import NamePersons
from reelmill.stages.speakers.attribute_speakers import AttributeSpeakers
from reelmill.testing import artifact_of
from tests.stages.faces.people import persons_of, recording_of

SECONDS = 20
#: A is seen throughout and speaks first, B is seen but from 8 to 12 s, C is never seen.
TURNS = [Turn(0, 5, "x"), Turn(5, 12, "y"), Turn(12, 15, "z"), Turn(15, 20, "x")]


def likely(*spans: tuple[float, float], low: float = 0.05) -> np.ndarray:
    found = np.full(SECONDS * 25, low, np.float32)
    for start, end in spans:
        found[round(start * 25) : round(end * 25)] = 0.95
    return found


@pytest.fixture
def talk(tmp_path: Path) -> tuple:
    """Persons and voices of a talk; B listens with a mouth that moves from 1 to 4 s."""
    recording = recording_of(_file(tmp_path), tmp_path / "made")
    times = np.arange(SECONDS * 25) / 25
    everywhere = dict.fromkeys(range(len(times)), (60.0, 60.0))
    sometimes = {i: (200.0, 60.0) for i in range(len(times)) if not 200 <= i < 300}
    people = {"A": everywhere, "B": sometimes}
    persons = persons_of(recording.folder, times, people, size=(320, 240), names={"A": "Kim"})
    first = likely((0, 5), (15, 20))
    second = likely((1, 4), (5, 8))[:200]
    third = likely()[300:]
    persons.persons[1].intervals[1].tracks[0] = 2
    offsets = np.cumsum([0, len(first), len(second), len(third)])
    activity = SpeakingArrays(
        offsets, np.array([0, 0, 300]), np.concatenate([first, second, third])
    )
    write_arrays(recording.folder / "activity.npz", activity)
    kept = {one.name: getattr(persons, one.name) for one in fields(Persons)}
    speaking = SpeakingPersons(**kept, activity="activity.npz", speaking_by="lr-asd")
    diarization = Diarization(TURNS, ["x", "y", "z"], "diarizer", float(SECONDS))
    return recording, speaking, diarization


def _file(folder: Path) -> Path:
    path = folder / "talk.mp4"
    path.write_bytes(b"talk")
    return path


def spans(found) -> list[tuple[float, float]]:
    return [(round(span.start, 1), round(span.end, 1)) for span in found]


def test_voices_are_linked_with_faces_that_speak_at_the_same_time(talk) -> None:
    recording, speaking, diarization = talk
    found = artifact_of(LinkVoices(), recording, Inputs([speaking, diarization]))
    assert isinstance(found, HeardPersons)
    first, second = found.persons
    assert (first.voices, second.voices) == (["x"], ["y"])
    assert spans(first.heard) == [(0, 5), (15, 20)]
    assert spans(second.heard) == [(5, 12)], "also while the face is not to be seen"
    assert spans(first.speaking) == [(0, 5), (15, 20)]
    assert spans(second.speaking) == [(5, 8)], "a mouth that moves to another's voice is silent"
    (unseen,) = found.unseen
    assert (unseen.label, spans(unseen.heard)) == ("z", [(12, 15)])


def test_transcripts_carry_the_names_of_faces(talk) -> None:
    recording, speaking, diarization = talk
    made = [speaking, diarization]
    made.append(artifact_of(LinkVoices(), recording, Inputs(made)))
    names = (SpeakerName("B", "Lee"), SpeakerName("A", "Choi", "another.mp4"))
    made.append(artifact_of(NamePersons(names), recording, Inputs([made[-1]])))
    assert [person.name for person in made[-1].persons] == ["Kim", "Lee"]
    turns = artifact_of(NameTurns(), recording, Inputs([made[-1], diarization]))
    assert isinstance(turns, PersonTurns)
    assert [turn.speaker for turn in turns.turns] == ["Kim", "Lee", "Voice z", "Kim"]
    lines = [Segment(s, s + 1, "text", 0, 0, 1, 0) for s in (1.0, 9.0, 13.0, 18.0)]
    transcript = Transcript("en", 1.0, "demo", 20.0, 20.0, lines)
    told = artifact_of(AttributeSpeakers(), recording, Inputs([transcript, diarization, turns]))
    assert isinstance(told, SpokenTranscript)
    assert [segment.speaker for segment in told.segments] == ["Kim", "Lee", "Voice z", "Kim"]


def test_persons_are_named_without_a_diarizer(talk) -> None:
    recording, speaking, _ = talk
    persons = Persons(**{one.name: getattr(speaking, one.name) for one in fields(Persons)})
    found = artifact_of(NamePersons((SpeakerName("A", "Park"),)), recording, Inputs([persons]))
    assert [person.name for person in found.persons] == ["Park", None]
    assert found.sidecars() == persons.sidecars()


def test_a_voice_that_matches_two_faces_equally_is_not_linked() -> None:
    seen = np.zeros((2, 200), np.float32)
    seen[0, :100], seen[1, 100:] = 3, 3
    heard = np.ones((1, 200), np.bool_)
    assert links(seen, heard) == {}
    seen[1, 150:] = -3
    seen[0, 150:] = 3
    (link,) = links(seen, heard).values()
    assert link.person == 0 and 0.5 < link.trust < 0.7, "the other has no voice of its own"


def test_a_word_or_two_do_not_make_a_link() -> None:
    seen = np.full((1, 200), -3, np.float32)
    seen[0, :15] = 3
    assert links(seen, np.ones((1, 200), np.bool_)) == {}


def test_no_faces_or_no_voices_give_no_links() -> None:
    nobody, silence = np.zeros((0, 50), np.float32), np.zeros((0, 50), np.bool_)
    assert links(nobody, heard_in([Turn(0, 1, "x")], ["x"], 50)) == {}
    said, shares = who_speaks(nobody, silence, {})
    assert said.shape == shares.shape == (0, 50)
    mouth = np.full((1, 50), 2, np.float32)
    assert links(mouth, silence) == {}
    assert not any(one.any() for one in who_speaks(mouth, silence, {})), "they only chew"


def test_evidence_exists_only_where_the_face_is_visible(talk) -> None:
    recording, speaking, _ = talk
    with np.load(recording.folder / "activity.npz") as stored:
        activity = SpeakingArrays(**dict(stored))
    seen = evidence(speaking.persons, activity, SECONDS * 25)
    assert np.isnan(seen[1]).nonzero()[0].tolist() == list(range(200, 300))
    assert not np.isnan(seen[0]).any()


def test_the_most_likely_speaker_has_the_highest_share() -> None:
    seen = np.array([[3.0, -3, -3, 1], [1.0, -2, -2, np.nan]], np.float32)
    heard = np.array([[False, False, True, False]])
    said, shares = who_speaks(seen, heard, {})
    assert said.tolist() == [[True, False, False, True], [False, False, False, False]]
    assert shares[:, 0] == pytest.approx([1, np.exp(-2)])
    assert shares[:, 1].tolist() == [0, 0], "nobody speaks"
    assert 0 < shares[0, 2] < shares[1, 2] < 1, "somebody is heard, no mouth moves"
    assert shares[:, 3].tolist() == [1, 0], "who is not to be seen is not shown"
