"""Recipes for examples of several views (modalities).

JMVAE, TELBO, JNF, MVAE, DMVAE, MMVAE, MMVAE+, MoPoE, MVTCAE, CRMVAE.
"""

from __future__ import annotations

from typing import Any, Literal

import elbowroom as er
from elbowroom.argument import NonNegativeFloat, NonNegativeInt, PositiveInt, UnitFloat
from elbowroom.recipes.registry import recipe
from elbowroom.recipes.vae import vae


def _multimodal_vae(
    shape: tuple[int, ...],
    fusion: str,
    *,
    prior_expert: bool = False,
    private: int = 0,
    flow: str = "",
    latent: int = 20,
    hidden: tuple[int, ...] = (400,),
    activation: str = "relu",
    k: int = 1,
    network: str = "mlp",
    size: Literal["s", "m", "l"] = "m",
    widths: tuple[int, ...] | None = None,
    prior: str = "standard",
    beta: float = 1.0,
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """Make the VAE of several views with its posterior fused so, or plain ``vae`` where an example is one view."""
    architecture: dict[str, Any] = {"hidden": hidden, "activation": activation, "network": network}
    architecture |= {"size": size, "widths": widths}
    if not isinstance(shape, er.ViewShape):
        return vae(shape, latent=latent, k=k, prior=prior, beta=beta, **architecture, **rest)
    n_views = len(shape.views)
    posterior: er.FlowExperts | er.JointExpert | er.FusedExperts
    if fusion == "joint":
        posterior = er.FlowExperts(latent, n_views, flow) if flow else er.JointExpert(latent, n_views)
    else:
        posterior = er.FusedExperts(latent + private * n_views, n_views, fusion, prior_expert, private)
    model = er.multimodal_model(shape, posterior, lambda view: _view_architecture(view, architecture), prior)
    return model, er.ELBO(k) if beta == 1 else er.ELBO(k) + (beta - 1) * er.KL()


def _choose_bound(model: er.GenerativeModel, elbo: er.Term, bound: str, k: int, beta: float) -> er.Term:
    """Return the objective of a mixture of experts by its name."""
    if bound == "elbo":
        return elbo
    if beta != 1:
        raise ValueError(f"the importance-weighted bound has no KL to weigh by beta={beta:g}: take the bound elbo")
    n = 1 if model.views is None else len(model.views.views)
    # Draws of a mixture are stratified in the order of its experts, so that a group is of one of them.
    return er.ImportanceBound(-(-k // n), groups=n)


def _view_architecture(shape: tuple[int, ...], settings: dict[str, Any]) -> er.Architecture:
    """Return the networks of a view; of those that "auto" chooses, each has the settings that it takes."""
    useless = ("size", "widths") if len(shape) == 1 else ("hidden", "activation")
    is_auto = settings["network"] == "auto"
    return er.Architecture(shape, **{k: value for k, value in settings.items() if not (is_auto and k in useless)})


@recipe("Suzuki, Nakayama & Matsuo 2016, arXiv 1611.01891", extends=vae, without=("posterior",))
def jmvae(shape: tuple[int, ...], alpha: NonNegativeFloat = 0.1, **rest: Any) -> tuple[er.GenerativeModel, er.Term]:
    """The joint multimodal VAE: an encoder of all views, which teaches an encoder of each (JMVAE-kl).

    Minimized: ``−E_q[log p(x|z)] + β KL(q(z|x) ‖ p(z)) + α Σ_v KL(q(z|x) ‖ q(z|x_v))``, with q(z|x) of the encoder of
    all views and ``p(x|z) = Π_v p(x_v|z)``.

    Args:
        alpha: weight of the KL of the joint posterior from that of each view
    """
    model, elbo = _multimodal_vae(shape, "joint", **rest)
    return model, elbo + alpha * er.ViewKL()


@recipe("Vedantam et al. 2018, arXiv 1705.10762", extends=vae, without=("posterior",))
def telbo(
    shape: tuple[int, ...], weight: NonNegativeFloat = 1.0, beta: NonNegativeFloat = 1.0, **rest: Any
) -> tuple[er.GenerativeModel, er.Term]:
    """The multimodal VAE with a joint encoder and one of each view, trained on the sum of their ELBOs (TELBO).

    Minimized: ``L(x) + weight Σ_v L(x_v)``, with ``L(x) = −E_q[log p(x|z)] + β KL(q(z|x) ‖ p(z))``, q(z|x) of the
    encoder of all views, q(z|x_v) of that of one, and ``p(x|z) = Π_v p(x_v|z)``.

    The ELBOs of single views train their encoders and a learned prior, not the decoders, as in the authors'
    experiments, which also weigh the views' reconstructions; that is left out.

    Args:
        weight: of the ELBOs of single views
        beta: weight of the KL in each of the ELBOs
    """
    model, elbo = _multimodal_vae(shape, "joint", beta=beta, **rest)
    return model, elbo + weight * er.SubsetELBO(beta=beta, trains_decoders=False)


@recipe("Senellart, Chadebec & Allassonnière 2023, arXiv 2305.11832", extends=vae, without=("posterior", "prior"))
def jnf(
    shape: tuple[int, ...],
    flow: Literal["maf", "realnvp", "nsf", "iaf"] = "maf",
    layers: PositiveInt = 2,
    beta: NonNegativeFloat = 1.0,
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The multimodal VAE with a joint encoder, whose posterior a normalizing flow of each view learns (JNF).

    Minimized: ``−E_q[log p(x|z)] + β KL(q(z|x) ‖ p(z)) − E_q[Σ_v log q_v(z|x_v)]``, with q(z|x) of the encoder of all
    views, q_v of the flow of one, to which alone the last term's gradient goes.

    Both are trained at once, where the paper trains the flows last: their term changes nothing else. Its correlation
    analysis, features of the views that the flows are given, is left out.

    Args:
        flow: kind of flow; maf, realnvp and nsf score at once, realnvp and nsf draw at once too
        layers: number of layers of each flow
        beta: weight of the KL in the ELBO
    """
    model, elbo = _multimodal_vae(shape, "joint", flow=f"{flow}:{layers}", beta=beta, **rest)
    return model, elbo + er.ViewCrossEntropy()


@recipe("Wu & Goodman 2018, arXiv 1802.05335", extends=vae, without=("posterior",))
def mvae(
    shape: tuple[int, ...], subsets: int = 0, beta: NonNegativeFloat = 1.0, **rest: Any
) -> tuple[er.GenerativeModel, er.Term]:
    """The multimodal VAE whose posterior is the product of an expert of each view, trained on some views, too.

    Minimized: ``L(x) + Σ_v L(x_v) + Σ_j L(x_S_j)``, with ``L(x_S) = −E_q[log p(x_S|z)] + β KL(q(z|x_S) ‖ p(z))``,
    random subsets S_j of views, ``q(z|x_S) ∝ p_0(z) Π_v∈S q_v(z|x_v)`` and p_0 the standard normal.

    Args:
        subsets: random subsets of views, beside all together and each alone, whose ELBOs are trained at each step
        beta: weight of the KL in each of the ELBOs
    """
    model, elbo = _multimodal_vae(shape, "product", prior_expert=True, beta=beta, **rest)
    return model, elbo + er.SubsetELBO(subsets, beta)


@recipe("Shi et al. 2019, arXiv 1911.03393", extends=vae, without=("posterior",))
def mmvae(
    shape: tuple[int, ...],
    k: int = 2,
    bound: Literal["elbo", "importance"] = "elbo",
    beta: NonNegativeFloat = 1.0,
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The multimodal VAE whose posterior is the mixture of an expert of each view.

    Minimized: ``−E_q[log p(x|z)] + β E_q[log q(z|x) − log p(z)]``, with ``q(z|x) = 1/V Σ_v q_v(z|x_v)``; if importance,
    ``−1/V Σ_v E[log (1/k' Σ_i p(x, z_vi) / q(z_vi|x))]``, with k' = k/V draws z_vi from q_v(z|x_v).

    Deviation: experts and prior are normal, where the paper's are Laplace.

    Args:
        k: samples per example, shared evenly by the views if a multiple of their number
        bound: the ELBO, or the paper's mean over the experts of importance-weighted bounds of as many samples each;
            there are 30
        beta: weight of the KL in the ELBO
    """
    model, elbo = _multimodal_vae(shape, "mixture", k=k, beta=beta, **rest)
    return model, _choose_bound(model, elbo, bound, k, beta)


@recipe("Lee & Pavlovic 2021, arXiv 2012.13024", extends=vae, without=("posterior",))
def dmvae(
    shape: tuple[int, ...],
    private: NonNegativeInt = 10,
    weight: NonNegativeFloat = 1.0,
    beta: NonNegativeFloat = 1.0,
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The multimodal VAE with latents that all views share and latents of each, told apart by crossing them (DMVAE).

    Minimized: ``L(x, x) + weight Σ_j L(x, x_j)``, with
    ``L(x, x_S) = −E[Σ_v log p(x_v|s, w_v)] + β (KL(q(s|x_S) ‖ p(s)) + Σ_v KL(q(w_v|x_v) ‖ p(w_v)))``, s from
    ``q(s|x_S) ∝ p_0(s) Π_v∈S q_v(s|x_v)`` and w_v from q(w_v|x_v).

    Deviation: where one view alone says what the shared latents are, its expert is multiplied with the prior, as
    among all views; the authors' is the expert alone.

    Args:
        private: latents of each view alone, beside the shared ones
        weight: of the ELBOs with the shared latents of one view and the own ones of all
        beta: weight of the KL in each of the ELBOs
    """
    model, elbo = _multimodal_vae(shape, "product", prior_expert=True, private=private, beta=beta, **rest)
    return model, elbo + weight * er.CrossELBO(beta)


@recipe("Palumbo, Daunhawer & Vogt 2023, openreview sdQGxouELX", extends=mmvae)
def mmvae_plus(
    shape: tuple[int, ...],
    k: int = 2,
    private: NonNegativeInt = 10,
    bound: Literal["elbo", "importance"] = "elbo",
    beta: NonNegativeFloat = 1.0,
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The MMVAE+: a mixture of an expert of each view on shared latents, and latents of each view alone.

    Minimized: ``−E_q[log p(x|z)] + β E_q[log q(z|x) − log p(z)]``, with ``z = (s, w_1 ... w_V)``,
    ``q(z|x) = 1/V Σ_v q_v(s, w_v|x_v) Π_u≠v p(w_u)`` and ``p(x|z) = Π_v p(x_v|s, w_v)``; the importance-weighted bound
    as in mmvae.

    Deviations: other views are decoded from own latents that are drawn from their prior, where the paper learns its
    scale; and the mixture has the density of shared and own latents together, where the paper's bound has that of the
    shared ones alone and is looser by at most the logarithm of the number of views.

    Args:
        k: samples per example, shared evenly by the views if a multiple of their number
        private: latents of each view alone, beside the shared ones
        bound: the ELBO, or the mean over the experts of importance-weighted bounds, as for mmvae
        beta: weight of the KL in the ELBO
    """
    model, elbo = _multimodal_vae(shape, "mixture", k=k, private=private, beta=beta, **rest)
    return model, _choose_bound(model, elbo, bound, k, beta)


@recipe("Sutter, Daunhawer & Vogt 2021, arXiv 2105.02470", extends=vae, without=("posterior",))
def mopoe_vae(shape: tuple[int, ...], k: int = 3, **rest: Any) -> tuple[er.GenerativeModel, er.Term]:
    """The multimodal VAE whose posterior is a mixture of products of experts, one for each subset of the views.

    Minimized: ``−E_q[log p(x|z)] + β E_q[log q(z|x) − log p(z)]``, with ``q(z|x) = 1/(2^V − 1) Σ_S q_S(z)`` over the
    subsets S of V views and ``q_S(z) ∝ Π_v∈S q_v(z|x_v)``.

    Args:
        k: samples per example, shared evenly by the subsets if a multiple of their number, which is 3 of two views
    """
    return _multimodal_vae(shape, "mixture-of-products", k=k, **rest)


@recipe(
    "Hwang et al. 2021, Multi-view representation learning via total correlation objective (NeurIPS 34)",
    extends=vae,
    without=("posterior",),
)
def mvtcae(
    shape: tuple[int, ...], alpha: UnitFloat = 0.9, beta: NonNegativeFloat = 1.0, **rest: Any
) -> tuple[er.GenerativeModel, er.Term]:
    """The multimodal VAE that explains the total correlation of its views: their product is near each alone (MVTCAE).

    Minimized: ``−E_q[log p(x|z)] + β V (1 − α)/(V − α) KL(q(z|x) ‖ p(z)) + β α/(V − α) Σ_v KL(q(z|x) ‖ q_v(z|x_v))``,
    with ``q(z|x) ∝ Π_v q_v(z|x_v)`` of V views.

    The objective of n views is divided by (n - alpha) / n, the paper's weight of the reconstruction.

    Args:
        alpha: share of the KLs from single views' posteriors, in place of that from the prior
        beta: weight of all KLs
    """
    model, elbo = _multimodal_vae(shape, "product", **rest)
    n = 1 if model.views is None else len(model.views.views)
    prior, single = (n * (1 - alpha) / (n - alpha), alpha / (n - alpha)) if n > 1 else (1.0, 0.0)
    return model, elbo + (beta * prior - 1) * er.KL() + beta * single * er.ViewKL()


@recipe(
    "Suzuki & Matsuo 2023, Mitigating the limitations of multimodal VAEs with coordination-based approach (openreview "
    "Rn8u4MYgeNJ)",
    extends=vae,
    without=("posterior",),
)
def crmvae(shape: tuple[int, ...], beta: NonNegativeFloat = 1.0, **rest: Any) -> tuple[er.GenerativeModel, er.Term]:
    """The multimodal VAE whose product of views is near each alone, and each view is decoded from itself too (CRMVAE).

    Minimized: ``−E_q[log p(x|z)] − Σ_v E_q_v[log p(x_v|z)] + 2β (KL(q(z|x) ‖ p(z)) + Σ_v KL(q(z|x) ‖ q_v(z|x_v)))``,
    with ``q(z|x) ∝ Π_v q_v(z|x_v)`` and z of each term from the posterior it names.

    Its weights are those of MultiVae, whose loss of n views is this one divided by 2 (n + 1).

    Args:
        beta: weight of all KLs
    """
    model, elbo = _multimodal_vae(shape, "product", **rest)
    weight = beta * (1 if model.views is None else 2)
    return model, elbo + er.SubsetELBO(beta=0) + (weight - 1) * er.KL() + weight * er.ViewKL()
