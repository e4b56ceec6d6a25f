"""Imputation: missing values of examples drawn given the observed ones."""

from __future__ import annotations

from torch import Tensor

from elbowroom.models.base import GenerativeModel


def impute(model: GenerativeModel, x: Tensor, c: Tensor | None = None, draws: int = 1, gibbs_steps: int = 0) -> Tensor:
    r"""Draw the missing values (NaN) of examples given the observed ones, several times: (draws, B, \*shape).

    .. math:: z \sim q(z \mid x_{\mathrm{obs}}), \quad x_{\mathrm{mis}} \sim p(x_{\mathrm{mis}} \mid z)

    Observed values stay exactly as they are. The draws differ by as much as the model leaves open, as multiple
    imputation needs (Rubin 1987, doi 10.1002/9780470316696). They approximate :math:`p(x_{\mathrm{mis}} \mid
    x_{\mathrm{obs}})`, since the encoder does: each further step encodes the filled example and draws again, which is
    the pseudo-Gibbs chain of Rezende, Mohamed & Wierstra 2014, arXiv 1401.4082, appendix F. It converges to that
    distribution where q(z|x) is the posterior.

    Args:
        model: whose likelihood takes missing values, as ``columns``.
        x: examples, (B, \*shape).
        c: the condition, for a conditional model.
        draws: how many of each example.
        gibbs_steps: further steps of the chain.

    >>> import torch, elbowroom as er
    >>> from elbowroom.table_shape import TableShape
    >>> model, _ = er.recipes.vae(TableShape((1, 1, 3)), latent=2)
    >>> x = torch.tensor([[0.5, torch.nan, 2.0]])
    >>> filled = impute(model, x, draws=4)
    >>> filled.shape, filled[:, 0, 0], filled.isnan().any()
    (torch.Size([4, 1, 3]), tensor([0.5000, 0.5000, 0.5000, 0.5000]), tensor(False))
    """
    is_missing = x.isnan()
    filled = model.draw_reconstructions(x, c, draws, draw=True).where(is_missing, x)
    repeated = None if c is None else c.repeat(draws, *[1] * (c.dim() - 1))
    for _ in range(gibbs_steps):
        drawn = model.draw_reconstructions(filled.flatten(0, 1), repeated, draw=True)[0]
        filled = drawn.reshape(filled.shape).where(is_missing, x)
    return filled
