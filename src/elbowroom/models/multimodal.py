"""Multimodal VAE: an encoder and a decoder for each view of an example, and a posterior fused from the encoders."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from elbowroom.families import ViewPosterior, Views
from elbowroom.models.architecture import Architecture
from elbowroom.models.base import Model
from elbowroom.models.conditional import Conditional
from elbowroom.models.priors import make_prior
from elbowroom.networks.views import ViewDecoder, ViewEncoder
from elbowroom.view_shape import ViewShape

#: Features of each view from which a joint encoder makes its posterior.
N_JOINT_FEATURES = 128


def multimodal_model(
    shape: ViewShape,
    posterior: ViewPosterior,
    make_architecture: Callable[[tuple[int, ...]], Architecture],
    prior: str = "standard",
) -> Model:
    r"""Make a model of several views with one latent: :math:`p(z) \prod_v p(x_v \mid z)` and q(z | observed views).

    Missing views (NaN) are left out of the posterior and of the likelihood, in training as when it is asked; what it
    decodes has all views, so that it generates one view given others. A view is decoded from the latents that all
    share, and from those that it has for itself.

    Args:
        shape: of the examples.
        posterior: how the experts of the views make one posterior.
        make_architecture: from the shape of a view to its networks.
        prior: p(z), by name as for :func:`make_prior`.

    >>> import torch, elbowroom as er
    >>> from elbowroom.view_shape import View
    >>> shape = ViewShape([View("image", (1, 8, 8), "bernoulli"), View("position", (2,), "gaussian")])
    >>> model = multimodal_model(shape, er.FusedExperts(3, 2), Architecture)
    >>> x = {"position": torch.zeros(5, 2)}
    >>> model.views.split(model.reconstruct(x))["image"].shape
    torch.Size([5, 1, 8, 8])
    """
    family, (latent,) = Views(shape), posterior.shape
    architectures = [make_architecture(view.shape) for view in shape.views]
    encoders = [architecture.make_classifier(posterior.expert_size) for architecture in architectures]
    joint: list[nn.Module] = []
    if posterior.has_joint:
        joint = [architecture.make_classifier(N_JOINT_FEATURES) for architecture in architectures]
    head = nn.Sequential(nn.ReLU(), nn.Linear(N_JOINT_FEATURES * len(joint), 2 * latent)) if joint else None
    encoder = Conditional(ViewEncoder(shape, encoders, joint, head), posterior)
    decoders = [
        architecture.decoder(posterior.shared + posterior.private, part).net
        for architecture, part in zip(architectures, family.parts, strict=True)
    ]
    dimensions = [posterior.dimensions_of(view) for view in range(posterior.n_views)] if posterior.private else None
    decoder = Conditional(ViewDecoder(decoders, dimensions), family)
    p_z = make_prior(prior, encoder, tuple(shape), bounded=family.support == (0.0, 1.0))
    return Model(encoder, decoder, p_z)
