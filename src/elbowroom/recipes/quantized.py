"""Recipes with a discrete latent: VQ-VAE and its variants."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

import elbowroom as er
from elbowroom.argument import NonNegativeFloat
from elbowroom.recipes.registry import recipe
from elbowroom.recipes.vae import vae


@recipe("van den Oord, Vinyals & Kavukcuoglu 2017, arXiv 1711.00937; quantizers: 'elbowroom quantizers'")
def quantized_vae(
    shape: tuple[int, ...],
    quantizer: str = "codebook:512",
    latent: int = 20,
    dim: int = 64,
    commitment: NonNegativeFloat = 0.25,
    entropy: NonNegativeFloat = 0.1,
    hidden: tuple[int, ...] = (400,),
    activation: str = "relu",
    likelihood: str = "bernoulli",
    network: str = "mlp",
    size: Literal["s", "m", "l"] = "m",
    widths: tuple[int, ...] | None = None,
    levels: int = 2,
) -> tuple[er.GenerativeModel, er.Term]:
    """The autoencoder with a discrete latent by any quantizer, and the learned frequencies of its codes as prior.

    Minimized: ``−log p(x|z) − log p(i) + Σ_l w_l L_l``, with codes ``z = Q(e(x))`` of indices i, and the losses L_l of
    the quantizer, as commitment ``‖e(x) − sg[z]‖²``, where sg is a constant to the gradient.

    Args:
        quantizer: codebook:512, residual:512x4, product:512x4, fsq:8,5,5,5, lfq:10, your own: 'elbowroom quantizers'
            lists them
        latent: number of positions, each of which takes one code; networks of convolutions have a map of them instead
        dim: length of a code, of quantizers with codebooks
        commitment: weight of the distance from the encoder's output to its codes, of quantizers that have it
        entropy: weight of the entropy loss of bits (lfq, bsq)
        hidden: widths of the encoder's hidden layers (mlp); the decoder mirrors them
        activation: of the hidden layers (mlp)
        likelihood: p(x|z), as for vae
        network: of encoder and decoder: mlp, conv, residual, deep, kl, auto, your own: 'elbowroom networks' lists them
        size: of a network of convolutions: channels double from 16 to 128 (s), 32 to 256 (m), 64 to 512 (l)
        widths: channels of its levels instead, the finest first
        levels: how often sides halve to those of a map of codes
    """
    architecture = er.Architecture(shape, network, hidden, activation, size, widths, levels=levels)
    book = er.quantizer(quantizer, architecture.map_shape(1)[1:] if architecture.has_maps else latent, dim)
    encoder = architecture.encoder(book)
    decoder = architecture.decoder(book, er.likelihood(likelihood, shape))
    objective = er.add_code_losses(er.ELBO(), book, commitment=commitment, entropy=entropy)
    return er.Model(encoder, decoder, er.CodePrior(book)), objective


@recipe(
    "van den Oord, Vinyals & Kavukcuoglu 2017, arXiv 1711.00937",
    extends=quantized_vae,
    without=("quantizer", "entropy"),
)
def vq_vae(
    shape: tuple[int, ...],
    codes: int = 512,
    codebook: Literal["codebook", "cosine", "rotation", "simvq", "diveq"] = "codebook",
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The vector-quantised autoencoder: latents are codebook entries, their learned frequencies the prior.

    Minimized: ``−log p(x|z) − log p(i) + commitment ‖e(x) − sg[z]‖²``, with ``z = c_i`` and
    ``i = argmin_j ‖e(x) − c_j‖`` at each position, sg a constant to the gradient, and by default entries c that follow
    e(x) by averages; simvq has ``‖sg[e(x)] − z‖²`` too, and diveq neither.

    The KL to that prior trains only the prior, and defines the ELBO of the discrete latent.

    Args:
        codes: number of codebook entries
        codebook: the paper's, which follows the encoder by averages; of unit vectors (cosine); with the rotation trick
            (rotation, Fifty et al. 2024); moved by one linear layer (simvq, Zhu et al. 2024); trained by the
            reconstruction, without commitment (diveq, Vali, Bäckström & Solin 2025)
    """
    return quantized_vae(shape, quantizer=f"{codebook}:{codes}", **rest)


@recipe(
    "Razavi, van den Oord & Vinyals 2019, arXiv 1906.00446",
    extends=quantized_vae,
    without=("latent", "hidden", "activation"),
    dimensions=(2, 3),
)
def vq_vae_2(
    shape: tuple[int, ...],
    quantizer: str = "codebook:512",
    dim: int = 64,
    commitment: NonNegativeFloat = 0.25,
    entropy: NonNegativeFloat = 0.1,
    likelihood: str = "gaussian",
    network: str = "conv",
    size: Literal["s", "m", "l"] = "m",
    widths: tuple[int, ...] | None = None,
    levels: int = 2,
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """VQ-VAE-2: codes on a coarse map, and on one of twice its sides given these.

    Minimized: ``−log p(x|z_1, z_2) − log p(i_1|z_2) − log p(i_2) + commitment (‖e_1 − sg[z_1]‖² + ‖e_2 − sg[z_2]‖²)``,
    with ``z_2 = Q_2(e_2)`` the coarse codes of indices i_2, ``z_1 = Q_1(e_1)`` the fine ones, e_2 of x and e_1 of x and
    z_2.

    Args:
        quantizer: of both maps: 'elbowroom quantizers' lists them
        dim: length of a code, of quantizers with codebooks
        commitment: weight of the distance from the encoder's output to its codes, of quantizers that have it
        entropy: weight of the entropy loss of bits (lfq, bsq)
        likelihood: p(x|z), as for vae
        network: of encoders and decoder: conv, residual, deep, kl, your own: 'elbowroom networks' lists them
        size: of the networks: channels double from 16 to 128 (s), 32 to 256 (m), 64 to 512 (l)
        widths: channels of the levels of the fine map instead, the finest first
        levels: how often sides halve to those of the fine map of codes
    """
    fine = er.Architecture(shape, network, size=size, widths=widths, levels=levels)
    coarse = er.Architecture(shape, network, size=size, widths=widths and (*widths, widths[-1]), levels=levels + 1)
    book, top = (er.quantizer(quantizer, one.map_shape(1)[1:], dim) for one in (fine, coarse))
    decoder = fine.decoder(fine.map_shape(2 * book.shape[1]), er.likelihood(likelihood, shape))
    model = er.QuantizedHierarchy(coarse.encoder(top), fine.encoder(book), decoder)
    return model, er.add_code_losses(er.ELBO(), book, commitment=commitment, entropy=entropy)


@recipe("Lee et al. 2022, arXiv 2203.01941", extends=quantized_vae, without=("quantizer", "entropy"))
def rq_vae(
    shape: tuple[int, ...],
    latent: int = 5,
    codes: int = 512,
    depth: int = 4,
    shared: bool = True,
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The residual-quantised autoencoder: each code is a sum of codebook entries, coarse to fine.

    Minimized: ``−log p(x|z_S) − log p(i) + commitment Σ_s ‖e(x) − sg[z_s]‖²``, with ``z_s = z_(s−1) + c_(i_s)``,
    ``z_0 = 0`` and ``i_s = argmin_j ‖e(x) − z_(s−1) − c_j‖``, and S the depth.

    Args:
        latent: number of positions, each of which takes one code; networks of convolutions have a map of them instead
        codes: number of codebook entries
        depth: how many entries are added up
        shared: one codebook for all stages, as in the paper; else each has its own (Zeghidour et al. 2021)
    """
    name = "shared-residual" if shared else "residual"
    return quantized_vae(shape, latent=latent, quantizer=f"{name}:{codes}x{depth}", **rest)


@recipe("Hosking, Tang & Lapata 2022, arXiv 2203.03463", extends=quantized_vae, without=("quantizer", "entropy"))
def hrq_vae(
    shape: tuple[int, ...],
    latent: int = 1,
    codes: int = 64,
    depth: int = 4,
    truncation: float = 0.3,
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """HRQ-VAE: a path through a hierarchy of codebooks that refine one another, whose end is dropped at random.

    Minimized: ``−log p(x|z_m) − log p(i) + commitment Σ_s ‖e(x) − sg[z_s]‖²``, with z_s as in rq_vae,
    ``P(m = s) = truncation (1 − truncation)^(s−1)`` for s < S, the depth, and m = S for the rest.

    Deviation: images and tables have an encoder of this project's, where the paper encodes sentences.

    Args:
        latent: number of positions, each of which takes one path; networks of convolutions have a map of them instead
        codes: number of entries of each codebook
        depth: length of a path
        truncation: probability that, in training, a path ends after any of its entries
    """
    return quantized_vae(shape, latent=latent, quantizer=f"hierarchical:{codes}x{depth}x{truncation}", **rest)


@recipe(
    "Mentzer et al. 2023, arXiv 2309.15505",
    extends=quantized_vae,
    without=("quantizer", "dim", "commitment", "entropy"),
)
def fsq_vae(
    shape: tuple[int, ...], scalar_levels: tuple[int, ...] = (8, 5, 5, 5), **rest: Any
) -> tuple[er.GenerativeModel, er.Term]:
    """The autoencoder with finite scalar quantization: each number rounded to a few levels, and no codebook to train.

    Minimized: ``−log p(x|z) − log p(i)``, with ``z_d = round(½ (L_d − 1) tanh(e_d + s_d) − o_d) / ⌊L_d / 2⌋``, e(x) the
    encoder's output, L_d levels, and constants s_d and o_d.

    Args:
        scalar_levels: number of levels of each number of a code
    """
    return quantized_vae(shape, quantizer=f"fsq:{','.join(map(str, scalar_levels))}", **rest)


@recipe("Yu et al. 2023, arXiv 2310.05737", extends=quantized_vae, without=("quantizer", "dim"))
def lfq_vae(
    shape: tuple[int, ...], bits: int = 10, sphere: bool = False, **rest: Any
) -> tuple[er.GenerativeModel, er.Term]:
    """The autoencoder with lookup-free quantization: the signs of numbers, kept even by an entropy loss.

    Minimized: ``−log p(x|z) − log p(i) + commitment ‖e − sg[z]‖² + entropy P Σ_d (E[H(q(z_d|x))] − H(E[q(z_d|x)]))``,
    with ``z_d = sign(e_d)`` and ``q(z_d = 1|x) = sigmoid(4 e_d)`` at each of P positions, e the encoder's output, and E
    the mean over a batch and its positions.

    Args:
        bits: of a code
        sphere: numbers on the unit sphere, without a commitment: binary spherical quantization (Zhao et al. 2024)
    """
    return quantized_vae(shape, quantizer=f"{'bsq' if sphere else 'lfq'}:{bits}", **rest)


@recipe("Takida et al. 2022, arXiv 2205.07547", extends=quantized_vae, without=("quantizer", "entropy", "commitment"))
def sq_vae(
    shape: tuple[int, ...], codes: int = 512, warmup: int = 2000, **rest: Any
) -> tuple[er.GenerativeModel, er.Term]:
    """The SQ-VAE: in training codes are drawn by their distance, with a noise that shrinks by itself.

    Minimized: ``−log p(x|z) − log p(i) + w_t Σ_p (log C − log Σ_j exp(−‖e_p − c_j‖² / 2σ²))``, with codes of e_p drawn
    by ``q(j|e_p) ∝ exp(−‖e_p − c_j‖² / 2σ²)``, σ learned, and w_t growing from 0 to 1.

    Deviations: one learned noise for all; the prior has learned frequencies, where the paper's is uniform; the loss of
    the codes grows from 0, since all draws became even before the decoder had learned to use them.

    Args:
        codes: number of codebook entries
        warmup: steps over which the weight of the codes' loss grows from 0
    """
    model, _ = quantized_vae(shape, quantizer=f"stochastic:{codes}", **rest)
    assert model.quantizer is not None
    return model, er.add_code_losses(er.ELBO(), model.quantizer, stochastic=er.ramp(0, 1, warmup))


@recipe("Hsu et al. 2023, arXiv 2305.18378", extends=vae, without=("k", "prior", "beta", "posterior"))
def qlae(
    shape: tuple[int, ...],
    latent: int = 10,
    values: Annotated[int, Meta(ge=2)] = 10,
    commitment: NonNegativeFloat = 1.0,
    quantization: NonNegativeFloat = 1.0,
    likelihood: str = "bernoulli",
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The quantized-latent autoencoder (QLAE): each number of the latent takes one of a few learned values of its own.

    Minimized: ``−log p(x|z) − log p(i) + commitment ‖e(x) − sg[z]‖² + quantization ‖sg[e(x)] − z‖²``, with
    ``z_d = v_(d i_d)`` and ``i_d = argmin_j |e_d − v_dj|``.

    The paper regularizes by a strong weight decay as well: --optimizer "adamw(weight_decay=0.1)". Deviation: the
    frequencies of the values are learned as a prior, which the paper has not.

    Args:
        latent: how many numbers; the paper has twice as many as factors
        values: how many each takes
        commitment: weight of the squared distance of the encoder's output from the values, for the encoder
        quantization: weight of the same distance, for the values
        likelihood: p(x|z), as for vae
    """
    architecture = er.Architecture(shape, **rest)
    book = er.LearnedScalarQuantizer(1, latent, values)
    decoder = architecture.decoder(book, er.likelihood(likelihood, shape))
    objective = er.add_code_losses(er.ELBO(), book, commitment=commitment, codebook=quantization)
    return er.Model(architecture.encoder(book), decoder, er.CodePrior(book)), objective
