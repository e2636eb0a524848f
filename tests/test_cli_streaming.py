"""`hemicycle ensemble --stream`: what a run in memory gives, whatever stopped it before, and what it refuses."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from command_line import files_of, rewrite, rows_of, run, valid_model
from hemicycle import Pool, Store
from hemicycle.cli import main
from hemicycle.errors import NotConvergedError, OptionError, StoreError
from hemicycle.streamed_options import methods_of
from hemicycle.streaming import StoreScores
from hemicycle.streaming.scoring import Scoring
from hemicycle.synthetic import two_camp_round

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("pyarrow", reason="pyarrow is not installed")

STREAM = ("ensemble", "jury.csv", "pool.store", "--stream", "--method", "bma", "--quiet")
FILES = {
    "leaderboard.csv", "allocation.csv", "allocations.csv", "weights.csv", "rejects.csv", "summary.json", "round.toml",
}  # fmt: skip


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a store of four fragments, not in the order of the names, with something turned away and replaced."""
    folder = tmp_path_factory.mktemp("store")
    two_camp_round(3, n_items=12, n_pairs=30, n_models=40).write(folder)
    sources = sorted((folder / "submissions").iterdir(), reverse=True)
    store = Store.create(folder / "pool.store", source=folder / "submissions")
    for part in range(3):
        (folder / str(part)).mkdir()
        for source in sources[part::3]:
            shutil.copy(source, folder / str(part))
        store.add(folder / str(part))
    changed = min((folder / "0").glob("infra*.csv"))
    rewrite(changed, w0="3.25")
    assert store.add(changed, on_conflict="replace").n_replaced == 1
    assert len(store.manifest.fragments) == 4
    return folder / "pool.store"


@pytest.fixture
def stored(here: Path, template: Path) -> Path:
    """Stand beside a jury and that store."""
    shutil.copytree(template, here / "pool.store")
    return here


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Count how many models were scored on how many judgments, each time some were."""
    calls: list[tuple[int, int]] = []
    plain = Scoring.sums

    def counting(scoring: Scoring, logits: Any, *args: Any) -> Any:
        calls.append((len(logits), len(scoring.judgments)))
        return plain(scoring, logits, *args)

    monkeypatch.setattr(Scoring, "sums", counting)
    return calls


def summary(out: str = "hemicycle-out") -> dict[str, Any]:
    return json.loads(Path(out, "summary.json").read_bytes())


def numbers(rows: list[dict[str, str]], key: tuple[str, ...], value: str) -> dict[tuple[str, ...], float]:
    return {tuple(row[name] for name in key): float(row[value]) for row in rows}


def assert_near(found: dict[Any, float], right: dict[Any, float], rtol: float, atol: float = 0.0) -> None:
    assert found.keys() == right.keys()
    np.testing.assert_allclose([found[key] for key in right], list(right.values()), rtol=rtol, atol=atol)


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("bma", ()),
        ("bma", ("--power", "0.2", "--mean", "arithmetic", "--sigma", "0.8")),
        ("bma", ("--prior", "prior.csv", "--min-weight", "1e-4")),
        ("least_squares", ()),
        ("stacking", ()),
        ("stacking", ("--by", "pair", "--sigma", "0.3")),
        ("bma", ("--prior", "clone_proof", "--bandwidth", "0.3")),
        ("greedy", ("--loss", "log_score", "--rounds", "20")),
        ("uniform", ()),
        ("best", ("--mean", "arithmetic")),
    ],
)
def test_it_gives_what_a_run_in_memory_gives(stored: Path, method: str, options: tuple[str, ...]) -> None:
    names = [name for block in Store.open("pool.store").blocks() for name in block.models]
    lines = "".join(f"{name},{1 + k % 3}\n" for k, name in enumerate(names))
    Path("prior.csv").write_text(f"model,weight\n{lines}", encoding="utf-8")
    common = ("ensemble", "jury.csv", "pool.store", "--method", method, "--quiet", *options)
    assert main([*common, "--intervals", "0", "--out", "memory"]) == 0
    assert main([*common, "--stream", "--out", "disk"]) == 0
    disk, memory = files_of_bytes("disk"), files_of_bytes("memory")
    assert disk.keys() == FILES
    assert disk["rejects.csv"] == memory["rejects.csv"]
    tolerance = {"least_squares": 1e-9, "stacking": 1e-7}.get(method, 1e-12)
    key = ("parent", "item")
    shares = [numbers(rows_of(f"{out}/allocation.csv"), key, "share") for out in ("disk", "memory")]
    assert_near(*shares, tolerance)
    of_paid = [row for row in rows_of("disk/allocations.csv") if row["method"] == method]
    assert numbers(of_paid, key, "share") == shares[0]
    boards = [rows_of(f"{out}/leaderboard.csv") for out in ("disk", "memory")]
    assert [row["model"] for row in boards[0]] == [row["model"] for row in boards[1]]
    assert [row["rank"] for row in boards[0]] == [row["rank"] for row in boards[1]]
    for column in ("log_likelihood", "mse", "accuracy", "weight"):
        assert_near(*(numbers(rows, ("model",), column) for rows in boards), tolerance, 1e-9)
    weights = [
        {key: w for key, w in numbers(rows_of(f"{out}/weights.csv"), ("method", "model"), "weight").items() if w}
        for out in ("disk", "memory")
    ]
    mine = [{key: w for key, w in each.items() if key[0] == method} for each in weights]
    assert_near(*mine, tolerance, 1e-9)
    told, right = summary("disk"), summary("memory")
    for name in ("inputs", "items", "judgments", "submissions", "versions"):
        assert told[name] == right[name]
    by_method = {found["method"]: found for found in right["mechanisms"]}
    assert [found["method"] for found in told["mechanisms"]] == [m for m in by_method if m in methods_of(method)]
    for found in told["mechanisms"]:
        expected = by_method[found["method"]]
        assert found["heaviest_model"] == expected["heaviest_model"]
        for name in ("effective_models", "effective_models_by_square", "heaviest_weight", "mse"):
            assert found[name] == pytest.approx(expected[name], rel=1e-7)


@pytest.mark.parametrize("method", ["bma", "least_squares"])
def test_a_real_round(round_data: Path, tmp_path: Path, method: str) -> None:
    folder = round_data / "level1-2025"
    store = Store.create(tmp_path / "real.store", source=folder / "submissions")
    sources = sorted((folder / "submissions").glob("*.csv"), reverse=True)
    for source in sources[:3]:
        store.add(source)
    store.add(folder / "submissions")
    common = ["ensemble", str(folder / "jury.csv"), str(store.path), "--method", method, "--quiet"]
    assert main([*common, "--stream", "--out", str(tmp_path / "disk")]) == 0
    assert main([*common, "--intervals", "0", "--out", str(tmp_path / "memory")]) == 0
    out = (tmp_path / "disk", tmp_path / "memory")
    assert_near(*(numbers(rows_of(each / "allocation.csv"), ("item",), "share") for each in out), 1e-9)
    boards = [[(row["rank"], row["model"]) for row in rows_of(each / "leaderboard.csv")] for each in out]
    assert boards[0] == boards[1]
    dominance = [[notice for notice in summary(str(each))["notices"] if "of the weight" in notice] for each in out]
    assert len(dominance[0]) == len(dominance[1]) == 1
    assert dominance[0][0].partition(" Methods")[0] == dominance[1][0].partition(" Methods")[0]


def files_of_bytes(folder: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.is_file()}


def test_what_was_scored_is_not_scored_again(stored: Path, seen: list[tuple[int, int]]) -> None:
    assert main([*STREAM]) == 0
    assert seen
    first, _ = files_of_bytes("hemicycle-out"), seen.clear()
    assert main([*STREAM, "--method", "best"]) == 0
    assert not seen  # another mechanism pays
    assert main([*STREAM]) == 0
    assert not seen
    assert files_of_bytes("hemicycle-out") == first
    mine = Path("mine.csv")
    mine.write_bytes(valid_model().read_bytes())
    rewrite(mine, w1="0.7")
    Store.open("pool.store").add(mine)
    assert main([*STREAM]) == 0
    assert [n for n, _ in seen] == [1]  # the store grew by one
    assert summary()["submissions"]["seated"] == len(rows_of("hemicycle-out/leaderboard.csv"))
    assert "mine" in {row["model"] for row in rows_of("hemicycle-out/leaderboard.csv")}
    seen.clear()
    rows = Path("jury.csv").read_text().splitlines()
    Path("jury.csv").write_text("\n".join(rows[:-2]) + "\n", encoding="utf-8")
    assert main([*STREAM]) == 0
    assert seen
    assert max(n for _, n in seen) < len(rows) - 3  # only pairs that lost a judgment
    assert summary()["updates"] == 1
    assert main([*STREAM, "--out", "anew"]) == 0
    shares = [numbers(rows_of(f"{out}/allocation.csv"), ("item",), "share") for out in ("hemicycle-out", "anew")]
    assert_near(*shares, 1e-11)


ASKED = [
    (("--evaluate", "juror"), "evaluate"),
    (("--evaluate", "juror", "--folds", "3"), "evaluate"),
    (("--intervals", "50"), "intervals"),
    (("--ranges",), "ranges"),
    (("--bootstrap", "10"), "bootstrap"),
    (("--seed", "0"), "seed"),
    (("--tie-break", "least_individual_loss"), "tie_break"),
    (("--reference", "per_author"), "reference"),
    (("--loss", "squared_error"), "loss"),
    (("--rounds", "100"), "rounds"),
    (("--sigma", "auto"), "sigma"),
    (("--items", "items.csv"), "items"),
    (("--rename", "rename.csv"), "rename"),
    (("--submitted", "times.csv"), "submitted"),
    (("--drop", "juror=x"), "drop"),
    (("--against", "other"), "against"),
]


@pytest.mark.parametrize(("options", "name"), ASKED, ids=[" ".join(options) for options, _ in ASKED])
def test_what_it_cannot_do_is_refused_by_name(
    stored: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], name: str
) -> None:
    assert main([*STREAM, *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"error: {name}: ")
    assert "without --stream" in err
    assert err.count("\n") == 1
    assert not Path("hemicycle-out").exists()


@pytest.mark.parametrize("options", [("--intervals", "0"), ("--no-ranges",), ("--tie-break", "nearest")])
def test_what_asks_for_what_it_does_anyway_is_no_error(stored: Path, options: tuple[str, ...]) -> None:
    assert main([*STREAM, *options]) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("submissions", "--stream"), "hemicycle store add pool.store submissions makes one of it first"),
        (("absent.store", "--stream"), "there is no such store"),
        (("pool.store", "--stream", "--memory", "10MB"), "memory is 10MB; scoring"),
        (("pool.store", "--stream", "--memory", "much"), "memory is 'much'"),
        (("pool.store", "--stream", "--top", "0"), "top is 0"),
        (("pool.store", "--top", "5"), "top is for a streamed run only"),
        (("pool.store", "--no-stream", "--scheduler", "tcp://127.0.0.1:1"), "leave --no-stream out"),
        (("pool.store", "--stream", "--out", "submissions"), "--out"),
        (("pool.store", "--stream", "--out", "jury.csv"), "--out"),
        (("pool.store", "--stream", "--out", "pool.store/out"), "lies in the store"),
        (("pool.store", "--stream", "--out", "jury.csv/out"), "jury.csv"),
        (("pool.store", "--stream", "--prior", "absent.csv"), "absent.csv"),
        (("pool.store", "--stream", "--bandwidth", "0.1"), "only a prior or a reference 'clone_proof' has one"),
        (("pool.store", "--stream", "--split", "absent"), "absent"),
        (("pool.store", "--scheduler", "nonsense"), "tcp://HOST:8786"),
    ],
)
def test_errors_are_one_line_and_exit_2(
    stored: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    assert main(["ensemble", "jury.csv", *arguments, "--method", "bma"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert said in err


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_an_out_folder_that_cannot_be_written_to(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("sealed").mkdir(mode=0o500)
    assert main([*STREAM, "--out", "sealed/out"]) == 2
    assert "Permission denied" in capsys.readouterr().err


def test_the_round_toml_repeats_the_run(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--power", "0.5", "--top", "7", "--min-weight", "1e-6", "--mean", "arithmetic", "--sigma", "0.4")
    assert main([*STREAM, *options, "--out", "first"]) == 0
    assert "Leaderboard by log likelihood: the first 7 of " in capsys.readouterr().out
    assert len(rows_of("first/leaderboard.csv")) == 7
    text = Path("first/round.toml").read_text()
    for line in ("stream = true", "top = 7", "power = 0.5", "sigma = 0.4"):
        assert line in text
    for name in ("intervals", "seed", "loss", "rounds", "tie_break"):
        assert f"{name} =" not in text
    assert main(["ensemble", "first/round.toml", "--out", "again", "--quiet"]) == 0
    assert files_of_bytes("again") == files_of_bytes("first")
    capsys.readouterr()
    assert main(["verify", "first"]) == 0
    assert "every byte" in capsys.readouterr().out
    assert main(["ensemble", "first/round.toml", "--top", "9", "--out", "nine", "--quiet"]) == 0
    assert len(rows_of("nine/leaderboard.csv")) == 9
    assert main(["ensemble", "first/round.toml", "--seed", "3", "--out", "seed", "--quiet"]) == 2
    assert main(["ensemble", "nine/round.toml", "--no-stream", "--out", "memory", "--quiet"]) == 2
    assert "top is for a streamed run only" in capsys.readouterr().err
    with Path("jury.csv").open("a") as file:
        file.write(Path("jury.csv").read_text().splitlines()[-1] + "\n")
    assert main(["verify", "first"]) == 1
    assert main(["ensemble", "first/round.toml", "--out", "first"]) == 0
    assert "warning: jury" in capsys.readouterr().err


def test_a_result_in_memory_and_a_streamed_one_take_each_others_place(
    stored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ("ensemble", "jury.csv", "pool.store", "--method", "bma", "--quiet")
    assert main([*common]) == 0
    plain = files_of("hemicycle-out")
    assert {"report.html", "intervals.csv", "flags.csv"} <= plain.keys()
    assert main([*common, "--stream"]) == 0
    assert files_of_bytes("hemicycle-out").keys() == FILES
    assert main(["ensemble", "hemicycle-out/round.toml", "--no-stream", "--quiet"]) == 0
    assert files_of_bytes("hemicycle-out").keys() == plain.keys()
    assert main(["ensemble", "hemicycle-out/round.toml", "--stream", "--out", "other", "--quiet"]) == 2
    capsys.readouterr()
    again = ["ensemble", "hemicycle-out/round.toml", "--stream", "--intervals", "0", "--out", "other", "--quiet"]
    assert main(again) == 0
    assert main([*common, "--against", "other", "--intervals", "0", "--out", "moved"]) == 0
    assert max(abs(float(row["change"])) for row in rows_of("moved/movement.csv")) < 1e-12


def test_it_prints_the_mechanisms_side_by_side(stored: Path) -> None:
    done = run(*STREAM[:-1], "--out", "result")
    assert done.returncode == 0, done.stderr
    assert done.stderr == "wrote result; the weights are in result/weights.csv\n"
    for part in ("Read", "Mechanisms on the same judgments: bma pays", "bma *", "Leaderboard", "Allocation, geometric"):
        assert part in done.stdout
    for name in ("effective", "heaviest model", "models: how many have weight"):
        assert name in done.stdout
    document = json.loads(run(*STREAM[:-1], "--format", "json").stdout)
    assert document["allocation"] == document["allocations"]["bma"]
    assert len(document["rejects"]) == len(rows_of("hemicycle-out/rejects.csv"))
    assert document["pending"] == []
    assert main([*STREAM, "--strict"]) == 1
    as_csv = run(*STREAM, "--format", "csv")
    assert as_csv.stdout.encode() == Path("hemicycle-out/allocation.csv").read_bytes()
    assert as_csv.stderr == ""


def test_who_gets_nearly_all_is_said_with_the_reason(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*STREAM, "--power", "40"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Averaging multiplies the likelihoods" in said
    assert "Methods that seat more" in said
    assert any("of the weight" in notice for notice in summary()["notices"])


def test_models_with_a_zero_weight_are_barred_unless_lifted(stored: Path) -> None:
    model = valid_model()
    rewrite(model, w2="0")
    Store.open("pool.store").add(model, on_conflict="replace")
    assert main([*STREAM]) == 0
    counts = summary()["submissions"]
    assert main([*STREAM[:3], "--method", "bma", "--out", "memory", "--quiet"]) == 0
    assert Path("hemicycle-out/rejects.csv").read_bytes() == Path("memory/rejects.csv").read_bytes()
    assert summary("memory")["submissions"] == counts
    assert main([*STREAM, "--min-weight", "1e-6", "--out", "lifted"]) == 0
    assert summary("lifted")["submissions"]["barred"] == 0 < counts["barred"]


def test_weights_that_no_certificate_holds_for_stop_no_run(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unproven(scores: StoreScores, **_: Any) -> Any:
        raise NotConvergedError("rounding ends progress", scores.uniform().weights, 0.25, 7)

    monkeypatch.setattr(StoreScores, "least_squares", unproven)
    assert main([*STREAM, "--method", "least_squares"]) == 0
    (found,) = (found for found in summary()["mechanisms"] if found["method"] == "least_squares")
    assert (found["gap"], found["passes"]) == (0.25, 7)
    assert any("rounding ends progress; see its gap" in notice for notice in summary()["notices"])


def test_results_are_there_as_they_come(
    stored: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(StoreScores, "least_squares", interrupted)
        assert main([*STREAM]) == 130
    assert capsys.readouterr().err == "interrupted\n"
    assert files_of_bytes("hemicycle-out").keys() == FILES - {"weights.csv"}
    assert "least_squares" in summary()["pending"]
    assert main(["verify", "hemicycle-out"]) == 1
    assert "stopped before all of its mechanisms were formed; the same command goes on" in capsys.readouterr().out
    early = Path("hemicycle-out/allocation.csv").read_bytes()
    Path("hemicycle-out/half.part").write_bytes(b"of a run that was killed")
    assert main([*STREAM]) == 0
    assert files_of_bytes("hemicycle-out").keys() == FILES
    assert Path("hemicycle-out/allocation.csv").read_bytes() == early
    assert summary()["pending"] == []


def test_an_earlier_result_stays_until_there_is_a_new_one(stored: Path) -> None:
    assert main([*STREAM]) == 0
    before = files_of_bytes("hemicycle-out")
    fragment = Store.open("pool.store").manifest.fragments[0].path(Path("pool.store"))
    content = fragment.read_bytes()
    fragment.write_bytes(content[:-4] + b"oops")
    assert main([*STREAM, "--sigma", "0.7"]) == 2
    assert files_of_bytes("hemicycle-out") == before
    fragment.write_bytes(content)
    assert main([*STREAM, "--sigma", "0.7"]) == 0


def test_two_runs_do_not_write_to_one_folder(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from hemicycle.store.writing import sole_writer

    assert main([*STREAM]) == 0
    before = files_of_bytes("hemicycle-out")
    capsys.readouterr()
    with sole_writer(Path("hemicycle-out/scores"), 0.0):
        assert main([*STREAM, "--sigma", "0.7"]) == 2
    assert f"is being written to by process {os.getpid()}" in capsys.readouterr().err
    assert files_of_bytes("hemicycle-out") == before


def test_a_run_in_memory_of_what_is_larger_names_the_other_way(stored: Path) -> None:
    common = ("ensemble", "jury.csv", "pool.store", "--method", "bma", "--intervals", "0")
    assert "--stream scores the store from disk" in run(*common, "--memory", "100").stderr
    assert "--stream" not in run(*common).stderr


def test_names_of_strangers_stay_text(here: Path) -> None:
    names = ["=cmd|' /C calc'!A0", "[bold red]x[/]", "@SUM(1)", ":smile:", "-2+3", "plain"]
    items = Pool.read("submissions").items
    logits = np.random.default_rng(0).normal(size=(len(names), len(items)))
    Store.create("pool.store", items=items).add(Pool.from_array(logits, models=names, items=items))
    done = run(*STREAM[:-1], "--method", "uniform")
    assert done.returncode == 0, done.stderr
    for name in names:
        assert name in done.stdout
    for file in ("weights.csv", "leaderboard.csv"):
        cells = {row["model"] for row in rows_of(Path("hemicycle-out", file))}
        assert not any(cell.startswith(("=", "@", "-", "+")) for cell in cells)
        assert {cell.removeprefix("'") for cell in cells} == set(names)


def long_store(folder: Path, n_fragments: int = 150) -> int:
    """Make a store that takes a while, and return how many models it has."""
    code = """
import sys
import numpy as np
from hemicycle import Pool, Store
from hemicycle.store import fragments
pool = Pool.read("submissions")
n = int(sys.argv[2])
fragments.FRAGMENT_BYTES = 8 * 20 * len(pool.items)
logits = np.random.default_rng(0).normal(size=(20 * n, len(pool.items)))
store = Store.create(sys.argv[1], items=pool.items)
store.add(Pool.from_array(logits, items=pool.items))
assert len(store.manifest.fragments) == n
"""
    subprocess.run([sys.executable, "-c", code, str(folder), str(n_fragments)], check=True)
    return 20 * n_fragments


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_process_ends_soon_and_the_next_goes_on(here: Path, how: signal.Signals) -> None:
    n_models = long_store(here / "long.store")
    arguments = ["ensemble", "jury.csv", "long.store", "--stream", "--method", "bma", "--out", "out"]
    process = subprocess.Popen(
        [sys.executable, "-m", "hemicycle", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    blocks = here / "out" / "scores" / "blocks"
    while process.poll() is None and not (blocks.exists() and any(blocks.glob("*.parquet"))):
        time.sleep(0.001)
    process.send_signal(how)
    asked = time.monotonic()
    _, err = process.communicate(timeout=60)
    assert time.monotonic() - asked < 20
    assert (process.returncode, err) == ((130, "interrupted\n") if how is signal.SIGINT else (-how, ""))
    before = {path.name: path.stat().st_mtime_ns for path in blocks.glob("*.parquet")}
    assert 0 < len(before) < 150
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    after = {path.name: path.stat().st_mtime_ns for path in blocks.glob("*.parquet")}
    assert len(after) == 150
    assert before.items() <= after.items()
    assert summary("out")["submissions"]["seated"] == n_models


@pytest.mark.skipif(os.name == "nt", reason="terminals of POSIX")
def test_a_terminal_sees_how_far_it_is(stored: Path) -> None:
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "hemicycle", *STREAM[:-1]]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=theirs, env=os.environ | {"TERM": "xterm"}
    ) as made:
        os.close(theirs)
        said = b""
        try:
            while part := os.read(ours, 1 << 16):
                said += part
        except OSError:
            pass  # the other end is closed
        os.close(ours)
    assert made.returncode == 0
    n_rows = len(Store.open("pool.store")) + 1  # with the one that was replaced
    assert f"{n_rows} of {n_rows}".encode() in said
    assert b"least squares, pass 1" in said
    assert b"wrote hemicycle-out" in said


def test_a_rate_is_of_what_was_done_since_the_beginning() -> None:
    from rich.progress import Task
    from rich.text import Text

    from hemicycle.cli.progress import _Rate, duration

    def shown(completed: float, at: float, now: float, first: float = 100.0, total: float | None = 1100) -> str:
        task = Task(0, "x", total, completed, _get_time=lambda: now, fields={"first": first, "at": at})  # type: ignore[arg-type]
        task.start_time = 10.0
        text = _Rate().render(task)
        assert isinstance(text, Text)
        return text.plain

    assert shown(600, 15.0, 15.0) == "100/s, 0:05 left"
    assert shown(600, 15.0, 18.0) == "100/s, 0:02 left"
    assert shown(600, 15.0, 60.0) == "100/s, 0:00 left"
    assert shown(100, 10.0, 13.0) == "0:03"  # nothing was done yet
    assert shown(600, 10.1, 10.2) == "0:00"  # too early to say
    assert shown(600, 15.0, 16.0, total=None) == "100/s, 0:06"
    assert [duration(seconds) for seconds in (0, 59.6, 3600, 3661)] == ["0:00", "1:00", "1:00:00", "1:01:01"]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Start a scheduler with two workers, in threads of this process."""
    distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, protocol="tcp://", dashboard_address=":0"
    ) as made:
        yield made


def test_workers_give_the_same_bytes(stored: Path, cluster: Any) -> None:
    assert main([*STREAM, "--out", "here"]) == 0
    done = run(*STREAM[:3], "--method", "bma", "--scheduler", cluster.scheduler_address, "--out", "there")
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[0] == f"2 workers of {cluster.scheduler_address}"
    assert files_of_bytes("there") == files_of_bytes("here")
    blocks = [files_of(Path(out, "scores", "blocks")) for out in ("here", "there")]
    assert blocks[0] == blocks[1]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda *_: ("0.0.0", ""), "has hemicycle 0.0.0; install"),
        (lambda *_: 1 / 0, "cannot run hemicycle"),
        (None, "cannot read"),
    ],
)
def test_workers_that_cannot_do_it_are_named(
    stored: Path, cluster: Any, monkeypatch: pytest.MonkeyPatch, answer: Any, said: str
) -> None:
    from hemicycle.streaming import scheduler

    if answer is None:
        plain = scheduler.look

        def answer(expected: dict[str, str], writable: str) -> tuple[str, str]:
            return plain({f"/elsewhere{path}": sha256 for path, sha256 in expected.items()}, writable)

    monkeypatch.setattr(scheduler, "look", answer)
    with (
        pytest.raises(OptionError, match=f"worker tcp://.* {said}"),
        scheduler.workers_of(cluster.scheduler_address, [Path("pool.store/store.json")], stored),
    ):
        pass


def test_what_a_worker_looks_at(tmp_path: Path) -> None:
    from hashlib import sha256

    from hemicycle import __version__
    from hemicycle.streaming.scheduler import look

    path = tmp_path / "file"
    path.write_bytes(b"same")
    right = {str(path): sha256(b"same").hexdigest()}
    assert look(right, str(tmp_path)) == (__version__, "")
    assert "cannot write to" in look(right, str(tmp_path / "absent"))[1]
    path.write_bytes(b"other")
    assert "sees another" in look(right, str(tmp_path))[1]
    path.unlink()
    assert "under the same path on every worker" in look(right, str(tmp_path))[1]


def test_schedulers_that_do_not_answer(
    stored: Path, cluster: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import socket

    from hemicycle.streaming import scheduler

    monkeypatch.setattr(scheduler, "PATIENCE", 0.5)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        assert main([*STREAM, "--scheduler", address]) == 2
        assert f"no answer from {address}" in capsys.readouterr().err
        silent.listen()
        assert main([*STREAM, "--scheduler", address]) == 2
        assert f"no answer from {address}" in capsys.readouterr().err
    worker = next(iter(cluster.workers.values())).address
    assert main([*STREAM, "--scheduler", worker]) == 2
    assert "is a Worker" in capsys.readouterr().err


def test_a_scheduler_without_workers_or_that_is_lost(
    stored: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")
    from concurrent.futures import CancelledError

    from hemicycle.streaming import scheduler

    monkeypatch.setattr(scheduler, "PATIENCE", 0.5)
    local: dict[str, Any] = {"processes": False, "protocol": "tcp://", "dashboard_address": ":0"}
    with distributed.LocalCluster(n_workers=0, **local) as empty:
        assert main([*STREAM, "--scheduler", empty.scheduler_address]) == 2
        assert "has no workers" in capsys.readouterr().err
        empty.scale(1)
        monkeypatch.setattr(scheduler, "PATIENCE", 10)
        with (
            pytest.raises(StoreError, match="what was scored stays"),
            scheduler.workers_of(empty.scheduler_address, [], stored),
        ):
            raise CancelledError


def test_help_has_a_part_on_streaming() -> None:
    said = run("ensemble", "--help", env={"COLUMNS": "120"}).stdout
    for word in ("Streaming", "--stream", "--scheduler", "--top"):
        assert word in said
