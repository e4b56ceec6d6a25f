"""Imputation: missing values of examples given the observed ones, as expectations and as draws."""

from __future__ import annotations

import torch
from torch import Tensor

from elbowroom import noise
from elbowroom.models.base import GenerativeModel
from elbowroom.models.proposals import Proposals


def impute(
    model: GenerativeModel,
    x: Tensor,
    c: Tensor | None = None,
    draws: int = 1,
    gibbs_steps: int = 0,
    samples: int = 0,
) -> Tensor:
    r"""Draw the missing values (NaN) of examples given the observed ones, several times: (draws, B, \*shape).

    .. math:: z \sim q(z \mid x_{\mathrm{obs}}), \quad x_{\mathrm{mis}} \sim p(x_{\mathrm{mis}} \mid z)

    Observed values stay exactly as they are. The draws differ by as much as the model leaves open, as multiple
    imputation needs (Rubin 1987, doi 10.1002/9780470316696). They approximate :math:`p(x_{\mathrm{mis}} \mid
    x_{\mathrm{obs}})`, since the encoder does, and two ways lead nearer to it. With ``samples``, draws are chosen from
    so many by their importance weights (sampling importance resampling, Mattei & Frellsen 2019, arXiv 1812.02633),
    which is exact for many samples. Each step of ``gibbs_steps`` encodes the filled example and draws again: the
    pseudo-Gibbs chain of Rezende, Mohamed & Wierstra 2014, arXiv 1401.4082, appendix F, which converges to that
    distribution where q(z|x) is the posterior.

    Args:
        model: whose likelihood takes missing values, as ``columns``.
        x: examples, (B, \*shape).
        c: the condition, for a conditional model.
        draws: how many of each example.
        gibbs_steps: further steps of the chain.
        samples: proposals that draws are chosen from; 0 takes each proposal for a draw.

    >>> import torch, elbowroom as er
    >>> from elbowroom.table_shape import TableShape
    >>> model, _ = er.recipes.vae(TableShape((1, 1, 3)), latent=2)
    >>> x = torch.tensor([[0.5, torch.nan, 2.0]])
    >>> filled = impute(model, x, draws=4, samples=20)
    >>> filled.shape, filled[:, 0, 0], filled.isnan().any()
    (torch.Size([4, 1, 3]), tensor([0.5000, 0.5000, 0.5000, 0.5000]), tensor(False))
    """
    is_missing = x.isnan()
    proposals = model.propose_missing(x, c, samples or draws)
    values = _resample(proposals, draws) if samples else proposals.values
    filled = values.where(is_missing, x)
    repeated = None if c is None else c.repeat(draws, *[1] * (c.dim() - 1))
    for _ in range(gibbs_steps):
        drawn = model.draw_reconstructions(filled.flatten(0, 1), repeated, draw=True)[0]
        filled = drawn.reshape(filled.shape).where(is_missing, x)
    return filled


def expect_missing(model: GenerativeModel, x: Tensor, c: Tensor | None = None, samples: int = 100) -> Tensor:
    r"""Replace the missing values (NaN) of examples by their expectations given the observed ones: (B, \*shape).

    .. math:: E[x_{\mathrm{mis}} \mid x_{\mathrm{obs}}] \approx \sum_k w_k E[x_{\mathrm{mis}} \mid z_k], \quad
        w_k \propto p(x_{\mathrm{obs}} \mid z_k) \, p(z_k) / q(z_k \mid x_{\mathrm{obs}}), \quad \sum_k w_k = 1

    The mean has the least squared error. A column of categories gets the most probable one, which is right most often.
    Observed values stay exactly as they are. Mattei & Frellsen 2019, arXiv 1812.02633.

    Args:
        model: whose likelihood takes missing values, as ``columns``.
        x: examples, (B, \*shape).
        c: the condition, for a conditional model.
        samples: importance samples of each example.

    >>> import torch, elbowroom as er
    >>> from elbowroom.table_shape import TableShape
    >>> model, _ = er.recipes.vae(TableShape((1, 3)), latent=2)
    >>> filled = expect_missing(model, torch.tensor([[0.5, torch.nan]]))
    >>> filled[0, 0], bool(filled[0, 1] in (0, 1, 2))
    (tensor(0.5000), True)
    """
    proposals, family = model.propose_missing(x, c, samples), model.decoder.family
    means = proposals.values if proposals.p is None else proposals.p.mean
    weights = proposals.weights
    expected = (weights.reshape(*weights.shape, *[1] * (x.dim() - 1)) * means).sum(0)
    for number, levels in enumerate(family.column_levels):
        if levels is not None:
            expected[:, number] = _category_probabilities(proposals, number, levels).argmax(0).to(x.dtype)
    return expected.where(x.isnan(), x)


def _category_probabilities(proposals: Proposals, column: int, levels: int) -> Tensor:
    """Return the probability of each category of a column given the observed values, (levels, B)."""
    values = proposals.values[..., column]
    level = torch.arange(levels, dtype=values.dtype, device=values.device).reshape(-1, 1, 1)
    if proposals.p is None:
        return ((values == level) * proposals.weights).sum(1)
    p = proposals.p.columns[column]  # type: ignore[attr-defined] # the distribution of Columns
    log_prob: Tensor = p.log_prob(level.expand(-1, *values.shape)[..., None])
    return (log_prob.exp() * proposals.weights).sum(1)


def _resample(proposals: Proposals, draws: int) -> Tensor:
    r"""Return values chosen from the proposals by their weights, (draws, B, \*shape)."""
    values, edges = proposals.values, proposals.weights.cumsum(0).T.contiguous()
    uniform = noise.to_uniform(noise.standard_normal(torch.Size((draws, values.shape[1], 1)), edges))[..., 0]
    index = torch.searchsorted(edges, uniform.T.contiguous()).clamp_max(len(values) - 1).T
    return values.gather(0, index.reshape(*index.shape, *[1] * (values.dim() - 2)).expand(-1, -1, *values.shape[2:]))
