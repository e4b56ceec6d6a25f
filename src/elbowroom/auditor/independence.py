"""An example's value is its own: checks of batch size, order, company and mode."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from elbowroom.auditor.claim import Claim
from elbowroom.auditor.isolation import EndlessSamplingError, restored
from elbowroom.auditor.registry import CheckFailedError, CheckSkippedError, check

#: Nats by which the value of an example may differ between two batches: what single precision leaves after sums in
#: another order.
TOLERANCE_NATS = 1e-3

PairedValues = Callable[[int | None], tuple[Tensor, Tensor]]


@check("the same in any batch size")
def check_batch_size(claim: Claim) -> str:
    """The likelihood of an example is a property of the model and the example, not of how many were put through."""
    rows = torch.arange(len(claim.x))

    def alone_and_together(seed: int | None) -> tuple[Tensor, Tensor]:
        together = claim.evaluate_rows(rows, seed=seed)
        try:
            alone = torch.cat([claim.evaluate_rows(row, seed=seed) for row in rows.split(1)])
        except (ValueError, RuntimeError) as error:
            if isinstance(error, EndlessSamplingError):
                raise
            raise CheckFailedError(f"a batch of one example cannot be scored: {_first_line(error)}") from None
        parts = torch.cat([claim.evaluate_rows(part, seed=seed) for part in rows.split(5)])
        return together, torch.where((alone - together).abs() > (parts - together).abs(), alone, parts)

    return _require_equal(claim, alone_and_together, f"{len(rows)} examples together, by fives and one by one")


@check("the same in any order")
def check_order(claim: Claim) -> str:
    """Examples are independent: a batch is a set of them."""
    rows = torch.arange(len(claim.x))

    def forwards_and_backwards(seed: int | None) -> tuple[Tensor, Tensor]:
        return claim.evaluate_rows(rows, seed=seed), claim.evaluate_rows(rows.flip(0), seed=seed).flip(0)

    return _require_equal(claim, forwards_and_backwards, f"{len(rows)} examples forwards and backwards")


@check("the same in any company")
def check_batch_independence(claim: Claim) -> str:
    """Examples are independent: what else is in the batch says nothing of this one."""
    half = (len(claim.x) + 1) // 2
    rows = torch.arange(len(claim.x))
    # The same number of rows in both, so that this is about who is there and not about how many: strangers take the
    # places of the second half, and their values are let go.
    strangers = torch.cat((claim.x[:half], outlier(claim.x)[half:]))

    def known_and_strange(seed: int | None) -> tuple[Tensor, Tensor]:
        return claim.evaluate_examples(claim.x, claim.c, rows, seed=seed)[:half], claim.evaluate_examples(
            strangers, claim.c, rows, seed=seed
        )[:half]

    return _require_equal(claim, known_and_strange, f"{half} examples beside others, and beside noise")


@check("evaluation mode")
def check_evaluation_mode(claim: Claim) -> str:
    """Dropout and batch statistics belong to training: with them the value is another model's at every call."""
    rows = torch.arange(len(claim.x))
    handed = claim.module.training
    with restored(claim.module):
        claim.module.eval()
        left = claim.evaluate_rows(rows, seed=None)
        with _force_eval_mode(claim.module):
            at_rest = claim.evaluate_rows(rows, seed=None)
        claim.module.train()
        in_training = _try_evaluate_rows(claim, rows)
    if (left - at_rest).abs().max() > _tolerance(at_rest):
        by = (left - at_rest).abs().max().item()
        raise CheckFailedError(
            f"the function that reports leaves evaluation mode, which changes values by up to {by:.3g} nats"
        )
    if in_training is None:
        apart = "in training mode it cannot be scored"
    elif (distance := (in_training - at_rest).abs().max().item()) <= _tolerance(at_rest):
        return f"whatever the mode before, the values are at most {distance:.1e} nats apart"
    else:
        apart = f"training mode would change values by up to {distance:.3g} nats"
    if handed:
        raise CheckFailedError(f"it was given in training mode, and {apart}: call .eval() before it is judged")
    return f"given in evaluation mode; {apart}"


@check("looking changes nothing")
def check_repeatable(claim: Claim) -> str:
    """A figure that changes what it measures cannot be measured twice."""
    rows = torch.arange(len(claim.x))
    with restored(claim.module):
        before = {name: t.clone() for name, t in [*claim.module.named_parameters(), *claim.module.named_buffers()]}
        first = claim.evaluate_rows(rows)
        claim.evaluate_examples(outlier(claim.x), claim.c, rows)
        after = dict([*claim.module.named_parameters(), *claim.module.named_buffers()])
        changed = [name for name, tensor in before.items() if not torch.equal(tensor, after[name])]
        again = claim.evaluate_rows(rows)
    if changed:
        raise CheckFailedError(
            f"scoring a batch changed {changed[0]}" + (f" and {len(changed) - 1} more" if changed[1:] else "")
        )
    distance = (first - again).abs().max().item()
    if distance > _tolerance(first):
        if claim.unhandled_calls:
            raise CheckSkippedError(_describe_unhandled_calls(claim))
        raise CheckFailedError(
            f"the same examples with the same noise differ by {distance:.3g} nats after another batch"
        )
    return "parameters, buffers and values are as before"


def outlier(x: Tensor) -> Tensor:
    """Noise over the range of the data, alike in shape and unlike in everything else; bits stay bits."""
    generator = torch.Generator().manual_seed(1)
    noise = torch.rand(x.shape, generator=generator).to(x)
    if bool(((x == 0) | (x == 1)).all()):
        return noise.round()
    return x.min() + (x.max() - x.min()) * noise


def _require_equal(claim: Claim, values: PairedValues, description: str) -> str:
    """Two ways to the same values, first without noise and then with the same noise for the same example."""
    largest = 0.0
    for seed in (None, 0):
        claim.unhandled_calls.clear()
        a, b = values(seed)
        distance = (a - b).abs().max().item()
        if not distance <= _tolerance(a):
            if not claim.unhandled_calls:
                worst = int((a - b).abs().argmax())
                raise CheckFailedError(f"{description}: example {worst} has {a[worst]:.4f} and {b[worst]:.4f} nats")
            if seed is None:
                raise CheckSkippedError(_describe_unhandled_calls(claim))
            return f"{description}: at most {largest:.1e} nats apart without noise; with noise nothing can be said"
        largest = max(largest, distance)
    return f"{description}: at most {largest:.1e} nats apart"


@contextmanager
def _force_eval_mode(module: nn.Module) -> Iterator[None]:
    """Every part in evaluation mode whenever it is called, whatever was done to it before."""

    def rest(part: nn.Module, _: object) -> None:
        part.training = False

    handles = [part.register_forward_pre_hook(rest) for part in module.modules()]
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


def _tolerance(values: Tensor) -> float:
    return TOLERANCE_NATS + 2e-6 * values.abs().max().item()


def _describe_unhandled_calls(claim: Claim) -> str:
    return (
        f"it draws with {', '.join(sorted(claim.unhandled_calls))}, to which an example's own numbers cannot be given"
    )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
