"""The parameters and buffers of members, taken out of a network and put into a copy of it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hemicycle.errors import OptionError

if TYPE_CHECKING:
    from torch.nn import Module

__all__ = ["assign", "holding", "require_alike", "state_of"]


def state_of(module: Module) -> dict[str, Tensor]:
    """Return parameters and buffers by name, those that are shared under one name.

    Parameters
    ----------
    module : Module
        A member, or what holds those of all.

    Returns
    -------
    dict of str to Tensor
        The tensors themselves.
    """
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def assign(module: Module, buffers: dict[str, Tensor]) -> None:
    """Give a module other buffers, where layers made new ones instead of writing to those that they had.

    Parameters
    ----------
    module : Module
        What holds them.
    buffers : dict of str to Tensor
        By name.
    """
    for name, tensor in buffers.items():
        path, _, leaf = name.rpartition(".")
        setattr(module.get_submodule(path), leaf, tensor)


def require_alike(members: list[Module]) -> None:
    """Require members of one architecture, each an object of its own: all are run by the code of the first.

    Parameters
    ----------
    members : list of Module
        At least one.

    Raises
    ------
    OptionError
        If two are one object or differ in more than numbers, have parameters without numbers, or share some to train.
    """
    if len(set(map(id, members))) < len(members):
        raise OptionError("make: it made the same object again; make a new one at each call")
    alike, trained = "make: members must differ in their numbers alone", set[int]()
    for place, member in enumerate(members):
        for name, tensor in state_of(member).items():
            if torch.nn.parameter.is_lazy(tensor):
                raise OptionError(f"{alike}, and {name} has none before a first pass; give the layer its sizes")
            if tensor.requires_grad and id(tensor) in trained:
                raise OptionError(
                    f"make: member {place} shares the parameter {name} with another member, and each is trained by "
                    "itself; run the layers that they share before the ensemble"
                )
        trained |= {id(tensor) for tensor in member.parameters() if tensor.requires_grad}
        if place and _architecture(member) != _architecture(members[0]):
            raise OptionError(f"{alike}, and member {place} is another network than member 0")


def holding(module: Module, tensors: dict[str, Tensor]) -> Module:
    """Return a copy of a module with other numbers; what it shares stays shared.

    Parameters
    ----------
    module : Module
        What is copied.
    tensors : dict of str to Tensor
        Its numbers, by the names of `state_of`.

    Returns
    -------
    Module
        In the modes of the first, with its hooks.

    Raises
    ------
    OptionError
        If torch cannot copy it.
    """
    try:
        found = copy.deepcopy(module)
    except RuntimeError as error:
        raise OptionError(f"make: a member cannot be copied: {error}") from None
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


def _architecture(member: Module) -> object:
    layers = [(type(layer).__qualname__, layer.training) for layer in member.modules()]
    tensors = [(name, t.dtype, t.shape, t.device, t.requires_grad) for name, t in state_of(member).items()]
    return repr(member), layers, tensors
