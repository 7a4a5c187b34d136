"""Call a function once in a separate process."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from reelmill.errors import CrashError

T = TypeVar("T")

#: The descriptor for the answer is taken first, so that text printed by libraries cannot mix with
#: its bytes.
_BOOTSTRAP = (
    "import os, sys; sys.path[:] = sys.argv[1].split(os.pathsep); "
    "answer = os.fdopen(os.dup(1), 'wb'); os.dup2(2, 1); "
    "from reelmill.engine.process.call import _answer; _answer(sys.stdin.buffer, answer)"
)


def call_alone(function: Callable[..., T], *arguments: Any) -> T:
    """Call a function in a fresh interpreter, which then ends and releases its memory.

    `multiprocessing` would execute the main module of the calling program again.

    Args:
        function: of a module that can be imported.
        arguments: what it is called with, and what it returns or raises, can be pickled.

    Raises:
        CrashError: the process died.
        Exception: whatever the function raises.
    """
    done = subprocess.run(
        [sys.executable, "-c", _BOOTSTRAP, os.pathsep.join(sys.path)],
        input=pickle.dumps((function, arguments), protocol=5),
        capture_output=True,
        cwd="/",  # libraries would use a folder there that has the name of a model
        start_new_session=True,  # Ctrl-C on the terminal is handled by this process alone
        check=False,
    )
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise CrashError(f"{function.__name__}: ended with exit code {done.returncode}; {last}")
    value, error = pickle.loads(done.stdout)
    if error is not None:
        raise error
    return value  # type: ignore[no-any-return]


def _answer(asked: Any, answer: Any) -> None:
    """The other end of the call, in the new process."""
    function, arguments = pickle.load(asked)
    value, error = None, None
    try:
        value = function(*arguments)
    except Exception as caught:  # noqa: BLE001 (raised where it was asked)
        error = caught
    with answer:
        pickle.dump((value, error), answer, protocol=5)
