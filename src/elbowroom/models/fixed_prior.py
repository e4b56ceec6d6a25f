"""A prior with nothing to train, by its distribution and the parameters of it."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.distributions import Distribution


class FixedPrior(nn.Module):
    """A prior p(z) that is not trained, independent of any condition.

    Args:
        make: the distribution, or a function that makes it of its parameters.
        *parameters: the parameters; the first has the shape of a latent.

    >>> import torch, elbowroom as er
    >>> uniform = FixedPrior(er.distributions.SphericalUniform, torch.zeros(3))()
    >>> torch.allclose(uniform.sample((4,)).norm(dim=-1), torch.ones(4))
    True
    """

    def __init__(self, make: Callable[..., Distribution], *parameters: Tensor) -> None:
        super().__init__()
        self.make, self.numbers_per_latent = make, parameters[0].numel()
        for i, parameter in enumerate(parameters):
            self.register_buffer(f"parameter_{i}", parameter, persistent=False)

    def forward(self, *condition: Tensor) -> Distribution:
        parameters = self.buffers()
        if condition:
            parameters = (p.expand(condition[0].shape[0], *p.shape) for p in parameters)
        return self.make(*parameters)

    def extra_repr(self) -> str:
        return str(getattr(self.make, "__name__", ""))
