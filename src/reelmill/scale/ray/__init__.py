"""Ray: an actor with an engine for each device of a cluster, and a stage for Ray Data."""

from reelmill.scale.ray.data import map_batches

__all__ = ["map_batches"]
