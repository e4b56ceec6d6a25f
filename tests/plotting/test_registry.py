"""Every kind of figure for every recipe: axes with units, or the reason why there is none."""

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.plotting import PLOTS, RunView, plot
from elbowroom.recipes import RECIPES
from tests.plotting.conftest import PLANES
from tests.tiny_recipes import FAMILIES, quantized_recipes, representative_recipes

QUANTIZED = quantized_recipes()
#: Figures that some models do not have, with words of the error message.
MISSING = {
    **{
        (name, kind): "no prior to sample from"
        for name in ("autoencoder", "rae_l2", "rae_gp")
        for kind in ("samples", "nearest")
    },
    **{
        (name, kind): "codes of a quantizer"
        for name in QUANTIZED
        for kind in ("latents", "traversals", "interpolations")
    },
    **{(name, "code_usage"): "not codes of a quantizer" for name in [*RECIPES, "table"] if name not in QUANTIZED},
    **{(name, "samplers"): "both a prior and a fitted sampler" for name in [*RECIPES, "table"]},
    **{(name, kind): "their own plane" for name in ("vae", "vamp_vae", "autoencoder") for kind in ("pca", "tsne")},
    **{(name, "plane"): "dimensions, not two" for name in RECIPES if name not in PLANES},
    **{(name, "plane"): "codes of a quantizer" for name in QUANTIZED},
    ("table", "plane"): "rows of a table",
    **{(name, "topics"): "no topics: train prod_lda" for name in [*RECIPES, "table"] if name != "prod_lda"},
    **{(name, kind): "no rows of a table" for name in [*RECIPES, "table"] for kind in ("columns", "strange-rows")},
    **{(name, "views"): "this figure is for multimodal data" for name in [*RECIPES, "table"]},
    **{
        (name, kind): "decoder is not affine"
        for name in [*RECIPES, "table"]
        for kind in ("components", "component-angles")
    },
}


#: A figure of a run depends on the structure of its model; the curves depend on the recipe's objective.
CASES = [(name, kind) for name in [*representative_recipes(), "table"] for kind in PLOTS if kind != "curves"]
CASES += [(name, "curves") for name in [*RECIPES, "table"]]
FAST = {*FAMILIES, "table"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [case if case[0] in FAST else pytest.param(*case, marks=pytest.mark.exhaustive) for case in CASES],
)
def test_every_figure_names_its_axes_or_says_why_there_is_none(views, name, kind):
    view = views(name)
    if (name, kind) in MISSING:
        with pytest.raises(ValueError, match=MISSING[name, kind]) as caught:
            PLOTS[kind](view)
        assert "\n" not in str(caught.value)
        return
    figure = PLOTS[kind](view)
    for axes in figure.axes:
        if axes.tables:
            continue
        # A color bar has one axis.
        assert axes.get_ylabel(), axes
        assert axes.get_xlabel() or axes.get_label() == "<colorbar>", axes
    spec = PLOTS[kind].build_spec(view)
    assert spec.caption.endswith(".")
    assert spec.protocol
    assert figure.get_suptitle() == spec.title


UNITS = {
    "curves": ("optimiser steps", "nats per example"),
    "latents": ("standard deviations of the prior", "standard deviations of the prior"),
    "traversals": ("standard deviations of the prior", "KL in nats"),
    "kl": ("dimension", "nats per example"),
    "nearest": ("distance in pixel values", "sample"),
    "plane": ("standard deviations of the prior", "standard deviations of the prior"),
}


@pytest.mark.parametrize("kind", list(UNITS))
def test_axes_have_units(views, kind):
    axes = PLOTS[kind](views("vae")).axes[0]
    for label, unit in zip((axes.get_xlabel(), axes.get_ylabel()), UNITS[kind], strict=True):
        assert unit in label


@pytest.mark.parametrize("latent", [1, 3])
def test_small_and_odd_data(tmp_path, latent):
    """A single example, one dimension, no labels, three channels, attributes, labels without end."""
    rng = np.random.default_rng(0)
    x = rng.random((40, 6, 5, 3), dtype=np.float32)
    for i, (test, y) in enumerate([(1, None), (20, rng.random((40, 4), dtype=np.float32)), (20, np.arange(40))]):
        data = er.load_data(x if y is None else (x, y), validation=0, test=test)
        run = er.fit(*er.recipes.vae(data.shape, latent=latent), data, steps=2, batch_size=8, out=tmp_path / str(i))
        view = RunView(run, data)
        figures, missing = {}, {}
        for kind, plot_ in PLOTS.items():
            try:
                figures[kind] = plot_(view)
            except ValueError as error:
                missing[kind] = str(error)
        assert {"curves", "reconstructions", "samples", "traversals", "kl", "nearest"} <= set(figures)
        assert ("interpolations" in figures) == (test > 1)
        if latent == 1:
            assert "a single dimension: there is no plane to show it on" in missing["latents"]
            assert missing["plane"] == "the latent has 1 dimension, not two: there is no one plane"


def test_any_module_has_its_curves(digits, tmp_path):
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 64), torch.nn.Unflatten(1, (1, 8, 8)))
    loss = er.Loss(lambda output, x: ((output - x) ** 2).sum())
    run = er.fit(module, loss, digits, steps=3, out=tmp_path / "run", device="cpu")
    view = RunView(run, digits, module)
    assert plot("curves", view).axes
    with pytest.raises(ValueError, match="Sequential is a module of your own that does not return"):
        plot("samples", view)


def test_unknown_kinds_and_odd_settings(views):
    with pytest.raises(ValueError, match="unknown kind of figure 'traversal': did you mean 'traversals'"):
        plot("traversal", views("vae"))
    with pytest.raises(ValueError, match="examples, how many to encode, must be at least 1, got 0"):
        RunView(views("vae").run, examples=0)


def test_the_old_kind_of_figure_warns(views):
    with pytest.warns(DeprecationWarning, match="the figure 'codes' is now called 'latents'"):
        figure = plot("codes", views("vae"))
    assert figure.get_suptitle() == "Latents, two dimensions"


def test_figures_leave_the_random_stream_alone(views):
    before = torch.get_rng_state()
    view = RunView(views("vae").run, views("vae").data, examples=30)
    for kind in ("samples", "nearest", "interpolations", "kl"):
        PLOTS[kind].build_spec(view)
    assert torch.equal(before, torch.get_rng_state())


def test_a_conditional_model_is_shown_with_the_labels_of_its_examples(digits, tmp_path):
    class OneHot(torch.nn.Module):
        def forward(self, c):
            return torch.nn.functional.one_hot(c, 10).float()

    torch.manual_seed(0)
    encoder = er.Conditional(er.MLP((1, 8, 8), 10, size=4), er.DiagonalNormal(2))
    decoder = er.Conditional(er.MLP(2, 10, size=64), er.Bernoulli((1, 8, 8)))
    model = er.Model(encoder, decoder, er.Conditional(er.MLP(10, size=4), er.DiagonalNormal(2)), OneHot())
    run = er.fit(model, er.ELBO(), digits, steps=5, out=tmp_path / "run", device="cpu")
    view = RunView(run, digits, model, examples=40)
    for kind in ("reconstructions", "samples", "latents", "plane", "traversals", "interpolations", "kl", "nearest"):
        assert PLOTS[kind].build_spec(view).marks
    with pytest.raises(ValueError, match="no recipe made"):
        plot("samples", run.path)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("column_stats", None),
        ("describe_label", (0,)),
        ("dimension_name", (0,)),
        ("grayscale_note", None),
        ("has_standard_prior", None),
        ("is_conditional", None),
        ("is_quantized", None),
        ("labels", None),
        ("latent_metrics", None),
        ("latent_step", None),
        ("n_latents", None),
        ("ranked_dimensions", None),
        ("require_continuous", ()),
        ("standardize", (torch.zeros(2, 13),)),
        ("typical_index", None),
    ],
)
def test_attributes_of_a_view_that_moved_to_the_figures_work_with_a_warning(views, name, arguments):
    with pytest.warns(
        DeprecationWarning, match=rf"RunView\.{name} is now called (elbowroom\.plotting|model)\.[a-z_.]+"
    ):
        value = getattr(views("table"), name)
    assert callable(value) == (arguments is not None)
    if arguments is not None:
        value(*arguments)
