"""How pictures look: reconstructions beside the data, samples beside the data, samples beside the training examples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from elbowroom.data import Batch, still
from elbowroom.evaluation.metric import Metric, mean
from elbowroom.evaluation.metrics import fid_kid, precision_recall, ssim_psnr
from elbowroom.evaluation.metrics.feature_extractor import Features, recorded
from elbowroom.evaluation.metrics.roc import auroc
from elbowroom.evaluation.registry import Suite, suite
from elbowroom.evaluation.some import some
from elbowroom.evaluation.subject import Subject
from elbowroom.evaluation.suites.reconstruction import error

#: Samples, and as many examples, that distances are taken between, at most.
EXAMPLES = 10_000
#: Samples and held-out examples whose nearest training example is looked for, at most; among all of those.
COPIES = 2_000
#: Share of the held-out examples that lie so near the training examples that a sample there counts as a copy.
NEAR = 0.01
#: Training examples that are looked at at a time.
AT_ONCE = 500

ABOUT = "how pictures look: SSIM, Fréchet and kernel distance, precision and recall, memorisation"


@suite("images", ABOUT)
def images(subject: Subject) -> dict[str, Metric]:
    """``mse psnr ssim`` of reconstructions, distances of samples beside their floor, copies of training examples."""
    return _images(subject, None, EXAMPLES)


def _images(subject: Subject, features: Features | None, examples: int) -> dict[str, Metric]:
    if len(subject.data.shape) != 3:
        shape = "x".join(map(str, subject.data.shape))
        return {"ssim": Metric(None, "", "", note=f"the examples are {shape}, not pictures (C, H, W)")}
    found = likeness(subject)
    if getattr(subject.model, "prior", subject) is None:
        note = "this model has no prior to draw samples from"
        return found | {"frechet_distance": Metric(None, "squared", "", note=note)}
    return found | distribution(subject, features or recorded(subject.data), examples) | memorisation(subject)


def images_by(network: Features | torch.nn.Module, examples: int = EXAMPLES) -> Suite:
    """The suite ``images`` in the features of a network of your own, for ``evaluate(..., metrics=[...])``.

    Args:
        network: (B, C, H, W) to (B, D), as an Inception network whose weights you have; or :class:`Features` of it.
        examples: samples, and as many examples, at most.

    Raises:
        ValueError: fewer examples than the figures need.

    >>> import elbowroom as er
    >>> data = er.load_data("digits")
    >>> model, _ = er.recipes.vae(data.shape, latent=2)
    >>> pixels = er.images_by(er.Features(torch.nn.Flatten(), "pixels"), examples=200)
    >>> figures = er.evaluate(model, data, metrics=[pixels])
    >>> figures["frechet_distance"].value > figures["frechet_distance_floor"].value
    True
    """
    if examples < 10:
        raise ValueError(f"distances between {examples} pictures mean nothing: give examples=10 or more, as 10000")
    features = network if isinstance(network, Features) else Features(network)
    return Suite("images", ABOUT, False, partial(_images, features=features, examples=examples))


def likeness(subject: Subject) -> dict[str, Metric]:
    """MSE, PSNR and SSIM of the reconstruction at the posterior mean."""
    found = error(subject)
    if outside := subject.data.first_outside(0, 1):
        note = f"values outside [0, 1], as {outside[2]:g}: there is no peak to compare with"
        return found | {"psnr": Metric(None, "dB", "", note=note), "ssim": Metric(None, "", "", note=note)}
    pairs = [
        (ssim_psnr.psnr(again, batch.x), ssim_psnr.ssim(again, batch.x))
        for batch in subject.part.batches(subject.batch_size)
        for again in [subject.model.reconstruct(batch.x, batch.y)]
    ]
    psnr, ssim = (torch.cat(column) for column in zip(*pairs, strict=True))
    side = ssim_psnr.window(subject.data.shape[1:])
    size = "x".join(map(str, subject.data.shape[1:]))
    small = "" if side == ssim_psnr.WINDOW else f" (11x11 in the paper) as the pictures are {size}"
    return found | {
        "psnr": mean(psnr, "dB", "mean over examples, at the posterior mean"),
        "ssim": mean(ssim, "", f"window {side}x{side}{small}, at the posterior mean; 1 is equal"),
    }


def distribution(subject: Subject, features: Features, examples: int) -> dict[str, Metric]:
    """Distances of samples to the split, each followed by that of training examples to it: the floor."""
    trained_on = subject.split == "train"
    n = min(examples, len(subject.part) // (2 if trained_on else 1))
    need = 2 * fid_kid.BLOCKS
    if n < need:
        note = f"needs at least {need} examples, the split has {len(subject.part)}"
        return {"frechet_distance": Metric(None, "squared", "", note=note)}
    real, fake, train = _features(subject, features, n, trained_on)
    found: dict[str, Metric] = {}
    for who, pictures, ending in (("samples", fake, ""), ("of train instead of samples", train, "_floor")):
        how = f"{len(pictures):,} {who}; features {features.hash}"
        found |= {name + ending: m for name, m in _compared(real, pictures, how).items()}
    order = sorted(found, key=lambda name: _NAMES.index(name.removesuffix("_floor")))
    about = f"means of p(x|z); features: {features.about}"
    return {name: found[name] for name in order} | {"frechet_distance": replace(found["frechet_distance"], note=about)}


_NAMES = ("frechet_distance", "kernel_distance", "precision", "recall", "density", "coverage")


def _compared(real: Tensor, pictures: Tensor, how: str) -> dict[str, Metric]:
    (fd, fd_error), (kd, kd_error) = fid_kid.frechet(real, pictures), fid_kid.kernel(real, pictures)
    n = len(real)
    return {
        "frechet_distance": Metric(fd, "squared", how, fd_error, examples=n),
        "kernel_distance": Metric(kd, "squared", how, kd_error, examples=n),
        **{name: mean(values, "", how) for name, values in precision_recall.fidelity(real, pictures).items()},
    }


def _features(subject: Subject, features: Features, n: int, trained_on: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Of ``n`` examples of the split, of as many samples, and of as many training examples that are others."""
    device = next(subject.model.parameters()).device
    train = still(subject.data.train, subject.seed)
    chosen = partial(some, subject.part, n, subject.seed)
    real = features(batch.x for batch in chosen())
    # With the labels of the examples, for a model that is conditional.
    fake = features(subject.model.sample(len(batch.x), batch.y) for batch in chosen())
    other = features(b.x.to(device) for b in some(train, n, subject.seed, first=n if trained_on else 0))
    return real, fake, other


def memorisation(subject: Subject) -> dict[str, Metric]:
    """Whether samples lie nearer to training examples than examples do that were held out, in pixels.

    ``closer_to_train`` is the rank statistic of Meehan, Chaudhuri & Dasgupta 2020 (arXiv 2004.05675), over all pictures
    at once where theirs is by cells: the chance that a sample is nearer to the training examples than a held-out one.
    Blurred pictures are near to everything, so its floor is that of the held-out examples' reconstructions.
    """
    if subject.split == "train":
        note = "needs examples that were not trained on: judge another split"
        return {"closer_to_train": Metric(None, "", "", note=note)}
    n = min(COPIES, len(subject.part))
    chosen = list(some(subject.part, n, subject.seed))
    train = still(subject.data.train, subject.seed)

    def distance(pictures: Callable[[Batch], Tensor]) -> Tensor:
        found = torch.cat([pictures(batch) for batch in chosen]).flatten(1)
        return precision_recall.nearest(found, (b.x.to(found.device).flatten(1) for b in train.batches(AT_ONCE)))

    held_out = distance(lambda batch: batch.x)
    samples = distance(lambda batch: subject.model.sample(len(batch.x), batch.y))
    again = distance(lambda batch: subject.model.reconstruct(batch.x, batch.y))
    near = (samples < held_out.quantile(NEAR)).double()
    to = f"to the nearest of {len(train):,} of train, in pixels"
    return {
        "closer_to_train": _closer(samples, held_out, f"samples nearer than held-out examples {to}; 0.5 is even"),
        "closer_to_train_floor": _closer(again, held_out, "held-out examples' reconstructions instead of samples"),
        "near_copies": mean(near, "", f"samples as near as {NEAR:.0%} of held-out examples are, {to}"),
    }


def _closer(distances: Tensor, held_out: Tensor, how: str) -> Metric:
    rank = auroc(distances, held_out)
    return Metric(rank.value, "", how, rank.standard_error, examples=len(held_out))
