"""Korean: morphemes by kiwipiepy, with endings in one spelling each.

An ending is written in several ways after different stems, and levels of politeness have endings of
their own. Patterns are about what is said, so these are one: `을게` for `ᆯ게`, `을게` and `을게요`
(which is `을게` and `요`), `다` for `는다`, `ᆫ다` and `습니다`. A reported sentence is cut where the
report begins: `죽인다고 했다` is `죽이 다` and `고 하 었 다`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from reelmill.stages.forensic.matching.tokens import NUMBER, Token, keys_of, punctuation

#: The group of a tag, by which forms may name all of it.
_GROUPS = {
    **dict.fromkeys(("NNG", "NNP", "NNB", "NR", "NP", "XR"), "N"),
    **dict.fromkeys(("VV", "VA", "VX", "VCP", "VCN"), "V"),
    **dict.fromkeys(("EF", "EC"), "E"),
    **dict.fromkeys(("JKS", "JKC", "JKG", "JKO", "JKB", "JKV", "JX", "JC"), "J"),
}
_NUMBERS = frozenset({"NR", "SN"})
_PUNCTUATION = ("SF", "SP", "SS", "SE", "SO", "SW")
#: What begins the report of a sentence behind its last ending, by what is said of it.
_REPORTS = ("고", "대", "는", "면서", "던데", "길래", "며")
_STATED = ("다", "라", "자", "냐")
_FORMAL = {"습니다": "다", "습니까": "냐", "읍시다": "자", "는다": "다", "느냐": "냐", "으냐": "냐"}
#: What may follow a final ending in the same sentence.
_GOES_ON = frozenset({"요/JX", "/JKQ", "/JX", "/JKB"})
#: How a final consonant that joins the stem before it is written as a syllable of its own.
_FINALS = {"\u11ab": "은", "\u11af": "을", "\u11b8": "읍"}


class KoreanAnalyser:
    """Cuts Korean into morphemes. Loads the analyser (0.8 s, 260 MB) when it is made."""

    def __init__(self) -> None:
        with _without_reserve():
            from kiwipiepy import Kiwi

            # Names of things and people, which no form is about, take a quarter of the time.
            self._kiwi: Any = Kiwi(num_workers=1, load_default_dict=False, load_multi_dict=False)

    def tokens(self, text: str) -> list[Token]:
        found: list[Token] = []
        for one in self._kiwi.tokenize(text):
            tag = one.tag.partition("-")[0]
            start, end = one.start, one.start + max(one.len, 1)
            mark = punctuation(one.form, start) if tag.startswith(_PUNCTUATION) else None
            if mark is not None:
                found.append(mark)
                continue
            for form, of in _morphemes(one.form, tag):
                found.append(Token(form, start, end, _keys(form, of, one.lemma)))
        return list(_with_ends(found))


def spellings(key: str) -> frozenset[str]:
    """The key that a key of a form stands for: endings have one spelling."""
    form, slash, tag = key.partition("/")
    return frozenset({f"{one_spelling(form)}{slash}{tag}"})


def _with_ends(tokens: list[Token]) -> Iterator[Token]:
    """The tokens with the ends of sentences that have no full stop: behind a final ending."""
    ended = False
    for token in tokens:
        if ended and token.kind == "word" and token.keys.isdisjoint(_GOES_ON):
            yield Token("", token.start, token.start, kind="end")
            ended = False
        yield token
        ended = "/EF" in token.keys or (ended and token.text == "요")


def one_spelling(form: str) -> str:
    """An ending as it is written after every stem: `을게` for `ᆯ게`, `면` for `으면`."""
    if form[:1] in _FINALS:
        form = _FINALS[form[0]] + form[1:]
    if form.startswith("은다") or form.startswith("은대"):
        form = "는" + form[1:]
    if form.startswith("읍니"):
        form = "습" + form[1:]
    for long, short in _FORMAL.items():
        if form.startswith(long):
            return short + form[len(long) :]
    for bare in ("면", "니까", "니", "려고", "라", "시", "며", "러", "려면"):
        if form.startswith(f"으{bare}"):
            return form[1:]
    return form


def _morphemes(form: str, tag: str) -> Iterator[tuple[str, str]]:
    """A morpheme as patterns see it: with one spelling, cut before 요 and before a report."""
    if not tag.startswith("E") or tag in ("ETM", "ETN", "EP"):
        yield (one_spelling(form) if tag.startswith("E") else form), tag
        return
    form = {"에요": "야요", "예요": "야요", "어요": "어요", "세요": "시어요"}.get(form, form)
    if form.startswith("시어"):
        yield "시", "EP"
        form = form[1:]
    polite = len(form) > 1 and form.endswith("요")
    form = one_spelling(form[:-1] if polite else form)
    yield from _report(form, tag)
    if polite:
        yield "요", "JX"


def _report(form: str, tag: str) -> Iterator[tuple[str, str]]:
    for stated in _STATED:
        rest = form[len(stated) :]
        if form.startswith(stated) and rest in _REPORTS:
            yield stated, tag
            yield rest, "JKQ"
            return
        if form.startswith(stated) and rest == "니까":
            yield stated, tag
            return
    short = {"대": "다", "래": "라", "재": "자", "냬": "냐", "는대": "다"}.get(form)
    if short is not None and tag == "EF":
        yield short, tag
        yield "대", "JKQ"
        return
    yield form, tag


def _keys(form: str, tag: str, lemma: str) -> frozenset[str]:
    tags = [tag, *([_GROUPS[tag]] if tag in _GROUPS else [])]
    if tag in _NUMBERS:
        tags.append(NUMBER)
    return keys_of(form, (lemma,), tuple(tags))


@contextmanager
def _without_reserve() -> Iterator[None]:
    """kiwipiepy's allocator takes a gigabyte at once, which counts against the memory that a worker
    may use; asked not to, it takes what it needs."""
    name = "MIMALLOC_ARENA_EAGER_COMMIT"
    before = os.environ.get(name)
    os.environ[name] = "0"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
