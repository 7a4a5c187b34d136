"""`reelmill case`, and `reelmill verify` on what it makes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import bagit
import pytest
from typer.testing import CliRunner

from reelmill.cli.app import app
from reelmill.commands.case import Wanted, run_case
from reelmill.errors import InputError, UsageError
from reelmill.evidence import CUSTODY, custody_head, verify
from reelmill.evidence.custody import signing
from tests.evidence.custody.authority import Authority
from tests.runs.toy_task import recordings, toy_run

# proves: G14


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with recordings in `in` and a finished run in `out`."""
    folder = tmp_path_factory.mktemp("finished")
    paths = recordings(folder / "in", {"통화 a.txt": "one two", "b.txt": "three"})
    toy_run(folder / "out", *paths).start().wait()
    return folder


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "key.pem"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
        shutil.copy2(signing.make_key(), made)
    return made


def last(out: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((out / CUSTODY).read_bytes().splitlines()[-1])
    return found


def found_by_the_command(folder: Path) -> str:
    """The report of the real command."""
    command = [sys.executable, "-m", "reelmill", "verify", str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


def test_the_head_and_the_log_are_printed(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head = custody_head(out)
    assert head is not None
    run_case(out, Wanted())
    assert capsys.readouterr().out == f"{CUSTODY}: {head.words}\n"
    run_case(out, Wanted(log=True))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == head.entries and "ingest  ../in/통화 a.txt" in "\n".join(lines)


def test_listening_to_an_original_is_noted_with_who_did(out: Path) -> None:
    run_case(out, Wanted(viewed=["../in/b.txt"], note="in court", by="김 수사관"))
    entry = last(out)
    assert (entry["what"], entry["recording"]) == ("view", "../in/b.txt")
    assert (entry["person"], entry["text"]) == ("김 수사관", "in court")
    assert verify(out).ok
    with pytest.raises(UsageError, match="not an original"):
        run_case(out, Wanted(viewed=["c.txt"]))


def test_a_signed_head_holds_until_something_is_changed(out: Path, key: Path) -> None:
    run_case(out, Wanted(sign=True, signing_key=key))
    lines = verify(out).lines()
    assert any(line.startswith("Signature of entry ") and "valid" in line for line in lines)
    signer = last(out)["key_sha256"]
    checked = CliRunner().invoke(app, ["verify", str(out), "--signer", str(signer)])
    assert checked.exit_code == 0 and "the one you gave" in checked.output
    other = CliRunner().invoke(app, ["verify", str(out), "--signer", "0" * 64])
    assert other.exit_code == 1 and "no head is signed" in other.output


@pytest.mark.parametrize(
    ("suffix", "found"), [(".sig", "CHANGED"), (".json", "CHANGED"), (".pub.pem", "CHANGED")]
)
def test_a_changed_signature_is_found(out: Path, key: Path, suffix: str, found: str) -> None:
    run_case(out, Wanted(sign=True, signing_key=key))
    [path] = (out / "custody").glob(f"head-*{suffix}")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert any(one.what == found.lower() for one in verify(out).findings)
    assert not verify(out).ok


def test_a_signed_end_cannot_be_cut_off_unnoticed(out: Path, key: Path) -> None:
    """Even if evidence and manifest are rewritten."""
    run_case(out, Wanted(sign=True, signing_key=key))
    kept = (out / CUSTODY).read_bytes().splitlines(keepends=True)
    (out / CUSTODY).write_bytes(b"".join(kept[:4]))
    text = (out / "evidence.json").read_text().splitlines(keepends=True)
    (out / "evidence.json").write_text("".join([text[0], *text[2:]]))
    lines = "\n".join(verify(out).lines())
    assert f"MISSING: record {CUSTODY}, entry 5" in lines and "cut off" in lines


def test_time_stamps_are_asked_for_checked_and_kept(out: Path, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    with pytest.raises(InputError, match="no time stamp was asked for"):
        run_case(out, Wanted(timestamp_reply=authority.root))
    run_case(out, Wanted(timestamp_request=True))
    assert "asked for, no reply yet" in "\n".join(verify(out).lines())
    [request] = (out / "custody").glob("*.tsq")
    reply = tmp_path / "reply"
    reply.write_bytes(authority.stamp(request.read_bytes()))
    with pytest.raises(InputError, match="--tsa-ca"):
        run_case(out, Wanted(timestamp_reply=reply))
    run_case(out, Wanted(timestamp_reply=reply, tsa_ca=authority.root))
    assert last(out)["authority"] == "CN=Authority"
    checked = verify(out)
    assert checked.ok and any(line.startswith("Time stamp of entry") for line in checked.lines())
    [kept] = (out / "custody").glob("*.tsr")
    data = bytearray(kept.read_bytes())
    data[-9] ^= 1
    kept.write_bytes(data)
    assert any("tsr" in one.name for one in verify(out).findings)


@pytest.mark.parametrize("with_originals", [False, True])
def test_a_bag_is_valid_for_the_public_tool_and_for_verify(
    out: Path, tmp_path: Path, with_originals: bool
) -> None:
    bag = tmp_path / "bag"
    run_case(out, Wanted(bag=bag, with_originals=with_originals))
    bagit.Bag(str(bag)).validate()
    checked = verify(bag)
    assert checked.ok, checked.lines()
    assert (bag / "data" / "in" / "b.txt").exists() == with_originals
    assert any("not in this bag" in line for line in checked.lines()) != with_originals
    assert "hashdeep" in (bag / "hashdeep.txt").read_text().lower()
    assert last(out)["what"] == "bag" and verify(out, strict=False).ok


def test_a_bag_packed_with_the_signature_has_it_on_record(
    out: Path, key: Path, tmp_path: Path
) -> None:
    run_case(out, Wanted(sign=True, signing_key=key, bag=tmp_path / "bag"))
    checked = verify(tmp_path / "bag")
    assert checked.ok and not any("not in the manifest" in one for one in checked.lines())
    assert any("Signature of entry" in one for one in checked.lines())


def change(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("cause", "found"),
    [
        (
            lambda bag: change(bag / "data/out/report.html"),
            "CHANGED: bag file data/out/report.html",
        ),
        (
            lambda bag: (bag / "data/out/report.html").unlink(),
            "MISSING: bag file data/out/report.html",
        ),
        (lambda bag: (bag / "data/x").write_text(""), "RECORDS DISAGREE: bag file data/x"),
        (lambda bag: change(bag / "bag-info.txt"), "CHANGED: bag file bag-info.txt"),
        (lambda bag: (bag / "manifest-sha256.txt").write_text("x"), "UNREADABLE: bag file"),
    ],
)
def test_a_changed_bag_is_found(
    out: Path, tmp_path: Path, cause: Callable[[Path], object], found: str
) -> None:
    bag = tmp_path / "bag"
    run_case(out, Wanted(bag=bag))
    cause(bag)
    assert found in "\n".join(verify(bag).lines())


def test_no_bag_is_put_where_something_is(out: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("mine")
    for place in (tmp_path / "full", out / "bag"):
        with pytest.raises(UsageError):
            run_case(out, Wanted(bag=place))
    change(out / "report.html")
    with pytest.raises(InputError, match="not as it is on record"):
        run_case(out, Wanted(bag=tmp_path / "bag"))


def test_hashdeep_lines_have_every_file(
    out: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    run_case(out, Wanted(hashdeep=True))
    lines = capfdbinary.readouterr().out.decode().splitlines()
    assert lines[:2] == ["%%%% HASHDEEP-1.0", "%%%% size,md5,sha256,filename"]
    size, md5, sha256, name = next(line for line in lines if line.endswith("b.txt")).split(",")
    assert (size, len(md5), len(sha256), name) == ("5", 32, 64, "../in/b.txt")


@pytest.mark.parametrize(
    ("cause", "found"),
    [
        (lambda out: change(out.parent / "in" / "b.txt"), "CHANGED: original ../in/b.txt"),
        (lambda out: change(next((out / ".cache").rglob("shout-*.json"))), "CHANGED: artifact"),
        (lambda out: change(out / CUSTODY), "entry "),
    ],
)
def test_the_command_names_what_was_changed(
    out: Path, cause: Callable[[Path], object], found: str
) -> None:
    cause(out)
    assert found in found_by_the_command(out)


def test_only_a_folder_of_results_is_a_case(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a folder of results"):
        run_case(tmp_path, Wanted(note="x"))
