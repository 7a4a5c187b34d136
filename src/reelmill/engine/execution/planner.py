"""Knows what models need and what is available, and asks the policies to decide."""

from __future__ import annotations

from collections.abc import Sequence

from reelmill.engine.config import EngineConfig
from reelmill.engine.inference.service import InferenceService
from reelmill.engine.resources import placement
from reelmill.engine.resources.model_profiles import ModelProfiles
from reelmill.engine.resources.monitor import Monitor
from reelmill.engine.resources.placement import Means, ModelPlacement, Need, Placement, Plan
from reelmill.engine.stage import Device, ModelSpec

_MB = 1 << 20


class Planner:
    """Plans where models are loaded, and whether together or one after the other."""

    def __init__(
        self, config: EngineConfig, monitor: Monitor, model_profiles: ModelProfiles
    ) -> None:
        self._config = config
        self._monitor = monitor
        self._model_profiles = model_profiles
        self._inference: InferenceService | None = None
        self._devices = config.devices
        self._workers_open = config.model_workers_open
        self._in_turns = False

    def watch(self, inference: InferenceService) -> None:
        """Where it is seen which models are loaded."""
        self._inference = inference

    def use(self, gpus: tuple[Device, ...]) -> None:
        """From now on plan for these GPUs, or if there are none for the CPU, with as many model
        workers as fit."""
        self._devices = gpus or (Device("cpu"),)
        self._workers_open = not gpus

    def plan(self, specs: Sequence[ModelSpec], wanted: ModelPlacement) -> Plan:
        """Whether the models of a run stay in memory together, beside those that are loaded
        already."""
        new = [spec for spec in specs if spec not in self._loaded and not spec.is_empty]
        plan = placement.decide(self.needs(new), self.means(), wanted)
        self._in_turns = plan.is_sequential
        return plan

    @property
    def _loaded(self) -> list[ModelSpec]:
        return [] if self._inference is None else self._inference.replicas.loaded_models

    def left_on_cpu(self, specs: Sequence[ModelSpec]) -> list[str]:
        """Which models cannot use the chosen devices, and why."""
        return placement.left_on_cpu([spec for spec in specs if not spec.is_empty], self._devices)

    def needs(self, specs: Sequence[ModelSpec]) -> list[Need]:
        """The measured or estimated memory need of each model."""
        return [self._need(spec, placement.kind_for(spec, self._devices)) for spec in specs]

    def need_of(self, spec: ModelSpec, kind: str) -> float:
        return self._need(spec, kind).memory_mb

    def need_mb(self, kind: str) -> float:
        """The memory needs of the models that can use a kind of device."""
        sets = [] if self._inference is None else self._inference.replicas.sets
        sizes = [self.need_of(one.spec, kind) for one in sets if one.spec.supports(kind)]
        return max(sizes, default=0.0) if self._in_turns else sum(sizes)

    def _need(self, spec: ModelSpec, kind: str) -> Need:
        seen = self._model_profiles.of(spec, kind)
        if seen is not None:
            return Need(spec, kind, seen.peak_mb, measured=True, paces=seen.paces)
        return Need(spec, kind, spec.memory_mb(kind))

    def means(self) -> Means:
        """What is free, with what models have that no run needs: these are unloaded first."""
        config = self._config
        sample = self._monitor.last or self._monitor.take()
        left = sample.machine_total_mb - sample.machine_used_mb
        free = {"cpu": left - config.arena_bytes / _MB + self._idle_mb("cpu")}
        chosen = [d for d in sample.devices if Device("cuda", d.index) in self._devices]
        if chosen:
            least = min(device.total_mb - device.used_mb for device in chosen)
            free["cuda"] = least + self._idle_mb("cuda")
        return Means(self._devices, free, config.cores, self._workers_open, config.threads)

    def _idle_mb(self, kind: str) -> float:
        idle = [] if self._inference is None else self._inference.idle_on(kind)
        return sum(self.need_of(spec, kind) for spec in idle)

    def placements(self, specs: Sequence[ModelSpec]) -> dict[ModelSpec, Placement]:
        """The placement of models that are loaded together."""
        return placement.place(self.needs(specs), self.means())

    def new_placements(self, specs: Sequence[ModelSpec]) -> dict[ModelSpec, Placement]:
        """As `placements`, of those that are not loaded yet."""
        return self.placements([spec for spec in specs if spec not in self._loaded])
