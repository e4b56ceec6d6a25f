"""Stratified draw: positions of validation and test, with the shares of the classes that all examples have."""

from __future__ import annotations

import torch
from torch import Tensor

MIN_EVERYWHERE = 3
"""Examples of a class from which each of train, validation and test has one."""


def has_classes(y: Tensor | None) -> bool:
    """Return whether labels are classes to be divided alike: whole numbers (N,), of which most occur more than once.

    >>> has_classes(torch.tensor([0, 1, 0, 1])), has_classes(torch.tensor([4, 7, 9])), has_classes(None)
    (True, False, False)
    """
    if y is None or y.dim() != 1 or y.is_floating_point():
        return False
    return 2 * len(torch.unique(y)) <= len(y)


def stratified_indices(y: Tensor, validation: int, test: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return random positions of validation and test, as many of each class as is its share of all labels.

    The numbers are rounded by the largest remainder. A class of at least three examples has one in each split, and one
    of fewer keeps one in train, as far as the numbers of validation and test allow.

    Args:
        y: the labels, (N,).
        validation: number of examples for validation.
        test: number of examples for test.
        generator: of the random order.

    >>> y = torch.tensor([0] * 40 + [1] * 4)
    >>> [y[index].bincount().tolist() for index in stratified_indices(y, 11, 11, torch.Generator())]
    [[10, 1], [10, 1]]
    """
    _, group, counts = torch.unique(y, return_inverse=True, return_counts=True)
    is_everywhere = (counts >= MIN_EVERYWHERE).long()
    reserved = 1 + is_everywhere * min(test, 1)
    n_validation = allocate(counts * (validation / len(y)), validation, is_everywhere, counts, reserved, generator)
    # what validation has too much or too little of a class is made up for in test
    quota = counts * ((validation + test) / len(y)) - n_validation
    n_test = allocate(quota, test, is_everywhere, counts - n_validation, torch.ones_like(counts), generator)
    order = torch.randperm(len(y), generator=generator)
    by_class = order[group[order].argsort(stable=True)]
    rank = torch.empty_like(order)
    rank[by_class] = torch.arange(len(y)) - (counts.cumsum(0) - counts).repeat_interleave(counts)
    is_validation = rank < n_validation[group]
    is_test = ~is_validation & (rank < (n_validation + n_test)[group])
    return order[is_validation[order]], order[is_test[order]]


def allocate(
    quota: Tensor, total: int, low: Tensor, available: Tensor, reserved: Tensor, generator: torch.Generator
) -> Tensor:
    """Return how many of ``total`` examples each class has: its quota, rounded by the largest remainder.

    Args:
        quota: exact share of each class, (C,), which sum to ``total``.
        total: number of examples to allocate, at most those available.
        low: fewest of each class, (C,), as far as ``total`` allows it.
        available: number of examples of each class that there are to take from, (C,).
        reserved: how many of those are left, (C,), as far as ``total`` allows it.
        generator: decides between equal remainders.

    >>> counts, ones = torch.tensor([40, 4, 4]), torch.ones(3, dtype=torch.long)
    >>> allocate(counts / 8, 6, ones, counts, ones, torch.Generator())
    tensor([4, 1, 1])
    """
    high = (available - reserved).clamp_min(0)
    high = high if high.sum() >= total else available
    low = torch.minimum(low, high)
    low = low if low.sum() <= total else torch.zeros_like(low)
    quota = quota + 1e-6 * torch.rand(len(quota), generator=generator)
    shares = torch.clamp(quota.long(), low, high)
    while excess := int(shares.sum()) - total:
        step = 1 if excess < 0 else -1
        is_open = shares < high if step == 1 else shares > low
        shares[(step * (quota - shares)).where(is_open, -torch.inf).argmax()] += step
    return shares
