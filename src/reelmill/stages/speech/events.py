"""Sounds that are not words: laughter that was spelled out, and music or applause in brackets."""

from __future__ import annotations

import re
import unicodedata

#: Laughter, as it is spelled in many languages: a syllable of h over and over.
_LAUGHTER = re.compile(
    r"(?:[hxjх][aeiouyаеиоуыэ]+h?){3,}|(?:[аaeиеo]?[хh][аaeиеo]){3,}|[하-힣]{3,}|[크킥낄깔]{3,}|[ㅋㅎ]{2,}"
    r"|(?:[はひふへほハヒフヘホ][っッー]?){3,}|[哈呵嘿嘻]{3,}|(?:555)+5*"
)
#: What Whisper writes in brackets, by the words in it.
_NAMED = {
    "music": (
        "music",
        "음악",
        "音楽",
        "音乐",
        "音樂",
        "musik",
        "musique",
        "música",
        "musica",
        "музык",
    ),
    "laughter": (
        "laugh",
        "웃음",
        "笑",
        "lacht",
        "gelächter",
        "rire",
        "risas",
        "risate",
        "смех",
        "смеется",
    ),
    "applause": (
        "applause",
        "clap",
        "박수",
        "拍手",
        "掌声",
        "掌聲",
        "applaus",
        "aplauso",
        "аплодисмент",
    ),
    "cough": ("cough", "기침", "咳", "husten", "toux", "tos", "кашель"),
    "crying": ("cry", "sob", "울음", "泣", "哭", "weint", "pleurs", "llanto", "плач"),
    "breath": (
        "breath",
        "sigh",
        "gasp",
        "한숨",
        "숨소리",
        "ため息",
        "叹",
        "seufz",
        "soupir",
        "suspiro",
        "вздох",
    ),
    "silence": ("silence", "blank", "침묵", "沈黙", "静音"),
    "noise": ("noise", "소음", "雑音", "噪音", "geräusch", "bruit", "ruido", "шум"),
}
_BRACKETED = re.compile(r"[(\[（【〔*♪♫🎵].*[)\]）】〕*♪♫🎵]", re.DOTALL)


def event_in(text: str) -> str | None:
    """The sound that a text stands for; None for words."""
    stripped = text.strip(" .!?,…~-–—。！？、")
    if not stripped:
        return None
    if _LAUGHTER.fullmatch(_letters(stripped)):
        return "laughter"
    if not any(letter.isalnum() for letter in stripped):
        return "music" if set(stripped) & set("♪♫🎵🎶") else None
    if not _BRACKETED.fullmatch(stripped):
        return None
    if stripped[0] in "♪♫🎵":
        return None  # words that are sung
    folded = stripped.casefold()
    named = (event for event, words in _NAMED.items() if any(word in folded for word in words))
    return next(named, None)


def _letters(text: str) -> str:
    folded = unicodedata.normalize("NFC", text).casefold()
    return "".join(letter for letter in folded if letter.isalnum())
