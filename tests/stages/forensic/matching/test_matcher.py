"""What is said around a match: negation, reports, conditions, questions, look-alikes."""

import pytest

from reelmill.errors import UsageError
from reelmill.stages.forensic.matching.english import EnglishAnalyser, spellings
from reelmill.stages.forensic.matching.files import Grammar, Pattern, PatternFile
from reelmill.stages.forensic.matching.languages import matcher_of
from reelmill.stages.forensic.matching.matcher import Matcher


def marks_of(language: str, category: str, text: str) -> list[str] | None:
    """The marks of the only match of a category; None without one."""
    hits = [hit for hit in matcher_of(language).find(text) if hit.pattern.category == category]
    return hits[0].marks if hits else None


def matcher(*patterns: Pattern) -> Matcher:
    file = PatternFile("mine.toml", "en", "threat", patterns, (("harm", ("~hurt", "kill")),))
    return Matcher([file], Grammar(), EnglishAnalyser(), spellings)


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("I will kill you.", []),
        ("I won't hurt you.", ["negated"]),
        ("I would never hurt you.", ["negated"]),
        ("Nobody is going to hurt you.", None),
        ("He said I'll kill you.", ["quoted"]),
        ("My husband told me that he would hurt you.", ["quoted"]),
        ("I'll kill you, he said.", ["quoted"]),
        ("I told you I will kill you.", []),
        ("I said I will kill you.", []),
        ("If you don't pay, I will hurt you.", ["conditional"]),
        ("Pay me or I'll hurt you.", ["conditional"]),
        ("I will hurt you unless you pay.", ["conditional"]),
        ("Do you want me to wait until I will hurt you?", ["conditional", "question"]),
        ("Don't move, I will kill you.", []),
        ("This weather is killing me.", None),
        ("I'm going to beat you at chess.", None),
    ],
)  # fmt: skip
def test_english_marks_what_is_said_around_a_match(text, marks):
    # proves: V8
    assert marks_of("en", "threat", text) == marks


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("너 죽여 버릴 거야.", []),
        ("너를 때리지 않을게.", ["negated"]),
        ("안 때릴게.", ["negated"]),
        ("안 오면 때린다.", ["conditional"]),
        ("그 사람이 나를 죽이겠다고 했어요.", ["quoted"]),
        ("남편이 죽인대요.", ["quoted"]),
        ("내가 널 죽인다고 했지.", []),
        ("돈 안 보내면 가만 안 둔다.", ["conditional"]),
        ("더워 죽겠다.", None),
    ],
)
def test_korean_marks_what_is_said_around_a_match(text, marks):
    # proves: V8
    pytest.importorskip("kiwipiepy")
    assert marks_of("ko", "threat", text) == marks


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("ぶっ殺してやる。", []),
        ("殴らないよ。", ["negated"]),
        ("あいつは殺すぞと言った。", ["quoted"]),
        ("俺は殺すぞと言ったんだ。", []),
        ("金を払わないと殺すぞ。", ["conditional"]),
        ("ころすぞ。", []),
        ("暑くて死にそうだ。", None),
    ],
)
def test_japanese_marks_what_is_said_around_a_match(text, marks):
    # proves: V8
    pytest.importorskip("sudachipy")
    assert marks_of("ja", "threat", text) == marks


def test_every_occurrence_is_found_and_overlapping_ones_once():
    one = Pattern("mine/threat/short", "threat", "why", ("hurt you",))
    other = Pattern("mine/threat/long", "threat", "why", ("will @harm you",))
    text = "I will hurt you. Then I will kill you, and hurt you again."
    found = [(hit.pattern.id, text[hit.start : hit.end]) for hit in matcher(one, other).find(text)]
    assert found == [
        ("mine/threat/long", "will hurt you"),
        ("mine/threat/long", "will kill you"),
        ("mine/threat/short", "hurt you"),
    ]


def test_what_must_not_and_what_must_be_in_the_sentence():
    one = Pattern("a/b/c", "b", "why", ("pay",), unless=("bill",), together=("now", "today"))
    found = matcher(one)
    assert found.find("Pay now.") and found.find("Today you pay.")
    assert not found.find("Pay.")
    assert not found.find("Pay the bill now.")
    assert found.find("Pay now. The bill is paid.")


def test_speech_without_full_stops_is_searched_to_its_end():
    one = Pattern("a/b/c", "b", "why", ("kill you",))
    text = "so we went on and on " * 200 + "kill you " + "and so on " * 30
    (hit,) = matcher(one).find(text)
    assert text[hit.start : hit.end] == "kill you"


def test_a_form_that_cannot_be_read_is_named_with_its_line():
    broken = Pattern("a/b/c", "b", "why", ("kill (you",), line=7)
    with pytest.raises(UsageError, match=r"mine\.toml: line 7: pattern a/b/c: form .* not closed"):
        matcher(broken)


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("お前の写真をネットにバラマくからな。", "threat"),  # katakana in the place of kanji
        ("つべこべいわずにさいんしろ。", "coercion"),  # kana
        ("分かれるなら死んでやる。", "manipulation"),  # another word of the same sound
        ("あいつの番号おいますぐけせ。", "isolation"),  # cut elsewhere, with another particle
    ],
)
def test_japanese_is_found_by_its_sound_where_it_is_written_otherwise(text, category):
    # proves: V8
    hits = [hit for hit in matcher_of("ja").find(text) if hit.counts]
    assert [hit.pattern.category for hit in hits] == [category]
    assert 0 <= hits[0].start < hits[0].end <= len(text)


@pytest.mark.parametrize(
    "text",
    [
        "パスワードを覚えていません。", "絶対に君を殴ったりしないよ。", "台風だから外に出るな。",
        "目を離さないよ。",
    ],
)  # fmt: skip
def test_what_is_ruled_out_as_it_is_written_is_not_found_by_its_sound(text):
    assert [hit for hit in matcher_of("ja").find(text) if hit.counts] == []


def test_a_rest_may_end_a_sentence_and_begin_another():
    one = matcher(
        Pattern("end", "threat", "why", ("kill you $",)),
        Pattern("begin", "insult", "why", ("^ hurt",)),
    )
    text = "i will kill you hurt him tomorrow"
    assert one.find(text) == []
    rest = len("i will kill you")
    assert [hit.pattern.id for hit in one.find(text, [rest])] == ["end", "begin"]
    assert [text[hit.start : hit.end] for hit in one.find(text, [rest])] == ["kill you", "hurt"]


def test_words_on_both_sides_of_a_rest_are_still_one_sentence():
    one = matcher(Pattern("both", "threat", "why", ("kill you tomorrow",)))
    text = "i will kill you tomorrow"
    assert len(one.find(text, [len("i will kill")])) == 1


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("You fill the liar.", "insult"),
        ("If you don't drop the charges, you all lose the children.", "coercion"),
        ("Your nothing without me.", "manipulation"),
    ],
)
def test_english_is_found_where_a_recognizer_wrote_words_of_the_same_sound(text, category):
    hits = matcher_of("en").find(text)
    found = {(hit.pattern.category, hit.by_reading) for hit in hits}
    assert (category, True) in found
    assert all(0 <= hit.start < hit.end <= len(text) for hit in hits)


@pytest.mark.parametrize(
    "text",
    [
        "We all know the way, your next stop is the museum.",
        "Please fill the form and the liar's dice box.",
        "You all are welcome, its a lovely day.",
    ],
)
def test_words_of_the_same_sound_alone_are_no_finding(text):
    assert matcher_of("en").find(text) == []


@pytest.mark.parametrize(
    ("text", "slots"),
    [
        ("My brother is going to break your legs.", ["My brother", "is going to", "break"]),
        ("Listen, my brother will, break both your legs.", ["my brother", "will", "break"]),
        ("I'll hurt you.", ["I'll", "I'll", "hurt"]),
    ],
)
def test_a_match_says_which_words_its_lists_stand_for(text, slots):
    harm = Pattern(
        "mine/harm", "threat", "announces harm", ("@who @will ...1 @harm (...2 @part|you)",)
    )
    lists = (
        ("who", ("i", "my (brother|friend)")), ("will", ("will", "is going to")),
        ("harm", ("~hurt", "~break")), ("part", ("legs",)),
    )  # fmt: skip
    file = PatternFile("mine.toml", "en", "threat", (harm,), lists)
    (hit,) = Matcher([file], Grammar(), EnglishAnalyser(), spellings).find(text)
    named = dict(zip(("who", "will", "harm"), slots, strict=True))
    assert {name: text[first:last] for name, first, last in hit.slots} == named


def test_a_list_that_may_be_missing_is_named_where_it_is_there():
    found = matcher(Pattern("mine/x", "threat", "w", ("i will @harm? you",)))
    (with_it,) = found.find("I will kill you.")
    (without,) = found.find("I will you.")
    assert [name for name, *_ in with_it.slots] == ["harm"]
    assert without.slots == ()
