"""Passes through all members of a deep ensemble, whose numbers lie side by side: as one, or in turn."""

from __future__ import annotations

import traceback
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.func import functional_call, vmap
from torch.utils._pytree import tree_leaves, tree_map

from hemicycle.errors import DtypeError
from hemicycle.torch.member_tensors import state_of

if TYPE_CHECKING:
    from torch.nn import Module

__all__ = ["all_as_one", "all_in_turn", "layer_of", "layer_without_gradient", "reason_for_turns"]


def all_as_one(members: Module, x: Any, *, each: bool) -> tuple[Any, dict[str, Tensor]]:
    """Return the predictions of all members from one pass by `torch.func.vmap`, and new buffers.

    Parameters
    ----------
    members : Module
        One member, whose tensors have an axis of members in front.
    x : Tensor
        What one member takes, with an axis of members in front if `each` has its own.
    each : bool
        See `x`.

    Returns
    -------
    tuple of Tensor and dict of str to Tensor
        With an axis of members in front; buffers that layers replaced.
    """
    state, in_dims = state_of(members), (0, 0 if each else None)
    if next(members.buffers(), None) is None:  # nothing to replace, and less for vmap to take apart
        return vmap(partial(_predictions, members), in_dims=in_dims, randomness="different")(state, x), {}
    found: tuple[Any, dict[str, Tensor]] = vmap(partial(_pass, members), in_dims=in_dims, randomness="different")(
        state, x
    )
    return found


def all_in_turn(members: Module, x: Any, n_learners: int, *, each: bool) -> tuple[Any, dict[str, Tensor]]:
    """Return the predictions of all members, from one pass after another, and new buffers.

    Parameters
    ----------
    members, x
        As for `all_as_one`.
    n_learners : int
        Number of members.
    each : bool
        As for `all_as_one`.

    Returns
    -------
    tuple of Tensor and dict of str to Tensor
        As those of `all_as_one`.

    Raises
    ------
    DtypeError
        If a member returns something else than tensors.
    """
    # the gradient of unbind is one stack, a sparse one too; what is written to in the pass must be a plain slice
    written = any(getattr(layer, "max_norm", None) is not None for layer in members.modules())
    state = {
        name: [tensor[j] for j in range(n_learners)] if written else tensor.unbind()
        for name, tensor in state_of(members).items()
    }
    passes, replaced = [], []
    for place in range(n_learners):
        own = {name: rows[place] for name, rows in state.items()}
        found, new = _pass(members, own, x[place] if each else x)
        for part in tree_leaves(found):
            if not isinstance(part, Tensor):
                raise DtypeError(f"make: expected members that return tensors, got {type(part).__name__}")
        passes.append(found)
        replaced.append(new)
    names = {name for new in replaced for name in new}
    buffers = {
        name: torch.stack([new.get(name, state[name][place]) for place, new in enumerate(replaced)]) for name in names
    }
    return tree_map(lambda *parts: torch.stack(parts), *passes), buffers


def reason_for_turns(members: Module) -> str | None:
    """Return why members should go in turn although vmap would not refuse them.

    Parameters
    ----------
    members : Module
        As for `all_as_one`.

    Returns
    -------
    str or None
        None if they need not.
    """
    first = next(members.parameters(), None)
    kind = "cpu" if first is None else first.device.type
    if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
        return "autocast reaches matrix products alone where members are taken as one"
    return layer_without_gradient(members) if torch.is_grad_enabled() else None


def layer_without_gradient(members: Module) -> str | None:
    """Return the layer of members that vmap runs, but whose gradient it cannot give, and why.

    Parameters
    ----------
    members : Module
        As for `all_as_one`.

    Returns
    -------
    str or None
        None where there is no such layer.
    """
    for name, layer in members.named_modules():
        embeds = isinstance(layer, torch.nn.Embedding | torch.nn.EmbeddingBag)
        if embeds and layer.sparse and layer.weight.requires_grad:
            return f"layer {_called(name, layer)}: there is no rule for its sparse gradients"
        attends = isinstance(layer, torch.nn.MultiheadAttention | torch.nn.TransformerEncoderLayer)
        if attends and not layer.training and torch.backends.mha.get_fastpath_enabled():
            # under vmap it cannot see that gradients are asked for, and takes a path that has none
            return f"layer {_called(name, layer)}: in eval mode there is no gradient"
    return None


def layer_of(error: BaseException, members: Module) -> str:
    """Return the layer of members that raised an error, for a message.

    Parameters
    ----------
    error : BaseException
        As it was raised in a pass.
    members : Module
        What was run.

    Returns
    -------
    str
        Its name and class.
    """
    names = {id(layer): (name, layer) for name, layer in members.named_modules()}
    innermost = "", members
    for frame, _ in traceback.walk_tb(error.__traceback__):
        innermost = names.get(id(frame.f_locals.get("self")), innermost)
    return _called(*innermost)


def _called(name: str, layer: Module) -> str:
    kind = type(layer).__name__
    return f"{name!r} ({kind})" if name else kind


def _predictions(members: Module, state: dict[str, Tensor], x: Any) -> Any:
    return functional_call(members, state, (x,))


def _pass(members: Module, state: dict[str, Tensor], x: Any) -> tuple[Any, dict[str, Tensor]]:
    """Return the predictions of the member that has a state, and buffers that it replaced."""
    given = dict(state)
    found = functional_call(members, state, (x,))
    return found, {name: tensor for name, tensor in state.items() if tensor is not given[name]}
