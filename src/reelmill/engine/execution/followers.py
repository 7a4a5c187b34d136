"""Stages that a worker makes right after another one of the same recording, in the same process.

Each task is a message there and back, a turn in the queue of tasks, and a flush. For a short
recording that costs more than many stages do.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reelmill.engine.process.cpu_worker import Failed, Made, Run, Split, StageTask
from reelmill.engine.stage import Stage
from reelmill.engine.state import artifact_store as store
from reelmill.errors import NotOursError

#: The tasks that may follow another one.
Following = Callable[[], Sequence[Run | Split]]


@dataclass
class _Answered:
    """What became of a task that followed another one. `answer` is None once it was taken; `files`
    are the result's, as far as they are to be flushed."""

    answer: Made | Failed | None
    files: Sequence[Path]
    is_flushed: bool = False


class Followers:
    """Which tasks may follow others, and the answers to those that did, until they are asked for.
    Tasks are known by the keys of their results."""

    def __init__(self) -> None:
        self._following: dict[str, Following] = {}
        self._answered: dict[str, _Answered] = {}
        self._after: dict[str, list[_Answered]] = {}

    def __contains__(self, key: str) -> bool:
        """Whether there is an answer."""
        return key in self._answered

    def may_follow(self, key: str, following: Following) -> None:
        """Say what may follow the next try of a task. `following` is called when it is tried."""
        self._following[key] = following

    def of(self, key: str) -> Sequence[Run | Split]:
        """What follows a task that is about to be tried. Another try has no followers: if the
        worker dies again, it is certain of which task."""
        following = self._following.pop(key, None)
        return () if following is None else following()

    def answered(
        self, key: str, tasks: Sequence[Run | Split], made: Made, stages: Sequence[Stage]
    ) -> None:
        """Take up the answers to the tasks that followed one. `stages` are those of the run."""
        after = self._after[key] = []
        for task, answer in zip(tasks, made.then, strict=False):
            found = self._answered[task.key] = _Answered(answer, ())
            if isinstance(answer, Made) and isinstance(task, Run):
                found.files = to_flush(task, stages[task.stage], answer)
                after.append(found)

    def take(self, key: str) -> Made | Failed | None:
        """The answer to a task, if it followed another one; only once."""
        found = self._answered.get(key)
        if found is None:
            return None
        answer, found.answer = found.answer, None
        return answer

    def flush(self, key: str, files: Sequence[Path]) -> None:
        """Flush the files of a result, unless that was done, and the results that followed it.
        Called in a thread.

        Raises:
            NotOursError, OSError: as `gate.flush`, for the result itself.
        """
        for one in self._after.pop(key, ()):
            with contextlib.suppress(OSError, NotOursError):  # it is tried again by itself
                store.flush(one.files)
                one.is_flushed = True
        if not self._is_flushed(key):
            store.flush(files)

    def has_to_flush(self, key: str, files: Sequence[Path]) -> bool:
        """Whether `flush` does something."""
        return bool(self._after.get(key)) or (bool(files) and not self._is_flushed(key))

    def _is_flushed(self, key: str) -> bool:
        found = self._answered.get(key)
        return found is not None and found.is_flushed

    def forget(self, keys: Iterable[str]) -> None:
        """Drop what nobody asks for any more."""
        for key in keys:
            for kept in (self._following, self._answered, self._after):
                kept.pop(key, None)


def to_flush(task: StageTask, stage: Stage, made: Made) -> Sequence[Path]:
    """The files of a result that have to be flushed: none for a temporary stage."""
    if stage.temporary:
        return ()
    return store.files_of(task.target, task.recording.folder, made.saved)
