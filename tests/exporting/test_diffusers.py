"""Autoencoders to diffusers and back: the same latents and pixels, measured moments, and a decoder that is tuned."""

import json
import math

import pytest
import torch

import elbowroom as er
from elbowroom import serialization
from elbowroom.cli import main
from elbowroom.exporting.latent_statistics import measure_latents
from elbowroom.runs.diffusers import CONFIG_FILE, WEIGHTS_FILE

SMALL = {"channels": 2, "levels": 1, "widths": (8, 8), "layers": 1, "perceptual": 0, "adversarial": 0}
SETTINGS = {
    "plain": {},
    "deeper": {
        "levels": 2,
        "widths": (8, 16, 16),
        "layers": 2,
        "groups": 8,
        "channels": 4,
        "likelihood": "gaussian:0.1",
    },
    "bare": {"attention": False, "quant_conv": False},
}


def train(data, out, **arguments):
    """A run of a small autoencoder, whose every parameter matters."""
    model, objective = er.recipes.autoencoder_kl(data.shape, **SMALL | arguments)
    for parameter in model.parameters():
        parameter.data.add_(0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    return er.fit(model, objective, data, steps=2, out=out, device="cpu", sampler="none", report=False)


@pytest.fixture(scope="module")
def autoencoder(digits, tmp_path_factory):
    return train(digits, tmp_path_factory.mktemp("runs") / "kl")


@pytest.fixture(scope="module")
def folder(autoencoder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("diffusers") / "vae"
    er.export_diffusers(autoencoder, folder, license="mit")
    return folder


def save_theirs(folder, **config):
    """An AutoencoderKL with random weights, as diffusers saves it."""
    diffusers = pytest.importorskip("diffusers")
    levels = len(config["block_out_channels"])
    blocks = {"down_block_types": ["DownEncoderBlock2D"] * levels, "up_block_types": ["UpDecoderBlock2D"] * levels}
    torch.manual_seed(0)
    vae = diffusers.AutoencoderKL(**blocks | config).eval()
    vae.save_pretrained(folder)
    return vae


@pytest.mark.parametrize("name", SETTINGS)
def test_diffusers_encodes_and_decodes_what_the_run_does(name, tmp_path):
    """At the borders too, and images that are not square."""
    diffusers = pytest.importorskip("diffusers")
    data = er.load_data(torch.rand(30, 3, 16, 24))
    run = train(data, tmp_path / "run", **SETTINGS[name])
    er.export_diffusers(run, tmp_path / "vae", data)
    vae = diffusers.AutoencoderKL.from_pretrained(tmp_path / "vae", low_cpu_mem_usage=False)
    model, x = er.load(run), data.test.x[:5]
    with torch.no_grad():
        z = vae.encode(2 * x - 1).latent_dist
        torch.testing.assert_close(z.mode(), model.encode(x), rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(z.logvar, model.posterior(x).log_var, rtol=1e-5, atol=1e-5)
        decoded = vae.decode(z.mode()).sample / 2 + 0.5
        torch.testing.assert_close(decoded, model.decode(z.mode()).mean, rtol=1e-5, atol=1e-5)


def test_scaled_latents_have_unit_variance(autoencoder, digits, folder):
    config = json.loads((folder / CONFIG_FILE).read_text())
    x, y = digits.train.x, digits.train.y
    torch.manual_seed(1)
    z = er.load(autoencoder).posterior(x, y).sample().double()
    assert float((config["scaling_factor"] * z).std()) == pytest.approx(1, rel=0.01)
    mean, std = (torch.tensor(config[name]).double() for name in ("latents_mean", "latents_std"))
    torch.testing.assert_close(z.mean((0, 2, 3)), mean, rtol=0.02, atol=0.02)
    torch.testing.assert_close(z.std((0, 2, 3)), std, rtol=0.02, atol=0.02)
    card = (folder / "README.md").read_text()
    assert f"elbowroom_measured_examples: {len(x)}" in card
    assert "library_name: diffusers\nlicense: mit" in card


def test_moments_are_those_of_all_latents(digits):
    model, _ = er.recipes.autoencoder_kl(digits.shape, **SMALL)
    fewer = measure_latents(model, digits.train, 250)
    assert fewer.n_examples == 250
    total = (fewer.std.square().mean() + fewer.mean.var(correction=0)).sqrt()
    assert fewer.total_std == pytest.approx(float(total))


def test_a_run_comes_back_as_it_was(autoencoder, folder, digits):
    x = digits.test.x[:5]
    torch.testing.assert_close(er.load(folder).encode(x), er.load(autoencoder).encode(x), rtol=0, atol=0)
    torch.testing.assert_close(
        er.load(folder).reconstruct(x), er.load(autoencoder).reconstruct(x), rtol=1e-5, atol=1e-5
    )


def test_theirs_encodes_and_decodes_the_same_here(tmp_path):
    config = {"block_out_channels": [8, 16], "norm_num_groups": 4, "latent_channels": 3, "sample_size": 8}
    vae = save_theirs(tmp_path, **config)
    model, _ = er.load_diffusers(tmp_path, (3, 16, 8), likelihood="gaussian")
    x = torch.rand(3, 3, 16, 8)
    with torch.no_grad():
        z = vae.encode(2 * x - 1).latent_dist.mode()
        torch.testing.assert_close(model.encode(x), z, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(model.decode(z).mean, vae.decode(z).sample / 2 + 0.5, rtol=1e-5, atol=1e-5)
    assert er.load(tmp_path).shape == (3, 8, 8)


def test_names_of_old_versions_are_read(folder, tmp_path):
    tensors, _ = serialization.read(folder / WEIGHTS_FILE)
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    for new, name in old.items():
        tensors = {key.replace(f".{new}.", f".{name}."): tensor for key, tensor in tensors.items()}
    serialization.save(tmp_path / WEIGHTS_FILE, tensors)
    (tmp_path / CONFIG_FILE).write_text((folder / CONFIG_FILE).read_text())
    ours, theirs = (er.load(path).state_dict() for path in (tmp_path, folder))
    assert all(theirs[name].equal(tensor) for name, tensor in ours.items())


def test_the_decoder_alone_is_tuned(folder, digits, tmp_path):
    """From Python and on the command line; the run is resumed and loaded as any other."""
    model, objective = er.load_diffusers(folder, digits.shape, perceptual=0, adversarial=0)
    by_python = er.fit(model, objective, digits, steps=2, freeze=["encoder"], sampler="none", out=tmp_path / "python")
    words = ["train", "--from", str(folder), "--freeze", "encoder", "--data", "digits", "--adversarial", "0"]
    assert (
        main(
            [*words, "--steps", "2", "--sampler", "none", "-q", "--validation", "0.3", "--out", str(tmp_path / "flags")]
        )
        == 0
    )
    start = er.load(folder).state_dict()
    for run in (by_python, er.Run(tmp_path / "flags")):
        tuned = run.model().state_dict()
        moved = {name for name, tensor in tuned.items() if not tensor.equal(start[name])}
        assert {name.partition(".")[0] for name in moved} == {"decoder"}
        assert "decoder.net.conv_out.weight" in moved


@pytest.mark.parametrize(
    ("recipe", "arguments", "reason"),
    [
        ("vae", {"latent": 2, "hidden": (8,)}, "its networks are not those of kl"),
        ("vae", {"latent": 2, "network": "kl", "widths": (8, 8)}, "its networks are not those of kl"),
        ("autoencoder_kl", SMALL | {"likelihood": "bernoulli"}, "its likelihood is bernoulli"),
    ],
)
def test_other_models_are_refused_with_the_recipe_to_train(recipe, arguments, reason, digits, tmp_path, capsys):
    model, objective = er.recipes.RECIPES[recipe](digits.shape, **arguments)
    run = er.fit(model, objective, digits, steps=1, out=tmp_path / "run", sampler="none")
    assert main(["export", str(run.path), "--diffusers", str(tmp_path / "vae")]) == 2
    error = capsys.readouterr().err
    assert reason.lower() in error.lower()
    assert "train the recipe autoencoder_kl" in error
    assert not (tmp_path / "vae").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"_class_name": "VQModel"}, "is of VQModel"),
        ({"down_block_types": ["DownEncoderBlock2D", "AttnDownEncoderBlock2D"]}, "AttnDownEncoderBlock2D"),
        ({"use_quant_conv": False}, "have to be the same"),
        ({"act_fn": "relu"}, "act_fn relu"),
    ],
)
def test_other_models_of_diffusers_are_refused(change, words, folder, tmp_path):
    (tmp_path / WEIGHTS_FILE).write_bytes((folder / WEIGHTS_FILE).read_bytes())
    config = json.loads((folder / CONFIG_FILE).read_text())
    (tmp_path / CONFIG_FILE).write_text(json.dumps(config | change))
    for load in (er.load, er.load_diffusers):
        with pytest.raises(ValueError, match=words):
            load(tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"encoder.conv_in.bias": torch.full((8,), math.nan)}, "8 of the 8 numbers of 'encoder.conv_in.bias' are NaN"),
        ({"encoder.extra.bias": torch.zeros(2)}, r"'encoder.net.extra.bias' holds \(2,\) .* was config.json edited"),
    ],
)
def test_weights_of_another_model_are_refused(change, words, folder, tmp_path):
    tensors, _ = serialization.read(folder / WEIGHTS_FILE)
    serialization.save(tmp_path / WEIGHTS_FILE, tensors | change)
    (tmp_path / CONFIG_FILE).write_text((folder / CONFIG_FILE).read_text())
    for load in (er.load, er.load_diffusers):
        with pytest.raises(ValueError, match=words):
            load(tmp_path)


def test_a_folder_says_that_its_data_is_unknown(folder, capsys):
    assert main(["reconstruct", str(folder), "--out", str(folder.parent / "x.png")]) == 2
    assert "does not say what it was trained on: pass --data SOURCE" in capsys.readouterr().err
