"""Recognition of real telephone speech: errors by language and speed, beside faster-whisper.

    python -m benchmarks.real.recognition REAL --model FOLDER [--files N] [--half check]
        [--languages en es fr it ru] [--korean FOLDER] [--second-opinion] [--peers ...]
        [--whisperx PYTHON] [--json FILE] [--texts FOLDER]

All contenders use the same weights, in one call. Calls of about a minute are put together from
Debian's telephone prompts, five real people (packages asterisk-core-sounds-{en,es,fr,it,ru}-wav,
texts in those without `-wav`), each prompt once. Every second prompt belongs to the half that was
tuned on (`--half tune`). The prompts' texts have small errors of their own, so only differences
count. FOLDER of `--korean` has recordings (.wav) with their words beside them (.txt). Without it
Korean is taken from `calls/` of REAL. Nobody wrote down the words of these recordings: each text is
compared with that of the first peer, which is a machine's.

PYTHON is that of an environment with whisperx 3.8.6, whose command is run as it comes, in int8 and
without alignment.

Errors are jiwer's. Normalizer: NFKC, no case, letters and digits only, number words from 0 to 10 as
digits; Korean by characters without spaces. A second table counts the same texts by the normalizers
that OpenAI published with Whisper (package whisper-normalizer), with their option to remove
diacritics: a third of the errors in Spanish are accents that the prompts' texts lack, and some in
English are "you're" for "you are". Korean is the same in both. A third gives, for each peer, by how
many points ours errs more, and the 95 % interval of that by a paired bootstrap over calls: calls
drawn anew from the same people and prompts. An interval with 0 in it says that these calls do not
tell the two apart.

Each contender is one command for all languages, including its start; ours also writes all results
and evidence. `CPU s` counts all processes: compare it on a machine that does other work. FOLDER is
a real Whisper in CTranslate2's format. `--texts` keeps what each contender heard. With
`--second-opinion` ours hears windows again with the text around them.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import tempfile
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from whisper_normalizer.basic import BasicTextNormalizer
from whisper_normalizer.english import EnglishTextNormalizer

from benchmarks.common import (
    Measured,
    measure,
    measure_reelmill,
    show,
    told_command,
    write_result,
)
from benchmarks.real.conversations import RATE, resampled
from benchmarks.real.errors import Errors, difference, of_characters, of_words, percent
from benchmarks.real.languages import prompts

_NUMBERS = {
    "en": "zero one two three four five six seven eight nine ten",
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve diez",
    "fr": "zéro un deux trois quatre cinq six sept huit neuf dix",
    "it": "zero uno due tre quattro cinque sei sette otto nove dieci",
    "ru": "ноль один два три четыре пять шесть семь восемь девять десять",
}
_PEERS = {
    "batched": "faster-whisper, batched",
    "batched-timestamps": "faster-whisper, batched, timestamps",
    "loop": "faster-whisper, one by one",
}
_OURS = "reelmill"
_WHISPERX = "WhisperX's command"
_KOREAN = ("ko-KR_BroadbandModel_sample1.wav", "ko-KR_NarrowbandModel_sample1.wav")


#: The text of each file, and what it took.
Heard = tuple[dict[str, str], Measured]


@dataclass(frozen=True)
class Call:
    """A recording, its language and its words; None where nobody wrote them down."""

    file: Path
    language: str
    text: str | None


def main() -> None:
    options = _options()
    told = {"command": told_command("benchmarks.real.recognition"), "half": options.half}
    texts: dict[str, dict[str, str]] = {}
    times: dict[str, Measured] = {}
    rows: list[dict[str, Any]] = []
    published: list[dict[str, Any]] = []
    differences: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="reelmill-recognition-") as folder:
        work = Path(folder)
        calls = list(_calls(options, work))
        seconds = sum(soundfile.info(str(call.file)).duration for call in calls)
        for name, (found, measured) in _contenders(options, calls, work):
            texts[name], times[name] = found, measured
            rows = [
                {"what": what, **_rates(calls, texts, what, normalized), **speed}
                for what, speed in _speeds(times, seconds).items()
            ]
            published = [{"what": what, **_rates(calls, texts, what, by_whisper)} for what in texts]
            differences = _differences(calls, texts)
            # A call that is cut off keeps what it has.
            write_result(
                options.json,
                {
                    **told,
                    "recordings": len(calls),
                    "rows": rows,
                    "errors by Whisper's normalizers": published,
                    "errors more than the peer's, 95 % interval": differences,
                },
            )
            _keep_text(options.texts, name, calls, found)
    show(f"{len(calls)} recordings, {options.half} half", rows)
    show("errors by Whisper's normalizers, without diacritics", published)
    if differences:
        show("points by which ours errs more, 95 % interval", differences)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("real", type=Path, help="folder of real recordings")
    parser.add_argument("--model", required=True, help="folder of a real Whisper model")
    parser.add_argument("--files", type=int, help="calls of each language; without it all")
    parser.add_argument("--seconds", type=float, default=60, help="length of a call")
    parser.add_argument("--half", choices=("tune", "check"), default="check")
    parser.add_argument("--languages", nargs="*", choices=tuple(_NUMBERS), default=tuple(_NUMBERS))
    parser.add_argument("--korean", type=Path, help="folder of Korean .wav and .txt")
    parser.add_argument("--second-opinion", action="store_true", help="give ours the option")
    parser.add_argument("--peers", nargs="*", choices=tuple(_PEERS), default=tuple(_PEERS))
    parser.add_argument("--whisperx", help="Python of an environment with WhisperX")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--texts", type=Path, help="keep the texts in this folder")
    return parser.parse_args()


def _calls(options: argparse.Namespace, work: Path) -> Iterator[Call]:
    for language in options.languages:
        half = ("tune", "check").index(options.half)
        pool = sorted(prompts(language))[half::2]
        chosen = random.Random(f"{options.half} {language}")
        chosen.shuffle(pool)
        every = _joined(work, language, iter(pool), chosen, options.seconds)
        yield from islice(every, options.files)
    if options.korean:
        for file in sorted(options.korean.glob("*.wav")):
            yield Call(file, "ko", file.with_suffix(".txt").read_text("utf-8"))
        return
    for name in _KOREAN:
        if (options.real / "calls" / name).is_file():
            yield Call(options.real / "calls" / name, "ko", None)


def _joined(
    work: Path,
    language: str,
    pool: Iterator[tuple[Path, str]],
    chosen: random.Random,
    at_least: float,
) -> Iterator[Call]:
    """Calls of prompts with pauses of 0.3 to 1.2 s between them; the last may be shorter."""
    for number in count():
        parts: list[Any] = []
        words: list[str] = []
        seconds = 0.0
        while seconds < at_least and (prompt := next(pool, None)) is not None:
            file, text = prompt
            sound, rate = soundfile.read(file, dtype="float64", always_2d=True)
            mono = resampled(sound.mean(axis=1), rate, RATE)
            pause = chosen.uniform(0.3, 1.2)
            parts += [mono, np.zeros(round(pause * RATE))]
            words.append(text)
            seconds += len(mono) / RATE + pause
        if not parts:
            return
        path = work / f"{language}-{number:02d}.wav"
        soundfile.write(path, np.concatenate(parts), RATE, subtype="PCM_16")
        yield Call(path, language, " ".join(words))


def _contenders(
    options: argparse.Namespace, calls: Sequence[Call], work: Path
) -> Iterator[tuple[str, Heard]]:
    """Each contender's name and what it heard, one after the other, ours first."""
    yield _OURS, _ours(options, calls, work / "out")
    for peer in options.peers:
        yield _PEERS[peer], _theirs(peer, options.model, calls, work / f"{peer}.json")
    if options.whisperx:
        yield _WHISPERX, _whisperx(options, calls, work / "whisperx")


def _ours(options: argparse.Namespace, calls: Sequence[Call], out: Path) -> Heard:
    told = ["--no-align", "--diarizer", "none", "--formats", "json"]
    if options.second_opinion:
        told.append("--second-opinion")
    files = [str(call.file) for call in calls]
    measured = measure_reelmill("voice", *files, "-o", str(out), "--model", options.model, *told)
    return {
        call.file.name: json.loads((out / f"{call.file.stem}.json").read_text("utf-8"))["text"]
        for call in calls
    }, measured


def _theirs(how: str, model: str, calls: Sequence[Call], out: Path) -> Heard:
    files = [str(call.file) for call in calls]
    measured = measure([sys.executable, "-m", "benchmarks.peers", how, model, str(out), *files])
    return json.loads(out.read_text("utf-8")), measured


def _whisperx(options: argparse.Namespace, calls: Sequence[Call], out: Path) -> Heard:
    command = [str(Path(options.whisperx).parent / "whisperx"), *(str(call.file) for call in calls)]
    told = "--device cpu --compute_type int8 --no_align --output_format json --output_dir"
    measured = measure([*command, "--model", options.model, *told.split(), str(out)])
    texts = {}
    for call in calls:
        found = json.loads((out / f"{call.file.stem}.json").read_text("utf-8"))
        texts[call.file.name] = " ".join(one["text"].strip() for one in found["segments"])
    return texts, measured


def _rates(
    calls: Sequence[Call],
    texts: dict[str, dict[str, str]],
    what: str,
    normalize: Callable[[str, str], str],
) -> dict[str, float | None]:
    """The errors of one contender in percent, by language."""
    return {
        f"{language} %": percent(errors) if errors else None
        for language, errors in _errors(calls, texts, what, normalize).items()
    }


def _differences(
    calls: Sequence[Call], texts: dict[str, dict[str, str]]
) -> list[dict[str, str | float]]:
    """By how many points we err more than each peer in each language whose words are known."""
    known = {call.language for call in calls if call.text is not None}
    ours = _errors(calls, texts, _OURS, normalized)
    rows: list[dict[str, str | float]] = []
    for peer in (name for name in texts if name != _OURS):
        theirs = _errors(calls, texts, peer, normalized)
        for language in (one for one in ours if one in known):
            found = difference(ours[language], theirs[language])
            rows.append({"what": peer, "language": language, **asdict(found)})
    return rows


def _errors(
    calls: Sequence[Call],
    texts: dict[str, dict[str, str]],
    what: str,
    normalize: Callable[[str, str], str],
) -> dict[str, list[Errors]]:
    """Of each language the errors of one contender, call by call; none where nothing is known of
    what was said."""
    peers = [name for name in texts if name != _OURS]
    found: dict[str, list[Errors]] = {}
    for call in calls:
        errors = found.setdefault(call.language, [])
        said = call.text
        if said is None and peers:
            said = texts[peers[0]][call.file.name]
        if said is None:
            continue
        heard = normalize(texts[what][call.file.name], call.language)
        count = of_characters if call.language == "ko" else of_words
        errors.append(count(normalize(said, call.language), heard))
    return found


def _speeds(times: dict[str, Measured], seconds: float) -> dict[str, dict[str, float]]:
    """Of each contender its time, and how much faster than it ours is."""
    ours = times[_OURS]
    return {
        name: {
            "s": measured.seconds,
            "CPU s": measured.cpu_seconds,
            "x real time": seconds / measured.seconds,
            "ours is x as fast": measured.seconds / ours.seconds,
            "by CPU": measured.cpu_seconds / ours.cpu_seconds,
        }
        for name, measured in times.items()
    }


def _keep_text(folder: Path | None, who: str, calls: Sequence[Call], found: dict[str, str]) -> None:
    """What was said and heard in each call, to look at."""
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        name: {"language": call.language, "said": call.text, "heard": found[name]}
        for call in calls
        for name in (call.file.name,)
    }
    text = json.dumps(content, indent=1, ensure_ascii=False)
    (folder / f"{who}.json").write_text(text + "\n", encoding="utf-8")


def normalized(text: str, language: str) -> str:
    """A text as it is compared: see the normalizer above."""
    numbers = {word: str(n) for n, word in enumerate(_NUMBERS.get(language, "").split())}
    folded = unicodedata.normalize("NFKC", text).casefold().replace("ё", "е")
    words = re.findall(r"[^\W_]+(?:'[^\W_]+)*", folded)
    return " ".join(numbers.get(word, word) for word in words)


def by_whisper(text: str, language: str) -> str:
    """A text by OpenAI's normalizer for English or that for all other languages (Radford et al.
    2022, appendix C), without diacritics. That for others leaves number words; those to ten become
    digits as in `normalized`."""
    english, other = _published()
    if language == "en":
        return " ".join(english(text).split())
    return normalized(other(normalized(text, language)), language)


@lru_cache(maxsize=1)
def _published() -> tuple[EnglishTextNormalizer, BasicTextNormalizer]:
    return EnglishTextNormalizer(), BasicTextNormalizer(remove_diacritics=True)


if __name__ == "__main__":
    main()
