"""The submitter's side: hands shards to actors, hears events, and replaces what is lost."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError

from reelmill.core.keys import Seal
from reelmill.scale.executor import (
    GRACE_S,
    MOST_ATTEMPTS,
    Cancellation,
    ShardDone,
    ShardFailed,
    ShardLost,
)
from reelmill.scale.messages import (
    AnyEvent,
    MessageError,
    ShardTask,
    packed_task,
    shortened_reason,
    unpacked_events,
)
from reelmill.scale.ray.crew import Crew, Member

#: How long to wait for events at a time, and how often the crew is looked at.
_WAIT_S, _LOOK_EVERY_S = 0.2, 1.0


class RayExecutor:
    """Executes shards by Ray."""

    def __init__(self, crew: Crew, seal: Seal, warn: Callable[[str], None]) -> None:
        """Prepare without connecting.

        Args:
            crew: the actors.
            seal: of the key that is shared with the nodes.
            warn: told, once, what is wrong with the cluster.
        """
        self._crew, self._seal, self._warn = crew, seal, warn
        self._cancellation = Cancellation()
        self._waiting: deque[ShardTask] = deque()
        self._left: dict[str, ShardTask] = {}
        self._looked = 0.0
        self._has_warned = False

    @property
    def name(self) -> str:
        """See `Executor`."""
        return "Ray"

    def forget(self, shard: str) -> None:
        """See `Executor`."""
        self._left.pop(shard, None)
        self._crew.heard(shard)
        self._waiting = deque(task for task in self._waiting if task.shard != shard)

    def cancel(self) -> None:
        """See `Executor`."""
        self._cancellation.cancel()

    def submit(self, tasks: Sequence[ShardTask], sent: Collection[str] = ()) -> Iterator[AnyEvent]:
        """See `Executor`. Ray keeps nothing of a submitter that is gone, so all are sent."""
        if not tasks:
            return
        self._crew.connect()
        self._left = {task.shard: task for task in tasks}
        self._waiting = deque(tasks)
        try:
            yield from self._events()
        finally:
            self._crew.close()

    def _events(self) -> Iterator[AnyEvent]:
        until = float("inf")
        while self._left and not self._cancellation.is_urgent and time.monotonic() < until:
            if self._cancellation.is_asked and until == float("inf"):
                until = time.monotonic() + GRACE_S
                self._forget_waiting()
            self._look_after_crew()
            self._hand_out()
            yield from self._heard()

    # -- handing out

    def _look_after_crew(self) -> None:
        self._crew.welcome()
        if time.monotonic() - self._looked < _LOOK_EVERY_S:
            return
        self._looked = time.monotonic()
        if self._waiting and not self._cancellation.is_asked:
            self._crew.grow(len(self._waiting))
        elif not self._waiting:
            self._crew.shrink()
        if not self._has_warned and (warning := self._crew.store_warning()):
            self._has_warned = True
            self._warn(warning)

    def _hand_out(self) -> None:
        members = self._crew.free()
        while self._waiting and (member := next(members, None)) is not None:
            task = self._waiting.popleft()
            answer = member.handle.execute.remote(packed_task(task, self._seal))
            member.shards[answer] = task

    def _forget_waiting(self) -> None:
        for task in self._waiting:
            self._left.pop(task.shard, None)
        self._waiting.clear()

    # -- hearing

    def _heard(self) -> Iterator[AnyEvent]:
        """What actors have to say: events, answers to shards, or nothing any more."""
        members: dict[Any, Member] = {}
        for member in self._crew.members:
            if member.name is None:
                continue
            member.listening = member.listening or member.handle.events.remote(_WAIT_S)
            members |= {member.listening: member, **dict.fromkeys(member.shards, member)}
        if not members:
            self._cancellation.wait(_WAIT_S)
            return
        done, _ = ray.wait(list(members), num_returns=1, timeout=_WAIT_S)
        for answer in done:
            member = members[answer]
            if member in self._crew.members:
                yield from self._answered(member, answer)

    def _answered(self, member: Member, answer: object) -> Iterator[AnyEvent]:
        is_shard = answer in member.shards
        try:
            found = ray.get(answer)
        except RayTaskError as error:  # before the actor's own death, of which it is a kind
            if not is_shard:
                raise
            yield from self._refused(member.shards.pop(answer), error)
        except (RayActorError, RayError) as error:
            name = member.name or "actor"
            reason = f"its actor is gone ({type(error).__name__})"
            for task in self._crew.lose(member):
                if task.shard in self._left:
                    yield from self._lost(task, name, reason)
        else:
            if not is_shard:
                member.listening = None
                for text in found:
                    with contextlib.suppress(MessageError):
                        for event in unpacked_events(text, self._seal):
                            yield from self._judged(event)
            else:
                yield from self._ended(member.shards.pop(answer), member, found)

    def _judged(self, event: AnyEvent) -> Iterator[AnyEvent]:
        if event.shard not in self._left or isinstance(event, ShardLost):
            return  # a shard that is given back is told of when its answer comes
        if isinstance(event, (ShardDone, ShardFailed)):
            del self._left[event.shard]
            self._crew.heard(event.shard)
        yield event

    def _ended(self, task: ShardTask, member: Member, ending: str) -> Iterator[AnyEvent]:
        """An actor has answered. What it did is in its events, which may still be on their way."""
        if task.shard not in self._left:
            return
        if ending in ("done", "refused"):
            member.unheard[task.shard] = task
            return
        if self._cancellation.is_asked:
            del self._left[task.shard]
        else:
            yield from self._lost(task, member.name or "actor", f"the shard was {ending}")

    def _lost(self, task: ShardTask, worker: str, reason: str) -> Iterator[AnyEvent]:
        yield ShardLost(task.shard, worker, shortened_reason(reason))
        if self._cancellation.is_asked:
            del self._left[task.shard]
        elif task.attempt >= MOST_ATTEMPTS:
            del self._left[task.shard]
            yield ShardFailed(task.shard, worker, f"lost {task.attempt} times, last: {reason}")
        else:
            again = replace(task, attempt=task.attempt + 1)
            self._left[task.shard] = again
            self._waiting.appendleft(again)

    def _refused(self, task: ShardTask, error: RayTaskError) -> Iterator[AnyEvent]:
        self._left.pop(task.shard, None)
        yield ShardFailed(task.shard, "actor", shortened_reason(str(error.cause or error)))
