"""The package's pattern files find their own examples, planted sentences, and nothing else."""

from pathlib import Path

import pytest

from reelmill.core.toml import read_toml
from reelmill.stages.forensic.matching.files import read_grammar, shipped_files
from reelmill.stages.forensic.matching.languages import compile_file, matcher_of, spellings_of
from reelmill.stages.forensic.matching.trial import counting, failures, neutral_sentences

LANGUAGES = ("en", "ja", "ko")
FILES = [file for language in LANGUAGES for file in shipped_files(language)]
PLANTED = Path(__file__).parents[4] / "synthetic" / "planted"
#: Sentences that only some categories or languages have.
MORE = ("fresh", "second_tune", "third_tune", "fourth_tune")
#: So many of a hundred, of all categories together.
RECALL, PRECISION = 97, 97


def needs_analyser(language: str) -> None:
    if language != "en":
        pytest.importorskip({"ko": "kiwipiepy", "ja": "sudachipy"}[language])


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.language}-{file.category}")
def test_a_file_is_right_about_its_own_sentences_and_everyday_ones(file):
    # proves: V8
    needs_analyser(file.language)
    assert all(pattern.examples and pattern.lookalikes for pattern in file.patterns)
    assert failures(file) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_found_in_everyday_sentences(language):
    # proves: V8
    needs_analyser(language)
    said = neutral_sentences(language)
    assert len(said) > 40
    assert [one for one in said if counting(matcher_of(language), one)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_planted_sentences_are_found_and_their_lookalikes_are_not(language):
    # proves: V8
    needs_analyser(language)
    planted = read_toml(PLANTED / f"{language}.toml")
    also = planted.pop("also")
    neutral = planted.pop("neutral")
    nothing = [*neutral["tune"], *neutral["held_out"]]
    found, missed, wrong = 0, [], []
    for category, said in planted.items():
        nothing += [*said["lookalike_tune"], *said["lookalike_held_out"]]
        for half in MORE:
            nothing += said.get(f"lookalike_{half}", ())
        more = [one for half in MORE for one in said.get(half, ())]
        for one in (*said["tune"], *said["held_out"], *more):
            hits = {hit.pattern.category for hit in counting(matcher_of(language), one)}
            found += category in hits
            missed += [] if category in hits else [one]
            wrong += [(one, other) for other in hits - {category, *also.get(one, ())}]
    wrong += [(one, hit) for one in nothing for hit in counting(matcher_of(language), one)]
    assert 100 * found >= RECALL * (found + len(missed)), missed
    assert 100 * found >= PRECISION * (found + len(wrong)), wrong


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_forms_need_no_analyser_to_be_read(language):
    for file in shipped_files(language):
        assert compile_file(file, read_grammar(language), spellings_of(language))
