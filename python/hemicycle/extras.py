"""Packages of extras, imported when they are used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from hemicycle.errors import MissingExtraError

__all__ = ["extra_module"]


def extra_module(name: str, needs: str, extra: str) -> Any:
    """Return a module of a package that an extra brings.

    Parameters
    ----------
    name : str
        The module.
    needs : str
        What needs it, with its verb: "a store needs".
    extra : str
        Of hemicycle.

    Raises
    ------
    MissingExtraError
        If the package is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise MissingExtraError(
            f"{needs} {package}, which is not installed: pip install 'hemicycle[{extra}]'"
        ) from error
