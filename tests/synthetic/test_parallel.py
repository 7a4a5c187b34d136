"""The demo domain as a translator sees it."""

import re
from random import Random

import pytest

from synthetic.parallel import as_recognized, native_korean, with_placeholders, written
from synthetic.sentences import LANGUAGES, training_sentence


def drawn(count, kind=None):
    rng = Random(7)
    return [training_sentence(rng, kind) for _ in range(count)]


@pytest.mark.parametrize(
    ("number", "word"),
    [(1, "한"), (3, "세"), (12, "열두"), (20, "스무"), (21, "스물한"), (40, "마흔")],
)
def test_native_numerals(number, word):
    assert native_korean(number) == word


def test_people_and_times_are_counted_with_native_numerals():
    texts = [written(sentence, "ko") for sentence in drawn(400, "number")]
    counted = [m[1] for m in (re.search(r"(\S+) (?:명|번) (?:있|전화)", t) for t in texts) if m]
    assert len(counted) > 50
    assert {"세", "두", "열두"} <= set(counted)
    assert not any(re.search("[일이삼사오육칠팔구십]", word) for word in counted if word != "일곱")


def test_particles_after_minutes():
    texts = [written(sentence, "ko") for sentence in drawn(600, "meeting")]
    moved = [text for text in texts if "바뀌었어요" in text]
    assert any("분으로 바뀌" in text for text in moved)
    assert any("시로 바뀌" in text for text in moved)
    assert not any("분로" in text for text in texts)


def test_other_languages_are_written_as_spoken():
    for sentence in drawn(50):
        for language in ("en", "ja"):
            assert written(sentence, language) == sentence.text(language)


def test_recognizer_noise_drops_words_and_marks():
    rng = Random(1)
    heard = [(as_recognized(rng, s, "ja"), s.text("ja")) for s in drawn(300)]
    assert 0.2 < sum(a == b for a, b in heard) / len(heard) < 0.9
    assert any(not re.search("[。、？]", a) for a, _ in heard)
    assert any(" " in a for a, _ in heard)
    english = [as_recognized(rng, s, "en") for s in drawn(100)]
    assert any(text == text.lower() for text in english)


def test_placeholders_are_in_all_languages():
    rng = Random(2)
    for sentence in drawn(100):
        texts = {language: written(sentence, language) for language in LANGUAGES}
        masked = with_placeholders(rng, texts)
        marks = [sorted(re.findall(r"ZX\d", masked[language])) for language in LANGUAGES]
        assert marks[0] == marks[1] == marks[2]
        assert marks[0] or masked == texts
