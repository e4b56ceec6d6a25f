"""Scores of drawn series by recurrent networks: told apart from real ones, and used to learn the next step from."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elbowroom.masked_shape import MaskedShape
from elbowroom.networks.inputs import GapFiller

#: Steps of the optimizer, and series in each.
TRAINING_STEPS, BATCH_SIZE = 600, 128
LEARNING_RATE = 3e-3
#: Largest and smallest number of units of the recurrent network.
WIDTHS = (12, 32)
#: Share of the series of either kind that a classifier is tested on.
TEST_SHARE = 0.3


class SequenceScore(NamedTuple):
    """A score with its standard error over series, and how many were scored."""

    value: float
    standard_error: float
    examples: int


class RecurrentReader(nn.Module):
    """A GRU over the steps of series (B, C, T), gaps marked, to ``outputs`` numbers at each step: (B, T, outputs)."""

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        low, high = WIDTHS
        width = min(high, max(low, channels))
        self.fill = GapFiller(MaskedShape((channels, 1)))
        self.recurrent, self.head = nn.GRU(2 * channels, width, batch_first=True), nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.head(self.recurrent(self.fill(x).mT)[0])
        return output


def discriminative_score(real: Tensor, drawn: Tensor, seed: int = 0, steps: int = TRAINING_STEPS) -> SequenceScore:
    r"""Return how well a recurrent classifier tells drawn series from real ones: :math:`|\text{accuracy} - 1/2|`.

    0 is best, 0.5 is worst. It is trained on most of both and tested on the others. Yoon, Jarrett & van der Schaar
    2019 (TimeGAN, NeurIPS). Deviations: one layer of GRU, gaps as a mask, as many real as drawn series.

    Args:
        real: (N, C, T), NaN where a value is missing.
        drawn: (M, C, T).
        seed: of weights, batches and the division.
        steps: of the training.

    >>> x = torch.randn(200, 1, 6, generator=torch.Generator().manual_seed(0))
    >>> discriminative_score(x, x + 5, steps=60).value
    0.5
    """
    n = min(len(real), len(drawn))
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        halves = [x[torch.randperm(len(x))[:n]].cpu() for x in (real, drawn)]
        n_test = max(1, round(TEST_SHARE * n))
        x = torch.cat([half[n_test:] for half in halves])
        y = torch.arange(2).repeat_interleave(n - n_test).float()
        net = RecurrentReader(x.shape[1], 1)
        _train(net, len(x), steps, lambda i: F.binary_cross_entropy_with_logits(net(x[i])[:, -1, 0], y[i]))
        with torch.no_grad():
            is_right = torch.cat([(net(half[:n_test])[:, -1, 0] > 0) == bool(k) for k, half in enumerate(halves)])
    accuracy = is_right.double().mean().item()
    return SequenceScore(abs(accuracy - 0.5), math.sqrt(accuracy * (1 - accuracy) / len(is_right)), len(is_right))


def predictive_error(train: Tensor, test: Tensor, seed: int = 0, steps: int = TRAINING_STEPS) -> SequenceScore:
    """Return the mean absolute error, on real series, of the next step as a network predicts it that others trained.

    Yoon, Jarrett & van der Schaar 2019 (TimeGAN, NeurIPS), as Desai et al. 2021 (arXiv 2111.08095) do: all channels
    are predicted. Deviation: one layer of GRU, gaps as a mask; missing values are not predicted.

    Args:
        train: (N, C, T), what the network is trained on: drawn series, or real ones for comparison.
        test: (M, C, T), real ones.
        seed: of weights and batches.
        steps: of the training.

    >>> x = torch.arange(8.0).expand(50, 1, 8)
    >>> predictive_error(x, x, steps=200).value < 0.5
    True
    """
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        net = RecurrentReader(train.shape[1], train.shape[1])
        train, test = train.cpu(), test.cpu()
        _train(net, len(train), steps, lambda i: _step_errors(net, train[i]).nanmean())
        with torch.no_grad():
            errors = _step_errors(net, test).flatten(1).nanmean(1).double()
    errors = errors[errors.isfinite()]
    return SequenceScore(errors.mean().item(), (errors.std() / math.sqrt(len(errors))).item(), len(errors))


def _step_errors(net: nn.Module, x: Tensor) -> Tensor:
    """Return the absolute error of each value from the second step on, NaN where it is missing."""
    following = x[..., 1:]
    is_missing = following.isnan()
    # Filled before the difference, so that no NaN enters a gradient.
    errors: Tensor = (net(x[..., :-1]).mT - following.masked_fill(is_missing, 0.0)).abs()
    return errors.masked_fill(is_missing, torch.nan)


def _train(net: nn.Module, n: int, steps: int, loss_of: Callable[[Tensor], Tensor]) -> None:
    optimizer = torch.optim.Adam(net.parameters(), LEARNING_RATE)
    for _ in range(steps):
        loss = loss_of(torch.randint(n, (min(n, BATCH_SIZE),)))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def mask_as(drawn: Tensor, real: Tensor) -> Tensor:
    """Return drawn series with the gaps of real ones, in turn: else their ends would tell them apart.

    >>> mask_as(torch.ones(2, 1, 2), torch.tensor([[[1.0, torch.nan]]]))[:, 0].isnan().tolist()
    [[False, True], [False, True]]
    """
    gaps = real.isnan()[torch.arange(len(drawn)) % len(real)]
    return drawn.masked_fill(gaps.to(drawn.device), torch.nan)
