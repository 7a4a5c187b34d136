"""Forms: what they match, what is refused, and that none of them can stall."""

import time

import pytest

from reelmill.stages.forensic.matching.english import EnglishAnalyser, spellings
from reelmill.stages.forensic.matching.forms import FormError, Skipped, Walk, compile_form
from reelmill.stages.forensic.matching.tokens import sentences

SKIPPED = Skipped(frozenset({"uh"}), ((compile_form("not", {}, spellings).parts[0],),))
WORDS = {"person": ("you", "your ...1 (brother|sister)"), "loop": ("@loop",), "empty": ()}


def found(form: str, text: str) -> str | None:
    """The words that a form matches, from its first possible word; `!` behind negated ones."""
    compiled = compile_form(form, WORDS, spellings)
    (sentence,) = sentences(EnglishAnalyser().tokens(text))
    walk = Walk(sentence, SKIPPED)
    for at, token in enumerate(sentence.tokens):
        if not compiled.firsts.isdisjoint(token.keys):
            match = walk.match(compiled, at)
            if match is not None:
                assert walk.can_match(compiled)
                words = [one.text for one in sentence.tokens[match.first : match.last + 1]]
                return " ".join(words) + ("!" if match.negated else "")
    return None


@pytest.mark.parametrize(
    ("form", "text", "words"),
    [
        ("kill you", "I kill you now", "kill you"),
        ("kill", "He kills", None),
        ("~kill", "He KILLED it", "killed"),
        ("~give", "They gave up", "gave"),
        ("(hurt|beat up) you", "I beat up you", "beat up you"),
        ("(hurt|beat up) you", "I beat you", None),
        ("will really? go", "I will go", "will go"),
        ("will really? go", "I will really go", "will really go"),
        ("(really|soon)? go", "soon go", "soon go"),
        ("will ... go", "I will one day soon go", "will one day soon go"),
        ("will ...2 go", "I will one fine day go", None),
        ("will ... go", "I will stop, then go", None),
        ("see @person", "I see your little sister", "see your little sister"),
        ("go !home", "go home", None),
        ("go !home", "go away", "go"),
        ("^ go", "uh, go away", "go"),
        ("^ go", "we go away", None),
        ("go $", "we go away", None),
        ("go away $", "we go away!", "go away"),
        ("pay /NUM dollars", "pay five dollars", "pay five dollars"),
        ("pay ~dollar /NUM", "pay $5,000", "pay dollar 5,000"),
        ("will hurt you", "I will, uh, hurt you", "will , uh , hurt you"),
        ("will hurt you", "I won't hurt you", "will not hurt you!"),
        ("will not go", "I won't go", "will not go"),
    ],
)
def test_a_form_matches_a_sequence_of_words(form, text, words):
    assert found(form, text) == words


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ("... go", "begins with a gap"),
        ("go?", "no word that must be there"),
        ("(a|b", "not closed"),
        ("a)", "without its opening bracket"),
        ("(a||b)", "alternative is empty"),
        ("? a", "behind a word"),
        ("a !", "ends where a word is expected"),
        ("a ...99", "1 to 12 words"),
        ("a !(b c|d)", "single word"),
        ("@nobody", "no such list"),
        ("@empty", "list is empty"),
        ("@loop", "nested more than"),
        ("(a|b)/NN", "the tag with each word"),
        ("a " * 1500, "longer than"),
        ("(" * 20 + "a" + ")" * 20, "nested more than"),
    ],
)
def test_a_form_that_cannot_be_read_says_why(form, problem):
    with pytest.raises(FormError, match=problem):
        compile_form(form, WORDS, spellings)


def test_a_list_with_a_tag_stands_for_its_dictionary_forms_with_that_tag():
    lists = {"pay": ("~払う", "持つ て ~来る", "出し て", "@give"), "give": ("~渡す",)}
    form = compile_form("金 @pay/命令形", lists, spellings)
    by_hand = compile_form("金 (~払う/命令形|持つ て ~来る/命令形|~渡す/命令形)", lists, spellings)
    assert form.needed == by_hand.needed
    assert form.parts[1].name == "pay"


def test_a_list_without_dictionary_forms_has_none_with_a_tag():
    with pytest.raises(FormError, match="no word of it can have the tag"):
        compile_form("@words/命令形", {"words": ("go", "stay/VB")}, spellings)


def test_lists_in_lists_do_not_grow_without_limit():
    bomb = {f"l{depth}": (f"@l{depth + 1} " * 100,) for depth in range(5)} | {"l5": ("a",)}
    with pytest.raises(FormError, match="more than 4000 words"):
        compile_form("@l0", bomb, spellings)


def test_no_form_takes_long_however_it_is_made():
    form = compile_form("a " + "(a|b|a a)? ...12 " * 60 + "c", {}, spellings)
    (sentence,) = sentences(EnglishAnalyser().tokens("a b " * 120))
    began = time.process_time()
    assert Walk(sentence, SKIPPED).match(form, 0) is None
    assert time.process_time() - began < 2
