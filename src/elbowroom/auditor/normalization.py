"""Checks that probabilities add up to one: p(x|z) for any z, and the reported p(x) over all x."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from elbowroom.auditor import quadrature
from elbowroom.auditor.claim import Claim
from elbowroom.auditor.isolation import eval_mode
from elbowroom.auditor.outcome import CheckFailedError, CheckSkippedError
from elbowroom.auditor.quadrature import LogDensity, NotFactorizedError, Space, UnboundedDensityError
from elbowroom.auditor.registry import check
from elbowroom.models.adapter import parse_vae_output

#: The log of a total, its standard error, the number of elements of x, and the space in words.
LogTotal = tuple[float, float, int, str]

#: By how much the log of a total may differ from zero, for each element of x: quadrature and single precision.
TOLERANCE_PER_ELEMENT = 5e-3
#: Elements of x up to which p(x|z) is checked for three z; beyond, for one.
MAX_ELEMENTS_OF_SMALL_X = 256
#: Repetitions of the total over all x with different noise, which give its standard error.
N_REPEATS = 8


@check("p(x|z) adds up to one")
def check_conditional_normalization(claim: Claim) -> str:
    """A likelihood is a probability or a density of x: for any z it adds up to one over all x."""
    if claim.elbowroom_model is not None and claim.log_px is None:
        _require_matching_values(claim)
        return _require_normalized([[_log_total(f, claim, _family_space(claim)) for f in _model_log_densities(claim)]])
    if claim.log_px is None:
        raise CheckSkippedError(
            "p(x|z) is internal to the module: give log_px=, a function of (module, x, z), or a method decode"
        )
    # The space of x is not declared, so the likelihood must add up to one over at least one of the usual spaces.
    return _require_normalized([_foreign_log_totals(claim, space) for space in _candidate_spaces(claim.x)])


def _require_normalized(totals_by_space: list[list[LogTotal]]) -> str:
    """Return the evidence for the first space over which every total is one; fail if there is none."""
    faults = []
    for totals in totals_by_space:
        total, error, n, name = max(totals, key=lambda t: abs(t[0]) - 5 * t[1])
        if abs(total) <= TOLERANCE_PER_ELEMENT * n + 5 * error:
            accuracy = f"to {abs(total) / n:.0e} for each of {n} values of x"
            return f"over {name} it adds up to one for {len(totals)} z, {accuracy}"
        if math.isinf(total):
            faults.append(f"{name} have no total")
        else:
            faults.append(f"{name} add up to e^{total:.1f}, {math.exp(min(total / n, 700)):.3g} for each of {n}")
    raise CheckFailedError("it cannot be a likelihood: " + "; ".join(faults))


def _foreign_log_totals(claim: Claim, space: Space) -> list[LogTotal]:
    """Return the totals of a foreign module; infinite if its p(x|z) does not accept every x of the space."""
    try:
        return [_log_total(f, claim, space) for f in _foreign_log_densities(claim)]
    except RuntimeError:
        return [(math.inf, 0.0, claim.x[0].numel(), space.name)]


def _log_total(f: LogDensity, claim: Claim, space: Space) -> LogTotal:
    """Sum exp f over all x of a space: by enumeration if there are few, otherwise element by element."""
    n = claim.x[0].numel()
    points = None if space.n_levels is None else quadrature.enumerate_points(n, space.n_levels)
    if points is not None:
        with torch.no_grad():
            total = f(points.to(claim.x.dtype)).double().logsumexp(0).item()
            return (math.inf if math.isnan(total) else total), 0.0, n, f"all {len(points):,} possible x"
    base = claim.x[0].flatten().double().cpu()
    if space.n_levels is not None:
        base = (base * (space.n_levels - 1)).round() / (space.n_levels - 1)
    try:
        total, error = quadrature.log_total(f, base, space)
        return (math.inf if math.isnan(total) else total), error, n, space.name
    except UnboundedDensityError:
        return math.inf, 0.0, n, space.name
    except NotFactorizedError as error:
        raise CheckSkippedError(f"{error}, and there are too many x to enumerate") from None


def _family_space(claim: Claim) -> Space:
    """Return the space of the likelihood of an elbowroom model."""
    assert claim.elbowroom_model is not None
    family = claim.elbowroom_model.decoder.family
    if family.has_mask:
        raise CheckSkippedError("it is of values and of which are there: complete examples add up to less than one")
    if family.levels is not None:
        return quadrature.discrete_space(family.levels)
    if family.is_count:
        raise CheckSkippedError("its values are counts without a largest one, which cannot be added up over all")
    if family.support == (0.0, 1.0):
        return quadrature.unit_interval()
    if family.support == (-math.inf, math.inf):
        return quadrature.real_line()
    raise CheckSkippedError(
        f"its values lie in [{family.support[0]:g}, {family.support[1]:g}], for which there is no quadrature"
    )


def _candidate_spaces(x: Tensor) -> list[Space]:
    """Return the spaces that x may come from, the most likely first."""
    if bool(((x == 0) | (x == 1)).all()):
        return [quadrature.discrete_space(2), quadrature.real_line()]
    if not bool(((x >= 0) & (x <= 1)).all()):
        return [quadrature.real_line()]
    has_levels = bool((x * 255 - (x * 255).round()).abs().max() < 1e-3)
    pixels = [quadrature.discrete_space(256)] if has_levels else []
    return [*pixels, quadrature.unit_interval(), quadrature.real_line()]


def _require_matching_values(claim: Claim) -> None:
    """Skip the check for a likelihood of bits on gray data, where elbowroom reports it as a cross-entropy."""
    family = claim.elbowroom_model.decoder.family if claim.elbowroom_model is not None else None
    if family is None or family.levels != 2 or bool(((claim.x == 0) | (claim.x == 1)).all()):
        return
    total, _, n, name = max(_log_total(f, claim, quadrature.unit_interval()) for f in _model_log_densities(claim))
    raise CheckSkippedError(
        f"{type(family).__name__} is a likelihood of bits, and the data is gray: it is then a cross-entropy, and "
        f"reported as one; {name} add up to e^{total:.1f}, {math.exp(total / n):.3g} for each of {n}; "
        "use --binarize, or --likelihood continuous-bernoulli, for a likelihood"
    )


def _model_log_densities(claim: Claim) -> Iterator[LogDensity]:
    """Yield log p(x|z) of an elbowroom model for one or three z."""
    model = claim.elbowroom_model
    assert model is not None
    n = 3 if claim.x[0].numel() <= MAX_ELEMENTS_OF_SMALL_X else 1
    c = None if claim.c is None else model.as_condition(claim.c[:n])
    with eval_mode(model):
        z = model.draw(claim.x[:n], c).latents[-1].z[0] if not model.has_prior else model.draw_prior(n, c)
        outputs = [model.decode(z[i : i + 1], None if c is None else c[i : i + 1]) for i in range(n)]
    for p in outputs:
        yield lambda x, p=p: p.log_prob(x.reshape(-1, *claim.x.shape[1:]).to(claim.x.device)).cpu()  # type: ignore[misc]


def _foreign_log_densities(claim: Claim) -> Iterator[LogDensity]:
    """Yield log p(x|z) of a foreign module for one z of a standard normal prior."""
    log_px = claim.log_px
    assert log_px is not None
    for z in sample_latents(claim, 1):
        yield _log_density_at(claim, log_px, z)


def _log_density_at(claim: Claim, log_px: Callable[..., Tensor], z: Tensor) -> LogDensity:
    def f(x: Tensor) -> Tensor:
        shaped = x.reshape(-1, *claim.x.shape[1:]).to(claim.x)
        return log_px(claim.module, shaped, z.expand(len(shaped), *z.shape)).cpu()

    return f


def sample_latents(claim: Claim, n: int) -> Tensor:
    """Return n standard normal z for a foreign module, in the shape of its mu, (n, ...)."""
    output = parse_vae_output(claim.output(claim.x), claim.x)
    if output is None:
        raise CheckSkippedError(
            "the module does not return (reconstruction, mu, logvar), so the size of z is not known"
        )
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, *output.mu.shape[1:], generator=generator).to(output.mu)


@check("total probability is at most one")
def check_total_probability(claim: Claim) -> str:
    """A bound on log p(x) has exponentials that add up, over all x, to at most one."""
    n = claim.x[0].numel()
    binary = bool(((claim.x == 0) | (claim.x == 1)).all())
    points = quadrature.enumerate_points(n, 2) if binary else None
    if points is None:
        raise CheckSkippedError(f"there are too many x of {n} values to enumerate")
    x, index = points.reshape(-1, *claim.x.shape[1:]).to(claim.x), torch.arange(len(points))
    c = None if claim.c is None else claim.c[:1].expand(len(x), *claim.c.shape[1:])
    sums = torch.stack([claim.evaluate_examples(x, c, index, 64, seed).exp().sum() for seed in range(N_REPEATS)])
    total, error = sums.mean().item(), sums.std().item() / math.sqrt(N_REPEATS)
    if total > 1.01 + 5 * error:
        raise CheckFailedError(
            f"all {len(points):,} possible x add up to {total:.4g} ± {error:.2g}, which no bound on log p(x) can"
        )
    return f"all {len(points):,} possible x add up to {total:.4f} ± {error:.4f}"
