"""`hemicycle verify`: an untouched folder holds, any changed byte of an input or an output does not."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from command_line import run
from hemicycle.cli import main
from hemicycle.errors import FormatError, HemicycleError
from hemicycle.synthetic import two_camp_round
from hemicycle.verification import verify

if TYPE_CHECKING:
    from pathlib import Path

OUT = "result"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Return a folder with a small round and its result."""
    folder = tmp_path_factory.mktemp("verified")
    two_camp_round(3, n_items=12, n_pairs=30, n_models=40).write(folder)
    options = ("--evaluate", "juror", "--folds", "2", "--drop", "model=infra-001", "--intervals", "10", "--quiet")
    assert (
        main(["ensemble", str(folder / "jury.csv"), str(folder / "submissions"), "--out", str(folder / OUT), *options])
        == 0
    )
    return folder


def files_read(folder: Path) -> list[Path]:
    files = [folder / "jury.csv", *sorted((folder / "submissions").iterdir()), *sorted((folder / OUT).iterdir())]
    return [path for path in files if path.stat().st_size]


def test_an_untouched_folder_holds(made):
    found = verify(made / OUT)
    assert found.holds
    assert found.differences == found.notices == ()
    assert found.inputs == ("jury", "pool")
    assert set(found.files) == {path.name for path in (made / OUT).iterdir()}


def test_it_holds_elsewhere_and_for_any_number_of_threads(made, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(made, moved)
    for n_threads in ("1", "3"):
        result = run("verify", str(moved / OUT), env={"RAYON_NUM_THREADS": n_threads})
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout.startswith("verified: 2 inputs and 13 files")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_changed_byte_is_found(made, data):
    path = data.draw(st.sampled_from(files_read(made)))
    before = path.read_bytes()
    place = data.draw(st.integers(0, len(before) - 1))
    other = data.draw(st.integers(1, 255))
    path.write_bytes(before[:place] + bytes([before[place] ^ other]) + before[place + 1 :])
    try:
        found = verify(made / OUT)
    except HemicycleError:
        assert path.name == "round.toml"  # what it says is no run
    else:
        assert not found.holds
        inputs = [difference.kind == "input" for difference in found.differences]
        if path.parent.name == OUT and path.name != "round.toml":
            assert [difference.file for difference in found.differences] == [path.name]
            assert not any(inputs)
        elif path.name != "round.toml":
            assert all(inputs)
    finally:
        path.write_bytes(before)


def test_the_first_difference_is_named(made, tmp_path, capsys):
    moved = tmp_path / "moved"
    shutil.copytree(made, moved)
    weights = moved / OUT / "weights.csv"
    lines = weights.read_text().splitlines()
    method, model, weight = lines[4].split(",")
    lines[4] = f"{method},{model},{float(weight) + 0.25}"
    lines[7] = "gone"
    weights.write_text("\n".join(lines) + "\n")
    (moved / OUT / "leaderboard.csv").unlink()
    (moved / OUT / "notes.txt").write_text("mine")
    report = moved / OUT / "report.html"
    report.write_bytes(report.read_bytes() + b"<p>")
    assert main(["verify", str(moved / OUT), "--format", "json", "--quiet"]) == 1
    differences = {difference["file"]: difference for difference in json.loads(capsys.readouterr().out)["differences"]}
    assert set(differences) == {"weights.csv", "leaderboard.csv", "notes.txt", "report.html"}
    assert differences["weights.csv"]["line"] == 5
    assert differences["weights.csv"]["column"] == "weight"
    assert (differences["weights.csv"]["found"], differences["weights.csv"]["expected"]) == (
        str(float(weight) + 0.25),
        weight,
    )
    assert differences["leaderboard.csv"]["found"] == "no file"
    assert differences["notes.txt"]["found"] == "a file"
    assert differences["report.html"]["found"].endswith("<p>")
    assert main(["verify", str(moved / OUT)]) == 1
    assert "weights.csv, line 5, column weight: " in capsys.readouterr().out


def test_inputs_that_are_not_those_of_the_run(made, tmp_path, capsys):
    moved = tmp_path / "moved"
    shutil.copytree(made, moved)
    (moved / "submissions" / "new.csv").write_text("repo,weight\n")
    (moved / "jury.csv").unlink()
    found = verify(moved / OUT)
    assert [difference.kind for difference in found.differences] == ["input", "input"]
    assert found.files == ()
    assert main(["verify", str(moved / OUT)]) == 1
    out = capsys.readouterr().out
    assert "nothing that can be read (No such file or directory), where round.toml has" in " ".join(out.split())
    assert "nothing was computed: the inputs are not those of the run" in out


def test_other_versions_are_told(made, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(made, moved)
    path = moved / OUT / "summary.json"
    summary = json.loads(path.read_text())
    summary["versions"]["numpy"] = "1.0"
    summary["instruction_set"] = "portable"
    path.write_text(json.dumps(summary))
    found = verify(moved / OUT)
    assert any("made with numpy 1.0, verified with" in notice for notice in found.notices)
    assert any("made on portable" in notice for notice in found.notices)
    path.write_text("[]")
    assert verify(moved / OUT).notices == ()


def test_what_is_planted_in_a_folder_is_not_read_whole(made, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(made, moved)
    with (moved / OUT / "planted.csv").open("wb") as file:
        file.truncate(1 << 42)
    with (moved / OUT / "weights.csv").open("r+b") as file:
        file.truncate(1 << 42)
    (moved / OUT / "summary.json").write_text("[" * 100_000)
    found = verify(moved / OUT)
    assert {difference.file for difference in found.differences} == {"planted.csv", "weights.csv", "summary.json"}


def test_folders_that_cannot_be_verified(made, tmp_path, capsys):
    with pytest.raises(FormatError, match=r"it holds no round\.toml"):
        verify(tmp_path)
    with pytest.raises(FormatError, match="give the folder"):
        verify(made / OUT / "round.toml")
    shutil.copytree(made, tmp_path / "moved")
    path = tmp_path / "moved" / OUT / "round.toml"
    path.write_text(path.read_text().partition("[sha256]")[0])
    with pytest.raises(FormatError, match=r"holds no \[sha256\] of the inputs"):
        verify(path.parent)
    assert main(["verify", str(path.parent)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert main(["verify", str(path.parent), "--format", "csv"]) == 2
