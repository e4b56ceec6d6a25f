"""Settings of the training that a recipe comes with: flags, presets, the command that repeats a run, the form."""

import shlex

import pytest
import torch
from PIL import Image

import elbowroom as er
from elbowroom.cli.main import main
from elbowroom.cli.train import TrainGroup
from elbowroom.recipes.registry import all_recipes, find
from elbowroom.runs.command import repeat_command
from elbowroom.runs.settings import settle_defaults, train_options
from elbowroom.studio.errors import RequestError
from elbowroom.studio.services.train_request import parse_words, train_arguments

FACES = find("faces")


@pytest.fixture(scope="module")
def portraits(tmp_path_factory):
    """A folder of pictures that are not square and of two sizes."""
    folder, generator = tmp_path_factory.mktemp("portraits"), torch.Generator().manual_seed(0)
    for n in range(60):
        pixels = torch.randint(256, (12 + n % 2, 9, 3), generator=generator, dtype=torch.uint8).numpy()
        Image.fromarray(pixels).save(folder / f"{n:02}.png")
    return folder


def train_command(name):
    return TrainGroup("train").get_command(None, name)


@pytest.mark.parametrize("name", [name for name, recipe in all_recipes().items() if recipe.defaults])
def test_defaults_are_settings_of_a_training(name):
    defaults, known = find(name).defaults, train_options()
    assert defaults.keys() <= known.keys() - {"seed"}
    assert defaults == {option: known[option].convert(value) for option, value in defaults.items()}


def test_a_recipe_that_extends_another_has_its_defaults():
    @er.recipe("Example 2026", extends=FACES)
    def wide_faces(shape, **rest):
        """Faces with a wide network."""
        return FACES(shape, size="m", **rest)

    del er.recipes.RECIPES["wide_faces"]
    assert (wide_faces.defaults, wide_faces.sampler) == (FACES.defaults, "mixture:10")
    assert find("conv_vae").defaults == {}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            [],
            {"lr": 2e-3, "batch_size": 32, "schedule": "one-cycle", "steps": 12_000, "resize": (64, 64), "flip": True},
        ),
        (["--lr", "0.001", "--no-flip"], {"lr": 1e-3, "flip": False, "batch_size": 32}),
        (["--epochs", "3"], {"epochs": 3, "steps": None, "batch_size": 32}),
        (["--preset", "classic"], {"lr": 1e-3, "batch_size": None, "schedule": None, "steps": None, "resize": None}),
        (["--preset", "fast"], {"lr": 0.012, "epochs": 4, "steps": None, "average": None, "flip": False}),
        (["--data", "digits"], {"lr": 2e-3, "resize": None, "flip": False}),
    ],
)
def test_flags_have_the_defaults_of_the_recipe(words, expected, portraits):
    values = parse_words(FACES, train_command("faces"), ["--data", str(portraits), *words])
    assert {name: values[name] for name in expected} == expected


def test_a_length_that_is_given_replaces_the_default_and_two_stay_an_error():
    values = {"epochs": 2, "steps": 5, "data": "digits"}
    assert settle_defaults({"steps": 5}, values, {"epochs", "steps"}.__contains__) == values
    assert settle_defaults({"epochs": 2}, values, {"steps"}.__contains__)["epochs"] is None


@pytest.mark.parametrize("words", [["--steps", "1"], ["--epochs", "1"], ["--preset", "classic", "--steps", "1"]])
def test_the_command_that_repeats_a_run_has_its_settings(words, portraits, tmp_path):
    given = ["--data", str(portraits), "--resize", "8", "--no-report", "--sampler", "none", "-q", *words]
    assert main(["train", "faces", *given, "--out", str(tmp_path / "run")]) == 0
    record = er.Run(tmp_path / "run").record
    line = repeat_command(record).line
    command = train_command("faces")
    again = parse_words(FACES, command, shlex.split(line)[3:])
    first = parse_words(FACES, command, given)
    assert record["shape"] == [3, *again["resize"]]
    assert ("--preset" in line) == ("--preset" in words)
    resolved = {"out", "batch_size"}
    assert {k: v for k, v in again.items() if k not in resolved} == {
        k: v for k, v in first.items() if k not in resolved
    }


def test_the_form_asks_for_a_value_where_the_recipe_has_one():
    with pytest.raises(RequestError, match="schedule: faces has one-cycle, and a value is needed in its place"):
        train_arguments(FACES, train_command("faces"), {}, {"schedule": None}, "digits")
