"""Causal networks: no element sees itself or a later one, and made in turn they are those scored at once."""

import pytest
import torch

from elbowroom.networks.causal import CausalConvolution
from elbowroom.networks.sequences import CausalAttention, CausalRecurrent

#: Networks by name, each with the shape of its examples and of its context as a decoder gives it.
NETWORKS = {
    "image": (lambda: CausalConvolution((2, 3, 4), numbers=48, context=3, width=8, layers=3), (2, 3, 4), 36),
    "series": (lambda: CausalConvolution((2, 9), numbers=36, context=3, width=8, layers=3), (2, 9), 27),
    "recurrent": (lambda: CausalRecurrent((2, 9), numbers=36, context=3, width=8), (2, 9), 3),
    "attention": (lambda: CausalAttention((2, 9), numbers=36, context=3, width=8), (2, 9), 3),
}


@pytest.fixture(params=NETWORKS)
def case(request):
    torch.manual_seed(0)
    make, shape, context = NETWORKS[request.param]
    return make().eval(), shape, torch.randn(2, context)


def by_position(values, shape):
    """Return numbers of all elements as (B, per element and channel, positions)."""
    positions = torch.Size(shape[1:]).numel()
    return values.reshape(len(values), -1, positions)


def test_an_element_sees_those_before_it_and_no_other(case):
    network, shape, context = case
    x = torch.rand(2, *shape, requires_grad=True)
    phi = by_position(network(x, network.project(context)), shape)
    positions = phi.shape[-1]
    for i in range(positions):
        (gradient,) = torch.autograd.grad(phi[..., i].square().sum(), x, retain_graph=True)
        seen = by_position(gradient, shape).abs().sum((0, 1)) > 0
        assert not seen[i:].any()
        # The nearest in the row above, or the step before.
        assert i == 0 or seen[:i].any()


def test_made_in_turn_the_parameters_are_those_scored_at_once(case):
    network, shape, context = case
    projected, steps = network.project(context), []

    def emit(phi):
        steps.append(phi)
        return torch.rand(len(phi), shape[0])

    x = network.roll_out(projected, emit)
    assert x.shape == (2, *shape)
    at_once = by_position(network(x, projected), shape)
    torch.testing.assert_close(torch.stack(steps, -1), at_once, rtol=1e-4, atol=1e-5)


def test_the_context_reaches_every_position(case):
    network, shape, context = case
    other = network(torch.zeros(2, *shape), network.project(context + 1))
    here = network(torch.zeros(2, *shape), network.project(context))
    assert (by_position(other - here, shape).abs().sum((0, 1)) > 0).all()


def test_sizes_are_checked():
    with pytest.raises(ValueError, match="width and layers of at least 1, got 0 and 2"):
        CausalConvolution((1, 4, 4), numbers=16, context=3, width=0, layers=2)
    with pytest.raises(ValueError, match=r"causal convolutions of examples of 9: give images \(C, H, W\) or series"):
        CausalConvolution((9,), numbers=9, context=3, width=8, layers=2)
