"""The prompt before every window: how much of it fits, and whether it was repeated as text."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher

from reelmill.models.whisper.decoding import MAX_TOKENS, DecodingOptions

#: The number of tokens that may precede a window, as in openai/whisper.
PROMPT_TOKENS = MAX_TOKENS // 2 - 1
#: A text repeats the prompt if at least this share of it consists of runs of the prompt's letters;
#: shorter runs occur in any two texts of a language. A letter of a syllabary or of Han counts
#: twice.
_SHARE = 0.7
_SHORTEST_RUN = 6
_FEWEST_LETTERS = 4
_WIDE_FROM = "\u1100"
#: Two transcriptions of the same words are at least this similar.
_SAME = 0.5

#: So many tokens of what was said around a window are its prompt, where it is heard again.
_SAID_TOKENS = 64

Encode = Callable[[str], list[int]]
Decode = Callable[[list[int]], str]


def prompt_tokens(options: DecodingOptions, encode: Encode) -> tuple[list[int], list[int]]:
    """The tokens of hotwords (their beginning) and of the initial prompt (its end), as many as fit;
    if both do not fit, hotwords get at most half."""
    hotwords = encode(" " + options.hotwords.strip()) if options.hotwords else []
    prompt = encode(" " + options.initial_prompt.strip()) if options.initial_prompt else []
    least = PROMPT_TOKENS // 2 if prompt else PROMPT_TOKENS
    hotwords = hotwords[: max(least, PROMPT_TOKENS - len(prompt))]
    room = PROMPT_TOKENS - len(hotwords)
    return hotwords, prompt[-room:] if room else []


def said_before(text: str, encode: Encode) -> list[int]:
    """The last tokens of what was said around a window, as its prompt; none for no text."""
    return encode(" " + text.strip())[-_SAID_TOKENS:] if text else []


def left_out(options: DecodingOptions, encode: Encode, decode: Decode) -> list[str]:
    """The parts of the hotwords and of the initial prompt that do not fit, one sentence each."""
    hotwords, prompt = prompt_tokens(options, encode)
    found = []
    whole = encode(" " + (options.hotwords or "").strip())
    if options.hotwords and len(hotwords) < len(whole):
        rest = decode(whole[len(hotwords) :]).strip()
        found.append(f"--hotwords: the last {len(whole) - len(hotwords)} tokens do not fit: {rest}")
    whole = encode(" " + (options.initial_prompt or "").strip())
    if options.initial_prompt and len(prompt) < len(whole):
        rest = decode(whole[: len(whole) - len(prompt)]).strip()
        found.append(
            f"--initial-prompt: the first {len(whole) - len(prompt)} tokens do not fit: {rest}"
        )
    return found


def echoes(texts: Sequence[str], options: DecodingOptions) -> list[str]:
    """The texts that consist of the prompt."""
    prompts = [_letters(part) for part in (options.hotwords, options.initial_prompt) if part]
    return [text for text in texts if any(_made_of(_letters(text), one) for one in prompts)]


def says(text: str, part: str) -> bool:
    """Whether `part` is said in `text`, possibly spelled differently."""
    whole, wanted = _letters(text), _letters(part)
    if not wanted:
        return True
    matched = SequenceMatcher(None, whole, wanted, autojunk=False).get_matching_blocks()
    least = min(2, len(wanted))
    return sum(one.size for one in matched if one.size >= least) >= _SAME * len(wanted)


def _made_of(text: str, prompt: str) -> bool:
    if _weight(text) < _FEWEST_LETTERS:
        return False
    at = covered = 0
    while at < len(text):
        end = at
        while end < len(text) and text[at : end + 1] in prompt:
            end += 1
        if _weight(text[at:end]) >= _SHORTEST_RUN or (at, end) == (0, len(text)):
            covered += end - at
            at = end
        else:
            at += 1
    return covered >= _SHARE * len(text)


def _weight(text: str) -> int:
    return sum(2 if letter >= _WIDE_FROM else 1 for letter in text)


def _letters(text: str) -> str:
    """The letters and digits of a text, without case."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(letter for letter in folded if letter.isalnum())
