"""`reelmill patterns list` and `test`: what a file finds, and on what it is wrong."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from reelmill.cli.app import app
from reelmill.errors import ModelUnavailableError, UsageError
from reelmill.stages.forensic.matching import languages
from tests.search.test_index import said, write

GOOD = """
language = "en"
category = "spying"
[[pattern]]
id = "follow"
why = "says that they follow the listener"
forms = ["~follow you"]
unless = ["on instagram"]
matches = ["I was following you."]
lookalikes = ["She follows you on Instagram."]
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mine.toml"
    path.write_text(GOOD, encoding="utf-8")
    return path


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["patterns", *map(str, arguments)])
    if isinstance(done.exception, (UsageError, ModelUnavailableError)):
        raise done.exception
    return done.exit_code, done.stdout


def test_list__names_every_pattern_with_what_it_stands_for(file):
    # proves: V8
    code, shown = run("list", file, "--language", "en")
    assert code == 0
    assert "English (en)\n" in shown and "Korean" not in shown
    assert "  en/threat/harm: announces violence against the listener" in shown
    assert "  mine/spying/follow: says that they follow the listener (1 forms)" in shown


def test_list__a_language_whose_analyser_is_missing__is_told(monkeypatch):
    monkeypatch.setattr(languages, "find_spec", lambda name: None)
    _, shown = run("list", "--language", "ja")
    assert "Japanese (ja): not searched; Japanese needs sudachipy" in shown


def test_test__a_good_file__is_right_about_its_sentences(file):
    code, shown = run("test", file)
    assert code == 0
    assert shown.startswith(
        "mine.toml: 1 patterns for spying in English; of 1 examples 0 not found"
    )


def test_test__a_wrong_file__names_each_sentence_it_is_wrong_about(file):
    wrong = GOOD.replace('unless = ["on instagram"]', "")
    wrong = wrong.replace("~follow you", "~follow you|(call|thank) you").replace('["~', '["(~')
    wrong = wrong.replace('thank) you"]', 'thank) you)"]').replace("was following", "am behind")
    file.write_text(wrong, encoding="utf-8")
    code, shown = run("test", file)
    assert code == 1
    assert f"{file}: line 4: follow: its own example is not found: I am behind you." in shown
    assert "finds its own look-alike: She follows you on Instagram. (matched: follows you)" in shown
    assert "finds an everyday sentence: Thank you for calling" in shown


def test_test__a_text__shows_its_tokens_and_matches(file):
    code, shown = run("test", file, "He won't follow you!")
    assert code == 0
    assert "  as tokens: he will not follow you !" in shown
    assert "  mine/spying/follow: follow you, negated" in shown
    assert "  nothing found" in run("test", file, "Hello.")[1]


def test_test__results__are_searched_with_recording_time_and_speaker(file, tmp_path):
    spoken = said("we will follow you home", 61, "Agent")
    write(tmp_path / "out" / "call.json", spoken, language="en")
    _, shown = run("test", file, tmp_path / "out")
    assert "call.wav  63.00-64.50 s  [mine/spying/follow] Agent: we will follow you home" in shown
    assert shown.endswith("out: 1 found\n")
    assert "out/call.json: 1 found" in run("test", file, tmp_path / "out" / "call.json")[1]


@pytest.mark.parametrize("on", ["no/folder", "no.json"])
def test_test__what_is_not_there__is_refused(file, on):
    with pytest.raises(UsageError, match="no such file or folder"):
        run("test", file, on)


def test_test__another_file__is_no_result(file):
    with pytest.raises(UsageError, match="not a JSON result"):
        run("test", file, file)


def test_test__an_invalid_file__is_named_with_its_line(file):
    file.write_text(GOOD.replace('"~follow you"', '"(~follow you"'), encoding="utf-8")
    with pytest.raises(UsageError, match=r"mine\.toml: line 4: .*a bracket is not closed"):
        run("test", file)


def test_test__a_language_whose_analyser_is_missing__says_how_to_get_it(file, monkeypatch):
    languages.analyser_of.cache_clear()
    monkeypatch.setattr(languages, "find_spec", lambda name: None)
    file.write_text(GOOD.replace('"en"', '"ko"'), encoding="utf-8")
    with pytest.raises(ModelUnavailableError, match="Korean needs kiwipiepy"):
        run("test", file)
