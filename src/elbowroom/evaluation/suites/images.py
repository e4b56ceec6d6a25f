"""How pictures look: reconstructions beside the data, samples beside the data, samples beside the training examples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from elbowroom.data import Batch, freeze
from elbowroom.data.splits.memory import random_batches
from elbowroom.evaluation.metric import Metric, mean_metric
from elbowroom.evaluation.metrics import fid_kid, precision_recall, ssim_psnr
from elbowroom.evaluation.metrics.feature_extractor import Features, default_features
from elbowroom.evaluation.metrics.roc import auroc
from elbowroom.evaluation.registry import EvalContext, Suite, suite
from elbowroom.evaluation.suites.reconstruction import error_metrics

#: Samples, and as many examples, that distances are taken between, at most.
MAX_EXAMPLES = 10_000
#: Samples and held-out examples whose nearest training example is looked for, at most; among all of those.
MAX_COPY_EXAMPLES = 2_000
#: Share of the held-out examples that lie so near the training examples that a sample there counts as a copy.
NEAR_COPY_QUANTILE = 0.01
#: Training examples that are looked at at a time.
BATCH_SIZE = 500

DESCRIPTION = "how pictures look: SSIM, Fréchet and kernel distance, precision and recall, memorisation"


@suite("images", DESCRIPTION)
def metrics(context: EvalContext) -> dict[str, Metric]:
    """``mse psnr ssim`` of reconstructions, distances of samples beside their floor, copies of training examples."""
    return _image_metrics(context, None, MAX_EXAMPLES)


def _image_metrics(context: EvalContext, features: Features | None, max_examples: int) -> dict[str, Metric]:
    if len(context.data.shape) != 3:
        shape = "x".join(map(str, context.data.shape))
        return {"ssim": Metric(None, "", "", note=f"the examples are {shape}, not pictures (C, H, W)")}
    found = reconstruction_quality(context)
    if getattr(context.model, "prior", context) is None:
        note = "this model has no prior to draw samples from"
        return found | {"frechet_distance": Metric(None, "squared", "", note=note)}
    return (
        found
        | sample_quality(context, features or default_features(context.data), max_examples)
        | memorization_metrics(context)
    )


def image_suite(network: Features | torch.nn.Module, examples: int = MAX_EXAMPLES) -> Suite:
    """The suite ``metrics`` in the features of a network of your own, for ``evaluate(..., metrics=[...])``.

    Args:
        network: (B, C, H, W) to (B, D), as an Inception network whose weights you have; or :class:`Features` of it.
        examples: samples, and as many examples, at most.

    Raises:
        ValueError: fewer examples than the figures need.

    >>> import elbowroom as er
    >>> data = er.load_data("digits")
    >>> model, _ = er.recipes.vae(data.shape, latent=2)
    >>> pixels = er.image_suite(er.Features(torch.nn.Flatten(), "pixels"), examples=200)
    >>> figures = er.evaluate(model, data, metrics=[pixels])
    >>> figures["frechet_distance"].value > figures["frechet_distance_floor"].value
    True
    """
    if examples < 10:
        raise ValueError(f"distances between {examples} pictures mean nothing: give examples=10 or more, as 10000")
    features = network if isinstance(network, Features) else Features(network)
    return Suite("images", DESCRIPTION, False, partial(_image_metrics, features=features, max_examples=examples))


def reconstruction_quality(context: EvalContext) -> dict[str, Metric]:
    """MSE, PSNR and SSIM of the reconstruction at the posterior mean."""
    found = error_metrics(context)
    if outside := context.data.find_out_of_range(0, 1):
        note = f"values outside [0, 1], as {outside[2]:g}: there is no peak to compare with"
        return found | {"psnr": Metric(None, "dB", "", note=note), "ssim": Metric(None, "", "", note=note)}
    pairs = [
        (ssim_psnr.psnr(again, batch.x), ssim_psnr.ssim(again, batch.x))
        for batch in context.eval_split.batches(context.batch_size)
        for again in [context.model.reconstruct(batch.x, batch.y)]
    ]
    psnr, ssim = (torch.cat(column) for column in zip(*pairs, strict=True))
    side = ssim_psnr.window_side(context.data.shape[1:])
    size = "x".join(map(str, context.data.shape[1:]))
    small = "" if side == ssim_psnr.WINDOW_SIDE_PX else f" (11x11 in the paper) as the pictures are {size}"
    return found | {
        "psnr": mean_metric(psnr, "dB", "mean over examples, at the posterior mean"),
        "ssim": mean_metric(ssim, "", f"window {side}x{side}{small}, at the posterior mean; 1 is equal"),
    }


def sample_quality(context: EvalContext, features: Features, max_examples: int) -> dict[str, Metric]:
    """Distances of samples to the split, each followed by that of training examples to it: the floor."""
    trained_on = context.split_name == "train"
    n = min(max_examples, len(context.eval_split) // (2 if trained_on else 1))
    need = 2 * fid_kid.MIN_BLOCKS
    if n < need:
        note = f"needs at least {need} examples, the split has {len(context.eval_split)}"
        return {"frechet_distance": Metric(None, "squared", "", note=note)}
    real, fake, train = _extract_features(context, features, n, trained_on)
    found: dict[str, Metric] = {}
    for who, pictures, ending in (("samples", fake, ""), ("of train instead of samples", train, "_floor")):
        how = f"{len(pictures):,} {who}; features {features.hash}"
        found |= {name + ending: m for name, m in _set_metrics(real, pictures, how).items()}
    order = sorted(found, key=lambda name: _METRIC_ORDER.index(name.removesuffix("_floor")))
    about = f"means of p(x|z); features: {features.description}"
    return {name: found[name] for name in order} | {"frechet_distance": replace(found["frechet_distance"], note=about)}


_METRIC_ORDER = ("frechet_distance", "kernel_distance", "precision", "recall", "density", "coverage")


def _set_metrics(real: Tensor, images: Tensor, how: str) -> dict[str, Metric]:
    (fd, fd_error), (kd, kd_error) = fid_kid.frechet_distance(real, images), fid_kid.kernel_distance(real, images)
    n = len(real)
    return {
        "frechet_distance": Metric(fd, "squared", how, fd_error, examples=n),
        "kernel_distance": Metric(kd, "squared", how, kd_error, examples=n),
        **{name: mean_metric(values, "", how) for name, values in precision_recall.prdc(real, images).items()},
    }


def _extract_features(
    context: EvalContext, features: Features, n: int, trained_on: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Of ``n`` examples of the split, of as many samples, and of as many training examples that are others."""
    device = next(context.model.parameters()).device
    train = freeze(context.data.train, context.seed)
    chosen = partial(random_batches, context.eval_split, n, context.seed)
    real = features(batch.x for batch in chosen())
    # With the labels of the examples, for a model that is conditional.
    fake = features(context.model.sample(len(batch.x), batch.y) for batch in chosen())
    other = features(b.x.to(device) for b in random_batches(train, n, context.seed, skip=n if trained_on else 0))
    return real, fake, other


def memorization_metrics(context: EvalContext) -> dict[str, Metric]:
    """Whether samples lie nearer to training examples than examples do that were held out, in pixels.

    ``closer_to_train`` is the rank statistic of Meehan, Chaudhuri & Dasgupta 2020 (arXiv 2004.05675), over all pictures
    at once where theirs is by cells: the chance that a sample is nearer to the training examples than a held-out one.
    Blurred pictures are near to everything, so its floor is that of the held-out examples' reconstructions.
    """
    if context.split_name == "train":
        note = "needs examples that were not trained on: judge another split"
        return {"closer_to_train": Metric(None, "", "", note=note)}
    n = min(MAX_COPY_EXAMPLES, len(context.eval_split))
    chosen = list(random_batches(context.eval_split, n, context.seed))
    train = freeze(context.data.train, context.seed)

    def distance(pictures: Callable[[Batch], Tensor]) -> Tensor:
        found = torch.cat([pictures(batch) for batch in chosen]).flatten(1)
        return precision_recall.nearest_distance(
            found, (b.x.to(found.device).flatten(1) for b in train.batches(BATCH_SIZE))
        )

    held_out = distance(lambda batch: batch.x)
    samples = distance(lambda batch: context.model.sample(len(batch.x), batch.y))
    again = distance(lambda batch: context.model.reconstruct(batch.x, batch.y))
    near = (samples < held_out.quantile(NEAR_COPY_QUANTILE)).double()
    to = f"to the nearest of {len(train):,} of train, in pixels"
    return {
        "closer_to_train": _closeness_metric(
            samples, held_out, f"samples nearer than held-out examples {to}; 0.5 is even"
        ),
        "closer_to_train_floor": _closeness_metric(
            again, held_out, "held-out examples' reconstructions instead of samples"
        ),
        "near_copies": mean_metric(
            near, "", f"samples as near as {NEAR_COPY_QUANTILE:.0%} of held-out examples are, {to}"
        ),
    }


def _closeness_metric(sample_distances: Tensor, held_out: Tensor, how: str) -> Metric:
    rank = auroc(sample_distances, held_out)
    return Metric(rank.value, "", how, rank.standard_error, examples=len(held_out))
