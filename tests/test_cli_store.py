"""`hemicycle store`: what it prints and how it ends, and a store where a pool stands."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from command_line import files_of, rewrite, run, valid_model
from hemicycle import Pool, Store
from store_cases import ITEMS, arrow_table, same_pool


def told(*args: str) -> dict[str, object]:
    done = run("store", *args, "--format", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_add_makes_a_store_and_says_what_became_of_what(here: Path) -> None:
    (here / "submissions" / "bad.csv").write_text("repo,weight\nx,1\n", encoding="utf-8")
    first = run("store", "add", "pool.store", "submissions")
    assert first.returncode == 0, first.stderr
    pool = Pool.read("submissions")
    n_models, n_rejects = len(pool), len(pool.rejects)
    assert first.stdout.startswith(
        f"pool.store: {n_models} models added, 0 known, {n_rejects} turned away; it holds {n_models} models.\n  bad.csv"
    )
    assert told("add", "pool.store", "submissions", "submissions") == {
        "store": "pool.store", "new": 0, "replaced": 0, "known": 2 * n_models, "rejects": 2 * n_rejects,
    }  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(run("store", "info", "pool.store", "--format", "csv").stdout)))
    assert [row["file"] for row in rows] == [reject.file for reject in pool.rejects]
    info = told("info", "pool.store")
    assert (info["models"], info["items"], info["dtype"], info["rejects"]) == (n_models, 12, "float64", n_rejects)
    assert f"turned away: {n_rejects}\n" in run("store", "info", "pool.store").stdout
    check = run("store", "check", "pool.store")
    assert check.returncode == 0
    assert "all is as it was written" in check.stdout
    same_pool(Pool.read("pool.store"), Pool.read("submissions"))


def test_sentences_are_whole_in_a_log(here: Path) -> None:
    path = "a-folder-of-a-name-that-is-so-long-that-no-line-of-a-terminal-of-80-columns-has-room-for-it.store"
    assert run("store", "add", path, "submissions").stdout.splitlines()[0].endswith("models.")
    said = f"{path}: {len(Store.open(path))} models in 1 fragment read again; all is as it was written.\n"
    assert run("store", "check", path).stdout == said


def test_replace_and_compact(here: Path) -> None:
    told("add", "pool.store", "submissions", "--dtype", "float32")
    model = valid_model()
    rewrite(model, w0="123.5")
    assert "the store has another model of this name" in run("store", "add", "pool.store", str(model)).stdout
    done = run("store", "add", "pool.store", "submissions", "--replace")
    assert "1 model added, 1 of them in place of others" in done.stdout
    assert "(1 replaced)" in run("store", "info", "pool.store").stdout
    assert told("compact", "pool.store")["dropped"] == 1
    assert "1 fragment of" in run("store", "compact", "pool.store").stdout
    done = run("store", "add", "pool.store", "submissions", "--dtype", "float64")
    assert (done.returncode, done.stderr) == (2, "error: pool.store: its logits are float32, not float64\n")


def test_an_arrow_stream_on_standard_input(here: Path, tmp_path: Path) -> None:
    sink = io.BytesIO()
    table = arrow_table("ab", np.arange(8.0).reshape(2, 4))
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    (here / "items.csv").write_text("parent,name\n" + "".join(f"{p},{n}\n" for p, n in ITEMS), encoding="utf-8")
    command = [sys.executable, "-m", "hemicycle", "store", "add", "new.store", "-"]
    done = subprocess.run(command, input=sink.getvalue(), capture_output=True, check=False)
    assert done.returncode == 2
    assert b"--items FILE" in done.stderr
    done = subprocess.run([*command, "--items", "items.csv"], input=sink.getvalue(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(Store.open("new.store")) == 2
    (here / "stream").write_bytes(sink.getvalue())
    with (here / "stream").open("rb") as file:  # which can be sought in, other than a pipe
        done = subprocess.run(command, stdin=file, capture_output=True, check=False)
    assert b"0 models added, 2 known" in done.stdout
    assert run("store", "add", "new.store", "-", "-").returncode == 2


@pytest.mark.parametrize("order", [1, -1])
def test_a_store_stands_where_a_pool_stands(here: Path, order: int) -> None:
    sources = sorted(Path("submissions").iterdir())[::order]
    Store.create("pool.store", source="submissions")
    for half in (sources[::2], sources[1::2]):
        told("add", "pool.store", *map(str, half))
    options = ("--method", "bma", "--quiet")
    assert run("ensemble", "jury.csv", "submissions", *options, "--out", "plain").returncode == 0
    assert run("ensemble", "jury.csv", "pool.store", *options, "--out", "stored").returncode == 0
    plain, stored = files_of("plain"), files_of("stored")
    names_the_input = {"round.toml", "report.html", "summary.json"}
    assert plain.keys() == stored.keys()
    for name in plain.keys() - names_the_input:
        assert plain[name] == stored[name], name
    summaries = [json.loads(files["summary.json"]) for files in (plain, stored)]
    differing = {key for key in summaries[0] if summaries[0][key] != summaries[1].get(key)}
    assert differing == {"inputs"}


def test_verify_and_the_same_run_again(here: Path) -> None:
    told("add", "pool.store", "submissions")
    assert run("ensemble", "jury.csv", "pool.store", "--method", "bma", "--quiet").returncode == 0
    assert run("verify", "hemicycle-out").returncode == 0
    assert run("ensemble", "hemicycle-out/round.toml", "--quiet", "--out", "again").returncode == 0
    assert files_of("again")["weights.csv"] == files_of("hemicycle-out")["weights.csv"]
    rewrite(valid_model(), w0="99.5")
    told("add", "pool.store", "submissions", "--replace")
    done = run("verify", "hemicycle-out")
    assert done.returncode == 1
    assert "pool" in done.stdout
    fragment = Store.open("pool.store").manifest.fragments[0].path(Path("pool.store"))
    run("ensemble", "jury.csv", "pool.store", "--method", "bma", "--quiet", "--out", "damaged")
    content = bytearray(fragment.read_bytes())
    content[100] ^= 1
    fragment.write_bytes(content)
    done = run("verify", "damaged")
    assert (done.returncode, fragment.name in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("info", "absent"), "absent: is no store; hemicycle store add makes one"),
        (("check", "submissions"), "submissions: is no store"),
        (("compact", "submissions"), "submissions: is no store"),
        (("add", "submissions", "submissions"), "submissions: is no empty folder"),
        (("add", "new.store", "absent"), "there is no such file or folder"),
        (("add", "new.store", "submissions", "--wait", "nan"), "wait"),
        (("add", "new.store", "submissions", "--items", "absent.csv"), "absent.csv"),
        (("check", "submissions", "--format", "csv"), "a check is no table"),
        (("compact", "submissions", "--format", "csv"), "a compaction is no table"),
    ],
)
def test_errors_are_said_in_one_place(here: Path, arguments: tuple[str, ...], said: str) -> None:
    done = run("store", *arguments)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr


def test_items_of_a_store_that_exists(here: Path) -> None:
    told("add", "pool.store", "submissions")
    (here / "items.csv").write_text("name\nx\ny\n", encoding="utf-8")
    done = run("store", "add", "pool.store", "submissions", "--items", "items.csv")
    assert (done.returncode, "its items are those that it was made with" in done.stderr) == (2, True)


def test_what_a_stranger_wrote_into_a_manifest_reaches_no_terminal(here: Path) -> None:
    told("add", "pool.store", "submissions")
    path = here / "pool.store" / "store.json"
    content = json.loads(path.read_bytes())
    content["items_source"] = content["commits"][0]["time"] = content["commits"][0]["source"] = "\x1b[2J"
    path.write_text(json.dumps(content), encoding="utf-8")
    for command in (("info", "pool.store"), ("check", "pool.store")):
        assert "\x1b" not in run("store", *command).stdout
