"""Knowledge of memory: in use and free now, and the needs of models and items."""

from __future__ import annotations

from reelmill.engine.inference.replicas import BatchDone
from reelmill.engine.process.model_worker_client import ModelWorker
from reelmill.engine.resources import policy
from reelmill.engine.resources.model_profiles import ModelProfiles
from reelmill.engine.resources.monitor import DeviceSample, Monitor, Sample
from reelmill.engine.stage import Device, ModelSpec


class MemoryEstimator:
    """Figures from the monitor's last sample and from the model profiles, by device. In MB and
    shares."""

    def __init__(self, monitor: Monitor | None, model_profiles: ModelProfiles) -> None:
        self._monitor = monitor
        self._model_profiles = model_profiles

    def _last(self) -> Sample | None:
        return None if self._monitor is None else self._monitor.last

    def is_gone(self, gpu: Device) -> bool:
        """Whether a GPU that was there is gone. Takes a new sample."""
        if self._monitor is None:
            return False
        return all(seen.index != gpu.index for seen in self._monitor.devices.sample(()))

    def used_share(self, device: Device) -> float | None:
        """The memory in use, of the device or for the CPU of the machine, including other
        programs."""
        sample = self._last()
        if sample is None:
            return None
        if device.kind == "cpu":
            return sample.machine_used_mb / sample.machine_total_mb
        seen = device_in(sample, device)
        return None if seen is None else seen.used_share

    def free_mb(self, device: Device) -> float:
        """0 if unknown."""
        sample = self._last()
        if sample is None:
            return 0.0
        if device.kind == "cpu":
            return sample.machine_total_mb - sample.machine_used_mb
        seen = device_in(sample, device)
        return 0.0 if seen is None else seen.total_mb - seen.used_mb

    def free_now_mb(self, device: Device) -> float:
        """As `free_mb`, by a new sample."""
        if self._monitor is not None:
            self._monitor.take()
        return self.free_mb(device)

    def per_cost_mb(self, spec: ModelSpec, device: Device, stage: str) -> float:
        """The memory per unit of a stage's padded cost; 0 if not measured yet."""
        seen = self._model_profiles.of(spec, device.kind)
        return 0.0 if seen is None else seen.per_cost.get(stage, 0.0)

    def loaded(self, worker: ModelWorker) -> None:
        self._model_profiles.loaded(worker.spec, worker.device.kind, _base(worker), worker.paces)

    def unmeasured(self, spec: ModelSpec, device: Device, cores: int) -> tuple[int, ...]:
        """Numbers of threads with which a small model is to be measured, once per machine."""
        if not spec.lightweight or device.kind != "cpu":
            return ()
        wanted = policy.thread_counts(cores)
        seen = self._model_profiles.of(spec, device.kind)
        return () if seen is not None and set(wanted) <= set(seen.paces) else wanted

    def inferred(self, batch: BatchDone, worker: ModelWorker) -> None:
        """Record the memory a batch took: the peak of the model worker beyond its memory after
        loading."""
        answer = batch.answer
        had = answer.memory_mb if answer.device_mb is None else answer.device_mb
        self._model_profiles.inferred(
            worker.spec,
            worker.device.kind,
            batch.queue.stage.name,
            had,
            padded_cost=batch.padded_cost,
            took_mb=max(0.0, had - _base(worker)),
        )


def device_in(sample: Sample, device: Device) -> DeviceSample | None:
    return next((seen for seen in sample.devices if seen.index == device.index), None)


def _base(worker: ModelWorker) -> float:
    return worker.loaded_mb if worker.device_mb is None else worker.device_mb
