"""Contract of every quantizer: what its interface promises, whatever its codes are."""

import math

import pytest
import torch

import elbowroom as er
from elbowroom.distributions import CodeCategorical, Quantized, join_index, kl_divergence, split_index
from elbowroom.families import QUANTIZERS, Quantizer, register_quantizer

#: A small setting of each, by name; of a quantizer that is not here its example is taken.
SETTINGS = {
    "codebook": "6",
    "cosine": "6",
    "rotation": "6",
    "simvq": "6",
    "diveq": "6",
    "residual": "3x2",
    "shared-residual": "3x2",
    "hierarchical": "3x2x0.3",
    "stochastic": "6",
    "product": "3x2",
    "fsq": "3,2",
    "fsp": "3,2",
    "perturbed": "6",
    "scalars": "2x3",
    "lfq": "3",
    "bsq": "3",
}


@pytest.fixture(params=list(QUANTIZERS))
def quantizer(request: pytest.FixtureRequest) -> Quantizer:
    torch.manual_seed(0)
    name = request.param
    return er.quantizer(f"{name}:{SETTINGS.get(name, QUANTIZERS[name].example)}", (2, 1), dim=4).eval()


def has_one_book(quantizer: Quantizer) -> bool:
    return isinstance(quantizer, er.ResidualQuantizer) and len(quantizer.books) == 1


def test_shapes_and_sizes(quantizer: Quantizer) -> None:
    q = quantizer(torch.randn(5, quantizer.size))
    assert quantizer.space == (2, 1)
    assert q.codes.shape == q.rsample().shape == (5, *quantizer.shape)
    assert q.indices.shape == (5, 2, len(quantizer.index_sizes))
    assert (q.indices < torch.tensor(quantizer.index_sizes)).all()
    assert quantizer.n_codes == math.prod(quantizer.index_sizes)
    assert quantizer.list_codes().shape == (quantizer.n_codes, quantizer.shape[1])
    # Sums of entries of one codebook are the same in any order.
    assert len(quantizer.list_codes().unique(dim=0)) == (9 - 3 if has_one_book(quantizer) else quantizer.n_codes)


def test_the_codes_are_those_of_the_indices(quantizer: Quantizer) -> None:
    q = quantizer(torch.randn(50, quantizer.size))
    torch.testing.assert_close(q.codes, quantizer.decode_indices(q.indices), rtol=0, atol=0)
    torch.testing.assert_close(q.rsample(), q.codes, rtol=1e-4, atol=1e-5)


def test_every_code_is_found_again(quantizer: Quantizer) -> None:
    codes = quantizer.list_codes()
    z = codes.repeat_interleave(2, 0).reshape(-1, *quantizer.shape)
    torch.testing.assert_close(quantizer.decode_indices(quantizer.find_indices(z)), z)


def test_the_joint_index_numbers_the_codes(quantizer: Quantizer) -> None:
    indices = quantizer(torch.randn(20, quantizer.size)).indices
    joint = quantizer.join_index(indices)
    torch.testing.assert_close(quantizer.list_codes()[joint], quantizer.decode_indices(indices))
    assert torch.equal(split_index(joint, quantizer.index_sizes), indices)
    every = split_index(torch.arange(quantizer.n_codes), quantizer.index_sizes)
    assert torch.equal(join_index(every, quantizer.index_sizes), torch.arange(quantizer.n_codes))
    assert torch.equal(join_index(indices, quantizer.index_sizes), joint)


def test_the_prior_sums_to_one_over_all_codes_and_scores_by_its_masses(quantizer: Quantizer) -> None:
    prior = CodeCategorical(torch.randn(2, sum(quantizer.index_sizes)), quantizer)
    joint = torch.cartesian_prod(*[torch.arange(quantizer.n_codes)] * 2)
    indices = split_index(joint, quantizer.index_sizes)
    mass = prior.log_mass(indices).exp()
    assert mass.sum().item() == pytest.approx(1, abs=1e-5)
    drawn = quantizer.join_index(prior.sample_indices((4000,)))
    frequency = (drawn[:, 0] * quantizer.n_codes + drawn[:, 1]).bincount(minlength=len(joint)) / 4000
    assert (frequency - mass).abs().max() < 0.05
    assert prior.sample((3,)).shape == (3, *quantizer.shape)


def test_the_kl_is_minus_the_log_mass_of_the_chosen_indices(quantizer: Quantizer) -> None:
    prior = CodeCategorical(torch.randn(2, sum(quantizer.index_sizes)), quantizer)
    q = quantizer(torch.randn(7, quantizer.size))
    torch.testing.assert_close(kl_divergence(q, prior), -prior.log_mass(q.indices))


def test_the_encoder_gets_a_gradient(quantizer: Quantizer) -> None:
    phi = torch.randn(7, quantizer.size, requires_grad=True)
    (quantizer(phi).rsample() * torch.rand(7, *quantizer.shape)).sum().backward()
    assert phi.grad.abs().sum(0).min() > 0


def test_codes_are_chosen_in_single_precision_under_autocast(quantizer: Quantizer) -> None:
    phi = torch.randn(300, quantizer.size).bfloat16()
    expected = quantizer(phi.float())
    with torch.autocast("cpu", torch.bfloat16):
        q = quantizer(phi)
        quantizer.train()(phi)
    assert torch.equal(q.indices, expected.indices)
    assert torch.equal(q.codes, expected.codes)


def test_evaluation_changes_nothing_and_training_trains(quantizer: Quantizer) -> None:
    before = {name: tensor.clone() for name, tensor in quantizer.state_dict().items()}
    quantizer(torch.randn(7, quantizer.size))
    assert all(torch.equal(before[name], tensor) for name, tensor in quantizer.state_dict().items())
    q = quantizer.train()(torch.randn(64, quantizer.size))
    is_followed = any(not torch.equal(before[name], tensor) for name, tensor in quantizer.state_dict().items())
    is_trained = "codebook" in quantizer.loss_weights
    assert is_followed or is_trained or not before
    if is_trained:
        q.codebook_distance.sum().backward()
        assert all(p.grad.abs().sum() > 0 for p in quantizer.parameters())


def test_a_setting_that_cannot_be_read_is_refused_with_an_example() -> None:
    for name, entry in QUANTIZERS.items():
        for setting in ("", ":", ":many", ":0", ":3x3x3x3"):
            with pytest.raises(ValueError, match=rf"write {name}:{entry.settings}, as {name}:") as error:
                er.quantizer(name + setting, 4)
            assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="unknown quantizer 'fsk': did you mean 'fsq'"):
        er.quantizer("fsk:3", 4)


def test_one_of_ones_own_is_taken_by_name() -> None:
    """Signs and zeros: nine codes of two numbers."""

    class Ternary(Quantizer):
        loss_weights = {"commitment": 0.5}  # noqa: RUF012

        def quantize(self, output: torch.Tensor) -> Quantized:
            indices = self.find_indices(output.detach())
            return Quantized(output, self.decode_indices(indices), indices, self.index_sizes)

        def decode_indices(self, indices: torch.Tensor) -> torch.Tensor:
            return indices - 1.0

        def find_indices(self, z: torch.Tensor) -> torch.Tensor:
            return z.round().clamp(-1, 1).long() + 1

    @register_quantizer("ternary", "NUMBERS", "2")
    def make_ternary(positions: int, dim: int, setting: str) -> Quantizer:
        """Signs and zeros."""
        return Ternary(positions, int(setting), (3,) * int(setting))

    try:
        model, objective = er.recipes.quantized_vae((1, 8, 8), quantizer="ternary:2", latent=4, commitment=0.5)
        draw = model.draw(torch.rand(3, 1, 8, 8))
        assert objective(draw, torch.tensor(0)).isfinite()
        assert model.sample(2).shape == (2, 1, 8, 8)
        assert model.codebook.shape == (9, 2)
    finally:
        del QUANTIZERS["ternary"]


@pytest.mark.parametrize(
    ("name", "is_scalar"),
    [
        ("codebook:8", False),
        ("residual:8x3", False),
        ("shared-residual:8x3", False),
        ("product:8x3", True),
        ("fsq:3,3,3", True),
        ("lfq:3", True),
        ("scalars:3x4", True),
    ],
)
def test_numbers_that_are_chosen_one_by_one(name: str, is_scalar: bool) -> None:
    """Of three numbers and three sub-indices, those of a residual quantizer are of sums."""
    assert er.quantizer(name, 2, dim=3).is_scalar == is_scalar
