from __future__ import annotations

import os
from pathlib import Path

import pytest

from hemicycle.config import HEADER, RoundConfig, read_config
from hemicycle.errors import FormatError, OptionError

FULL = RoundConfig(
    jury="in/jury.csv", pool="in/pool", method="bma", mean="arithmetic", sigma=0.1, power=0.5, prior="in/prior.csv",
    items="in/items.csv", rename="in/rename.csv", min_weight=1e-9, split="public", bootstrap=500, seed=7,
    loss="log_score", rounds=30,
)  # fmt: skip
STREAMED = RoundConfig(
    jury="in/jury.csv", pool="in/pool.store", method="greedy", rounds=7, prior="clone_proof", bandwidth=0.2,
    min_weight=1e-9, split="public", stream=True, top=7, intervals=0,
)  # fmt: skip


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(config: RoundConfig, folder: str = "out") -> Path:
    path = Path(folder) / "round.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(config.toml(path.parent, {"jury": "00", "pool": "11"}), encoding="utf-8")
    return path


@pytest.mark.parametrize("config", [FULL, STREAMED, RoundConfig(jury="jury.csv", pool="pool")])
def test_a_config_survives_its_file(config: RoundConfig) -> None:
    path = written(config)
    again = read_config(path)
    for name, place in config.paths().items():
        assert os.path.realpath(again.paths()[name]) == os.path.realpath(place)
    assert again.options() == config.options()
    assert again.sha256 is not None
    assert again.sha256.jury == "00"
    assert again.toml(path.parent, {"jury": "00", "pool": "11"}) == path.read_text(encoding="utf-8")


def test_paths_are_relative_to_the_file_and_absolute_ones_stay_usable(here: Path) -> None:
    text = RoundConfig(jury="jury.csv", pool=str(here / "pool")).toml(Path("results/1"), {})
    assert 'jury = "../../jury.csv"' in text
    assert 'pool = "../../pool"' in text
    assert text.startswith(HEADER)


def test_paths_through_a_linked_folder_still_reach_the_inputs(here: Path) -> None:
    (here / "deep" / "er").mkdir(parents=True)
    (here / "link").symlink_to(here / "deep" / "er")
    (here / "jury.csv").write_text("x")
    path = written(RoundConfig(jury="jury.csv", pool="pool"), "link")
    assert Path(read_config(path).jury).read_text() == "x"


def test_options_of_the_command_line_replace_those_of_the_file() -> None:
    path = written(FULL)
    config = read_config(path, method="best", sigma=None, items="other.csv")
    assert (config.method, config.sigma, config.items) == ("best", 0.1, "other.csv")


def test_the_words_for_a_prior_are_no_paths() -> None:
    assert read_config(written(RoundConfig(jury="j", pool="p", prior="per_author"))).prior == "per_author"
    assert RoundConfig(jury="j", pool="p", prior="per_author").prior_file is None


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("jury =", FormatError, "not TOML"),
        (b"\xff\xfe", FormatError, "not TOML"),
        ("pool = 'p'", FormatError, "jury"),
        ("jury = 1\npool = 'p'", FormatError, "jury"),
        ("jury = 'j'\npool = 'p'\nsigmma = 1", FormatError, "unknown key 'sigmma'; is 'sigma' meant"),
        ("jury = 'j'\npool = 'p'\nxyz = 1", FormatError, "unknown key 'xyz'; known are jury, pool, method"),
        ("jury = 'j'\npool = 'p'\nsigma = 'x'", FormatError, "sigma"),
        ("jury = 'j'\npool = 'p'\nmethod = 'borda'", OptionError, "method: expected 'least_squares', 'bma', "),
        (
            "jury = 'j'\npool = 'p'\nmean = 'median'",
            OptionError,
            "mean: expected 'geometric' or 'arithmetic', got 'median'",
        ),
        ("jury = 'j'\npool = 'p'\nloss = 'mse'", OptionError, "loss: expected 'squared_error' or 'log_score' or"),
        ("jury = 'j'\npool = 'p'\nseed = -1", FormatError, "seed is -1; it must be at least 0"),
        ("jury = 'j'\npool = 'p'\nrounds = 1.5", FormatError, "rounds"),
        ("#" * (1 << 20) + "\n", FormatError, "longer than"),
        ("x = " + "[" * 100_000, FormatError, "nested too deeply"),
        ("x" + ".x" * 100_000 + " = 1", FormatError, "nested too deeply"),
        ("['x'" + """ . "\\"=" """ * 100_000 + "]", FormatError, "nested too deeply"),
        ("seed = " + "9" * 5_000, FormatError, "not TOML: .* digits"),
        ('jury = "a\\u0000b"', FormatError, "jury: a path holds no U.0000"),
    ],
)
def test_bad_files_say_what_is_wrong(text: str | bytes, error: type[Exception], says: str) -> None:
    Path("round.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(error, match=says):
        read_config(Path("round.toml"))


def test_a_missing_file_is_an_os_error() -> None:
    with pytest.raises(FileNotFoundError):
        read_config(Path("absent.toml"))


def test_a_config_made_by_hand_is_checked_too() -> None:
    with pytest.raises(OptionError, match="mean: expected 'geometric' or 'arithmetic', got 'median'"):
        RoundConfig(jury="j", pool="p", mean="median")  # type: ignore[arg-type]
