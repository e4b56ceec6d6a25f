"""Metrics of examples of several views: coherence of what is generated, and the likelihood of a view given others."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from elbowroom.data import Batch, freeze
from elbowroom.data.splits.memory import random_batches
from elbowroom.distributions.views import IndependentViews
from elbowroom.evaluation.metric import Metric, mean_metric
from elbowroom.evaluation.registry import EvalContext, suite
from elbowroom.models.base import GenerativeModel
from elbowroom.noise import keyed_noise, seeded_rng
from elbowroom.view_shape import ViewShape

#: Training examples that the classifier of a view is fitted to, at most.
MAX_TRAIN_EXAMPLES = 5000
#: Draws from the prior whose views are compared.
N_JOINT_SAMPLES = 1000
JOINT_COHERENCE = "joint_coherence"


@suite(
    "views", "of examples of several views: coherence of what is generated, likelihood of each view given the others"
)
def metrics(context: EvalContext) -> dict[str, Metric]:
    r"""Measure cross and joint coherence, and the conditional likelihood of each view.

    Cross coherence of A to B is the share of examples whose view B, decoded at the posterior mean given A alone, is
    told as the class of the example by a linear classifier fitted to the data's views B; joint coherence that of draws
    from the prior of which the classifiers of all views agree (Shi et al. 2019, arXiv 1911.03393, with a linear
    classifier where they train a network). The likelihood of a view given the others is

    .. math:: \log \frac1K \sum_k p(x_v \mid z_k), \quad z_k \sim q(z \mid x_{\setminus v})
    """
    views = context.model.views
    if views is None or len(views.views) < 2:
        return {JOINT_COHERENCE: Metric(None, "share", "", note="an example is one view: this is for multimodal data")}
    if context.model.requires_labels:
        return {JOINT_COHERENCE: Metric(None, "share", "", note="the model generates views given labels alone")}
    return _conditional_likelihoods(context, views) | _coherence(context, views)


def _conditional_likelihoods(context: EvalContext, views: ViewShape) -> dict[str, Metric]:
    scores: dict[str, list[Tensor]] = {name: [] for name in views.names}
    for batch in context.eval_split.batches(context.batch_size):
        for i, name in enumerate(views.names):
            others = views.keep(batch.x, [other for other in views.names if other != name])
            with torch.no_grad(), keyed_noise(context.seed, batch.index):
                p = context.model.decode(context.model.posterior(others).sample((context.samples,)))
            assert isinstance(p, IndependentViews)
            log_p = p.view_log_probs(batch.x)[..., i].logsumexp(0) - math.log(context.samples)
            scores[name].append(log_p.masked_fill(views.keep(batch.x, [name]).isnan().all(-1), torch.nan))
    how = f"log mean of p(x_v|z) over {context.samples} draws of z given the other views"
    return {
        f"{name}_given_others": mean_metric(_drop_missing(torch.cat(values)), "nats", how)
        for name, values in scores.items()
    }


def _drop_missing(values: Tensor) -> Tensor:
    return values[~values.isnan()].cpu()


def _coherence(context: EvalContext, views: ViewShape) -> dict[str, Metric]:
    reason = _why_undefined(context)
    names = [f"{a}_to_{b}" for a in views.names for b in views.names if a != b]
    if reason:
        return {name: Metric(None, "share", "", note=reason) for name in (*names, JOINT_COHERENCE)}
    device = next(context.model.parameters()).device
    train = freeze(context.data.train, context.seed).to(device)
    classifiers = _fit_classifiers(_join(random_batches(train, MAX_TRAIN_EXAMPLES, context.seed)), views)
    batch = _join(context.eval_split.batches(context.batch_size))
    y, how = batch.y, "linear classifiers of the data's views"
    found: dict[str, Metric] = {}
    assert y is not None
    for given in views.names:
        known = ~views.keep(batch.x, [given]).isnan().all(-1) & (y >= 0)
        if not known.any():
            notes = {f"{given}_to_{name}": "no example of known label has the given view" for name in views.names}
            found |= {pair: Metric(None, "share", "", note=note) for pair, note in notes.items() if pair in names}
            continue
        predicted = _predict(classifiers, context.model.reconstruct(views.keep(batch.x[known], [given])), views)
        for name in views.names:
            if name != given:
                correct = predicted[name] == y[known].cpu()
                found[f"{given}_to_{name}"] = mean_metric(correct, "share", f"views at the posterior mean; {how}")
    agreement = _agreement(_predict(classifiers, _joint_samples(context), views))
    return found | {JOINT_COHERENCE: mean_metric(agreement, "share", f"{N_JOINT_SAMPLES} draws of the prior; {how}")}


def _why_undefined(context: EvalContext) -> str:
    y = context.eval_split.first(1).y
    if y is None or y.dim() > 1 or y.is_floating_point():
        return "the data has no classes"
    if not any((batch.y >= 0).any() for batch in context.eval_split.batches(context.batch_size) if batch.y is not None):
        return "no label is known"
    if context.includes_train:
        return "the classifiers are fitted to the training split: choose another split"
    return ""


def _join(batches: Any) -> Batch:
    parts = list(batches)
    labels = [part.y for part in parts if part.y is not None]
    return Batch(torch.cat([part.x for part in parts]), torch.cat(labels), torch.cat([part.index for part in parts]))


def _fit_classifiers(batch: Batch, views: ViewShape) -> dict[str, Any]:
    """Fit a linear classifier to each view of examples, where it is observed."""
    import warnings

    from sklearn.linear_model import LogisticRegression

    assert batch.y is not None
    y, classifiers = batch.y.cpu(), {}
    for name, values in _features(batch.x, views).items():
        is_known = ~values.isnan().any(1) & (y >= 0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # one that has not converged classifies, too
            classifiers[name] = LogisticRegression(max_iter=200).fit(values[is_known].numpy(), y[is_known].numpy())
    return classifiers


def _features(x: Tensor, views: ViewShape) -> dict[str, Tensor]:
    """Return the numbers of each view, (N, D), a class one-hot."""
    from elbowroom.networks.inputs import input_layers

    layers = input_layers([view.shape for view in views.views])
    parts = views.split(x.cpu())
    missing = {name: part.flatten(1).isnan().any(1) for name, part in parts.items()}
    encoded = {name: layer(part).flatten(1) for layer, (name, part) in zip(layers, parts.items(), strict=True)}
    return {name: values.masked_fill(missing[name][:, None], torch.nan) for name, values in encoded.items()}


def _predict(classifiers: dict[str, Any], x: Tensor, views: ViewShape) -> dict[str, Tensor]:
    features = _features(x, views)
    return {name: torch.from_numpy(one.predict(features[name].numpy())) for name, one in classifiers.items()}


def _agreement(predicted: dict[str, Tensor]) -> Tensor:
    classes = torch.stack(list(predicted.values()))
    return (classes == classes[0]).all(0)


def _joint_samples(context: EvalContext) -> Tensor:
    model: GenerativeModel = context.model
    with seeded_rng(context.seed):
        return model.sample(N_JOINT_SAMPLES, draw=False)
