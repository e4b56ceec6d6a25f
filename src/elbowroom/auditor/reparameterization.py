"""What the two outputs of a VAE module beside its reconstruction are, by how its latents follow its noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from elbowroom.auditor.isolation import RngOverride, preserve_state, zero_rng
from elbowroom.models.adapter import VAEOutput, parse_vae_output

#: Spread of the reconstructions of different examples with one latent, relative to that without noise, below which
#: they are the same.
SAME_SPREAD = 0.05
#: Relative spread of reconstructions over examples, below which the decoder ignores its latent.
MIN_SPREAD = 1e-4
#: Draws with one uniform in the place of a normal.
UNIFORM_CALLS = frozenset({"rand", "rand_like", "uniform", "uniform_"})


@dataclass(frozen=True)
class LatentReading:
    """One meaning of a module's second and third output.

    Attributes:
        name: of the two, in their order.
        mean: from the two to the mean of z.
        log_var: from the two to the log of the variance of z.
    """

    name: str
    mean: Callable[[Tensor, Tensor], Tensor]
    log_var: Callable[[Tensor, Tensor], Tensor]


#: The likeliest first.
READINGS = (
    LatentReading("mean, log-variance", lambda a, b: a, lambda a, b: b),
    LatentReading("log-variance, mean", lambda a, b: b, lambda a, b: a),
    LatentReading("mean, log standard deviation", lambda a, b: a, lambda a, b: 2 * b),
    LatentReading("log standard deviation, mean", lambda a, b: b, lambda a, b: 2 * a),
    LatentReading("mean, standard deviation", lambda a, b: a, lambda a, b: 2 * b.clamp_min(1e-12).log()),
    LatentReading("mean, variance", lambda a, b: a, lambda a, b: b.clamp_min(1e-12).log()),
)


@dataclass(frozen=True)
class Reparameterization:
    """How a module draws its latents.

    Attributes:
        reading: the meaning of its outputs; ``None`` if it is none of :data:`READINGS`.
        noise: the random call that its latents are made of; empty if there is none.
    """

    reading: LatentReading | None
    noise: str

    @property
    def is_uniform(self) -> bool:
        """Whether the noise is uniform, where it should be normal."""
        return self.noise in UNIFORM_CALLS


def find_reparameterization(module: nn.Module, x: Tensor) -> Reparameterization | None:
    r"""Find how a module draws its latents; ``None`` if it is no VAE module, or its decoder ignores its latent.

    If :math:`z = \mu + \sigma \epsilon` and the decoder sees z alone, then :math:`\epsilon = (z^* - \mu) / \sigma`
    gives every example the same reconstruction. That is so for the right reading of the outputs, and for no other.
    """
    with preserve_state(module), torch.no_grad():
        found = _read_module(module.eval(), x)
        # Many modules draw in training mode alone.
        return found if found is None or found.noise else _read_module(module.train(), x)


def _read_module(module: nn.Module, x: Tensor) -> Reparameterization | None:
    with zero_rng():
        output = parse_vae_output(module(x), x)
    if output is None or (spread := _spread(output.reconstruction)) < MIN_SPREAD * x.std().item():
        return None
    recorder = _NoiseRecorder(output.mu.shape)
    with recorder:
        module(x)
    if recorder.name in UNIFORM_CALLS or not recorder.name:
        return Reparameterization(None, recorder.name)
    spreads = {reading.name: _spread_at_one_latent(module, x, output, reading) for reading in READINGS}
    reading = min(READINGS, key=lambda reading: spreads[reading.name])
    is_found = spreads[reading.name] < SAME_SPREAD * spread
    return Reparameterization(reading if is_found else None, recorder.name)


def _spread(reconstruction: Tensor) -> float:
    return reconstruction.flatten(1).std(0).mean().item()


def _spread_at_one_latent(module: nn.Module, x: Tensor, output: VAEOutput, reading: LatentReading) -> float:
    """Return the spread of reconstructions over examples, with the noise that gives all the same latent."""
    mean, log_var = reading.mean(output.mu, output.logvar), reading.log_var(output.mu, output.logvar)
    noise = (mean.mean(0) - mean) / (0.5 * log_var).exp()
    if not noise.isfinite().all():
        return float("inf")
    shape = mean.shape
    with RngOverride(lambda out: noise if out.shape == shape else torch.zeros(out.shape, device=out.device)):
        moved = parse_vae_output(module(x), x)
    assert moved is not None
    spread = _spread(moved.reconstruction)
    return spread if spread == spread else float("inf")


class _NoiseRecorder(RngOverride):  # type: ignore[no-untyped-call]
    """The name of the last random call of a shape."""

    def __init__(self, shape: torch.Size) -> None:
        super().__init__(lambda out: torch.zeros(out.shape, device=out.device))
        self.shape, self.name = shape, ""

    def note_call(self, name: str, out: object) -> None:
        if isinstance(out, Tensor) and out.shape == self.shape:
            self.name = name
