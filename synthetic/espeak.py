"""Sentences spoken by espeak-ng: samples and the start of every word."""

import atexit
import functools
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

REMEDY = (
    "espeak-ng is not installed; it speaks the synthetic calls. "
    "Install it with: apt-get install espeak-ng (macOS: brew install espeak-ng)"
)
_SERVER = Path(__file__).with_name("espeak_server.py")


class EspeakError(RuntimeError):
    """espeak-ng is missing or refused; the message says what to do."""


@dataclass(frozen=True)
class Spoken:
    """Samples as espeak-ng made them, and (character position, second) for each word."""

    samples: NDArray[np.int16]
    rate: int
    words: tuple[tuple[int, float], ...]


class _Server:
    """The process that speaks; see espeak_server."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-E", str(_SERVER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        atexit.register(self.stop)
        if "ready" not in self._answer():
            raise EspeakError(REMEDY)

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def speak(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        head = self._answer()
        return head, self._process.stdout.read(head.get("bytes", 0))

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise EspeakError("the process that speaks has ended")
        answer: dict[str, Any] = json.loads(line)
        return answer


@functools.cache
def _server() -> _Server:
    return _Server()


def available() -> bool:
    """Whether espeak-ng can be used here."""
    try:
        _server()
    except EspeakError:
        return False
    return True


def speak(text: str, voice: str, speed: int, pitch: int) -> Spoken:
    """Speak `text`; the same arguments give the same samples.

    Raises EspeakError when espeak-ng is missing or has no such voice.
    """
    head, data = _server().speak({"text": text, "voice": voice, "speed": speed, "pitch": pitch})
    if "error" in head:
        raise EspeakError(head["error"])
    words = tuple((position, second) for position, second in head["words"])
    return Spoken(np.frombuffer(data, np.int16), head["rate"], words)
