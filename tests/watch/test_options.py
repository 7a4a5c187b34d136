"""Options of watched folders: the user's files, and the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from reelmill.errors import UsageError
from reelmill.watch.options import engine_settings, options_of


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = tmp_path / "config" / "reelmill" / "watch"
    folder.mkdir(parents=True)
    return folder


def test_the_file_of_a_folder_is_found_by_the_folder_and_the_command_line_goes_first(
    tmp_path: Path, config: Path
) -> None:
    calls = tmp_path / "calls"
    calls.mkdir()
    (config / "films.toml").write_text('folder = "/srv/films"\nout = "/srv/subtitles"\n')
    (config / "mine.toml").write_text(
        f'folder = "{calls}"\nout = "/srv/results"\nsettle = 9\n'
        '[settings]\nmodel = "small"\nlanguage = "ko"\nworkers = 3\n'
    )
    (link := tmp_path / "link").symlink_to(calls)
    [found] = options_of(link, {"settle": 2.0, "out": None}, {"model": "base"})
    assert (found.out, found.settle, found.task) == (Path("/srv/results"), 2.0, "voice")
    assert found.run_settings == {"model": "base", "language": "ko"}
    assert engine_settings([found]) == {"workers": 3}


def test_without_a_folder_all_that_have_a_file_are_watched(config: Path) -> None:
    (config / "a.toml").write_text('folder = "/srv/a"\nout = "/srv/out-a"\n')
    (config / "b.toml").write_text('folder = "/srv/b"\nout = "/srv/out-b"\ntask = "subtitle"\n')
    found = options_of(None, {"out": None}, {})
    assert [(str(one.folder), one.task) for one in found] == [
        ("/srv/a", "voice"),
        ("/srv/b", "subtitle"),
    ]


def test_nothing_in_the_watched_folder_is_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = tmp_path / "calls"
    calls.mkdir()
    (calls / "reelmill.toml").write_text('model = "evil"\n')
    (calls / "calls.toml").write_text(f'folder = "{calls}"\nout = "/srv/evil"\n')
    monkeypatch.chdir(calls)
    [found] = options_of(calls, {"out": tmp_path / "out"}, {})
    assert found.settings == {} and found.out == tmp_path / "out"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('out = "/srv/out"', "does not say which folder"),
        ('folder = "calls"\nout = "/srv/out"', "folder: give the whole path"),
        ('folder = "/srv/calls"', "out: Field required"),
        ('folder = "/srv/calls"\nout = "/o"\nsettle = 0', "settle"),
        ('folder = "/srv/calls"\nout = "/o"\nmodel = "x"', "model"),
        ('folder = "/srv/calls"\nout = "/o"\n[settings]\nmodle = "x"', "no setting 'modle'"),
        ('folder = "/srv/calls"\nout = "/o"\n[settings]\nout = "x"', "no setting 'out'"),
        ('folder = "/srv/calls"\nout = "/o"\n[settings]\npython = "/x"', "names a program to run"),
        ('folder = "/srv/calls"\nout = "/o"\ntask = "sing"', "task"),
        ("folder = ", "not a valid TOML file"),
    ],
)
def test_a_file_that_is_not_valid_is_named(config: Path, text: str, told: str) -> None:
    (config / "bad.toml").write_text(text)
    with pytest.raises(UsageError, match=r"bad\.toml") as error:
        options_of(None, {}, {})
    assert told in str(error.value)


def test_a_file_below_the_folder_it_is_for_is_refused(config: Path, tmp_path: Path) -> None:
    (config / "all.toml").write_text(f'folder = "{tmp_path}"\nout = "/srv/out"\n')
    with pytest.raises(UsageError, match="XDG_CONFIG_HOME"):
        options_of(tmp_path, {}, {})


def test_nothing_to_watch_is_told_with_an_example() -> None:
    with pytest.raises(UsageError, match="give a folder, or write"):
        options_of(None, {}, {})


def test_options_of_one_folder_need_its_name(config: Path) -> None:
    (config / "a.toml").write_text('folder = "/srv/a"\nout = "/srv/out-a"\n')
    with pytest.raises(UsageError, match="--settle is for one folder"):
        options_of(None, {"settle": 3.0}, {})


def test_engine_settings__two_folders_must_agree(config: Path) -> None:
    for name, workers in (("a", 1), ("b", 2)):
        (config / f"{name}.toml").write_text(
            f'folder = "/srv/{name}"\nout = "/o/{name}"\n[settings]\nworkers = {workers}\n'
        )
    with pytest.raises(UsageError, match="workers: all watched folders share one engine"):
        engine_settings(options_of(None, {}, {}))
