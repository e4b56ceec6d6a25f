"""Image quality: SSIM and PSNR of reconstructions, distances of samples from the data, memorisation."""

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
from elbowroom.evaluation.metrics.feature_extractor import default_features
from elbowroom.evaluation.metrics.roc import auroc
from elbowroom.evaluation.registry import EvalContext, Suite, suite
from elbowroom.evaluation.suites import reconstruction
from elbowroom.models.base import GenerativeModel
from elbowroom.networks.features import Features

#: Samples, and as many examples, between which distances are measured, at most.
MAX_EXAMPLES = 10_000
#: Samples and held-out examples whose nearest training example is searched for, at most.
MAX_COPY_EXAMPLES = 2_000
#: A sample is a near copy if it is closer to the training examples than this share of the held-out examples.
NEAR_COPY_QUANTILE = 0.01
#: Training examples searched at a time.
BATCH_SIZE = 500

DESCRIPTION = "how images look: SSIM, Fréchet and kernel distance, precision and recall, memorisation"


@suite("images", DESCRIPTION, compares_samplers=True)
def metrics(context: EvalContext) -> dict[str, Metric]:
    """Measure reconstruction quality, distances of samples with their floor, and copies of training examples.

    Samples are those of the model and, under names such as ``frechet_distance[mixture:10]``, those with latents of each
    sampler that was fitted to the run: as many, beside the same floor.
    """
    return _image_metrics(context, None, MAX_EXAMPLES)


def _image_metrics(context: EvalContext, features: Features | None, max_examples: int) -> dict[str, Metric]:
    if len(context.data.shape) != 3:
        shape = "x".join(map(str, context.data.shape))
        return {"ssim": Metric(None, "", "", note=f"the examples are {shape}, not images (C, H, W)")}
    results = reconstruction_quality(context)
    if not context.model.can_sample:
        note = "this model has no prior to draw samples from"
        results |= {"frechet_distance": Metric(None, "squared", "", note=note)}
    if not _sampling_models(context):
        return results
    results |= sample_quality(context, features or default_features(context.data), max_examples)
    return results | memorization_metrics(context)


def _sampling_models(context: EvalContext) -> dict[str, GenerativeModel]:
    """Return the models whose samples are judged, by the suffix of their metrics: as it is, and with each sampler."""
    model, samplers = context.model, context.samplers
    models = {"": model} if model.can_sample else {}
    own = model.sampler
    return models | {f"[{name}]": model.with_sampler(s) for name, s in samplers.items() if s is not own}


def _draw_of_each(context: EvalContext, draw: Callable[[GenerativeModel], Tensor]) -> dict[str, Tensor]:
    """Return what is drawn of each of these models, all from the same random numbers, which compares them best."""
    *others, last = reversed(_sampling_models(context).items())
    drawn = {}
    device = next(context.model.parameters()).device
    for suffix, model in others:
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            drawn[suffix] = draw(model)
    return dict(reversed((drawn | {last[0]: draw(last[1])}).items()))


def image_suite(network: Features | torch.nn.Module, examples: int = MAX_EXAMPLES) -> Suite:
    """Return the suite ``images`` with the features of your own network, for ``evaluate(..., metrics=[...])``.

    Args:
        network: (B, C, H, W) to (B, D), as an Inception network whose weights you have; or :class:`Features` of it.
        examples: samples, and as many examples, at most.

    Raises:
        ValueError: fewer examples than the metrics need.

    >>> import elbowroom as er
    >>> data = er.load_data("digits")
    >>> model, _ = er.recipes.vae(data.shape, latent=2)
    >>> pixels = er.image_suite(er.Features(torch.nn.Flatten(), "pixels"), examples=200)
    >>> metrics = er.evaluate(model, data, metrics=[pixels])
    >>> metrics["frechet_distance"].value > metrics["frechet_distance_floor"].value
    True
    """
    if examples < 10:
        raise ValueError(f"distances between {examples} images are not meaningful: give examples=10 or more, as 10000")
    features = network if isinstance(network, Features) else Features(network)
    function = partial(_image_metrics, features=features, max_examples=examples)
    return Suite(function, "images", DESCRIPTION, compares_samplers=True)


def reconstruction_quality(context: EvalContext) -> dict[str, Metric]:
    """Measure MSE, PSNR and SSIM of the reconstruction at the posterior mean."""
    results = reconstruction.metrics(context)
    if outside := context.data.find_out_of_range(0, 1):
        note = f"values outside [0, 1], as {outside[2]:g}: there is no peak to compare with"
        return results | {"psnr": Metric(None, "dB", "", note=note), "ssim": Metric(None, "", "", note=note)}
    pairs = [
        (ssim_psnr.psnr(x_hat, batch.x), ssim_psnr.ssim(x_hat, batch.x))
        for batch in context.eval_split.batches(context.batch_size)
        for x_hat in [context.model.reconstruct(batch.x, batch.y)]
    ]
    psnr, ssim = (torch.cat(column) for column in zip(*pairs, strict=True))
    side = ssim_psnr.window_side(context.data.shape[1:])
    size = "x".join(map(str, context.data.shape[1:]))
    small = "" if side == ssim_psnr.WINDOW_SIDE_PX else f" (11x11 in the paper) as the images are {size}"
    return results | {
        "psnr": mean_metric(psnr, "dB", "mean over examples, at the posterior mean"),
        "ssim": mean_metric(ssim, "", f"window {side}x{side}{small}, at the posterior mean; 1 is equal"),
    }


def sample_quality(context: EvalContext, features: Features, max_examples: int) -> dict[str, Metric]:
    """Measure distances of samples from the split, each followed by its floor: the same for training examples."""
    on_train = context.includes_train
    n = min(max_examples, len(context.eval_split) // (2 if on_train else 1))
    minimum = 2 * fid_kid.MIN_BLOCKS
    if n < minimum:
        note = f"needs at least {minimum} examples, the split has {len(context.eval_split)}"
        return {"frechet_distance": Metric(None, "squared", "", note=note)}
    real, samples, train = _extract_features(context, features, n, on_train)
    others = "others of the split" if on_train else "of train"
    floor = _set_metrics(real, train, f"{len(train):,} {others} instead of samples; features {features.hash}")
    results: dict[str, Metric] = {}
    for suffix, fake in samples.items():
        measured = _set_metrics(real, fake, f"{len(fake):,} samples; features {features.hash}")
        note = f"means of p(x|z); features: {features.description}"
        measured["frechet_distance"] = replace(measured["frechet_distance"], note=note)
        for name, metric in measured.items():
            results |= {f"{name}{suffix}": metric, f"{name}_floor": floor[name]}
    return results


def _set_metrics(real: Tensor, images: Tensor, how: str) -> dict[str, Metric]:
    """Measure distances between two sets of features, (N, D) and (M, D)."""
    (fd, fd_error), (kd, kd_error) = fid_kid.frechet_distance(real, images), fid_kid.kernel_distance(real, images)
    n = len(real)
    return {
        "frechet_distance": Metric(fd, "squared", how, fd_error, examples=n),
        "kernel_distance": Metric(kd, "squared", how, kd_error, examples=n),
        **{name: mean_metric(values, "", how) for name, values in precision_recall.prdc(real, images).items()},
    }


def _sample_means(model: GenerativeModel, batch: Batch) -> Tensor:
    """Return as many samples, means of p(x|z) as they are for images; a conditional model takes the batch's labels."""
    return model.sample(len(batch.x), model.as_condition(batch.y))


def _extract_features(
    context: EvalContext, features: Features, n: int, on_train: bool
) -> tuple[Tensor, dict[str, Tensor], Tensor]:
    """Return features (N, D) of n examples of the split, of n samples of each kind, and of n other examples."""
    device = next(context.model.parameters()).device
    train = freeze(context.data.train, context.seed)
    batches = partial(random_batches, context.eval_split, n, context.seed)
    real = features(batch.x for batch in batches())
    fake = _draw_of_each(context, lambda model: features(_sample_means(model, batch) for batch in batches()))
    rest = (
        random_batches(context.eval_split, n, context.seed, skip=n)
        if on_train
        else random_batches(train, n, context.seed)
    )
    other = features(batch.x.to(device) for batch in rest)
    return real, fake, other


def memorization_metrics(context: EvalContext) -> dict[str, Metric]:
    """Measure whether samples are nearer to training examples, in pixels, than held-out examples are.

    ``closer_to_train`` is the rank statistic of Meehan, Chaudhuri & Dasgupta 2020 (arXiv 2004.05675), over all images
    at once where theirs is by cells: the probability that a sample is nearer to the training examples than a held-out
    example. Blurred images are near to everything, so its floor is measured on reconstructions of held-out examples.
    """
    if context.includes_train:
        note = "needs examples that were not trained on: evaluate another split"
        return {"closer_to_train": Metric(None, "", "", note=note)}
    n = min(MAX_COPY_EXAMPLES, len(context.eval_split))
    batches = list(random_batches(context.eval_split, n, context.seed))
    train = freeze(context.data.train, context.seed)

    def distance_to_train(images: list[Tensor]) -> Tensor:
        x = torch.cat(images).flatten(1)
        return precision_recall.nearest_distance(x, (b.x.to(x.device).flatten(1) for b in train.batches(BATCH_SIZE)))

    held_out = distance_to_train([batch.x for batch in batches])
    reconstructions = distance_to_train([context.model.reconstruct(batch.x, batch.y) for batch in batches])
    to = f"to the nearest of {len(train):,} of train, in pixels"
    how = f"samples nearer than held-out examples {to}; 0.5 is even"
    how_floor = "held-out examples' reconstructions instead of samples"
    how_near = f"samples as near as {NEAR_COPY_QUANTILE:.0%} of held-out examples are, {to}"
    drawn = _draw_of_each(context, lambda model: distance_to_train([_sample_means(model, b) for b in batches]))
    results: dict[str, Metric] = {}
    for suffix, samples in drawn.items():
        near_copies = (samples < held_out.quantile(NEAR_COPY_QUANTILE)).double()
        results |= {
            f"closer_to_train{suffix}": _closeness_metric(samples, held_out, how),
            "closer_to_train_floor": _closeness_metric(reconstructions, held_out, how_floor),
            f"near_copies{suffix}": mean_metric(near_copies, "", how_near),
        }
    return results


def _closeness_metric(sample_distances: Tensor, held_out: Tensor, how: str) -> Metric:
    """Return the probability that a sample is nearer than a held-out example."""
    rank = auroc(sample_distances, held_out)
    return Metric(rank.value, "", how, rank.standard_error, examples=len(held_out))
