"""The actors of a submitter: as many as the cluster has room for, more when it grows."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import RayActorError

from reelmill.errors import UsageError
from reelmill.scale.messages import ShardTask
from reelmill.scale.ray.actor import ShardActor

#: Shards in work at a time in an actor: two keep batches full while one ends.
SHARDS_AT_ONCE = 2
#: Actors that wait for room at a time. They tell Ray's autoscaler how many nodes are wanted.
_MOST_WAITING = 8
#: Actors that could not begin before it is taken for a mistake in the settings of the cluster.
_MOST_FAILED = 3
#: Above this share of Ray's store for objects, Ray begins to write objects to disks.
_STORE_FULL = 0.8
#: How long an actor may take to end its processes.
_CLOSING_S = 20.0


@dataclass(eq=False)
class Member:
    """An actor. `shards` are those it was given, by what Ray answers for each. `unheard`, by name,
    are those that it has answered, while the event that tells of their end is to be fetched."""

    handle: Any
    ready: Any
    name: str | None = None
    listening: Any = None
    shards: dict[Any, ShardTask] = field(default_factory=dict)
    unheard: dict[str, ShardTask] = field(default_factory=dict)


@dataclass
class Crew:
    """The actors of one submitter.

    Attributes:
        address: of the cluster; None: the one in `RAY_ADDRESS`, or one on this machine.
        roots: of the submitter.
        lease_s: see `ShardActor`.
        tasks: see `ShardActor`.
        cpus: cores of each actor; None: those of a node, divided by its GPUs.
        store: see `ShardActor`.
    """

    address: str | None
    roots: Sequence[str]
    lease_s: float
    tasks: str
    cpus: int | None = None
    store: str | None = None
    members: list[Member] = field(default_factory=list)
    _failed: int = 0
    _is_ours: bool = False

    def connect(self) -> None:
        """Join the cluster.

        Raises:
            UsageError: it cannot be reached.
        """
        # Ray would tell its makers about each cluster. Nothing leaves the machine unasked.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        if ray.is_initialized():
            return
        try:
            ray.init(
                address=self.address,
                log_to_driver=False,
                logging_level="ERROR",
                **({} if self.address else {"include_dashboard": False}),
            )
        except (ConnectionError, RuntimeError, ValueError) as error:
            where = self.address or os.environ.get("RAY_ADDRESS", "on this machine")
            raise UsageError(f"--on ray: no cluster can be reached ({where}): {error}") from error
        self._is_ours = True

    def grow(self, shards: int) -> None:
        """Ask for actors for so many shards that nobody has yet."""
        free = sum(SHARDS_AT_ONCE - len(one.shards) for one in self.members)
        unplaced = sum(one.name is None for one in self.members)
        wanted = min(math.ceil((shards - free) / SHARDS_AT_ONCE), _MOST_WAITING - unplaced)
        gpus, cpus = self._share_of_a_node()
        for _ in range(wanted):
            actor = ray.remote(ShardActor).options(
                num_cpus=cpus, num_gpus=gpus, max_concurrency=SHARDS_AT_ONCE + 2, max_restarts=0
            )
            handle = actor.remote(list(self.roots), cpus, self.lease_s, self.tasks, self.store)
            self.members.append(Member(handle, handle.name.remote()))

    def free(self) -> Iterator[Member]:
        """Actors that can take another shard, those with the fewest first, again and again."""
        while able := [
            one for one in self.members if one.name is not None and len(one.shards) < SHARDS_AT_ONCE
        ]:
            yield min(able, key=lambda one: len(one.shards))

    def welcome(self) -> None:
        """Find out which actors have begun since the last look.

        Raises:
            UsageError: none can begin.
        """
        for member in [one for one in self.members if one.name is None]:
            if not ray.wait([member.ready], timeout=0)[0]:
                continue
            try:
                member.name = str(ray.get(member.ready))
            except RayActorError as error:
                self.members.remove(member)
                self._failed += 1
                if self._failed >= _MOST_FAILED and not any(one.name for one in self.members):
                    raise UsageError(f"--on ray: no actor can begin: {_cause(error)}") from error

    def lose(self, member: Member) -> list[ShardTask]:
        """Forget an actor that is gone; returns the shards it had, and those of which it has not
        told everything."""
        self.members.remove(member)
        return [*member.shards.values(), *member.unheard.values()]

    def heard(self, shard: str) -> None:
        """The end of a shard was told."""
        for member in self.members:
            member.unheard.pop(shard, None)

    def shrink(self) -> None:
        """End actors that nothing is left for, so that an autoscaler can remove their nodes."""
        for member in [one for one in self.members if not (one.shards or one.unheard)]:
            self.members.remove(member)
            self._end([member])

    def close(self) -> None:
        """End all actors."""
        self._end(self.members)
        self.members.clear()
        if self._is_ours:
            ray.shutdown()

    def store_warning(self) -> str | None:
        """What to say when Ray's store is so full that it writes objects to disks. We put none into
        it, so that it must be somebody else on the cluster."""
        name = "object_store_memory"
        total = ray.cluster_resources().get(name, 0.0)
        left = ray.available_resources().get(name, total)
        if not total or 1 - left / total < _STORE_FULL:
            return None
        return (
            f"Ray's object store is {100 * (1 - left / total):.0f} % full: Ray writes objects to "
            "disks, which slows all work on the cluster"
        )

    def _end(self, members: Sequence[Member]) -> None:
        closing = [one.handle.close.remote() for one in members if one.name is not None]
        if closing:
            with contextlib.suppress(RayActorError):
                ray.wait(closing, num_returns=len(closing), timeout=_CLOSING_S)
        for member in members:
            ray.kill(member.handle)

    def _share_of_a_node(self) -> tuple[int, int]:
        """GPUs and cores for an actor: one for each GPU; without GPUs one for each node."""
        nodes = [one["Resources"] for one in ray.nodes() if one["Alive"]]
        with_gpus = [one for one in nodes if one.get("GPU", 0) >= 1]
        shares = [int(one.get("CPU", 1) / max(1, one.get("GPU", 0))) for one in with_gpus or nodes]
        return int(bool(with_gpus)), self.cpus or max(1, min(shares, default=1))


def _cause(error: RayActorError) -> str:
    """The last line of Ray's account of an error, which is the message of what was raised."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
