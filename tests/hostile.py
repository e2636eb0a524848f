"""What strangers may send: bad submissions of every kind, each with what must be said of it."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import pickle
import socket
import struct
import tarfile
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

ITEMS = ("alpha/one", "beta/two", "gamma/three", "delta/four", "epsilon/five")
HEADER = "repo,parent,weight\n"
CANARY = "canary-3f1c9e5a77"  #: stands in files outside the folder, and must stand nowhere else

How = Literal["file", "link", "pipe", "socket", "folder", "hole"]


@dataclass(frozen=True)
class Bad:
    """A submission that must be turned away.

    Attributes
    ----------
    path : bytes
        Where it lies in the folder.
    content : bytes
        What the file holds; of a link where it leads, of a hole its length.
    reason : str
        What the reject must say.
    how : str
        What lies there.
    """

    path: bytes
    content: bytes
    reason: str
    how: How = "file"


def good(number: int) -> str:
    """Return a submission that is in order, another for each number."""
    weights = (1.0 + (number * (place + 3)) % 97 / 7 for place in range(len(ITEMS)))
    return HEADER + "".join(f"{item},eth,{weight!r}\n" for item, weight in zip(ITEMS, weights, strict=True))


def rows(**changes: str) -> str:
    """Return a submission whose rows are changed: ``r0`` replaces the first, and so on."""
    lines = [f"{item},eth,1" for item in ITEMS]
    for place, line in changes.items():
        lines[int(place[1:])] = line
    return HEADER + "\n".join(lines) + "\n"


def contents() -> list[tuple[str, bytes, str]]:
    """Return names, contents and reasons of files whose content is bad."""
    return [
        (f"{kind}-{number}", variant.encode() if isinstance(variant, str) else variant, reason)
        for chapter in (no_text, no_table, bad_weights, bad_items, bad_names)
        for kind, reason, *variants in chapter()
        for number, variant in enumerate(variants)
    ]


def no_text() -> list[tuple[str | bytes, ...]]:
    """Return kind, reason and contents of files that hold nothing, or no text."""
    start, fine = HEADER.encode(), good(1).encode()
    return [
        ("nothing", "empty", "", "\n", " \n\t\n", "\r\n\r\n", b"\xef\xbb\xbf", ",,\n", '""\n'),
        (
            "no-rows", "no rows below the header", HEADER, HEADER.strip(), HEADER + "\n\n", HEADER + ",,\n",
            "\ufeff" + HEADER,
        ),
        ("nul", "NUL byte", b"\0", start + b"alpha/one\0,eth,1\n", b"\0" * 5000),
        ("wide", "NUL byte", good(1).encode("utf-16"), good(1).encode("utf-16-be"), good(1).encode("utf-32")),
        (
            "not-utf8", "not UTF-8", rows(r0="caf\xe9,eth,1").encode("latin-1"), start + b"\xc0\xaf,eth,1\n",
            start + b"\xed\xa0\x80,eth,1\n", start + b"\xf0\x9f\x98,eth,1\n", b"\xff\xfe\xfd",
        ),
        (
            "binary", "", b"\x89PNG\r\n\x1a\n\0\0", b"%PDF-1.7\n%\xe2\xe3", b"\x7fELF\x02\x01\x01\0",
            b"PAR1\x15\x04\x15", pickle.dumps({"weight": [1, 2]}), zip_of([("a.csv", fine)]), gzip.compress(fine),
            b"\x93NUMPY\x01\0v\0{'descr': '|O'}", tar_of([("a.csv", fine)]), b"SQLite format 3\0",
        ),
    ]  # fmt: skip


def no_table() -> list[tuple[str | bytes, ...]]:
    """Return kind, reason and contents of text that is no table of a submission, or too large a one."""
    return [
        ("line", "line_bytes", HEADER + "x" * (1 << 20) + "y,eth,1\n", '"' + "a" * ((1 << 20) + 5)),
        ("many-rows", "submission_rows", HEADER + "a,b,1\n" * 100_001),
        ("many-columns", "columns", ",".join(f"c{n}" for n in range(1_025)) + "\n", "," * 2_000 + "x\n"),
        (
            "ragged", "in the header", rows(r2="gamma/three,eth"), rows(r1="beta/two,eth,1,1"), rows(r4="just text"),
            rows(r0='"alpha/one,eth,1'),
        ),
        (
            "header", "needed are repo", "a,b,c\n1,2,3\n", "<html><body>1</body></html>\n", '{"repo": 1}\n', "=1+1\n",
            "repo;parent;weight\nalpha/one;eth;1\n", "repo\tparent\tweight\n", "weight\n1\n",
            "repo,parent\nalpha/one,eth\n", "parent,weight\neth,1\n", "#!/bin/sh\nrm -rf /\n",
        ),
        (
            "columns-twice", "occurs twice", "repo,weight,weight\nx,1,1\n", "repo,Repo,weight\nx,y,1\n",
            "REPO,repo,weight\n",
        ),
    ]  # fmt: skip


def bad_weights() -> list[tuple[str, ...]]:
    """Return kind, reason and contents of submissions with a weight that is none."""
    not_finite = ("nan", "NaN", "inf", "-inf", "Infinity", "1e400", "-1e999", "+nan")
    no_number = (
        "x", "1_0", "0x10", "1%", "$1", "1e", "e5", "--1", "1.2.3", "=1+1", "@SUM(1)", "True", "None", "1f", "\uff11",
        "\u0663", "\u00bd", "1\u200b", "1\u00a0000", "0.5C", "1 2", "eval(1)", "\u202e1",
    )  # fmt: skip
    return [
        ("negative", "negative", *(rows(r1=f"beta/two,eth,{w}") for w in ("-1", "-1e-9", "-0.5", " -3 ", "-1e300"))),
        ("not-finite", "not finite", *(rows(r3=f"delta/four,eth,{weight}") for weight in not_finite)),
        ("no-number", "not a number", *(rows(r0=f"alpha/one,eth,{weight}") for weight in no_number)),
        ("no-weight", "a number is needed", rows(r2="gamma/three,eth,"), rows(r2="gamma/three,eth,  ")),
        ("all-zero", "is 0", HEADER + "".join(f"{i},eth,0\n" for i in ITEMS), rows().replace(",1\n", ",-0\n")),
        ("share", "between 0 and 1", "repo,originality\nalpha/one,1.5\n"),
    ]


def bad_items() -> list[tuple[str, ...]]:
    """Return kind, reason and contents of submissions whose items are not those of the round."""
    return [
        ("no-item", "no item is named", rows(r2=",eth,1"), rows(r2="  ,eth,1")),
        ("lacks", "lacks", *(HEADER + "".join(f"{i},eth,1\n" for i in ITEMS if i != item) for item in ITEMS)),
        (
            "twice", "twice", rows() + "alpha/one,eth,1\n", rows() + "Alpha/ONE,eth,1\n",
            rows() + "https://github.com/alpha/one,eth,1\n", rows() + "alpha/one.git,ETH,1\n",
            rows() + "\uff41lpha/one,eth,1\n",
        ),
        (
            "unknown", "not of the round", rows() + "eve/evil,eth,1\n", rows(r0="alpha/one,btc,1"),
            rows() + "__proto__,eth,1\n",
        ),
        (
            "look-alike", "looks like the item 'alpha/one' and is not it", rows(r0="\u0430lpha/one,eth,1"),
            rows(r0="alph\u0430/one,eth,1"), rows(r0="alpha/\u03bfne,eth,1"), rows(r0="aIpha/one,eth,1"),
            rows(r0="a1pha/one,eth,1"), rows(r0="alpha/0ne,eth,1"), rows(r0="https://github.com/aIpha/one,eth,1"),
        ),
    ]  # fmt: skip


def bad_names() -> list[tuple[str, ...]]:
    """Return kind, reason and contents of submissions with a name that cannot be kept."""
    shapeless = "\u00ad\u034f\u115f\u180e\u200b\u200c\u200d\u2060\u2800\u3164\ufeff\U000e0041"
    characters = {
        ("control", "a control character"): "\x01\x07\x08\x1b\x7f\x85\x9b",
        ("unseen", "an invisible character"): shapeless,
        ("direction", "a direction"): "\u061c\u200e\u200f\u202a\u202d\u202e\u2066\u2069",
        ("line-break", "a line separator"): "\u2028\u2029",
        ("private", "a private-use character"): "\ue000\uf8ff\U000f0000\U0010abcd",
        ("no-character", "no character"): "\ufdd0\ufffe\U0001ffff",
        ("format", "a format character"): "\ufff9\u206a\U0001d173",
    }
    signed = "repo,parent,weight,author\n" + rows().split("\n", 1)[1].replace(",1\n", ",1,a\u200bb\n")
    stacked = "be\u0301\u0302\u0303\u0304\u0305\u0306ta"
    return [
        *((*kind, *(rows(r1=f"beta/t{one}wo,eth,1") for one in each)) for kind, each in characters.items()),
        ("mark", "combining mark", rows(r1="\u0301beta/two,eth,1"), rows(r1=f"{stacked},eth,1")),
        ("long-name", "name_characters", rows(r1="n" * 201 + ",eth,1"), rows(r1="beta/two," + "\ufb03" * 90 + ",1")),
        ("parent", "a direction", rows(r1="beta/two,e\u202eth,1")),
        ("author", "an invisible character", signed),
    ]


def names() -> list[Bad]:
    """Return files whose name or nature is bad, and folders."""
    fine = good(7).encode()
    found = [
        Bad(name.encode() + b".csv", fine, reason)
        for name, reason in (
            ("direction-\u202egpj", "U+202E, a direction override"),
            ("unseen-\u200b", "U+200B, an invisible character"),
            ("break-\n", "U+000A, a control character"), ("escape-\x1b[2J", "U+001B, a control character"),
            ("tag-\U000e0041", "U+E0041, an invisible character"),
            ("private-\ue001", "U+E001, a private-use character"),
            ("\u0301mark", "U+0301, a combining mark"), ("long-" + "n" * 200, "name_characters"),
        )
    ]  # fmt: skip
    found += [
        Bad(b"bytes-\xe9.csv", fine, "U+DCE9, a byte that is no UTF-8"),
        Bad(b"ad\xff/m.csv", fine, "U+DCFF, a byte that is no UTF-8"),
        Bad("a\u202eda/m.csv".encode(), fine, "U+202E, a direction override"),
        Bad(b"ada/deep/m.csv", fine, "folders are read one deep"),
        Bad(b"twin.csv", fine, "a second file of this model"),
        Bad(b"out.csv", b"../outside/secret.csv", "is a symbolic link", "link"),
        Bad(b"absolute.csv", b"/etc/passwd", "is a symbolic link", "link"),
        Bad(b"inside.csv", b"good-00000.csv", "is a symbolic link", "link"),
        Bad(b"dangling.csv", b"nowhere.csv", "is a symbolic link", "link"),
        Bad(b"loop.csv", b"loop.csv", "is a symbolic link", "link"),
        Bad(b"ada/out.csv", b"../../outside/secret.csv", "is a symbolic link", "link"),
        Bad(b"eve", b"../outside", "is a symbolic link", "link"),
        Bad(b"self", b".", "is a symbolic link", "link"),
        Bad(b"device.csv", b"/dev/zero", "is a symbolic link", "link"),
        Bad(b"outpipe.csv", b"../outside/pipe", "is a symbolic link", "link"),
        Bad(b"pipe.csv", b"", "is not a regular file", "pipe"),
        Bad(b"ada/pipe.csv", b"", "is not a regular file", "pipe"),
        Bad(b"socket.csv", b"", "is not a regular file", "socket"),
        Bad(b"folder.csv", b"", "is a directory", "folder"),
        Bad(b"large.csv", str((8 << 20) + 1).encode(), "submission_bytes", "hole"),
        Bad(b"huge.csv", str(1 << 42).encode(), "submission_bytes", "hole"),
        Bad(b"hole.csv", str(1 << 20).encode(), "NUL byte", "hole"),
    ]
    inside = [(f"m{n}.csv", good(n).encode()) for n in range(3)]
    archives = {
        "zip": zip_of(inside), "tar": tar_of(inside), "tar.gz": gzip.compress(tar_of(inside)), "tgz": b"\x1f\x8b\x08",
        "bz2": bz2.compress(fine), "xz": lzma.compress(fine), "7z": b"7z\xbc\xaf\x27\x1c", "rar": b"Rar!\x1a\x07",
        "zst": b"\x28\xb5\x2f\xfd", "jar": zip_of([("../../outside/planted.csv", fine)]), "csv.gz": bomb(1 << 30),
    }  # fmt: skip
    return found + [
        Bad(b"nested." + ending.encode(), content, "an archive inside") for ending, content in archives.items()
    ]


def all_bad() -> list[Bad]:
    """Return every bad submission of a folder."""
    return [Bad(f"bad-{name}.csv".encode(), content, reason) for name, content, reason in contents()] + names()


def plant(folder: Path, bad: Bad, open_sockets: list[socket.socket]) -> None:
    """Put a bad submission into a folder."""
    path = folder / os.fsdecode(bad.path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if bad.how == "link":
        path.symlink_to(os.fsdecode(bad.content))
    elif bad.how == "pipe":
        os.mkfifo(path)
    elif bad.how == "socket":
        open_sockets.append(socket.socket(socket.AF_UNIX))
        open_sockets[-1].bind(os.path.relpath(path))
    elif bad.how == "folder":
        path.mkdir()
    else:
        with path.open("wb") as file:
            if bad.how == "hole":
                file.truncate(int(bad.content))
            else:
                file.write(bad.content)


def zip_of(members: list[tuple[str, bytes]]) -> bytes:
    """Return a zip archive."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def tar_of(members: list[tuple[str, bytes]]) -> bytes:
    """Return a tar archive."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return made.getvalue()


def bomb(n_bytes: int) -> bytes:
    """Return a gzipped file of as many zeros, made of copies of one compressed MiB."""
    block = gzip.compress(bytes(1 << 20), 9, mtime=0)
    return block * (n_bytes >> 20)


def spoiled_archives() -> dict[str, tuple[bytes, str]]:
    """Return archives of which nothing can be read, by name, each with what must be said of it."""
    sound_zip, sound_tar = zip_of([("a.csv", good(1).encode())]), tar_of([("a.csv", good(1).encode())])
    end = sound_zip.rindex(b"PK\x05\x06")
    directory = sound_zip.rindex(b"PK\x01\x02")
    many = bytearray(sound_zip)
    many[end + 8 : end + 12] = struct.pack("<HH", 60_000, 60_000)
    far = bytearray(sound_zip)
    far[end + 16 : end + 20] = struct.pack("<I", 0xFFFFFFF0)
    odd = bytearray(sound_zip)
    odd[directory] = 0
    named = bytearray(sound_zip)
    named[directory + 28 : directory + 30] = b"\xff\xff"
    summed = bytearray(sound_tar)
    summed[150] ^= 1
    sized = bytearray(sound_tar)
    sized[124:136] = b"7" * 11 + b"\0"
    return {
        "empty.zip": (b"", "is no zip"),
        "text.zip": (good(1).encode(), "is no zip"),
        "cut.zip": (sound_zip[:-30], "no whole zip archive"),
        "half.zip": (sound_zip[: len(sound_zip) // 2], "no whole zip archive"),
        "many.zip": (bytes(many), "no whole zip archive"),
        "far.zip": (bytes(far), "no whole zip archive"),
        "odd.zip": (bytes(odd), "directory cannot be read"),
        "named.zip": (bytes(named), "directory cannot be read"),
        "rar.zip": (b"Rar!\x1a\x07\0", "is no zip"),
        "empty.tar": (b"", "is no zip"),
        "cut.tar": (sound_tar[:560], "ends before"),
        "summed.tar": (bytes(summed), "damaged"),
        "sized.tar": (bytes(sized), "damaged"),
        "cut.tar.gz": (gzip.compress(sound_tar)[:-40], "ends before"),
        "bomb.tgz": (bomb(5 << 30), "holds no csv file"),
        "noise.tgz": (b"\x1f\x8b" + bytes(range(256)) * 4, "damaged"),
        "text.tgz": (gzip.compress(b"x" * 4096), "damaged"),
    }  # fmt: skip
