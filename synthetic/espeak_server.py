"""Speaks what it reads from standard input with the espeak-ng library: one JSON line a sentence.

The library is used in place of the command because only it tells where words begin. It keeps
state from sentence to sentence, so every sentence is spoken by a fork of a process that has
never spoken: the same request always gives the same samples. Run by synthetic.espeak;
nothing else is imported here, so that a fork is cheap and safe.

Request: {"text", "voice", "speed", "pitch"}. Answer: a JSON line {"rate", "bytes", "words"},
then that many bytes of 16-bit samples; or a JSON line {"error"}.
"""

import ctypes
import ctypes.util
import json
import os
import sys
from typing import Any

_SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS: no threads, samples come through the callback
_UTF8 = 1
_RATE, _PITCH = 1, 3  # espeak_PARAMETER
_EVENT_END, _EVENT_WORD = 0, 1


class _EventId(ctypes.Union):
    _fields_ = (
        ("number", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("string", ctypes.c_char * 8),
    )


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(_Event))


class Engine:
    """The library, loaded and never yet used to speak."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(ctypes.util.find_library("espeak-ng") or "libespeak-ng.so.1")
        self.rate: int = self._library.espeak_Initialize(_SYNCHRONOUS, 0, None, 0)
        if self.rate <= 0:
            raise OSError("espeak-ng has no data")
        self._chunks: list[bytes] = []
        self._words: list[tuple[int, float]] = []
        # Kept as an attribute: the library holds only a bare pointer to it.
        self._callback = _Callback(self._receive)
        self._library.espeak_SetSynthCallback(self._callback)

    def _receive(self, wave: int | None, count: int, events: Any) -> int:
        index = 0
        while (event := events[index]).type != _EVENT_END:
            if event.type == _EVENT_WORD:
                # Positions count from one, times are milliseconds.
                self._words.append((event.text_position - 1, event.audio_position / 1000))
            index += 1
        if wave and count > 0:
            self._chunks.append(ctypes.string_at(wave, 2 * count))
        return 0

    def speak(self, text: str, voice: str, speed: int, pitch: int) -> tuple[dict[str, Any], bytes]:
        """The answer to a request: its JSON line and its bytes."""
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            return {"error": f"espeak-ng has no voice {voice!r}"}, b""
        self._library.espeak_SetParameter(_RATE, speed, 0)
        self._library.espeak_SetParameter(_PITCH, pitch, 0)
        data = text.encode()
        self._library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        samples = b"".join(self._chunks)
        if not samples:
            return {"error": f"espeak-ng made no sound for {text!r}"}, b""
        return {"rate": self.rate, "bytes": len(samples), "words": self._words}, samples


def _write(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


def _answer_in_a_fork(engine: Engine, request: str) -> None:
    child = os.fork()
    if child == 0:
        head, samples = engine.speak(**json.loads(request))
        _write(json.dumps(head).encode() + b"\n" + samples)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status != 0:
        _write(json.dumps({"error": f"espeak-ng crashed at {request.strip()}"}).encode() + b"\n")


def main() -> None:
    """Answer until standard input ends."""
    try:
        engine = Engine()
    except OSError as error:
        _write(json.dumps({"missing": str(error)}).encode() + b"\n")
        return
    _write(b'{"ready": true}\n')
    for line in sys.stdin:
        _answer_in_a_fork(engine, line)


if __name__ == "__main__":
    main()
