"""Functions that worker processes of the tests run."""

from __future__ import annotations

import os
import signal
import sys
import time

from reelmill.engine.process.channel import Channel


class Unreadable:
    """Can be pickled, but not read back."""

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return int, ("not a number",)


def echo(channel: Channel) -> None:
    """Answers with its message; some words are commands."""
    while True:
        message = channel.receive()
        if message == "die":
            print("these are my last words", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        if message == "leave":
            sys.exit(7)
        if message == "hang":
            time.sleep(1000)
        if message == "raise":
            raise RuntimeError("what went wrong")
        channel.send(message)
