"""Where a line of text may be broken (phrases), and how wide text is on screen."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Any

#: Languages written without spaces between words.
UNSPACED = frozenset({"ja", "zh", "yue", "th", "lo", "km", "my"})

_KANA = re.compile(r"[\u3040-\u30ff\uff66-\uff9f]")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_THAI = re.compile(r"[\u0e00-\u0e7f]")
#: Marks that end a sentence or a clause in the supported scripts.
_BRACKETS = "」』）)】》〉\"'”’"
_NEVER_FIRST = _BRACKETS + "。、，．・：；？！?!,.ーぁぃぅぇぉっゃゅょァィゥェォッャュョ々…‥"
_NEVER_LAST = "「『（(【《〈“‘"
#: Whisper often writes Japanese talk without marks, and BudouX, trained on text with marks, then
#: misses where a polite sentence ends and where an answer does ("ですか", "はい", "そうです").
_ANSWER = "はい|ええ|いいえ|いえ|うん"
_OPENING = (
    rf"(?:{_ANSWER}|そう|それ|そちら|こちら|この|その|では|じゃ|あの|えっと|どう|もし|ありがと|すみません"
    r"|わか|かしこ|[おご]?[\u3400-\u9fff\u30a1-\u30faA-Za-z0-9０-９「])"
)
_POLITE_END = re.compile(
    r"(?:です|ます|ました|ません|でした|でしょう|ましょう|ください|下さい)(?:よね|かね|[かねよ])?"
    rf"(?={_OPENING})"
)
_ANSWERED = re.compile(rf"(?:{_ANSWER})(?=$|[、。，．？！]|{_OPENING})")
_AFTER_END = re.compile(rf"(?<=[。！？])(?=[^\s。！？{_BRACKETS}])")


def phrases(text: str) -> list[str]:
    """Split text into parts between which a line may be broken. Joined together they give `text`
    again.

    White space counts as one space and stays at the end of the phrase before it. BudouX cuts
    Japanese, Chinese and Thai into phrases (such as bunsetsu). The script decides, not the
    language, because a sentence may be in another language than declared.
    """
    text = " ".join(text.split())
    script = _script(text)
    parts: list[str] = []
    for spaced in text.split():
        parts += _spoken_parts(spaced) if script == "ja" else _parsed(spaced, script)
        parts[-1] += " "
    if parts:
        parts[-1] = parts[-1].rstrip()
    pieces = [piece for part in parts for piece in _AFTER_END.split(part) if piece]
    return _kept_together(pieces) if script else pieces


def unmarked_ends(text: str) -> list[int]:
    """The numbers of characters up to the ends of polite Japanese sentences that no mark ends."""
    return [found.end() for found in _POLITE_END.finditer(text)]


def is_answer(phrase: str) -> bool:
    """Whether a phrase is a Japanese "yes" or "no" without a mark, which what follows explains."""
    return re.fullmatch(_ANSWER, phrase) is not None


def _parsed(text: str, script: str | None) -> list[str]:
    return list(_parser(script).parse(text)) if script else [text]


def _spoken_parts(text: str) -> list[str]:
    """Phrases of Japanese, cut behind polite sentences that no mark ends, and behind answers."""
    parts: list[str] = []
    start = 0
    for end in [*unmarked_ends(text), len(text)]:
        answer = _ANSWERED.match(text, start, end)
        if answer:
            parts.append(answer.group())
            start = answer.end()
        parts += _parsed(text[start:end], "ja")
        start = end
    return parts


def _kept_together(pieces: list[str]) -> list[str]:
    """Join pieces so that no line begins or ends with a character that must not stand there (JIS X
    4051, kinsoku)."""
    kept: list[str] = []
    for piece in pieces:
        if kept and (piece[0] in _NEVER_FIRST or kept[-1][-1] in _NEVER_LAST):
            kept[-1] += piece
        else:
            kept.append(piece)
    return kept


def joined(left: str, right: str, language: str) -> str:
    """Join two pieces of text as is usual in the language."""
    left, right = left.rstrip(), right.lstrip()
    if not left or not right:
        return left + right
    unspaced = language in UNSPACED and not (_latin(left[-1]) and _latin(right[0]))
    return f"{left}{right}" if unspaced else f"{left} {right}"


def columns(text: str) -> int:
    """Width on screen: 2 for a full-width character, 1 for others, 0 for combining marks."""
    return sum(_columns(character) for character in text)


@lru_cache(maxsize=4096)
def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def _latin(character: str) -> bool:
    return character.isascii() and not character.isspace()


def _script(text: str) -> str | None:
    if _KANA.search(text):
        return "ja"
    if _THAI.search(text):
        return "th"
    return "zh" if _HAN.search(text) and not re.search(r"[가-힣]", text) else None


@lru_cache(maxsize=3)
def _parser(script: str) -> Any:
    import budoux

    load = {
        "ja": budoux.load_default_japanese_parser,
        "zh": budoux.load_default_simplified_chinese_parser,
        "th": budoux.load_default_thai_parser,
    }
    return load[script]()
