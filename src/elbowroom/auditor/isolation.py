"""Random calls answered with numbers of our choosing, whatever module makes them.

Seeding torch's generator alike does not give an example the same noise alone and in company: the numbers come in the
order of the batch. So the calls themselves are answered, below autograd and the module's own code: with nothing
random at all, or with numbers that belong to an example, wherever in a batch it stands.
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

#: Random calls in one block, after which a rejection sampler is taken to wait for numbers that never come.
MAX_RANDOM_CALLS = 1_000


class EndlessSamplingError(RuntimeError):
    """A module that asked for random numbers again and again, as a rejection sampler does."""


class RngOverride(TorchDispatchMode):
    """Answer every random call inside.

    Args:
        sample_normals: from the tensor to be filled to standard normals of its shape, or ``None`` where it cannot say whose
            they are; then, and for calls without a rule, torch's own numbers stay.

    Attributes:
        unruled: the calls that kept torch's numbers.
    """

    def __init__(self, sample_normals: Callable[[Tensor], Tensor | None]) -> None:
        super().__init__()
        self.sample_normals, self.n_calls = sample_normals, 0
        self.unhandled_calls: set[str] = set()

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        out = function(*args, **(kwargs or {}))
        if torch.Tag.nondeterministic_seeded not in function.tags:
            return out
        self.n_calls += 1
        if self.n_calls > MAX_RANDOM_CALLS:
            raise EndlessSamplingError(
                f"it drew more than {MAX_RANDOM_CALLS:,} times for one batch, as a rejection sampler may"
            )
        rule = _RULES.get(function.overloadpacket)
        normal = None if rule is None or not isinstance(out, Tensor) else self.sample_normals(out)
        if rule is None or normal is None:
            self.unhandled_calls.add(str(function.overloadpacket).removeprefix("aten."))
            return out
        named = {a.name: a.default_value for a in function._schema.arguments}
        named |= dict(zip(named, args, strict=False)) | dict(kwargs or {})
        return out.copy_(rule(normal, named))


def zero_rng() -> RngOverride:
    """Normals are 0, uniforms one half, and every other draw follows from them.

    >>> with zero_rng():
    ...     torch.randn(2), torch.rand(1)
    (tensor([0., 0.]), tensor([0.5000]))
    """
    return RngOverride(lambda out: torch.zeros(out.shape, device=out.device))


def per_example_rng(index: Tensor, seed: int) -> RngOverride:
    """Numbers that depend on the seed, the example and the number of the call alone.

    The dimension of the examples is the first whose size is that of ``index``; a call without one keeps torch's
    numbers.

    >>> with per_example_rng(torch.tensor([4, 5, 6]), seed=0):
    ...     together = torch.randn(3, 2)
    >>> with per_example_rng(torch.tensor([6]), seed=0):
    ...     alone = torch.randn(1, 2)
    >>> torch.equal(together[2], alone[0])
    True
    """
    calls = 0

    def normals(out: Tensor) -> Tensor | None:
        nonlocal calls
        calls += 1
        place = next((d for d, size in enumerate(out.shape) if size == len(index)), None)
        if place is None:
            return None
        before, after = out.shape[:place], out.shape[place + 1 :]
        like = torch.zeros((), device=out.device)
        shape = torch.Size((math.prod(before), len(index), math.prod(after)))
        with noise.keyed_noise(seed * MAX_RANDOM_CALLS + calls, index):
            return noise.standard_normal(shape, like).reshape(out.shape)

    return RngOverride(normals)


def _normal(normal: Tensor, arguments: dict[str, Any]) -> Tensor:
    mean, std = arguments.get("mean"), arguments.get("std")
    return (0 if mean is None else mean) + (1 if std is None else std) * normal


def _uniform(normal: Tensor, arguments: dict[str, Any]) -> Tensor:
    low, high = arguments.get("from", 0), arguments.get("to", 1)
    return low + (high - low) * torch.special.ndtr(normal)


def _bernoulli(normal: Tensor, arguments: dict[str, Any]) -> Tensor:
    return (torch.special.ndtr(normal) < arguments.get("p", arguments["self"])).to(normal)


def _exponential(normal: Tensor, arguments: dict[str, Any]) -> Tensor:
    return -torch.special.log_ndtr(-normal) / arguments.get("lambd", 1)


def _multinomial(normal: Tensor, arguments: dict[str, Any]) -> Tensor:
    reached = arguments["self"].cumsum(-1)
    return torch.searchsorted(reached, torch.special.ndtr(normal) * reached[..., -1:]).to(normal)


_aten = torch.ops.aten
_RULES: dict[Any, Callable[[Tensor, dict[str, Any]], Tensor]] = {
    **dict.fromkeys((_aten.randn, _aten.randn_like, _aten.normal, _aten.normal_), _normal),
    **dict.fromkeys((_aten.rand, _aten.rand_like, _aten.uniform, _aten.uniform_), _uniform),
    **dict.fromkeys((_aten.bernoulli, _aten.bernoulli_), _bernoulli),
    **dict.fromkeys((_aten.exponential, _aten.exponential_), _exponential),
    _aten.multinomial: _multinomial,
}


@contextmanager
def restored(module: nn.Module) -> Iterator[None]:
    """Whatever is done to a module inside, its modes, parameters and buffers, and torch's generators, are as before.

    >>> norm = nn.BatchNorm1d(2)
    >>> with restored(norm):
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
                for parameter, then in parameters:
                    parameter.copy_(then)
                for buffer, then, part, name in buffers:
                    part._buffers[name] = buffer.copy_(then)


@contextmanager
def eval_mode(module: nn.Module) -> Iterator[None]:
    """Evaluation mode, no gradients, torch's generators as they were."""
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
    """Where a module computes."""
    tensor: Tensor | None = next(iter([*module.parameters(), *module.buffers()]), None)
    return torch.device("cpu") if tensor is None else tensor.device


def preserve_rng(device: torch.device) -> Any:
    """A block that leaves torch's generators as they were, that of a GPU too: a seed sets it beside the CPU's."""
    return torch.random.fork_rng([device] if device.type == "cuda" else [])
