"""Sentences spoken by flite, whose four English voices were cut from four real people's."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile

from synthetic.espeak import EspeakError, Spoken

VOICES = ("kal16", "awb", "rms", "slt")
REMEDY = (
    "flite is not installed; it speaks some of the synthetic calls. "
    "Install it with: apt-get install flite"
)
#: Words a minute at which flite speaks unasked.
_USUAL_SPEED = 170


def available() -> bool:
    return shutil.which("flite") is not None


@lru_cache(maxsize=1)
def _program() -> str:
    found = shutil.which("flite")
    if found is None:
        raise EspeakError(REMEDY)
    return found


def speak(text: str, voice: str, speed: int) -> Spoken:
    """Speak English `text`; the same arguments give the same samples. No word times: flite does
    not tell them.

    Raises EspeakError when flite is missing or refuses, or `voice` is none of `VOICES`: for a
    voice that it lacks it would speak with another one.
    """
    if voice not in VOICES:
        raise EspeakError(f"flite has no voice {voice!r}; give one of {', '.join(VOICES)}")
    with tempfile.TemporaryDirectory(prefix="reelmill-flite-") as folder:
        sound = Path(folder) / "said.wav"
        stretch = f"duration_stretch={_USUAL_SPEED / speed:.3f}"
        command = [_program(), "-voice", voice, "--setf", stretch, "-t", text, "-o", str(sound)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode or not sound.exists():
            raise EspeakError(f"flite could not speak with voice {voice}: {ended.stderr.strip()}")
        samples, rate = soundfile.read(sound, dtype="int16")
    return Spoken(np.asarray(samples, np.int16), int(rate), ())
