"""Seeds of a program: of everything the package draws from, and of the initial weights of a model."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count

import numpy as np
import torch

from elbowroom.noise import seeded_rng

#: The largest seed that torch and numpy both take. Where a program sets none, torch begins with a random one of 53
#: bits, which is below this once in two million times.
MAX_SEED = 2**32 - 1

#: Seeds of the weights of models in a program that sets no seed: the first has 0, as on the command line.
_default_seeds = count()
_is_inside: ContextVar[bool] = ContextVar("is_inside_weights_rng", default=False)


def seed(number: int) -> None:
    """Seed the generators of torch, numpy and Python, which the package and most of its users draw from.

    ``fit`` draws from generators of its own, by its ``seed``.

    Raises:
        ValueError: it is negative, or above 2**32 - 1.

    >>> seed(0); a = torch.rand(1)
    >>> seed(0); torch.equal(a, torch.rand(1))
    True
    """
    if not 0 <= number <= MAX_SEED:
        raise ValueError(f"seed={number}: expected a whole number from 0 to {MAX_SEED}")
    random.seed(number)
    np.random.seed(number)  # transforms of a user's data set draw from it
    torch.manual_seed(number)


@contextmanager
def weights_rng(seed: int | None = None) -> Iterator[int | None]:
    """Draw initial weights inside, and give the seed that draws them again.

    Without a seed of their own, weights come from torch's global generator if the program has just seeded it; after
    other draws, from a seed that is drawn from it. In a program that sets no seed, the models made one after the other
    have the seeds 0, 1, 2, ..., so that running it again gives the same weights. Within such a context another one
    changes nothing, and gives ``None``.

    >>> with weights_rng(3):
    ...     a = torch.rand(1)
    >>> with weights_rng(3) as used:
    ...     torch.equal(a, torch.rand(1)), used
    (True, 3)
    """
    if _is_inside.get():
        yield None
        return
    token = _is_inside.set(True)
    try:
        if seed is None and _is_freshly_seeded():
            yield torch.initial_seed()
            return
        chosen = _draw_seed() if seed is None else seed
        with seeded_rng(chosen):
            yield chosen
    finally:
        _is_inside.reset(token)


def _is_seeded() -> bool:
    """Whether the program has seeded torch's global generator."""
    return torch.initial_seed() <= MAX_SEED


def _is_freshly_seeded() -> bool:
    """Whether it has, and has drawn nothing since."""
    if not _is_seeded():
        return False
    fresh = torch.Generator().manual_seed(torch.initial_seed())
    return torch.equal(fresh.get_state(), torch.get_rng_state())


def _draw_seed() -> int:
    return int(torch.randint(MAX_SEED, ())) if _is_seeded() else next(_default_seeds)
