"""Random batches of a split."""

import torch

import elbowroom as er


def test_random_batches_of_a_stream_are_its_first_and_skipped_ones_are_disjoint(digits):
    from torch.utils.data import DataLoader, TensorDataset

    from elbowroom.data.splits.memory import random_batches

    x = torch.arange(100.0)[:, None]
    stream = er.load_data(DataLoader(TensorDataset(x), batch_size=16), validation=0, test=0).train
    first, then = (torch.cat([b.x for b in random_batches(stream, 30, 0, skip=at)]).flatten() for at in (0, 30))
    assert first.tolist() == list(range(30))
    assert then.tolist() == list(range(30, 60))
    first, then = (torch.cat([b.index for b in random_batches(digits.test, 200, 0, skip=at)]) for at in (0, 200))
    assert not set(first.tolist()) & set(then.tolist())
    assert len(first) + len(then) == len(digits.test)
