"""The public names: what they are, that each is documented, and that docstring and signature agree."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import hemicycle
from hemicycle.running import start
from hemicycle.synthetic import two_camp_round

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECTION = re.compile(r"^(\w[\w ]*)\n-+\n", re.MULTILINE)
PUBLIC = sorted(hemicycle.__all__)


def modules() -> Iterator[Any]:
    for found in pkgutil.walk_packages(hemicycle.__path__, "hemicycle."):
        if not found.name.endswith(("_core", "__main__")):
            yield importlib.import_module(found.name)


def callables(owner: Any, name: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Give a function, or the public methods of a class that it defines itself."""
    member = getattr(owner, name)
    if inspect.isfunction(member):
        yield f"{owner.__name__}.{name}", member
    elif inspect.isclass(member):
        for method, value in vars(member).items():
            function = value.__func__ if isinstance(value, classmethod | staticmethod) else value
            if inspect.isfunction(function) and not method.startswith("_"):
                yield f"{owner.__name__}.{name}.{method}", function


EXPORTED = {
    label: function
    for module in modules()
    for name in getattr(module, "__all__", ())
    if getattr(getattr(module, name), "__module__", None) == module.__name__
    for label, function in callables(module, name)
}
FRONT = {label: function for name in PUBLIC for label, function in callables(hemicycle, name)}


def sections(function: Callable[..., Any]) -> dict[str, str]:
    parts = SECTION.split(inspect.getdoc(function) or "")
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def documented(section: str) -> list[str]:
    """Names of the entries of a numpydoc section: the lines that are not indented, before the colon."""
    entries = [line.partition(" : ")[0] for line in section.splitlines() if line and not line.startswith(" ")]
    return [name.strip().lstrip("*") for entry in entries for name in entry.split(",")]


def parameters(function: Callable[..., Any]) -> list[str]:
    return [name for name in inspect.signature(function).parameters if name not in ("self", "cls")]


def test_every_public_name_exists_and_is_listed():
    assert len(set(hemicycle.__all__)) == len(hemicycle.__all__)
    for name in PUBLIC:
        assert getattr(hemicycle, name).__doc__, name
        assert name in dir(hemicycle)
    assert hemicycle.__version__.count(".") == 2
    with pytest.raises(AttributeError, match="no attribute 'parliament'"):
        hemicycle.parliament  # noqa: B018


def test_importing_the_package_is_light():
    code = "import hemicycle, sys; print([m for m in ('numpy', 'narwhals', 'hemicycle.round') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("label", sorted(EXPORTED))
def test_docstring_and_signature_name_the_same_parameters(label):
    function = EXPORTED[label]
    assert inspect.getdoc(function), "not documented"
    found = sections(function)
    if "Parameters" in found:
        assert documented(found["Parameters"]) == parameters(function)


@pytest.mark.parametrize("label", sorted(FRONT))
def test_public_callables_have_the_sections_of_numpydoc(label):
    function = FRONT[label]
    found = sections(function)
    assert ("Parameters" in found) == bool(parameters(function))
    returned = inspect.signature(function).return_annotation
    makes_its_class = label.split(".")[-2] == returned  # what a constructor returns goes without saying
    assert "Returns" in found or makes_its_class or returned in (None, "None")


@pytest.mark.parametrize("name", [name for name in PUBLIC if inspect.isclass(getattr(hemicycle, name))])
def test_public_classes_document_their_fields(name):
    found = sections(getattr(hemicycle, name))
    fields = [f for f in getattr(hemicycle, name).__dataclass_fields__ if not f.startswith("_")]
    told = documented(found.get("Parameters", "")) + documented(found.get("Attributes", ""))
    assert set(fields) <= set(told)


def test_what_holds_many_rows_is_shown_in_one_line():
    made = two_camp_round(0, n_items=12, n_pairs=30, n_models=40)
    judgments, pool = made.judgments(), made.pool()
    ensemble = hemicycle.Round(judgments, pool).ensemble()
    a, b = ensemble.items[0], ensemble.items[1]
    for shown, begins in (
        (pool, "Pool(40 models, 12 items"),
        (judgments, f"Judgments({len(judgments)} judgments, 12 items"),
        (judgments.pairs, f"Pairs(30 pairs, {len(judgments)} labels)"),
        (start(pool, judgments), f"RunningScores(40 models, {len(judgments)} judgments)"),
        (pool.items, "Items(12 items of 1 parent)"),
        (ensemble.predictive(a.name, b.name), "Predictive("),
    ):
        assert repr(shown).startswith(begins)
        assert len(repr(shown)) < 80
