"""Every example of the README and of docs/ runs; every `make` target and file that they name exists."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("**/*.md"))]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    return [body for name, body in FENCE.findall(page.read_text(encoding="utf-8")) if name == language]


def commands(page: Path) -> list[str]:
    return [line for block in blocks(page, "sh") for line in block.splitlines() if line.startswith("hemicycle ")]


def pages(*, of: str | None = None) -> pytest.MarkDecorator:
    chosen = [page for page in PAGES if of is None or (commands(page) if of == "sh" else blocks(page, of))]
    return pytest.mark.parametrize("page", chosen, ids=[str(page.relative_to(ROOT)) for page in chosen])


@pytest.fixture
def round_folder(tmp_path: Path) -> Path:
    """Give the folder in which a reader of the docs stands: a jury, its public part, a pool, a model, costs."""
    from hemicycle.synthetic import two_camp_round

    two_camp_round(n_models=60).write(tmp_path)
    shutil.copy(tmp_path / "jury.csv", tmp_path / "public.csv")
    shutil.copy(min((tmp_path / "submissions").glob("infra*.csv")), tmp_path / "mine.csv")
    (tmp_path / "costs.csv").write_text("type,cost\nuniversity,0.5\nhospital,0.03\nbank,0.02\n", encoding="utf-8")
    return tmp_path


@pages(of="python")
def test_python_examples_run(page: Path, round_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(round_folder)
    namespace: dict[str, object] = {"__name__": "__main__"}
    for example in blocks(page, "python"):
        exec(compile(example, str(page), "exec"), namespace)


def test_what_the_examples_of_diversity_print_is_shown(
    round_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A text block shows what the example above it prints."""
    monkeypatch.chdir(round_folder)
    namespace: dict[str, object] = {"__name__": "__main__"}
    printed, n_shown = "", 0
    for language, body in FENCE.findall((ROOT / "docs" / "diversity.md").read_text(encoding="utf-8")):
        if language == "python":
            exec(compile(body, "diversity.md", "exec"), namespace)
            printed = capsys.readouterr().out
        elif language == "text":
            assert body == printed
            n_shown += 1
    assert n_shown == 2


@pages(of="sh")
def test_commands_run(page: Path, round_folder: Path) -> None:
    for command in commands(page):
        arguments = [sys.executable, "-m", "hemicycle", *shlex.split(command, comments=True)[1:]]
        result = subprocess.run(arguments, cwd=round_folder, capture_output=True, text=True, check=False)
        assert result.returncode == 0, f"{command}\n{result.stderr}"


@pages()
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)`|^make ([a-z-]+)", page.read_text(encoding="utf-8"), re.MULTILINE))
    assert {a or b for a, b in named} <= targets


@pages()
def test_links_inside_the_project_resolve(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []
