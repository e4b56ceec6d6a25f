"""What a sampler is, the registry of samplers, and how one is fitted to a run, saved with it and loaded."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from elbowroom import noise, serialization
from elbowroom.data import Data
from elbowroom.models.base import GenerativeModel
from elbowroom.registry import Registry
from elbowroom.runs.run import Run

#: Training examples whose latents a sampler is fitted to, at most.
MAX_EXAMPLES = 50_000
#: Examples encoded at once.
BATCH_SIZE = 500


class Sampler(nn.Module, ABC):
    r"""A density fitted to latents after training, which takes the place of the prior when a run is sampled.

    An autoencoder has no prior to sample from, and the aggregate posterior
    :math:`\frac1N \sum_n q(z \mid x_n)` of a VAE is not its prior. A density fitted to latents
    :math:`z \sim q(z)` of the training split is a prior in every respect: its forward takes the condition, if there is
    one, and returns a distribution over latents. What it has fitted are its parameters and buffers.

    Args:
        size: of a latent, D; makes a sampler of the right shapes that is not fitted yet.
    """

    @abstractmethod
    def __init__(self, size: int) -> None:
        super().__init__()

    @classmethod
    @abstractmethod
    def fit(cls, latents: Tensor) -> Self:
        """Fit to latents (N, D).

        Raises:
            ValueError: there are too few.
        """

    @abstractmethod
    def forward(self, *condition: Tensor) -> Distribution:
        """Return the density of a latent, (D,); with a condition (B, ...) that of each, batch (B,)."""


#: The samplers by name.
SAMPLERS: Registry[type[Sampler]] = Registry("sampler", ("elbowroom.samplers.*",))


def fit_sampler(run: Run | str | Path, name: str, data: Data | Any = None) -> Path:
    """Fit a sampler to the latents of a run's training split, drawn from their posteriors, and save it with the run.

    Args:
        run: the run, or its directory.
        name: of the sampler, as "gaussian".
        data: the training data, if it was given as a Python object.

    Returns:
        the file.

    Raises:
        ValueError: there is no such sampler, there are too few examples, or latents are not vectors of numbers.

    >>> import tempfile, elbowroom as er
    >>> digits = er.load_data("digits")
    >>> run = er.fit(*er.recipes.autoencoder(digits.shape, latent=2), digits, steps=5, out=tempfile.mkdtemp() + "/run")
    >>> fit_sampler(run, "gaussian").name
    'sampler-gaussian.safetensors'
    >>> load_with_sampler(run, "gaussian").sample(3).shape
    torch.Size([3, 1, 8, 8])
    """
    sampler, run = SAMPLERS.find(name), Run(run)
    model = run.model()
    _check_latents(model)
    fitted = sampler.fit(_draw_latents(model, run.measured_data(data)))
    about = {"weights": run.weights_name, "step": str(run.weights_step)}
    serialization.save(_path(run, name), serialization.named_tensors(fitted), about)
    return _path(run, name)


def load_with_sampler(run: Run | str | Path, name: str) -> GenerativeModel:
    """Load the model of a run with a sampler that was fitted to it, of which it draws latents in place of its prior.

    Raises:
        ValueError: there is no such sampler, or it was not fitted to this run.
    """
    sampler, run = SAMPLERS.find(name), Run(run)
    if not _path(run, name).is_file():
        raise ValueError(
            f"{run.path} has no sampler '{name}' yet: fit it with 'elbowroom fit-sampler {run.path} {name}'"
        )
    model = run.model()
    _check_latents(model)
    prior = sampler(model.latent_shape[0])
    tensors, about = serialization.read(_path(run, name))
    if (fitted_to := about.get("weights", "final")) != run.weights_name:
        raise ValueError(
            f"{_path(run, name)} was fitted to the {fitted_to} weights: fit it to the {run.weights_name} ones with "
            f"'elbowroom fit-sampler {run.path} {name} --weights {run.weights_name}'"
        )
    if (step := about.get("step")) not in (None, str(run.weights_step)):
        raise ValueError(
            f"{_path(run, name)} was fitted to the weights of step {step}, and now they are of step "
            f"{run.weights_step}: fit it again with "
            f"'elbowroom fit-sampler {run.path} {name} --weights {run.weights_name}'"
        )
    serialization.load_into(prior, tensors, _path(run, name))
    model.sampler = prior.eval()
    return model


def fitted_samplers(run: Run | str | Path) -> list[str]:
    """Return the names of the samplers that are saved with a run.

    >>> fitted_samplers("runs/none-here")
    []
    """
    run = Run(run)
    return [name for name in SAMPLERS if _path(run, name).is_file()]


def _path(run: Run, name: str) -> Path:
    return run.path / f"sampler-{name}.safetensors"


def _check_latents(model: GenerativeModel) -> None:
    if model.is_quantized or len(model.latent_shape) != 1:
        raise ValueError("a sampler is fitted to latents that are vectors of numbers, and this model's are not")


@torch.no_grad()
def _draw_latents(model: GenerativeModel, data: Data) -> Tensor:
    """Return one draw from the posterior of each of the first training examples, (N, D)."""
    latents: list[Tensor] = []
    for batch in data.train.batches(BATCH_SIZE):
        with noise.keyed_noise(0, batch.index):
            latents.append(model.draw(batch.x, batch.y).latents[-1].z[0])
        if len(latents) * BATCH_SIZE >= MAX_EXAMPLES:
            break
    return torch.cat(latents)
