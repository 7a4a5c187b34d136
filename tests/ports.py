"""Ports for servers of tests."""

from __future__ import annotations

import itertools
import os
import socket

#: Below the ports that the kernel gives to connections: one that was free a moment ago is not taken
#: by a connection of somebody else before the server begins to listen.
_FIRST, _COUNT = 10_000, 20_000
#: Processes that test at the same time begin at different places.
_numbers = itertools.count(os.getpid() * 7919)


def free_port() -> int:
    """A port of this machine on which nobody listens, and that no other test of this process was
    given."""
    for number in itertools.islice(_numbers, _COUNT):
        port = _FIRST + number % _COUNT
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
    raise OSError("no port is free")
