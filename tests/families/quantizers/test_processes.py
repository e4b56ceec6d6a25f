"""What a quantizer sets its parameters to by itself is the same in every process: gradients alone keep them equal."""

import pytest
import torch

from elbowroom import distributed
from elbowroom.families import Codebook, DiVeQ, StochasticCodebook


def first_step(rank, make):
    """The entries and other parameters after the first batch of a process, which is its own."""
    torch.manual_seed(0)
    quantizer = make(1, 3, 6).train()
    torch.manual_seed(1 + rank)
    quantizer(torch.randn(20, 3))
    return {name: value.detach().clone() for name, value in quantizer.state_dict().items()}


@pytest.mark.parametrize("make", [Codebook, DiVeQ, StochasticCodebook])
def test_entries_are_the_same_in_every_process(make, monkeypatch):
    """Two processes, one after the other: sums are first noted, and then given to both."""
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    terms, found = [], []
    for rank in range(2):
        monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
        own = []
        monkeypatch.setattr(distributed, "all_reduce_sum", lambda term, own=own: own.append(term.clone()) or term)
        first_step(rank, make)
        terms.append(own)
    assert terms[0]
    for rank in range(2):
        monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
        sums = iter([sum(pair) for pair in zip(*terms, strict=True)])
        monkeypatch.setattr(distributed, "all_reduce_sum", lambda term, sums=sums: next(sums))
        found.append(first_step(rank, make))
    for name in found[0]:
        torch.testing.assert_close(found[0][name], found[1][name], rtol=0, atol=0)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_row_is_that_of_one_process(rank, monkeypatch):
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    monkeypatch.setattr(distributed, "rank", lambda: rank)
    monkeypatch.setattr(distributed, "all_reduce_sum", lambda term: term)
    own = distributed.draw_rows(torch.ones(4, 3), 5).all(1)
    assert own.tolist() == [i % 2 == rank for i in range(5)]
