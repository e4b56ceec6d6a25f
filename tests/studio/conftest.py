import json
import shutil
import subprocess
import sys

import pytest
import torch

import elbowroom as er
from elbowroom import serialization
from elbowroom.plotting import plot_curves
from elbowroom.studio.services import processes
from tests.studio.helpers import open_client
from tests.tiny_recipes import by_family, make_tiny, representative_recipes
from tests.warm_process import start_warm

#: Recipes that only differ from others in what they minimize, which tests name.
NAMED = ("beta_vae", "iwae", "quantized_vae", "vq_vae", "rq_vae", "fsq_vae", "vamp_vae")


@pytest.fixture(scope="session")
def recipe_runs(tmp_path_factory, digits):
    """A run of each structure of model on the digits; and one of a table that was given in Python, ``sub/table``."""
    folder = tmp_path_factory.mktemp("recipes")
    models = {name: make_tiny(name, digits.shape) for name in (*representative_recipes(), *NAMED)}
    # Requests in tests and in the examples of the endpoints are of the default size.
    models["vae"] = make_tiny("vae", digits.shape, latent=20)
    # A codebook is initialized by its first batch; for the other recipes untrained weights will do.
    trained = [name for name, (model, _) in models.items() if name == "vae" or model.is_quantized]
    for name in trained:
        er.fit(*models[name], digits, steps=2, out=folder / name, report=False, sampler="none")
    table = er.load_data(torch.randn(200, 9).numpy())
    parts = er.recipes.vae((9,), latent=3, likelihood="gaussian")
    er.fit(*parts, table, steps=2, out=folder / "sub" / "table", report=False)
    for name in set(models) - {*trained}:
        write_untrained_run(folder / name, models[name][0], json.loads((folder / "vae" / "recipe.json").read_text()))
    return folder


def write_untrained_run(path, model, record):
    """A run as training would leave it, with initial weights."""
    path.mkdir(exist_ok=True)
    record |= {"recipe": model.recipe_call.recipe, "arguments": model.recipe_call.arguments}
    (path / "recipe.json").write_text(json.dumps(record))
    serialization.save(path / "model.safetensors", serialization.named_tensors(model))


@pytest.fixture(scope="session")
def recipe_client(recipe_runs):
    with open_client(recipe_runs) as client:
        yield client


@pytest.fixture(params=by_family(representative_recipes()))
def name(request):
    """The name of a recipe, one of each structure of model, which is that of its run in ``recipe_runs``."""
    return request.param


@pytest.fixture(scope="session")
def trained_runs(tmp_path_factory, digits):
    """Trained runs of some recipes, and one on binary data."""
    folder = tmp_path_factory.mktemp("trained")
    torch.manual_seed(0)
    er.fit(*er.recipes.vae(digits.shape, latent=3), digits, epochs=3, out=folder / "vae", max_overhead=1, report=False)
    er.fit(*er.recipes.cvae(digits.shape, latent=3), digits, steps=5, out=folder / "cvae", report=False)
    er.fit(*er.recipes.m2(digits.shape, latent=3), digits, steps=5, out=folder / "m2", report=False)
    bits = er.load_data("digits", binarize="dynamic")
    er.fit(*er.recipes.vae(bits.shape, latent=3), bits, steps=5, out=folder / "bits", report=False)
    return folder


@pytest.fixture(scope="session")
def trained_client(trained_runs):
    with open_client(trained_runs) as client:
        yield client


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory, digits):
    """The path of a run of two epochs, with images of each and the curves."""
    path = tmp_path_factory.mktemp("run") / "vae"
    settings = {"epochs": 2, "device": "cpu", "max_overhead": 1, "report": False}
    run = er.fit(*er.recipes.vae(digits.shape, latent=3), digits, out=path, **settings)
    plot_curves(run).savefig(run.images / "curves.png")
    return path


@pytest.fixture
def folder(tmp_path, trained_run):
    """A folder with that run, ``vae``, and a copy in a folder below, ``sweep/vae-0``."""
    for name in ("vae", "sweep/vae-0"):
        shutil.copytree(trained_run, tmp_path / name)
    return tmp_path


@pytest.fixture
def client(folder):
    with open_client(folder) as client:
        yield client


@pytest.fixture
def run(tmp_path, digits):
    """A finished run ``vae`` of one epoch, alone in its folder."""
    return er.fit(*er.recipes.vae(digits.shape, latent=2, hidden=()), digits, epochs=1, out=tmp_path / "vae")


@pytest.fixture
def socket(tmp_path, run):
    """The live WebSocket of a studio on that run's folder."""
    with open_client(tmp_path) as client, client.websocket_connect("ws://localhost/ws/live") as socket:
        client.get("/api/runs")
        yield socket


@pytest.fixture
def warm_commands(monkeypatch):
    """Commands that the studio starts are processes of their own that have imported torch before."""
    monkeypatch.setattr(processes, "start", start_warm)


@pytest.fixture
def sleeper():
    """A process that trains nothing."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()
