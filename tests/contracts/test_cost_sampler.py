"""What a sampler costs: one file."""

from tests.contracts.package_copy import run_with_files

SAMPLER = '''
"""A normal with one variance for all dimensions."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor

from elbowroom.samplers.base import SAMPLERS, VectorSampler
from elbowroom.samplers.standard import standard_log_density


class IsotropicSampler(VectorSampler):
    """A normal with one variance for all dimensions."""

    option = "widening"

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.register_buffer("loc", torch.zeros(size))
        self.register_buffer("scale", torch.ones(()))

    @classmethod
    def fit(cls, latents: Tensor, widening: int = 1, **options: Any) -> Self:
        sampler = cls(latents.shape[1], **options)
        sampler.loc.copy_(latents.mean(0))
        sampler.scale.fill_(widening * latents.var(0).mean().sqrt())
        return sampler

    def transform_noise(self, eps: Tensor) -> Tensor:
        return self.loc + self.scale * eps

    def log_density(self, z: Tensor) -> Tensor:
        return standard_log_density((z - self.loc) / self.scale) - self.size * self.scale.log()

    @property
    def mean(self) -> Tensor:
        return self.loc


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
        "print(output_of('fit-sampler', 'run', 'isotropic:2'))",
        "print(output_of('sample', 'run', '--sampler', 'isotropic:2', '-n', '9', '--out', 'x.npz'))",
        """
        from elbowroom.samplers import load_with_sampler

        print(tuple(er.evaluate(load_with_sampler("run", "isotropic:2"), data, metrics="images"))[0])
        """,
    )
    assert "isotropic A normal with one variance for all dimensions." in help_
    assert fitted == "run/sampler-isotropic-2.safetensors"
    assert written == ("x.npz x (9, 1, 8, 8) z (9, 2) means of p(x|z), z ~ isotropic:2 fitted to latents · seed 0")
    assert sampled
