"""The worker process's end of the connection to its parent. It needs only the standard library,
because the interpreter may belong to another virtual environment."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib
import os
import pickle
import queue
import signal
import socket
import struct
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

from reelmill.core.garbage import begin_without_collection
from reelmill.engine.process.arena import Arena

LENGTH = struct.Struct("<Q")
_PR_SET_PDEATHSIG = 1


def encode(message: Any) -> bytes:
    """A message on the connection: its length, then its pickle."""
    body = pickle.dumps(message, protocol=5)
    return LENGTH.pack(len(body)) + body


class Channel:
    """The worker process's end. A thread reads ahead, so that the next batch has arrived when the
    current one ends."""

    def __init__(self, descriptor: int, arena_descriptor: int) -> None:
        self._arena_descriptor = arena_descriptor
        self._socket = socket.socket(fileno=descriptor)
        self._sending = threading.Lock()
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    @functools.cached_property
    def arena(self) -> Arena:
        """The shared memory. It has its size when the first message has arrived."""
        return Arena(self._arena_descriptor)

    def _read(self) -> None:
        try:
            with self._socket.makefile("rb") as stream:
                while len(header := stream.read(LENGTH.size)) == LENGTH.size:
                    self._inbox.put(pickle.loads(stream.read(LENGTH.unpack(header)[0])))
        except BaseException:  # noqa: BLE001 (a message we cannot read would leave us waiting)
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        os._exit(0)  # the parent is gone or has closed: the remaining work is not needed

    def send(self, message: Any) -> None:
        with self._sending:
            self._socket.sendall(encode(message))

    def receive(self) -> Any:
        return self._inbox.get()


def _die_with_parent() -> None:
    """Ask the kernel to kill this process with its parent. This works even during a library's long
    call."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _is_orphan(descriptor: int) -> bool:
    """Whether the parent ended before the kernel was asked, in which case the connection is
    closed."""
    line = socket.socket(fileno=os.dup(descriptor))
    with line, contextlib.suppress(BlockingIOError):
        return not line.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    return False


def main(arguments: list[str]) -> None:
    entry, descriptor, arena_descriptor, *imports = arguments
    begin_without_collection()
    _die_with_parent()
    if _is_orphan(int(descriptor)):
        return
    module, _, function = entry.partition(":")
    run: Callable[[Channel], None] = getattr(importlib.import_module(module), function)
    for name in imports:
        with contextlib.suppress(ImportError):  # the message that needs it says so
            importlib.import_module(name)
    run(Channel(int(descriptor), int(arena_descriptor)))
