"""The command line as a whole: exit codes, terminals, pipes, signals, help."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from command_line import files_of, run
from hemicycle.cli import main

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["ensemble", "absent.csv", "submissions"], "absent.csv"),
        (["ensemble", "jury.csv", "absent"], "absent"),
        (["ensemble", "jury.csv"], "POOL"),
        (["ensemble", "round.toml", "submissions"], "POOL"),
        (["ensemble", "absent.toml"], "absent.toml: No such file"),
        (["ensemble", "submissions", "submissions"], "submissions"),
        (["ensemble", "submissions/faulty-empty.csv", "submissions"], "faulty-empty.csv"),
        (["ensemble", "jury.csv", "submissions/faulty-empty.csv"], "faulty-empty.csv"),
        (["ensemble", "jury.csv", "submissions", "--sigma", "0"], "sigma"),
        (["ensemble", "jury.csv", "submissions", "--sigma", "nan"], "sigma"),
        (["ensemble", "jury.csv", "submissions", "--power", "nan"], "power"),
        (["ensemble", "jury.csv", "submissions", "--min-weight", "-1"], "min_weight"),
        (["ensemble", "jury.csv", "submissions", "--prior", "absent.csv"], "absent.csv"),
        (["ensemble", "jury.csv", "submissions", "--prior", "jury.csv"], "model,weight"),
        (["ensemble", "jury.csv", "submissions", "--out", "submissions"], "--out"),
        (["ensemble", "jury.csv", "submissions", "--out", "jury.csv"], "--out"),
        (["check", "absent.csv"], "absent.csv: No such file"),
        (["check", "submissions"], "is a folder"),
    ],
)
def test_bad_input_is_one_line_on_stderr_and_exit_2(
    here: Path, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files_of("submissions")
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert says in err
    assert files_of("submissions") == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["ensemble"],
        ["vote"],
        ["--nope"],
        ["check"],
        ["ensemble", "j", "p", "--sigma", "x"],
        ["ensemble", "j", "p", "--method", "m"],
    ],
)
def test_usage_errors_are_exit_2_without_traceback(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Usage" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("arguments", [["ensemble", "absent.csv", "submissions"], ["vote"]])
def test_a_process_says_no_more_than_its_main(here: Path, arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


def test_no_escape_codes_off_a_terminal_or_under_no_color(here: Path) -> None:
    assert "\x1b" not in run("ensemble", "jury.csv", "submissions").stdout
    colored = run("ensemble", "jury.csv", "submissions", env={"FORCE_COLOR": "1"}).stdout
    assert "\x1b[" in colored
    plain = run("ensemble", "jury.csv", "submissions", env={"NO_COLOR": "1", "FORCE_COLOR": "1"}).stdout
    assert "\x1b[3" not in plain
    assert "○" in plain


@pytest.mark.parametrize("columns", ["40", "80", "120"])
def test_lines_fit_the_terminal(here: Path, columns: str) -> None:
    result = run("ensemble", "jury.csv", "submissions", env={"COLUMNS": columns})
    assert result.returncode == 0
    assert max(map(len, result.stdout.splitlines())) <= max(int(columns), 52)


def test_an_ascii_terminal_gets_letters(here: Path) -> None:
    result = run("ensemble", "jury.csv", "submissions", env={"PYTHONIOENCODING": "ascii"})
    assert result.returncode == 0, result.stderr
    assert "A A A" in result.stdout
    assert result.stdout.isascii()


@pytest.mark.skipif(os.name == "nt", reason="pipes of a POSIX shell")
def test_a_reader_that_leaves_is_no_error(here: Path) -> None:
    command = f"{sys.executable} -m hemicycle ensemble jury.csv submissions --format json | head -c 1 >/dev/null"
    result = subprocess.run(
        ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0
    assert "Traceback" not in result.stderr
    assert "Broken" not in result.stderr


@pytest.mark.parametrize("option", ["--method", "--format", "--mean"])
def test_a_word_that_is_none_of_those_known_is_told_in_plain_words(
    here: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ensemble", "jury.csv", "submissions", option, "votes"]) == 2
    said = capsys.readouterr().err
    assert f"Invalid value for '{option}': 'votes' is not one of" in said
    assert "Value error" not in said


def test_interruption_is_exit_130(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hemicycle.cli.ensemble.run_ensemble", interrupted)
    assert main(["ensemble", "jury.csv", "submissions"]) == 130
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_ends_a_process_without_traceback(here: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "hemicycle", "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stderr is not None
    first = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    assert "synthetic round" in first
    assert process.returncode == 130
    assert "Traceback" not in rest


def test_ctrl_c_while_the_commands_are_imported_is_quiet() -> None:
    """Before that it is Python itself that starts, and says a traceback."""
    code = """
import sys

class Pressed:
    def find_spec(self, name, *_):
        if name == "typer":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Pressed())
from hemicycle.cli import main
sys.exit(main(["--help"]))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (130, "", "interrupted\n")


@pytest.mark.parametrize("error", [RuntimeError("lost"), BaseException("panicked")])
def test_our_own_bugs_are_exit_101_and_say_so(
    here: Path, error: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("hemicycle.cli.ensemble.run_ensemble", broken)
    assert main(["ensemble", "jury.csv", "submissions"]) == 101
    said = capsys.readouterr().err
    assert "bug in hemicycle" in said
    assert "hemicycle.cli.app, line" in said
    assert said.count("\n") == 1


def test_out_of_memory_is_no_bug(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hungry(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("hemicycle.cli.ensemble.run_ensemble", hungry)
    assert main(["ensemble", "jury.csv", "submissions"]) == 2


def test_version_and_help() -> None:
    assert run("--version").stdout.startswith("hemicycle 0.")
    for command in ("ensemble", "check", "demo"):
        result = run(command, "--help")
        assert result.returncode == 0
        assert "Examples" in result.stdout
        assert f"hemicycle {command}" in result.stdout


def test_help_waits_for_nothing_heavy() -> None:
    code = "import sys; from hemicycle.cli import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for module in ("numpy", "scipy", "narwhals", "jinja2", "msgspec", "pandas", "polars", "pyarrow"):
        assert module not in result.stderr.split()
