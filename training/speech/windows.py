"""Training windows: clips put together, distorted and labelled as Whisper labels them.

Everything happens on mel powers: sounds that overlap add up there, a band limit is a factor per
mel bin. A window costs a few milliseconds, so no two windows of a training are the same.
"""

from dataclasses import dataclass

import numpy as np
from network import MELS, TARGET_POSITIONS
from numpy.typing import NDArray
from vocabulary import Clip, Vocabulary

Array = NDArray[np.float32]
FRAMES_PER_SECOND = 100
_WINDOW = 3000
_TELEPHONE_LOW, _TELEPHONE_HIGH = 300.0, 3400.0
IGNORE = -100
# How often a window begins or ends within a sentence.
PART_CHANCE = 0.25


@dataclass
class Window:
    """Features, decoder input and target, where each target is spoken, and CTC characters."""

    mel: Array
    tokens: list[int]
    targets: list[int]
    spans: list[tuple[float, float]]
    # None where the sound holds a part of a sentence that the target does not.
    characters: list[int] | None
    # The character spoken at each encoder position, 0 for none.
    spelling: NDArray[np.int16]


class WindowMaker:
    def __init__(
        self,
        clips: list[Clip],
        vocabulary: Vocabulary,
        noises: list[Array],
        centres: Array,
        seed: int,
    ) -> None:
        self.by_language: dict[str, list[Clip]] = {}
        self.vocabulary = vocabulary
        self.noises = noises
        # How much sound is distorted, 0 to 1. Clean sound teaches five times faster at first.
        self.difficulty = 1.0
        self.centres = centres
        self.rng = np.random.default_rng(seed)
        self.warps = [_warp(self.rng) for _ in range(60)]
        self.extend(clips)

    def extend(self, clips: list[Clip]) -> None:
        for clip in clips:
            self.by_language.setdefault(clip.language, []).append(clip)

    def make(self, seconds: int) -> Window:
        """A random window that fits the decoder's positions."""
        while True:
            window = self._make(seconds)
            if len(window.tokens) <= TARGET_POSITIONS:
                return window

    def _make(self, seconds: int) -> Window:
        frames = seconds * FRAMES_PER_SECOND
        rng = self.rng
        timestamps = rng.random() < 0.7
        if rng.random() < 0.05:
            return self._silent(frames, timestamps)
        languages = sorted(self.by_language)
        language = str(rng.choice(languages, p=_weights(languages)))
        clips = self.by_language[language]
        placed, length, cut = self._place(clips, frames)
        power = np.zeros((frames, MELS), np.float32)
        for index, (clip, begin) in enumerate(placed):
            mel = clip.mel[: frames - begin].astype(np.float32)
            # Two speakers take turns at two levels, roughly as in a call.
            level = self.levels[index % 2] + rng.normal(0, 0.15)
            loud = 10 ** (mel + level)
            if rng.random() < 0.6 * self.difficulty:
                loud = loud @ self.warps[rng.integers(len(self.warps))]
            power[begin : begin + len(mel)] += loud
        mel = self._finish(power, length)
        return self._label(mel, language, placed, cut, timestamps)

    def _place(self, clips: list[Clip], frames: int) -> tuple[list[tuple[Clip, int]], int, bool]:
        """Clips with their first frame, frames with audio, and whether the last one is cut."""
        rng = self.rng
        self.levels = rng.uniform(-1.2, 0, 2)
        long = frames == _WINDOW
        full = rng.random() < (0.4 if long else 0.6)
        # The model always gets 30 s: often most of it is padding.
        filled = frames if full else int(rng.uniform(0.15 if long else 0.4, 1.0) * frames)
        style = rng.random()
        gaps = (5, 40) if style < 0.3 else (30, 110) if style < 0.85 else (50, 300)
        begin = 0 if rng.random() < 0.15 else int(rng.uniform(0, 60 if style < 0.85 else 250))
        placed: list[tuple[Clip, int]] = []
        cut = False
        misses = 0
        while True:
            clip = clips[rng.integers(len(clips))]
            if not placed and rng.random() < PART_CHANCE:
                clip = self._part(clip, tail=True)
            end = begin + len(clip.mel)
            if end > filled:
                room = filled - begin
                may_cut = frames == _WINDOW and full and room > 60 and placed
                if may_cut and rng.random() < 0.2:
                    placed.append((clip, begin))
                    return placed, frames, True
                misses += 1
                if placed and rng.random() < PART_CHANCE:
                    clip = self._part(clip, tail=False)
                    if begin + len(clip.mel) <= filled:
                        placed.append((clip, begin))
                        break
                if misses < (4 if placed else 12):
                    continue
                if not placed and end <= frames:
                    filled = end
                elif not placed:
                    begin, misses = 0, 0
                    continue
                else:
                    break
            placed.append((clip, begin))
            begin = end + int(rng.uniform(*gaps))
            # Short windows often hold just one sentence.
            if rng.random() < 0.1:
                break
        last = placed[-1][1] + len(placed[-1][0].mel)
        length = min(frames, last + int(rng.uniform(0, 80)))
        return placed, frames if rng.random() < 0.15 else length, cut

    def _part(self, clip: Clip, *, tail: bool) -> Clip:
        """A sentence as it is cut where speech detection found a pause: mostly at a comma."""
        pauses = [index + 1 for index, word in enumerate(clip.words[:-1]) if word[0][-1] in ",、"]
        if not pauses or self.rng.random() < 0.2:
            pauses = list(range(1, len(clip.words)))
        if not pauses:
            return clip
        at = pauses[self.rng.integers(len(pauses))]
        first, last = (at, len(clip.words)) if tail else (0, at)
        return self.vocabulary.part(clip, first, last) or clip

    def _finish(self, power: Array, length: int) -> Array:
        """Channel, noise, level, and Whisper's normalization."""
        rng = self.rng
        frames = len(power)
        speech = float(power[power > 0].mean()) if (power > 0).any() else 1.0
        if rng.random() < 0.4 * self.difficulty:
            power = power * self._telephone()
        if rng.random() < 0.15 * self.difficulty:
            delay = int(rng.integers(4, 18))
            power[delay:] += power[:-delay] * np.float32(10 ** rng.uniform(-1.5, -0.2))
        if rng.random() < 0.3 + 0.4 * self.difficulty:
            snr = rng.uniform(4 - 3.2 * self.difficulty, 5)
            noise = self.noises[rng.integers(len(self.noises))]
            begin = rng.integers(len(noise) - frames + 1)
            noise = noise[begin : begin + frames]
            if rng.random() < 0.3:
                noise = noise * self._telephone()
            power = power + noise * np.float32(speech * 10**-snr)
        log = np.log10(np.maximum(power[:length] * self._tilt(), 1e-10))
        log += np.float32(rng.uniform(-2.5, 0.4))
        log = np.maximum(log, -10)
        top = float(log.max())
        # Where features are made for a whole file, its loudest place may be elsewhere.
        if rng.random() < 0.25:
            top += rng.uniform(0, 1.5)
        mel = np.zeros((frames, MELS), np.float32)
        mel[:length] = (np.maximum(log, top - 8) + 4) / 4
        # faster-whisper pads features with 0; openai-whisper pads the sound with silence.
        if rng.random() < 0.2:
            mel[length:] = (max(top - 8, -10) + 4) / 4
        if rng.random() < 0.3 * self.difficulty:
            width = int(rng.integers(2, 9))
            at = int(rng.integers(MELS - width))
            mel[:, at : at + width] = mel[:length].mean()
        return mel

    def _telephone(self) -> Array:
        low = _TELEPHONE_LOW * self.rng.uniform(0.7, 1.2)
        high = _TELEPHONE_HIGH * self.rng.uniform(0.9, 1.15)
        octaves = np.maximum(np.log2(low / self.centres), np.log2(self.centres / high))
        slope = self.rng.uniform(3, 12)
        floor = self.rng.uniform(-7, -3)
        gain: Array = (10 ** np.maximum(-slope * np.maximum(octaves, 0), floor)).astype(np.float32)
        return gain

    def _tilt(self) -> Array:
        slope, bow = self.rng.normal(0, 0.4 * self.difficulty, 2)
        x = np.linspace(-1, 1, MELS)
        gain: Array = (10 ** (slope * x + bow * (x**2 - 0.5))).astype(np.float32)
        return gain

    def _silent(self, frames: int, timestamps: bool) -> Window:
        """No speech: digital silence or noise alone."""
        rng = self.rng
        power = np.zeros((frames, MELS), np.float32)
        if rng.random() < 0.75:
            noise = self.noises[rng.integers(len(self.noises))]
            begin = rng.integers(len(noise) - frames + 1)
            power = noise[begin : begin + frames] * np.float32(10 ** rng.uniform(-6, 2))
        length = frames if rng.random() < 0.5 else int(rng.uniform(0.1, 1) * frames)
        mel = self._finish_silent(power, length)
        v = self.vocabulary
        language = str(rng.choice(sorted(self.by_language)))
        head = [v.control("startoftranscript"), v.control(language), v.control("transcribe")]
        end = v.control("endoftext")
        if timestamps:
            tokens = [*head, v.first_timestamp]
            targets = [v.control("nospeech"), IGNORE, v.first_timestamp, end]
        else:
            tokens = [*head, v.control("notimestamps")]
            targets = [v.control("nospeech"), IGNORE, IGNORE, end]
        return Window(
            mel,
            tokens,
            targets,
            [(-1, -1)] * len(tokens),
            [],
            np.zeros(frames // 2, np.int16),
        )

    def _finish_silent(self, power: Array, length: int) -> Array:
        log = np.log10(np.maximum(power[:length] * self._tilt(), 1e-10))
        top = float(log.max())
        if self.rng.random() < 0.5:
            # Noise between the calls of a loud file.
            top = max(top, self.rng.uniform(0, 3))
        mel = np.zeros((len(power), MELS), np.float32)
        mel[:length] = (np.maximum(log, top - 8) + 4) / 4
        return mel

    def _label(
        self,
        mel: Array,
        language: str,
        placed: list[tuple[Clip, int]],
        cut: bool,
        timestamps: bool,
    ) -> Window:
        v = self.vocabulary
        if cut and not timestamps:
            # Without times there is no saying that the last sentence is not whole.
            last = placed[-1][1]
            mel = mel.copy()
            mel[last:] = 0.0
            placed, cut = placed[:-1], False
        tokens = [v.control("startoftranscript"), v.control(language), v.control("transcribe")]
        targets = [v.control(language), IGNORE]
        spans: list[tuple[float, float]] = [(-1, -1), (-1, -1)]
        said: list[int] = []
        said_spans: list[tuple[float, float]] = []
        for index, (clip, begin) in enumerate(placed):
            end = begin + len(clip.mel)
            unfinished = cut and index == len(placed) - 1
            if timestamps:
                said.append(v.first_timestamp + begin // 2)
                said_spans.append((begin - 10, begin + 20))
            if unfinished:
                break
            said += clip.tokens
            said_spans += [(begin + a, begin + b) for a, b in clip.spans]
            if timestamps:
                said.append(v.first_timestamp + min(end // 2, 1500))
                said_spans.append((end - 20, end + 10))
        if not timestamps:
            tokens.append(v.control("notimestamps"))
            targets.append(IGNORE)
            spans.append((-1, -1))
        tokens += said
        targets += [*said, v.control("endoftext")]
        spans += [*said_spans, (-1, -1)]
        if self.rng.random() < 0.1:
            tokens, targets, spans = self._with_prompt(language, tokens, targets, spans)
        whole = placed[:-1] if cut else placed
        letters = [letter for clip, _ in whole for letter in (*clip.characters, v.letters[" "])]
        spelling = np.zeros(len(mel), np.int16)
        for clip, begin in placed:
            part = clip.spelling[: len(mel) - begin]
            spelling[begin : begin + len(part)] = part
        heard = None if cut else letters[:-1]
        return Window(mel, tokens, targets, spans, heard, spelling[::2])

    def _with_prompt(
        self,
        language: str,
        tokens: list[int],
        targets: list[int],
        spans: list[tuple[float, float]],
    ) -> tuple[list[int], list[int], list[tuple[float, float]]]:
        clips = self.by_language[language]
        prompt = [self.vocabulary.control("startofprev")]
        for _ in range(self.rng.integers(1, 4)):
            prompt += clips[self.rng.integers(len(clips))].tokens
        prompt = prompt[: max(0, 440 - len(tokens))]
        empty = len(prompt)
        return prompt + tokens, [IGNORE] * empty + targets, [(-1.0, -1.0)] * empty + spans


def _weights(languages: list[str]) -> list[float]:
    weights = {"en": 0.4, "ko": 0.3, "ja": 0.3}
    total = sum(weights[language] for language in languages)
    return [weights[language] / total for language in languages]


def _warp(rng: np.random.Generator) -> Array:
    """A matrix that moves mel bins as another vocal tract does: longer, shorter, other formants."""
    bins = np.arange(MELS)
    factors = rng.uniform(0.9, 1.1) + rng.normal(0, 0.06, 4)
    source = bins * np.interp(bins, (0, 20, 45, MELS - 1), factors)
    source = np.clip(np.maximum.accumulate(source), 0, MELS - 1)
    low = np.minimum(source.astype(int), MELS - 2)
    share = source - low
    matrix = np.zeros((MELS, MELS), np.float32)
    matrix[low, bins] = 1 - share
    matrix[low + 1, bins] += share
    return matrix
