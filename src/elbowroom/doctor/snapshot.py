"""Snapshots: cheap statistics of a model on one batch, recorded at every validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent

from elbowroom import noise
from elbowroom.auditor.isolation import eval_mode
from elbowroom.auditor.reparameterization import find_reparameterization
from elbowroom.data import Batch
from elbowroom.distributions import Normal, Quantized
from elbowroom.doctor.loss_gradients import find_loss_form
from elbowroom.models.adapter import VAEOutput, parse_vae_output
from elbowroom.models.base import GenerativeModel
from elbowroom.models.draw import Draw, Latent
from elbowroom.objectives import Term

#: Nats below which a dimension has no information about x: the epsilon of Lucas et al. 2019, arXiv 1911.02469.
SILENT_NATS = 0.01
#: Share of log-variances that equal their minimum or maximum, above which they may be clamped.
SUSPICIOUS_SHARE = 0.1
#: Examples by which the outputs of a module of one's own are told apart.
MAX_READ_EXAMPLES = 64


@dataclass(frozen=True)
class Snapshot:
    r"""Statistics of a model on one batch.

    Attributes:
        step: optimizer steps taken before.
        nats: for each latent, the information of each dimension about x: its KL if the prior factorizes, else
            :math:`\frac12 \log(1 + \mathrm{Var}\,\mu / \mathrm E\,\sigma^2)`; for a latent with channels, one
            number for each channel. Empty if the posterior has no variance.
        scale: the smallest and the median standard deviation of p(x|z) over the elements of x, if it has one.
        clamped: share of the log-variances at a bound that passes no gradient, by distribution.
        codes: the number of codes chosen, of how many, and the number of choices; of the first quantized latent whose
            codes can be counted.
        indices: for each quantized latent and each of its sub-indices, the same of the values of the sub-index.
        outputs: what the second and third output of a module of one's own are, by how its latents follow its noise;
            empty if they are nothing known.
        noise: the random call that such a module's latents are made of; empty if there is none.
        loss: a :class:`LossForm` as a dictionary, for such a module.
    """

    step: int
    nats: list[list[float]]
    scale: list[float] | None = None
    clamped: dict[str, float] | None = None
    codes: list[int] | None = None
    indices: list[list[list[int]]] | None = None
    outputs: str | None = None
    noise: str | None = None
    loss: dict[str, Any] | None = None

    def to_row(self, epoch: int) -> dict[str, Any]:
        """Return the snapshot as a row of ``metrics.jsonl``."""
        optional = ("indices", "outputs", "noise", "loss")
        fields = {name: value for name, value in asdict(self).items() if value is not None or name not in optional}
        return {"event": "look", "epoch": epoch} | fields

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Snapshot:
        """Build a snapshot from a row of ``metrics.jsonl``."""
        return cls(*(row.get(name) for name in cls.__dataclass_fields__))  # type: ignore[arg-type]


def is_collapsed(nats: Sequence[Sequence[float]]) -> bool:
    """Whether no dimension of any latent has information about x, by the nats of each; not if there are none.

    >>> is_collapsed([[0.001, 0.002]]), is_collapsed([[0.001], [0.02]]), is_collapsed([[]])
    (True, False, False)
    """
    return any(map(len, nats)) and all(value < SILENT_NATS for latent in nats for value in latent)


def take_snapshot(
    model: nn.Module, batch: Batch, step: int, objective: Term | None = None, batch_size: int | None = None
) -> Snapshot | None:
    """Take a snapshot of a model or a module with ``(reconstruction, mu, logvar)``; ``None`` for any other.

    Args:
        model: in any mode.
        batch: held-out examples.
        step: optimizer steps taken before.
        objective: of the training; for the loss of a module of one's own.
        batch_size: of the training, likewise.
    """
    if isinstance(model, GenerativeModel):
        with eval_mode(model), noise.keyed_noise(0, batch.index):
            draw = model.draw(batch.x, batch.y)
        nats = [_round_to_list(nats_per_dimension(latent)) for latent in draw.latents]
        clamped, codes, indices = _clamped_shares(model, batch, draw), _codebook_usage(draw), _index_usage(draw)
        return Snapshot(step, nats, _decoder_scale(draw), clamped, codes, indices or None)
    with eval_mode(model):
        raw = model(batch.x)
    output = parse_vae_output(raw, batch.x)
    if output is None:
        return None
    nats = [_round_to_list(nats_per_dimension(latent_from_output(output)))]
    form = None if objective is None else find_loss_form(objective, raw, batch.x, step, batch_size)
    found = find_reparameterization(model, batch.x[:MAX_READ_EXAMPLES])
    outputs = None if found is None else "" if found.reading is None else found.reading.name
    return Snapshot(
        step,
        nats,
        clamped=_clamped_shares(model, batch, output),
        outputs=outputs,
        noise=None if found is None else found.noise,
        loss=None if form is None else asdict(form),
    )


def latent_from_output(output: VAEOutput) -> Latent:
    """Return the posterior of a module's output, with a standard normal prior, as a latent."""
    mu, logvar = output.mu.flatten(1), output.logvar.flatten(1)
    zero = torch.zeros_like(mu[0])
    return Latent(mu[None], Normal(mu, logvar), Normal(zero, zero))


def nats_per_dimension(latent: Latent) -> Tensor:
    """Return the information of each dimension about x, (D,); channel means; empty for a point or a codebook."""
    q, elements = latent.q, latent.kl_elements
    if isinstance(q, Quantized):
        return torch.zeros(0)
    if elements is not None:
        per_dimension = elements.mean(0)
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
    """Return the standard deviations of p(x|z); ``None`` if it is bounded or discrete, as it cannot then diverge."""
    log_variance = _log_variance(draw.p)
    if log_variance is None:
        return None
    elements = (0.5 * log_variance).exp().expand(*draw.p.batch_shape, *draw.x.shape[1:])
    per_element = elements.reshape(-1, *draw.x.shape[1:]).mean(0).flatten()
    return _round_to_list(torch.stack((per_element.min(), per_element.median())))


def _codebook_usage(draw: Draw) -> list[int] | None:
    for latent in draw.latents:
        if latent.code_counts is not None:
            return [int((latent.code_counts > 0).sum()), len(latent.code_counts), int(latent.code_counts.sum())]
    return None


def _index_usage(draw: Draw) -> list[list[list[int]]]:
    return [
        [[int((counts > 0).sum()), len(counts), int(counts.sum())] for counts in latent.index_counts]
        for latent in draw.latents
        if latent.index_counts
    ]


def _log_variance(p: Distribution) -> Tensor | None:
    """Return the log-variance of a density on the real line; ``None`` for any other distribution."""
    inner = p.base_dist if isinstance(p, Independent) else p
    if isinstance(inner, Normal):
        return inner.log_var
    try:
        return inner.variance.log() if inner.support is torch.distributions.constraints.real else None
    except NotImplementedError:
        return None


def _clamped_shares(model: nn.Module, batch: Batch, output: Draw | VAEOutput) -> dict[str, float]:
    """Return the shares of clamped log-variances: equal to their minimum or maximum, and without a gradient."""
    if max((_edge_share(t)[0] for t in _log_variances(output).values()), default=0) < SUSPICIOUS_SHARE:
        return {}
    with eval_mode(model), torch.enable_grad(), noise.keyed_noise(0, batch.index):
        # The second pass, with gradients, is needed rarely.
        with_graph = (
            model.draw(batch.x, batch.y)
            if isinstance(model, GenerativeModel)
            else parse_vae_output(model(batch.x), batch.x)
        )
        parameters = [p for p in model.parameters() if p.requires_grad]
        return {} if with_graph is None else _zero_gradient_shares(with_graph, parameters)


def _zero_gradient_shares(output: Draw | VAEOutput, parameters: list[nn.Parameter]) -> dict[str, float]:
    shares = {}
    for name, values in _log_variances(output).items():
        share, edge = _edge_share(values)
        if share < SUSPICIOUS_SHARE or not values.requires_grad:
            continue
        at_edge = values[values == edge].sum()
        gradients = torch.autograd.grad(at_edge, parameters, retain_graph=True, allow_unused=True)
        if not any(gradient is not None and bool(gradient.any()) for gradient in gradients):
            shares[name] = round(share, 4)
    return shares


def _log_variances(output: Draw | VAEOutput) -> dict[str, Tensor]:
    if isinstance(output, VAEOutput):
        return {"q(z|x)": output.logvar}
    names = ["q(z|x)"] if len(output.latents) == 1 else [f"q(z{i}|x)" for i in range(1, len(output.latents) + 1)]
    values = {name: _log_variance(latent.q) for name, latent in zip(names, output.latents, strict=True)}
    inner = output.p.base_dist if isinstance(output.p, Independent) else output.p
    log_scale = getattr(inner, "log_scale", None)
    values["p(x|z)"] = log_scale if isinstance(log_scale, Tensor) else _log_variance(output.p)
    return {name: value for name, value in values.items() if value is not None}


def _edge_share(values: Tensor) -> tuple[float, float]:
    """Return the share of values that equal the minimum or the maximum, whichever is larger, and that value."""
    low, high = values.min(), values.max()
    shares = {low.item(): (values == low).float().mean().item(), high.item(): (values == high).float().mean().item()}
    edge = max(shares, key=lambda value: shares[value])
    return shares[edge], edge
