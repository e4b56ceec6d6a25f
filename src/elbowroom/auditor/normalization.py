"""Probabilities add up to one: p(x|z) for any code, and whatever is reported of x for all x there are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from elbowroom.auditor import quadrature
from elbowroom.auditor.claim import Claim, parse_vae_output
from elbowroom.auditor.isolation import eval_mode
from elbowroom.auditor.quadrature import LogDensity, NotFactorizedError, Space, UnboundedDensityError
from elbowroom.auditor.registry import CheckFailedError, CheckSkippedError, check

#: The log of a total, its standard error, how many elements x has, and over what it is.
LogTotal = tuple[float, float, int, str]

#: By how much the log of a total may miss zero, for each element of x: quadrature and single precision.
TOLERANCE_PER_ELEMENT = 5e-3
#: Elements up to which several codes are looked at, and not one alone.
MAX_SMALL_NUMBERS = 256
#: Draws of everything, from whose spread the error of a total is taken.
N_REPEATS = 8


@check("p(x|z) adds up to one")
def check_conditional_normalization(claim: Claim) -> str:
    """A likelihood is a probability, or a density, of x: over all x it adds up to one, whatever the code."""
    if claim.elbowroom_model is not None and claim.log_px is None:
        _require_matching_values(claim)
        found = [_log_total(f, claim, _family_space(claim)) for f in _model_log_densities(claim)]
        return _require_normalized([found])
    if claim.log_px is None:
        raise CheckSkippedError(
            "p(x|z) is inside the module: give log_px=, a function of (module, x, z), or it a method decode"
        )
    # Nobody said over what it is a likelihood: it has to be one over something.
    return _require_normalized([_foreign_log_totals(claim, space) for space in _candidate_spaces(claim.x)])


def _require_normalized(totals_by_space: list[list[LogTotal]]) -> str:
    """The words for the first space over which every total is one."""
    faults = []
    for found in totals_by_space:
        total, error, n, name = max(found, key=lambda t: abs(t[0]) - 5 * t[1])
        if abs(total) <= TOLERANCE_PER_ELEMENT * n + 5 * error:
            exactly = f"to {abs(total) / n:.0e} for each of {n} values"
            return f"over {name} it adds up to one for {len(found)} {'codes' if found[1:] else 'code'}, {exactly}"
        if math.isinf(total):
            faults.append(f"{name} have no total")
        else:
            faults.append(f"{name} add up to e^{total:.1f}, {math.exp(min(total / n, 700)):.3g} for each of {n}")
    raise CheckFailedError("it cannot be a likelihood: " + "; ".join(faults))


def _foreign_log_totals(claim: Claim, space: Space) -> list[LogTotal]:
    """Of a module of one's own, whose p(x|z) may not take every x that a space has."""
    try:
        return [_log_total(f, claim, space) for f in _foreign_log_densities(claim)]
    except RuntimeError:
        return [(math.inf, 0.0, claim.x[0].numel(), space.name)]


def _log_total(f: LogDensity, claim: Claim, space: Space) -> LogTotal:
    n = claim.x[0].numel()
    every = None if space.n_levels is None else quadrature.enumerate_points(n, space.n_levels)
    if every is not None:
        with torch.no_grad():
            total = f(every.to(claim.x.dtype)).double().logsumexp(0).item()
            return (math.inf if math.isnan(total) else total), 0.0, n, f"all {len(every):,} x there are"
    base = claim.x[0].flatten().double().cpu()
    if space.n_levels is not None:
        base = (base * (space.n_levels - 1)).round() / (space.n_levels - 1)
    try:
        total, error = quadrature.log_total(f, base, space)
        return (math.inf if math.isnan(total) else total), error, n, space.name
    except UnboundedDensityError:
        return math.inf, 0.0, n, space.name
    except NotFactorizedError as why:
        raise CheckSkippedError(f"{why}, and there are too many x to go through") from None


def _family_space(claim: Claim) -> Space:
    """The values that our family speaks of."""
    assert claim.elbowroom_model is not None
    family = claim.elbowroom_model.decoder.family
    if family.levels is not None:
        return quadrature.discrete_space(family.levels)
    if family.support == (0.0, 1.0):
        return quadrature.unit_interval()
    if family.support == (-math.inf, math.inf):
        return quadrature.real_line()
    raise CheckSkippedError(
        f"its values lie in [{family.support[0]:g}, {family.support[1]:g}], over which no sum is known here"
    )


def _candidate_spaces(x: Tensor) -> list[Space]:
    """What examples like these may be, the likeliest first."""
    if bool(((x == 0) | (x == 1)).all()):
        return [quadrature.discrete_space(2), quadrature.real_line()]
    grid = bool((x * 255 - (x * 255).round()).abs().max() < 1e-3)
    inside = bool(((x >= 0) & (x <= 1)).all())
    return (
        [quadrature.discrete_space(256)] * (grid and inside)
        + [quadrature.unit_interval()] * inside
        + [quadrature.real_line()]
    )


def _require_matching_values(claim: Claim) -> None:
    """Nothing can be said of bits where the data is grey; what is reported then says so itself."""
    family = claim.elbowroom_model.decoder.family if claim.elbowroom_model is not None else None
    if family is None or family.levels != 2 or bool(((claim.x == 0) | (claim.x == 1)).all()):
        return
    total, _, n, name = max(_log_total(f, claim, quadrature.unit_interval()) for f in _model_log_densities(claim))
    raise CheckSkippedError(
        f"{type(family).__name__} is a likelihood of bits, and the data is grey, where it is a cross-entropy and "
        f"reported as one: {name} add up to e^{total:.1f}, {math.exp(total / n):.3g} for each of {n}; "
        "--binarise, or --likelihood continuous-bernoulli, make it a likelihood"
    )


def _model_log_densities(claim: Claim) -> Iterator[LogDensity]:
    """log p(x|z) of a model of ours at a few codes."""
    model = claim.elbowroom_model
    assert model is not None
    n = 3 if claim.x[0].numel() <= MAX_SMALL_NUMBERS else 1
    c = None if claim.c is None else claim.c[:n]
    with eval_mode(model):
        z = model.draw(claim.x[:n], c).latents[-1].z[0] if _lacks_prior(model) else model.draw_prior(n, c)
        given = [model.decode(z[i : i + 1], None if c is None else c[i : i + 1]) for i in range(n)]
    for p in given:
        yield lambda x, p=p: p.log_prob(x.reshape(-1, *claim.x.shape[1:]).to(claim.x.device)).cpu()  # type: ignore[misc]


def _lacks_prior(model: object) -> bool:
    """Whether codes can only come from examples."""
    return getattr(model, "prior", None) is None


def _foreign_log_densities(claim: Claim) -> Iterator[LogDensity]:
    """log p(x|z) of anybody's module at the codes of a few examples."""
    density = claim.log_px
    assert density is not None
    for z in sample_latents(claim, 1):
        yield _log_density_at(claim, density, z)


def _log_density_at(claim: Claim, log_px: Callable[..., Tensor], z: Tensor) -> LogDensity:
    def f(x: Tensor) -> Tensor:
        shaped = x.reshape(-1, *claim.x.shape[1:]).to(claim.x)
        return log_px(claim.module, shaped, z.expand(len(shaped), *z.shape)).cpu()

    return f


def sample_latents(claim: Claim, n: int) -> Tensor:
    """Codes of a module of one's own: standard normal, as many and as long as its mu."""
    output = parse_vae_output(claim.output(claim.x), claim.x)
    if output is None:
        raise CheckSkippedError(
            "the module does not return (reconstruction, mu, logvar), so the size of a code is not known"
        )
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, *output.mu.shape[1:], generator=generator).to(output.mu)


@check("all x together have at most one")
def check_total_probability(claim: Claim) -> str:
    """Whatever is at most log p(x) adds up, over all x, to at most one: where x is small, by enumeration."""
    n = claim.x[0].numel()
    binary = bool(((claim.x == 0) | (claim.x == 1)).all())
    every = quadrature.enumerate_points(n, 2) if binary else None
    if every is None:
        raise CheckSkippedError(f"there are too many x of {n} values to go through")
    x, index = every.reshape(-1, *claim.x.shape[1:]).to(claim.x), torch.arange(len(every))
    c = None if claim.c is None else claim.c[:1].expand(len(x), *claim.c.shape[1:])
    sums = torch.stack([claim.evaluate_examples(x, c, index, 64, seed).exp().sum() for seed in range(N_REPEATS)])
    total, error = sums.mean().item(), sums.std().item() / math.sqrt(N_REPEATS)
    if total > 1.01 + 5 * error:
        raise CheckFailedError(
            f"the {len(every):,} x there are add up to {total:.4g} ± {error:.2g}, which no bound on log p(x) can"
        )
    return f"the {len(every):,} x there are add up to {total:.4f} ± {error:.4f}"
