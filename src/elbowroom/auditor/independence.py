"""Checks that the value of an example does not depend on the batch, the mode of the module or earlier calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from elbowroom.auditor.claim import Claim
from elbowroom.auditor.isolation import EndlessSamplingError, preserve_state
from elbowroom.auditor.outcome import CheckFailedError, CheckSkippedError
from elbowroom.auditor.registry import check

#: Nats by which the value of an example may differ between two batches: the rounding error of single precision when
#: sums are taken in another order.
TOLERANCE_NATS = 1e-3
#: The share of a value that is added to it. A deep network of single precision (``nvae``) is 9e-6 of it apart with one
#: example in a batch and with five.
RELATIVE_TOLERANCE = 2e-5

#: From a seed (``None``: no noise) to the values of the same examples computed in two ways.
PairedValues = Callable[[int | None], tuple[Tensor, Tensor]]


@check("the same in any batch size")
def check_batch_size(claim: Claim) -> str:
    """The likelihood of an example depends on the model and the example, not on the number of examples in the batch."""
    rows = torch.arange(len(claim.x))

    def evaluate_both(seed: int | None) -> tuple[Tensor, Tensor]:
        whole = claim.evaluate_rows(rows, seed=seed)
        try:
            single = torch.cat([claim.evaluate_rows(row, seed=seed) for row in torch.split(rows, 1)])
        except EndlessSamplingError:
            raise
        except (ValueError, RuntimeError) as error:
            raise CheckFailedError(f"a batch of one example cannot be scored: {_first_line(error)}") from None
        parts = torch.cat([claim.evaluate_rows(part, seed=seed) for part in torch.split(rows, 5)])
        return whole, torch.where((single - whole).abs() > (parts - whole).abs(), single, parts)

    return _require_equal(claim, evaluate_both, f"{len(rows)} examples in one batch, in batches of 5 and of 1")


@check("the same in any order")
def check_order(claim: Claim) -> str:
    """Examples are independent, so their order in a batch does not matter."""
    rows = torch.arange(len(claim.x))

    def evaluate_both(seed: int | None) -> tuple[Tensor, Tensor]:
        return claim.evaluate_rows(rows, seed=seed), claim.evaluate_rows(rows.flip(0), seed=seed).flip(0)

    return _require_equal(claim, evaluate_both, f"{len(rows)} examples in order and in reverse order")


@check("independent of the rest of the batch")
def check_batch_independence(claim: Claim) -> str:
    """Examples are independent, so the other examples of a batch do not matter."""
    half = (len(claim.x) + 1) // 2
    rows = torch.arange(len(claim.x))
    # Both batches have the same size, so that the check depends on their contents alone: outliers replace the second
    # half, and only the values of the first half are compared.
    with_outliers = torch.cat((claim.x[:half], outlier(claim.x)[half:]))

    def evaluate_both(seed: int | None) -> tuple[Tensor, Tensor]:
        a, b = (claim.evaluate_examples(x, claim.c, rows, seed=seed) for x in (claim.x, with_outliers))
        return a[:half], b[:half]

    return _require_equal(claim, evaluate_both, f"{half} examples in a batch with other examples, and with noise")


@check("evaluation mode")
def check_evaluation_mode(claim: Claim) -> str:
    """Dropout and batch statistics are for training: with them the value is that of another model at every call."""
    rows = torch.arange(len(claim.x))
    was_training = claim.module.training
    with preserve_state(claim.module):
        claim.module.eval()
        after_eval = claim.evaluate_rows(rows, seed=None)
        with _force_eval_mode(claim.module):
            expected = claim.evaluate_rows(rows, seed=None)
        claim.module.train()
        in_training = _try_evaluate_rows(claim, rows)
    if (distance := _max_distance(after_eval, expected)) > rounding_tolerance(expected):
        raise CheckFailedError(
            f"log_likelihood leaves evaluation mode, which changes values by up to {distance:.3g} nats"
        )
    if in_training is None:
        effect = "in training mode it cannot be scored"
    elif (distance := _max_distance(in_training, expected)) <= rounding_tolerance(expected):
        return f"the values in training and evaluation mode are at most {distance:.1e} nats apart"
    else:
        effect = f"training mode would change values by up to {distance:.3g} nats"
    if was_training:
        raise CheckFailedError(f"the module was passed in training mode, and {effect}: call .eval() before scoring")
    return f"passed in evaluation mode; {effect}"


@check("scoring has no side effects")
def check_repeatable(claim: Claim) -> str:
    """If scoring changes the model, the reported value cannot be reproduced."""
    rows = torch.arange(len(claim.x))
    with preserve_state(claim.module):
        before = {name: tensor.clone() for name, tensor in _named_tensors(claim.module).items()}
        first = claim.evaluate_rows(rows)
        claim.evaluate_examples(outlier(claim.x), claim.c, rows)
        after = _named_tensors(claim.module)
        changed = [name for name, tensor in before.items() if not torch.equal(tensor, after[name])]
        second = claim.evaluate_rows(rows)
    if changed:
        others = f" and {len(changed) - 1} more" if changed[1:] else ""
        raise CheckFailedError(f"scoring a batch changed {changed[0]}{others}")
    if (distance := _max_distance(first, second)) > rounding_tolerance(first):
        if claim.unhandled_calls:
            raise CheckSkippedError(_describe_unhandled_calls(claim))
        raise CheckFailedError(
            f"the same examples with the same noise differ by {distance:.3g} nats after another batch"
        )
    return "parameters, buffers and values are as before"


def _named_tensors(module: nn.Module) -> dict[str, Tensor]:
    return dict([*module.named_parameters(), *module.named_buffers()])


def outlier(x: Tensor) -> Tensor:
    """Return noise in the shape and over the range of x; bits if x is bits."""
    generator = torch.Generator().manual_seed(1)
    noise = torch.rand(x.shape, generator=generator).to(x)
    if bool(((x == 0) | (x == 1)).all()):
        return noise.round()
    return x.min() + (x.max() - x.min()) * noise


def _require_equal(claim: Claim, values: PairedValues, description: str) -> str:
    """Check that two ways to compute the same values agree, without noise and with the same noise per example.

    The bound of ``evaluate`` has noise per example always, so that there is nothing to compute without.
    """
    largest = 0.0
    for seed in (0,) if claim.has_own_noise else (None, 0):
        claim.unhandled_calls.clear()
        a, b = values(seed)
        distance = _max_distance(a, b)
        if not distance <= rounding_tolerance(a):
            if not claim.unhandled_calls:
                worst = int((a - b).abs().argmax())
                raise CheckFailedError(f"{description}: example {worst} has {a[worst]:.4f} and {b[worst]:.4f} nats")
            if seed is None:
                raise CheckSkippedError(_describe_unhandled_calls(claim))
            return f"{description}: at most {largest:.1e} nats apart without noise; with noise inconclusive"
        largest = max(largest, distance)
    return f"{description}: at most {largest:.1e} nats apart"


@contextmanager
def _force_eval_mode(module: nn.Module) -> Iterator[None]:
    """Put every submodule in evaluation mode at each of its calls, even if ``train()`` was called before."""

    def set_eval(part: nn.Module, _: object) -> None:
        part.training = False

    handles = [part.register_forward_pre_hook(set_eval) for part in module.modules()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _try_evaluate_rows(claim: Claim, rows: Tensor) -> Tensor | None:
    try:
        return claim.evaluate_rows(rows, seed=None)
    except (ValueError, RuntimeError):
        return None


def _max_distance(a: Tensor, b: Tensor) -> float:
    return (a - b).abs().max().item()


def rounding_tolerance(values: Tensor) -> float:
    """Return the nats that values may differ by through rounding: some dozens of layers add up to some ten units."""
    return TOLERANCE_NATS + RELATIVE_TOLERANCE * values.abs().max().item()


def _describe_unhandled_calls(claim: Claim) -> str:
    calls = ", ".join(sorted(claim.unhandled_calls))
    return f"it draws with {calls}, whose noise cannot be fixed for each example"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
