"""A run of the main job as data: what it reads, with which options, and the round.toml that repeats it."""

from __future__ import annotations

import os
import re
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import msgspec

from hemicycle.allocation import MEANS
from hemicycle.drop import require_drop
from hemicycle.errors import FormatError, OptionError
from hemicycle.folds import FOLDS_BY, FoldsBy
from hemicycle.greedy_pool import LOSSES, Loss
from hemicycle.least_squares import TIE_BREAKS, TieBreak
from hemicycle.mechanism import METHODS, ROUNDS, require_clone_proof
from hemicycle.model_mass import WORDS
from hemicycle.options import count, known_word, positive_count
from hemicycle.read_limits import ReadLimits
from hemicycle.rejects import excerpt
from hemicycle.stacking import STACKING_BY
from hemicycle.streamed_options import TOP, require_streamed

__all__ = ["Inputs", "RoundConfig", "read_config", "read_out_folder"]

HEADER = "# hemicycle round: repeat it with `hemicycle ensemble round.toml`\n"
"""First line of every round.toml that hemicycle writes; a folder that holds one is a folder of ours."""

_MAX_BYTES = 1 << 20
_MAX_PARTS = 32
_PART = r"""(?:[\w-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')[ \t]*+"""
_DEEP = re.compile(rf"(?<![\w\\-]){_PART}(?:\.[ \t]*+{_PART}){{{_MAX_PARTS}}}", re.ASCII)
"""A key of many parts: what tomllib keeps of one grows with the square of their number."""

_STREAMED = ("method", "mean", "sigma", "power", "by", "top")  #: options of a streamed run that are always written

_PATHS = ("jury", "pool", "items", "rename", "prior", "reference", "against", "submitted")


class Inputs(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One text for each file or folder that a run reads: its path, or its SHA-256."""

    jury: str = ""
    pool: str = ""
    items: str | None = None
    rename: str | None = None
    prior: str | None = None
    reference: str | None = None
    against: str | None = None
    submitted: str | None = None


class RoundConfig(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Everything that decides the result of a run.

    Attributes
    ----------
    jury, pool : str
        Paths of the judgments and of the submissions.
    method : str, default "stacking"
        The mechanism that pays, one of `hemicycle.mechanism.METHODS`.
    mean : {"geometric", "arithmetic"}, default "geometric"
        Which average of the models' shares becomes the allocation.
    sigma : float or "auto", default 0.5
        Width of the Gaussian at each label, in the unit of ``log_ratio``; "auto" chooses one for each method.
    power : float, default 1.0
        Power of the likelihood in Bayesian model averaging.
    prior : str, default "uniform"
        "uniform", "per_author", "clone_proof" or the path of a csv file with columns ``model,weight``.
    tie_break : {"nearest", "least_individual_loss"}, default "nearest"
        Which of several weights that are optimal for least squares or stacking.
    reference : str, default "uniform"
        What "nearest" refers to, given as `prior` is.
    bandwidth : float, optional
        How far apart models are that are no copies, for a prior or reference "clone_proof"; by default a fifth of the
        width of each method.
    bootstrap : int, optional
        Replicates of the Bayesian bootstrap in Bayesian model averaging.
    seed : int, default 0
        Seed of these replicates, and of those of the intervals.
    loss : {"squared_error", "log_score", "log_likelihood"}, default "squared_error"
        What greedy selection is judged by.
    rounds : int, default 100
        How many models greedy selection chooses.
    by : {"label", "pair"}, default "label"
        What stacking explains.
    evaluate : {"juror", "pair", "split"}, optional
        What to leave out together to see how well the mechanisms predict it.
    folds : int or str, optional
        Number of folds of that evaluation, or the split that is left out.
    intervals : int, default 200
        Replicates of the bootstrap over jurors that gives the intervals of the shares; 0 for none, and where the run is
        streamed.
    ranges : bool, default False
        Whether to find how far each share can move over all weights that are optimal for least squares.
    items, rename : str, optional
        Paths of the item list and of the rename table.
    min_weight : float, optional
        Floor of the submitted weights.
    split : str, optional
        Which rows of the jury file to use.
    drop : tuple of str, default ()
        What is left out by name: ``juror=NAME``, ``pair=A,B`` or ``model=NAME``.
    against : str, optional
        Path of the out folder of another run, to say what moved.
    submitted : str, optional
        Path of a csv file with columns ``model,submitted``: when each submission came.
    limits : dict of str to int, optional
        Limits of reading that are not the defaults of `hemicycle.read_limits.ReadLimits`.
    stream : bool, default False
        Whether the pool is a store that is scored from disk.
    top : int, default 100
        Models on the leaderboard of a streamed run.
    sha256 : Inputs, optional
        Hashes of the inputs when the run was made.
    chosen_sigma : dict of str to float, optional
        The width of each method when the run was made, where they were chosen: a record, they are chosen anew.
    """

    jury: str
    pool: str
    method: str = "stacking"
    mean: Literal["geometric", "arithmetic"] = "geometric"
    sigma: float | Literal["auto"] = 0.5
    power: float = 1.0
    prior: str = "uniform"
    tie_break: TieBreak = "nearest"
    reference: str = "uniform"
    bandwidth: float | None = None
    bootstrap: int | None = None
    seed: int = 0
    loss: Loss = "squared_error"
    rounds: int = ROUNDS
    by: Literal["label", "pair"] = "label"
    evaluate: FoldsBy | None = None
    folds: int | str | None = None
    intervals: int = 200
    ranges: bool = False
    items: str | None = None
    rename: str | None = None
    min_weight: float | None = None
    split: str | None = None
    drop: tuple[str, ...] = ()
    against: str | None = None
    submitted: str | None = None
    limits: dict[str, int] | None = None
    stream: bool = False
    top: int = TOP
    sha256: Inputs | None = None
    chosen_sigma: dict[str, float] | None = None

    def __post_init__(self) -> None:
        known_word(self.method, "method", METHODS)
        known_word(self.mean, "mean", MEANS)
        known_word(self.tie_break, "tie_break", TIE_BREAKS)
        known_word(self.loss, "loss", LOSSES)
        known_word(self.by, "by", STACKING_BY)
        count(self.seed, "seed")
        count(self.intervals, "intervals")
        positive_count(self.top, "top")
        for dropped in self.drop:
            require_drop(dropped)
        ReadLimits.of(self.limits)
        if self.evaluate is not None:
            known_word(self.evaluate, "evaluate", FOLDS_BY)
        elif self.folds is not None:
            raise OptionError("folds is for an evaluation only: say what is left out, with evaluate")
        require_clone_proof(self.bandwidth, self.prior, self.reference)
        if self.tie_break != "nearest" and self.reference != "uniform":
            raise OptionError(f"reference is for the tie-break nearest only; the tie-break is {self.tie_break}")
        if self.stream:
            require_streamed(self._asked())
        elif self.top != TOP:
            raise OptionError("top is for a streamed run only, give --stream; else the leaderboard has every model")

    def _asked(self) -> dict[str, Any]:
        """Return the options that are not those of a run where nothing was given."""
        fields = msgspec.structs.fields(type(self))
        return {f.name: value for f in fields if (value := getattr(self, f.name)) != f.default} | {
            "intervals": self.intervals,
            "method": self.method,
        }

    @property
    def read_limits(self) -> ReadLimits:
        """How much is read."""
        return ReadLimits.of(self.limits)

    @property
    def prior_file(self) -> str | None:
        """Path of the prior, or None where it is named by a word."""
        return None if self.prior in WORDS else self.prior

    @property
    def reference_file(self) -> str | None:
        """Path of the reference, or None where it is named by a word."""
        return None if self.reference in WORDS else self.reference

    def paths(self) -> dict[str, str]:
        """Return the path of each input that this run reads, by name."""
        given = {"jury": self.jury, "pool": self.pool, "items": self.items, "rename": self.rename}
        masses = {"prior": self.prior_file, "reference": self.reference_file}
        others = {"against": self.against, "submitted": self.submitted}
        return {name: path for name, path in (given | masses | others).items() if path is not None}

    def options(self) -> dict[str, Any]:
        """Return every option that is no path, by name; of a streamed run those that it has."""
        if self.stream:
            of_greedy = ("loss", "rounds") if self.method == "greedy" else ()
            shown = ("stream", *_STREAMED, *of_greedy, "bandwidth", "min_weight", "split", "limits")
            return {name: getattr(self, name) for name in shown} | {"prior": "file" if self.prior_file else self.prior}
        names = (
            "method", "mean", "sigma", "power", "min_weight", "split", "tie_break", "ranges", "bootstrap", "seed",
            "loss", "rounds", "by", "evaluate", "folds", "drop", "intervals", "limits", "bandwidth",
        )  # fmt: skip
        masses = {
            "prior": "file" if self.prior_file else self.prior,
            "reference": "file" if self.reference_file else self.reference,
        }
        return {name: getattr(self, name) for name in names} | masses

    def toml(self, folder: Path, sha256: dict[str, str]) -> str:
        """Write the round.toml that repeats this run from `folder`.

        Parameters
        ----------
        folder : Path
            Where the file will lie; paths are written relative to it, or absolute where no relative path exists.
        sha256 : dict of str to str
            Hash of each input.

        Returns
        -------
        str
            The text of the file.
        """
        import tomli_w

        moved = {name: _relative(path, folder) for name, path in self.paths().items()}
        config = msgspec.structs.replace(self, **moved, sha256=Inputs(**sha256))
        fields = msgspec.to_builtins(config)
        names: tuple[str, ...] = (
            "method", "mean", "sigma", "power", "prior", "tie_break", "reference", "seed", "loss", "rounds", "by",
            "intervals",
        )  # fmt: skip
        if self.stream:
            names = ("prior", *_STREAMED)
            del fields["intervals"]
        every_option = {name: getattr(config, name) for name in names}
        return HEADER + tomli_w.dumps({"jury": config.jury, "pool": config.pool} | every_option | fields)


def read_config(path: Path, **changes: Any) -> RoundConfig:
    """Read a round.toml; paths in it are relative to the file.

    Parameters
    ----------
    path : Path
        The file.
    **changes
        Options that replace those of the file; None leaves the option of the file.

    Raises
    ------
    FormatError
        If it is no TOML, or a key is missing, unknown or of the wrong type.
    OptionError
        If an option is not one of those that exist.
    OSError
        If it cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise FormatError(f"{path}: longer than {_MAX_BYTES} bytes, this is no round.toml")
    fields = _fields(path, content)
    beside = {
        name: _from(path.parent, fields[name])
        for name in _PATHS
        if isinstance(fields.get(name), str) and (name not in ("prior", "reference") or fields[name] not in WORDS)
    }
    given = {name: value for name, value in changes.items() if value is not None}
    _require_known(path, fields)
    asked = fields | beside | given
    if asked.get("stream") is True:
        asked = {"intervals": 0} | asked
    try:
        return msgspec.convert(asked, RoundConfig)
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, OptionError):
            raise OptionError(f"{path}: {error.__cause__}") from None
        raise FormatError(f"{path}: {error}") from None


def _fields(path: Path, content: bytes) -> dict[str, Any]:
    try:
        text = content.decode("utf-8-sig")
        fields = None if _DEEP.search(text) else tomllib.loads(text)
    except ValueError as error:  # also a number of more digits than Python reads
        raise FormatError(f"{path}: not TOML: {error}") from None
    except RecursionError:
        fields = None
    if fields is None:
        raise FormatError(f"{path}: nested too deeply, this is no round.toml")
    for name in _PATHS:
        if "\0" in str(fields.get(name, "")):
            raise FormatError(f"{path}: {name}: a path holds no U+0000")
    return fields


def read_out_folder(folder: Path) -> RoundConfig:
    """Read the round.toml of an out folder.

    Parameters
    ----------
    folder : Path
        What `hemicycle ensemble` left behind.

    Raises
    ------
    FormatError
        If it holds no round.toml, or `read_config` cannot read it.
    OSError
        If the file cannot be read.
    """
    if folder.name == "round.toml" and folder.is_file():
        raise FormatError(f"{folder} is the round.toml of an out folder: give the folder, {folder.parent}")
    if not (folder / "round.toml").is_file():
        raise FormatError(f"{folder} is no out folder of hemicycle ensemble: it holds no round.toml")
    return read_config(folder / "round.toml")


def _require_known(path: Path, fields: dict[str, Any]) -> None:
    known = RoundConfig.__struct_fields__
    for key in fields:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            remedy = f"is {near[0]!r} meant?" if near else f"known are {', '.join(known)}"
            raise FormatError(f"{path}: unknown key {excerpt(key)!r}; {remedy}")
    for name, words in (("mean", MEANS), ("tie_break", TIE_BREAKS), ("loss", LOSSES), ("evaluate", FOLDS_BY)):
        if isinstance(fields.get(name), str) and fields[name] not in words:
            raise OptionError(f"{path}: {name}: expected {' or '.join(map(repr, words))}, got {fields[name]!r}")


def _from(folder: Path, path: str) -> str:
    return os.path.join(folder, path)  # noqa: PTH118 - the parts stay as they are: ".." may follow a link


def _relative(path: str, folder: Path) -> str:
    """Path as seen from `folder`, with forward slashes; absolute where they lie on different drives."""
    try:
        seen = os.path.relpath(os.path.realpath(path), os.path.realpath(folder))
    except ValueError:
        seen = os.path.realpath(path)
    return Path(seen).as_posix()
