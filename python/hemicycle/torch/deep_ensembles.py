"""Many copies of a network, trained as one: M small networks cost little more than one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from hemicycle.errors import DtypeError, IndexOutOfRangeError, OptionError, ShapeError
from hemicycle.options import positive_count, truth
from hemicycle.torch.member_passes import all_as_one, all_in_turn, layer_of, layer_without_gradient, reason_for_turns
from hemicycle.torch.member_tensors import assign, holding, require_alike, state_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch.nn import Module

__all__ = ["DeepEnsemble"]


class DeepEnsemble(torch.nn.Module):
    """Members of one architecture, whose parameters lie side by side: one pass goes through all of them.

    Parameters
    ----------
    make : callable
        Makes one member, initialised anew at each call.
    n_learners : int
        Number of members, at least 1.
    stacked : bool, optional
        Whether one pass takes all members as one (True), or there is one after another (False), which takes as long as
        a loop over them. By default as one wherever torch can, and else in turn; `refusal` then says why.

    Attributes
    ----------
    members : Module
        One member that holds the tensors of all, and the very module that is run: hooks, settings, modes and frozen
        parameters of its layers are those of every member.
    stacked : bool or None
        As given; it may be set anew at any time.
    refusal : str or None
        Why the last pass went through the members in turn although it might have taken them as one: a layer and what
        torch says of it. Else None.

    Raises
    ------
    DtypeError
        If `make` cannot be called, or makes no module.
    DomainError
        If `n_learners` is below 1.
    OptionError
        If members differ in architecture, are one object, or share parameters that are trained.

    Notes
    -----
    Every parameter and buffer has an axis of members in front, under the name that it has in one member after
    ``members.``: optimisers, ``state_dict`` and ``to`` work as for any module. Code, hooks and settings are those of
    the first member; so is a tensor that is neither parameter nor buffer. Optimisers that treat numbers one by one,
    such as SGD and Adam, train each member as they would train it alone, on the gradient that it gets: under a loss
    that is a mean over M members this is 1/M of its own, see `EnsembleLoss`.

    The pass as one is `torch.func.vmap` of that of one member; random layers draw anew for each. Recurrent layers,
    ``BatchNorm`` that is trained without a momentum, sparse embeddings and code that branches on numbers have no rule
    there and go in turn. The pass that finds it out is begun anew: buffers are as after one pass, but hooks have run
    twice. Under autocast members go in turn too, since as one it reaches matrix products alone; ``stacked=True`` puts
    up with that. Hooks that run as one run once, see the shapes of one member, and must not keep tensors; with
    ``stacked=False`` they run for every member, and may.

    Examples
    --------
    >>> ensemble = DeepEnsemble(lambda: torch.nn.Linear(3, 1), 5)
    >>> ensemble(torch.zeros(8, 3)).shape
    torch.Size([5, 8, 1])
    """

    refusal: str | None

    def __init__(self, make: Callable[[], Module], n_learners: int, *, stacked: bool | None = None) -> None:
        super().__init__()
        self.n_learners = positive_count(n_learners, "n_learners")
        self.stacked = stacked
        if not callable(make) or isinstance(make, torch.nn.Module):
            raise DtypeError("make: expected a function that makes a member, such as lambda: Network(...)")
        members = [make() for _ in range(self.n_learners)]
        for member in members:
            if not isinstance(member, torch.nn.Module):
                raise DtypeError(f"make: expected a function that makes a torch.nn.Module, it made {type(member)}")
        require_alike(members)
        states = [state_of(member) for member in members]
        side_by_side = {name: torch.stack([state[name].detach() for state in states]) for name in states[0]}
        self.members = holding(members[0], side_by_side)
        for layer in self.members.modules():
            if isinstance(layer, torch.nn.RNNBase):
                layer.flatten_parameters = _left_as_they_are  # type: ignore[method-assign]

    @property
    def stacked(self) -> bool | None:
        """Whether members are taken as one, in turn, or as torch can."""
        return self._stacked

    @stacked.setter
    def stacked(self, stacked: bool | None) -> None:
        self._stacked = None if stacked is None else truth(stacked, "stacked")
        self._refusals: dict[tuple[tuple[str, bool], ...], str] = {}
        self.refusal = None

    def extra_repr(self) -> str:
        """Return the number of members, for the representation of a network."""
        return f"n_learners={self.n_learners}" + ("" if self.stacked is None else f", stacked={self.stacked}")

    def forward(self, x: Tensor, *, each: bool = False) -> Tensor:
        """Return the predictions of all members.

        Parameters
        ----------
        x : Tensor, shape (n_examples, ...), or (n_learners, n_examples, ...) with `each`
            What one member takes.
        each : bool, default False
            Whether each member has an `x` of its own, such as a bootstrap sample.

        Returns
        -------
        Tensor, shape (n_learners, n_examples, ...)
            Of each member, as `EnsembleLoss` takes them; if a member returns several tensors, as many.

        Raises
        ------
        DtypeError, ShapeError
            If `x` is no tensor with one row for each member, with `each`; if a member returns no tensor.
        OptionError
            If a layer has no rule by which members are taken as one, with ``stacked=True``.
        """
        if truth(each, "each"):
            if not isinstance(x, Tensor):
                raise DtypeError(f"x: expected a tensor, one row for each learner, got {type(x).__name__}")
            if x.ndim == 0 or len(x) != self.n_learners:
                raise ShapeError(
                    f"x: expected {self.n_learners} of them, one for each learner, got shape {tuple(x.shape)}"
                )
        found, buffers = self._run(x, each)
        assign(self.members, buffers)
        predictions: Tensor = found
        return predictions

    def member(self, index: int) -> Module:
        """Return a copy of one member, as a module by itself.

        Parameters
        ----------
        index : int
            Which one, from 0.

        Returns
        -------
        Module
            Its parameters are not those of the ensemble, and what is done to it the ensemble does not see.

        Raises
        ------
        DtypeError, IndexOutOfRangeError
            If there is no such member.
        """
        if not isinstance(index, int) or isinstance(index, bool):
            raise DtypeError(f"index: expected an integer, got {type(index).__name__}")
        if not 0 <= index < self.n_learners:
            raise IndexOutOfRangeError(f"index is {index}; it must be from 0 to {self.n_learners - 1}")
        own = {name: tensor[index].detach().clone() for name, tensor in state_of(self.members).items()}
        member = holding(self.members, own)
        for layer in member.modules():
            layer.__dict__.pop("flatten_parameters", None)
        return member

    def _run(self, x: Tensor, each: bool) -> tuple[Any, dict[str, Tensor]]:
        """Return predictions and new buffers, as one or in turn."""
        self.refusal = self._reason_for_turns()
        if self.stacked is False or self.refusal:
            return all_in_turn(self.members, x, self.n_learners, each=each)
        if torch.compiler.is_compiling():
            return all_as_one(self.members, x, each=each)
        before = {name: buffer.clone() for name, buffer in self.members.named_buffers()}
        try:
            return all_as_one(self.members, x, each=each)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:
            refused = error
        self._restore(before)
        found = all_in_turn(self.members, x, self.n_learners, each=each)  # its error is raised, if x is at fault
        message = str(refused).splitlines() or [type(refused).__name__]
        reason = f"layer {layer_of(refused, self.members)}: {message[0]}"
        if self.stacked:
            self._restore(before)
            raise OptionError(_cannot(reason)) from refused
        self.refusal = self._refusals[self._modes()] = reason
        return found

    def _reason_for_turns(self) -> str | None:
        """Return what is known before a pass to be in the way of taking members as one."""
        if self.stacked is None:
            known = self._refusals.get(self._modes()) if self._refusals else None
            return known or reason_for_turns(self.members)
        reason = layer_without_gradient(self.members) if self.stacked and torch.is_grad_enabled() else None
        if reason:
            raise OptionError(_cannot(reason))
        return None

    def _modes(self) -> tuple[tuple[str, bool], ...]:
        """Return what decides whether vmap has rules: the layers, and which of them are training."""
        return tuple((type(layer).__qualname__, layer.training) for layer in self.members.modules())

    @torch.no_grad()
    def _restore(self, buffers: dict[str, Tensor]) -> None:
        for name, buffer in self.members.named_buffers():
            buffer.copy_(buffers[name])


def _cannot(reason: str) -> str:
    return (
        f"stacked: members cannot be taken as one, {reason}; leave stacked out or set it to False to run them in turn"
    )


def _left_as_they_are() -> None:
    """Leave the weights of a recurrent layer as they are: they are those of all members, which cuDNN cannot lay out."""
