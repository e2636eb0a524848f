"""hemicycle: weigh many models against few human judgments."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hemicycle.allocation import allocate
    from hemicycle.judgments import Judgments
    from hemicycle.pool import Pool

__all__ = ["Judgments", "Pool", "allocate"]

# Where each public name lives. It is imported when first used, so that `hemicycle --help` does not wait for NumPy.
_HOME = {
    "Judgments": "judgments",
    "Pool": "pool",
    "allocate": "allocation",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
