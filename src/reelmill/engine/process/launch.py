"""Beginning processes of ours, each with a line to it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import IO

#: The worker process imports what we import: our path, and not the folder the user happens to stand
#: in.
_BOOTSTRAP = (
    "import os, sys; sys.path[:] = sys.argv[1].split(os.pathsep); "
    "from reelmill.engine.process.channel import main; main(sys.argv[2:])"
)

#: A process, and our end of the line to it.
Begun = tuple["subprocess.Popen[bytes]", socket.socket]


def our_interpreter() -> list[str]:
    """The command that starts a worker process under the interpreter we run in, up to its entry."""
    return [sys.executable, "-c", _BOOTSTRAP, os.pathsep.join(sys.path)]


def begin(
    command: Sequence[str],
    output: IO[bytes] | int,
    environment: Mapping[str, str],
    arena_descriptor: int,
) -> Begun:
    """Start `command` followed by the numbers of the line's other end and of the arena, which it
    inherits; it has `environment` beside ours.

    Raises:
        OSError: it cannot be started.
    """
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            process = subprocess.Popen(
                [*command, str(theirs.fileno()), str(arena_descriptor)],
                pass_fds=(theirs.fileno(), arena_descriptor),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **environment},
                cwd="/",  # libraries take a folder that lies there for a model of its name
                start_new_session=True,  # the terminal's Ctrl-C is for the coordinator alone
            )
    except BaseException:
        ours.close()
        raise
    return process, ours
