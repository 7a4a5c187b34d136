"""Meetings with truth; what needs espeak-ng and flite says so."""

import json

import pytest

from synthetic import espeak, flite
from synthetic.calls import make_call
from synthetic.corpus import TRUTH_FOLDER
from synthetic.meetings import OVERLAPS, SPEAKERS, generate_meetings, plan_meetings
from synthetic.voices import CAST, Voice

needs_programs = pytest.mark.skipif(
    not (espeak.available() and flite.available()), reason=f"{espeak.REMEDY}; {flite.REMEDY}"
)
#: Two voices of espeak-ng and none of flite.
PAIR = [voice for voice in CAST if voice.program == "espeak"][:2]


def test_plans_come_with_every_number_of_speakers_and_every_overlap():
    plans = plan_meetings(4 * len(SPEAKERS), 5)
    assert {len(plan.voices) for plan in plans} == set(SPEAKERS)
    wanted = {(people, overlap) for people in SPEAKERS for overlap in OVERLAPS}
    assert {(len(plan.voices), plan.overlap) for plan in plans} == wanted


def test_nobody_is_in_a_meeting_twice():
    assert all(len(set(plan.voices)) == len(plan.voices) for plan in plan_meetings(40, 5))


def test_plans_depend_on_their_seed():
    assert plan_meetings(6, 5) == plan_meetings(6, 5)
    assert plan_meetings(6, 5) != plan_meetings(6, 6)


def test_the_given_length_is_that_of_the_whole_set():
    assert {plan.seconds for plan in plan_meetings(9, 5, seconds=33.0)} == {33.0}


@pytest.mark.skipif(not espeak.available(), reason=espeak.REMEDY)
@pytest.mark.parametrize("overlap", [0.0, 0.2])
def test_the_share_of_overlap_is_as_planned(overlap):
    (plan,) = plan_meetings(1, 5, speakers=[2], overlaps=[overlap], seconds=60.0, noisy=False)
    call = make_call(type(plan)(**{**vars(plan), "voices": tuple(PAIR)}))
    spoken = sum(one.end - one.start for one in call.utterances)
    once = _seconds_of_union([(one.start, one.end) for one in call.utterances])
    assert (spoken - once) / once == pytest.approx(overlap, abs=0.05 if overlap else 1e-6)


def _seconds_of_union(spans):
    total, reached = 0.0, 0.0
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


@needs_programs
def test_meetings_are_written_with_their_truth(tmp_path):
    plans = plan_meetings(2, 5, speakers=[1, 3], seconds=20.0)
    made = generate_meetings(tmp_path, plans, workers=1)
    assert len(made) == 2
    files = sorted(path for path in tmp_path.iterdir() if path.is_file())
    assert [file.name for file in files] == ["meeting 001.m4a", "meeting 002.mp3"]
    truths = [json.loads((tmp_path / TRUTH_FOLDER / f"{f.name}.json").read_text()) for f in files]
    assert truths[0]["speakers"] == ["A"]
    assert set(truths[1]["speakers"]) <= {"A", "B", "C"}
    assert len(truths[1]["speakers"]) > 1


@pytest.mark.skipif(not flite.available(), reason=flite.REMEDY)
def test_flite_is_deterministic_and_speaks_faster_on_request():
    slow, again = (flite.speak("good morning to you", "slt", 140) for _ in range(2))
    fast = flite.speak("good morning to you", "slt", 210)
    assert slow.samples.tolist() == again.samples.tolist()
    assert len(fast.samples) / len(slow.samples) == pytest.approx(140 / 210, abs=0.05)


def test_a_voice_that_flite_lacks_is_named():
    with pytest.raises(espeak.EspeakError, match=r"nobody.*kal16"):
        flite.speak("good morning", "nobody", 170)


def test_missing_flite_is_reported_with_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    flite._program.cache_clear()
    with pytest.raises(espeak.EspeakError, match="apt-get install flite"):
        flite.speak("good morning", Voice("slt", program="flite").variant, 170)
    flite._program.cache_clear()
