"""Captions of decoded examples: made from how their latents and values were chosen, so that they say what is shown.

Every surface that shows outputs of a model takes its words from here: the command line, grids, figures, reports, the
studio and the explorer.
"""

from __future__ import annotations

from elbowroom.models.base import GenerativeModel
from elbowroom.samplers import PRIOR, describe_sampler

#: Latents drawn from the model's own prior.
FROM_PRIOR = "z ~ p(z)"
#: Latents that somebody gave.
AS_GIVEN = "z as given"


def values_words(is_drawn: bool, has_categories: bool = False) -> str:
    """Return what decoded examples are: draws from the likelihood, or its means.

    >>> values_words(True), values_words(False), values_words(False, has_categories=True)
    ('draws from p(x|z)', 'means of p(x|z)', 'means and most probable categories of p(x|z)')
    """
    means = "means and most probable categories of" if has_categories else "means of"
    return f"{'draws from' if is_drawn else means} p(x|z)"


def sampler_words(name: str | None) -> str:
    """Return where sampled latents come from: the prior, or a sampler, with what that was fitted to.

    >>> sampler_words(None), sampler_words("prior"), sampler_words("gaussian"), sampler_words("pixelcnn")
    ('z ~ p(z)', 'z ~ p(z)', 'z ~ gaussian fitted to latents', 'z ~ pixelcnn fitted to codes')
    """
    return FROM_PRIOR if name in (None, PRIOR) else f"z ~ {describe_sampler(name)}"


def posterior_words(model: GenerativeModel, is_drawn: bool) -> str:
    """Return how latents follow from examples: drawn from the posterior, or its mean.

    >>> import elbowroom as er
    >>> posterior_words(er.recipes.vae((1, 8, 8), latent=2)[0], is_drawn=False)
    'z the mean of q(z|x)'
    >>> posterior_words(er.recipes.autoencoder((1, 8, 8), latent=2)[0], is_drawn=False)
    'z as encoded'
    """
    if model.is_quantized:
        return "z the nearest codes"
    # The mean of an implicit posterior is unknown: what is decoded is its draw of no noise.
    if model.has_point_posterior or (model.no_density_reason and not is_drawn):
        return "z as encoded"
    return "z ~ q(z|x)" if is_drawn else "z the mean of q(z|x)"


def posterior_plural(model: GenerativeModel) -> str:
    """Return what the latents of examples are, in the plural.

    >>> import elbowroom as er
    >>> posterior_plural(er.recipes.vae((1, 8, 8), latent=2)[0])
    'means of q(z|x)'
    """
    return "the latents as encoded" if model.no_density_reason else "means of q(z|x)"


def join_caption(*parts: str) -> str:
    """Join the parts of a caption that are not empty.

    >>> join_caption("means of p(x|z)", "", "epoch 3")
    'means of p(x|z) · epoch 3'
    """
    return " · ".join(part for part in parts if part)


def output_caption(is_drawn: bool, latents: str, *details: str, has_categories: bool = False) -> str:
    """Return the caption of decoded examples: what they are, how their latents were chosen, and further details.

    >>> output_caption(True, FROM_PRIOR, "seed 0")
    'draws from p(x|z), z ~ p(z) · seed 0'
    """
    return join_caption(f"{values_words(is_drawn, has_categories)}, {latents}", *details)
