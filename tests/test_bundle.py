from __future__ import annotations

import csv
import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from hemicycle.bundle import ROUND, csv_bytes, require_ours, sha256_of, write_bundle
from hemicycle.config import HEADER
from hemicycle.errors import FormatError, OptionError

FILES = {"leaderboard.csv": b"rank\n", ROUND.file: HEADER.encode() + b"jury = 'j'\n"}


def test_a_bundle_is_written_whole_and_leaves_nothing_aside(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    write_bundle(out, FILES)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == FILES
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    assert (out / ROUND.file).stat().st_mode & 0o044 == 0o044


def test_an_earlier_bundle_is_replaced_and_files_beside_it_stay(tmp_path: Path) -> None:
    write_bundle(tmp_path / "out", FILES)
    (tmp_path / "out" / "notes.txt").write_text("mine")
    write_bundle(tmp_path / "out", FILES | {"leaderboard.csv": b"new"})
    assert (tmp_path / "out" / "leaderboard.csv").read_bytes() == b"new"
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "content", [{"thesis.tex": "years of work"}, {ROUND.file: "[tool]\n"}, {f"{ROUND.file}/x": ""}]
)
def test_a_folder_that_is_not_ours_is_refused_and_untouched(tmp_path: Path, content: dict[str, str]) -> None:
    for name, text in content.items():
        (tmp_path / "out" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / name).write_text(text)
    with pytest.raises(OptionError, match="--out"):
        write_bundle(tmp_path / "out", FILES)
    assert {str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*") if p.is_file()} == set(content)


def test_a_file_and_a_dangling_link_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("file", "link"):
        with pytest.raises(OptionError, match="not a folder"):
            require_ours(tmp_path / name)
    require_ours(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    require_ours(tmp_path / "empty")


def test_links_planted_in_the_folder_are_replaced_not_followed(tmp_path: Path) -> None:
    write_bundle(tmp_path / "out", FILES)
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "out" / "leaderboard.csv").unlink()
    (tmp_path / "out" / "leaderboard.csv").symlink_to(tmp_path / "victim")
    write_bundle(tmp_path / "out", FILES)
    assert (tmp_path / "victim").read_text() == "precious"


def test_a_failed_write_leaves_the_earlier_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bundle(tmp_path / "out", FILES)

    def full_disk(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_bundle(tmp_path / "out", dict.fromkeys(FILES, b"half"))
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == FILES
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_csv_keeps_every_digit_and_disarms_formulas(tmp_path: Path) -> None:
    rows = [("=cmd()|'x'!A0", -0.1 + 1e-17, None), ('two\nlines, "quoted"', 1 / 3, 7), ("plain", -5.0, -5)]
    (tmp_path / "t.csv").write_bytes(csv_bytes(("name", "value", "n"), rows))
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        read = list(csv.reader(file))
    assert read[0] == ["name", "value", "n"]
    assert read[1] == ["'=cmd()|'x'!A0", repr(-0.1 + 1e-17), ""]
    assert read[2] == [r'two\nlines, "quoted"', repr(1 / 3), "7"]
    assert read[3] == ["plain", "-5.0", "-5"]


def test_hash_of_a_file_and_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / ".hidden").write_bytes(b"not read, not hashed")
    (tmp_path / "b.csv").write_bytes(b"b" * 3_000_000)
    assert sha256_of(tmp_path / "b.csv") == hashlib.sha256(b"b" * 3_000_000).hexdigest()
    (tmp_path / "a.csv").write_bytes(b"a")
    (tmp_path / "empty").mkdir()
    files = [tmp_path / "a.csv", tmp_path / "b.csv"]
    lines = "".join(f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}\n" for p in files)
    assert sha256_of(tmp_path) == hashlib.sha256(lines.encode()).hexdigest()
    shell = subprocess.run(
        ["sh", "-c", "LC_ALL=C sha256sum *.csv | sha256sum"], cwd=tmp_path, capture_output=True, text=True
    )
    if shell.returncode == 0:
        assert shell.stdout.split()[0] == sha256_of(tmp_path)


def test_hash_changes_with_names_as_well_as_content(tmp_path: Path) -> None:
    (tmp_path / "author").mkdir()
    (tmp_path / "author" / "a").write_bytes(b"x")
    before = sha256_of(tmp_path)
    (tmp_path / "author" / "a").rename(tmp_path / "author" / "b")
    renamed = sha256_of(tmp_path)
    (tmp_path / "author" / "b").write_bytes(b"y")
    assert len({before, renamed, sha256_of(tmp_path)}) == 3


def test_hash_of_a_folder_that_hides_a_trap(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"a")
    with (tmp_path / "huge.csv").open("wb") as file:
        file.truncate(1 << 42)  # 4 TiB of nothing: hours to hash
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    (tmp_path / "broken.csv").symlink_to("nowhere.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    lines = f"{hashlib.sha256(b'a').hexdigest()}  a.csv\nlink  broken.csv\n{1 << 42} bytes  huge.csv\nlink  loop.csv\n"
    assert sha256_of(tmp_path) == hashlib.sha256(lines.encode()).hexdigest()
    with pytest.raises(FormatError, match=r"pipe\.csv is not a regular file"):
        sha256_of(tmp_path / "pipe.csv")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may read everything")
def test_hash_of_a_folder_with_what_may_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"a")
    (tmp_path / "b.csv").write_bytes(b"b")
    (tmp_path / "b.csv").chmod(0)
    (tmp_path / "author").mkdir(0)
    try:
        lines = f"{hashlib.sha256(b'a').hexdigest()}  a.csv\nunreadable  b.csv\n"
        assert sha256_of(tmp_path) == hashlib.sha256(lines.encode()).hexdigest()
    finally:
        (tmp_path / "author").chmod(0o700)
