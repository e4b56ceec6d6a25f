"""Latent quantization: the nearest learned values by enumeration, what trains them, and the limit of one value."""

import itertools

import pytest
import torch

import elbowroom as er
from elbowroom.families import LearnedScalarQuantizer
from tests.tiny_recipes import make_tiny


def make_quantizer(dim: int = 3, values: int = 4) -> LearnedScalarQuantizer:
    torch.manual_seed(0)
    quantizer = LearnedScalarQuantizer(2, dim, values).double()
    torch.nn.init.normal_(quantizer.values)
    return quantizer


def test_the_code_is_the_nearest_of_all_combinations_of_values() -> None:
    quantizer, output = make_quantizer(), torch.randn(40, 2, 3, dtype=torch.float64)
    every = torch.tensor(list(itertools.product(*quantizer.values.tolist())), dtype=torch.float64)
    q = quantizer.quantize(output)
    nearest = torch.cdist(output, every).argmin(-1)
    assert torch.equal(q.codes, every[nearest])
    assert torch.equal(quantizer.join_index(q.indices), nearest)
    assert torch.equal(quantizer.list_codes(), every)


def test_the_gradient_goes_straight_through_and_the_values_get_that_of_their_loss() -> None:
    quantizer, g = make_quantizer(), torch.randn(40, 2, 3, dtype=torch.float64)
    output = torch.randn(40, 2, 3, dtype=torch.float64, requires_grad=True)
    q = quantizer.quantize(output)
    of_output, of_values = torch.autograd.grad(
        (q.rsample() * g).sum(), (output, quantizer.values), allow_unused=True, retain_graph=True
    )
    assert torch.equal(of_output, g)
    assert of_values is None
    # Each value is drawn to the outputs that chose it: twice the sum of the differences.
    (of_values,) = torch.autograd.grad(q.codebook_distance.sum(), quantizer.values)
    expected = torch.zeros_like(of_values)
    for d, i in itertools.product(range(3), range(4)):
        chosen = output[..., d][q.indices[..., d] == i].detach()
        expected[d, i] = 2 * (quantizer.values[d, i].detach() - chosen).sum()
    torch.testing.assert_close(of_values, expected)


def test_values_start_at_equal_distances_and_each_number_has_its_own() -> None:
    quantizer = LearnedScalarQuantizer(1, dim=2, values=5)
    torch.testing.assert_close(quantizer.values, torch.tensor([-0.5, -0.25, 0.0, 0.25, 0.5]).repeat(2, 1))
    with torch.no_grad():
        quantizer.values[1] += 1
    assert quantizer(torch.zeros(1, 2)).codes.tolist() == [[[0.0, 0.5]]]


def test_with_one_value_for_each_number_the_latent_is_a_constant_and_costs_nothing() -> None:
    quantizer = LearnedScalarQuantizer(1, dim=3, values=1)
    q = quantizer(torch.randn(20, 3))
    assert quantizer.n_codes == 1
    assert torch.equal(q.codes, torch.zeros(20, 1, 3))
    prior = er.CodePrior(quantizer)
    assert torch.equal(prior().log_mass(q.indices), torch.zeros(20))


def test_values_follow_outputs_to_their_clusters() -> None:
    torch.manual_seed(0)
    centres, quantizer = torch.tensor([[-1.0, 0.2, 0.9], [-0.3, 0.0, 2.0]]), LearnedScalarQuantizer(1, 2, 3)
    optimizer = torch.optim.Adam(quantizer.parameters(), lr=0.02)
    for _ in range(400):
        x = centres[torch.arange(2), torch.randint(3, (64, 2))] + 0.02 * torch.randn(64, 2)
        optimizer.zero_grad()
        quantizer(x).codebook_distance.mean().backward()
        optimizer.step()
    torch.testing.assert_close(quantizer.values.sort(-1).values, centres, atol=0.02, rtol=0)


@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_the_model_has_one_position_whatever_its_network(network: str) -> None:
    model, objective = make_tiny("qlae", network=network)
    assert model.latent_shape == (1, 3)
    draw = model.train().draw(torch.rand(6, 1, 8, 8))
    objective(draw, torch.tensor(0)).backward()
    assert model.quantizer.values.grad.abs().sum() > 0


def test_numbers_without_values_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 number of at least 1 value, got 2 of 0"):
        LearnedScalarQuantizer(1, dim=2, values=0)
