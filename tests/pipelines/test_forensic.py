"""Which forensic stages a run has, and what it says where a program is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from reelmill.engine.state.artifact_store import stage_digest
from reelmill.errors import UsageError
from reelmill.pipelines.forensic import forensic_stages
from reelmill.settings import load_settings
from reelmill.stages.forensic.patterns import FindPatterns
from reelmill.stages.forensic.scores import ScoreFindings
from tests.models.classifiers.folders import sound_model, text_model


def names(**given: object) -> list[str]:
    return [stage.name for stage in forensic_stages(load_settings(**given))]


def test_forensic_stages_run_only_on_request() -> None:
    assert names() == []
    assert {"acoustics", "patterns", "scores"} <= set(names(forensic=True))


def test_a_forensic_option_without_forensic_is_reported_as_unused(announced: list[str]) -> None:
    assert names(score_weights="weights.toml") == []
    assert announced == ["--score-weights has no effect without --forensic"]


# proves: G19
def test_classifiers_are_there_when_named_and_told_when_not(tmp_path: Path) -> None:
    stages = {stage.name: stage for stage in forensic_stages(load_settings(forensic=True))}
    assert not {"emotion", "text_classes"} & set(stages)
    scores = stages["scores"]
    assert isinstance(scores, ScoreFindings)
    assert scores.absent == (
        "speech was not classified by emotion: no --emotion-model is given",
        "text was not classified by a model: no --text-classifier is given",
    )
    given = {
        "emotion_model": str(sound_model(tmp_path / "sound")),
        "text_classifier": str(text_model(tmp_path / "text")),
    }
    assert names(**given) == ["emotion", "text_classes"]  # also without the rest
    whole = {stage.name: stage for stage in forensic_stages(load_settings(forensic=True, **given))}
    scores = whole["scores"]
    assert isinstance(scores, ScoreFindings) and scores.absent == ()


PATTERNS = """
language = "en"
category = "spying"
[[pattern]]
id = "follow"
why = "says that they follow the listener"
forms = ["~follow you"]
"""


def patterns_stage(**given: object) -> FindPatterns:
    (stage,) = [
        one
        for one in forensic_stages(load_settings(forensic=True, **given))
        if isinstance(one, FindPatterns)
    ]
    return stage


# proves: V8
def test_a_pattern_file_of_the_users_is_searched_and_part_of_the_key(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(PATTERNS, encoding="utf-8")
    stage = patterns_stage(patterns=[str(file)], pattern_languages="English,ko")
    assert [one.category for one in stage.added] == ["spying"]
    assert stage.languages == ("en", "ko")
    file.write_text(PATTERNS.replace("~follow", "follow"), encoding="utf-8")
    changed = patterns_stage(patterns=[str(file)], pattern_languages="English,ko")
    assert len({stage_digest(one) for one in (stage, changed, patterns_stage())}) == 3


def test_a_pattern_file_that_is_not_valid_stops_the_run_before_any_work(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(PATTERNS.replace('["~', '["(~'), encoding="utf-8")
    with pytest.raises(UsageError, match=r"mine\.toml: line 4: .*not closed"):
        patterns_stage(patterns=[str(file)])
    with pytest.raises(UsageError, match="--pattern-languages elvish: not one of"):
        patterns_stage(pattern_languages="elvish")
