"""Many copies of a network, trained as one: M small networks cost little more than one."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.func import functional_call, stack_module_state, vmap

from hemicycle.errors import DtypeError, IndexOutOfRangeError, OptionError, ShapeError
from hemicycle.options import positive_count, truth

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

    Raises
    ------
    DtypeError
        If `make` cannot be called, or makes no module.
    DomainError
        If `n_learners` is below 1.
    OptionError
        If members differ in architecture, or are one object.

    Notes
    -----
    Every parameter and buffer has an axis of members in front, under the name that it has in one member after
    ``members.``: optimisers, ``state_dict`` and ``to`` work as for any module. The pass is `torch.func.vmap` of that of
    one member; random layers draw anew for each. Optimisers that treat numbers one by one, such as SGD and Adam, train
    each member as they would train it alone. Layers that vmap has no rule for, such as LSTM and GRU, cannot be run so;
    a tensor that is neither parameter nor buffer is that of the first member.

    Examples
    --------
    >>> ensemble = DeepEnsemble(lambda: torch.nn.Linear(3, 1), 5)
    >>> ensemble(torch.zeros(8, 3)).shape
    torch.Size([5, 8, 1])
    """

    def __init__(self, make: Callable[[], Module], n_learners: int) -> None:
        super().__init__()
        number = positive_count(n_learners, "n_learners")
        if not callable(make) or isinstance(make, torch.nn.Module):
            raise DtypeError("make: expected a function that makes a member, such as lambda: Network(...)")
        members = [make() for _ in range(number)]
        if not all(isinstance(member, torch.nn.Module) for member in members):
            raise DtypeError(f"make: expected a function that makes a torch.nn.Module, it made {type(members[0])}")
        self.n_learners = number
        _require_alike(members)
        try:
            parameters, buffers = stack_module_state(members)
        except (RuntimeError, ValueError) as error:
            raise OptionError(f"make: members must differ in their numbers alone: {error}") from None
        self.members = _holding(members[0], {**parameters, **buffers})
        # one member without numbers, whose code is run with those of all; in a tuple, so that it is no submodule
        without = {name: tensor.to("meta") for name, tensor in _state(members[0]).items()}
        self._architecture = (_holding(members[0], without),)

    def extra_repr(self) -> str:
        """Return the number of members, for the representation of a network."""
        return f"n_learners={self.n_learners}"

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
            Of each member, as `EnsembleLoss` takes them.

        Raises
        ------
        ShapeError
            If `x` has not one row for each member, with `each`.
        """
        if truth(each, "each") and (x.ndim == 0 or len(x) != self.n_learners):
            raise ShapeError(f"x: expected {self.n_learners} of them, one for each learner, got shape {tuple(x.shape)}")
        for own, member in zip(self._architecture[0].modules(), self.members.modules(), strict=True):
            own.training = member.training
        run = vmap(self._member, in_dims=(0, 0 if each else None), randomness="different")
        found: Tensor = run(_state(self.members), x)
        return found

    def member(self, index: int) -> Module:
        """Return a copy of one member, as a module by itself.

        Parameters
        ----------
        index : int
            Which one, from 0.

        Returns
        -------
        Module
            Its parameters are not those of the ensemble.

        Raises
        ------
        IndexOutOfRangeError
            If there is no such member.
        """
        if not isinstance(index, int) or isinstance(index, bool):
            raise DtypeError(f"index: expected an integer, got {type(index).__name__}")
        if not 0 <= index < self.n_learners:
            raise IndexOutOfRangeError(f"index is {index}; it must be from 0 to {self.n_learners - 1}")
        own = {name: tensor[index].detach().clone() for name, tensor in _state(self.members).items()}
        return _holding(self.members, own)

    def _member(self, state: dict[str, Tensor], x: Tensor) -> Any:
        return functional_call(self._architecture[0], state, (x,))


def _require_alike(members: list[Module]) -> None:
    """Require members of one architecture, each an object of its own: all are run by the code of the first."""
    if len(set(map(id, members))) < len(members):
        raise OptionError("make: it made the same object again; make a new one at each call")
    for place, member in enumerate(members[1:], 1):
        same = repr(member) == repr(members[0]) and [
            (name, tensor.dtype, tensor.requires_grad) for name, tensor in _state(member).items()
        ] == [(name, tensor.dtype, tensor.requires_grad) for name, tensor in _state(members[0]).items()]
        if not same:
            raise OptionError(
                f"make: members must differ in their numbers alone, and member {place} is another network than member 0"
            )


def _state(module: Module) -> dict[str, Tensor]:
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def _holding(module: Module, tensors: dict[str, Tensor]) -> Module:
    """Return a copy of a module with other numbers; what it shares stays shared."""
    found = copy.deepcopy(module)
    new: dict[int, Tensor] = {
        id(old): torch.nn.Parameter(tensors[name].detach(), old.requires_grad) for name, old in found.named_parameters()
    }
    new |= {id(old): tensors[name] for name, old in found.named_buffers()}
    for owner in found.modules():
        for held in (owner._parameters, owner._buffers):
            for name, old in held.items():
                if old is not None:
                    held[name] = new[id(old)]  # type: ignore[assignment]
    return found
