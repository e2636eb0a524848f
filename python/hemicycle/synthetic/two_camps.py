"""A round of which everything is known, because it was drawn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.arrays import read_only
from hemicycle.errors import DomainError
from hemicycle.judgments import Judgments
from hemicycle.pool import Pool
from hemicycle.synthetic.items import PARENT, draw_camp_logits, draw_items
from hemicycle.synthetic.jury import draw_jury
from hemicycle.synthetic.submissions import Defect, draw_submissions, make_defects
from hemicycle.table import Table

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

__all__ = ["SyntheticRound", "two_camp_round"]

CAMP_NAMES = ("infrastructure", "applications")


@dataclass(frozen=True, slots=True, eq=False)
class SyntheticRound:
    """A round of which everything is known: whose truth each juror holds, and which each model follows.

    Attributes
    ----------
    parent : str
        The one parent of all items.
    items : tuple of str
        Names of the items, ``owner/project``.
    camp_names : tuple of str
        Names of the two camps.
    camp_logits : ndarray of float64, shape (2, n_items)
        True log contribution of each item in the eyes of each camp.
    jury : Table
        One row a judgment: timestamp, juror, repo_a, repo_b, parent, choice, multiplier, as in a real jury file.
    label_camp : ndarray of int64, shape (n_labels,)
        Camp of the juror of each judgment.
    models : tuple of str
        Names ``family-number``, sorted.
    weights : ndarray of float64, shape (n_models, n_items)
        The submitted weights, all positive, of any scale.
    families : tuple of str
        Family of each model.
    model_camp : ndarray of int64, shape (n_models,)
        Camp whose truth the model follows; -1 for models that follow neither, or both.
    defects : tuple of Defect
        Invalid submissions of different kinds, beside the models.
    """

    parent: str
    items: tuple[str, ...]
    camp_names: tuple[str, str]
    camp_logits: NDArray[np.float64]
    jury: Table
    label_camp: NDArray[np.int64]
    models: tuple[str, ...]
    weights: NDArray[np.float64]
    families: tuple[str, ...]
    model_camp: NDArray[np.int64]
    defects: tuple[Defect, ...]

    @property
    def label_shares(self) -> tuple[float, float]:
        """Share of the judgments that each camp made."""
        first = float(np.mean(self.label_camp == 0))
        return first, 1 - first

    def camp_mass(self, weights: NDArray[np.float64]) -> tuple[float, float]:
        """Return the weight of the models that follow each camp.

        Parameters
        ----------
        weights : ndarray of float64, shape (n_models,)
            Weights in the order of `models`.

        Returns
        -------
        tuple of float
            Mass of each camp; what is missing to 1 lies on models of neither.
        """
        return float(weights[self.model_camp == 0].sum()), float(weights[self.model_camp == 1].sum())

    def judgments(self) -> Judgments:
        """Return the jury as judgments, over the items in order.

        Returns
        -------
        Judgments
            What reading the file that `write` makes gives, too.
        """
        position = {name: index for index, name in enumerate(self.items)}
        choice = np.asarray(self.jury["choice"])
        return Judgments.from_arrays(
            [position[name] for name in self.jury["repo_a"]],
            [position[name] for name in self.jury["repo_b"]],
            np.where(choice == 2, 1.0, -1.0) * np.log(self.jury["multiplier"]),
            choice=choice,
            juror=self.jury["juror"],
            items=[(self.parent, name) for name in self.items],
        )

    def pool(self) -> Pool:
        """Return the valid submissions as a pool.

        Returns
        -------
        Pool
            The models in order of name; the invalid submissions are not in it.
        """
        items = [(self.parent, name) for name in self.items]
        return Pool.from_array(np.log(self.weights), models=self.models, items=items)

    def write(self, folder: str | os.PathLike[str]) -> Path:
        """Write the round as files: ``jury.csv``, and one csv a submission in ``submissions/``.

        Parameters
        ----------
        folder : path
            Folder to write to; made where it does not exist.

        Returns
        -------
        pathlib.Path
            The folder.
        """
        root = Path(folder)
        submissions = root / "submissions"
        submissions.mkdir(parents=True, exist_ok=True)
        self.jury.write_csv(root / "jury.csv")
        parent = (self.parent,) * len(self.items)
        for model, weights in zip(self.models, self.weights, strict=True):
            table = Table({"repo": self.items, "parent": parent, "weight": weights})
            table.write_csv(submissions / f"{model}.csv")
        for defect in self.defects:
            (submissions / defect.file).write_text(defect.text, encoding="utf-8", newline="\n")
        return root


def two_camp_round(
    rng: np.random.Generator | int = 0,
    *,
    n_items: int = 100,
    n_jurors: int = 40,
    n_pairs: int = 300,
    n_models: int = 1000,
    shares: tuple[float, float] = (0.7, 0.3),
    labels_per_pair: float = 4.0,
    label_noise: float = 0.4,
) -> SyntheticRound:
    """Make a round whose jury is split into two camps.

    Each camp has its own true logits; every juror answers by those of its camp, with noise, and as in real rounds the
    answer is a choice and a multiplier of two decimals between 1 and 999. The models come in families: ``infra`` and
    ``apps`` follow one camp, ``bridge`` lies between both, ``market`` prices the average of their shares, ``cautious``
    shrinks a camp towards uniform, ``noisy`` adds much noise to it, ``metric`` is a raw count with heavy tails, and
    ``copycat`` repeats another model, exactly or on another scale.

    Parameters
    ----------
    rng : numpy.random.Generator or int, default 0
        Source of randomness, or its seed.
    n_items : int, default 100
        Number of items, at least 3.
    n_jurors : int, default 40
        Number of jurors, at least 2; the first camp has this times ``shares[0]`` of them, rounded, at least one.
    n_pairs : int, default 300
        Number of pairs that are judged, at least `n_items`: the first ones join all items in a ring.
    n_models : int, default 1000
        Number of valid submissions, at least 1.
    shares : tuple of float, default (0.7, 0.3)
        Share of the jurors in each camp, positive, sum 1.
    labels_per_pair : float, default 4.0
        Mean number of judgments a pair, at least 1; never more than there are jurors.
    label_noise : float, default 0.4
        Standard deviation of a juror's log ratio around the camp's.

    Returns
    -------
    SyntheticRound
        The round and its truth; one seed gives one round.

    Raises
    ------
    DomainError
        If a number lies outside its range.

    Examples
    --------
    >>> made = two_camp_round(1, n_items=10, n_pairs=20, n_models=30)
    >>> made.weights.shape, len(made.defects)
    ((30, 10), 10)
    """
    _require(n_items >= 3 and n_jurors >= 2 and n_models >= 1, "at least 3 items, 2 jurors and 1 model")
    n_possible = n_items * (n_items - 1) // 2
    _require(n_items <= n_pairs <= n_possible, f"n_pairs from {n_items} to {n_possible}, got {n_pairs}")
    _require(min(shares) > 0 and abs(sum(shares) - 1) < 1e-9, "two positive shares with sum 1")
    _require(labels_per_pair >= 1 and 0 <= label_noise < np.inf, "labels_per_pair >= 1 and label_noise >= 0")
    generator = np.random.default_rng(rng)
    items, infrastructure = draw_items(generator, n_items)
    camp_logits = draw_camp_logits(generator, infrastructure)
    juror_camp = np.zeros(n_jurors, dtype=np.int64)
    juror_camp[min(n_jurors - 1, max(1, round(n_jurors * shares[0]))) :] = 1
    jury, label_camp = draw_jury(generator, items, camp_logits, juror_camp, n_pairs, labels_per_pair, label_noise)
    models, weights, model_camp = draw_submissions(generator, camp_logits, shares, n_models)
    return SyntheticRound(
        parent=PARENT,
        items=items,
        camp_names=CAMP_NAMES,
        camp_logits=read_only(camp_logits),
        jury=jury,
        label_camp=read_only(label_camp),
        models=models,
        weights=read_only(weights),
        families=tuple(name.partition("-")[0] for name in models),
        model_camp=read_only(model_camp),
        defects=tuple(make_defects(items, weights[0])),
    )


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise DomainError(f"a round needs {what}")
