"""A job: what a submitter gave to workers, kept in the output folder while it goes on.

`jobs/JOB/` below the cache has the shards that are not done yet, one file for each, and a card that
says whether the job goes on. A submitter that was killed finds there what it had submitted. A
worker reads the card before it begins with a shard and while it works on it, so a job can be
cancelled whatever the broker still has in its queues.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from reelmill.core import gate
from reelmill.core.atomic import write_bytes, write_text
from reelmill.core.json_text import parse_json
from reelmill.core.keys import Seal
from reelmill.scale.messages import MessageError, ShardTask, packed_task, unpacked_task

#: The folder of jobs, below the cache of an output folder.
JOBS = "jobs"
_CARD, _PURPOSE = "card.json", "job"
_SHARD = ".shard"

State = Literal["open", "cancelled", "closed"]


@dataclass(frozen=True)
class Card:
    """Whether a job goes on. Each time that a job is submitted anew, it is another submission."""

    submission: str
    state: State

    def is_for(self, task: ShardTask) -> bool:
        """Whether a shard is still wanted."""
        return self.state == "open" and self.submission == task.submission


def read_card(cache: Path, job: str, seal: Seal) -> Card | None:
    """The card of a job; None if there is none, or it was not written with the key."""
    with contextlib.suppress(OSError):
        return card_in((cache / JOBS / job / _CARD).read_bytes(), job, seal)
    return None


def card_in(data: bytes, job: str, seal: Seal) -> Card | None:
    """The card of a job from the content of a file; None if it was not written with the key."""
    with contextlib.suppress(ValueError, KeyError, TypeError):
        if seal.is_signed(_PURPOSE, data):
            content = parse_json(data)
            if content["job"] == job:
                return Card(content["submission"], content["state"])
    return None


@dataclass
class Job:
    """A submitter's job.

    Attributes:
        cache: of the output folder, open for writing.
        name: identifies the work; other settings are another job.
        seal: of the user's key.
        submission: of this time.
        is_resumed: whether an earlier submitter of the same work did not end it.
        publish: called with the card whenever it changes, where workers do not see the folder.
    """

    cache: Path
    name: str
    seal: Seal
    submission: str = ""
    is_resumed: bool = False
    publish: Callable[[bytes], None] = lambda card: None
    _left: set[str] = field(default_factory=set)

    def open(self) -> list[ShardTask]:
        """Open the job, or one that an earlier submitter did not end; returns its shards.

        Raises:
            OSError: the folder cannot be written.
        """
        card = read_card(self.cache, self.name, self.seal)
        self.is_resumed = card is not None and card.state == "open"
        if card is not None and self.is_resumed:
            self.submission = card.submission
            tasks = list(self._saved())
            self._left = {task.shard for task in tasks}
            self._write("open")
            return tasks
        self._forget()
        self.submission = secrets.token_hex(8)
        self._write("open")
        return []

    def add(self, tasks: Iterable[ShardTask]) -> None:
        """Keep shards before they are submitted."""
        for task in tasks:
            write_text(self._file(task.shard), packed_task(task, self.seal))
            self._left.add(task.shard)

    def done(self, shard: str) -> None:
        """A shard is done."""
        self._left.discard(shard)
        gate.remove(self._file(shard))

    def cancel(self) -> None:
        """Tell the workers to stop; what they have not begun with is dropped."""
        self._write("cancelled")

    def close(self) -> None:
        """The job is over."""
        self._forget()
        self._write("closed")

    def _write(self, state: State) -> None:
        content = {"job": self.name, "submission": self.submission, "state": state}
        card = self.seal.signed(_PURPOSE, content)
        write_bytes(self._folder / _CARD, card)
        self.publish(card)

    def _saved(self) -> Iterable[ShardTask]:
        for path in sorted(self._folder.glob(f"*{_SHARD}")):
            with contextlib.suppress(MessageError, OSError):
                task = unpacked_task(path.read_text(encoding="utf-8"), self.seal)
                if (task.job, task.submission) == (self.name, self.submission):
                    yield task

    def _forget(self) -> None:
        for path in self._folder.glob(f"*{_SHARD}"):
            gate.remove(path)
        self._left.clear()

    @property
    def _folder(self) -> Path:
        return self.cache / JOBS / self.name

    def _file(self, shard: str) -> Path:
        return self._folder / f"{shard}{_SHARD}"
