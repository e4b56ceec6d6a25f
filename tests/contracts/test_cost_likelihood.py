"""What a likelihood costs: two files, a distribution and the family that makes it; one where torch has the density."""

from tests.contracts.package_copy import run_with_files

DISTRIBUTION = '''
"""Logit-normal: a density of values in (0, 1) whose logits are normal."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from elbowroom.distributions.base import UncheckedDistribution


class PixelLogitNormal(UncheckedDistribution):
    """Values in (0, 1) whose logits are normal with this location and a standard deviation of one."""

    def __init__(self, loc: Tensor, event_dims: int) -> None:
        self.loc, split = loc, loc.dim() - event_dims
        super().__init__(loc.shape[:split], loc.shape[split:])

    @property
    def mean(self) -> Tensor:
        """An approximation of the mean, by that of the probit."""
        return torch.sigmoid(self.loc / math.sqrt(1 + math.pi / 8))

    def sample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:
        return torch.sigmoid(self.loc + torch.randn(self._extended_shape(sample_shape), device=self.loc.device))

    def log_prob(self, value: Tensor) -> Tensor:
        value = value.clamp(1e-3, 1 - 1e-3)
        logit = torch.logit(value)
        each = -0.5 * (logit - self.loc) ** 2 - 0.5 * math.log(2 * math.pi) - torch.log(value * (1 - value))
        return each.flatten(each.dim() - len(self.event_shape)).sum(-1)
'''

FAMILY = '''
"""The family of the logit-normal."""

from __future__ import annotations

from torch import Tensor

from elbowroom.distributions.logit_normal import PixelLogitNormal
from elbowroom.families.base import Family, Shape
from elbowroom.families.registry import register_likelihood


@register_likelihood("logit-normal", "values in (0, 1) whose logits are normal")
class LogitNormal(Family):
    """A logit-normal with a location for every element."""

    support = (0.0, 1.0)

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape, per_element=1)

    def forward(self, phi: Tensor) -> PixelLogitNormal:
        return PixelLogitNormal(phi.reshape(*phi.shape[:-1], *self.shape), len(self.shape))
'''

FILES = {"distributions/logit_normal.py": DISTRIBUTION, "families/logit_normal.py": FAMILY}


def test_a_likelihood_in_two_new_files_is_listed_trained_loaded_and_evaluated(tmp_path):
    listed, help_, trained, described = run_with_files(
        tmp_path,
        FILES,
        "print(output_of('likelihoods'))",
        "print(output_of('train', 'vae', '--help'))",
        """
        output_of("train", "vae", "--likelihood", "logit-normal", "--steps", "2", "--out", "run", "--device", "cpu")
        print(json.load(open("run/recipe.json"))["arguments"]["likelihood"], er.load("run").sample(2).shape[0])
        """,
        "print(er.evaluate('run', samples=2).protocol['likelihood'])",
    )
    assert "logit-normal values in (0, 1) whose logits are normal" in listed
    assert "--likelihood" in help_
    assert trained == "logit-normal 2"
    assert described == "LogitNormal, log-density"
