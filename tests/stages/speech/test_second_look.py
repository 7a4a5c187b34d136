"""Second recognition: which windows, and which text is kept."""

from reelmill.stages.speech.second_look import after_second_looks, second_looks
from tests.stages.speech.heard import window

SPANS = [(0, 5), (6, 10), (10, 15), (15, 20)]
#: As a real one: a sentence in Spanish, of which the window's English text has nothing.
MIXED = window(0, 20, "en", {"en": 0.82, "es": 0.14}, "that agent is logged on", spans=SPANS)
SPANISH = window(-30, -1, "es")


def part(number, language, probability, text="…", logprob=-0.3, seconds=5.0):
    start = SPANS[number][0]
    return window(start, start + seconds, language, {language: probability}, text, logprob)


def test_a_certain_recording_is_not_recognized_again():
    # proves: V3
    assert second_looks([window(0, 20, "ko"), window(20, 40, "ko")]) == []


JOINED = [(0, 5), (5, 10), (10, 15), (15, 20)]
SENTENCE = (
    "so many words as people say in some ten seconds of speech, which is about ninety letters"
)


def look_at(doubtful, *parts):
    """What comes of a window of 20 s in four spans, heard again in parts of ten."""
    (look,) = second_looks([doubtful])
    assert (look.reason, [part[0][0] for part in look.parts]) == ("doubtful", [0, 10])
    return after_second_looks([doubtful], [look], iter(parts))


def half(number, text, logprob=-0.3):
    return window(10 * number, 10 * number + 10, "en", {"en": 0.9}, text, logprob)


def test_speech_with_too_little_text_is_recognized_again_in_parts():
    # proves: G8
    little = window(0, 20, "en", text="a sentence", spans=JOINED)
    more = [half(0, SENTENCE), half(1, SENTENCE)]
    assert look_at(little, *more) == more
    unlikely = [half(0, SENTENCE, -1.3), half(1, SENTENCE, -1.3)]
    assert look_at(little, *unlikely) == [little]
    assert look_at(little, half(0, "less"), half(1, "")) == [little]


def test_a_doubtful_text_is_replaced_by_a_likelier_one():
    # proves: G8
    doubtful = window(0, 20, "en", text=SENTENCE * 2, logprob=-0.9, spans=JOINED)
    likelier = [half(0, SENTENCE), half(1, SENTENCE)]
    assert look_at(doubtful, *likelier) == likelier
    assert look_at(doubtful, half(0, SENTENCE, -0.95), half(1, SENTENCE, -0.95)) == [doubtful]


def test_no_unlikely_text_is_inserted_where_nothing_was_understood():
    # proves: G8
    babble = window(0, 20, "en", text="", spans=JOINED)
    assert look_at(babble, half(0, "Thank you for watching", -1.2), half(1, "")) == [babble]


def test_a_window_in_the_wrong_language_is_recognized_again_as_a_whole():
    # proves: V3 G8
    found = [
        window(0, 20, "ko"),
        window(20, 22, "en", {"en": 0.93, "ko": 0.02}),
        window(22, 40, "ko"),
    ]
    (look,) = second_looks(found)
    assert (look.window, look.reason, look.languages) == (1, "language", ("ko",))
    assert look.parts == (((20, 22),),)
    again = window(20, 22, "ko", text="네")
    assert after_second_looks(found, [look], iter([again]))[1] == again


def test_a_window_of_two_languages_is_recognized_in_parts():
    # proves: V3 G8
    found = [SPANISH, MIXED]
    (look,) = (one for one in second_looks(found) if one.window == 1)
    assert look.parts == (((0, 5),), ((6, 10),), ((10, 15),), ((15, 20),))
    parts = [part(0, "es", 0.97), part(1, "en", 0.9), part(2, "en", 0.99), part(3, "en", 0.99)]
    heard = after_second_looks(found, [look], iter(parts))
    assert [one.language for one in heard] == ["es", "es", "en", "en", "en"]


def test_parts_in_one_language_keep_the_text_of_the_window():
    # proves: V3
    looks = second_looks([MIXED])
    parts = [part(n, "en", 0.9) for n in range(4)]
    assert after_second_looks([MIXED], looks, iter(parts)) == [MIXED]


def test_a_part_in_an_uncertain_language_keeps_its_text():
    # proves: V3 G8
    looks = second_looks([MIXED])
    unsure = [part(0, "he", 0.2), *(part(n, "en", 0.9) for n in (1, 2, 3))]
    assert after_second_looks([MIXED], looks, iter(unsure)) == [MIXED]
    unlikely = [part(0, "he", 0.97, logprob=-1.1), *(part(n, "en", 0.9) for n in (1, 2, 3))]
    assert after_second_looks([MIXED], looks, iter(unlikely)) == [MIXED]


def test_a_sentence_said_twice_as_slowly_as_all_others_is_heard_again():
    # proves: G8 S6
    said = "please enter the channel number followed by the pound key"
    usual = [window(4 * n, 4 * n + 3, "en", text=said) for n in range(5)]
    slow = window(30, 37, "en", text=said, spans=[(30, 33), (34, 37)])
    assert [look.window for look in second_looks([*usual, slow])] == [5]
    heard = [window(30, 37, "en", text=f"{said} {said}")]
    found = after_second_looks([*usual, slow], second_looks([*usual, slow]), iter(heard))
    assert found[-1].segments[0].text == f"{said} {said}"


def test_who_always_speaks_slowly_is_not_heard_again():
    text = "please enter the channel number slowly"
    windows = [window(10 * n, 10 * n + 8, "en", text=text) for n in range(6)]
    assert second_looks(windows) == []
