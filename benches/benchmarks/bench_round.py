"""The main job: a pool of files and a jury in, five mechanisms and an allocation out."""

from __future__ import annotations

from pathlib import Path

from hemicycle import Judgments, Pool, Round
from hemicycle.synthetic import two_camp_round


class TwoCampRound:
    """The round of the demo at several sizes of the pool."""

    params = ([100, 1_000, 10_000],)
    param_names = ("n_models",)
    timeout = 300

    def setup_cache(self) -> str:
        for n_models in self.params[0]:
            two_camp_round(0, n_models=n_models).write(Path(str(n_models)))
        return str(Path.cwd())

    def setup(self, folder: str, n_models: int) -> None:
        self.folder = Path(folder) / str(n_models)
        self.judgments = Judgments.read(self.folder / "jury.csv")
        self.pool = Pool.read(self.folder / "submissions")

    def time_read(self, _folder: str, _n_models: int) -> None:
        Judgments.read(self.folder / "jury.csv")
        Pool.read(self.folder / "submissions")

    def time_mechanisms(self, _folder: str, _n_models: int) -> None:
        for ensemble in Round(self.judgments, self.pool).mechanisms():
            ensemble.allocation()

    def peakmem_mechanisms(self, _folder: str, _n_models: int) -> None:
        for ensemble in Round(self.judgments, self.pool).mechanisms():
            ensemble.allocation()
