"""The labs run, print their tables, and have their pages."""

import importlib
import re
from itertools import pairwise
from pathlib import Path

import pytest
import torch

import elbowroom.labs as labs_package
from elbowroom.cli import main
from elbowroom.labs.registry import lab_names
from tests.oracles.test_published_curve import CLASSIC

#: Flags with which each lab takes seconds.
QUICK_FLAGS = {
    "convergence": ["--epochs", "1"],
    "latent_dimension": ["--epochs", "1", "--seeds", "2"],
    "batch_and_rate": ["--epochs", "1", "--long", "2"],
    "bottlenecks": ["--epochs", "1"],
    "softplus_50d": ["--epochs", "2", "--pyro-epochs", "1"],
    "latent_walk": ["--epochs", "1"],
    "kl_surface": ["--epochs", "1"],
    "small_sets": ["--epochs", "1", "--sizes", "200,400", "--shown-sizes", "200,400"],
    "semisupervised": ["--epochs", "1", "--labels", "20,50"],
}


@pytest.fixture
def lab():
    """A function that imports a lab by its name."""
    return lambda name: importlib.import_module(f"elbowroom.labs.{name}")


def test_every_lab_that_draws_a_figure_is_here():
    labs = Path(labs_package.__file__).parent
    drawing = {name for name in lab_names() if "args.figure" in (labs / f"{name}.py").read_text(encoding="utf-8")}
    assert drawing == set(QUICK_FLAGS)


def test_labs_are_listed_with_what_they_ask(capsys):
    assert main(["lab"]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line.split()[0] for line in lines if line[0] != " "] == lab_names()
    assert main(["lab", "kl-surfaces"]) == 2
    assert "did you mean 'kl_surface'?" in capsys.readouterr().err


def test_a_default_may_depend_on_the_data(monkeypatch):
    seen = {}
    monkeypatch.setattr("elbowroom.labs.small_sets.main", lambda args: seen.update(vars(args)))
    assert main(["lab", "small_sets", "--seed", "3"]) == 0
    assert (seen["data"], seen["sizes"], seen["seed"]) == ("celeba", "400,2000,8000", 3)
    assert main(["lab", "small-sets", "--data", "digits", "--epochs", "1"]) == 0
    assert (seen["sizes"], seen["shown"], seen["resize"], seen["epochs"]) == ("200,1200", "digits", 0, 1)
    assert seen["figure"] == Path("runs/labs/small-sets/small-sets.png")


@pytest.mark.parametrize("name", QUICK_FLAGS)
def test_a_lab_prints_a_table_and_saves_a_figure_and_keeps_its_runs(name, tmp_path, monkeypatch, capsys):
    from PIL import Image

    if name == "softplus_50d":
        pytest.importorskip("pyro")
    command = ["lab", name, "--data", "digits", "--out", str(tmp_path), *QUICK_FLAGS[name]]
    assert main(command) == 0
    first = capsys.readouterr().out
    assert re.search(r"^\|---\|", first, re.MULTILINE)
    assert "nan" not in first
    (path,) = tmp_path.glob("*.png")
    assert str(path) in first
    with Image.open(path) as image:
        assert image.width > 600
    if name in ("kl_surface", "latent_walk"):  # A second call loads the runs, and prints the same.
        monkeypatch.setattr("elbowroom.fit", None)
        assert main(command) == 0
        assert capsys.readouterr().out == first


def test_a_lab_refuses_a_run_of_other_settings(lab, tmp_path, digits):
    import elbowroom as er

    def make():
        return er.recipes.vae(digits.shape, latent=2)

    common = lab("lab_common")
    run = common.train_or_load(tmp_path / "run", make, digits, 1, lr=0.01)
    assert common.test_losses(run) == common.test_losses(
        common.train_or_load(tmp_path / "run", make, digits, 1, lr=0.01)
    )
    with pytest.raises(ValueError, match="holds another training"):
        common.train_or_load(tmp_path / "run", make, er.load_data("digits", flip=True), 1, lr=0.01)
    for epochs, lr in ((2, 0.01), (1, 0.02)):
        with pytest.raises(ValueError, match=r"holds another training.*remove it, or give another --out"):
            common.train_or_load(tmp_path / "run", make, digits, epochs, lr=lr)


@pytest.mark.parametrize(
    ("name", "flag"), [("semisupervised", "--labels"), ("small_sets", "--sizes"), ("small_sets", "--shown-sizes")]
)
@pytest.mark.parametrize("counts", ["50,x", "", "50,", "0", "-5", "1.5"])
def test_counts_are_checked_before_anything_is_trained(name, flag, counts, tmp_path, capsys):
    out = tmp_path / "lab"
    assert main(["lab", name, "--data", "digits", "--out", str(out), f"{flag}={counts}"]) == 2
    assert f"{flag} '{counts}' is no list of whole numbers from 1" in capsys.readouterr().err
    assert not out.exists()


def test_the_names_of_lines_keep_apart(lab):
    common = lab("lab_common")
    axes = common.new_figure(5, 3).subplots()
    axes.set_ylim(0, 10)
    common.plot_labeled_lines(axes, [([0, 1], [0, y], f"{y}", "black") for y in (5.0, 5.01, 5.02, 9.0)])
    heights = sorted(text.xy[1] for text in axes.texts)
    assert len(heights) == 4
    assert all(b - a >= 0.5 for a, b in pairwise(heights))


def test_the_kl_surface_is_the_kl(lab):
    from torch.distributions import Normal, kl_divergence

    mean, log_var = torch.linspace(-3, 3, 7)[None, :], torch.linspace(-5, 3, 9)[:, None]
    expected = kl_divergence(Normal(mean, (0.5 * log_var).exp()), Normal(0.0, 1.0))
    surface = lab("kl_surface").kl_to_standard_normal
    torch.testing.assert_close(surface(mean, log_var), expected)
    assert surface(torch.zeros(()), torch.zeros(())) == 0


def test_sharpness_falls_with_blur(lab):
    from torch.nn.functional import avg_pool2d

    x = (torch.arange(16) >= 8).float().expand(1, 1, 16, 16)
    sharpness = lab("latent_dimension").sharpness
    # Along one edge the absolute differences stay as they are; their squares are halved by a blur over two pixels.
    assert sharpness(avg_pool2d(x, (1, 2), stride=1)) / sharpness(x) == pytest.approx(0.5**0.5, rel=0.05)


def test_latents_to_walk_are_written_out_or_in_a_file(lab, tmp_path):
    parse_latents = lab("latent_walk").parse_latents
    (tmp_path / "latents.csv").write_text("0,1\n-0.5,2\n")
    assert (
        parse_latents("0,1; -0.5,2").tolist()
        == parse_latents(str(tmp_path / "latents.csv")).tolist()
        == [[0, 1], [-0.5, 2]]
    )
    for wrong, words in (
        ("0,1", "two latents or more"),
        ("0,1,2; 3,4,5", "of two numbers"),
        ("a,b; 1,2", "write latents"),
    ):
        with pytest.raises(ValueError, match=words):
            parse_latents(wrong)


@pytest.mark.parametrize("name", QUICK_FLAGS)
def test_a_lab_has_its_page_and_figure(root, name):
    page = root / "docs" / "labs" / f"{name}.md"
    text = page.read_text(encoding="utf-8")
    assert f"elbowroom lab {name}" in text
    (figure,) = re.findall(r"!\[[^\]]+\]\((\S+)\)", text)
    assert (page.parent / figure).stat().st_size < 250_000
    assert f"({name}.md)" in (root / "docs/labs/README.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (page.parent / target).exists(), target


@pytest.fixture
def run_lab(capsys, tmp_path):
    """A function that runs a lab as the command of its page does, and returns what it prints."""

    def run(name, *arguments):
        assert main(["lab", name, "--out", str(tmp_path), *arguments]) == 0
        return capsys.readouterr().out

    return run


#: Test losses of the published curve after one epoch and after two; seeds differ by half a nat.
AFTER_ONE_EPOCH, AFTER_TWO_EPOCHS = CLASSIC[:2]


@pytest.mark.slow
@pytest.mark.exhaustive  # a training on all of MNIST
def test_a_module_of_ones_own_learns_as_the_recipe_does(run_lab, real_data):
    losses = [float(n) for n in re.findall(r"test loss ([\d.]+)", run_lab("custom_module", "--epochs", "1"))]
    assert len(losses) == 2
    assert all(abs(loss - AFTER_ONE_EPOCH) < 1.5 for loss in losses)


@pytest.mark.slow
@pytest.mark.exhaustive  # a training on all of MNIST
def test_state_and_callbacks_learn_as_the_recipe_does(run_lab, real_data):
    out = run_lab("callback_state", "--epochs", "2")
    (loss,) = re.findall(r"test loss ([\d.]+)", out)
    assert abs(float(loss) - AFTER_TWO_EPOCHS) < 1.5
    assert "first-8-0002.png" in out


@pytest.mark.slow
@pytest.mark.exhaustive  # minutes
def test_our_loop_and_pyros_pass_the_published_figure(run_lab, real_data, monkeypatch):
    # Most of the time would go into t-SNE of ten thousand latents, of which nothing is asserted; on the digits it runs.
    monkeypatch.setattr("elbowroom.latent.tsne", lambda z: z[:, :2])
    out = run_lab("softplus_50d", "--epochs", "6", "--pyro-epochs", "6")
    # Pyro counts from 0: what its figure shows at 5 is after six epochs.
    (row,) = re.findall(r"^\| 5 \| -113.30 \| \S+ \| (\S+) \| \S+ \| (\S+) \|$", out, re.MULTILINE)
    assert all(abs(float(elbo) + 113.3) < 1.5 for elbo in row)


@pytest.mark.filterwarnings("ignore:reconstruction averaged")  # the doctor's, of what the lab shows
@pytest.mark.slow
@pytest.mark.exhaustive  # an epoch of MNIST, twice
def test_an_averaged_reconstruction_leaves_nothing_in_the_latent(run_lab, real_data):
    out = run_lab("kl_surface", "--epochs", "1")
    kl = {name: float(kl) for name, kl in re.findall(r"^\| (\w+) \| \S+ \| \S+ \| (\S+) \|", out, re.MULTILINE)}
    assert kl["summed"] > 20
    assert kl["averaged"] < 0.5
