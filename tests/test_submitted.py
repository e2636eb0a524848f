"""When submissions came: what the organiser says is read, what an author says is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from command_line import files_of, run
from hemicycle import Pool
from hemicycle.errors import DtypeError, FormatError
from hemicycle.submitted import SubmissionTimes, utc_times
from hemicycle.synthetic import two_camp_round

NOON = "2025-10-06T12:00:00+00:00"
LATER = "2025-10-06T14:30:00.500000+00:00"
MANY = f"model,repo,weight,submitted\nn,x,1,{NOON}\nm,x,1,{LATER}\nm,y,2,\nn,y,1,never\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("ada/first", "first", "second"):
        path = tmp_path / "pool" / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("repo,weight,submitted\nx,1,1999-01-01\ny,2,1999-01-01\n")
    return tmp_path / "pool"


def written(folder: Path, *rows: str, header: str = "model,submitted") -> Path:
    path = folder.parent / "times.csv"
    path.write_text("\n".join([header, *rows, ""]))
    return path


@pytest.mark.parametrize(
    "text",
    [
        "2025-10-06T12:00:00Z",
        "2025-10-06 14:00:00+02:00",
        "20251006T120000",
        " 2025-10-06T12:00:00.000 ",
        "2025-W41-1T12",
    ],
)
def test_one_time_has_one_spelling(text):
    assert utc_times([text]) == ([NOON], {})


@given(st.lists(st.datetimes(min_value=datetime(1000, 1, 2)), min_size=2))
def test_as_text_they_sort_by_time(times):
    texts, wrong = utc_times([time.replace(tzinfo=UTC).isoformat() for time in times])
    assert not wrong
    assert sorted(texts) == utc_times([time.isoformat() for time in sorted(times)])[0]


@given(st.lists(st.text()))
def test_any_text_is_a_time_or_is_said_to_be_none(texts):
    times, wrong = utc_times(texts)
    assert len(times) == len(texts)
    for place, text in enumerate(texts):
        assert (times[place] is None) == (not text.strip() or place in wrong)


def test_a_day_is_neither_before_nor_after_a_time_of_it():
    assert utc_times(["2025-10-06", "20251005"])[1] == {}
    times, wrong = utc_times(["2025-10-06", "2025-10-06T12:00", "0001-01-01T00:00+14:00"])
    assert times == [None, NOON, None]
    assert wrong[0].startswith("a day without a time of day")
    assert wrong[2].startswith("not a time")


def test_a_file_of_the_organiser_says_when_models_came(folder):
    path = written(
        folder, "second,2025-10-06T16:30:00.5+02:00", "first,", f"ada/first,{NOON}", "gone,2025-10-01T00:00Z"
    )
    pool = Pool.read(folder, submitted=path)
    assert pool.models == ("ada/first", "first", "second")
    assert pool.submitted == (NOON, None, LATER)
    assert pool.notices == ("times.csv: 1 model with a time and no submission: 'gone'",)
    assert pool.select([2, 1]).submitted == (LATER, None)


def test_a_file_of_one_model_cannot_say_its_time(folder):
    assert Pool.read(folder).submitted == (None, None, None)


def test_a_submission_that_was_turned_away_is_not_unknown(folder):
    (folder / "broken.csv").write_text("repo,weight\nx,1\n")
    pool = Pool.read(folder, submitted={"broken": NOON, "first": NOON})
    assert (pool.submitted, pool.notices) == ((None, NOON, None), ())


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        (("first,2025-10-06T12:00Z", "second,soon"), "model,submitted", "times.csv, line 3: submitted 'soon' is not a"),
        (
            ("first,2025-10-06T12:00Z", "second,2025-10-06"),
            "model,submitted",
            "line 3: submitted '2025-10-06' is a day",
        ),
        (("first,2025-10-06", "first,2025-10-07"), "model,submitted", "line 3: 'first' has a time already, in line 2"),
        (("first,2025-10-06",), "name,submitted", "have the columns model,submitted"),
        (("first,2025-10-06,x",), "model,submitted", "have the columns model,submitted"),
    ],
)
def test_a_bad_file_is_an_error_that_names_the_line(folder, rows, header, message):
    with pytest.raises(FormatError, match=message):
        Pool.read(folder, submitted=written(folder, *rows, header=header))


def test_a_mapping_says_it_too():
    moment = datetime(2025, 10, 6, 12, tzinfo=UTC)
    pool = Pool.from_array(np.zeros((2, 2)), models=["a", "b"], submitted={"a": moment, "b": "2025-10-06T14:30:00.5Z"})
    assert pool.submitted == (NOON, LATER)
    assert SubmissionTimes.of({"a": moment + timedelta(hours=1)}).of_model == {"a": "2025-10-06T13:00:00+00:00"}
    with pytest.raises(FormatError, match="submitted: 'a': 'soon' is not a time"):
        Pool.from_array([[0.0]], models=["a"], submitted={"a": "soon"})
    for wrong in ({"a": 3}, ["2025-10-06"], {1: NOON}):
        with pytest.raises(DtypeError, match="submitted: expected a mapping"):
            Pool.from_array([[0.0]], models=["a"], submitted=wrong)  # type: ignore[arg-type]


def test_a_table_of_many_models_says_it_in_the_first_row_of_each(tmp_path):
    path = tmp_path / "many.csv"
    path.write_text(MANY)
    pool = Pool.read(path)
    assert (pool.models, pool.submitted, pool.notices) == (("m", "n"), (LATER, NOON), ())
    assert Pool.read(path, submitted={"n": LATER}).submitted == (None, LATER)
    frame = pd.DataFrame({"model": ["m", "n"], "item": ["x", "x"], "weight": [1.0, 2.0]})
    frame["submitted"] = pd.to_datetime([LATER, NOON], format="ISO8601")
    assert Pool.from_frame(frame).submitted == (LATER, NOON)


def test_a_bad_time_in_a_table_costs_a_model_its_time_and_not_its_place(tmp_path):
    path = tmp_path / "many.csv"
    path.write_text(MANY.replace(NOON, "=cmd()"))
    pool = Pool.read(path)
    assert (pool.models, pool.submitted) == (("m", "n"), (LATER, None))
    assert pool.notices[0].startswith(
        "many.csv: 1 time of submission left aside; the first: 'n' has '=cmd()', not a time"
    )


def test_a_run_is_repeated_with_its_times(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = two_camp_round(3, n_items=10, n_pairs=20, n_models=20)
    made.write(tmp_path)
    Path("times.csv").write_text(f"model,submitted\n{made.models[0]},{NOON}\n")
    options = ("--submitted", "times.csv", "--intervals", "0", "--quiet", "--format", "csv")
    assert run("ensemble", "jury.csv", "submissions", *options, "--out", "one").returncode == 0
    assert run("ensemble", "one/round.toml", "--quiet", "--format", "csv", "--out", "two").returncode == 0
    one, two = files_of("one"), files_of("two")
    assert {name for name in one if one[name] != two[name]} == set()
    assert b'submitted = "../times.csv"' in one["round.toml"]
    verified = run("verify", "one")
    assert verified.stdout.startswith("verified: 3 inputs")
    Path("times.csv").write_text(f"model,submitted\n{made.models[0]},{LATER}\n")
    assert "submitted" in run("verify", "one").stdout
    assert run("verify", "one").returncode == 1
