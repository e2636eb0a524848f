"""Mass of each model, as a prior of averaging or as what least squares stays near to: by a word, an array or a file."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from hemicycle.arrays import float_array
from hemicycle.errors import FormatError, OptionError, ShapeError
from hemicycle.sources import NUMBER, Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from hemicycle.read_limits import ReadLimits

__all__ = ["CLONE_PROOF", "WORDS", "Mass", "Prior", "is_clone_proof", "is_uniform", "model_mass", "read_mass"]

Prior: TypeAlias = "ArrayLike | None"
"""One of `WORDS`, or the mass of each model; None is uniform."""

WORDS = ("uniform", "per_author", "clone_proof")


CLONE_PROOF: Literal["clone_proof"] = "clone_proof"

Mass: TypeAlias = "NDArray[np.float64] | Literal['clone_proof'] | None"
"""The mass of each model; or the word, until the bandwidth is known; None is uniform."""


def is_clone_proof(given: Prior) -> bool:
    """Return whether the mass of each model is its clone-proof prior.

    Parameters
    ----------
    given : None, str or array_like
        As of `model_mass`.

    Returns
    -------
    bool
        False for an array, whatever it holds.
    """
    return isinstance(given, str) and given == CLONE_PROOF


def is_uniform(given: Prior) -> bool:
    """Return whether all models have the same mass by its word, or by default.

    Parameters
    ----------
    given : None, str or array_like
        As of `model_mass`.

    Returns
    -------
    bool
        False for an array, whatever it holds.
    """
    return given is None or (isinstance(given, str) and given == "uniform")


def model_mass(given: Prior, name: str, authors: Sequence[str | None], seated: NDArray[np.bool_]) -> Mass:
    """Return the mass of each seated model; None is uniform.

    Parameters
    ----------
    given : None, {"uniform", "per_author", "clone_proof"} or array_like of float64
        Equal mass; equal for each author, shared equally by its models, one without author standing for itself; the
        prior of `hemicycle.clones`; or the mass of each seated model, or of each model that was sent.
    name : str
        What it is, for errors.
    authors : sequence of str or None, length n_seated
        Who sent each seated model.
    seated : ndarray of bool, shape (n_sent,)
        Which of the models that were sent are seated.

    Returns
    -------
    ndarray of float64, shape (n_seated,), "clone_proof" or None
        As given, of any sum; the word as it is, for it needs the judgments and a bandwidth.

    Raises
    ------
    OptionError
        If it is another word, or "per_author" where no submission has an author.
    ShapeError, DtypeError
        If it is no array of that length.
    """
    if given is None or is_uniform(given):
        return None
    if is_clone_proof(given):
        return CLONE_PROOF
    if isinstance(given, str):
        if given != "per_author":
            raise OptionError(
                f"{name}: expected {', '.join(map(repr, WORDS))} or the mass of each model, got {given!r}"
            )
        if all(author is None for author in authors):
            raise OptionError(
                f"{name}: no submission names an author, so 'per_author' would be uniform; a sub-folder for each "
                "author, or a column author, names them"
            )
        n_of_author = Counter(authors)
        return np.array([1.0 if author is None else 1.0 / n_of_author[author] for author in authors])
    mass = float_array(given, name, 1)
    if len(mass) == len(authors):
        return mass
    if len(mass) == len(seated):
        return np.ascontiguousarray(mass[seated])
    raise ShapeError(f"{name}: expected one mass for each of {len(authors)} models, got {len(mass)}")


def read_mass(path: str, models: Sequence[str], limits: ReadLimits | None = None) -> NDArray[np.float64]:
    """Read the mass of each model, of a prior or a reference, from a csv file with columns ``model,weight``.

    Parameters
    ----------
    path : str
        The file; models that are not asked for may stand in it.
    models : sequence of str
        Models whose mass is wanted.
    limits : ReadLimits, optional
        How much the file may hold.

    Returns
    -------
    ndarray of float64, shape (n_models,)
        Mass in the order of `models`, as written.

    Raises
    ------
    FormatError
        If a column is missing, a name cannot be kept, a weight is no number, a model occurs twice, or one that is asked
        for does not occur.
    OSError
        If the file cannot be read.
    """
    source = Source.of_file(path, limits)
    name, weight = source.find("model"), source.find("weight")
    if name is None or weight is None or source.table.ragged:
        raise FormatError(f"{source.file}: a prior or reference has the columns model,weight and rows of that length")
    names = source.sound_names(name)
    values, status = source.table.numbers(weight)
    mass: dict[str, float] = {}
    for line, model, value, kind in zip(source.lines.tolist(), names, values.tolist(), status.tolist(), strict=True):
        if kind != NUMBER or value < 0:
            raise FormatError(f"{source.file}, line {line}: the weight of {model!r} is not a finite number >= 0")
        if mass.setdefault(model, value) is not value:
            raise FormatError(f"{source.file}, line {line}: {model!r} occurs twice")
    missing = [model for model in models if model not in mass]
    if missing:
        raise FormatError(f"{source.file}: no weight for {len(missing)} of the models, such as {missing[0]!r}")
    return np.array([mass[model] for model in models], dtype=np.float64)
