"""Passes over the models of a store, merged on the client in the order of the fragments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from hemicycle.store.compaction import told_of_compaction
from hemicycle.streaming.executors import run_all
from hemicycle.streaming.parts import Gathering, Part, rows_at

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from hemicycle.streaming.executors import Work
    from hemicycle.streaming.store_scores import StoreScores

__all__ = ["Passes"]

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")


class Passes:
    """What is asked of all models of a store, and how often it was.

    Parameters
    ----------
    scores : StoreScores
        The models.
    engine : Executor or dask.distributed.Client, optional
        Who reads them; by default threads of this process.
    progress : callable, optional
        Told the number of the pass, how many models it has read, and of how many.

    Attributes
    ----------
    offsets : ndarray of int64, shape (n_parts + 1,)
        Where the models of each begin.
    count : int
        Passes that were begun.
    """

    def __init__(
        self, scores: StoreScores, engine: Any = None, progress: Callable[[int, int, int], None] | None = None
    ) -> None:
        store, folder = str(scores.store.path.absolute()), str(scores.folder.absolute())
        sizes = [len(seated) for _, seated in scores.blocks(())]
        self._parts = tuple(
            Part(store, folder, fragment, scores.manifest.dtype, scores.scoring.key)
            for fragment, size in zip(scores.manifest.fragments, sizes, strict=True)
            if size
        )
        self.offsets = np.concatenate([[0], np.cumsum([size for size in sizes if size])]).astype(np.int64)
        self.count = 0
        self._engine, self._progress = engine, progress
        self._read = scores.store.path, scores.manifest

    def run(self, work: Work[TaskT, ResultT], tasks: Sequence[TaskT], sizes: Sequence[int]) -> list[ResultT]:
        """Do a task for each of some fragments.

        Parameters
        ----------
        work : callable
            What to do.
        tasks : sequence
            One a fragment.
        sizes : sequence of int
            How many models each reads.

        Returns
        -------
        list
            What came of them, in their order.

        Raises
        ------
        StoreError
            If the store was compacted since it was scored; as the tasks.
        """
        self.count += 1
        results: dict[int, ResultT] = {}
        n_done, n_models = 0, sum(sizes)

        def done(number: int, result: ResultT) -> None:
            nonlocal n_done
            results[number] = result
            n_done += sizes[number]
            if self._progress is not None:
                self._progress(self.count, n_done, n_models)

        with told_of_compaction(*self._read, "it was scored; call score_store again"):
            run_all(work, tasks, self._engine, done)
        return [results[number] for number in range(len(tasks))]

    @property
    def parts(self) -> tuple[Part, ...]:
        """The fragments that have models."""
        return self._parts

    @property
    def sizes(self) -> list[int]:
        """Models of each fragment."""
        return np.diff(self.offsets).tolist()  # type: ignore[no-any-return]

    def sliced(self, values: NDArray[np.float64] | None) -> list[NDArray[np.float64] | None]:
        """Return what a number for each model holds for each fragment; None for each where there is none."""
        if values is None:
            return [None] * len(self.parts)
        return list(np.split(values, self.offsets[1:-1]))

    def rows(self, models: NDArray[np.int64]) -> NDArray[Any]:
        """Return the logits of some models; only fragments that hold one are read.

        Parameters
        ----------
        models : ndarray of int64
            Where they stand, ascending.
        """
        tasks, sizes = [], []
        for part, first, end in zip(self.parts, self.offsets[:-1], self.offsets[1:], strict=True):
            here = models[(models >= first) & (models < end)]
            if len(here):
                tasks.append(Gathering(part, models=here - first))
                sizes.append(int(end - first))
        rows: NDArray[Any] = np.concatenate(self.run(rows_at, tasks, sizes))
        return rows
