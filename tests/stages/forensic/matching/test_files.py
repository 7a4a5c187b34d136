"""Pattern files: what they hold, and that every fault is told with its line."""

from pathlib import Path

import pytest

from reelmill.errors import UsageError
from reelmill.stages.forensic.matching.files import (
    read_patterns,
    shipped_digest,
    shipped_files,
    shipped_languages,
)
from reelmill.stages.forensic.matching.languages import check_files

HEAD = 'language = "en"\ncategory = "spying"\n'
PATTERN = '[[pattern]]\nid = "follow"\nwhy = "follows"\nforms = ["i follow you"]\n'


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_of_ones_own(tmp_path):
    more = (
        'unless = ["on (twitter|instagram)"]\nwith = ["home"]\nmatches = ["I follow you home."]\n'
    )
    text = f'{HEAD}[words]\nme = ["i", "we"]\n{PATTERN}{more}'
    file = read_patterns(written(tmp_path, text))
    (pattern,) = file.patterns
    assert (file.language, file.category, file.lists) == ("en", "spying", {"me": ("i", "we")})
    assert (pattern.id, pattern.line) == ("mine/spying/follow", 5)
    assert (pattern.unless, pattern.together) == (("on (twitter|instagram)",), ("home",))
    assert pattern.examples == ("I follow you home.",)
    assert len(file.digest) == 64


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("language = \n", r"not a valid TOML file .*line 1"),
        (PATTERN, r'line 1: give language = "\.\.\."'),
        (f'language = "en us"\n{PATTERN}', r"line 1: give language"),
        (HEAD, r"line 1: it has no \[\[pattern\]\]"),
        (f"{HEAD}colour = 1\n{PATTERN}", r"line 3: the file has no 'colour'"),
        (f"{HEAD}{PATTERN}regex = 1\n", r"line 7: a pattern has no 'regex'"),
        (f"{HEAD}{PATTERN}{PATTERN}", r"line 7: id follow is already that of line 3"),
        (f'{HEAD}[[pattern]]\nid = "a"\nforms = ["b"]\n', r"line 3: pattern a does not say why"),
        (f'{HEAD}[[pattern]]\nid = "a"\nwhy = "b"\n', r"line 3: pattern a has no forms"),
        (f'{HEAD}[[pattern]]\nid = "a"\nwhy = "b"\nforms = "c"\n', r"line 3: forms is a list"),
        (f'{HEAD}{PATTERN}matches = [" "]\n', r"line 3: matches has an empty text"),
        (f"{HEAD}words = 3\n{PATTERN}", r"words is a table"),
        (f"{HEAD}pattern = [1]\n", r"write patterns as \[\[pattern\]\]"),
    ],
)
def test_a_fault_is_told_with_its_file_and_line(tmp_path, text, problem):
    with pytest.raises(UsageError, match=problem) as caught:
        read_patterns(written(tmp_path, text))
    assert "mine.toml" in str(caught.value)


def test_a_file_that_is_not_there_or_too_large(tmp_path):
    with pytest.raises(UsageError, match=r"no\.toml: cannot be read"):
        read_patterns(tmp_path / "no.toml")
    with pytest.raises(UsageError, match="larger than 1 MB"):
        read_patterns(written(tmp_path, HEAD + PATTERN + "# " + "x" * (1 << 20)))


def test_forms_are_read_before_any_work(tmp_path):
    bad = read_patterns(written(tmp_path, HEAD + PATTERN.replace("i follow you", "i (follow")))
    with pytest.raises(UsageError, match=r"mine.toml: line 3: pattern .*follow: form 'i \(follow'"):
        check_files([bad])
    good = read_patterns(written(tmp_path, HEAD + PATTERN))
    with pytest.raises(UsageError, match=r"two files are named mine\.toml"):
        check_files([good, good])


def test_the_package_has_ten_categories_in_three_languages():
    # proves: V8
    assert shipped_languages() == ["en", "ja", "ko"]
    for language in shipped_languages():
        assert sorted(file.category for file in shipped_files(language)) == [
            "blame-shifting", "coercion", "denial", "gaslighting", "hedging", "insult",
            "isolation", "manipulation", "money-demand", "threat",
        ]  # fmt: skip
    assert shipped_digest() == shipped_digest()
