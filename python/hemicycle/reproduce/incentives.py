"""What the score does to modellers: pools fitted by squared error and by the sum-Gaussian loss, side by side."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

from hemicycle.errors import MissingExtraError
from hemicycle.reproduce.claims import Figure, Reproduction

if TYPE_CHECKING:
    from hemicycle.reproduce.claims import Progress

__all__ = ["SOURCE", "incentives"]

SOURCE = 'the proposal "On diversity and many-model ensembling", on modellers'
NOTE = (
    "Forty modellers fit the logits of 40 items to the same jury, five labels a pair with noise of 0.4, under squared "
    "error or under the sum-Gaussian loss at sigma 0.5. Apart from the loss nothing differs: the same modellers with "
    "the same opinions to begin from and to shrink to (noise of 0.5), a strength of shrinking of their own (0.03 to 1) "
    "and half to all of the pairs to look at. Under both losses a pair counts once and errors are divided by twice the "
    "variance, so that shrinking weighs the same. Neutral modellers begin from what the camps have in common, "
    "partisans within a camp, in proportion to its labels. Distance is the root mean square over pairs between the "
    "log ratios of the camps. The jury that is fitted also decides the weights; other jurors of the same camps judge, "
    "by the log density of a mixture of the seated models, at a width of 0.5 as that of the weights, and at one of "
    "seven from 0.35 to 2.8, that under which the fitted jury is likeliest. Each gain is decided over juries by "
    "Student's t at 95%, for every kind by itself, so that one in forty of those without any effect comes out on "
    "either side by chance. "
    "Modellers here minimise the loss; they do not guess what others send, and copying is not modelled."
)


def incentives(n_runs: int, seed: int, progress: Progress, *, quick: bool = False) -> Reproduction:
    """Let modellers fit juries under both losses, and judge the pools and their ensembles.

    Parameters
    ----------
    n_runs : int
        Juries of each kind, at least 1.
    seed : int
        Seed; each jury has a stream of its own.
    progress : callable
        Told what is going on.
    quick : bool, default False
        Whether to draw fewer kinds of juries.

    Returns
    -------
    Reproduction
        The findings, and the tables and figures behind them.

    Raises
    ------
    MissingExtraError
        If torch is not installed.
    """
    if find_spec("torch") is None:
        raise MissingExtraError("the losses need torch, which is not installed: pip install 'hemicycle[torch]'")
    from hemicycle.reproduce import incentive_camp_verdicts as of_camps
    from hemicycle.reproduce import incentive_figures as draw
    from hemicycle.reproduce import incentive_verdicts as verdicts
    from hemicycle.reproduce.incentive_pools import Grid, incentive_pools

    grid = Grid(shares=(0.5, 0.7, 0.9), distances=(0.5, 3.0), pairs=(3, 30, 300)) if quick else Grid()
    pools = incentive_pools(grid, n_runs, seed, progress)
    return Reproduction(
        name="incentives",
        source=SOURCE,
        options={"runs": n_runs, "seed": seed} | ({"quick": 1} if quick else {}),
        findings=(
            verdicts.on_diverse(pools),
            verdicts.on_better(pools),
            verdicts.on_better(pools, "own_width"),
            verdicts.on_better(pools, "new_pairs"),
            of_camps.on_both_camps(pools),
            of_camps.on_minority(pools),
            verdicts.on_bias(pools),
        ),
        tables={"pools": pools.table()},
        note=NOTE,
        figures={
            "pools": Figure(7.0, 5.0, partial(draw.draw_pools, pools)),
            "scores": Figure(8.4, 5.0, partial(draw.draw_scores, pools)),
            "camps": Figure(7.0, 3.2, partial(draw.draw_camps, pools)),
        },
    )
