"""Advice: every flag that is proposed is one that the command of the run's recipe takes."""

import itertools
import re
import shlex

import click
import pytest

from elbowroom.cli.train import TrainGroup
from elbowroom.doctor import advice
from elbowroom.doctor.evidence import Evidence
from elbowroom.doctor.loss_weights import LossWeights
from elbowroom.recipes import RECIPES
from elbowroom.runs import Run

CALLBACKS = {
    "none": [],
    "warm-up": [{"name": "Warmup", "arguments": {}}],
    "all": [{"name": name, "arguments": {}} for name in ("Warmup", "FreeBits", "EarlyStopping")],
}
WEIGHTS = {"heavy": LossWeights(1.0, 50.0, "a table"), "equal": LossWeights(1.0, 1.0, "a table")}
SHAPES = {"images": (1, 8, 8), "rows": (5,)}
#: All advice that may name a flag, as functions of the evidence.
REMEDIES = {
    "weaken_kl": advice.weaken_kl,
    "use_every_dimension": advice.use_every_dimension,
    "choose_likelihood": lambda evidence: advice.choose_likelihood(evidence, "gaussian", "all numbers"),
    "bound_variance": advice.bound_variance,
    "stop_earlier": advice.stop_earlier,
    "train_longer": lambda evidence: advice.train_longer(evidence, 1000),
    "hold_out": lambda evidence: advice.hold_out(evidence, "validation"),
    "drop_columns": lambda evidence: advice.drop_columns(evidence, ["id", "other id"]),
    "strengthen_condition": advice.strengthen_condition,
    "value_range": lambda evidence: advice.format_option(evidence, "value_range", "0,255"),
    "missing_classes": lambda evidence: advice.format_option(evidence, "test", 0.3),
}


def made_evidence(name, callbacks="none", weights="equal", shape=(1, 8, 8), watch=("validation",)):
    """The evidence of a run of this recipe, by its record alone."""
    arguments = None if name is None else {key: one.default for key, one in RECIPES[name].arguments.items()}
    run = Run("nowhere")
    training = {"callbacks": CALLBACKS[callbacks], "watch": list(watch), "pass_state": False}
    record = {"recipe": name, "arguments": arguments, "objective": "", "shape": list(shape)}
    run.record = record | {"data": {"name": "own", "arguments": {}}, "training": training}
    evidence = Evidence(run)
    evidence.loss_weights = WEIGHTS[weights]
    return evidence


def flags_in(text):
    """The flags of an advice with their values, as words of a command line."""
    return [word for match in re.findall(r"--[a-z][a-z-]*(?: (?:'[^']*'|[^\s;()]+))?", text)
            for word in shlex.split(match.rstrip(","))]  # fmt: skip


@pytest.mark.parametrize("recipe", RECIPES)
def test_proposed_flags_are_taken_by_the_recipe(recipe):
    """Of every remedy in every situation; most propose the same words, which are parsed once."""
    situations = list(itertools.product(CALLBACKS, WEIGHTS, SHAPES.values()))
    texts = {remedy(made_evidence(recipe, *situation)) for remedy in REMEDIES.values() for situation in situations}
    group = TrainGroup("train")
    command = group.get_command(click.Context(group), recipe)
    for words in {tuple(flags_in(text)) for text in texts}:
        command.make_context(recipe, ["--data", "digits", *words], resilient_parsing=False)


@pytest.mark.parametrize("remedy", REMEDIES)
def test_a_model_of_ones_own_is_told_no_flags(remedy):
    evidence = made_evidence(None)
    evidence.model = object()
    text = REMEDIES[remedy](evidence)
    assert text
    assert "--" not in text


@pytest.mark.parametrize(
    ("remedy", "settings", "words"),
    [
        ("weaken_kl", {"name": "beta_vae", "weights": "heavy"}, "50 times that of the reconstruction: --beta 1"),
        ("weaken_kl", {"name": "vae", "weights": "heavy"}, "lower the weight of the KL, which is 50 times"),
        ("weaken_kl", {"name": "vae"}, "--kl-warmup 0.3"),
        ("weaken_kl", {"name": "vae", "callbacks": "warm-up"}, "--free-bits 0.05"),
        ("weaken_kl", {"name": "vae", "callbacks": "all"}, "make the decoder weaker"),
        ("weaken_kl", {"name": "pixel_vae", "callbacks": "all"}, "fewer of the pixels before: --layers 2"),
        ("weaken_kl", {"name": "text_vae", "callbacks": "all"}, "fewer of the words before: --word-dropout 0.5"),
        ("stop_earlier", {"name": "vae"}, "--patience 10"),
        ("stop_earlier", {"name": "vae", "callbacks": "all"}, "weights='best'"),
        ("stop_earlier", {"name": None}, "callbacks=[er.EarlyStopping(10)]"),
        ("bound_variance", {"name": "vae", "shape": (5,)}, "--likelihood gaussian:0.1"),
        ("train_longer", {"name": None}, "steps=1000"),
    ],
)
def test_advice_is_of_what_the_run_has_not_done(remedy, settings, words):
    assert words in REMEDIES[remedy](made_evidence(**settings))
