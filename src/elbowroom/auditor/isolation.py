"""Run a module with chosen random numbers, and without side effects on its state or on torch's generators.

The same seed does not give an example the same noise in two batches, because the numbers are drawn in the order of the
batch. So the results of random calls are replaced, below autograd and the module's own code: by constants, or by
numbers that depend on the example and not on its position in the batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from elbowroom import noise

#: Random calls in one block, beyond which a rejection sampler is assumed to loop for ever on the replaced numbers.
MAX_RANDOM_CALLS = 1_000


class EndlessSamplingError(RuntimeError):
    """More random calls than a forward pass makes, as from a rejection sampler that never accepts."""


class RngOverride(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A context manager that replaces the result of every random call of torch.

    Args:
        sample_normals: from the tensor to be filled to standard normals of its shape, or ``None`` where the tensor has
            no dimension of examples; then, and for calls without a rule, torch's own numbers stay.

    Attributes:
        unhandled_calls: the names of the calls that kept torch's numbers.
    """

    def __init__(self, sample_normals: Callable[[Tensor], Tensor | None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.sample_normals, self.n_calls = sample_normals, 0
        self.unhandled_calls: set[str] = set()

    def note_call(self, name: str, out: Any) -> None:
        """Take note of a random call, by its name, and of its result."""

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        out = function(*args, **(kwargs or {}))
        if torch.Tag.nondeterministic_seeded not in function.tags:
            return out
        self.n_calls += 1
        self.note_call(str(function.overloadpacket).removeprefix("aten."), out)
        if self.n_calls > MAX_RANDOM_CALLS:
            raise EndlessSamplingError(
                f"it drew random numbers more than {MAX_RANDOM_CALLS:,} times for one batch, as a rejection sampler may"
            )
        rule = _RULES.get(function.overloadpacket)
        normal = None if rule is None or not isinstance(out, Tensor) else self.sample_normals(out)
        if rule is None or normal is None:
            self.unhandled_calls.add(str(function.overloadpacket).removeprefix("aten."))
            return out
        arguments = {a.name: a.default_value for a in function._schema.arguments}
        arguments |= dict(zip(arguments, args, strict=False)) | dict(kwargs or {})
        return out.copy_(rule(normal, arguments))


def zero_rng() -> RngOverride:
    """Replace standard normals by 0, uniforms by one half, and every other draw by the value that follows from these.

    >>> with zero_rng():
    ...     torch.randn(2), torch.rand(1)
    (tensor([0., 0.]), tensor([0.5000]))
    """
    return RngOverride(lambda out: torch.zeros(out.shape, device=out.device))


def per_example_rng(index: Tensor, seed: int) -> RngOverride:
    """Replace random numbers by ones that depend only on the seed, the example and the number of the call.

    The batch dimension is the first whose size is that of ``index``; a call without one keeps torch's numbers.

    >>> with per_example_rng(torch.tensor([4, 5, 6]), seed=0):
    ...     batch = torch.randn(3, 2)
    >>> with per_example_rng(torch.tensor([6]), seed=0):
    ...     single = torch.randn(1, 2)
    >>> torch.equal(batch[2], single[0])
    True
    """
    n_calls = 0

    def sample_normals(out: Tensor) -> Tensor | None:
        nonlocal n_calls
        n_calls += 1
        dim = next((d for d, size in enumerate(out.shape) if size == len(index)), None)
        if dim is None:
            return None
        like = torch.zeros((), device=out.device)
        shape = torch.Size((math.prod(out.shape[:dim]), len(index), math.prod(out.shape[dim + 1 :])))
        with noise.keyed_noise(seed * MAX_RANDOM_CALLS + n_calls, index):
            return noise.standard_normal(shape, like).reshape(out.shape)

    return RngOverride(sample_normals)


def _normal(normal: Tensor, arguments: dict[str, Any]) -> Tensor:
    mean, std = arguments.get("mean"), arguments.get("std")
    scaled: Tensor = (1 if std is None else std) * normal
    return scaled if mean is None else scaled.add(mean)


def _uniform(normal: Tensor, arguments: dict[str, Any]) -> Tensor:
    low: float = arguments.get("from", 0)
    high: float = arguments.get("to", 1)
    uniform: Tensor = torch.special.ndtr(normal)
    return uniform * (high - low) + low


def _bernoulli(normal: Tensor, arguments: dict[str, Any]) -> Tensor:
    ones: Tensor = torch.special.ndtr(normal) < arguments.get("p", arguments["self"])
    return ones.to(normal)


def _exponential(normal: Tensor, arguments: dict[str, Any]) -> Tensor:
    rate: float = arguments.get("lambd", 1)
    log_survival: Tensor = torch.special.log_ndtr(-normal)
    return -log_survival / rate


def _multinomial(normal: Tensor, arguments: dict[str, Any]) -> Tensor:
    cumulative: Tensor = arguments["self"].cumsum(-1)
    return torch.searchsorted(cumulative, torch.special.ndtr(normal) * cumulative[..., -1:]).to(normal)


_aten = torch.ops.aten
#: From random calls to the function that makes their result from standard normals and the arguments of the call.
_RULES: dict[Any, Callable[[Tensor, dict[str, Any]], Tensor]] = {
    **dict.fromkeys((_aten.randn, _aten.randn_like, _aten.normal, _aten.normal_), _normal),
    **dict.fromkeys((_aten.rand, _aten.rand_like, _aten.uniform, _aten.uniform_), _uniform),
    **dict.fromkeys((_aten.bernoulli, _aten.bernoulli_), _bernoulli),
    **dict.fromkeys((_aten.exponential, _aten.exponential_), _exponential),
    _aten.multinomial: _multinomial,
}


@contextmanager
def preserve_state(module: nn.Module) -> Iterator[None]:
    """Restore a module's modes, parameters and buffers, and torch's generators, at the end of the block.

    >>> norm = nn.BatchNorm1d(2)
    >>> with preserve_state(norm):
    ...     _ = norm.eval().train()(torch.randn(5, 2))
    >>> norm.num_batches_tracked.item(), norm.training
    (0, True)
    """
    modes = [(part, part.training) for part in module.modules()]
    parameters = [(p, p.detach().clone()) for p in module.parameters()]
    buffers = [
        (b, b.clone(), part, name) for part in module.modules() for name, b in part._buffers.items() if b is not None
    ]
    with preserve_rng(module_device(module)):
        try:
            yield
        finally:
            for part, training in modes:
                part.training = training
            with torch.no_grad():
                for parameter, value in parameters:
                    parameter.copy_(value)
                for buffer, value, part, name in buffers:
                    part._buffers[name] = buffer.copy_(value)


@contextmanager
def eval_mode(module: nn.Module) -> Iterator[None]:
    """Put a module in evaluation mode, without gradients, and restore its modes and torch's generators at the end."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        with preserve_rng(module_device(module)), torch.no_grad():
            torch.manual_seed(0)
            yield
    finally:
        for part, training in modes:
            part.training = training


def module_device(module: nn.Module) -> torch.device:
    """Return the device of a module's first parameter or buffer; the CPU for a module without any."""
    tensor: Tensor | None = next(iter([*module.parameters(), *module.buffers()]), None)
    return torch.device("cpu") if tensor is None else tensor.device


def preserve_rng(device: torch.device) -> Any:
    """Restore torch's generators at the end of the block: the CPU's, and the device's if it is a GPU."""
    return torch.random.fork_rng([device] if device.type == "cuda" else [])
