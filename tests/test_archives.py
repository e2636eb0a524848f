"""Archives of submissions: read like a folder, bounded, and nothing in them leads out of them."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
from contextlib import nullcontext
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hemicycle import Pool
from hemicycle.errors import FormatError, NoDataError
from hemicycle.read_limits import ReadLimits

if TYPE_CHECKING:
    from pathlib import Path

GOOD = b"repo,parent,weight\nx,p,1\ny,p,2\n"
OTHER = b"repo,parent,weight\nx,p,3\ny,p,1\n"


def zipped(path: Path, members: list[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return path


def tarred(path: Path, members: list[tuple[str, bytes]], **options: int) -> Path:
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w", **options) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def packed(path: Path, members: list[tuple[str, bytes]]) -> Path:
    return zipped(path, members) if path.suffix == ".zip" else tarred(path, members)


def written(weights: np.ndarray) -> bytes:
    rows = "".join(f"i{item},p,{float(weight)!r}\n" for item, weight in enumerate(weights))
    return f"repo,parent,weight\n{rows}".encode()


def reasons(pool: Pool) -> dict[str, str]:
    return {reject.file: reject.reason for reject in pool.rejects}


ENDINGS = pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz", "tgz"])


@ENDINGS
def test_an_archive_is_read_as_its_folder_is(tmp_path: Path, ending: str) -> None:
    members = [("b.csv", OTHER), ("ada/a.csv", GOOD), ("a.csv", GOOD), ("README.md", b"?"), (".x.csv", b"?")]
    for name, content in members:
        (tmp_path / "pool" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pool" / name).write_bytes(content)
    folder, pool = Pool.read(tmp_path / "pool"), Pool.read(packed(tmp_path / f"pool.{ending}", members))
    assert (pool.models, pool.authors, pool.files) == (folder.models, folder.authors, folder.files)
    assert pool.models == ("a", "ada/a", "b")
    np.testing.assert_array_equal(pool.logits, folder.logits)
    assert pool.notices == (f"pool.{ending}: 2 hidden or other than csv files and folders ignored",)
    assert pool.rejects == ()


@ENDINGS
def test_a_folder_around_all_is_left_out_of_the_names(tmp_path: Path, ending: str) -> None:
    members = [("round/a.csv", GOOD), ("round/ada/b.csv", OTHER), ("__MACOSX/round/._a.csv", b"\0"), ("notes.txt", b"")]
    pool = Pool.read(packed(tmp_path / f"pool.{ending}", members))
    assert (pool.models, pool.authors) == (("a", "ada/b"), (None, "ada"))


@ENDINGS
def test_what_is_not_read_has_a_reason(tmp_path: Path, ending: str) -> None:
    names = ["../up.csv", "/etc/abs.csv", "a/../../up.csv", "C:/drive.csv", "..\\up.csv", "a/b/deep.csv", "in.zip"]
    names += ["in.tar.gz", "ge\u200bth.csv", "ada/" + "n" * 201 + ".csv", "p" * 5000 + ".csv"]
    pool = Pool.read(packed(tmp_path / f"pool.{ending}", [("good.csv", GOOD), *((name, GOOD) for name in names)]))
    assert pool.models == ("good",)
    assert len(pool.rejects) == len(names)
    found = reasons(pool)
    for name in ("../up.csv", "a/../../up.csv", "..\\up.csv"):
        assert "leads out of the archive" in found[name]
    for name in ("/etc/abs.csv", "C:/drive.csv"):
        assert found[name] == "an absolute path, which leads out of the archive"
    assert "folders are read one deep" in found["a/b/deep.csv"]
    for name in ("in.zip", "in.tar.gz"):
        assert "an archive inside" in found[name]
    assert "U+200B, an invisible character" in found["ge\u200bth.csv"]
    assert "limit of 200 characters (name_characters" in found["ada/" + "n" * 201 + ".csv"]
    assert any("longer than 4096 bytes" in reason for reason in found.values())


@ENDINGS
def test_a_second_member_of_one_path_is_turned_away(tmp_path: Path, ending: str) -> None:
    with pytest.warns(UserWarning, match="Duplicate") if ending == "zip" else nullcontext():
        path = packed(tmp_path / f"pool.{ending}", [("a.csv", GOOD), ("./a.csv", OTHER), ("a.csv", OTHER)])
    pool = Pool.read(path)
    np.testing.assert_array_equal(pool.logits, np.log([[1, 2]]))
    assert [reject.reason for reject in pool.rejects] == ["a second member of this path; the first stays"] * 2


@pytest.mark.parametrize("ending", ["tar", "tar.gz"])
def test_links_devices_and_sparse_files_of_a_tar(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"pool.{ending}"
    kinds = {"sym": tarfile.SYMTYPE, "hard": tarfile.LNKTYPE, "fifo": tarfile.FIFOTYPE, "dev": tarfile.CHRTYPE}
    kinds |= {"sparse": tarfile.GNUTYPE_SPARSE, "vendor": b"Z"}
    with tarfile.open(path, "w:gz" if ending == "tar.gz" else "w") as archive:
        for name, kind in kinds.items():
            info = tarfile.TarInfo(f"{name}.csv")
            info.type, info.linkname = kind, "good.csv"
            archive.addfile(info)
        info = tarfile.TarInfo("good.csv")
        info.size = len(GOOD)
        archive.addfile(info, io.BytesIO(GOOD))
    pool = Pool.read(path)
    assert pool.models == ("good",)
    found = reasons(pool)
    assert found["sym.csv"] == found["hard.csv"] == "a link; links are not followed"
    assert found["fifo.csv"] == found["dev.csv"] == found["vendor.csv"] == "is not a regular file"
    assert "sparse" in found["sparse.csv"]


@pytest.mark.parametrize("ending", ["tar", "tar.gz"])
def test_a_sparse_file_of_many_parts_costs_nothing_but_itself(tmp_path: Path, ending: str) -> None:
    sparse, block = tarfile.TarInfo("sparse.csv"), bytearray(512)
    sparse.type, sparse.size = tarfile.GNUTYPE_SPARSE, 512
    header = bytearray(sparse.tobuf(tarfile.GNU_FORMAT))
    header[482] = 1  # its map goes on
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    block[504] = 1  # and on
    good = tarfile.TarInfo("good.csv")
    good.size = len(GOOD)
    content = header + block + bytes(512) + b"x" * 512 + good.tobuf() + GOOD + bytes(-len(GOOD) % 512 + 1024)
    path = tmp_path / f"pool.{ending}"
    path.write_bytes(gzip.compress(content) if ending == "tar.gz" else content)
    pool = Pool.read(path)
    assert pool.models == ("good",)
    assert reasons(pool) == {"sparse.csv": "a sparse file, which is not expanded"}


def test_links_encryption_and_other_methods_of_a_zip(tmp_path: Path) -> None:
    path = tmp_path / "pool.zip"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("link.csv")
        link.external_attr, link.create_system = 0o120777 << 16, 3
        archive.writestr(link, "/etc/passwd")
        archive.writestr("good.csv", GOOD)
        archive.writestr("bzip.csv", GOOD, zipfile.ZIP_BZIP2)
        archive.writestr("locked.csv", GOOD)
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"locked.csv") - 46
    content[entry + 8] |= 1
    path.write_bytes(content)
    pool = Pool.read(path)
    assert pool.models == ("good",)
    assert reasons(pool) == {
        "link.csv": "a link; links are not followed",
        "bzip.csv": "is packed by method 12; deflate and plain are read",
        "locked.csv": "is encrypted",
    }


def test_members_of_a_zip_that_are_not_what_its_directory_says(tmp_path: Path) -> None:
    names = ["crc", "size", "place", "bits"]
    path = zipped(tmp_path / "pool.zip", [(f"{name}.csv", OTHER * 9) for name in names] + [("good.csv", GOOD)])
    content = bytearray(path.read_bytes())
    entry = {name: content.rindex(f"{name}.csv".encode()) - 46 for name in names}
    content[entry["crc"] + 16] ^= 1
    content[entry["size"] + 24 : entry["size"] + 28] = struct.pack("<I", 12)
    content[entry["place"] + 42 : entry["place"] + 46] = struct.pack("<I", 7)
    start = content.index(b"bits.csv") + 8
    content[start : start + 8] = b"\xff" * 8
    path.write_bytes(content)
    pool = Pool.read(path)
    assert pool.models == ("good",)
    assert {reject.file for reject in pool.rejects} == {f"{name}.csv" for name in names}
    assert all("is damaged" in reject.reason for reject in pool.rejects)


@ENDINGS
def test_bombs_are_not_unpacked(tmp_path: Path, ending: str) -> None:
    members = [("a.csv", GOOD), ("bomb.csv", b"0" * (40 << 20)), ("b.csv", OTHER)]
    path = packed(tmp_path / f"pool.{ending}", members)
    pool = Pool.read(path)
    assert pool.models == ("a", "b")
    assert "larger than the limit of 8388608 bytes (submission_bytes;" in reasons(pool)["bomb.csv"]


@ENDINGS
def test_all_that_an_archive_unpacks_to_is_bounded(tmp_path: Path, ending: str) -> None:
    path = packed(tmp_path / f"pool.{ending}", [(f"m{n:02d}.csv", GOOD + b" \n" * 40_000) for n in range(30)])
    assert len(Pool.read(path)) == 30
    with pytest.raises(FormatError, match=r"total_bytes; limits= and --limit raise it"):
        Pool.read(path, limits=ReadLimits(total_bytes=2_000_000))


def test_what_damaged_members_of_a_zip_unpack_to_is_bounded_too(tmp_path: Path) -> None:
    path = zipped(tmp_path / "pool.zip", [(f"m{n:02d}.csv", GOOD + b" \n" * 40_000) for n in range(30)])
    content = bytearray(path.read_bytes())
    for n in range(30):
        content[content.rindex(b"m%02d.csv" % n) - 46 + 16] ^= 1
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"total_bytes; limits= and --limit raise it"):
        Pool.read(path, limits=ReadLimits(total_bytes=2_000_000))


def test_a_member_of_a_zip_that_grows_beyond_the_ratio(tmp_path: Path) -> None:
    path = zipped(tmp_path / "pool.zip", [("a.csv", GOOD), ("bomb.csv", b"0" * (2 << 20))])
    pool = Pool.read(path)
    assert "unpacks to more than the limit of 200 times its packed size (ratio;" in reasons(pool)["bomb.csv"]
    assert "longer than the limit" in reasons(Pool.read(path, limits=ReadLimits(ratio=2000)))["bomb.csv"]


@ENDINGS
def test_the_number_of_members_is_bounded(tmp_path: Path, ending: str) -> None:
    path = packed(tmp_path / f"pool.{ending}", [(f"m{n}.csv", GOOD) for n in range(4)])
    assert len(Pool.read(path, limits=ReadLimits(files=4))) == 4
    with pytest.raises(FormatError, match=r"more than the limit of 3 members \(files;"):
        Pool.read(path, limits=ReadLimits(files=3))


@pytest.mark.parametrize("ending", ["tar", "tar.gz"])
@pytest.mark.parametrize("damage", ["cut", "noise"])
def test_a_damaged_tar_is_read_up_to_the_damage(tmp_path: Path, ending: str, damage: str) -> None:
    rng = np.random.default_rng(1)
    members = [(f"m{n}.csv", written(rng.random(99))) for n in range(9)]
    path = tarred(tmp_path / f"pool.{ending}", members)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 600] = b"\xff" * 600
    path.write_bytes(content[:middle] if damage == "cut" else content)
    pool = Pool.read(path)
    assert 1 <= len(pool) < 9
    last = next(reject for reject in pool.rejects if reject.field == "archive")
    assert last.reason.startswith(f"read only up to its member {len(pool) + len(pool.rejects) - 1}: it ")
    assert "ends before" in last.reason or "damaged" in last.reason
    assert any(last.reason in notice for notice in pool.notices)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.zip", b"", "is no zip, tar or gzipped tar archive"),
        ("a.zip", b"PK\x03\x04" + b"\0" * 100, "no whole zip archive"),
        ("a.tgz", gzip.compress(b"", mtime=0), "ends before"),
        ("a.tgz", gzip.compress(b"\0" * 1024, mtime=0), "holds no csv file"),
        ("a.tgz", gzip.compress(GOOD, mtime=0), "ends before|damaged"),
        ("a.tgz", gzip.compress(b"x" * 5000, mtime=0), "damaged"),
        ("a.tar", GOOD * 100, "is no zip, tar or gzipped tar archive"),
        ("a.zip", b"PK\x05\x06" + b"\0" * 18, "holds no csv file"),
        ("a.zip", b"PK\x05\x06" + b"\0" * 4 + b"\xff\xff" * 2 + b"\0" * 10, "no whole zip archive"),
    ],
)
def test_what_is_no_archive_of_submissions(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises((FormatError, NoDataError), match=message):
        Pool.read(tmp_path / name)


@pytest.mark.parametrize("format_", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_and_foreign_names_of_every_tar_format(tmp_path: Path, format_: int) -> None:
    long = "d" * 60 + "/" + "n" * 90 + ".csv"
    members = [(long, GOOD), ("größe.csv", OTHER)]
    pool = Pool.read(tarred(tmp_path / "pool.tar", members, format=format_))
    assert pool.models == (long.removesuffix(".csv"), "größe")


def test_a_long_name_in_a_tar_is_bounded(tmp_path: Path) -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1 << 40
    path = tmp_path / "pool.tar.gz"
    good = tarfile.TarInfo("a.csv")
    good.size = len(GOOD)
    block = good.tobuf() + GOOD.ljust(512, b"\0")
    path.write_bytes(gzip.compress(block + info.tobuf(tarfile.GNU_FORMAT) + b"n" * (1 << 20)))
    pool = Pool.read(path)
    assert pool.models == ("a",)
    assert "extended header of 1099511627776 bytes" in reasons(pool)["pool.tar.gz"]


def test_threads_and_the_order_of_members_change_nothing(tmp_path: Path) -> None:
    members = [(f"m{n:04d}.csv", f"repo,weight\nx,{n + 1}\ny,1\n".encode()) for n in range(2500)]
    one = Pool.read(zipped(tmp_path / "pool.zip", members), n_threads=1)
    three = Pool.read(tarred(tmp_path / "pool.tgz", members[::-1]), n_threads=3)
    assert one.models == three.models
    np.testing.assert_array_equal(one.logits, three.logits)
