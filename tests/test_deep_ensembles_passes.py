"""Passes of a deep ensemble, as one or in turn, are those of its members alone, and what is done to them counts."""

from __future__ import annotations

import copy
import io
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from hemicycle.errors import DtypeError, OptionError, ShapeError

torch = pytest.importorskip("torch", reason="torch is not installed")

import hemicycle.torch as ht  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

nn = torch.nn
pytestmark = pytest.mark.filterwarnings("ignore:There is a performance drop")


class Recurrent(nn.Module):
    """A recurrent layer, of which the last state is read."""

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.cells = kind(3, 4, num_layers=2, batch_first=True)
        self.read = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.read(self.cells(x)[0][:, -1])
        return found


class Words(nn.Module):
    """An embedding of words."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.words = nn.Embedding(10, 4, **options)
        self.read = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.read(self.words(x))
        return found


class Branching(nn.Module):
    """A network that looks at its numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.layer(x)
        return found if found.sum() > 0 else found.exp()


class Counting(nn.Module):
    """A network that counts its passes in a buffer that it makes anew."""

    def __init__(self, refused: bool = False) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.refused = refused
        self.register_buffer("n_passes", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.n_passes = self.n_passes + 1
        found: Tensor = self.layer(x) * self.n_passes
        return found + 0 * found.sum().item() if self.refused else found


def rows() -> Tensor:
    return torch.randn(5, 3)


def sequences() -> Tensor:
    return torch.randn(5, 6, 3)


def words() -> Tensor:
    return torch.randint(10, (5,))


def normalised(momentum: float | None = None) -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, momentum=momentum), nn.Linear(4, 2))


NO_RULE: dict[str, tuple[Callable[[], nn.Module], Callable[[], Tensor], str]] = {
    "lstm": (lambda: Recurrent(nn.LSTM), sequences, r"layer 'cells' \(LSTM\)"),
    "gru": (lambda: Recurrent(nn.GRU), sequences, r"layer 'cells' \(GRU\)"),
    "batch norm without momentum": (normalised, rows, r"layer '1' \(BatchNorm1d\)"),
    "sparse embedding": (lambda: Words(sparse=True), words, r"layer 'words' \(Embedding\)"),
    "branching": (Branching, rows, "layer Branching"),
    "buffers made anew": (lambda: Counting(refused=True), rows, "layer Counting"),
    "spectral norm": (
        lambda: nn.utils.parametrizations.spectral_norm(nn.Linear(3, 2)),
        rows,
        r"layer 'parametrizations.weight.0' .*",
    ),
}
RULE: dict[str, tuple[Callable[[], nn.Module], Callable[[], Tensor]]] = {
    "perceptron": (lambda: nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2)), rows),
    "batch normalisation": (lambda: normalised(0.1), rows),
    "buffers made anew": (Counting, rows),
    "embedding": (Words, words),
    "embedding of bounded norm": (lambda: Words(max_norm=1.0), words),
    "attention": (lambda: nn.TransformerEncoderLayer(3, 1, 8, dropout=0.0, batch_first=True), sequences),
    "weight norm": (lambda: nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)), rows),
}  # fmt: skip


def assert_as_alone(ensemble: ht.DeepEnsemble, x: Tensor, n_passes: int = 2) -> None:
    """Require predictions, gradients and buffers of some passes to be those of the members by themselves."""
    members = [ensemble.member(j) for j in range(ensemble.n_learners)]
    for _ in range(n_passes):
        found = ensemble(x)
        alone = torch.stack([member(x) for member in members])
        torch.testing.assert_close(found, alone)
    found.square().sum().backward()
    alone.square().sum().backward()
    for j, member in enumerate(members):
        own = ensemble.member(j).state_dict()
        for key, right in member.state_dict().items():
            torch.testing.assert_close(own[key], right)
        for (key, stacked), (_, right) in zip(
            ensemble.members.named_parameters(), member.named_parameters(), strict=True
        ):
            assert (stacked.grad is None) == (right.grad is None), key
            if right.grad is not None and stacked.grad is not None:
                assert stacked.grad.layout == right.grad.layout
                torch.testing.assert_close(stacked.grad.to_dense()[j], right.grad.to_dense())


class TestPasses:
    @pytest.mark.parametrize("training", [True, False])
    @pytest.mark.parametrize("name", NO_RULE)
    def test_members_without_a_rule_go_in_turn(self, name: str, training: bool) -> None:
        torch.manual_seed(0)
        make, inputs, layer = NO_RULE[name]
        ensemble = ht.DeepEnsemble(make, 3).train(training)
        assert ensemble.refusal is None
        assert_as_alone(ensemble, inputs())
        if training or " norm" not in name:  # which has a rule in eval mode
            assert ensemble.refusal is not None
            ensemble = ht.DeepEnsemble(make, 3, stacked=True).train(training)
            with pytest.raises(OptionError, match=f"members cannot be taken as one, {layer}: .*; leave stacked out"):
                ensemble(inputs())
        else:
            assert ensemble.refusal is None

    @pytest.mark.parametrize("stacked", [None, True, False])
    @pytest.mark.parametrize("name", RULE)
    def test_members_as_one_are_those_in_turn(self, name: str, stacked: bool | None) -> None:
        torch.manual_seed(0)
        make, inputs = RULE[name]
        ensemble = ht.DeepEnsemble(make, 3, stacked=stacked)
        assert_as_alone(ensemble, inputs())
        assert ensemble.refusal is None

    def test_a_refused_pass_leaves_no_trace_and_a_refusal_is_known(self) -> None:
        ensemble = ht.DeepEnsemble(normalised, 2)
        normal: Any = ensemble.members[1]  # type: ignore[index]
        counts = []
        ensemble.members.register_forward_hook(lambda *_: counts.append(1))
        for n_passes in (1, 2):
            ensemble(rows())
            assert normal.num_batches_tracked.tolist() == [n_passes] * 2
            assert len(counts) == 2 * n_passes  # the pass that is refused does not get so far
        ensemble.stacked = True
        before = copy.deepcopy(ensemble.state_dict())
        with pytest.raises(OptionError, match="BatchNorm1d"):
            ensemble(rows())
        assert all(torch.equal(tensor, before[key]) for key, tensor in ensemble.state_dict().items())
        assert ensemble.eval()(rows()).shape == (2, 5, 2)
        normal.momentum = 0.1
        assert ensemble.train()(rows()).shape == (2, 5, 2)

    def test_attention_in_eval_mode_has_gradients(self) -> None:
        make, inputs = RULE["attention"]
        ensemble = ht.DeepEnsemble(make, 3).eval()
        assert_as_alone(ensemble, inputs())
        assert ensemble.refusal is not None
        with torch.no_grad():
            torch.testing.assert_close(ensemble(x := inputs())[1], ensemble.member(1)(x))
        assert ensemble.refusal is None
        ensemble.stacked = True
        with pytest.raises(OptionError, match="TransformerEncoderLayer: in eval mode there is no gradient"):
            ensemble(inputs())

    def test_each_in_turn(self) -> None:
        ensemble, x = ht.DeepEnsemble(lambda: Recurrent(nn.GRU), 3), torch.randn(3, 5, 6, 3)
        found = ensemble(x, each=True)
        for j in range(3):
            torch.testing.assert_close(found[j], ensemble.member(j)(x[j]))

    def test_several_tensors(self) -> None:
        ensemble, x = ht.DeepEnsemble(lambda: nn.LSTM(3, 4), 2), sequences()
        found: Any = ensemble(x)
        out, (hidden, cell) = found
        right, (last, state) = ensemble.member(1)(x)
        torch.testing.assert_close((out[1], hidden[1], cell[1]), (right, last, state))

    def test_errors_of_members_are_their_own(self) -> None:
        for stacked in (None, True, False):
            ensemble = ht.DeepEnsemble(lambda: nn.Linear(3, 2), 2, stacked=stacked)
            with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
                ensemble(torch.zeros(5, 4))
            assert ensemble.refusal is None
            assert ensemble(torch.zeros(5, 3)).shape == (2, 5, 2)

    def test_random_layers_draw_anew_in_turn(self) -> None:
        ensemble = ht.DeepEnsemble(lambda: nn.Sequential(nn.Linear(3, 50), nn.Dropout(0.5)), 3, stacked=False)
        zeros = ensemble(torch.ones(1, 3)) == 0
        assert not torch.equal(zeros[0], zeros[1])

    def test_sparse_gradients_train(self) -> None:
        torch.manual_seed(0)
        ensemble, x = ht.DeepEnsemble(lambda: nn.Embedding(10, 4, sparse=True), 3), torch.tensor([1, 2, 2])
        before: Any = ensemble.members.weight.detach().clone()  # type: ignore[union-attr]
        descent = torch.optim.SparseAdam(ensemble.parameters(), lr=0.1)
        ensemble(x).square().sum().backward()
        descent.step()
        changed = (ensemble.members.weight != before).any(-1)  # type: ignore[union-attr]
        assert changed.tolist() == [[False, True, True] + 7 * [False]] * 3

    @pytest.mark.parametrize("make", [lambda: nn.Linear(3, 2), lambda: nn.Conv1d(6, 2, 2)])
    def test_autocast_is_that_of_members_alone(self, make: Callable[[], nn.Module]) -> None:
        ensemble, x = ht.DeepEnsemble(make, 3), torch.randn(5, 6, 3)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = ensemble(x)
            assert found.dtype == torch.bfloat16
            for j in range(3):
                assert torch.equal(found[j], ensemble.member(j)(x))
            assert "autocast" in str(ensemble.refusal)
            ensemble.stacked = True
            assert ensemble(x).shape == found.shape
        found.float().sum().backward()
        assert all(parameter.grad is not None for parameter in ensemble.parameters())
        ensemble.stacked = None
        assert ensemble(x).dtype == torch.float32
        assert ensemble.refusal is None

    def test_it_compiles(self) -> None:
        ensemble = ht.DeepEnsemble(RULE["perceptron"][0], 3)
        x = rows()
        compiled = torch.compile(ensemble, fullgraph=True, backend="aot_eager")
        torch.testing.assert_close(compiled(x), ensemble(x))


class TestWhatIsDoneToMembers:
    def members(self, stacked: bool | None = None) -> tuple[ht.DeepEnsemble, Any]:
        torch.manual_seed(0)
        ensemble = ht.DeepEnsemble(
            lambda: nn.Sequential(nn.Linear(3, 50), nn.Dropout(0.5), nn.Linear(50, 2)), 4, stacked=stacked
        )
        return ensemble, ensemble.members

    @pytest.mark.parametrize("stacked", [True, False])
    def test_settings(self, stacked: bool) -> None:
        ensemble, members = self.members(stacked)
        x = rows()
        assert not torch.equal(ensemble(x), ensemble(x))
        members[1].p = 0.0
        assert torch.equal(ensemble(x), ensemble(x))
        members[1].p = 1.0
        torch.testing.assert_close(ensemble(x), members[2].bias[:, None].expand(4, 5, 2))
        members[1].eval()
        assert not torch.allclose(ensemble(x), members[2].bias[:, None].expand(4, 5, 2))

    @pytest.mark.parametrize("stacked", [True, False])
    def test_layers_that_are_replaced(self, stacked: bool) -> None:
        ensemble, members = self.members(stacked)
        ensemble.eval()
        members[1] = nn.Tanh()
        x = rows()
        found = ensemble(x)
        for j in range(4):
            own: Any = ensemble.member(j)
            assert isinstance(own[1], nn.Tanh)
            torch.testing.assert_close(found[j], own(x))

    @pytest.mark.parametrize("stacked", [True, False])
    def test_hooks(self, stacked: bool) -> None:
        ensemble, members = self.members(stacked)
        ensemble.eval()
        x, shapes = rows(), []
        before = ensemble(x)
        members[0].register_forward_pre_hook(lambda _, given: shapes.append(tuple(given[0].shape)))
        handle = members.register_forward_hook(lambda *told: 2 * told[2])
        torch.testing.assert_close(ensemble(x), 2 * before)
        assert shapes == [(5, 3)] * (1 if stacked else 4)
        handle.remove()
        assert torch.equal(ensemble(x), before)

    @pytest.mark.parametrize("stacked", [True, False])
    def test_frozen_parameters(self, stacked: bool) -> None:
        ensemble, members = self.members(stacked)
        members[0].requires_grad_(False)
        ensemble(rows()).sum().backward()
        assert members[0].weight.grad is None
        assert members[2].weight.grad is not None
        assert not next(ensemble.member(0).parameters()).requires_grad
        with torch.no_grad():
            assert not ensemble(rows()).requires_grad

    @pytest.mark.parametrize("stacked", [True, False])
    def test_shared_parameters(self, stacked: bool) -> None:
        ensemble = ht.DeepEnsemble(lambda: nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)), 2, stacked=stacked)
        members: Any = ensemble.members
        members[1].weight = members[0].weight
        assert len(list(ensemble.parameters())) == 3
        x = rows()
        found = ensemble(x)
        for j in range(2):
            own: Any = ensemble.member(j)
            assert own[0].weight is own[1].weight
            torch.testing.assert_close(found[j], own(x))

    def test_a_member_that_was_taken_out_is_apart(self) -> None:
        ensemble, _ = self.members()
        x = rows()
        ensemble.eval()
        before = ensemble(x)
        own = ensemble.member(0).train()
        nn.init.zeros_(next(own.parameters()))
        assert torch.equal(ensemble(x), before)

    def test_a_recurrent_layer_is_not_laid_out_as_one_member(self) -> None:
        """On a GPU `to` would hand the weights of all members to cuDNN as those of one."""
        ensemble = ht.DeepEnsemble(lambda: nn.LSTM(3, 4), 2)
        layer: Any = ensemble.members
        assert layer.flatten_parameters is not nn.LSTM.flatten_parameters
        assert "flatten_parameters" in vars(layer)
        assert "flatten_parameters" in vars(copy.deepcopy(ensemble).members)
        assert "flatten_parameters" not in vars(ensemble.member(0))


COPIES = {
    "perceptron": RULE["perceptron"],
    "batch normalisation": RULE["batch normalisation"],
    "lstm": NO_RULE["lstm"][:2],
    "spectral norm": NO_RULE["spectral norm"][:2],
}


class TestCopies:
    @pytest.mark.parametrize("name", COPIES)
    def test_deepcopy_pickle_and_state(self, name: str) -> None:
        make, inputs = COPIES[name]
        ensemble, other = ht.DeepEnsemble(make, 3), ht.DeepEnsemble(make, 3)
        x = inputs()
        ensemble(x)  # buffers move, and refusals are known
        other.load_state_dict(ensemble.state_dict())
        copies = [other, copy.deepcopy(ensemble)]
        if name != "spectral norm":  # torch refuses to pickle parametrised layers
            stored = io.BytesIO()
            torch.save(ensemble, stored)
            stored.seek(0)
            copies.append(torch.load(stored, weights_only=False))
        ensemble.eval()
        right = ensemble(x)
        for found in copies:
            torch.testing.assert_close(found.eval()(x), right, rtol=0, atol=0)
            for (key, own), (_, given) in zip(found.state_dict().items(), ensemble.state_dict().items(), strict=True):
                assert torch.equal(own, given), key
                assert own.data_ptr() != given.data_ptr()

    @pytest.mark.parametrize("name", COPIES)
    def test_to_another_dtype_and_device(self, name: str) -> None:
        make, inputs = COPIES[name]
        ensemble = ht.DeepEnsemble(make, 3).double().eval()
        x = inputs().double()
        found = ensemble(x)
        assert found.dtype == torch.float64
        for j in range(3):
            torch.testing.assert_close(found[j], ensemble.member(j)(x))
        away = copy.deepcopy(ensemble).to("meta")
        assert all(tensor.is_meta for tensor in away.state_dict().values())
        assert away(x.to("meta")).shape == found.shape
        assert away(x.to("meta")).is_meta

    @pytest.mark.parametrize("optimiser", [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop])
    def test_optimisers_train_members_as_alone(self, optimiser: Any) -> None:
        torch.manual_seed(0)
        ensemble = ht.DeepEnsemble(lambda: Recurrent(nn.LSTM), 3)
        members = [ensemble.member(j) for j in range(3)]
        together = optimiser(ensemble.parameters(), lr=0.01)
        apart = [optimiser(member.parameters(), lr=0.01) for member in members]
        x = sequences()
        for _ in range(3):
            together.zero_grad()
            ensemble(x).square().sum().backward()
            together.step()
            for member, descent in zip(members, apart, strict=True):
                descent.zero_grad()
                member(x).square().sum().backward()
                descent.step()
        torch.testing.assert_close(ensemble(x), torch.stack([member(x) for member in members]))


def test_what_cannot_be_made_or_run() -> None:
    shared = nn.Linear(3, 3)
    with pytest.raises(OptionError, match=r"member 1 shares the parameter 0\.weight with another member"):
        ht.DeepEnsemble(lambda: nn.Sequential(shared, nn.Linear(3, 1)), 2)
    shared.requires_grad_(False)
    assert ht.DeepEnsemble(lambda: nn.Sequential(shared, nn.Linear(3, 1)), 2)(rows()).shape == (2, 5, 1)
    modes = iter([True, False])
    with pytest.raises(OptionError, match="member 1 is another network"):
        ht.DeepEnsemble(lambda: nn.Linear(3, 1).train(next(modes)), 2)
    with pytest.raises(OptionError, match=r"weight has none before a first pass; give the layer its sizes"):
        ht.DeepEnsemble(lambda: nn.LazyLinear(1), 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(OptionError, match="make: a member cannot be copied"):
            ht.DeepEnsemble(lambda: nn.utils.weight_norm(nn.Linear(3, 1)), 2)
    with pytest.raises(DtypeError, match="stacked: expected True or False"):
        ht.DeepEnsemble(lambda: nn.Linear(3, 1), 2, stacked="yes")  # type: ignore[arg-type]
    ensemble = ht.DeepEnsemble(lambda: nn.Linear(3, 1), 2)
    with pytest.raises(DtypeError, match="x: expected a tensor, one row for each learner, got list"):
        ensemble([rows(), rows()], each=True)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="x: expected 2 of them"):
        ensemble(torch.tensor(1.0), each=True)


class Named(nn.Module):
    """A network that returns no tensor."""

    def forward(self, x: Tensor) -> Any:
        return {"shape": str(x.shape)}


@pytest.mark.parametrize("stacked", [None, True, False])
def test_members_that_return_no_tensors(stacked: bool | None) -> None:
    with pytest.raises(DtypeError, match="make: expected members that return tensors, got str"):
        ht.DeepEnsemble(Named, 2, stacked=stacked)(rows())
