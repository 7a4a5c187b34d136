"""Conversations built from recordings of single people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks.real.conversations import RATE, ConversationPlan, make_conversation, plan_long

PEOPLE = ("one/anna", "one/ben", "one/cleo")


@pytest.fixture
def voices(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    for person in PEOPLE:
        folder = tmp_path / person
        folder.mkdir(parents=True)
        for name in ("first", "second"):
            sound = 0.001 * rng.normal(size=4 * RATE)
            sound[RATE // 2 : 3 * RATE] += 0.2 * rng.normal(size=RATE * 5 // 2)
            soundfile.write(folder / f"{name}.flac", sound, RATE)
    return tmp_path


def test_people_talk_longer_in_several_rounds(voices: Path) -> None:
    plan = ConversationPlan("talk", "1", PEOPLE[:2], 300.0, 0.0, True, 0.0, 30.0)
    spoken = []
    for rounds in (1, 3):
        _, _, turns = make_conversation(voices, replace(plan, rounds=rounds))
        spoken.append(sum(end - start for turn in turns for start, end in turn.audible))
    assert spoken[0] == pytest.approx(10, abs=1.5)
    assert 2 * spoken[0] < spoken[1] <= 3 * spoken[0] + 1


def test_in_a_long_conversation_people_have_more_to_say_than_there_is_time(voices: Path) -> None:
    for half in ("tune", "check"):
        for plan in plan_long(voices, half, 2):
            there = 8 * len(plan.people) * plan.rounds
            assert 1500 <= plan.seconds <= 1800
            assert 1.5 * plan.seconds < there < 2 * plan.seconds
