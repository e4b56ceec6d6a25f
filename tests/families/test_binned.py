"""Histograms and modes of columns, and how bins are chosen."""

import math

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.column_bins import ColumnBins
from elbowroom.data.table_bins import choose_bins
from elbowroom.distributions.histogram import Histogram
from elbowroom.families.binned import Modes
from elbowroom.table_shape import TableShape, resolve_table_likelihood

RNG = np.random.default_rng(0)
COLUMNS = {
    "zero-inflated": np.where(RNG.random(2000) < 0.9, 0.0, RNG.lognormal(8, 2, 2000)),
    "counts": RNG.poisson(3, 2000).astype(float),
    "heavy tail": RNG.standard_cauchy(2000),
    "bounded": np.clip(RNG.normal(0.5, 0.5, 2000), 0, 1),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_the_frequencies_of_bins_draw_the_column_again(name):
    values = COLUMNS[name].round(5)
    bins = choose_bins(values)
    edges = torch.tensor(bins.edges, dtype=torch.double)
    counts = torch.histogram(torch.from_numpy(values), edges).hist
    assert counts.sum() == len(values)
    drawn = Histogram(counts.log(), edges, torch.tensor(bins.atoms)).sample((20_000,)).numpy().round(5)
    both = np.sort(np.concatenate([values, drawn]))
    cdfs = [np.searchsorted(np.sort(part), both, side="right") / len(part) for part in (values, drawn)]
    assert np.abs(cdfs[0] - cdfs[1]).max() < 0.035
    assert bins.edges[0] <= drawn.min() <= drawn.max() <= bins.edges[-1]


def test_zeros_and_counts_are_drawn_exactly():
    for name in ("zero-inflated", "counts"):
        values = COLUMNS[name]
        bins = choose_bins(values)
        centers = [(low + high) / 2 for low, high in zip(bins.edges, bins.edges[1:], strict=False)]
        atoms = [center for center, atom in zip(centers, bins.atoms, strict=True) if atom]
        assert np.abs(np.array(atoms)).min() < 1e-9
        assert name != "counts" or len(atoms) == len(np.unique(values))


def test_the_density_integrates_to_one():
    p = Histogram(torch.randn(3, dtype=torch.double), torch.tensor([-1.0, 0, 0.5, 2]).double(), torch.zeros(3) > 0, 0.1)
    x = torch.linspace(-60, 60, 1_200_001, dtype=torch.double)
    assert p.log_prob(x).exp().sum().item() * 1e-4 == pytest.approx(1, abs=1e-3)


def test_the_modes_have_a_density_that_integrates_to_one():
    p = Modes(ColumnBins.parse("-1;0!;1;2"))(torch.randn(1, 4)).base_dist
    x = torch.linspace(-30, 30, 600_001)[:, None, None]
    assert p.log_prob(x).exp().sum().item() * 1e-4 == pytest.approx(1, abs=1e-3)


def test_values_beyond_the_bins_have_the_unseen_mass():
    p = Histogram(torch.zeros(1), torch.tensor([0.0, 1.0]), torch.tensor([False]), 0.5)
    assert p.log_prob(torch.tensor(2.0)).item() == pytest.approx(math.log(0.25) - 1)


def test_the_spelling_is_read_as_it_is_written():
    bins = choose_bins(COLUMNS["zero-inflated"])
    again = ColumnBins.parse(bins.spelling)
    assert again.atoms == bins.atoms
    assert np.allclose(again.edges, bins.edges, rtol=1e-8)
    shape = TableShape((1, 3), 450, (again, None))
    _, spelled = resolve_table_likelihood(shape, "bins")
    read, name = resolve_table_likelihood((2,), spelled)
    assert (read.bins, name, read.rows) == (shape.bins, spelled, 450)


@pytest.mark.parametrize("text", ["1", "1;1", "2;1", "0;nan", "0;a"])
def test_edges_that_do_not_increase_are_refused(text):
    with pytest.raises(ValueError, match="increase"):
        ColumnBins.parse(text)


@pytest.mark.parametrize("likelihood", ["bins", "modes"])
def test_missing_cells_add_nothing_and_the_model_is_made_again_from_its_spelling(likelihood):
    x = torch.tensor(np.column_stack([COLUMNS["bounded"], RNG.integers(0, 3, 2000)]), dtype=torch.float32)
    shape = TableShape((1, 3), 2000, (choose_bins(x[:, 0].numpy()), None))
    model, _ = er.recipes.tvae(shape, latent=2, hidden=(8,), likelihood=likelihood, seed=0)
    call = model.recipe_call
    again, _ = er.recipes.tvae(call.shape, seed=0, **call.arguments)
    p, other = (m.decode(torch.ones(5, 2)) for m in (model, again))
    assert p.log_prob(x[:5]).equal(other.log_prob(x[:5]))
    assert not p.log_prob(torch.full((5, 2), torch.nan)).any()
    assert model.encode(x[:5].masked_fill(x[:5] > 1, torch.nan)).isfinite().all()


def test_a_table_has_modes_by_default_and_columns_ignore_bins():
    shape = TableShape((1, 2), 9, (ColumnBins.parse("0!;1!;2"), None))
    assert er.recipes.tvae(shape)[0].recipe_call.arguments["likelihood"] == "modes:1[0!;1!;2],2/9"
    model, _ = er.recipes.vae(shape)
    assert model.recipe_call.arguments["likelihood"] == "columns:1,2/9"
