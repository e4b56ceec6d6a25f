"""Training form: fields of every recipe, values that become command line arguments, data sources."""

import click
import pytest

from elbowroom.cli.train import TrainGroup
from elbowroom.families.flows import FLOWS
from elbowroom.networks import NETWORKS
from elbowroom.recipes import RECIPES
from elbowroom.studio.app import create_app
from elbowroom.studio.errors import RequestError
from elbowroom.studio.services import data_sources, train_request
from elbowroom.studio.services.run_index import RunIndex
from tests.studio.helpers import open_client

TRAIN = TrainGroup("train")


def train_command(recipe):
    return TRAIN.get_command(click.Context(TRAIN), recipe.name)


@pytest.fixture(params=list(RECIPES))
def recipe(request):
    return RECIPES[request.param]


@pytest.fixture(scope="module")
def forms(tmp_path_factory):
    """What the form is made of: asked for once, for it holds all recipes."""
    with open_client(tmp_path_factory.mktemp("runs"), train=TRAIN) as client:
        return client.get("/api/recipes").json()


def test_the_defaults_of_every_recipe_round_trip(forms, recipe):
    """The defaults that a form shows, sent back, are the arguments that the command line would have taken."""
    form = next(entry for entry in forms["recipes"] if entry["name"] == recipe.name)
    assert [field["name"] for field in form["fields"]] == list(recipe.arguments)
    given = {field["name"]: field["default"] for field in form["fields"]}
    words = train_request.train_arguments(recipe, train_command(recipe), given, {}, "digits")
    params = train_command(recipe).make_context(recipe.name, words[1:]).params
    assert {name: params[name] for name in recipe.arguments} == {n: a.default for n, a in recipe.arguments.items()}


def test_the_defaults_of_every_setting_round_trip(forms, recipe):
    of_recipe = next(form["defaults"] for form in forms["recipes"] if form["name"] == recipe.name)
    given = {field["name"]: field["default"] for field in forms["settings"]} | of_recipe
    assert {"epochs", "batch_size", "lr", "seed", "schedule", "clip", "kl_warmup", "free_bits"} <= set(given)
    assert not {"out", "config", "preset", "data"} & set(given)
    words = train_request.train_arguments(recipe, train_command(recipe), {}, given, "digits")
    default = train_command(recipe).make_context(recipe.name, [])
    assert train_command(recipe).make_context(recipe.name, words[1:]).params == default.params


def test_networks_and_priors_are_chosen_from_those_there_are(forms):
    vae = next(entry for entry in forms["recipes"] if entry["name"] == "vae")
    suggestions = {field["name"]: field["suggestions"] for field in vae["fields"]}
    assert [one["value"] for one in suggestions["network"]] == [*NETWORKS, "auto"]
    assert all(one["about"] for one in suggestions["network"])
    assert {one["value"]: one["setting"] for one in suggestions["prior"]} == {
        "standard": "",
        "mixture": "COMPONENTS",
        "vamp": "COMPONENTS",
        "exemplar": "EXAMPLES",
        "flow": "FLOW",
        "resampled": "PROPOSALS",
        "energy": "STEPS",
        "autocorrelated": "DELTA",
    }
    assert {one["value"] for one in suggestions["posterior"]} == {"normal", *FLOWS}


VALUES = {
    "epochs": (3, 3),
    "lr": (0.01, 0.01),
    "optimizer": ("sgd(momentum=0.9)", "sgd(momentum=0.9)"),
    "resize": ([28, 20], (28, 20)),
    "validation": (100.0, 100),
    "flip": (True, True),
    "precision": ("bf16", "bf16"),
    "only": ("0,1", "0,1"),
    "clip": (None, None),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_setting_reaches_the_command_line(name):
    value, expected = VALUES[name]
    words = train_request.train_arguments(RECIPES["vae"], train_command(RECIPES["vae"]), {}, {name: value}, "digits")
    assert train_command(RECIPES["vae"]).make_context("vae", words[1:]).params[name] == expected


def test_data_must_lie_in_the_runs_folder_or_a_data_folder(tmp_path):
    for name in ("runs", "data", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.npy").write_bytes(b"")
    (tmp_path / "data" / "out.npy").symlink_to(tmp_path / "other" / "x.npy")
    index, data_folders = RunIndex(tmp_path / "runs"), [(tmp_path / "data").resolve()]
    for name in ("x.npy", str(tmp_path / "data" / "x.npy")):
        assert data_sources.resolve_data(name, index, data_folders).endswith("x.npy")
    for name in ("../other/x.npy", str(tmp_path / "other" / "x.npy"), str(tmp_path / "data" / "out.npy"), ""):
        if name:
            with pytest.raises(RequestError, match="--data-folder"):
                data_sources.resolve_data(name, index, data_folders)
    assert data_sources.resolve_data("digits", index, data_folders) == "digits"
    assert str(data_folders[0] / "x.npy") in {entry["name"] for entry in data_sources.list_data(data_folders)}
    with pytest.raises(ValueError, match="--data-folder"):
        create_app(tmp_path, data_folders=[tmp_path / "nothing"])
