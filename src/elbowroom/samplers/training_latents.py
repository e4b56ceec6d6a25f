"""Latents of training examples with their conditions, and a sampler fitted to them, given the conditions."""

from __future__ import annotations

import math
import time
from typing import Any

import torch
from torch import Tensor

from elbowroom import noise
from elbowroom.data.splits.memory import Split, random_batches
from elbowroom.distributions import Quantized
from elbowroom.models.base import GenerativeModel
from elbowroom.samplers.base import PRIOR, SAMPLERS, LatentSampler, Sampler, TrainingLatents, VectorSampler, parse

#: Training examples whose latents a sampler is fitted to, at most.
MAX_EXAMPLES = 20_000
#: Examples encoded at once.
BATCH_SIZE = 500
#: Steps of a fit that is timed, and the examples that it sees.
PROBE_STEPS = 4
PROBE_EXAMPLES = 200
#: Steps of a fit, at least.
MIN_STEPS = 16
#: Seed of the posterior noise of latents that a sampler is fitted to: not one that an evaluation uses, whose held-out
#: example of the same number would share its noise with a training example, and be better known than it is.
NOISE_SEED = 0x5A3D_1E55


def fit_to_model(model: GenerativeModel, split: Split, name: str, max_examples: int = MAX_EXAMPLES) -> Sampler:
    """Fit a sampler to latents of a split, drawn from their posteriors; for a conditional model given the labels.

    Args:
        model: with latents of any shape.
        split: the training split.
        name: of the sampler, as "mixture:10".
        max_examples: how many, drawn at random, if there are more.

    Returns:
        the sampler, on the CPU.

    Raises:
        ValueError: there is no such sampler, there are too few examples, or it is for latents of another kind.

    >>> import elbowroom as er
    >>> digits = er.load_data("digits")
    >>> model, _ = er.recipes.cvae(digits.shape, latent=2)
    >>> fit_to_model(model, digits.train, "gaussian")(torch.eye(10)).batch_shape
    torch.Size([10])
    """
    sampler, options = parse_fitted(name)
    check_latents(model, name)
    sampler = sampler.for_latents(model.latent_shape)
    if not sampler.requires_fit:
        return unfitted_sampler(sampler, model.latent_shape, **options)
    started = time.perf_counter()
    fitted = sampler.fit_to_model(model, lambda: draw_training_latents(model, split, max_examples), **options)
    fitted.seconds = round(time.perf_counter() - started, 3)
    return fitted.eval()


def limit_steps(model: GenerativeModel, split: Split, name: str, seconds: float) -> str:
    """Return the name of a sampler with as many steps of its fit as take so many seconds, about.

    Their number is a power of two, so that the same training has nearly always the same sampler. A name that says how
    many is returned as it is, and so is one that has no such option.

    Args:
        model: whose latents it is fitted to.
        split: the training split.
        name: of the sampler, as "pixelcnn".
        seconds: that the fit may take.
    """
    sampler, options = parse_fitted(name)
    if sampler.option != "steps" or ":" in name:
        return name
    kind = sampler.for_latents(model.latent_shape)
    assert issubclass(kind, LatentSampler)
    seconds_per_step = _measure_step(kind, draw_training_latents(model, split, PROBE_EXAMPLES))
    steps = 1 << int(max(MIN_STEPS, seconds / seconds_per_step)).bit_length() - 1
    return f"{name}:{min(steps, options['steps'])}"


def _measure_step(sampler: type[LatentSampler], latents: TrainingLatents) -> float:
    """Return the seconds that a step of a fit takes, without what a fit takes besides."""
    seconds = []
    # The first fit is slower, and not counted.
    for steps in (1, 1, 1 + PROBE_STEPS):
        started = time.perf_counter()
        sampler.fit_to(latents, steps=steps)
        seconds.append(time.perf_counter() - started)
    return max(seconds[2] - seconds[1], 0.2 * seconds[2]) / PROBE_STEPS


def unfitted_sampler(sampler: type[Sampler], shape: tuple[int, ...], **options: Any) -> Sampler:
    """Return a sampler that needs no fit, for latents of this shape."""
    made = sampler(math.prod(shape), **options)
    made.shape = shape
    return made.eval()


def parse_fitted(name: str) -> tuple[type[Sampler], dict[str, Any]]:
    """Return class and options of a sampler as :func:`parse` does; of the model's own prior there is none to fit."""
    if name == PRIOR:
        raise ValueError("the prior comes with the model: there is nothing to fit")
    return parse(name)


def check_latents(model: GenerativeModel, name: str) -> None:
    """Raise a ValueError where a model has not what a sampler is fitted to.

    Args:
        model: whose uppermost latent is numbers, or entries of a codebook.
        name: of the sampler.
    """
    sampler = parse(name)[0]
    if not sampler.suits(model):
        fitting = ", ".join(name for name in SAMPLERS if SAMPLERS[name].suits(model))
        raise ValueError(f"sampler '{name}' needs {sampler.needs}, which this model has not: take one of {fitting}")


def require_fittable(model: GenerativeModel, name: str, n: int | None) -> None:
    """Raise a ValueError where a sampler cannot be fitted to a model, which need not be trained yet.

    Args:
        model: the model.
        name: of the sampler.
        n: the number of training examples; ``None`` where it is not known.
    """
    kind, options = parse_fitted(name)
    check_latents(model, name)
    kind, size = kind.for_latents(model.latent_shape), math.prod(model.latent_shape)
    if n is None:
        return
    components = kind.count_components(n, size) if issubclass(kind, VectorSampler) else None
    least = kind.min_latents(components or size, **options)
    if n < least:
        raise ValueError(
            f"sampler '{name}' needs at least {least} training examples for latents of {size} numbers, and there are "
            f"{n}: take another, as standard, or a smaller latent"
        )


@torch.no_grad()
def draw_training_latents(model: GenerativeModel, split: Split, n: int, seed: int = NOISE_SEED) -> TrainingLatents:
    """Return a draw from the posterior of each of n random examples, (n, *shape), with their encoded conditions."""
    was_training, device = model.training, next(model.parameters()).device
    model.eval()
    latents: list[Tensor] = []
    conditions: list[Tensor] = []
    indices: list[Tensor] = []
    for batch in random_batches(split, n, seed=0, batch_size=BATCH_SIZE):
        c = None if batch.y is None else batch.y.to(device)
        with noise.keyed_noise(seed, batch.index):
            q = model.posterior(batch.x.to(device), c)
            # That of a hierarchy has a batch of samples already.
            z = q.sample(torch.Size((1,) if len(q.batch_shape) == 1 else ()))[0]
        latents.append(z.cpu())
        if isinstance(q, Quantized):
            # Those of the posterior: a search for the indices of a sum of entries may find others close by.
            indices.append(q.indices.flatten(0, -3).cpu())
        conditions += [condition.flatten(1).cpu() for condition in model.encode_condition(c)]
    model.train(was_training)
    return TrainingLatents(torch.cat(latents), _concatenate(conditions), model.quantizer, _concatenate(indices))


def _concatenate(parts: list[Tensor]) -> Tensor | None:
    return torch.cat(parts) if parts else None
