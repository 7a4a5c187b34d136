"""A single call in a process of its own."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from reelmill.errors import CrashError

T = TypeVar("T")

#: What libraries print must not get between the answer's bytes: its descriptor is taken first.
_BOOTSTRAP = (
    "import os, sys; sys.path[:] = sys.argv[1].split(os.pathsep); "
    "answer = os.fdopen(os.dup(1), 'wb'); os.dup2(2, 1); "
    "from reelmill.engine.process.call import _answer; _answer(sys.stdin.buffer, answer)"
)


def call_alone(function: Callable[..., T], *arguments: Any) -> T:
    """What a function returns in a fresh interpreter, which is gone afterwards with its memory.

    `multiprocessing` would run the main module of the program that uses us once more.

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
        cwd="/",  # libraries take a folder that lies there for a model of its name
        start_new_session=True,  # the terminal's Ctrl-C is for us alone
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
    """The other end."""
    function, arguments = pickle.load(asked)
    value, error = None, None
    try:
        value = function(*arguments)
    except Exception as caught:  # noqa: BLE001 (raised where it was asked)
        error = caught
    with answer:
        pickle.dump((value, error), answer, protocol=5)
