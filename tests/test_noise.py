"""Keyed noise is normal, and depends on nothing but its key."""

import pytest
import torch

from elbowroom import noise


def draw(index, k=1, size=5, first=0, seed=0, calls=1):
    with noise.keyed_noise(seed, index, first):
        return [noise.standard_normal(torch.Size((k, len(index), size)), torch.zeros(())) for _ in range(calls)][-1]


def test_it_is_standard_normal():
    z = draw(torch.arange(20_000), k=5, size=7)
    assert abs(z.mean().item()) < 0.005
    assert z.std().item() == pytest.approx(1, abs=0.005)
    assert (z**4).mean().item() == pytest.approx(3, abs=0.05)
    flat = z.permute(1, 0, 2).flatten(1)
    correlation = torch.corrcoef(flat.T) - torch.eye(35)
    assert correlation.abs().max() < 0.04
    assert torch.corrcoef(torch.stack((flat[:-1, 0], flat[1:, 0])))[0, 1].abs() < 0.03


def test_order_batch_and_chunks_do_not_matter():
    all_noise = draw(torch.arange(50), k=6)
    order = torch.randperm(50)
    assert torch.equal(draw(order, k=6), all_noise[:, order])
    assert torch.equal(draw(torch.tensor([17]), k=6), all_noise[:, 17:18])
    assert torch.equal(torch.cat([draw(torch.arange(50), k=2), draw(torch.arange(50), k=4, first=2)]), all_noise)


def test_seeds_calls_and_examples_differ():
    index = torch.arange(3)
    versions = [draw(index), draw(index, seed=1), draw(index, calls=2), draw(index + 3), draw(index, first=1)]
    values = torch.cat([v.flatten() for v in versions])
    assert len(values.unique()) == len(values)


def test_torchs_generator_is_the_source_again_afterwards():
    with noise.zero_noise():
        assert noise.standard_normal(torch.Size((4,)), torch.zeros(())).abs().max() == 0
    torch.manual_seed(0)
    a = noise.standard_normal(torch.Size((4,)), torch.zeros(()))
    torch.manual_seed(0)
    assert torch.equal(a, torch.randn(4))


def test_a_batch_of_another_size_is_refused():
    with (
        pytest.raises(ValueError, match="for 3 examples, but the index has 2: give"),
        noise.keyed_noise(0, torch.arange(2)),
    ):
        noise.standard_normal(torch.Size((1, 3, 2)), torch.zeros(()))
