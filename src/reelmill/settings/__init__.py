"""Every setting, its default and its reason.

`base` has those of all commands, `voice`, `subtitle` and `faces` those of a task; `loading` says
where they come from and in which order.
"""

from reelmill.settings.loading import (
    COMMAND_LINE_ONLY,
    CONFIG_FILE,
    FaceSettings,
    Settings,
    load_face_settings,
    load_settings,
)

__all__ = [
    "COMMAND_LINE_ONLY",
    "CONFIG_FILE",
    "FaceSettings",
    "Settings",
    "load_face_settings",
    "load_settings",
]
