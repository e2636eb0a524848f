"""Every example of the README and of docs/ runs; every `make` target that they name exists."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("**/*.md"))]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ids = [str(page.relative_to(ROOT)) for page in PAGES]


def blocks(page: Path, language: str) -> list[str]:
    return [body for name, body in FENCE.findall(page.read_text(encoding="utf-8")) if name == language]


@pytest.fixture(scope="module")
def round_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder in which a reader of the docs would stand: a jury, a pool and a model of their own."""
    from hemicycle.synthetic import two_camp_round

    folder = tmp_path_factory.mktemp("docs")
    two_camp_round(n_models=60).write(folder)
    jury = (folder / "jury.csv").read_text(encoding="utf-8")
    (folder / "public.csv").write_text(jury, encoding="utf-8")
    mine = min((folder / "submissions").glob("alpine*.csv"), default=None) or min(
        (folder / "submissions").glob("*.csv")
    )
    (folder / "mine.csv").write_text(mine.read_text(encoding="utf-8"), encoding="utf-8")
    return folder


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_python_examples_run(page: Path, round_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = blocks(page, "python")
    if not examples:
        pytest.skip("no Python on this page")
    monkeypatch.chdir(round_folder)
    namespace: dict[str, object] = {"__name__": "__main__"}
    for example in examples:
        exec(compile(example, str(page), "exec"), namespace)


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_commands_run(page: Path, round_folder: Path) -> None:
    commands = [line for block in blocks(page, "sh") for line in block.splitlines() if line.startswith("hemicycle ")]
    if not commands:
        pytest.skip("no command on this page")
    for command in commands:
        arguments = shlex.split(command, comments=True)[1:]
        result = subprocess.run(
            [sys.executable, "-m", "hemicycle", *arguments],
            cwd=round_folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, f"{command}\n{result.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)`|^make ([a-z-]+)", page.read_text(encoding="utf-8"), re.MULTILINE))
    assert {a or b for a, b in named} <= targets


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_inside_the_project_resolve(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    missing = [link for link in local if not (page.parent / link).exists()]
    assert missing == []
