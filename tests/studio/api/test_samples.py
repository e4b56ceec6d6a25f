"""Samples in the studio: from the prior or a fitted sampler, the run's own choice where nobody names one."""

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.samplers import fit_sampler
from tests.studio.helpers import error_of, get, model_info, ok_json, open_client, post, read_npz

#: What each run samples from, and all it could.
DENSITIES = {
    "vae": ["prior", "gaussian", "mixture:3"],
    "published": ["mixture:3", "prior"],
    "autoencoder": ["mixture:3"],
    "cvae": ["prior", "gaussian"],
    "codes": ["prior"],
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory, digits):
    folder = tmp_path_factory.mktemp("densities")
    recipes = {"published": "two_stage_vae", "codes": "vq_vae"}
    for name, densities in DENSITIES.items():
        torch.manual_seed(0)
        model, objective = er.recipes.find(recipes.get(name, name))(digits.shape)
        run = er.fit(model, objective, digits, steps=3, out=folder / name, report=False, sampler="none")
        for sampler in densities:
            if sampler != "prior":
                fit_sampler(run, sampler)
    return folder


@pytest.fixture(scope="module")
def client(runs):
    with open_client(runs) as client:
        yield client


@pytest.mark.parametrize("name", DENSITIES)
def test_a_model_says_what_it_samples_from_its_own_choice_first(client, name):
    info = model_info(client, name)
    assert info["densities"] == DENSITIES[name]
    assert info["samplers"] == [density for density in DENSITIES[name] if density != "prior"]
    assert info["scalable"] == [d for d in info["densities"] if d in ("prior", "gaussian") and name != "codes"]


@pytest.mark.parametrize(("name", "sampler"), [(n, s) for n in DENSITIES for s in [None, *DENSITIES[n]]])
def test_samples_are_those_of_the_library(client, runs, name, sampler):
    """And the program that is offered draws the same; the caption says what from."""
    fields = {"run": name, "n": 4, "seed": 5} | ({} if sampler is None else {"sampler": sampler})
    result = read_npz(post(client, "sample", **fields, format="npz"))
    model = er.load(runs / name, sampler=sampler)
    c = torch.arange(4) % 10 if name == "cvae" else None
    torch.manual_seed(5)
    x, z = model.sample_with_latents(4, c)
    np.testing.assert_allclose(result["z"].reshape(z.shape), z, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(result["x"], x, atol=1e-5)
    drawn = sampler or DENSITIES[name][0]
    caption = ok_json(post(client, "sample", **fields))["caption"]
    assert ("z ~ p(z)" if drawn == "prior" else f"z ~ {drawn} fitted to latents") in caption
    code, variables = ok_json(post(client, "code", do="sample", **fields)), {}
    exec(code["python"], variables)
    np.testing.assert_allclose(result["x"], variables["x"], atol=1e-5)
    if code["command"]:
        assert ("--sampler" in code["command"]) == (drawn != DENSITIES[name][0])


def test_a_temperature_scales_one_normal_about_its_mean(client, runs):
    fields = {"run": "vae", "n": 4, "seed": 5, "temperature": 0.5, "sampler": "gaussian"}
    z = read_npz(post(client, "sample", **fields, format="npz"))["z"]
    model = er.load(runs / "vae", sampler="gaussian")
    torch.manual_seed(5)
    expected = 0.5 * model.draw_latents(4) + 0.5 * model.sampling_density().mean
    np.testing.assert_allclose(z, expected, rtol=1e-4, atol=1e-5)
    variables = {}
    exec(ok_json(post(client, "code", do="sample", **fields))["python"], variables)
    np.testing.assert_allclose(variables["z"], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "fields", "words"),
    [
        ("vae", {"sampler": "flow:nsf"}, "Known: gaussian, mixture:3, prior"),
        ("autoencoder", {"sampler": "prior"}, "Known: mixture:3"),
        ("vae", {"sampler": "mixture:3", "temperature": 0.5}, "mixture:3 is not one normal"),
        ("codes", {"temperature": 0.5}, "codes of a quantizer"),
    ],
)
def test_a_density_that_cannot_be_drawn_from_is_refused(client, name, fields, words):
    answer = post(client, "sample", run=name, **fields)
    assert answer.status_code == 400
    assert words in error_of(answer)


def test_a_map_has_draws_of_the_sampler_that_the_run_samples_from(client):
    prior = ok_json(get(client, "plane", run="published", n=50))["prior"]
    assert "draws from mixture:3" in prior["words"]
    assert len(prior["draws"]) == 300
    assert not ok_json(get(client, "plane", run="vae", n=50))["prior"]["draws"]
