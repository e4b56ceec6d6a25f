"""What is cheap to see of a model on one batch, and is written down at every validation."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent

from elbowroom import noise
from elbowroom.auditor.claim import VAEOutput, parse_vae_output
from elbowroom.auditor.isolation import eval_mode
from elbowroom.data import Batch
from elbowroom.distributions import Normal, Quantized, kl_elements
from elbowroom.models.base import GenerativeModel
from elbowroom.models.draw import Draw, Latent

#: Share of equal values at the edge of all log-variances, above which something may be clamping them.
SUSPICIOUS_SHARE = 0.1


@dataclass(frozen=True)
class Snapshot:
    r"""One look at a model.

    Attributes:
        step: the optimiser's steps before it.
        nats: for each latent, what each of its dimensions says of x: its KL where the prior factorises, else
            :math:`\frac12 \log(1 + \mathrm{Var}\,\mu / \mathrm E\,\sigma^2)`; of a code with channels, one number
            for each channel. Empty where the posterior has no spread.
        scale: the smallest and the median standard deviation of p(x|z) over the elements of x, if it has one.
        clamped: share of the log-variances that sit at a bound with no gradient, by the distribution they are of.
        codes: how many codes of a codebook were chosen, of how many, in how many choices.
    """

    step: int
    nats: list[list[float]]
    scale: list[float] | None = None
    clamped: dict[str, float] | None = None
    codes: list[int] | None = None

    def to_row(self, epoch: int) -> dict[str, Any]:
        """As a row of the metrics."""
        return {"event": "look", "epoch": epoch} | asdict(self)

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Snapshot:
        """From a row of the metrics."""
        return cls(*(row.get(name) for name in cls.__dataclass_fields__))  # type: ignore[arg-type]


def take_snapshot(model: nn.Module, batch: Batch, step: int) -> Snapshot | None:
    """Look at a model, or at a module that returns the classic's triple; ``None`` for any other."""
    if isinstance(model, GenerativeModel):
        with eval_mode(model), noise.keyed_noise(0, batch.index):
            draw = model.draw(batch.x, batch.y)
        seen = [_round_to_list(nats_per_dimension(latent)) for latent in draw.latents]
        return Snapshot(step, seen, _decoder_scale(draw), _clamped_shares(model, batch, draw), _codebook_usage(draw))
    with eval_mode(model):
        output = parse_vae_output(model(batch.x), batch.x)
    if output is None:
        return None
    return Snapshot(
        step,
        [_round_to_list(nats_per_dimension(latent_from_output(output)))],
        clamped=_clamped_shares(model, batch, output),
    )


def latent_from_output(output: VAEOutput) -> Latent:
    """The classic's code as a latent of ours."""
    mu, logvar = output.mu.flatten(1), output.logvar.flatten(1)
    zero = torch.zeros_like(mu[0])
    return Latent(mu[None], Normal(mu, logvar), Normal(zero, zero))


def nats_per_dimension(latent: Latent) -> Tensor:
    """What each dimension of a latent says of x, (D,); of one with channels, each channel's mean; empty for a point."""
    q, prior = latent.q, latent.prior
    if isinstance(q, Quantized):
        return torch.zeros(0)
    elements = None if prior is None else kl_elements(q, prior)
    if elements is not None:
        per_dimension = elements.reshape(-1, *q.event_shape).mean(0)
    else:
        try:
            mean, variance = (t.reshape(-1, *q.event_shape) for t in (q.mean, q.variance))
        except (NotImplementedError, AttributeError):
            return torch.zeros(0)
        per_dimension = 0.5 * torch.log1p(mean.var(0) / variance.mean(0).clamp_min(1e-30))
    return per_dimension.flatten(1).mean(1) if per_dimension.dim() > 1 else per_dimension


def _round_to_list(values: Tensor) -> list[float]:
    return [float(f"{value:.4g}") for value in values.nan_to_num().tolist()]


def _decoder_scale(draw: Draw) -> list[float] | None:
    """Of a density over all numbers; a bounded or discrete one has no scale that could run away."""
    log_variance = _log_variance(draw.p)
    if log_variance is None:
        return None
    elements = (0.5 * log_variance).exp().expand(*draw.p.batch_shape, *draw.x.shape[1:])
    per_element = elements.reshape(-1, *draw.x.shape[1:]).mean(0).flatten()
    return _round_to_list(torch.stack((per_element.min(), per_element.median())))


def _codebook_usage(draw: Draw) -> list[int] | None:
    for latent in draw.latents:
        book = getattr(latent.prior, "codebook", None)
        if isinstance(latent.q, Quantized) and isinstance(book, Tensor):
            return [len(latent.q.indices.unique()), len(book), latent.q.indices.numel()]
    return None


def _log_variance(p: Distribution) -> Tensor | None:
    """Of a density over all numbers, from wherever it is kept."""
    inner = p.base_dist if isinstance(p, Independent) else p
    if isinstance(inner, Normal):
        return inner.log_var
    try:
        return inner.variance.log() if inner.support is torch.distributions.constraints.real else None
    except NotImplementedError:
        return None


def _clamped_shares(model: nn.Module, batch: Batch, output: Draw | VAEOutput) -> dict[str, float]:
    """The share of clamped log-variances: many of one value at the edge of all, through which no gradient comes."""
    if max((_edge_share(t)[0] for t in _log_variances(output).values()), default=0) < SUSPICIOUS_SHARE:
        return {}
    with eval_mode(model), torch.enable_grad(), noise.keyed_noise(0, batch.index):
        # Once more, now with a graph: to be suspicious is rare.
        again = (
            model.draw(batch.x, batch.y)
            if isinstance(model, GenerativeModel)
            else parse_vae_output(model(batch.x), batch.x)
        )
        parameters = [p for p in model.parameters() if p.requires_grad]
        return {} if again is None else _zero_gradient_shares(again, parameters)


def _zero_gradient_shares(output: Draw | VAEOutput, parameters: list[nn.Parameter]) -> dict[str, float]:
    found = {}
    for name, values in _log_variances(output).items():
        share, edge = _edge_share(values)
        if share < SUSPICIOUS_SHARE or not values.requires_grad:
            continue
        at = values[values == edge].sum()
        gradients = torch.autograd.grad(at, parameters, retain_graph=True, allow_unused=True)
        if not any(gradient is not None and bool(gradient.any()) for gradient in gradients):
            found[name] = round(share, 4)
    return found


def _log_variances(output: Draw | VAEOutput) -> dict[str, Tensor]:
    if isinstance(output, VAEOutput):
        return {"q(z|x)": output.logvar}
    found: dict[str, Tensor] = {}
    for i, latent in enumerate(output.latents, 1):
        value = _log_variance(latent.q)
        name = "q(z|x)" if len(output.latents) == 1 else f"q(z{i}|x)"
        found |= {} if value is None else {name: value}
    inner = output.p.base_dist if isinstance(output.p, Independent) else output.p
    own = getattr(inner, "log_scale", None)
    value = own if isinstance(own, Tensor) else _log_variance(output.p)
    return found if value is None else found | {"p(x|z)": value}


def _edge_share(values: Tensor) -> tuple[float, float]:
    """The larger share of values that equal the smallest or the largest of all, and which of the two it is."""
    low, high = values.min(), values.max()
    shares = {low.item(): (values == low).float().mean().item(), high.item(): (values == high).float().mean().item()}
    edge = max(shares, key=lambda value: shares[value])
    return shares[edge], edge
