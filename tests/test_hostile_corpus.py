"""Hundreds of bad submissions and archives among ten thousand good ones: they cost the round nothing."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hemicycle import Judgments, Pool, log_likelihood
from hemicycle.errors import FormatError, NoDataError
from hemicycle.escaping import storable
from hostile import CANARY, HEADER, ITEMS, all_bad, contents, good, plant, spoiled_archives, tar_of, zip_of

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

N_GOOD = 10_000
PEAK_MB = 400  #: of a process that reads them all
pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs links, pipes and sockets")

READ = """
import hashlib, json, pathlib, re, sys
opened = []
looks = ("open", "os.scandir", "os.listdir")
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event in looks else None)
from hemicycle import Judgments, Pool, log_likelihood
del opened[:]
pool = Pool.read(sys.argv[1])
scores = log_likelihood(pool, Judgments.read(sys.argv[2]).align(pool.items))
status = pathlib.Path("/proc/self/status")
peak_mb = int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1]) // 1024 if status.exists() else 0
print(json.dumps({
    "models": pool.models,
    "logits": hashlib.sha256(pool.logits.tobytes()).hexdigest(),
    "scores": hashlib.sha256(scores.tobytes()).hexdigest(),
    "rejects": [(reject.file, reject.reason) for reject in pool.rejects],
    "said": repr((pool.rejects, pool.notices)),
    "opened": opened,
    "peak_mb": peak_mb,
}))
"""


def read_in_a_process(pool: Path, jury: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", READ, str(pool), str(jury)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def jury_file(folder: Path) -> Path:
    path = folder / "jury.csv"
    pairs = [f"{a},{b},eth,{1 + k % 2},{1 + k}.5" for k, (a, b) in enumerate(pairwise(ITEMS))]
    path.write_text("repo_a,repo_b,parent,choice,multiplier\n" + "\n".join(pairs) + "\n")
    return path


def traces(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return size and times of everything in a folder; a file that is read has another time of access."""
    found = {}
    for path in (folder, *sorted(folder.rglob("*"))):
        is_link = path.lstat()
        found[str(path)] = (is_link.st_size, is_link.st_mtime_ns, is_link.st_atime_ns, is_link.st_ino)
    return found


@pytest.fixture(scope="module")
def mixed(tmp_path_factory) -> Iterator[tuple[Path, dict[str, Any], dict[str, Any]]]:
    """Read good submissions alone and then among the bad ones."""
    root = tmp_path_factory.mktemp("hostile")
    pool, outside, jury = root / "pool", root / "outside", jury_file(root)
    pool.mkdir()
    outside.mkdir()
    for number in range(N_GOOD):
        (pool / f"good-{number:05d}.csv").write_text(good(number))
    (outside / "secret.csv").write_text(f"{HEADER}{CANARY},eth,1\n")
    os.mkfifo(outside / "pipe")
    alone = read_in_a_process(pool, jury)
    sockets: list[socket.socket] = []
    (pool / "twin.CSV").write_text(good(3))
    for bad in all_bad():
        plant(pool, bad, sockets)
    for path in (outside / "secret.csv", outside):
        os.utime(path, (1_000_000_000, 1_500_000_000))  # older access than change: the next access is noted
    before = traces(outside)
    among = read_in_a_process(pool, jury)
    assert traces(outside) == before
    yield root, alone, among
    for opened in sockets:
        opened.close()


def test_there_are_enough_of_them_and_all_differ() -> None:
    bad = all_bad()
    assert len(bad) >= 200
    assert len({one.path for one in bad}) == len(bad)
    assert len({one.content for one in bad if one.how == "file"}) >= 170


def test_the_good_are_scored_with_the_same_bits(mixed) -> None:
    _, alone, among = mixed
    assert alone["rejects"] == []
    names = [name for name in among["models"] if name != "twin"]
    assert names == alone["models"]
    assert len(names) == N_GOOD
    kept = [place for place, name in enumerate(among["models"]) if name != "twin"]
    pool = Pool.read(mixed[0] / "pool").select(kept)
    scores = log_likelihood(pool, Judgments.read(mixed[0] / "jury.csv").align(pool.items))
    assert hashlib.sha256(pool.logits.tobytes()).hexdigest() == alone["logits"]
    assert hashlib.sha256(scores.tobytes()).hexdigest() == alone["scores"]


def test_the_bad_are_all_listed_with_the_right_reason(mixed) -> None:
    _, _, among = mixed
    reasons = dict(map(tuple, among["rejects"]))
    wrong = {}
    for bad in all_bad():
        name = storable(os.fsdecode(bad.path))
        if name == "ada/deep/m.csv":
            name = "ada/deep"
        if bad.reason not in reasons.get(name, "-"):
            wrong[name] = (reasons.get(name, "not listed"), bad.reason)
    assert wrong == {}
    assert len(among["rejects"]) == len(all_bad())


def test_nothing_outside_is_read_and_memory_is_bounded(mixed) -> None:
    root, _, among = mixed
    assert CANARY not in json.dumps(among)
    assert "root:" not in among["said"]
    pool = str(root / "pool")
    ours = [path for path in among["opened"] if str(root) in path]
    assert all(path.startswith((pool, str(root / "jury.csv"))) for path in ours)
    assert not any("/outside" in path or "/etc/" in path or "/dev/" in path for path in among["opened"])
    assert among["peak_mb"] < PEAK_MB


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz"])
def test_archives_of_good_and_bad(tmp_path: Path, ending: str) -> None:
    fine = [(f"good-{number:05d}.csv", good(number).encode()) for number in range(1_000)]
    bad = [(f"bad-{name}.csv", content, reason) for name, content, reason in contents()]
    bad += [
        ("../outside/up.csv", good(1).encode(), "leads out of the archive"),
        (str(tmp_path / "absolute.csv"), good(1).encode(), "an absolute path"),
        ("a/b/c.csv", good(1).encode(), "one deep"),
        ("inside.zip", b"PK", "an archive inside"),
        ("large.csv", b"1" * (9 << 20), "submission_bytes"),
    ]
    members = [*fine[:500], *((name, content) for name, content, _ in bad), *fine[500:]]
    content = zip_of(members) if ending == "zip" else tar_of(members)
    (tmp_path / f"alone.{ending}").write_bytes(zip_of(fine) if ending == "zip" else gzip_if(ending, tar_of(fine)))
    (tmp_path / f"pool.{ending}").write_bytes(content if ending == "zip" else gzip_if(ending, content))
    before = sorted(tmp_path.rglob("*"))
    alone, pool = Pool.read(tmp_path / f"alone.{ending}"), Pool.read(tmp_path / f"pool.{ending}")
    assert (alone.models, alone.rejects) == (pool.models, ())
    np.testing.assert_array_equal(alone.logits, pool.logits)
    reasons = {reject.file: reject.reason for reject in pool.rejects}
    said = {name: reasons.get(name, "not listed") for name, _, reason in bad if reason not in reasons.get(name, "-")}
    assert [reason for reason in said.values() if "(ratio;" not in reason] == []  # a zip is refused for that first
    assert len(pool.rejects) == len(bad)
    assert sorted(tmp_path.rglob("*")) == before


def gzip_if(ending: str, content: bytes) -> bytes:
    return gzip.compress(content, 1) if ending.endswith("gz") else content


@pytest.mark.parametrize("name", spoiled_archives())
def test_archives_of_which_nothing_can_be_read(tmp_path: Path, name: str) -> None:
    content, said = spoiled_archives()[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises((FormatError, NoDataError), match=said):
        Pool.read(tmp_path / name)


def test_a_round_of_them_is_run_and_nothing_acts_in_what_it_writes(tmp_path: Path) -> None:
    pool, outside, jury = tmp_path / "pool", tmp_path / "outside", jury_file(tmp_path)
    pool.mkdir()
    outside.mkdir()
    (outside / "secret.csv").write_text(f"{HEADER}{CANARY},eth,1\n")
    acting = [
        "=cmd|' /C calc'!A0",
        "@SUM(1)",
        "-2+3",
        "<script>alert(1)<",
        '"><img src=x onerror=alert(1)>',
        "'=x",
        "&amp;",
    ]
    for number, name in enumerate([*acting, *(f"good-{n:03d}" for n in range(30))]):
        (pool / f"{name.replace('/', '')}.csv").write_text(good(number))
    sockets: list[socket.socket] = []
    (pool / "twin.CSV").write_text(good(3))
    for bad in all_bad():
        plant(pool, bad, sockets)
    command = [sys.executable, "-m", "hemicycle", "ensemble", str(jury), str(pool), "--out", str(tmp_path / "out")]
    done = subprocess.run([*command, "--intervals", "10"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    texts = {path.name: path.read_text("utf-8") for path in (tmp_path / "out").iterdir()}
    for name, text in (texts | {"stdout": done.stdout, "stderr": done.stderr}).items():
        assert CANARY not in text, name
        acts = {c for c in text if not c.isprintable() and c not in "\n\u00a0\u2007\u2009\u202f\u3000"}
        assert name in ("summary.json", "round.toml") or not acts, (name, acts)
    for name in ("weights.csv", "leaderboard.csv", "rejects.csv", "allocation.csv"):
        cells = [cell.strip('"') for line in texts[name].splitlines() for cell in line.split(",")]
        assert not any(cell.startswith(("=", "@", "+")) for cell in cells), name
    assert "<script>alert" not in texts["report.html"]
    assert "<img src=x" not in texts["report.html"]
    weights = tmp_path / "out" / "weights.csv"
    lines = [line for line in weights.read_text().splitlines() if line.startswith(("method", "bma"))]
    (tmp_path / "prior.csv").write_text("\n".join(lines) + "\n")
    again = [*command[:-1], str(tmp_path / "again"), "--prior", str(tmp_path / "prior.csv"), "--intervals", "0"]
    done = subprocess.run([*again, "--against", str(tmp_path / "out")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for opened in sockets:
        opened.close()
