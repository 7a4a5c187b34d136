"""Sentences of stages in the language of a page."""

# proves: V7

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import reelmill
from reelmill.media.audio.decode import _Damage, _damaged
from reelmill.media.timeline import truncated
from reelmill.pages.language import wording_in
from reelmill.pages.sentences import Sentences, sentences_in
from reelmill.pipelines import registry
from reelmill.report import wording
from reelmill.stages.forensic.matching.files import shipped_files
from reelmill.stages.media.channel_plan import plan_channels

SOURCE = Path(reelmill.__file__).parent
KO = wording_in("ko")
HANGUL = re.compile("[가-힣]")


def test_values_are_put_into_the_translation() -> None:
    assert KO.sentence("ends after 3.2 s; its header states 8.0 s") == (
        "3.2초에서 끝납니다. 헤더에는 8.0초라고 되어 있습니다"
    )


def test_what_people_said_is_never_translated() -> None:
    assert KO.sentence("left out: no speech found") == "제외함: no speech found"


def test_sentences_within_sentences_are_translated() -> None:
    said = "part 2 of 3 could not be read: has no picture; give a video"
    assert KO.sentence(said) == (
        "3개 부분 중 2번째를 읽지 못했습니다: 영상이 없습니다. 영상 파일을 지정하세요"
    )


def test_counted_labels_are_translated() -> None:
    assert KO.sentence("patterns: 2 × threat, 1 × my-own") == "언어 패턴: 2 × 협박, 1 × my-own"


def test_a_sentence_of_a_stranger_stays() -> None:
    assert KO.sentence("a sentence of a plug-in; and more") == "a sentence of a plug-in; and more"


def test_english_stays_as_it_is() -> None:
    assert wording_in("en").sentence("no speech found") == "no speech found"


def test_a_value_that_occurs_twice_has_to_be_the_same() -> None:
    find = Sentences({"{part} is {part}": "{part}!"}, {})
    assert find("a is a") == "a!"
    assert find("a is b") == "a is b"


def test_translations_have_the_fields_of_their_templates() -> None:
    catalogue = sentences_in("ko")
    assert isinstance(catalogue, Sentences)
    for one in catalogue._templates:
        named = set(re.findall(r"{(\w+)}", one.text))
        assert named == set(one.pattern.groupindex), one.text


@pytest.mark.parametrize("name", registry.stage_names())
def test_every_stage_has_a_korean_name(name: str) -> None:
    stage = registry.stage_class(name)
    if stage.__module__.startswith("reelmill."):
        assert HANGUL.search(KO.sentence(stage.display_name)), stage.display_name


def test_causes_advice_and_verdicts_are_in_korean() -> None:
    for kind in ("input", "transient", "resource", "crash"):
        assert HANGUL.search(KO.sentence(wording.cause_words(kind)))
        assert HANGUL.search(KO.sentence(wording.advice(kind)))
    ends = [
        (0, 0, 0, None),
        (1, 3, 1, None),
        (1, 1, 0, None),
        (3, 3, 0, None),
        (1, 3, 0, "SIGTERM"),
    ]
    for done, total, failed, stopped in ends:
        assert HANGUL.search(KO.sentence(wording.verdict(done, total, failed, stopped)[1]))


def _labels() -> Iterator[str]:
    """The labels of all findings that our stages name in their source."""
    for path in [*(SOURCE / "media").rglob("*.py"), *(SOURCE / "stages").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Finding" and node.args:
                label = node.args[0]
                if isinstance(label, ast.Constant):
                    yield str(label.value)


def test_the_labels_of_our_findings_are_in_korean() -> None:
    labels = set(_labels())
    assert len(labels) > 30
    missing = {one for one in labels if not HANGUL.search(KO.sentence(one))}
    assert missing == set(), "add them to pages/wording/sentences.ko.json"


def test_reasons_of_patterns_are_in_korean() -> None:
    files = [file for language in ("en", "ko", "ja") for file in shipped_files(language)]
    patterns = [one for file in files for one in file.patterns]
    missing = {one.why for one in patterns if not HANGUL.search(KO.reason(one.why))}
    assert missing == set(), "add them to pages/wording/sentences.ko.json"
    assert wording_in("en").reason("한다 (does)") == "한다 (does)"


def test_sentences_that_stages_make_are_found() -> None:
    """Real ones: of damaged sound, of a short file, of channels."""
    rng = np.random.default_rng(0)
    one = (rng.normal(size=16000) * 3000).astype(np.int16)
    said = [
        *(found.text for found in _damaged([_Damage(1.0, 2.0, 3)] * 30)),
        *(found.text for found in truncated(5.0, 9.0)),
        *(plan_channels([one, -one], "stereo", asked)[0].text for asked in ("mix", "split", "2")),
        plan_channels([one, one // 2], "stereo", "auto")[0].text,
        plan_channels([one, one * 0], "stereo", "auto")[0].text,
    ]
    missing = [text for text in said if not HANGUL.search(KO.sentence(text))]
    assert missing == []
