"""The alphabet of the demo aligner: Latin letters, the parts of Hangul syllables, hiragana.

Katakana is folded into hiragana, as it sounds the same; Hangul syllables are taken apart by
Unicode's canonical decomposition. The silence between words is `|`, as in wav2vec2's vocabularies.
"""

import unicodedata

PAD, DELIMITER = "<pad>", "|"
_LATIN = [*"abcdefghijklmnopqrstuvwxyz'"]
_HANGUL = [
    *map(chr, range(0x1100, 0x1113)),
    *map(chr, range(0x1161, 0x1176)),
    *map(chr, range(0x11A8, 0x11C3)),
]
_KANA = [*map(chr, range(0x3041, 0x3095)), "ー"]
TOKENS = [PAD, "<s>", "</s>", "<unk>", DELIMITER, *_LATIN, *_HANGUL, *_KANA]
_IDS = {token: index for index, token in enumerate(TOKENS)}
_KATAKANA_TO_HIRAGANA = 0x60


def letters(word: str) -> list[int]:
    """The ids of the letters in a word, without punctuation."""
    found: list[int] = []
    for character in word.lower():
        is_katakana = "ァ" <= character <= "ヴ"
        folded = chr(ord(character) - _KATAKANA_TO_HIRAGANA) if is_katakana else character
        parts = [folded] if folded in _IDS else unicodedata.normalize("NFD", folded)
        found += [_IDS[part] for part in parts if part in _IDS and part != DELIMITER]
    return found
