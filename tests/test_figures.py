"""Figures: every kind for every recipe, what they show, and what they say where there is nothing to show."""

import numpy as np
import pytest
import torch
from PIL import Image

import elbowroom as er
from elbowroom.cli import main
from elbowroom.plotting import PLOTS, RunView, plot, plot_curves, write_gif
from elbowroom.plotting.figure import ImageGrid
from elbowroom.plotting.matplotlib_backend import tile_images
from elbowroom.plotting.style import CLASS_COLORS, color_labels
from elbowroom.recipes import RECIPES

SMALL = {
    "factor_vae": {"critic": (16,), "latent": 4},
    "vamp_vae": {"components": 10, "latent": 2},
    "vq_vae": {"codes": 8, "dim": 3},
    "ladder_vae": {"latent": (6, 3), "hidden": (32, 16)},
    "vae": {"latent": 2},
    "autoencoder": {"latent": 2},
    "iwae": {"k": 3},
    "m2": {"latent": 3, "hidden": (16,)},
}
#: What some models have not, in a few words of the line that says so.
MISSING = {
    ("autoencoder", "samples"): "no prior to sample from",
    ("autoencoder", "nearest"): "no prior to sample from",
    ("vq_vae", "codes"): "choices from a codebook",
    ("vq_vae", "traversals"): "choices from a codebook",
    ("vq_vae", "interpolations"): "choices from a codebook",
    **{(name, kind): "their own plane" for name in ("vae", "vamp_vae", "autoencoder") for kind in ("pca", "tsne")},
    **{(name, "plane"): "dimensions, not two" for name in RECIPES if SMALL.get(name, {}).get("latent") != 2},
    ("vq_vae", "plane"): "choices from a codebook",
    ("table", "plane"): "rows of a table",
}


def wine():
    from sklearn.datasets import load_wine

    held = load_wine()
    return er.load_data((held.data.astype("float32"), held.target), validation=20, test=30)


@pytest.fixture(scope="module")
def looks(digits, tmp_path_factory):
    """A look at a short run of every recipe, and of one on a table."""
    made = {}

    def look(name):
        if name not in made:
            torch.manual_seed(0)
            data, more = digits, {}
            if name == "table":
                data, more = wine(), {"latent": 3, "likelihood": "gaussian:optimal", "hidden": (16,)}
            recipe = RECIPES.get(name, RECIPES["vae"])
            model, objective = recipe(data.shape, **SMALL.get(name, {}) | more)
            out = tmp_path_factory.mktemp(name) / "run"
            # Pictures are saved after whole epochs.
            length = {"epochs": 2} if name in ("vae", "table") else {"steps": 4}
            run = er.fit(model, objective, data, **length, batch_size=100, out=out, device="cpu")
            made[name] = RunView(run, data, examples=60)
        return made[name]

    return look


@pytest.mark.parametrize("kind", list(PLOTS))
@pytest.mark.parametrize("name", [*RECIPES, "table"])
def test_every_figure_names_its_axes_or_says_why_there_is_none(looks, name, kind):
    look = looks(name)
    if (name, kind) in MISSING:
        with pytest.raises(ValueError, match=MISSING[name, kind]) as why:
            PLOTS[kind](look)
        assert "\n" not in str(why.value)
        return
    figure = PLOTS[kind](look)
    for axes in figure.axes:
        # A colour bar has one axis.
        assert axes.get_ylabel(), axes
        assert axes.get_xlabel() or axes.get_label() == "<colorbar>", axes
    shown = PLOTS[kind].build_spec(look)
    assert shown.caption.endswith(".")
    assert shown.protocol
    assert figure.get_suptitle() == shown.title


UNITS = {
    "curves": ("optimiser steps", "nats per example"),
    "codes": ("standard deviations of the prior", "standard deviations of the prior"),
    "traversals": ("standard deviations of the prior", "KL in nats"),
    "kl": ("dimension", "nats per example"),
    "nearest": ("distance in pixel values", "sample"),
    "plane": ("standard deviations of the prior", "standard deviations of the prior"),
}


@pytest.mark.parametrize("kind", list(UNITS))
def test_axes_have_units(looks, kind):
    axes = PLOTS[kind](looks("vae")).axes[0]
    for label, unit in zip((axes.get_xlabel(), axes.get_ylabel()), UNITS[kind], strict=True):
        assert unit in label


def only_sheet(shown):
    (sheet,) = shown.parts
    assert isinstance(sheet, ImageGrid)
    return sheet


def test_reconstructions_stand_under_their_data(looks):
    look = looks("beta_vae")
    cells = only_sheet(PLOTS["reconstructions"].build_spec(look)).cells
    x = look.batch.x
    assert torch.equal(cells[0], x[:10])
    assert torch.equal(cells[2], x[10:20])
    torch.testing.assert_close(cells[3], look.model.reconstruct(x)[10:20])


def test_traversals_are_sorted_by_the_kl_of_an_evaluation(looks):
    look = looks("beta_vae")
    sheet = only_sheet(PLOTS["traversals"].build_spec(look))
    from dataclasses import replace

    from elbowroom.data import InMemorySplit

    same = replace(look.data, test=InMemorySplit(look.batch.x, look.batch.y))
    told = er.evaluate(look.model, same, samples=1)["kl_per_dimension"].value
    order = sorted(range(20), key=lambda dim: -told[dim])[:10]
    from elbowroom.formatting import latent_symbol

    assert list(sheet.rows) == [f"{latent_symbol(dim)}  {told[dim]:.2f}" for dim in order]
    middle = look.model.sample(z=look.codes[[look.typical_index]])[0]
    torch.testing.assert_close(sheet.cells[:, 5], middle.expand(10, 1, 8, 8), atol=1e-5, rtol=1e-4)


def test_interpolations_join_examples_of_different_labels(looks):
    look = looks("beta_vae")
    sheet = only_sheet(PLOTS["interpolations"].build_spec(look))
    assert list(sheet.rows) == ["linear", "spherical"] * 4
    for row in sheet.cells:
        ends = [next(i for i, x in enumerate(look.batch.x) if torch.equal(x, row[at])) for at in (0, -1)]
        assert look.batch.y[ends[0]] != look.batch.y[ends[1]]
        torch.testing.assert_close(row[[1, -2]], look.model.sample(z=look.codes[ends]), atol=1e-5, rtol=1e-4)


def test_nearest_are_training_examples_by_rising_distance(looks):
    look = looks("beta_vae")
    sheet = only_sheet(PLOTS["nearest"].build_spec(look))
    train = look.data.train.first(10_000).x
    for row, under in zip(sheet.cells, sheet.under, strict=True):
        distances = (train - row[0]).flatten(1).norm(dim=1).sort().values[:5]
        assert list(under) == ["", *(f"{d:.2f}" for d in distances)]
        assert all((train == x).flatten(1).all(1).any() for x in row[1:])


def test_curves_are_the_rows_of_the_metrics(looks):
    run = looks("factor_vae").run
    figure = plot_curves(run)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[0] == "loss"
    assert {"log density ratio, by the critic", "the critic's own loss", "ELBO, higher is better"} <= set(titles)
    drawn = {line.get_label(): list(line.get_ydata()) for line in figure.axes[0].get_lines()}
    assert drawn == {split: [row["loss"] for row in run.metrics(split)] for split in ("train", "validation", "test")}
    # Where the loss is the negated bound, one of them is enough.
    titles = [axes.get_title(loc="left") for axes in plot_curves(looks("vae").run).axes]
    assert titles == ["loss, −ELBO", "reconstruction, −log p(x|z)", "KL(q ‖ p)"]


def test_the_kl_of_every_latent_of_a_hierarchy_is_in_one_chart(looks):
    run = looks("hierarchical_vae").run
    (axes,) = [a for a in plot_curves(run).axes if a.get_title(loc="left").startswith("KL of each latent, validation")]
    rows = run.metrics("validation")
    told = [key for key in rows[-1] if key.startswith("kl_z")]
    assert len(told) > 1
    assert [list(line.get_ydata()) for line in axes.get_lines()] == [[row[key] for row in rows] for key in told]


def test_units_that_are_not_nats_are_said(looks):
    axes = {a.get_title(loc="left"): a.get_ylabel() for a in plot_curves(looks("vq_vae").run).axes}
    assert axes["commitment"] == "squared distance per example"


def test_active_units_are_those_of_an_evaluation(looks):
    look = looks("autoencoder")
    shown = PLOTS["kl"].build_spec(look)
    (bars,) = shown.marks
    variance = look.codes.var(0, correction=0)
    assert bars.heights == sorted(variance.tolist(), reverse=True)
    assert len(bars.heights) - len(bars.inactive) == int((variance > 0.01).sum())
    assert f"{int((variance > 0.01).sum())} of 2 are active" in shown.caption
    assert "undefined: the prior does not factorise" in shown.caption


def test_a_table_is_shown_in_standard_deviations_of_its_columns(looks):
    look = looks("table")
    x = look.data.train.first(1000).x
    torch.testing.assert_close(look.standardised(x).mean(0), torch.zeros(13), atol=1e-4, rtol=0)
    torch.testing.assert_close(look.standardised(x).std(0, correction=0), torch.ones(13), atol=1e-4, rtol=0)
    chart = PLOTS["reconstructions"].build_spec(look).marks[0]
    np.testing.assert_allclose(chart.lines[0].y, look.standardised(look.batch.x[:1])[0], atol=1e-5)
    assert chart.lines[1].y != chart.lines[0].y


def test_a_look_picks_the_same_examples_and_leaves_the_random_stream_alone(looks):
    look = looks("vae")
    before = torch.get_rng_state()
    again = RunView(look.run, look.data, examples=30)
    assert torch.equal(again.batch.index, look.batch.index[:30])
    assert torch.equal(again.samples(4), look.samples(4))
    assert torch.equal(look.data.test.first(400).x[look.batch.index], look.batch.x)
    for kind in ("samples", "nearest", "interpolations", "kl"):
        PLOTS[kind].build_spec(again)
    assert torch.equal(before, torch.get_rng_state())
    assert again.describe_examples(30) == "30 of 359 test examples of digits, picked with seed 0"
    assert RunView(look.run, look.data, examples=1000).describe_examples(359) == "all 359 test examples of digits"
    assert not torch.equal(RunView(look.run, look.data, examples=30, seed=1).batch.index, again.batch.index)


def test_a_conditional_model_is_shown_with_the_labels_of_its_examples(digits, tmp_path):
    class OneHot(torch.nn.Module):
        def forward(self, c):
            return torch.nn.functional.one_hot(c, 10).float()

    torch.manual_seed(0)
    encoder = er.Conditional(er.MLP((1, 8, 8), 10, size=4), er.DiagonalNormal(2))
    decoder = er.Conditional(er.MLP(2, 10, size=64), er.Bernoulli((1, 8, 8)))
    model = er.Model(encoder, decoder, er.Conditional(er.MLP(10, size=4), er.DiagonalNormal(2)), OneHot())
    run = er.fit(model, er.ELBO(), digits, steps=5, out=tmp_path / "run", device="cpu")
    look = RunView(run, digits, model, examples=40)
    for kind in ("reconstructions", "samples", "codes", "plane", "traversals", "interpolations", "kl", "nearest"):
        assert PLOTS[kind].build_spec(look).marks
    with pytest.raises(ValueError, match="no recipe made"):
        plot("samples", run)


@pytest.mark.parametrize("latent", [1, 3])
def test_small_and_odd_data(tmp_path, latent):
    """A single example, one dimension, no labels, three channels, attributes, labels without end."""
    rng = np.random.default_rng(0)
    x = rng.random((40, 6, 5, 3), dtype=np.float32)
    for i, (test, y) in enumerate([(1, None), (20, rng.random((40, 4), dtype=np.float32)), (20, np.arange(40))]):
        data = er.load_data(x if y is None else (x, y), validation=0, test=test)
        run = er.fit(*er.recipes.vae(data.shape, latent=latent), data, steps=2, batch_size=8, out=tmp_path / str(i))
        look = RunView(run, data)
        shown, missing = {}, {}
        for kind, plot_ in PLOTS.items():
            try:
                shown[kind] = plot_(look)
            except ValueError as error:
                missing[kind] = str(error)
        assert {"curves", "reconstructions", "samples", "traversals", "kl", "nearest"} <= set(shown)
        assert ("interpolations" in shown) == (test > 1)
        if latent == 1:
            assert "a single dimension: there is no plane to show it on" in missing["codes"]
            assert missing["plane"] == "the code has 1 dimension, not two: there is no one plane"


def test_any_module_has_its_curves(digits, tmp_path):
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 64), torch.nn.Unflatten(1, (1, 8, 8)))
    loss = er.Loss(lambda output, x: ((output - x) ** 2).sum())
    run = er.fit(module, loss, digits, steps=3, out=tmp_path / "run", device="cpu")
    look = RunView(run, digits, module)
    assert plot("curves", look).axes
    with pytest.raises(ValueError, match="Sequential is a module of your own: what it draws is for you to show"):
        plot("samples", look)


def test_labels_give_colours_to_classes_and_a_scale_to_values():
    assert color_labels(torch.tensor([1, 0]), None).classes == ("0", "1")
    assert color_labels(torch.arange(30), None).classes == ()
    assert color_labels(torch.tensor([0.1, 7.0]), None).classes == ()
    assert color_labels(torch.zeros(3, 40), None) is None
    assert color_labels(None, None) is None


def test_colours_stay_apart_for_the_colour_blind():
    """Any two of the ten, as seen with each of the three kinds of cones missing, in OKLab."""
    missing = {
        "none": np.eye(3),
        "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
        "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    }
    to_cones = [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                [0.0883024619, 0.2817188376, 0.6299787005]]  # fmt: skip
    to_lab = [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
              [0.0259040371, 0.7827717662, -0.8086757660]]  # fmt: skip
    values = np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in CLASS_COLORS])
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    for eye, matrix in missing.items():
        seen = np.clip(linear @ np.array(matrix).T, 0, 1)
        lab = np.cbrt(seen @ np.array(to_cones).T) @ np.array(to_lab).T
        apart = np.linalg.norm(lab[:, None] - lab[None], axis=-1) + np.eye(10)
        assert apart.min() > 0.09, eye


def test_a_sheet_is_laid_out_where_its_labels_say():
    cells = torch.arange(6.0).reshape(2, 3, 1, 1, 1).expand(2, 3, 1, 4, 5) / 6
    array, lefts, tops, size = tile_images(ImageGrid(cells, ["a", "b"], ["1", "2", "3"], "rows", "columns"))
    assert size == (4, 5)
    for i, top in enumerate(tops):
        for j, left in enumerate(lefts):
            assert (array[top : top + 4, left : left + 5] == cells[i, j, 0, 0, 0].item()).all()
    solid, *_ = tile_images(ImageGrid(cells, ["a", "b"], ["1", "2", "3"], "rows", "columns", is_seamless=True))
    assert solid.shape == (8, 15)


def test_unknown_kinds_and_odd_settings(looks):
    with pytest.raises(ValueError, match="unknown kind of figure 'traversal': did you mean 'traversals'"):
        plot("traversal", looks("vae"))
    with pytest.raises(ValueError, match="examples, how many to encode, must be at least 1, got 0"):
        RunView(looks("vae").run, examples=0)


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_the_command_draws_into_a_file(looks, tmp_path, capsys, ending):
    out = tmp_path / f"kl.{ending}"
    assert main(["plot", "kl", str(looks("vae").run.path), "--out", str(out), "--examples", "20"]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    magic = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[ending]
    assert out.read_bytes().startswith(magic)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("plot", "trainig", "RUN", "--out", "x.gif"), "unknown kind of figure 'trainig': did you mean 'training'?"),
        (("plot", "kl", "RUN", "--out", "x.gif"), "must end in .png or .svg or .pdf for a figure"),
        (("plot", "training", "RUN", "--out", "x.png"), "must end in .gif for a film"),
        (("plot", "kl", "RUN", "--out", "nowhere/x.png"), "there is no folder nowhere; make it first"),
        (("plot", "kl", "no-such-run", "--out", "x.png"), "no-such-run holds no run"),
        (("plot", "pca", "RUN", "--out", "x.png"), "they are their own plane"),
        (("report", "RUN", "--out", "x.pdf"), "must end in .html for a page"),
        (("report", "no-such-run"), "no-such-run holds no run"),
    ],
)
def test_a_mistake_is_one_line(looks, capsys, words, says):
    run = str(looks("vae").run.path)
    assert main([run if word == "RUN" else word for word in words]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert err.count("\n") == 1


def test_help_lists_the_kinds(capsys):
    assert main(["plot", "--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"\n  {kind} " in out for kind in [*PLOTS, "training"])


def test_a_film_has_a_frame_for_every_epoch(looks, tmp_path, capsys):
    run = looks("vae").run
    assert main(["plot", "training", str(run.path), "--out", str(tmp_path / "film.gif")]) == 0
    with Image.open(tmp_path / "film.gif") as shown:
        assert shown.n_frames == 2
        assert shown.info["loop"] == 0
        first = np.asarray(shown.convert("L")).astype(int)
        shown.seek(1)
        second = np.asarray(shown.convert("L")).astype(int)
    assert first.shape == second.shape
    assert np.abs(first - second).max() > 20
    with pytest.raises(ValueError, match="holds no pictures of epochs"):
        write_gif(looks("table").run, tmp_path / "no.gif")
