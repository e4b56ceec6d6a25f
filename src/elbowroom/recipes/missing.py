"""Recipes for data with gaps: VAEAC, which is trained on masks, and not-MIWAE, where the mask tells something."""

from __future__ import annotations

from typing import Any, Literal

import elbowroom as er
from elbowroom.recipes.bounds import iwae
from elbowroom.recipes.registry import recipe


@recipe(
    "Ivanov, Figurnov & Vetrov 2019, arXiv 1806.02382",
    defaults={"batch_size": 128, "lr": 3e-3, "schedule": "one-cycle", "steps": 6_000},
    table_likelihood="binned-columns",
)
def vaeac(
    shape: tuple[int, ...],
    latent: int = 32,
    hidden: tuple[int, ...] = (256, 256),
    activation: str = "relu",
    likelihood: str = "bernoulli",
    hide: float = 0.0,
) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE of any values given any others (arbitrary conditioning), trained on random masks, for filling gaps.

    Minimized: ``−E_q[log p(x_h|z, x_v)] + KL(q(z|x, v) ‖ p(z|x_v))``, with v the visible values and h the hidden ones,
    and z from q(z|x, v).

    Perceptrons, where the paper has residual blocks; the decoder sees the visible values, where the paper has skip
    connections from the prior's network; no priors on the parameters of p(z|x). Beside its value a number of a table
    enters in pieces between its bins (Gorishniy, Rubachev & Babenko 2022, arXiv 2203.05556). It trains for some minutes
    of a core: a cell is filled the better the longer it has trained.

    Args:
        latent: size of the latent z
        hidden: widths of the hidden layers of prior, encoder and decoder
        activation: of the hidden layers
        likelihood: p(x|z), as for vae; of a table by default binned-columns: a gaussian for each of numbers, a
            categorical for others
        hide: the share of values hidden in training; 0 for the gaps of another example of the batch, or another share
            of each example, from none to all, where there are none
    """
    from elbowroom.models.masked_conditional import MaskedConditional

    return MaskedConditional(shape, er.likelihood(likelihood, shape), latent, hidden, activation, hide), er.ELBO()


@recipe("Ipsen, Mattei & Frellsen 2021, arXiv 2006.12871", extends=iwae)
def not_miwae(
    shape: tuple[int, ...], k: int = 20, mask: Literal["self", "linear", "mlp"] = "self", **rest: Any
) -> tuple[er.GenerativeModel, er.Term]:
    """The importance-weighted autoencoder of values and of which are missing, where these depend on the values.

    Minimized: ``−E_q[log (1/k Σ_i w_i)]``, with ``w_i = p(x_o|z_i) p(s|x_o, x_mi) p(z_i) / q(z_i|x_o)``, o the observed
    values, s which are there, and x_mi the missing ones from p(x_m|z_i).

    Args:
        k: samples per example in the bound
        mask: whether a value is missing depends on it alone (self), or on all values (linear or mlp)
    """
    from elbowroom.models.missing_process import MissingProcess

    model, bound = iwae(shape, k=k, **rest)
    assert isinstance(model, er.Model)
    return MissingProcess(model, shape, mask), bound
