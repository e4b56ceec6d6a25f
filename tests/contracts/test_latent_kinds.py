"""Every command on every kind of latent: vectors, maps, codes of one index and of several; it works or says why not."""

import numpy as np
import pytest

import elbowroom as er
from elbowroom.cli import main
from elbowroom.samplers import fit_sampler
from tests.tiny_recipes import make_tiny
from tests.views import write_digit_views

ON_MAPS = {"network": "conv", "widths": (8, 16), "hidden": (400,)}
#: Recipes with arguments, by what their latents are.
KINDS = {
    "vector": ("vae", {}),
    "sphere": ("hyperspherical_vae", {}),
    "ball": ("poincare_vae", {}),
    "vector that follows gradients": ("hamiltonian_vae", {"leapfrog": 1}),
    "map": ("autoencoder_kl", {}),
    "numbers and categories": ("joint_vae", {}),
    "map of categories": ("dvae", {"widths": (8, 16)}),
    "vector of a decoder that reads x": ("pixel_vae", {}),
    "vector of views": ("mopoe_vae", {}),
    "vector of flows": ("flow_prior_vae", {"posterior": "iaf:1"}),
    "vector under examples": ("exemplar_vae", {}),
    "codebook": ("vq_vae", {}),
    "fsq": ("fsq_vae", {}),
    "residual map": ("rq_vae", ON_MAPS),
}
CODES = {"codebook", "fsq", "residual map"}
#: Commands with what follows the run; OUT is a new file without its ending.
COMMANDS = {
    "evaluate": ["evaluate", "RUN", "--metrics", "likelihood,latent,aggregate_posterior,code_usage", "--samples", "2"],
    "encode": ["encode", "RUN", "--out", "OUT.npz"],
    "encode as table": ["encode", "RUN", "--out", "OUT.csv"],
    "interpolate": ["interpolate", "RUN", "digits", "digits", "--out", "OUT.png"],
    "reconstruct": ["reconstruct", "RUN", "--out", "OUT.png"],
    "sample": ["sample", "RUN", "-n", "4", "--out", "OUT.png"],
    "anomalies": ["anomalies", "RUN", "--score", "elbo", "--samples", "2"],
    "audit": ["audit", "RUN"],
    "doctor": ["doctor", "RUN"],
    "explorer": ["export", "RUN", "--html", "OUT.html"],
    "traversals": ["plot", "traversals", "RUN", "--out", "OUT.png"],
    "usage": ["plot", "code_usage", "RUN", "--out", "OUT.png"],
}
#: What there is not for some kinds, with words of the error.
REFUSALS = {
    ("interpolate", "vector of views"): "the model takes 65",
    **{(name, kind): "codes of a quantizer" for name in ("interpolate", "traversals") for kind in CODES},
    ("explorer", "vector of a decoder that reads x"): "makes one element after the other",
    **{("usage", kind): "not codes of a quantizer" for kind in set(KINDS) - CODES},
}


@pytest.fixture(scope="module")
def few_digits(digits, tmp_path_factory):
    """A file of 300 digits, which all commands read in a moment."""
    x, y, _ = digits.train.first(300)
    path = tmp_path_factory.mktemp("kinds") / "digits.npz"
    np.savez(path, x=x.numpy(), y=y.numpy())
    return er.load_data(path, validation=40, test=60)


@pytest.fixture(scope="module")
def runs(few_digits, tmp_path_factory):
    """A function that returns a short run of a kind, with a sampler for codes, trained on first use."""
    made = {}

    def get_run(kind):
        if kind not in made:
            recipe, arguments = KINDS[kind]
            out = tmp_path_factory.mktemp("kinds") / recipe
            data = er.load_data(write_digit_views(out.with_suffix(".npz"))) if "views" in kind else few_digits
            made[kind] = er.fit(*make_tiny(recipe, data.shape, **arguments), data, steps=3, out=out, sampler="none")
            fit_sampler(made[kind], "transformer:2" if kind in CODES else "gaussian", data=data, max_examples=100)
        return made[kind]

    return get_run


#: Commands that take seconds, and for which every kind has tests of its own: here of one kind of each form.
LONG = {
    "audit": {"vector", "codebook", "vector of views"},
    "doctor": {"vector", "map", "codebook", "vector of views"},
    "explorer": {"vector", "map", "codebook", "ball", "numbers and categories", "vector of a decoder that reads x"},
}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        pytest.param(name, kind, marks=[] if kind in LONG.get(name, KINDS) else pytest.mark.exhaustive)
        for name in COMMANDS
        for kind in KINDS
    ],
)
def test_a_command_works_or_says_why_not(name, kind, runs, tmp_path, capsys):
    out = tmp_path / "out"
    words = [word.replace("RUN", str(runs(kind).path)).replace("OUT", str(out)) for word in COMMANDS[name]]
    capsys.readouterr()
    code = main(words)
    printed = capsys.readouterr()
    if (name, kind) in REFUSALS:
        assert code == 2
        assert REFUSALS[name, kind] in printed.err
        assert printed.err.count("\n") == 1
        return
    assert code == 0, printed.err
    if "OUT" in "".join(COMMANDS[name]):
        assert list(tmp_path.glob("out*"))


@pytest.mark.parametrize("kind", KINDS)
def test_encoded_latents_and_indices_have_the_models_shapes(kind, runs, tmp_path):
    """The decoder takes what was encoded; indices name the codes."""
    run, file = runs(kind), tmp_path / "z.npz"
    assert main(["encode", str(run.path), "--out", str(file)]) == 0
    model, arrays = er.load(run), np.load(file)
    z = model.encode(run.data().test.x)
    np.testing.assert_allclose(arrays["z"], z, atol=1e-5)
    assert ("index" in arrays) == (kind in CODES)
    if kind in CODES:
        import torch

        indices = torch.from_numpy(arrays["index"])
        indices = indices[..., None] if indices.dim() == 2 else indices
        torch.testing.assert_close(model.quantizer.decode_indices(indices), z, atol=1e-5, rtol=0)
