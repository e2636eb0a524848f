"""Scalar options, checked once at the door."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import TYPE_CHECKING

from hemicycle.errors import DomainError, DtypeError, NonFiniteError, OptionError

if TYPE_CHECKING:
    import numpy as np

    from hemicycle.types import Seed

__all__ = [
    "count",
    "finite_number",
    "known_word",
    "non_negative_number",
    "number_within",
    "positive_count",
    "positive_number",
    "random_generator",
    "seed_of",
    "thread_count",
    "truth",
]

MAX_THREADS = 1024  #: more is a mistake that would stop the machine


def finite_number(value: float, what: str) -> float:
    """Return `value` as a float.

    Raises
    ------
    DtypeError
        If it is not a real number.
    NonFiniteError
        If it is NaN or infinite.
    """
    if not isinstance(value, Real) or isinstance(value, bool):
        raise DtypeError(f"{what}: expected a number, got {type(value).__name__}")
    try:
        number = float(value)
    except OverflowError:
        raise NonFiniteError(f"{what} is beyond the largest float64; it must be finite") from None
    if not -math.inf < number < math.inf:  # torch.compile traces this of a number that it keeps open, but not isfinite
        raise NonFiniteError(f"{what} is {number}; it must be finite")
    return number


def positive_number(value: float, what: str) -> float:
    """Return `value` as a float above 0.

    Raises
    ------
    DtypeError, NonFiniteError
        As `finite_number`.
    DomainError
        If it is not above 0.
    """
    number = finite_number(value, what)
    if number <= 0:
        raise DomainError(f"{what} is {number}; it must be above 0")
    return number


def non_negative_number(value: float, what: str) -> float:
    """Return `value` as a float of at least 0.

    Raises
    ------
    DtypeError, NonFiniteError
        As `finite_number`.
    DomainError
        If it is below 0.
    """
    number = finite_number(value, what)
    if number < 0:
        raise DomainError(f"{what} is {number}; it must be at least 0")
    return number


def number_within(value: float, what: str, least: float, most: float) -> float:
    """Return `value` as a float of at least `least` and at most `most`.

    Raises
    ------
    DtypeError, NonFiniteError
        As `finite_number`.
    DomainError
        If it is outside.
    """
    number = finite_number(value, what)
    if not least <= number <= most:
        raise DomainError(f"{what} is {number}; it must be from {least:g} to {most:g}")
    return number


def count(value: int, what: str) -> int:
    """Return `value` as an int of at least 0.

    Raises
    ------
    DtypeError
        If it is not an integer.
    DomainError
        If it is below 0.
    """
    number = _integer(value, what, "an integer")
    if number < 0:
        raise DomainError(f"{what} is {number}; it must be at least 0")
    return number


def positive_count(value: int, what: str) -> int:
    """Return `value` as an int of at least 1.

    Raises
    ------
    DtypeError
        If it is not an integer.
    DomainError
        If it is below 1.
    """
    number = _integer(value, what, "an integer")
    if number < 1:
        raise DomainError(f"{what} is {number}; it must be at least 1")
    return number


def random_generator(rng: Seed) -> np.random.Generator:
    """Return the generator that `rng` is, or one that it seeds.

    Raises
    ------
    DtypeError
        If it is neither a generator nor a seed.
    DomainError
        If it is a negative seed.
    """
    import numpy as np

    if isinstance(rng, np.random.Generator):
        return rng
    if isinstance(rng, bool) or not (rng is None or isinstance(rng, Integral | np.random.SeedSequence)):
        raise DtypeError(f"rng: expected a numpy.random.Generator, an integer seed or None, got {type(rng).__name__}")
    if isinstance(rng, Integral):
        return np.random.default_rng(count(int(rng), "rng"))
    return np.random.default_rng(rng)


def seed_of(rng: Seed) -> int:
    """Return a seed that a result can name: `rng` itself where it is one, else one that is drawn from it.

    Raises
    ------
    DtypeError, DomainError
        As `random_generator`.
    """
    generator = random_generator(rng)
    return int(rng) if isinstance(rng, Integral) else int(generator.integers(2**53))


def known_word(value: object, what: str, words: tuple[str, ...]) -> str:
    """Return one of the words that an option may be.

    Raises
    ------
    OptionError
        If it is none of them.
    """
    if not isinstance(value, str) or value not in words:
        *others, last = map(repr, words)
        expected = f"{', '.join(others)} or {last}" if others else last
        raise OptionError(f"{what}: expected {expected}, got {value!r}")
    return value


def truth(value: bool, what: str) -> bool:
    """Return `value` as a bool.

    Raises
    ------
    DtypeError
        If it is neither True nor False.
    """
    import numpy as np

    if not isinstance(value, bool | np.bool_):
        raise DtypeError(f"{what}: expected True or False, got {type(value).__name__}")
    return bool(value)


def thread_count(n_threads: int | None) -> int | None:
    """Return the number of threads as an int, or None, which means every core.

    Raises
    ------
    DtypeError
        If it is not an integer.
    DomainError
        If it is not in [1, 1024].
    """
    if n_threads is None:
        return None
    number = _integer(n_threads, "n_threads", "an integer or None")
    if not 1 <= number <= MAX_THREADS:
        raise DomainError(f"n_threads is {number}; it must be from 1 to {MAX_THREADS}")
    return number


def _integer(value: object, what: str, expected: str) -> int:
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise DtypeError(f"{what}: expected {expected}, got {type(value).__name__}")
    return int(value)
