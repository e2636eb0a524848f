"""Stores under kill -9, full disks, damage, two writers, wrong clocks, hostile manifests: nothing lost or doubled."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from command_line import run
from hemicycle import Pool, Store
from hemicycle.errors import OptionError, StoreError
from hemicycle.store import adding, fragments
from hemicycle.store.fragments import read_fragment, read_names
from hemicycle.store.manifest import Manifest
from store_cases import ITEMS, arrow_table, files_in, pool_of, same_pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
VALUES = np.random.default_rng(0).normal(size=(40, 4))
NAMES = [f"m{n:02d}" for n in range(40)]
on_posix = pytest.mark.skipif(os.name != "posix", reason="signals and mounts of POSIX")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Give a store of 40 models in eight fragments, and a reject."""
    monkeypatch.setattr(fragments, "FRAGMENT_BYTES", 5 * 32)
    made = Store.create(tmp_path / "pool.store", items=ITEMS)
    fill(made)
    return made


def fill(store: Store) -> None:
    store.add(arrow_table([*NAMES, "bad"], [*VALUES.tolist(), [np.nan] * 4], kind="list"))


def killing(*args: str) -> None:
    command = [sys.executable, "-W", "ignore", str(HERE / "store_killing.py"), *args]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=HERE)
    assert done.returncode == 0, done.stdout + done.stderr


@on_posix
@pytest.mark.slow
def test_a_hundred_kills_at_random_moments_lose_and_double_nothing(tmp_path: Path) -> None:
    killing(str(tmp_path), "random", "100")


@on_posix
@pytest.mark.slow
@pytest.mark.parametrize(("work", "stride"), [("add", "7"), ("replace", "3"), ("compact", "1")])
def test_a_kill_before_any_step_to_the_disk_loses_and_doubles_nothing(tmp_path: Path, work: str, stride: str) -> None:
    killing(str(tmp_path), "steps", work, stride)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a file system of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(folder)], capture_output=True, check=False
    )
    if not mounted or mounted.returncode:
        pytest.skip("mounting a small tmpfs is not permitted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_leaves_what_was_committed(
    tmp_path: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fragments, "FRAGMENT_BYTES", 40 << 10)
    values = np.random.default_rng(0).normal(size=(12_000, 4))
    names = [f"m{n:05d}" for n in range(len(values))]
    store = Store.create(small_disk / "pool.store", items=ITEMS)
    with pytest.raises(OSError, match="space") as caught:
        store.add(pool_of(names, values))
    assert caught.value.errno == errno.ENOSPC
    assert 0 < len(store) < len(values)
    check = store.check()
    assert check.faults == check.notices == ()
    np.testing.assert_array_equal(store.pool().logits, values[: len(store)])
    shutil.copytree(store.path, tmp_path / "larger")
    larger = Store.open(tmp_path / "larger")
    assert larger.add(pool_of(names, values)).n_known == len(store)
    same_pool(larger.pool(), pool_of(names, values))


LIMITED = """
import resource, sys
from hemicycle.store import fragments
from hemicycle.cli.entry import main
fragments.FRAGMENT_BYTES = 1 << 40
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
sys.exit(main(sys.argv[1:]))
"""


@on_posix
def test_a_file_that_may_not_grow_leaves_what_was_committed(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "pool.store", items=ITEMS)
    store.add(pool_of(NAMES, VALUES))
    before = files_in(store.path)
    np.save(tmp_path / "large.npy", np.random.default_rng(0).normal(size=(1000, 4)))
    command = [sys.executable, "-c", LIMITED, "store", "add", str(store.path), str(tmp_path / "large.npy")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip().splitlines()[-1]) == (2, "error: File too large")
    assert files_in(store.path) == before
    assert store.add(tmp_path / "large.npy").n_new == 1000


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def extend(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"\0")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def link(path: Path) -> None:
    elsewhere = path.parent.parent / "elsewhere"
    path.replace(elsewhere)
    path.symlink_to(elsewhere)


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGE: list[tuple[Callable[[Path], None], str]] = [
    (truncate, "were written"),
    (extend, "were written"),
    (flip, "its content is not what was written"),
    (Path.unlink, "is gone"),
    (link, "is a symbolic link; links are not followed"),
    (pipe, "is not a regular file"),
    (folder, "is not a regular file"),
]
damages = pytest.mark.parametrize(("damage", "said"), DAMAGE, ids=lambda value: getattr(value, "__name__", "said"))


@on_posix
@damages
@pytest.mark.parametrize("part", ["fragments", "rejects"])
def test_damage_is_named_refused_found_and_left_out(
    store: Store, damage: Callable[[Path], None], said: str, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = store.pool()
    path = store.manifest.fragments[3].path(store.path) if part == "fragments" else next((store.path / part).iterdir())
    damage(path)
    with pytest.raises(StoreError, match=said) as caught:
        store.pool()
    assert path.name in str(caught.value)
    if part == "fragments":
        with pytest.raises(StoreError, match=said):
            list(store.blocks())
        with pytest.raises(StoreError, match=said):
            store.add(pool_of(NAMES, VALUES))
        with monkeypatch.context() as patched:
            patched.setattr(fragments, "FRAGMENT_BYTES", 1 << 20)
            with pytest.raises(StoreError, match=path.name):
                store.compact()
    found = store.check()
    assert found.damaged == (path.stem,)
    assert len(found.faults) == 1
    assert path.name in found.faults[0]
    assert store.leave_out(found.damaged) == (5 if part == "fragments" else 0)
    assert not store.check().faults
    if damage is not Path.unlink:
        assert os.path.lexists(store.path / "damaged" / path.name)
    assert len(store) == (35 if part == "fragments" else 40)
    assert "was left out" in store.rejects[-1].reason
    fill(store)
    same_pool(store.pool(), whole)
    assert whole.rejects[0] in store.pool().rejects
    with pytest.raises(OptionError, match="has no file"):
        store.leave_out(["0" * 64])


def test_the_command_finds_damage_and_goes_on_without_it(store: Store) -> None:
    path = store.manifest.fragments[0].path(store.path)
    flip(path)
    assert run("store", "check", str(store.path)).returncode == 1
    done = run("store", "check", str(store.path), "--leave-out", "--format", "json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["left_out"], told["models"]) == (1, 5, 35)
    assert run("store", "check", str(store.path)).returncode == 0


def test_every_flipped_byte_of_a_fragment_is_seen(store: Store) -> None:
    fragment = store.manifest.fragments[0]
    path, names = fragment.path(store.path), NAMES[:5]
    content, chance, n_seen = path.read_bytes(), random.Random(0), 0
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << chance.randrange(8)
        path.write_bytes(flipped)
        with pytest.raises(StoreError, match="not what was written"):
            read_fragment(store.path, fragment, store.items, "float64")
        try:
            assert read_names(store.path, fragment).to_pylist() == names
        except StoreError:
            n_seen += 1
    assert n_seen > 500


def test_a_footer_that_names_other_models_is_seen(store: Store) -> None:
    import pyarrow.parquet as pq

    fragment = store.manifest.fragments[0]
    path = fragment.path(store.path)
    table = pq.read_table(path)
    other = table.set_column(0, table.schema.field(0), [[f"n{n:02d}" for n in range(5)]])
    for options in ({}, {"compression": "none", "write_page_checksum": True}):
        pq.write_table(other, path, **options)
        forged = fragment.__class__(fragment.sha256, path.stat().st_size, 5, fragment.names_sha256)
        with pytest.raises(StoreError, match="not what was written"):
            read_names(store.path, forged)


def hold(path: Path) -> subprocess.Popen[str]:
    """Start a process that holds the lock of a store."""
    code = (
        "import sys; from pathlib import Path; from hemicycle.store.writing import sole_writer\n"
        "with sole_writer(Path(sys.argv[1]), 0): print('held', flush=True); sys.stdin.read()"
    )
    held = subprocess.Popen([sys.executable, "-c", code, str(path)], stdin=-1, stdout=-1, text=True)
    assert held.stdout is not None
    assert held.stdout.readline() == "held\n"
    return held


def test_a_second_writer_is_told_who_writes_and_may_wait(store: Store) -> None:
    held = hold(store.path)
    try:
        for write in (lambda: store.add(pool_of("x", VALUES[:1])), store.compact, lambda: store.leave_out([])):
            with pytest.raises(StoreError, match=rf"is being written to by process {held.pid} on .* since 20"):
                write()
        done = run("store", "add", str(store.path), str(store.path))
        assert done.returncode == 2
        assert f"process {held.pid} on" in done.stderr
        assert "--wait SECONDS" in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert len(store.pool()) == 40  # readers need not wait
        threading.Timer(0.3, lambda: held.stdin.close()).start()
        assert store.add(pool_of("x", VALUES[:1]), wait=30).n_new == 1
    finally:
        held.kill()
        held.wait()
        for stream in (held.stdin, held.stdout):
            stream.close()


def test_a_killed_writer_leaves_no_lock(store: Store) -> None:
    held = hold(store.path)
    held.kill()
    held.wait()
    for stream in (held.stdin, held.stdout):
        stream.close()
    assert (store.path / ".writer").exists()
    assert store.add(pool_of("x", VALUES[:1])).n_new == 1
    assert not (store.path / ".writer").exists()


def test_two_threads_are_two_writers(store: Store) -> None:
    errors: list[Exception] = []

    def write(first: int) -> None:
        try:
            store.add(pool_of([f"t{first}-{n}" for n in range(20)], VALUES[:20] + first), wait=60)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(store) == 120
    assert not store.check().faults


def test_a_clock_that_goes_back_harms_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adding, "now", lambda: "1999-12-31T23:59:59+00:00")
    store.add(pool_of(["later"], VALUES[:1] + 1))
    store.add(pool_of(["later"], VALUES[:1] + 2), on_conflict="replace")
    assert store.pool().logits[0, 0] == VALUES[0, 0] + 2  # the order is that of the commits
    check = store.check()
    assert check.faults == ()
    assert "the clock went back before 1 commit" in check.notices[0]
    assert store.compact().n_dropped == 1
    assert store.pool().logits[0, 0] == VALUES[0, 0] + 2


@pytest.fixture
def read_only(store: Store) -> Iterator[Store]:
    """Mount the store so that nobody may write to it."""
    mount = shutil.which("mount")
    options = (["--bind", str(store.path)], ["-o", "remount,ro,bind"])
    done = [mount and subprocess.run([mount, *o, str(store.path)], capture_output=True, check=False) for o in options]
    if not all(each and not each.returncode for each in done):
        pytest.skip("mounting is not permitted here")
    yield store
    subprocess.run(["umount", "-l", str(store.path)], check=True)


def test_a_read_only_store_is_read_and_adding_says_so(read_only: Store) -> None:
    assert len(read_only.pool()) == 40
    assert read_only.check().faults == ()
    assert run("store", "info", str(read_only.path)).returncode == 0
    for command in (("add", str(read_only.path), str(read_only.path)), ("compact", str(read_only.path))):
        done = run("store", *command)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
        assert "Read-only file system" in done.stderr


def test_a_folder_that_may_not_be_written_to_is_said(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.open

    def refusing(path: Any, flags: int, *args: Any, **options: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opened(path, flags, *args, **options)

    before = files_in(store.path)
    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refusing)
        assert len(store.pool()) == 40
        with pytest.raises(PermissionError):
            store.add(pool_of("x", VALUES[:1]))
    assert files_in(store.path) == before


INTERRUPTED = """
import sys
from hemicycle.store import fragments
from hemicycle.cli.entry import main
fragments.FRAGMENT_BYTES = 32
sys.exit(main(sys.argv[1:]))
"""


@on_posix
def test_ctrl_c_leaves_a_sound_store(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "pool.store", items=ITEMS)
    values = np.random.default_rng(0).normal(size=(5000, 4))
    np.save(tmp_path / "m.npy", values)
    command = [sys.executable, "-c", INTERRUPTED, "store", "add", str(store.path), str(tmp_path / "m.npy")]
    with subprocess.Popen(command, stdout=-1, stderr=-1, text=True) as running:
        deadline = time.monotonic() + 60
        while len(store) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate()
    assert (running.returncode, said) == (130, "interrupted\n")
    assert 0 < len(store) < 5000
    check = store.check()
    assert check.faults == ()
    assert store.add(tmp_path / "m.npy").n_new == 5000 - check.n_models
    np.testing.assert_array_equal(store.pool().logits, values)


def test_a_lost_manifest_is_made_again_of_the_fragments(store: Store, tmp_path: Path) -> None:
    (store.path / "store.json").write_bytes(b"")
    with pytest.raises(StoreError, match=r"store\.json: is damaged"):
        Store.open(store.path)
    (store.path / "store.json").unlink()
    for opened in (Store.open, lambda path: Store.create(path, items=ITEMS)):
        with pytest.raises((StoreError, OptionError), match=r"its store\.json is gone; .* from .*fragments"):
            opened(store.path)
    again = Store.create(tmp_path / "again.store", source=store.path / "fragments")
    assert again.add(store.path / "fragments").n_new == 40
    np.testing.assert_array_equal(again.pool().logits, VALUES)


def test_files_of_others_in_a_store_are_left(store: Store) -> None:
    mine = store.path / "fragments" / "notes.txt"
    mine.write_text("mine", encoding="utf-8")
    (store.path / "fragments" / f"{'0' * 64}.parquet").write_bytes(b"left")
    (store.path / "fragments" / "0123.part").write_bytes(b"left")
    assert "2 files of a writer that was stopped, 8 bytes" in store.check().notices[0]
    store.add(pool_of("x", VALUES[:1]))
    assert mine.exists()
    assert store.check().notices == ()


def test_a_store_without_its_empty_folders(store: Store, tmp_path: Path) -> None:
    empty = Store.create(tmp_path / "empty.store", items=ITEMS)
    for part in ("fragments", "rejects"):
        (empty.path / part).rmdir()
    assert Store.open(empty.path).check().faults == ()
    assert empty.add(store.path).n_new == 40


def test_a_reader_is_told_of_compaction(store: Store) -> None:
    blocks = store.blocks()
    next(blocks)
    store.add(pool_of(NAMES, VALUES + 1), on_conflict="replace")
    store.compact()
    with pytest.raises(StoreError, match="was compacted since this began to read it; read it again"):
        list(blocks)


def of_fragment(**changes: Any) -> Any:
    return lambda told: told["commits"][0]["fragment"].update(changes)


HOSTILE: list[tuple[Any, str]] = [
    (of_fragment(sha256="../../../etc/passwd"), "cannot be"),
    (of_fragment(sha256="/" * 64), "cannot be"),
    (of_fragment(sha256="A" * 64), "cannot be"),
    (of_fragment(sha256=7), "damaged"),
    (of_fragment(names_sha256="x"), "cannot be"),
    (of_fragment(n_models=10**15), "cannot be"),
    (of_fragment(n_models=10**30), "damaged"),
    (of_fragment(n_models=0), "cannot be"),
    (of_fragment(n_models=-5), "cannot be"),
    (of_fragment(n_models=2.5), "damaged"),
    (of_fragment(n_bytes=10**15), "cannot be"),
    (of_fragment(replaced=[5]), "cannot be"),
    (of_fragment(replaced=[-1]), "cannot be"),
    (of_fragment(replaced=[1, 1]), "cannot be"),
    (of_fragment(replaced=[2, 1]), "cannot be"),
    (of_fragment(replaced=[10**12]), "cannot be"),
    (of_fragment(replaced="all"), "damaged"),
    (lambda told: told["commits"].append(told["commits"][0]), "named twice"),
    (lambda told: told["commits"][-1]["refused"].update(sha256="../x"), "cannot be"),
    (lambda told: told["commits"][-1]["refused"].update(n_rejects=-1), "cannot be"),
    (lambda told: told["commits"][-1]["refused"].update(n_bytes=10**14), "cannot be"),
    (lambda told: told.update(items=[]), "damaged"),
    (lambda told: told.update(items=[["p", "x"], ["p", "x"]]), "damaged"),
    (lambda told: told.update(items=[["p", ""]]), "damaged"),
    (lambda told: told.update(items=7), "damaged"),
    (lambda told: told.update(dtype="object"), "damaged"),
    (lambda told: told.update(version=2, commits="of another form"), "later version"),
    (lambda told: told.update(version=0), "no version"),
    (lambda told: told.update(format="another"), "damaged"),
    (lambda told: told.clear(), "damaged"),
]


@pytest.mark.parametrize(("change", "said"), HOSTILE)
def test_a_hostile_manifest_is_refused(store: Store, change: Any, said: str) -> None:
    path = store.path / "store.json"
    told = json.loads(path.read_bytes())
    change(told)
    path.write_text(json.dumps(told), encoding="utf-8")
    for read in (Store.open, Pool.read):
        with pytest.raises(StoreError, match=said):
            read(store.path)
    done = run("store", "info", str(store.path)) if said == "later version" else None
    assert done is None or (done.returncode, len(done.stderr.splitlines())) == (2, 1)


DEEP = b"[" * 200_000
NONE = [
    b"",
    b"{",
    b"null",
    b"\xff",
    DEEP,
    b'{"x":' * 200_000,
    b'{"format": "hemicycle store", "version": 1, "y": ' + DEEP,
]


@pytest.mark.parametrize("content", NONE, ids=range(len(NONE)))
def test_a_manifest_that_is_none_is_refused(store: Store, content: bytes) -> None:
    (store.path / "store.json").write_bytes(content)
    with pytest.raises(StoreError, match="is damaged"):
        Store.open(store.path)


def test_wrong_counts_and_replaced_rows_that_hide_or_double_models_are_seen(store: Store) -> None:
    path = store.path / "store.json"
    sound = json.loads(path.read_bytes())
    told = json.loads(json.dumps(sound))
    told["commits"][0]["fragment"]["n_models"] = 4
    path.write_text(json.dumps(told), encoding="utf-8")
    assert len(store.check().faults) == 1
    with pytest.raises(StoreError, match="not what was written"):
        store.pool()
    path.write_text(json.dumps(sound), encoding="utf-8")
    store.add(pool_of(NAMES[:5], VALUES[:5] + 1), on_conflict="replace")
    told = json.loads(path.read_bytes())
    del told["commits"][0]["fragment"]["replaced"]
    path.write_text(json.dumps(told), encoding="utf-8")
    assert len(store.check().faults) == 5
    with pytest.raises(StoreError, match="holds 'm00' twice"):
        store.pool()


@on_posix
@pytest.mark.parametrize("damage", [link, pipe, folder])
def test_a_manifest_that_is_no_file_is_refused(store: Store, damage: Any) -> None:
    damage(store.path / "store.json")
    with pytest.raises(StoreError, match=r"(symbolic link|regular file)"):
        Manifest.read(store.path)
