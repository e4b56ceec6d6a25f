"""What a sampler costs: one file."""

from tests.contracts.package_copy import run_with_files

SAMPLER = '''
"""A normal with one variance for all dimensions."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor

from elbowroom.distributions import Normal
from elbowroom.samplers.base import SAMPLERS, Sampler


class IsotropicSampler(Sampler):
    """A normal with one variance for all dimensions."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.register_buffer("loc", torch.zeros(size))
        self.register_buffer("log_var", torch.zeros(size))

    @classmethod
    def fit(cls, latents: Tensor) -> Self:
        sampler = cls(latents.shape[1])
        sampler.loc.copy_(latents.mean(0))
        sampler.log_var.fill_(latents.var(0).mean().log())
        return sampler

    def forward(self, *condition: Tensor) -> Normal:
        loc = self.loc.expand(len(condition[0]), -1) if condition else self.loc
        return Normal(loc, self.log_var.expand_as(loc))


SAMPLERS.add("isotropic", IsotropicSampler)
'''

FILES = {"samplers/isotropic.py": SAMPLER}


def test_a_sampler_in_a_new_file_is_listed_fitted_saved_and_sampled(tmp_path):
    help_, fitted, written, sampled = run_with_files(
        tmp_path,
        FILES,
        """
        data = er.load_data("digits")
        er.fit(*er.recipes.autoencoder(data.shape, latent=2), data, steps=2, out="run", device="cpu")
        """,
        "print(output_of('fit-sampler', '--help'))",
        "print(output_of('fit-sampler', 'run', 'isotropic'))",
        "print(output_of('sample', 'run', '--sampler', 'isotropic', '-n', '9', '--out', 'x.npz'))",
        """
        from elbowroom.samplers import load_with_sampler

        print(tuple(er.evaluate(load_with_sampler("run", "isotropic"), data, metrics="images"))[0])
        """,
    )
    assert "isotropic A normal with one variance for all dimensions." in help_
    assert fitted == "run/sampler-isotropic.safetensors"
    assert written == ("x.npz x (9, 1, 8, 8) z (9, 2) means of p(x|z), z ~ isotropic fitted to latents · seed 0")
    assert sampled
