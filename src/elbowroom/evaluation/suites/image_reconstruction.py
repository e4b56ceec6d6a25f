"""How reconstructions of images look: PSNR, SSIM, perceptual distance, and the Fréchet distance of all of them."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from elbowroom.data import freeze
from elbowroom.data.splits.memory import random_batches
from elbowroom.evaluation.metric import Metric, mean_metric
from elbowroom.evaluation.metrics import fid_kid
from elbowroom.evaluation.metrics.feature_extractor import default_features
from elbowroom.evaluation.registry import EvalContext, suite
from elbowroom.evaluation.suites.images import MAX_EXAMPLES, reconstruction_quality
from elbowroom.networks.features import Features


@suite("image_reconstruction", "how reconstructions of images look: PSNR, SSIM, perceptual and Fréchet distance")
def metrics(context: EvalContext) -> dict[str, Metric]:
    """Measure how reconstructions at the posterior mean differ from their images, one by one and as a set.

    ``perceptual_distance`` is the mean over depths of the default features
    (:class:`~elbowroom.networks.feature_layers.FeatureLayers`), from 0 to 2.
    ``reconstruction_frechet_distance``, the rFID of papers in other features, is between the images and their
    reconstructions; its floor is that between the images and as many of train.
    """
    if len(context.data.shape) != 3:
        shape = "x".join(map(str, context.data.shape))
        return {"perceptual_distance": Metric(None, "", "", note=f"the examples are {shape}, not images (C, H, W)")}
    features = default_features(context.data)
    return (
        reconstruction_quality(context) | perceptual_distance(context, features) | frechet_distance(context, features)
    )


def perceptual_distance(context: EvalContext, features: Features) -> dict[str, Metric]:
    """Measure the squared distance of images and reconstructions in the features of several depths."""
    layers = features.layers
    distances = [
        (layers([context.model.reconstruct(batch.x, batch.y)]) - layers([batch.x])).square().sum(1)
        for batch in context.eval_split.batches(context.batch_size)
    ]
    how = f"at the posterior mean; {layers}; 0 is equal"
    return {"perceptual_distance": mean_metric(torch.cat(distances), "squared", how)}


def frechet_distance(context: EvalContext, features: Features) -> dict[str, Metric]:
    """Measure the Fréchet and the kernel distance of reconstructions from their images, each with its floor."""
    n = min(MAX_EXAMPLES, len(context.eval_split) // (2 if context.includes_train else 1))
    name, minimum = "reconstruction_frechet_distance", 2 * fid_kid.MIN_BLOCKS
    if n < minimum:
        note = f"needs at least {minimum} examples, the split has {len(context.eval_split)}"
        return {name: Metric(None, "squared", "", note=note)}
    batches = partial(random_batches, context.eval_split, n, context.seed)
    real = features(batch.x for batch in batches())
    made = features(context.model.reconstruct(batch.x, batch.y) for batch in batches())
    others = _other_features(context, features, n)
    source = "others of the split" if context.includes_train else "of train"
    return _distances(real, made, f"{n:,} reconstructions; features {features.hash}") | {
        f"{key}_floor": metric
        for key, metric in _distances(
            real, others, f"{len(others):,} {source} instead of reconstructions; features {features.hash}"
        ).items()
    }


def _other_features(context: EvalContext, features: Features, n: int) -> Tensor:
    """Return features of as many examples that were not reconstructed: of train, or others of the split."""
    device = next(context.model.parameters()).device
    if context.includes_train:
        others = random_batches(context.eval_split, n, context.seed, skip=n)
    else:
        others = random_batches(freeze(context.data.train, context.seed), n, context.seed)
    return features(batch.x.to(device) for batch in others)


def _distances(real: Tensor, made: Tensor, how: str) -> dict[str, Metric]:
    (fd, fd_error), (kd, kd_error) = fid_kid.frechet_distance(real, made), fid_kid.kernel_distance(real, made)
    return {
        "reconstruction_frechet_distance": Metric(fd, "squared", how, fd_error, examples=len(real)),
        "reconstruction_kernel_distance": Metric(kd, "squared", how, kd_error, examples=len(real)),
    }
