"""Scores of mixtures of Gaussians of one width, many at a time: density, cdf and CRPS at what was observed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["mean_difference", "mixture_cdf", "mixture_crps", "mixture_log_density"]

LOG_SQRT_2PI = 0.5 * math.log(2.0 * math.pi)
NEGLIGIBLE = 1e-18  #: weight that no probability shows; densities keep it, far from all others it may be all there is
REACH = 13.0  #: in sigma: where the difference of two draws around the same place never is
MAX_TERMS = 4096  #: of the series; centres further apart, in sigma, are taken pair by pair

_erf = np.frompyfunc(math.erf, 1, 1)


def mixture_log_density(
    log_ratio: NDArray[np.float64], weights: NDArray[np.float64], sigma: float, y: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Log density of each observation under its own mixture, ``log sum_d w_d Normal(y_n | mu_nd, sigma)``.

    Parameters
    ----------
    log_ratio : ndarray of float64, shape (n, n_models)
        Centres of each mixture.
    weights : ndarray of float64, shape (n_models,)
        Positive weights with sum 1, those of every mixture.
    sigma : float
        Width of the Gaussians.
    y : ndarray of float64, shape (n,)
        What was observed.

    Returns
    -------
    ndarray of float64, shape (n,)
        Finite at any distance: the nearest centre is subtracted first.
    """
    weighted = np.log(weights) - 0.5 * ((y[:, None] - log_ratio) / sigma) ** 2  # (n, n_models)
    top = weighted.max(axis=1)
    mixed: NDArray[np.float64] = top + np.log(np.exp(weighted - top[:, None]).sum(axis=1))
    return mixed - math.log(sigma) - LOG_SQRT_2PI


def mixture_cdf(
    log_ratio: NDArray[np.float64], weights: NDArray[np.float64], sigma: float, y: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Probability that a mixture gives to values up to what was observed; its uniformity tells calibration.

    Parameters
    ----------
    log_ratio, weights, sigma, y
        As for `mixture_log_density`.

    Returns
    -------
    ndarray of float64, shape (n,)
        From 0 to 1, to rounding of 1.
    """
    seen = weights > NEGLIGIBLE
    below = 0.5 * (1.0 + _error_function((y[:, None] - log_ratio[:, seen]) / (sigma * math.sqrt(2.0))))
    return np.clip(below @ weights[seen], 0.0, 1.0)


def mixture_crps(
    log_ratio: NDArray[np.float64],
    weights: NDArray[np.float64],
    sigma: float,
    y: NDArray[np.float64],
    spread: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    r"""Continuous ranked probability score, :math:`\int (F(x) - [x \geq y])^2 dx = E|X - y| - E|X - X'| / 2`.

    Parameters
    ----------
    log_ratio, weights, sigma, y
        As for `mixture_log_density`.
    spread : ndarray of float64, shape (n,), optional
        ``mean_difference(log_ratio, weights, sigma)``, where it is known.

    Returns
    -------
    ndarray of float64, shape (n,)
        In the unit of the log ratio, lower is better; the absolute error of a sure prediction.

    References
    ----------
    Grimit, Gneiting, Berrocal and Johnson (2006), The continuous ranked probability score for circular variables and
    its application to mesoscale forecast ensemble verification, doi:10.1256/qj.05.235, equations 5 and 6.
    """
    seen = weights > NEGLIGIBLE
    centres, mass = log_ratio[:, seen], weights[seen]
    if spread is None:
        spread = mean_difference(centres, mass, sigma)
    return _mean_distance(y[:, None] - centres, sigma) @ mass - 0.5 * spread


def mean_difference(log_ratio: NDArray[np.float64], weights: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    r"""Mean distance of two independent draws of each mixture, :math:`E|X - X'|`.

    Parameters
    ----------
    log_ratio, weights, sigma
        As for `mixture_log_density`.

    Returns
    -------
    ndarray of float64, shape (n,)
        To rounding of the range of the centres.

    Notes
    -----
    With the characteristic function :math:`\varphi` of the mixture it is
    :math:`\frac{2}{\pi} \int_0^\infty (1 - |\varphi(k)|^2) k^{-2} dk`. The trapezoidal rule is exact, but for the tails
    of a Gaussian, once its step is below one over the range of :math:`X - X'`: time is linear in the models, and in the
    range of their centres in sigma.
    """
    seen = weights > NEGLIGIBLE
    centres, mass = log_ratio[:, seen], weights[seen]
    width = float(np.ptp(centres, axis=1).max()) if centres.size else 0.0
    step = 2.0 * math.pi / (width + REACH * sigma)
    n_terms = math.ceil(6.3 / (sigma * step))
    if n_terms > MAX_TERMS:
        return np.array([_pair_by_pair(row, mass, sigma) for row in centres])
    centred = centres - (centres @ mass)[:, None]
    turn = np.exp(1j * step * centred)  # (n, n_models)
    power, series = mass.astype(np.complex128) * turn, np.zeros(len(centres))
    for term in range(1, n_terms + 1):
        wave = power.sum(axis=1)
        damping = math.exp(-((sigma * term * step) ** 2)) / term**2
        series += damping * (wave.real**2 + wave.imag**2)
        power *= turn
    variance = sigma**2 + centred**2 @ mass
    difference: NDArray[np.float64] = (
        step * variance / math.pi + math.pi / (3.0 * step) - 2.0 / (math.pi * step) * series
    )
    return difference


def _pair_by_pair(centres: NDArray[np.float64], mass: NDArray[np.float64], sigma: float) -> float:
    """Return the same of one mixture whose centres lie far apart: a Gaussian matters only between near ones."""
    order = np.argsort(centres, kind="stable")
    mu, w = centres[order] - centres[order[0]], mass[order]
    below = np.cumsum(w) - w  # (n_models,)
    far = 2.0 * math.fsum(w * (mu * below - (np.cumsum(w * mu) - w * mu)))
    near = math.fsum(w**2) * 2.0 * sigma / math.sqrt(math.pi)
    for shift in range(1, len(mu)):
        apart = mu[shift:] - mu[:-shift]
        close = apart < REACH * sigma
        if not close.any():
            break
        excess = _mean_distance(apart[close], math.sqrt(2.0) * sigma) - apart[close]
        near += 2.0 * math.fsum(w[shift:][close] * w[:-shift][close] * excess)
    return far + near


def _mean_distance(distance: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """``E|distance + sigma Z|`` for a standard normal Z."""
    z = distance / sigma
    density = np.exp(-0.5 * z**2) * math.sqrt(2.0 / math.pi)
    mean: NDArray[np.float64] = distance * _error_function(z / math.sqrt(2.0)) + sigma * density
    return mean


def _error_function(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(_erf(x), dtype=np.float64)
