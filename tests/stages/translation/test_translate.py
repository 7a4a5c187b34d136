"""Sentences in other languages: none lost, whatever the model returns."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelmill.artifacts import Sentence, Sentences
from reelmill.core.recording import FileState, Recording
from reelmill.engine.stage import Device, Inputs
from reelmill.errors import InputError, UsageError
from reelmill.models.translation.nllb import Hypothesis, NllbSpec, SourceText
from reelmill.models.translation.translators import resolve_translator
from reelmill.stages.translation.glossary import Glossary, Term
from reelmill.stages.translation.translate import Directions, SentenceItem, Translate
from reelmill.testing import context_of

SPEC = NllbSpec(Path("nowhere"), "scripted", "digest", Path("nowhere"))
RECORDING = Recording(Path("film.mkv"), "film", Path(), FileState("a" * 64, "b", 1, 1))


def inputs(*texts, language="ja"):
    sentences = [Sentence(float(i), i + 1.0, text, []) for i, text in enumerate(texts)]
    return Inputs([Sentences(language, float(len(texts)), sentences)])


class Scripted:
    """Answers by the text it is given (placeholders and all); once for each try, then the last."""

    max_tokens = 40

    def __init__(self, answers):
        self.answers = {text: list(said) for text, said in answers.items()}
        self.asked = []

    def count(self, text):
        return len(text)

    def translate(self, texts, options):
        self.asked.append(([text.text for text in texts], options))
        return [self._answer(text.text) for text in texts]

    def _answer(self, text):
        said = self.answers.get(text, [""])
        answer = said.pop(0) if len(said) > 1 else said[0]
        return Hypothesis(answer, len(answer), len(text), -0.5)


def run(stage, model, given_, batch=20):
    items = list(stage.split(context_of(RECORDING), given_))
    outputs = [
        o for i in range(0, len(items), batch) for o in stage.infer(model, items[i : i + batch])
    ]
    return stage.merge(context_of(RECORDING), given_, iter(outputs))


def lines(translations, code="ko"):
    return [(line.text, line.status, line.reason) for line in translations.targets[code]]


TEXTS = st.lists(st.text("あい。 12ZX1かa♪", max_size=40), max_size=5)
ANSWERS = st.one_of(
    st.sampled_from(["", "가나다 라마바", "ZX1은 12", "かい", "가나" * 20, "..."]),
    st.text("가나다. 12ZX1かa♪", max_size=40),
)


class Wild:
    """Says anything at all."""

    max_tokens = 20

    def __init__(self, draw):
        self.draw = draw

    def count(self, text):
        return len(text)

    def translate(self, texts, options):
        return [
            Hypothesis(self.draw(ANSWERS), self.draw(st.integers(0, 300)), len(text.text), -1.0)
            for text in texts
        ]


@given(TEXTS, st.data(), st.booleans())
@settings(max_examples=50, deadline=None)
def test_there_are_as_many_lines_as_sentences_whatever_the_model_returns(
    texts, data, with_glossary
):
    # proves: S6
    glossary = Glossary((Term("あい", "아이"),)) if with_glossary else Glossary()
    stage = Translate(SPEC, targets=("ko", "en", "ja"), glossary=glossary)
    found = run(stage, Wild(data.draw), inputs(*texts), batch=3)
    assert list(found.targets) == ["ko", "en", "ja"]
    for code, translated in found.targets.items():
        assert len(translated) == len(texts)
        for text, line in zip(texts, translated, strict=True):
            assert line.status in {"translated", "retried", "kept"}
            assert line.reason or line.status == "translated"
            # A text that had something to read still has.
            assert any(map(str.isalnum, line.text)) or not any(map(str.isalnum, text))
            whole = line.status == "kept" and "part " not in line.reason
            if whole or code == "ja":
                assert line.text == text.strip()


def test_each_sentence_is_translated_into_each_language():
    # proves: S1
    stage = Translate(SPEC, targets=("ko", "zh-TW"))
    items = list(stage.split(context_of(RECORDING), inputs("えき", " かぎ ")))
    assert [(i.index, i.target, i.text.text, i.text.target) for i in items] == [
        (0, "ko", "えき", "kor_Hang"),
        (1, "ko", "かぎ", "kor_Hang"),
        (0, "zh-TW", "えき", "zho_Hant"),
        (1, "zh-TW", "かぎ", "zho_Hant"),
    ]
    assert {item.text.source for item in items} == {"jpn_Jpan"}


def test_cost_grows_with_tokens():
    # proves: G2
    def cost(text):
        return SentenceItem(0, "ko", SourceText(text, "jpn_Jpan", "kor_Hang")).cost

    assert cost("a" * 40) == 12
    assert cost("あ" * 17) == 12
    assert cost("あ" * 18) > cost("あ" * 17)


def test_good_translations_are_kept():
    model = Scripted({"えき": ["역"], "かぎ": ["열쇠"]})
    found = run(Translate(SPEC), model, inputs("えき", "かぎ"))
    assert lines(found) == [("역", "translated", None), ("열쇠", "translated", None)]
    assert [line.score for line in found.targets["ko"]] == [-0.5, -0.5]
    assert (found.source, found.model, found.notes) == ("ja", "scripted", [])
    assert len(model.asked) == 1


def test_a_failed_sentence_is_retried_alone():
    # proves: S6
    model = Scripted({"えきにいきます": ["", "역에 가요"], "かぎ": ["열쇠"]})
    found = run(Translate(SPEC), model, inputs("えきにいきます", "かぎ"))
    assert lines(found) == [
        ("역에 가요", "retried", "the translation was empty at first"),
        ("열쇠", "translated", None),
    ]
    assert model.asked[1][0] == ["えきにいきます"]
    assert model.asked[1][1] != model.asked[0][1]


def test_a_sentence_that_keeps_failing_stays_in_the_original():
    # proves: S6
    loop = "역에 가요 " * 9
    model = Scripted({"えきにいきます": [loop], "かぎ": ["열쇠"]})
    found = run(Translate(SPEC), model, inputs("えきにいきます", "かぎ"))
    reason = "the translation repeated itself, other settings did not help"
    assert lines(found) == [("えきにいきます", "kept", reason), ("열쇠", "translated", None)]
    assert found.targets["ko"][0].score is None


def test_a_lost_number_is_retried_and_reported():
    model = Scripted({"へやは402です": ["방이에요", "방은 402예요"], "15えん": ["엔이에요"]})
    found = run(Translate(SPEC), model, inputs("へやは402です", "15えん"))
    assert lines(found) == [
        ("방은 402예요", "retried", "the translation lacks the number 402 at first"),
        ("엔이에요", "retried", "the translation lacks the number 15"),
    ]


def test_long_sentences_are_translated_in_parts():
    one, two = "あ" * 29 + "、", "い" * 29 + "。"
    model = Scripted({one: ["여기서부터 첫 번째,"], two: ["그리고 이게 두 번째."]})
    assert lines(run(Translate(SPEC), model, inputs(one + two))) == [
        ("여기서부터 첫 번째, 그리고 이게 두 번째.", "translated", None)
    ]


def test_a_failed_part_does_not_affect_the_others():
    # proves: S6
    one, two = "あ" * 29 + "、", "い" * 29 + "。"
    found = run(Translate(SPEC), Scripted({one: ["여기서부터 첫 번째,"]}), inputs(one + two))
    reason = "part 2 of 2: the translation was empty, other settings did not help"
    assert lines(found) == [(f"여기서부터 첫 번째, {two}", "kept", reason)]


def test_sentences_without_words_and_of_the_same_language_need_no_model():
    stage = Translate(SPEC, targets=("ko", "jpn"))
    model = Scripted({"えき": ["역"]})
    found = run(stage, model, inputs("♪ ...", "えき", ""))
    nothing = "it contains no words"
    assert lines(found)[0] == ("♪ ...", "translated", nothing)
    assert lines(found)[2] == ("", "translated", nothing)
    assert [text for text, _, _ in lines(found, "jpn")] == ["♪ ...", "えき", ""]
    assert {reason for _, _, reason in lines(found, "jpn")} == {"it is in jpn already"}
    assert [asked for asked, _ in model.asked] == [["えき"]]


def test_silence_needs_no_language():
    # proves: S6
    found = run(Translate(SPEC), Scripted({}), inputs(language="und"))
    assert found.targets == {"ko": []}


def test_names_of_the_glossary_are_kept():
    stage = Translate(SPEC, glossary=Glossary((Term("ユキ", "유키"), Term("アン", "앤"))))
    model = Scripted({"ZX1はえきにいます": ["ZX1은 역에 있어요"], "ZX1とZX2": ["ZX1과 ZX2"]})
    found = run(stage, model, inputs("ユキはえきにいます", "アンとユキ"))
    assert [line.text for line in found.targets["ko"]] == ["유키는 역에 있어요", "앤과 유키"]
    assert found.notes == []


def test_a_model_that_loses_placeholders_may_keep_names():
    stage = Translate(SPEC, glossary=Glossary((Term("ユキ", "유키"), Term("アン", "앤"))))
    model = Scripted(
        {"ZX1はえきにいます": ["역에 있어요"], "유키はえきにいます": ["유키는 역에 있어요"]}
    )
    found = run(stage, model, inputs("ユキはえきにいます"))
    assert lines(found) == [
        ("유키는 역에 있어요", "retried", "the translation lacks 유키 at first")
    ]
    assert found.notes == []


def test_a_name_that_cannot_be_kept_is_reported():
    stage = Translate(SPEC, glossary=Glossary((Term("ユキ", "유키"),)))
    model = Scripted({"ZX1がいます": ["있어요"], "かぎとZX1": [""], "かぎとユキ": [""]})
    found = run(stage, model, inputs("ユキがいます", "かぎとユキ"))
    assert [(line.text, line.status) for line in found.targets["ko"]] == [
        ("있어요", "retried"),
        ("かぎとユキ", "kept"),
    ]
    assert found.notes == [
        "ko, sentence 1: glossary: 'ユキ' could not be kept as '유키'",
        "ko, sentence 2: glossary: 'ユキ' is untranslated, like its sentence",
    ]


def test_invalid_languages_are_refused():
    with pytest.raises(UsageError, match="did you mean ko"):
        list(Translate(SPEC, targets=("koren",)).split(context_of(RECORDING), inputs("えき")))
    with pytest.raises(InputError, match=r"'la' cannot be translated.*--from"):
        list(Translate(SPEC).split(context_of(RECORDING), inputs("aqua", language="la")))


def test_settings_are_part_of_the_key():
    # proves: G12
    prints = [
        repr(stage.fingerprint())
        for stage in (
            Translate(SPEC),
            Translate(SPEC, targets=("en",)),
            Translate(SPEC, beam_size=2),
            Translate(SPEC, glossary=Glossary((Term("a", "b"),))),
        )
    ]
    assert len(set(prints)) == 4


@pytest.fixture(scope="module")
def demo():
    spec = resolve_translator("demo")
    return spec, spec.load(Device("cpu"), 1)


def test_the_demo_model_translates_what_it_learned(demo):
    # proves: S1
    spec, model = demo
    stage = Translate(spec)
    japanese = inputs(
        "もしもし、きこえますか？", "すこしまってください", "かぎはぎんこうにあります。"
    )
    assert [line.text for line in run(stage, model, japanese).targets["ko"]] == [
        "여보세요, 들리세요?",
        "잠깐만 기다려 주세요.",
        "열쇠는 은행에 있어요.",
    ]
    english = inputs("Please say that again.", language="en")
    assert [line.text for line in run(stage, model, english).targets["ko"]] == [
        "다시 한번 말해 주세요."
    ]


def test_the_demo_model_keeps_names_it_never_saw(demo):
    spec, model = demo
    stage = Translate(
        spec, glossary=Glossary((Term("ユキ", "유키"), Term("ハヤシさん", "하야시 씨")))
    )
    found = run(
        stage,
        model,
        inputs(
            "ユキはびょういんのうしろにすんでいます。",
            "ハヤシさんにでんわしたら、こうかいしますよ。",
        ),
    )
    assert [line.text for line in found.targets["ko"]] == [
        "유키는 병원 뒤에 살아요.",
        "하야시 씨에게 전화하면 후회할 거예요.",
    ]


def test_the_demo_model_refuses_other_directions(demo):
    spec, _ = demo
    with pytest.raises(InputError, match="'demo' cannot translate ja to fr, only ja to ko"):
        list(Translate(spec, targets=("fr",)).split(context_of(RECORDING), inputs("えき")))


def test_a_direction_is_refused_before_anything_is_recognized(demo):
    # proves: S1
    spec, _ = demo
    Directions(spec, ("ko", "en", "ja")).check("ja")
    with pytest.raises(InputError, match="'demo' cannot translate ko to fr"):
        Directions(spec, ("ko", "fr")).check("ko")
    with pytest.raises(InputError, match=r"'la' cannot be translated.*--from"):
        Directions(SPEC, ("ko",)).check("la")


def test_a_translation_does_not_depend_on_the_batch(demo):
    # proves: G2
    spec, model = demo
    texts = [
        "かぎはぎんこうにあります。",
        "はい、そうです。",
        "わたしはえきでエマをまっています。" * 6,
        "ええと",
    ]
    alone = [run(Translate(spec), model, inputs(text)).targets["ko"][0] for text in texts]
    assert run(Translate(spec), model, inputs(*texts)).targets["ko"] == alone
    assert run(Translate(spec), model, inputs(*texts[::-1])).targets["ko"] == alone[::-1]


def test_very_long_speech_is_translated_in_parts(demo):
    # proves: S6
    spec, model = demo
    long = "わたしはえきでエマをまっています。" * 12
    (line,) = run(Translate(spec), model, inputs(long)).targets["ko"]
    assert line.text.count("엠마를 기다리고 있어요") == 12


def test_each_sentence_is_translated_from_its_own_language():
    # proves: S1 G8
    sentences = [
        Sentence(0.0, 1.0, "Good evening.", []),
        Sentence(1.0, 2.0, "Bonsoir.", [], language="fr"),
        Sentence(2.0, 3.0, "안녕하세요.", [], language="ko"),
        Sentence(3.0, 4.0, "qapla'", [], language="tlh"),
    ]
    given_ = Inputs([Sentences("en", 4.0, sentences)])
    stage = Translate(SPEC)
    items = list(stage.split(context_of(RECORDING), given_))
    assert [(item.index, item.text.source, item.text.target) for item in items] == [
        (0, "eng_Latn", "kor_Hang"),
        (1, "fra_Latn", "kor_Hang"),
    ]
    model = Scripted({"Good evening.": ["좋은 저녁입니다."], "Bonsoir.": ["안녕하십니까."]})
    found = lines(run(stage, model, given_))
    assert [text for text, _, _ in found][:3] == [
        "좋은 저녁입니다.",
        "안녕하십니까.",
        "안녕하세요.",
    ]
    assert found[2][2] == "it is in ko already"
    assert found[3][:2] == ("qapla'", "kept") and "cannot translate tlh to ko" in found[3][2]
