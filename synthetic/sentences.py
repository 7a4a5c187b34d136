"""Sentences of the demo domain: drawn at random, the same in every language."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from reelmill.stages.translation.korean import with_particle
from synthetic import numbers, phrases
from synthetic.phrases import Aligned

LANGUAGES = ("en", "ko", "ja")
# Languages that write no spaces between words.
UNSPACED = frozenset({"ja"})
_SLOT = re.compile(r"\{(\w+)(?:\|(\w+))?\}")
_HELD_OUT_SHARE = 20
_OPENING_CHANCE = 0.2
_FIXED_CHANCE = 0.06
_CATEGORY = {"place2": "place", "thing2": "thing"}


@dataclass(frozen=True)
class Sentence:
    """One statement in all languages of the demo."""

    kind: str
    words: dict[str, tuple[str, ...]]
    held_out: bool

    def text(self, language: str) -> str:
        """The sentence as it is written."""
        return join_words(self.words[language], language)


def join_words(words: Sequence[str], language: str) -> str:
    """Words put together the way `language` writes them."""
    return ("" if language in UNSPACED else " ").join(words)


def sentence(rng: Random, kind: str | None = None) -> Sentence:
    """A random sentence, of one `kind` (a key of TEMPLATES, or "fixed") when it is given."""
    if kind == "fixed" or (kind is None and rng.random() < _FIXED_CHANCE):
        return _assemble("fixed", rng.choice(phrases.FIXED), may_hold_out=False)
    if kind is None:
        kinds = list(phrases.TEMPLATES)
        kind = rng.choices(kinds, [len(phrases.TEMPLATES[name]) for name in kinds])[0]
    template = rng.choice(phrases.TEMPLATES[kind])
    slots = _fill_slots(rng, template[0])
    forms = (
        _capitalized(_insert(template[0], slots, 0)),
        _insert(template[1], slots, 1),
        _insert(template[2], slots, 2),
    )
    if rng.random() < _OPENING_CHANCE:
        forms = _with_opening(rng.choice(phrases.OPENINGS), forms)
    return _assemble(kind, forms, may_hold_out=True)


def held_out_sentence(rng: Random, kind: str | None = None) -> Sentence:
    """A sentence that no training ever saw."""
    return _draw_until(rng, kind, held_out=True)


def training_sentence(rng: Random, kind: str | None = None) -> Sentence:
    """A sentence that training may see."""
    return _draw_until(rng, kind, held_out=False)


def _draw_until(rng: Random, kind: str | None, *, held_out: bool) -> Sentence:
    while True:
        drawn = sentence(rng, kind)
        if drawn.held_out is held_out:
            return drawn


def _assemble(kind: str, forms: Aligned, *, may_hold_out: bool) -> Sentence:
    # Fixed sentences are few: one that is never trained on could not be recognized.
    digest = hashlib.md5(forms[0].encode(), usedforsecurity=False).digest()
    held_out = may_hold_out and int.from_bytes(digest[:4], "big") % _HELD_OUT_SHARE == 0
    words = {
        language: tuple(form.replace("、", "、 ").split())
        for language, form in zip(LANGUAGES, forms, strict=True)
    }
    return Sentence(kind, words, held_out)


def _capitalized(text: str) -> str:
    return text[0].upper() + text[1:]


def _with_opening(opening: Aligned, forms: Aligned) -> Aligned:
    english = forms[0]
    # Names and "I" keep their capital in the middle of a sentence.
    names = {person[0].split()[0] for person in phrases.PEOPLE if person[0][0].isupper()}
    if english.split()[0] not in {"I", *names}:
        english = english[0].lower() + english[1:]
    return f"{opening[0]} {english}", f"{opening[1]} {forms[1]}", f"{opening[2]} {forms[2]}"


def _insert(template: str, slots: dict[str, Aligned], language: int) -> str:
    def fill(match: re.Match[str]) -> str:
        word = slots[match[1]][language]
        return with_particle(word, match[2]) if match[2] else word

    return _SLOT.sub(fill, template)


def _fill_slots(rng: Random, template: str) -> dict[str, Aligned]:
    slots: dict[str, Aligned] = {}
    for name in _SLOT.findall(template):
        value = _slot(rng, name[0])
        while value in slots.values():
            value = _slot(rng, name[0])
        slots[name[0]] = value
        if name[0] == "count":
            number = int(value[0])
            slots["count"] = _count_forms(number)
            slots["minutes"] = ("", "", _minutes_form(number))
    return slots


def _slot(rng: Random, name: str) -> Aligned:
    name = _CATEGORY.get(name, name)
    lists = {
        "person": phrases.PEOPLE,
        "place": phrases.PLACES,
        "thing": phrases.THINGS,
        "day": phrases.DAYS,
    }
    if name in lists:
        return rng.choice(lists[name])
    if name == "time":
        return _time(rng)
    if name == "date":
        return numbers.date(rng.randint(1, 12), rng.randint(1, 31))
    if name == "amount":
        return _amount(rng)
    if name == "digits":
        return numbers.digits([rng.randint(0, 9) for _ in range(rng.choice((3, 4, 4, 6, 8)))])
    if name == "count":
        number = str(rng.choice((2, 3, 4, 5, 6, 7, 9, 10, 12, 15, 20, 30, 40)))
        return number, number, number
    raise KeyError(name)


def _count_forms(number: int) -> Aligned:
    return numbers.english(number), numbers.korean(number), numbers.japanese(number)


def _minutes_form(number: int) -> str:
    irregular = {3: "さんぷん", 4: "よんぷん", 6: "ろっぷん"}
    return irregular.get(number) or numbers.minutes_japanese(number)


def _time(rng: Random) -> Aligned:
    clock = numbers.clock(rng.randint(1, 12), rng.choice(numbers.MINUTES))
    if rng.random() < 0.5:
        return clock
    part = rng.choice(phrases.DAY_PARTS)
    return f"{clock[0]} {part[0]}", f"{part[1]} {clock[1]}", f"{part[2]} {clock[2]}"


def _amount(rng: Random) -> Aligned:
    unit = rng.choice((10, 100, 1000, 10_000, 100_000, 1_000_000))
    number = unit * rng.choice((1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 25, 30, 45))
    currency = rng.choice((("dollars", "달러", "ドル"), ("won", "원", "ウォン")))
    return (
        f"{numbers.english(number)} {currency[0]}",
        f"{numbers.korean(number)} {currency[1]}",
        f"{numbers.japanese(number)}{currency[2]}",
    )
