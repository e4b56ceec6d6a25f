"""Checkpoints of other libraries: their own forward pass is that of the model they become, and code is not run."""

import json
import math
import pickle

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import elbowroom as er
from elbowroom.cli import main
from elbowroom.runs.foreign import import_run

LATENT, WIDTHS = 3, (4, 8, 6)


class Classic(nn.Module):
    """The example of PyTorch, smaller."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc21, self.fc22 = nn.Linear(64, 20), nn.Linear(20, LATENT), nn.Linear(20, LATENT)
        self.fc3, self.fc4 = nn.Linear(LATENT, 20), nn.Linear(20, 64)

    def encode(self, x):
        h = F.relu(self.fc1(x.flatten(1)))
        return self.fc21(h), self.fc22(h)

    def decode(self, z):
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z))))


class PythaeDefault(nn.Module):
    """The default networks of pythae, by the names that it gives them."""

    def __init__(self, has_variance: bool = True) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Module(), nn.Module()
        self.encoder.layers = nn.ModuleList([nn.Sequential(nn.Linear(64, 512), nn.ReLU())])
        self.encoder.embedding = nn.Linear(512, LATENT)
        if has_variance:
            self.encoder.log_var = nn.Linear(512, LATENT)
        last = nn.Sequential(nn.Linear(512, 64), nn.Sigmoid())
        self.decoder.layers = nn.ModuleList([nn.Sequential(nn.Linear(LATENT, 512), nn.ReLU()), last])

    def encode(self, x):
        h = self.encoder.layers[0](x.flatten(1))
        return self.encoder.embedding(h), self.encoder.log_var(h)

    def decode(self, z):
        return self.decoder.layers[1](self.decoder.layers[0](z))


class Vanilla(nn.Module):
    """VanillaVAE of PyTorch-VAE, with fewer and narrower levels."""

    def __init__(self) -> None:
        super().__init__()
        down = zip((3, *WIDTHS), WIDTHS, strict=False)
        self.encoder = nn.Sequential(*(self.block(nn.Conv2d(a, b, 3, 2, 1), b) for a, b in down))
        self.fc_mu, self.fc_var = (nn.Linear(WIDTHS[-1] * 4, LATENT) for _ in range(2))
        self.decoder_input = nn.Linear(LATENT, WIDTHS[-1] * 4)
        up = zip(WIDTHS[::-1], WIDTHS[-2::-1], strict=False)
        self.decoder = nn.Sequential(*(self.block(nn.ConvTranspose2d(a, b, 3, 2, 1, 1), b) for a, b in up))
        last = self.block(nn.ConvTranspose2d(WIDTHS[0], WIDTHS[0], 3, 2, 1, 1), WIDTHS[0])
        self.final_layer = nn.Sequential(*last, nn.Conv2d(WIDTHS[0], 3, 3, padding=1), nn.Tanh())

    @staticmethod
    def block(conv, n):
        norm = nn.BatchNorm2d(n)
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
        return nn.Sequential(conv, norm, nn.LeakyReLU())

    def encode(self, x):
        h = self.encoder(x).flatten(1)
        return self.fc_mu(h), self.fc_var(h)

    def decode(self, z):
        return self.final_layer(self.decoder(self.decoder_input(z).view(-1, WIDTHS[-1], 2, 2)))


def save_pythae(folder, loss="bce", name="VAEConfig", module=None, **config):
    folder.mkdir()
    module = module or PythaeDefault().eval()
    torch.save({"model_state_dict": module.state_dict()}, folder / "model.pt")
    config = {"name": name, "input_dim": [1, 8, 8], "latent_dim": LATENT, "reconstruction_loss": loss} | config
    defaults = {"uses_default_encoder": True, "uses_default_decoder": True}
    (folder / "model_config.json").write_text(json.dumps(defaults | config))
    return folder, module


def save_state(path, module, prefix="", **about):
    torch.save(about | {"state_dict": {prefix + name: x for name, x in module.state_dict().items()}}, path)
    return path, module


CASES = {
    "classic": lambda tmp: save_state(tmp / "a.pt", Classic()),
    "pythae": lambda tmp: save_pythae(tmp / "a"),
    "pythae, mse": lambda tmp: save_pythae(tmp / "a", "mse"),
    "pytorch-vae": lambda tmp: save_state(tmp / "a.ckpt", Vanilla().eval(), "model.", epoch=3),
}


@pytest.mark.parametrize("case", CASES)
def test_it_encodes_and_decodes_as_theirs(case, tmp_path):
    torch.manual_seed(0)
    path, theirs = CASES[case](tmp_path)
    shape = (3, 16, 16) if case == "pytorch-vae" else None
    model = er.load_foreign(path, shape=shape)
    x, z = torch.rand(5, *model.shape), torch.randn(5, LATENT)
    mean, log_var = theirs.encode(x)
    q = model.posterior(x)
    torch.testing.assert_close(q.mean, mean, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(q.log_var, log_var, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(model.decode(z).mean.flatten(1), theirs.decode(z).flatten(1), atol=1e-5, rtol=1e-4)
    assert not model.training


def test_the_losses_of_pythae_are_our_likelihoods(tmp_path):
    path, theirs = save_pythae(tmp_path / "a", "mse")
    model, x, z = er.load_foreign(path), torch.rand(5, 1, 8, 8), torch.randn(5, LATENT)
    squared_error = 0.5 * (theirs.decode(z) - x.flatten(1)).square().sum(1)
    constant = 32 * math.log(2 * math.pi)  # which pythae leaves out
    torch.testing.assert_close(-model.decode(z).log_prob(x), squared_error + constant)


def test_models_of_pythae_by_their_recipes(tmp_path):
    beta, _ = save_pythae(tmp_path / "beta", name="BetaVAEConfig", beta=4.0)
    assert er.load_foreign(beta).recipe_call.arguments["beta"] == 4
    plain, _ = save_pythae(tmp_path / "ae", name="AEConfig", module=PythaeDefault(has_variance=False))
    assert er.load_foreign(plain).has_point_posterior
    assert er.load_foreign(plain, likelihood="gaussian:1").decoder.family.scale == 1
    assert er.load_foreign(save_pythae(tmp_path / "f", name="FactorVAEConfig")[0]).recipe_call.recipe == "vae"


@pytest.mark.parametrize("recipe", ["wae_mmd", "rae_l2", "rae_gp"])
def test_autoencoders_of_pythae_by_their_recipes(recipe, tmp_path):
    name = f"{recipe.upper()}_Config"
    model = er.load_foreign(save_pythae(tmp_path / "a", "mse", name, PythaeDefault(has_variance=False))[0])
    assert (model.recipe_call.recipe, model.has_point_posterior) == (recipe, True)
    assert model.has_prior == (recipe == "wae_mmd")


def test_safetensors(tmp_path):
    module = Classic()
    er.serialization.save(tmp_path / "a.safetensors", module.state_dict())
    assert er.load_foreign(tmp_path / "a.safetensors").shape == (1, 8, 8)


def test_the_command_makes_a_run_that_is_evaluated_and_reported(tmp_path, capsys):
    path, _ = CASES["classic"](tmp_path)
    out = str(tmp_path / "run")
    assert main(["import", str(path), "--out", out, "--data", "digits"]) == 0
    assert "vae, examples of 1x8x8" in capsys.readouterr().out
    assert main(["evaluate", out, "--samples", "2"]) == 0
    assert "elbo" in capsys.readouterr().out
    assert main(["doctor", out]) == 0
    assert main(["reconstruct", out, "--out", str(tmp_path / "a.png")]) == 0
    torch.testing.assert_close(
        er.load(out).decode(torch.zeros(1, 3)).mean, er.load_foreign(path).decode(torch.zeros(1, 3)).mean
    )
    assert main(["import", str(path), "--out", out]) == 2
    assert main(["import", str(path), "--out", out, "--overwrite"]) == 0
    assert main(["evaluate", out, "--data", "digits", "--samples", "2"]) == 0
    capsys.readouterr()
    assert main(["evaluate", out]) == 2
    assert "does not say what it was trained on: pass --data" in capsys.readouterr().err


@pytest.mark.parametrize("more", [[], ["--steps", "3"], ["--epochs", "2"]])
def test_there_is_no_training_to_resume(more, tmp_path, capsys):
    """It had a traceback, and with more steps began at random weights, which replaced those imported."""
    path, _ = CASES["classic"](tmp_path)
    out = tmp_path / "run"
    import_run(path, out, data="digits")
    weights = (out / "model.safetensors").read_bytes()
    assert main(["resume", str(out), *more, "--quiet"]) == 2
    error = capsys.readouterr().err
    assert f"{out} was imported, and has no training to resume: start one from its weights" in error
    assert error.count("\n") == 1
    assert (out / "model.safetensors").read_bytes() == weights


class Trap:
    def __reduce__(self):
        return (print, ("code was run",))


def test_code_in_a_file_is_not_run(tmp_path, capsys):
    file = tmp_path / "trap.pt"
    torch.save({"state_dict": Trap()}, file)
    with pytest.raises(ValueError, match=r"would be run as code: save the state dict alone"):
        er.load_foreign(file, "classic")
    file.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ValueError, match=r"trap\.pt"):
        er.load_foreign(file, "classic")
    assert "code was run" not in capsys.readouterr().out


@pytest.mark.parametrize("format", [None, "classic", "pytorch-vae"])
@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"hello", "is no checkpoint: give a file of torch.save"),
        (b"some text\nin lines", "is no checkpoint"),
        (b'{"a": 1}', "is no checkpoint"),
        (b"", "is no checkpoint"),
        (pickle.dumps(Trap()), "would be run as code"),
        (nn.Linear(2, 2), "would be run as code"),
        ({"epoch": 3}, "holds no tensors by name"),
    ],
)
def test_a_file_says_why_it_is_refused(content, format, error, tmp_path, capsys):
    file = tmp_path / "a.pt"
    file.write_bytes(content) if isinstance(content, bytes) else torch.save(content, file)
    with pytest.raises(ValueError, match=error):
        er.load_foreign(file, format)
    assert main(["import", str(file), "--out", str(tmp_path / "run"), *(("--format", format) if format else ())]) == 2
    assert "code was run" not in capsys.readouterr().out
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("make", "arguments", "error"),
    [
        (lambda tmp: tmp / "none.pt", {}, r"there is no .*none.pt"),
        (lambda tmp: save_state(tmp / "a.pt", nn.Linear(2, 2))[0], {}, "has the looks of no known format: give one"),
        (lambda tmp: save_state(tmp / "a.pt", nn.Linear(2, 2))[0], {"format": "classic"}, "no tensor 'fc1.weight'"),
        (CASES["classic"], {"format": "clasic"}, "unknown format 'clasic': did you mean 'classic'"),
        (lambda tmp: save_pythae(tmp / "a", name="VAMPConfig"), {}, r"holds a VAMPConfig: models of AE, VAE, "),
        (
            lambda tmp: save_pythae(tmp / "a", uses_default_encoder=False),
            {},
            "an encoder of one's own.*code is not run",
        ),
        (CASES["pytorch-vae"], {}, "do not fit images of 3x64x64: give their --shape"),
    ],
)
def test_what_cannot_be_loaded(make, arguments, error, tmp_path):
    made = make(tmp_path)
    with pytest.raises(ValueError, match=error):
        er.load_foreign(made[0] if isinstance(made, tuple) else made, **arguments)


def change_state(path, **changes):
    """Change tensors of a checkpoint of :data:`CASES` in its file, by parts of their names; ``None`` removes one."""
    file = path / "model.pt" if path.is_dir() else path
    content = torch.load(file)
    state = content["model_state_dict" if path.is_dir() else "state_dict"]
    prefix = "model." if file.suffix == ".ckpt" else ""
    for part, tensor in changes.items():
        name = f"{prefix}{part}"
        state.pop(name) if tensor is None else state.update({name: tensor})
    torch.save(content, file)
    return path


SHAPES = {"pytorch-vae": (3, 16, 16)}
#: A weight, and a bias that is joined with another.
NAMES = {
    "classic": ("fc3.weight", "fc22.bias"),
    "pythae": ("encoder.layers.0.0.weight", "encoder.log_var.bias"),
    "pytorch-vae": ("decoder.0.0.weight", "fc_var.bias"),
}
FORMATS = sorted(NAMES)
DAMAGES = {
    "another network": (lambda name: {"flow.0.weight": torch.zeros(2)}, r"holds 'flow\.0\.weight' \(1 tensor"),
    "NaN": (lambda name: {name: torch.full((3,), math.nan)}, "3 of the 3 numbers of '.*' are NaN or infinite"),
    "infinity": (lambda name: {name: torch.tensor([1, math.inf])}, "1 of the 2 numbers of '.*' are NaN or infinite"),
    "missing": (lambda name: {name: None}, r"has no tensor '.*' \(it has|no known format"),
    "of another size": (lambda name: {name: torch.zeros(7, 7)}, "do not fit each other|belongs to another model"),
    "a number": (lambda name: {name: torch.tensor(1.0)}, "do not fit each other|belongs to another model"),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("i", [0, 1])
@pytest.mark.parametrize("case", FORMATS)
def test_tensors_that_do_not_make_the_model_are_refused(case, i, damage, tmp_path, capsys):
    make, error = DAMAGES[damage]
    path = change_state(CASES[case](tmp_path)[0], **make(NAMES[case][i]))
    with pytest.raises(ValueError, match=error) as raised:
        er.load_foreign(path, shape=SHAPES.get(case))
    assert "recipe.json" not in str(raised.value)
    shape = ("--shape", "3,16,16") if case in SHAPES else ()
    assert main(["import", str(path), "--out", str(tmp_path / "run"), *shape]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("case", "name"),
    [
        ("pythae", "discriminator.layers.0.0.weight"),
        ("pytorch-vae", "discrminator.0.weight"),
        ("pytorch-vae", "feature_network.features.0.weight"),
    ],
)
def test_modules_for_the_training_alone_are_left_out_with_a_warning(case, name, tmp_path):
    path = change_state(CASES[case](tmp_path)[0], **{name: torch.zeros(2)})
    with pytest.warns(UserWarning, match=rf"{name.partition('.')[0]} is left out, which only the training used"):
        er.load_foreign(path, shape=SHAPES.get(case))
