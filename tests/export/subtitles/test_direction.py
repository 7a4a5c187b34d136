"""Lines that are read from right to left say so."""

# proves: S5

from __future__ import annotations

import pytest

from reelmill.artifacts import SubtitleCue, SubtitleTrack
from reelmill.export.subtitles import DEFAULT_STYLE
from reelmill.export.subtitles.direction import directed, is_right_to_left
from reelmill.export.subtitles.text_tracks import ass_file


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("نعم!", True),
        ('قال "أنا من مدينة New York" ثم', True),
        ("New York هي مدينة كبيرة.", True),
        ("שלום, מה שלומך?", True),
        ("He said نعم twice.", False),
        ("안녕하세요.", False),
        ("12 - 13", False),
        ("", False),
    ],
)
def test_the_direction_of_a_line_follows_its_letters(line: str, expected: bool) -> None:
    assert is_right_to_left(line) is expected
    assert directed(line) == (f"\u202b{line}\u202c" if expected else line)


def test_each_line_of_an_ass_script_has_its_own_direction() -> None:
    track = SubtitleTrack("ar", [SubtitleCue(0, 1, ["نعم!"], [], ["Yes!"])], [])
    (event,) = ass_file(track, DEFAULT_STYLE, (1920, 1080)).events
    assert event.text == "\u202bنعم!\u202c\\N{\\rOriginal}Yes!"
