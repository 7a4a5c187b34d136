"""The settings of a faces run, checked; and the shapes of clips that follow from them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from reelmill.errors import UsageError
from reelmill.settings import Settings, load_face_settings

if TYPE_CHECKING:
    from reelmill.stages.clips.follow import Shape

#: Default shorter side in pixels and shape of clips, as in the program that Reelmill replaces.
_CLIP, _SPLIT, _FOLLOW = (250, "1:1"), (1080, "16:9"), (1080, "9:16")
_MOST_ASPECT = 10
_ASPECT = re.compile(r"(\d+(?:\.\d+)?)[:x/](\d+(?:\.\d+)?)")


def faces_settings(given: dict[str, Any]) -> Settings:
    """Load the settings. Raises UsageError for a value that is not valid."""
    settings = load_face_settings(**given)
    if settings.clip != "person" and settings.clip < 1:
        raise UsageError(f"--clip {settings.clip:g}: give at least 1 second, or `person`")
    clip_shapes(settings)
    if settings.follow and settings.layout != "single":
        raise UsageError(
            f"--follow {settings.follow} already determines the layout: leave out --layout "
            f"{settings.layout}, or --follow"
        )
    return settings


def clip_shapes(settings: Settings) -> tuple[Shape, ...]:
    """Name, width and height of clips: one shape, or any number for a video that follows the
    speaker.

    Raises:
        UsageError: a shape is none.
    """
    if not settings.follow:
        side, shape = _SPLIT if settings.layout == "split" else _CLIP
        shapes = [settings.aspect or shape]
    else:
        side, shape = _FOLLOW
        shapes = [one.strip() for one in (settings.aspect or shape).split(",")]
    sizes = {_shape_name(one): _clip_size(settings, one, settings.size or side) for one in shapes}
    return tuple(sizes.items())


def _shape_name(shape: str) -> str:
    return re.sub(r"[:/]", "x", shape.replace(" ", ""))


def _clip_size(settings: Settings, shape: str, side: int) -> tuple[int, int]:
    parts = _ASPECT.fullmatch(shape.replace(" ", ""))
    across, down = (float(part) for part in parts.groups()) if parts else (0.0, 0.0)
    if min(across, down) <= 0 or not 1 / _MOST_ASPECT <= across / down <= _MOST_ASPECT:
        raise UsageError(f"--aspect {shape}: give width:height, e.g. 9:16, 1:1 or 16:9")
    scale = side / min(across, down)
    # H.264 needs even sides, and so does each half of a split, side by side or stacked.
    wide, tall = 4 if settings.layout == "split" else 2, 4 if settings.follow else 2
    return wide * max(1, round(across * scale / wide)), tall * max(1, round(down * scale / tall))
