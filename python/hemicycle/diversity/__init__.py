"""Is the diversity real? What the disagreement of an ensemble's members earns, and whether they collude.

The error of an ensemble is the mean error of its members less their diversity, for every loss: `decompose`, and
`decompose_loss` for a loss given as a function. Diversity can be genuine, or made up by members that are shifted
against each other: `bias_share`, `codependence` and `collusion_report` tell. `pool_diversity` asks the same of the
models of a round.
"""

from hemicycle.diversity.adjusted_targets import alpha_of_beta, alpha_of_gamma, beta_of_alpha, gamma_of_alpha
from hemicycle.diversity.any_loss import Curvature, decompose_loss
from hemicycle.diversity.bias import bias_share, debias
from hemicycle.diversity.codependence import Codependence, codependence
from hemicycle.diversity.collusion import CollusionReport, collusion_report
from hemicycle.diversity.decomposition import decompose
from hemicycle.diversity.parts import Diversity, augmented_objective, checked_beta, generalization_gap
from hemicycle.diversity.signs import Sign
from hemicycle.diversity.submitted import PoolDiversity, pool_diversity

__all__ = [
    "Codependence",
    "CollusionReport",
    "Curvature",
    "Diversity",
    "PoolDiversity",
    "Sign",
    "alpha_of_beta",
    "alpha_of_gamma",
    "augmented_objective",
    "beta_of_alpha",
    "bias_share",
    "checked_beta",
    "codependence",
    "collusion_report",
    "debias",
    "decompose",
    "decompose_loss",
    "gamma_of_alpha",
    "generalization_gap",
    "pool_diversity",
]
