"""Log-likelihood of every model by an expert in Numba: what ours is compared with for interest, not for users.

Models are lanes: a block of them is transposed, so that every inner loop runs over contiguous lanes and vectorises. The
exp is a polynomial of its own, the smallest square is subtracted first, and the sums of exps, from 1 to n_labels each,
are multiplied over pairs before one logarithm is taken.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

LANES = 64  # a block of 100 items fits the second cache; fewer lanes spend their time on checks for overlap
LOG2E, LN2 = math.log2(math.e), math.log(2)
LN2_HIGH = float.fromhex("0x1.62e42fefa0000p-1")  # few enough digits that n * LN2_HIGH is exact
LN2_LOW = float.fromhex("0x1.cf79abc9e3b39p-40")
LOWEST = -700.0
C3, C4, C5, C6, C7, C8, C9, C10, C11, C12 = (1 / math.factorial(power) for power in range(3, 13))  # exp(r), to 1e-16


def numba_blocked_likelihood(a: Any, b: Any, labels: Any, sigma: float, _: int) -> Callable[[Any], Any]:
    import numba

    numba.set_num_threads(min(2, numba.config.NUMBA_NUM_THREADS))
    n_pairs, n_labels = labels.shape
    pairs_a_log = max(1, int(900 / math.log2(n_labels + 1)))  # the product stays below 2**900
    constant = n_pairs * math.log(n_labels * sigma * math.sqrt(2 * math.pi))
    scale = 1 / (2 * sigma * sigma)

    @numba.njit(fastmath=True)
    def add_exps(density: Any, bits: Any, powers: Any, value: Any, square: Any, nearest: Any) -> None:
        for k in range(LANES):
            x = max(nearest[k] - square[k], LOWEST)
            whole = np.floor(x * LOG2E + 0.5)
            r = (x - whole * LN2_HIGH) - whole * LN2_LOW
            bits[k] = (np.int64(whole) + 1023) << 52
            high = ((((C12 * r + C11) * r + C10) * r + C9) * r + C8) * r + C7
            value[k] = ((((((high * r + C6) * r + C5) * r + C4) * r + C3) * r + 0.5) * r + 1.0) * r + 1.0
        for k in range(LANES):  # apart: bits and powers are one memory, which would keep the loop from vectorising
            density[k] += value[k] * powers[k]

    @numba.njit(parallel=True, fastmath=True)
    def score(logits: Any, a: Any, b: Any, labels: Any) -> Any:
        n_models, n_items = logits.shape
        totals = np.empty(n_models)
        for block in numba.prange((n_models + LANES - 1) // LANES):
            start = block * LANES
            columns = np.zeros((n_items, LANES))
            for k in range(min(LANES, n_models - start)):
                for i in range(n_items):
                    columns[i, k] = logits[start + k, i]
            mu, square, nearest, density = np.empty(LANES), np.empty(LANES), np.empty(LANES), np.empty(LANES)
            value, total, product, bits = np.empty(LANES), np.zeros(LANES), np.ones(LANES), np.empty(LANES, np.int64)
            powers = bits.view(np.float64)
            for n in range(n_pairs):
                first, second = columns[a[n]], columns[b[n]]
                for k in range(LANES):
                    mu[k] = second[k] - first[k]
                    nearest[k] = (mu[k] - labels[n, 0]) ** 2 * scale
                for i in range(1, n_labels):
                    for k in range(LANES):
                        nearest[k] = min(nearest[k], (mu[k] - labels[n, i]) ** 2 * scale)
                density[:] = 0.0
                for i in range(n_labels):
                    for k in range(LANES):
                        square[k] = (mu[k] - labels[n, i]) ** 2 * scale
                    add_exps(density, bits, powers, value, square, nearest)
                for k in range(LANES):
                    product[k] *= density[k]
                    total[k] -= nearest[k]
                if (n + 1) % pairs_a_log == 0 or n + 1 == n_pairs:
                    for k in range(LANES):
                        total[k] += math.log(product[k])
                        product[k] = 1.0
            for k in range(min(LANES, n_models - start)):
                totals[start + k] = total[k] - constant
        return totals

    return lambda logits: score(logits, a, b, labels)
