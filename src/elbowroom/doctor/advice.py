"""Advice that applies to a run: flags of its recipe's command, or arguments in Python for a model of one's own."""

from __future__ import annotations

from typing import Any

from elbowroom.data.image import is_image
from elbowroom.doctor.evidence import Evidence
from elbowroom.doctor.registry import NotApplicableError
from elbowroom.recipes import find
from elbowroom.runs.settings import CALLBACK_OPTIONS, train_options
from elbowroom.samplers.default import current_samplers

#: Weight of the KL relative to the reconstruction, above which it is lowered before anything else.
HEAVY_KL = 1.5
#: The sampler to fit where there is none.
SUGGESTED_SAMPLER = "mixture:10"
#: Size of a latent that leaves the labels something to say.
SMALL_LATENT = 16


def has_option(evidence: Evidence, name: str) -> bool:
    """Whether a training of this run's kind takes an option: of the training and its data, or of its recipe."""
    recipe = evidence.run.record["recipe"]
    return name in train_options() or (recipe is not None and name in find(recipe).arguments)


def format_option(evidence: Evidence, name: str, value: Any) -> str:
    """Return how an option is set: a flag of the command, or in Python where no recipe made the model."""
    if evidence.run.record["recipe"] is not None:
        return f"--{name.replace('_', '-')} {value}"
    if name in CALLBACK_OPTIONS:
        return f"callbacks=[er.{CALLBACK_OPTIONS[name].callback}({value})]"
    return f"{name}={value!r}"


def has_callback(evidence: Evidence, name: str) -> bool:
    """Whether the run was trained with a callback of this class."""
    return any(callback["name"] == name for callback in evidence.run.record["training"]["callbacks"])


def weaken_kl(evidence: Evidence) -> str:
    """Return how to keep the KL from silencing the latent."""
    try:
        weights = evidence.loss_weights
        weight = weights.kl / weights.reconstruction
    except (NotApplicableError, ZeroDivisionError):
        weight = 1.0
    if weight > HEAVY_KL:
        flag = f": {format_option(evidence, 'beta', 1)}" if has_option(evidence, "beta") else ""
        return f"lower the weight of the KL, which is {weight:.3g} times that of the reconstruction{flag}"
    if not _has_weighted_kl(evidence):
        return "let the weight of the KL in your loss grow from 0 to 1 over the first third of the training"
    if not has_callback(evidence, "Warmup") and "ramp" not in str(evidence.run.record.get("objective")):
        return f"warm up the weight of the KL: {format_option(evidence, 'kl_warmup', 0.3)}"
    return use_every_dimension(evidence)


def use_every_dimension(evidence: Evidence) -> str:
    """Return how to have more dimensions of the latent used."""
    if not _has_weighted_kl(evidence) or has_callback(evidence, "FreeBits"):
        return f"train longer, or {weaken_decoder(evidence)}"
    return f"do not penalize the first nats of each dimension: {format_option(evidence, 'free_bits', 0.05)}"


def weaken_decoder(evidence: Evidence) -> str:
    """Return how to have the decoder need the latent: one that reads x sees less of it."""
    if has_option(evidence, "word_dropout"):
        return f"let the decoder see fewer of the words before: {format_option(evidence, 'word_dropout', 0.5)}"
    if has_option(evidence, "layers") and has_option(evidence, "warmup"):
        return f"let the decoder see fewer of the pixels before: {format_option(evidence, 'layers', 2)}"
    return "make the decoder weaker, so that it needs the latent"


def _has_weighted_kl(evidence: Evidence) -> bool:
    """Whether callbacks can weight the KL: that of a loss function of one's own is out of their reach."""
    return evidence.run.record["recipe"] is not None or evidence.has_elbowroom_model


def choose_likelihood(evidence: Evidence, name: str, purpose: str) -> str:
    """Return how to choose another likelihood: a flag, or in words where the recipe has none or the module is own."""
    if evidence.run.record["recipe"] is None or not has_option(evidence, "likelihood"):
        return f"use {purpose} in the decoder"
    return f"use {purpose} ({format_option(evidence, 'likelihood', name)})"


def bound_variance(evidence: Evidence) -> str:
    """Return how to keep the variance of p(x|z) from going to zero."""
    fixed = choose_likelihood(evidence, "gaussian:0.1", "a fixed standard deviation")
    if "columns" in evidence.run.record["data"]:
        return "leave out columns that are constant or nearly so, or set a lower bound for the standard deviation"
    pixels = evidence.run.record["recipe"] is not None and is_image(evidence.view.shape)
    return f"set a lower bound, or {fixed}" + (
        f"; or {choose_likelihood(evidence, 'discretized-logistic', 'a likelihood of pixels')}" if pixels else ""
    )


def stop_earlier(evidence: Evidence) -> str:
    """Return how to stop before the model fits the noise of its training examples."""
    watched = "validation" in evidence.run.record["training"].get("watch", ())
    if watched and not has_callback(evidence, "EarlyStopping"):
        return f"stop earlier ({format_option(evidence, 'patience', 10)})"
    return "take the best weights, er.load(RUN, weights='best')" if watched else "stop earlier"


def train_longer(evidence: Evidence, steps: int) -> str:
    """Return how to train for this many steps."""
    return f"train longer: {format_option(evidence, 'steps', steps)}"


def hold_out(evidence: Evidence, split: str) -> str:
    """Return how to hold out examples for a split."""
    return f"hold out examples of their own: {format_option(evidence, split, 0.1)}, or another {split} split"


def drop_columns(evidence: Evidence, names: list[str]) -> str:
    """Return how to leave out columns of a table."""
    value = ",".join(f"{name}=drop" for name in names)
    return f"leave them out: {format_option(evidence, 'columns', value if ' ' not in value else repr(value))}"


def strengthen_condition(evidence: Evidence) -> str:
    """Return how to have more of what a conditional model generates depend on its condition."""
    arguments = evidence.run.record["arguments"] or {}
    remedies = []
    if arguments.get("conditioning") == "input":
        remedies.append(f"give the labels to every level ({format_option(evidence, 'conditioning', 'every-level')})")
    if arguments.get("prior") == "standard":
        remedies.append(f"let the prior depend on the labels ({format_option(evidence, 'prior', 'learned')})")
    if isinstance(latent := arguments.get("latent"), int) and latent > SMALL_LATENT:
        remedies.append(f"make the latent smaller ({format_option(evidence, 'latent', SMALL_LATENT)})")
    return ", or ".join([*remedies, "train longer"])


def sample_elsewhere(evidence: Evidence) -> str:
    """Return how to sample from a density fitted to the latents in place of the prior."""
    path = evidence.run.path
    if fitted := current_samplers(evidence.run):
        return f"sample from a density fitted to the latents: 'elbowroom sample {path} --sampler {fitted[-1]}'"
    return (
        f"fit a density to the latents and sample from it: 'elbowroom fit-sampler {path} {SUGGESTED_SAMPLER}', then "
        f"'elbowroom sample {path} --sampler {SUGGESTED_SAMPLER}'"
    )
