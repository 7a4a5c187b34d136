"""Every setting, with its default and meaning.

`base` has the settings of all commands; `voice`, `subtitle` and `faces` have those of one task,
`forensic` those of what `voice --forensic` finds.
`loading` decides where settings come from and which source wins.
"""

from reelmill.settings.loading import (
    COMMAND_LINE_ONLY,
    CONFIG_FILE,
    FaceSettings,
    Settings,
    SubtitleSettings,
    load_face_settings,
    load_settings,
    load_subtitle_settings,
    settings_from_pairs,
)

__all__ = [
    "COMMAND_LINE_ONLY",
    "CONFIG_FILE",
    "FaceSettings",
    "Settings",
    "SubtitleSettings",
    "load_face_settings",
    "load_settings",
    "load_subtitle_settings",
    "settings_from_pairs",
]
