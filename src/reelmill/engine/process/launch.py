"""Start worker processes, each with a connection to it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import IO

#: The worker process imports from our path, but not from the current folder.
_BOOTSTRAP = (
    "import os, sys; sys.path[:] = sys.argv[1].split(os.pathsep); "
    "from reelmill.engine.process.channel import main; main(sys.argv[2:])"
)

#: A process, and our end of the connection to it.
Begun = tuple["subprocess.Popen[bytes]", socket.socket]


def our_interpreter() -> list[str]:
    """The command that starts a worker process under the interpreter we run in, up to its entry."""
    return [sys.executable, "-c", _BOOTSTRAP, os.pathsep.join(sys.path)]


def begin(
    command: Sequence[str],
    output: IO[bytes] | int,
    environment: Mapping[str, str],
    arena_descriptor: int,
    imports: Sequence[str] = (),
) -> Begun:
    """Start `command`, followed by the numbers of the connection's other end and of the arena,
    which the process inherits, and the modules that it imports first. `environment` is added to
    ours.

    Raises:
        OSError: it cannot be started.
    """
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            process = subprocess.Popen(
                [*command, str(theirs.fileno()), str(arena_descriptor), *imports],
                pass_fds=(theirs.fileno(), arena_descriptor),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **environment},
                cwd="/",  # libraries would use a folder there that has the name of a model
                start_new_session=True,  # the terminal's Ctrl-C is for the coordinator alone
            )
    except BaseException:
        ours.close()
        raise
    return process, ours
