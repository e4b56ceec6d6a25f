"""Samplers beside the prior: log-density of held-out latents, and the importance bound with each as the prior."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from elbowroom import noise
from elbowroom.data import Batch
from elbowroom.distributions import no_density_reason
from elbowroom.evaluation.metric import Metric, mean_metric
from elbowroom.evaluation.registry import EvalContext, suite
from elbowroom.evaluation.suites.likelihood import estimate_bounds, log_density
from elbowroom.models.base import GenerativeModel
from elbowroom.models.draw import Draw
from elbowroom.samplers import Sampler

#: What is said of a density that is an estimate.
BOUND_NOTE = "log s(z) is an importance estimate, in expectation a lower bound"


@suite("samplers", "how probable held-out latents and data are under fitted samplers, beside the prior", False, True)
@torch.no_grad()
def metrics(context: EvalContext) -> dict[str, Metric]:
    r"""Measure the log-density of latents under the prior p(z) and each sampler s(z), and their importance bounds.

    ``latent_log_density`` is :math:`\mathrm E[\log p(z)]`, of one draw from q(z|x) for each example, and
    ``density_gain[s]`` the mean of :math:`\log s(z) - \log p(z)` over the same draws, which is at most
    :math:`\mathrm{KL}(q(z) \Vert p(z))` in expectation: what of it the sampler makes up for. ``importance_bound[s]`` is
    that of the suite ``likelihood`` with s(z) in the place of p(z), from the same draws of the posterior: decoder and
    sampler are a generative model too, and this bounds its log p(x) from below. All in nats per example.

    Latents that are codes have probabilities in place of densities, ``bits_per_code`` says them for each position, and
    their importance bounds are ELBOs, since q(z|x) is one choice of codes: the code length that prior or sampler give.

    A conditional model's densities are given the label of the example.
    """
    return _measure_latents(context) | _measure_bounds(context)


def _measure_latents(context: EvalContext) -> dict[str, Metric]:
    batches = context.eval_split.batches(context.batch_size)
    parts = [latent_log_densities(context.model, _with_density(context), batch, context.seed) for batch in batches]
    values = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    prior = values.pop("", None)
    results = {"latent_log_density": Metric(None, "nats", "", note="this model has no prior")}
    if prior is not None:
        results["latent_log_density"] = mean_metric(prior, "nats", "E log p(z), one draw of each posterior", samples=1)
        results |= _bits_per_code(context.model, "", prior)
    for name, sampler in context.samplers.items():
        key, note = f"latent_log_density[{name}]", _density_note(context, sampler)
        if name not in values:
            results[key] = Metric(None, "nats", "", note=note)
            continue
        results[key] = mean_metric(values[name], "nats", "E log s(z), of the same draws", samples=1, note=note)
        results |= _bits_per_code(context.model, f"[{name}]", values[name])
        if prior is not None:
            how = "E[log s(z) − log p(z)], at most KL(q(z) ‖ p(z))"
            results[f"density_gain[{name}]"] = mean_metric(values[name] - prior, "nats", how, samples=1, note=note)
    return results


def _bits_per_code(model: GenerativeModel, suffix: str, log_mass: Tensor) -> dict[str, Metric]:
    """Return the bits that a code of a quantized latent takes under a density; nothing for latents of numbers."""
    if model.quantizer is None:
        return {}
    positions = model.quantizer.shape[0]
    how = f"−log₂ of the probability of the codes, by {positions} positions; lower is better"
    return {f"bits_per_code{suffix}": mean_metric(log_mass / (-math.log(2) * positions), "bits", how)}


def latent_log_densities(
    model: GenerativeModel, samplers: Mapping[str, Sampler], batch: Batch, seed: int
) -> dict[str, Tensor]:
    """Return the log-density of a draw of each example's uppermost latent, (B,), nats.

    Args:
        model: in evaluation mode.
        samplers: by name, with a density.
        batch: the examples.
        seed: of the draws, with the index of each example.

    Returns:
        one under each sampler by its name, and under the prior, if there is one, by the name "".
    """
    with noise.keyed_noise(seed, batch.index):
        top = model.draw(batch.x, batch.y).latents[-1]
    condition = model.encode_condition(batch.y)
    logs = {name: log_density(s, condition, top, seed, batch.index)[0] for name, s in samplers.items()}
    return logs if top.prior is None else logs | {"": top.log_pz[0]}


def _with_density(context: EvalContext) -> dict[str, Sampler]:
    """Return the samplers whose densities compare with the prior's."""
    if not context.model.manifold.has_flat_volume:
        return {}
    return {name: sampler for name, sampler in context.samplers.items() if sampler.has_density}


def _density_note(context: EvalContext, sampler: Sampler) -> str | None:
    if not sampler.has_density:
        return "this sampler has no density"
    if not context.model.manifold.has_flat_volume:
        return f"latents are {context.model.manifold.description}, on which the sampler's density is none"
    if not sampler.has_exact_density:
        return BOUND_NOTE
    return "of latents that it was fitted to: not held out" if context.includes_train else None


def _measure_bounds(context: EvalContext) -> dict[str, Metric]:
    """Measure the importance bounds, with the prior and with each sampler in its place."""
    if reason := _why_no_bound(context):
        return {f"importance_bound[{name}]": Metric(None, "nats", "", note=reason) for name in context.samplers}
    samplers, k = _with_density(context), context.samples
    batches = context.eval_split.batches(context.batch_size)
    parts = [estimate_bounds(context.model, batch, k, context.seed, samplers) for batch in batches]
    keys = [key for key in ("importance_bound", *map(_bound_key, samplers)) if key in parts[0]]
    how = f"log mean of {k} weights; higher is better"
    results = {key: mean_metric(torch.cat([p[key] for p in parts]), "nats", how, samples=k) for key in keys}
    notes = {_bound_key(name): _density_note(context, sampler) for name, sampler in context.samplers.items()}
    undefined = {key: Metric(None, "nats", "", note=note) for key, note in notes.items() if key not in results}
    return {key: replace(metric, note=notes.get(key)) for key, metric in results.items()} | undefined


def _bound_key(name: str) -> str:
    return f"importance_bound[{name}]"


def _why_no_bound(context: EvalContext) -> str:
    """Return why the importance bound is undefined with a sampler in the place of the prior; empty if it is defined."""
    first = context.eval_split.first(1)
    with noise.zero_noise():
        draw = context.model.draw(first.x, first.y)
    if reason := no_density_reason(draw.latents[-1].q):
        return f"{reason}, so there are no importance weights"
    return "" if type(draw) is Draw else "the model sums over classes, each with a latent of its own"
