"""Adapter of a VAE module of your own, which returns ``(reconstruction, mu, logvar)``, to a model of the package."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.overrides import TorchFunctionMode

from elbowroom.distributions import Normal
from elbowroom.families import Bernoulli, Family, Gaussian
from elbowroom.models.base import GenerativeModel, data_record_of
from elbowroom.models.conditional import Conditional
from elbowroom.models.draw import Draw, Latent
from elbowroom.models.inputs import takes_examples, takes_latents

#: Examples that a module is tried on.
PROBE_EXAMPLES = 3
#: Distance of a probability from 0 and 1, where its logit would be infinite.
PROBABILITY_MARGIN = 1e-7
#: Largest difference of reconstructions at the same latent, in units of their spread.
TOLERANCE = 1e-3


class VAEOutput(NamedTuple):
    """The output ``(reconstruction, mu, logvar)`` of a VAE module that is not an elbowroom model.

    Attributes:
        reconstruction: in the shape of x, (B, *shape).
        mu: mean of q(z|x), (B, ...).
        logvar: log of its variance, like ``mu``.
    """

    reconstruction: Tensor
    mu: Tensor
    logvar: Tensor

    @property
    def kl(self) -> Tensor:
        """KL to the standard normal for each dimension of each example, (B, L), nats."""
        kl = 0.5 * (self.mu**2 + self.logvar.exp() - 1 - self.logvar)
        return kl.flatten(1)


def parse_vae_output(output: Any, x: Tensor) -> VAEOutput | None:
    """Return the output of a module for x as a :class:`VAEOutput`, or ``None`` if it is not such a triple.

    >>> import torch
    >>> x = torch.zeros(5, 1, 8, 8)
    >>> parse_vae_output((torch.zeros(5, 64), torch.zeros(5, 2), torch.zeros(5, 2)), x).reconstruction.shape
    torch.Size([5, 1, 8, 8])
    >>> parse_vae_output(torch.zeros(5, 64), x) is None
    True
    """
    if not isinstance(output, tuple | list) or len(output) != 3 or not all(isinstance(t, Tensor) for t in output):
        return None
    reconstruction, mu, logvar = output
    is_posterior = mu.shape == logvar.shape and mu.dim() > 1 and len(mu) == len(x)
    if not is_posterior or reconstruction.numel() != x.numel() or math.prod(mu.shape[1:]) == 0:
        return None
    return VAEOutput(reconstruction.reshape(x.shape), mu, logvar)


def adapt(module: nn.Module, shape: tuple[int, ...]) -> GenerativeModel:
    """Return a module as a model: itself, if it is one, or else adapted by what it returns.

    Raises:
        ValueError: it does not return ``(reconstruction, mu, logvar)``.
    """
    return module if isinstance(module, GenerativeModel) else AdaptedModule(module, shape)


class AdaptedModule(GenerativeModel):
    """A VAE module of your own as a model: q(z|x) is the normal of its ``mu`` and ``logvar``, p(z) the standard normal.

    The mean of p(x|z) is the module's ``decode(z)``, if it has that method; or else its output where the one standard
    normal that it draws, as ``torch.randn_like`` or the like, is replaced by what makes its latent z. Where that cannot
    be done, as for a network with connections that pass the latent by, it can only encode.

    p(x|z) is Bernoulli where reconstructions lie in [0, 1] (the usual cross-entropy), else a normal of scale 1.

    Args:
        module: returns ``(reconstruction, mu, logvar)`` for a batch.
        shape: of one example.

    Raises:
        ValueError: it does not.

    >>> class Own(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.encoder, self.decoder = nn.Linear(9, 4), nn.Linear(2, 9)
    ...
    ...     def forward(self, x):
    ...         mu, logvar = self.encoder(x).chunk(2, 1)
    ...         return self.decoder(mu + torch.exp(logvar / 2) * torch.randn_like(mu)), mu, logvar
    >>> AdaptedModule(Own(), (9,)).sample(5).shape
    torch.Size([5, 9])
    """

    def __init__(self, module: nn.Module, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.module = module
        self.data_record = data_record_of(module)
        self.code_examples = getattr(module, "code_examples", None)
        output = _probe(module, shape)
        self.latent_shape = tuple(output.mu.shape[1:])
        family = _guess_family(output.reconstruction, shape)
        self._latent_decoder = _LatentDecoder(module, family, shape, self.latent_shape)
        self.decoder = Conditional(self._latent_decoder, family)
        self.train(module.training)

    @property
    def can_decode(self) -> bool:
        return self._latent_decoder.mean is not _refuse_to_decode

    @property
    def has_standard_prior(self) -> bool:
        return True

    def latent_prior(self, c: Tensor | None = None) -> Normal:
        zero = torch.zeros(self.latent_shape, device=next(self.parameters()).device)
        return Normal(zero, zero, len(self.latent_shape))

    @takes_examples
    def posterior(self, x: Tensor, c: Tensor | None = None) -> Distribution:
        output = _forward(self.module, x)
        return Normal(output.mu, output.logvar, len(self.latent_shape))

    @takes_examples
    def draw(self, x: Tensor, c: Tensor | None = None, k: int = 1) -> Draw:
        q = self.posterior(x)
        z: Tensor = q.rsample(torch.Size((k,)))
        return Draw(x, self.decoder(z), Latent(z, q, self.latent_prior()), c=c)

    @takes_latents
    def decode(self, z: Tensor, c: Tensor | None = None) -> Distribution:
        self.refuse_condition(c)
        p: Distribution = self.decoder(z)
        return p


class _LatentDecoder(nn.Module):
    """From latents (..., *latent) to the parameters of p(x|z), (..., size), by a module that may have no decoder."""

    def __init__(self, module: nn.Module, family: Family, shape: tuple[int, ...], latent: tuple[int, ...]) -> None:
        super().__init__()
        self.module, self.shape, self.latent_shape = module, shape, latent
        self.is_bernoulli = isinstance(family, Bernoulli)
        self.mean = self._find_mean()

    def forward(self, z: Tensor) -> Tensor:
        lead = z.shape[: z.dim() - len(self.latent_shape)]
        mean = self.mean(z.reshape(-1, *self.latent_shape)).reshape(*lead, -1)
        return torch.logit(mean, PROBABILITY_MARGIN) if self.is_bernoulli else mean

    def _find_mean(self) -> Callable[[Tensor], Tensor]:
        """Return the function from latents (B, *latent) to means of p(x|z)."""
        device = _device(self.module)
        generator = torch.Generator().manual_seed(1)
        z = torch.randn(PROBE_EXAMPLES, *self.latent_shape, generator=generator).to(device)
        with _probe_safely(self.module):
            decode = getattr(self.module, "decode", None)
            if callable(decode) and _is_mean(decode, z, self.shape):
                return cast("Callable[[Tensor], Tensor]", decode)
            if self._is_independent_of_x(z):
                return self._decode_by_noise
        return _refuse_to_decode

    def _decode_by_noise(self, z: Tensor, level: float = 0.0) -> Tensor:
        """Return the module's output with its noise chosen so that its latent is z, for any examples."""
        x = torch.full((len(z), *self.shape), level, device=z.device)
        with _GivenNoise(torch.zeros_like(z)), torch.no_grad():
            output = _forward(self.module, x)
        with _GivenNoise((z - output.mu) * torch.exp(-0.5 * output.logvar)):
            return _forward(self.module, x).reconstruction

    def _is_independent_of_x(self, z: Tensor) -> bool:
        """Whether the output at a latent is the same for all examples, and another at other latents."""
        with _GivenNoise(torch.zeros_like(z)) as noise:
            _forward(self.module, torch.zeros(len(z), *self.shape, device=z.device))
        if noise.n_calls != 1:
            return False
        a, b, other = self._decode_by_noise(z), self._decode_by_noise(z, 1.0), self._decode_by_noise(-z)
        return bool((a - b).abs().max() <= TOLERANCE * (a - other).abs().max())


class _GivenNoise(TorchFunctionMode):
    """Replace standard normals of the shape of ``noise`` by it; below them gradients flow into it."""

    def __init__(self, noise: Tensor) -> None:
        super().__init__()
        self.noise, self.n_calls = noise, 0

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        out = function(*args, **(kwargs or {}))
        if function not in _STANDARD_NORMALS or out.shape != self.noise.shape:
            return out
        self.n_calls += 1
        if function is torch.normal:  # mean and standard deviation, as torch.distributions draws
            mean, std = (*args, *(kwargs or {}).values())[:2]
            return mean + std * self.noise
        return self.noise


_STANDARD_NORMALS = (torch.randn_like, torch.randn, torch.normal, Tensor.normal_)


def _refuse_to_decode(z: Tensor) -> Tensor:
    raise ValueError(
        "this module of your own has no way from latents to examples that is known: give it a method decode(z) that "
        "returns the reconstruction"
    )


def _probe(module: nn.Module, shape: tuple[int, ...]) -> VAEOutput:
    """Return the output of a module for a few random examples."""
    x = torch.rand(PROBE_EXAMPLES, *shape, generator=torch.Generator().manual_seed(0)).to(_device(module))
    with _probe_safely(module):
        return _forward(module, x)


def _forward(module: nn.Module, x: Tensor) -> VAEOutput:
    output = parse_vae_output(module(x), x)
    if output is None:
        raise _no_vae_error(module)
    return output


def _no_vae_error(module: nn.Module) -> ValueError:
    return ValueError(
        f"{type(module).__name__} is a module of your own that does not return (reconstruction, mu, logvar) for a "
        "batch, so what it draws is not known: let forward(x) return these three, or see to its outputs yourself"
    )


def _is_mean(decode: Callable[[Tensor], Any], z: Tensor, shape: tuple[int, ...]) -> bool:
    try:
        mean = decode(z)
    except Exception:  # what a foreign method does with a latent is not known
        return False
    return isinstance(mean, Tensor) and mean.numel() == len(z) * math.prod(shape)


def _guess_family(reconstruction: Tensor, shape: tuple[int, ...]) -> Family:
    is_probability = bool(((reconstruction >= 0) & (reconstruction <= 1)).all())
    return Bernoulli(shape) if is_probability else Gaussian(shape, scale=1.0)


@contextmanager
def _probe_safely(module: nn.Module) -> Iterator[None]:
    """Run a module in evaluation mode without side effects; what it raises is a ValueError.

    Raises:
        ValueError: any error of the module.
    """
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    device = _device(module)
    try:
        with torch.random.fork_rng([device] if device.type == "cuda" else []), torch.no_grad():
            yield
    except ValueError:
        raise
    except Exception as error:  # a foreign module may raise anything
        raise ValueError(f"{_no_vae_error(module)} ({' '.join(str(error).split())})") from None
    finally:
        for part, training in modes:
            part.training = training


def _device(module: nn.Module) -> torch.device:
    parameter = next(module.parameters(), None)
    return torch.device("cpu") if parameter is None else parameter.device
