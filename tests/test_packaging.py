"""The metadata of the package agrees with the documents beside it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import reelmill
from reelmill.core.toml import read_toml

ROOT = Path(__file__).parents[1]
NAME = re.compile(r"[A-Za-z0-9._-]+")


def project() -> dict[str, Any]:
    found: dict[str, Any] = read_toml(ROOT / "pyproject.toml")["project"]
    return found


def names(requirements: list[str]) -> list[str]:
    return [NAME.match(requirement)[0] for requirement in requirements]  # type: ignore[index]


def rows(columns: int) -> list[list[str]]:
    """The cells of all table rows with so many columns, without heads."""
    text = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    found = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("| ")
    ]
    return [cells for cells in found if len(cells) == columns and cells[-1] not in ("why", "---")]


def test_each_dependency_of_the_core_has_one_row_with_its_reason() -> None:
    told = rows(2)
    assert sorted(package for package, _ in told) == sorted(names(project()["dependencies"]))
    assert all(why for _, why in told)


def test_each_dependency_of_an_extra_has_one_row_with_its_reason() -> None:
    told = rows(3)
    asked = [
        (extra, package)
        for extra, requirements in project()["optional-dependencies"].items()
        for package in names(requirements)
    ]
    assert sorted((extra, package) for extra, package, _ in told) == sorted(asked)
    assert all(why for *_, why in told)


def test_each_dependency_group_is_described() -> None:
    text = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    for group, requirements in read_toml(ROOT / "pyproject.toml")["dependency-groups"].items():
        for name in (f"`{group}`", *names(requirements)):
            assert name in text


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("pyproject.toml", r'^version = "(.+)"'),
        ("CITATION.cff", r"^version: (.+)"),
        ("CHANGELOG.md", r"^## \[[^]]+\] ?(\d[\d.]*)?"),
    ],
)
def test_the_version_is_the_same_everywhere(file: str, pattern: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    assert re.search(pattern, text, re.MULTILINE)[1] == reelmill.__version__  # type: ignore[index]


def test_the_licence_is_the_same_everywhere() -> None:
    licence = project()["license"]
    assert f"license: {licence}" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert licence in (ROOT / "README.md").read_text(encoding="utf-8")
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")
    for file in project()["license-files"]:
        assert (ROOT / file).is_file()


def test_all_addresses_are_of_one_repository() -> None:
    home = project()["urls"]["Homepage"]
    for address in project()["urls"].values():
        assert address.startswith(home)
    for page in (ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")):
        for address in re.findall(r"https://github\.com/reelmill[^\s)]*", page.read_text("utf-8")):
            assert address.startswith(home), page
