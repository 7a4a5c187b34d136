"""Beginning processes of ours, each with a line to it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import IO

#: The child imports what we import: our path, and not the folder the user happens to stand in.
_BOOTSTRAP = (
    "import os, sys; sys.path[:] = sys.argv[1].split(os.pathsep); "
    "from reelmill.engine.process import channel; channel.{}(sys.argv[2:])"
)

#: A process, and our end of the line to it.
Begun = tuple["subprocess.Popen[bytes]", socket.socket]


def our_interpreter(function: str) -> list[str]:
    """The command that runs a function of `channel` under the interpreter we run in."""
    return [sys.executable, "-c", _BOOTSTRAP.format(function), os.pathsep.join(sys.path)]


def begin(
    command: Sequence[str],
    arguments: Sequence[str],
    output: IO[bytes] | int,
    environment: Mapping[str, str],
    descriptors: Sequence[int] = (),
) -> Begun:
    """Start `command` followed by the number of the line's other end and `arguments`.

    It inherits `descriptors`, and has `environment` beside ours. Raises OSError when it cannot be
    started.
    """
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            process = subprocess.Popen(
                [*command, str(theirs.fileno()), *arguments],
                pass_fds=(theirs.fileno(), *descriptors),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **environment},
                start_new_session=True,  # the terminal's Ctrl-C is for the coordinator alone
            )
    except BaseException:
        ours.close()
        raise
    return process, ours
