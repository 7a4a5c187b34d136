"""Which files a user's arguments mean."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reelmill.errors import UsageError
from reelmill.runs.sources import find_sources, search

OUT = Path("/nowhere/out")


def tree(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def found(*inputs: Path, out: Path = OUT) -> dict[str, str]:
    """Wanted name by file name."""
    return {source.path.name: source.wanted_name for source in find_sources(inputs, out)}


def test_folders_are_searched_recursively(tmp_path: Path) -> None:
    # proves: V1
    tree(tmp_path, "a.m4a", "sub/deep/b.MP3", "notes.txt", ".hidden.wav", ".cache/c.wav")
    assert found(tmp_path) == {"a.m4a": "a", "b.MP3": "sub/deep/b"}


def test_a_file_named_directly_is_accepted(tmp_path: Path) -> None:
    tree(tmp_path, "call.bin", "-x.wav")
    assert found(tmp_path / "call.bin") == {"call.bin": "call"}
    assert found(tmp_path / "-x.wav") == {"-x.wav": "-x"}


def test_patterns_work_and_names_that_look_like_patterns_too(tmp_path: Path) -> None:
    tree(tmp_path, "a1.wav", "a2.wav", "b.wav", "[odd].wav")
    assert set(found(tmp_path / "a*.wav")) == {"a1.wav", "a2.wav"}
    assert set(found(tmp_path / "[odd].wav")) == {"[odd].wav"}
    assert set(found(tmp_path / "**" / "*.wav")) == {"a1.wav", "a2.wav", "b.wav", "[odd].wav"}


@pytest.mark.parametrize(
    "name", ["통화 녹음.wav", "line\nbreak.wav", "😀.wav", os.fsdecode(b"\xff\xfe.wav")]
)
def test_files_of_any_name_are_found(tmp_path: Path, name: str) -> None:
    tree(tmp_path, name)
    assert found(tmp_path) == {name: Path(name).stem}


def test_each_file_is_found_once_however_often_it_is_given(tmp_path: Path) -> None:
    tree(tmp_path, "a.wav")
    assert len(find_sources([tmp_path, tmp_path / "a.wav", tmp_path / "*"], OUT)) == 1


def test_link_loops_end_and_dangling_links_are_reported(tmp_path: Path) -> None:
    tree(tmp_path, "sub/a.wav")
    (tmp_path / "sub" / "loop").symlink_to(tmp_path)
    (tmp_path / "gone.wav").symlink_to(tmp_path / "nothing")
    assert set(found(tmp_path)) == {"a.wav", "gone.wav"}


def test_links_out_of_the_folder_are_counted_and_not_followed(tmp_path: Path) -> None:
    tree(tmp_path, "in/a.wav", "in/sub/b.wav", "elsewhere/c.wav", "other/d.wav")
    (tmp_path / "in" / "root").symlink_to("/")
    (tmp_path / "in" / "up.wav").symlink_to("..")
    (tmp_path / "in" / "c.wav").symlink_to(tmp_path / "elsewhere" / "c.wav")
    (tmp_path / "in" / "inside").symlink_to(tmp_path / "in" / "sub")
    (tmp_path / "in" / "second.wav").symlink_to("a.wav")
    found_there = search([tmp_path / "in"], OUT)
    names = sorted(str(one.path.relative_to(tmp_path / "in")) for one in found_there.sources)
    assert names == ["a.wav", "inside/b.wav", "second.wav"]
    (line,) = found_there.remarks()
    assert line.startswith("3 links out of the given folders not followed (")
    assert "up.wav" in line and "root" in line
    # A file named directly, or in another given folder, is included.
    assert set(found(tmp_path / "in" / "c.wav")) == {"c.wav"}
    (tmp_path / "in" / "more").symlink_to(tmp_path / "other")
    assert "d.wav" in found(tmp_path / "in", tmp_path / "other")
    assert len(search([tmp_path / "in", tmp_path / "other"], OUT).links_out) == 3


def test_hidden_recordings_are_counted(tmp_path: Path) -> None:
    tree(tmp_path, "a.wav", "..x.wav", ".trash/b.mp3", ".trash/b.txt", "._a.wav", ".cache/c.mp4")
    told = search([tmp_path], OUT)
    assert [one.path.name for one in told.sources] == ["a.wav"]
    (line,) = told.remarks()
    assert line.startswith("2 hidden recordings left out (") and "..x.wav" in line
    assert search([tmp_path / "..x.wav"], OUT).remarks() == []


def test_if_everything_is_left_out_the_reason_is_given(tmp_path: Path) -> None:
    tree(tmp_path, "in/.a.wav", "b.wav")
    (tmp_path / "in" / "b.wav").symlink_to(tmp_path / "b.wav")
    with pytest.raises(UsageError, match=r"1 link out of .*; 1 hidden recording left out"):
        search([tmp_path / "in"], OUT)


def test_our_own_results_are_not_taken_as_recordings(tmp_path: Path) -> None:
    # proves: G14
    tree(tmp_path, "a.wav", "results/clip.mp4")
    assert set(found(tmp_path, out=tmp_path / "results")) == {"a.wav"}


def test_an_output_folder_among_the_recordings_is_refused_under_any_name(tmp_path: Path) -> None:
    # proves: G14
    tree(tmp_path, "calls/a.wav")
    (tmp_path / "link").symlink_to("calls")
    for folder, out in (("calls", "calls"), ("calls", "link"), ("link", "calls")):
        with pytest.raises(UsageError, match="among the recordings"):
            find_sources([tmp_path / folder], tmp_path / out)


@pytest.mark.parametrize("out", ["calls/2024", "link"])
def test_recordings_in_the_output_folder_are_counted(tmp_path: Path, out: str) -> None:
    # proves: G14 G21
    tree(tmp_path, "calls/a.wav", "calls/2024/b.wav", "calls/2024/sub/c.wav", "calls/2024/d.mp4")
    (tmp_path / "link").symlink_to("calls/2024")
    found = search([tmp_path / "calls"], tmp_path / out)
    assert [source.path.name for source in found.sources] == ["a.wav"]
    (remark,) = found.remarks(lambda path: path.name == "d.mp4")
    assert remark.startswith("2 recordings in the output folder left out") and "b.wav" in remark


def test_several_folders_keep_their_names_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(tmp_path, "one/a.wav", "two/b.wav", "two/here/c.wav")
    assert found(tmp_path / "one", tmp_path / "two") == {
        "a.wav": "one/a",
        "b.wav": "two/b",
        "c.wav": "two/here/c",
    }
    monkeypatch.chdir(tmp_path / "two" / "here")
    names = found(Path(".."), Path("../../one")).values()
    assert not any(".." in name for name in names), "results would lie outside of the folder"


def test_a_folder_that_vanishes_during_the_search_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(tmp_path, "a.wav", "sub/b.wav")
    real = os.stat

    def vanish(path: str, *args: object, **kwargs: bool) -> os.stat_result:
        if str(path).endswith("sub"):
            raise FileNotFoundError(2, "gone", path)
        return real(path, *args, **kwargs)

    monkeypatch.setattr("reelmill.runs.sources.os.stat", vanish)
    assert set(found(tmp_path)) == {"a.wav"}


def test_an_empty_search_is_reported(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not found"):
        find_sources([tmp_path / "gone"], OUT)
    with pytest.raises(UsageError, match="no recordings"):
        find_sources([tmp_path], OUT)


def test_other_files_are_counted_in_one_line(tmp_path: Path) -> None:
    # proves: G21
    tree(tmp_path, "a.wav", "notes.txt", "b.pdf", "c.pdf", "sub/d.PDF", "e", "f.x", ".DS_Store")
    left = search([tmp_path], OUT)
    (line,) = left.remarks()
    assert line.startswith("6 other files not looked at (.pdf 3, ")


def test_files_without_a_known_suffix_are_checked_by_content(tmp_path: Path) -> None:
    # proves: V1 G21
    tree(tmp_path, "a.wav", "empty.bin")
    (tmp_path / "VOICE0001").write_bytes(b"#!AMR\n" + bytes(99))
    (tmp_path / "call.bin").write_bytes(b"RIFF\0\0\0\0WAVEfmt ")
    (tmp_path / "really.txt").write_bytes(b"OggS" + bytes(99))
    left = search([tmp_path], OUT)
    assert {source.path.name for source in left.sources} == {"a.wav", "VOICE0001", "call.bin"}
    included, other = left.remarks()
    assert included.startswith("2 recordings included that are known by content, not by name")
    assert other == "2 other files not looked at (.bin 1, .txt 1)"
