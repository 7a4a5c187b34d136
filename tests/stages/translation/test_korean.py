"""Korean particles."""

import pytest

from reelmill.stages.translation.korean import corrected_particle


@pytest.mark.parametrize(
    ("word", "following", "expected"),
    [
        ("유키", "은 와요", ("는", 1)),
        ("앤", "는", ("은", 1)),
        ("서울", "으로", ("로", 2)),
        ("역", "로 가요", ("으로", 1)),
        ("표", "이에요.", ("예요", 3)),
        ("표", "이었던 것", ("였던", 3)),
        ("유키", "에서", ("", 0)),
        ("유키", "은행에", ("", 0)),  # a word of its own
        ("유키", "", ("", 0)),
        ("NASA", "은", ("", 0)),
        ("", "은", ("", 0)),
    ],
)
def test_the_fitting_form_of_a_particle_is_chosen(word, following, expected):
    assert corrected_particle(word, following) == expected
