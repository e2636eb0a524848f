"""What an ensemble says of one pair: a mixture of Gaussians, one at each model's log ratio."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.arrays import float_array, read_only, require_finite, simplex_weights
from hemicycle.errors import DomainError, DtypeError, NoDataError
from hemicycle.gaussian_mixture import mean_difference, mixture_crps
from hemicycle.rejects import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

__all__ = ["Predictive"]

BLOCK_CELLS = 1 << 18  #: point-model cells held at a time: 2 MB of float64
ROOT_TOL = 1e-14  #: in units of sigma
MAX_STEPS = 400  #: of the root finder; bisection alone ends before
LOG_SQRT_2PI = 0.5 * math.log(2.0 * math.pi)

_erfc = np.frompyfunc(math.erfc, 1, 1)


@dataclass(frozen=True, slots=True, eq=False)
class Predictive:
    r"""Predictive distribution of the log ratio of one pair.

    .. math:: p(y) = \sum_d w_d\, \mathrm{Normal}(y \mid \mu_d, \sigma)

    with :math:`\mu_d` the log ratio of model d (natural log of how much more b is worth than a). Models of weight 0 are
    left out.

    Parameters
    ----------
    log_ratio : array_like of float64, shape (n_models,)
        :math:`\mu_d`, the log ratio that each model gives to the pair. Must be finite where the weight is positive.
    weights : array_like of float64, shape (n_models,)
        Weight of each model: non-negative, sum 1.
    sigma : float
        Width of the Gaussian at each model, in the unit of `log_ratio`. Must be > 0.

    Raises
    ------
    ShapeError
        If the two arrays are not one-dimensional and of one length.
    NonFiniteError
        If a weight, or the log ratio of a model with positive weight, is not finite.
    DomainError
        If a weight is negative, the weights do not sum to 1 within 1e-6, or `sigma` is not a positive finite number.
    NoDataError
        If there are no models.

    Notes
    -----
    Every method takes points of any shape and costs time proportional to points times models with positive weight;
    work is cut into blocks of constant size, so that memory stays at a few megabytes for any pool.

    Examples
    --------
    >>> predictive = Predictive([-1.0, 2.0], [0.5, 0.5], sigma=0.5)
    >>> predictive.mean, predictive.variance
    (0.5, 2.5)
    >>> [round(bound, 6) for bound in predictive.interval(0.8)]
    [-1.420811, 2.420811]
    """

    log_ratio: NDArray[np.float64]
    weights: NDArray[np.float64]
    sigma: float

    def __init__(self, log_ratio: ArrayLike, weights: ArrayLike, sigma: float) -> None:
        mu = float_array(log_ratio, "log_ratio", 1)
        if not len(mu):
            raise NoDataError("a predictive distribution needs at least one model")
        w = simplex_weights(weights, len(mu), "log_ratio")
        total = math.fsum(w)
        if not 0 < sigma < math.inf:
            raise DomainError(f"sigma is {sigma}; it must be positive and finite")
        require_finite(np.where(w > 0, mu, 0.0), "log_ratio")
        if abs(total - 1) > 2**-52:  # weights that sum to 1 as well as floats can stay as they are
            w = w / total
        object.__setattr__(self, "log_ratio", read_only(mu[w > 0]))
        object.__setattr__(self, "weights", read_only(w[w > 0]))
        object.__setattr__(self, "sigma", float(sigma))

    def __repr__(self) -> str:
        return f"Predictive({counted(len(self.weights), 'model')}, mean={self.mean:.6g}, sigma={self.sigma:g})"

    @property
    def mean(self) -> float:
        """Mean of the log ratio."""
        return math.fsum(self.weights * self.log_ratio)

    @property
    def variance(self) -> float:
        """Variance of the log ratio: that within the models plus that between them."""
        return self.sigma**2 + math.fsum(self.weights * (self.log_ratio - self.mean) ** 2)

    def log_pdf(self, x: ArrayLike) -> NDArray[np.float64]:
        """Log density of the log ratio.

        Parameters
        ----------
        x : array_like of float64
            Points, of any shape.

        Returns
        -------
        ndarray of float64, shape of x
            Natural log of the density: finite at any distance whose square a float can hold.
        """
        return self._at(x, self._log_pdf)

    def cdf(self, x: ArrayLike) -> NDArray[np.float64]:
        """Probability that the log ratio is at most x.

        Parameters
        ----------
        x : array_like of float64
            Points, of any shape.

        Returns
        -------
        ndarray of float64, shape of x
            Probabilities, with full relative accuracy also far in the lower tail; for the upper tail take the `cdf` of
            the mirrored pair (b, a).
        """
        return self._at(x, self._cdf)

    def quantile(self, q: ArrayLike) -> NDArray[np.float64]:
        """Log ratio below which the probability is q.

        Parameters
        ----------
        q : array_like of float64
            Probabilities, of any shape.

        Returns
        -------
        ndarray of float64, shape of q
            Quantiles, non-decreasing in q; -inf for q = 0 and inf for q = 1.

        Raises
        ------
        DomainError
            If a probability is not in [0, 1].

        Notes
        -----
        Newton steps on the log of the tail probability, inside a bracket that is halved whenever
        the steps do not shrink by half.
        Where the density is so small that many points have one `cdf`, the answer is one of them.
        """
        given = np.asarray(q, dtype=np.float64)
        if not ((given >= 0) & (given <= 1)).all():
            raise DomainError(f"q is {given[~((given >= 0) & (given <= 1))][0]}; it must be in [0, 1]")
        flat = given.ravel()
        roots = np.where(flat == 0, -np.inf, np.inf)
        lower, upper = (flat > 0) & (flat <= 0.5), (flat > 0.5) & (flat < 1)
        roots[lower] = self._lower_quantile(flat[lower])
        roots[upper] = -self._mirrored()._lower_quantile(1 - flat[upper])  # 1 - q is exact for q >= 1/2
        order = np.argsort(flat, kind="stable")
        roots[order] = np.maximum.accumulate(roots[order])
        return roots.reshape(given.shape)

    def interval(self, level: float = 0.9) -> tuple[float, float]:
        """Central interval: equal probability is left out on both sides.

        Parameters
        ----------
        level : float, default 0.9
            Probability inside the interval.

        Returns
        -------
        tuple of float
            Lower and upper bound of the log ratio.

        Raises
        ------
        DomainError
            If `level` is not between 0 and 1, both excluded.
        """
        if not 0 < level < 1:
            raise DomainError(f"level is {level}; it must be between 0 and 1")
        tail = (1 - level) / 2
        return float(self.quantile(tail)), -float(self._mirrored().quantile(tail))

    def crps(self, y: ArrayLike) -> NDArray[np.float64]:
        r"""Continuous ranked probability score of what was observed, :math:`\int (F(x) - [x \geq y])^2 dx`.

        Parameters
        ----------
        y : array_like of float64
            Log ratios that were observed.

        Returns
        -------
        ndarray of float64
            The score at each, in the unit of the log ratio; lower is better.
        """
        observed = np.asarray(y, dtype=np.float64)
        spread = mean_difference(self.log_ratio[None], self.weights, self.sigma)
        return self._at(
            observed,
            lambda points: mixture_crps(
                np.broadcast_to(self.log_ratio, (len(points), len(self.log_ratio))),
                self.weights, self.sigma, points[:, 0], spread,
            ),
        )  # fmt: skip

    def sample(self, size: int | tuple[int, ...] = 1, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw log ratios.

        Parameters
        ----------
        size : int or tuple of int, default 1
            How many, or the shape of the result.
        rng : numpy.random.Generator
            Source of randomness.

        Returns
        -------
        ndarray of float64
            Independent draws, of shape `size`.

        Raises
        ------
        DtypeError
            If `rng` is no generator: a seed becomes one by ``numpy.random.default_rng(seed)``.
        """
        if not isinstance(rng, np.random.Generator):
            raise DtypeError(f"rng: expected a numpy.random.Generator, as of default_rng(seed), got {rng!r}")
        model = rng.choice(len(self.weights), size=size, p=self.weights)
        return self.log_ratio[model] + self.sigma * rng.standard_normal(size)

    def _mirrored(self) -> Predictive:
        return Predictive(-self.log_ratio, self.weights, self.sigma)

    def _at(self, x: ArrayLike, evaluate: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> NDArray[np.float64]:
        """Evaluate block by block; a pool that fills a block alone is taken one point at a time."""
        points = np.asarray(x, dtype=np.float64)
        flat = points.ravel()
        values = np.empty(len(flat))
        rows = max(1, BLOCK_CELLS // len(self.weights))
        for start in range(0, len(flat), rows):
            values[start : start + rows] = evaluate(flat[start : start + rows, None])
        return values.reshape(points.shape)

    def _log_pdf(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(over="ignore", divide="ignore"):
            half_squares = 0.5 * ((points - self.log_ratio) / self.sigma) ** 2  # (n_points, n_support)
            least = np.minimum(half_squares.min(axis=1), np.finfo(np.float64).max)
            density = np.sum(self.weights * np.exp(least[:, None] - half_squares), axis=1)
            log_density: NDArray[np.float64] = np.log(density) - least - math.log(self.sigma) - LOG_SQRT_2PI
        return log_density

    def _cdf(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        z = (self.log_ratio - points) / (self.sigma * math.sqrt(2.0))  # (n_points, n_support)
        tail = np.asarray(_erfc(z), dtype=np.float64)
        probability: NDArray[np.float64] = 0.5 * np.sum(self.weights * tail, axis=1)
        return probability

    def _lower_quantile(self, q: NDArray[np.float64]) -> NDArray[np.float64]:
        """Quantiles for 0 < q <= 1/2, by safeguarded Newton steps on log cdf - log q."""
        z = np.array([NormalDist().inv_cdf(probability) for probability in q])
        lower = self.log_ratio.min() + self.sigma * z
        upper = self.log_ratio.max() + self.sigma * z
        root = (self.weights @ self.log_ratio) + self.sigma * z
        stride = upper - lower
        active = np.arange(len(q))
        for _ in range(MAX_STEPS):
            x = root[active]
            with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
                log_cdf = np.log(self.cdf(x))
                excess = log_cdf - np.log(q[active])
                newton = x - excess * np.exp(log_cdf - self.log_pdf(x))
            below = excess < 0
            lower[active], upper[active] = np.where(below, x, lower[active]), np.where(below, upper[active], x)
            lo, hi = lower[active], upper[active]
            fast = (newton > lo) & (newton < hi) & (np.abs(newton - x) <= 0.5 * stride[active])
            step = np.where(fast, newton, 0.5 * (lo + hi)) - x
            near = np.maximum(2 * np.spacing(np.abs(x)), ROOT_TOL * self.sigma)
            found = (excess == 0) | (np.abs(newton - x) <= near) | (hi - lo <= near)
            root[active] = np.where(found, x, x + step)
            stride[active] = np.abs(step)
            active = active[~found]
            if not len(active):
                break
        return root
