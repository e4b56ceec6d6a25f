"""Explore in a browser for tables, series, codebooks, hierarchies and samplers: what it writes, by the library."""

import math

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom import noise
from elbowroom.data.readers.table_encoding import decode_rows
from elbowroom.runs.run import Run
from elbowroom.samplers import fit_sampler, load_with_sampler
from tests.browser.conftest import Server
from tests.browser.helpers import LEVEL, is_number, number, read_image, wait_for_image, wait_until

TABLE = "age,color,on\n" + "".join(
    f"{20 + i % 50},{('red', 'green', 'blue')[i % 3]},{1 + i % 28:02}.03.2021\n" for i in range(120)
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, digits):
    path = tmp_path_factory.mktemp("kinds")
    (path / "people.csv").write_text(TABLE)
    table = er.load_data(path / "people.csv")
    x = torch.randn(80, 2, 30, generator=torch.Generator().manual_seed(0))
    np.savez(path / "waves.npz", x=x.numpy())
    series = er.load_data(path / "waves.npz", layout="series")
    fits = {
        "table": (er.recipes.vae(table.shape, latent=3), table),
        "series": (er.recipes.vae(series.shape, latent=3, likelihood="gaussian"), series),
        "codes": (er.recipes.vq_vae(digits.shape, latent=4, codes=8, dim=3), digits),
        "ladder": (er.recipes.ladder_vae(digits.shape), digits),
        "sampled": (er.recipes.autoencoder(digits.shape, latent=3), digits),
    }
    for name, (recipe, data) in fits.items():
        er.fit(*recipe, data, steps=100 if name == "codes" else 20, out=path / name, report=False, sampler="none")
    fit_sampler(path / "sampled", "gaussian")
    return path


@pytest.fixture(scope="module")
def server(folder):
    running = Server(folder)
    yield running
    running.stop()


def open_run(page, server, run, state=""):
    page.goto(f"{server.url}/#/explore/{run}{state}")
    page.wait_for_selector(".weights")
    page.wait_for_selector(".busy", state="hidden", timeout=60_000)


def set_slider(page, selector, value):
    page.eval_on_selector(
        selector, "(s, value) => { s.value = value; s.dispatchEvent(new Event('input')); }", str(value)
    )


def read_cells(page):
    rows = page.locator(".cells tbody tr")
    return {row.locator("th").inner_text(): row.locator("td b").inner_text() for row in rows.all()}


def test_a_table_is_written_in_its_units_with_probabilities(page, server, folder):
    """Oracle: cells are those that the library decodes, probabilities those of its distribution."""
    open_run(page, server, "table", "?z=0.5,-1.2,0.3")
    model, columns = er.load(folder / "table"), Run(folder / "table").record["data"]["columns"]

    def decoded(z):
        (cells,) = decode_rows(model.sample(z=z, draw=False), columns)
        return dict(zip(("age", "color", "on"), map(str, cells), strict=True))

    z = torch.tensor([[0.5, -1.2, 0.3]])
    wait_until(lambda: read_cells(page) == decoded(z))
    dim = int(page.get_attribute(".sliders .slider", "data-dimension"))
    set_slider(page, ".sliders .slider input", 2.5)
    z[0, dim] = 2.5
    wait_until(lambda: read_cells(page) == decoded(z))
    page.click(".cells summary")
    bars = [item.locator("span").all_inner_texts() for item in page.locator(".cells li").all()]
    p = model.decode(z).columns[1].base_dist.logits[0, 0].softmax(-1) * (1 - 1 / (columns[1]["rows"] + 1))
    assert [bar[0] for bar in bars] == columns[1]["categories"]
    assert [number(bar[-1].removesuffix(" %")) for bar in bars] == pytest.approx((100 * p).tolist(), abs=0.51)


def test_the_example_beside_a_table_is_the_row_of_the_file(page, server):
    open_run(page, server, "table", "?z=0,0,0&example=test:4")
    wait_until(lambda: page.inner_text(".cells thead th:last-child") == "test 4")
    row = [cell.inner_text() for cell in page.locator(".cells td.known").all()]
    assert ",".join(row) in TABLE.splitlines()


def test_samples_of_a_table_are_rows_that_can_be_decoded(page, server, folder):
    open_run(page, server, "table", "?tab=samples")
    page.wait_for_selector(".rows tbody tr")
    assert page.locator(".rows thead th").all_inner_texts() == ["age", "color", "on"]
    assert page.locator(".rows tbody tr").count() == 16
    torch.manual_seed(0)
    x, z = er.load(folder / "table").sample_with_latents(16)
    cells = decode_rows(x, Run(folder / "table").record["data"]["columns"])
    assert page.locator(".rows tbody tr").nth(2).locator("td").all_inner_texts() == list(map(str, cells[2]))
    page.click(".rows tbody tr:nth-child(3) button")
    shown = {row.get_attribute("data-dimension"): row.locator("output") for row in page.locator(".slider").all()}
    for dim, value in enumerate(z[2].tolist()):
        wait_until(lambda dim=dim, value=value: abs(number(shown[str(dim)].inner_text()) - value) < 0.0051)


def test_a_series_is_drawn_and_read_as_curves(page, server, folder):
    open_run(page, server, "series", "?z=1,0,-1")
    page.wait_for_selector(".curves canvas")
    assert page.inner_text(".curves .legend") == "2 channels over 30 time steps"
    x = er.load(folder / "series").sample(z=torch.tensor([[1.0, 0.0, -1.0]]), draw=False)[0]
    page.focus(".curves .area")
    page.keyboard.press("End")

    def is_read(value):
        words = page.locator(".curves .reading:visible").inner_text().split()
        return any(abs(number(word) - value) < 0.0051 for word in words if is_number(word))

    for channel in x:
        wait_until(lambda value=float(channel[-1]): is_read(value))
    assert "channel 1, decoded" in page.locator(".curves .reading:visible").inner_text()


def test_an_entry_of_a_codebook_is_swapped(page, server, folder):
    """Oracle: pressing a cell decodes the latent with that entry at that position, and the others as they were."""
    open_run(page, server, "codes", "?z=0,1,2,3")
    model = er.load(folder / "codes")
    entries = [0, 1, 2, 3]
    wait_for_image(page, model.sample(z=model.codebook[entries][None], draw=False)[0])
    assert not page.locator(".sliders").count()
    answer = page.evaluate("fetch('/api/codebook?run=codes').then((r) => r.json())")
    totals = np.sum(answer["counts"], 0)
    order = sorted(range(8), key=lambda entry: (-totals[entry], entry))
    n_used = int((totals > 0).sum())
    assert f"{n_used} of 8 entries are used by 359 test examples" in page.inner_text(".codebook-panel")
    if n_used < 8:
        assert f"examples; {8 - n_used} by none." in page.inner_text(".codebook-panel")
        width = page.locator(".codebook").bounding_box()["width"]
        page.click("text=Show unused entries")
        wait_until(lambda: page.locator(".codebook").bounding_box()["width"] > width)
    box = page.locator(".codebook").bounding_box()
    row_height = (box["height"] - 56) / 4
    page.locator(".codebook").click(position={"x": box["width"] * 5.5 / 8, "y": 56 + 2.5 * row_height})
    entries[2] = order[5]
    wait_for_image(page, model.sample(z=model.codebook[entries][None], draw=False)[0])
    n = answer["counts"][2][entries[2]]
    said = f"Position 3, entry {entries[2] + 1}: of 359 test examples {n or 'none'} {'has' if n == 1 else 'have'} it"
    wait_until(lambda: said in page.inner_text(".entry"))
    page.keyboard.press("ArrowRight")
    entries[2] = order[6]
    wait_for_image(page, model.sample(z=model.codebook[entries][None], draw=False)[0])
    wait_until(lambda: f"z={','.join(map(str, entries))}" in page.evaluate("location.hash"))


def test_latents_of_a_hierarchy_are_chosen_and_moved(page, server, folder, digits):
    """Oracle: a lower latent is moved by standard deviations of its prior; an example is its reconstruction."""
    open_run(page, server, "ladder", "?z=0.5,-0.5,1,0")
    model = er.load(folder / "ladder")
    sizes = {name: math.prod(shape) for name, shape in model.latents.items()}
    read_options = page.locator("[aria-label=latent] option").all_inner_texts
    options = wait_until(lambda: len(options := read_options()) == len(sizes) and options)
    assert f"top of {len(sizes)} latents ({sizes['z5']} of {sum(sizes.values())} dimensions, " in options[0]
    assert options[0].endswith(" nats)")
    page.select_option("[aria-label=latent]", "z1")
    name = wait_until(lambda: (name := page.inner_text(".sliders .slider span")).startswith("z₁[") and name)
    dim = int(page.get_attribute(".sliders .slider", "data-dimension"))
    assert name == f"z₁[{dim + 1}]"
    set_slider(page, ".sliders .slider input", 2.5)
    lower = [torch.zeros(1, sizes[f"z{i}"]) for i in (4, 3, 2, 1)]
    lower[-1][0, dim] = 2.5
    with torch.no_grad(), noise.explicit_noise(lower):
        expected = model.decode(torch.tensor([[0.5, -0.5, 1.0, 0.0]])).mean[0]
    wait_for_image(page, expected)

    open_run(page, server, "ladder", "?z=0,0,0,0&example=test:6")
    wait_for_image(page, model.reconstruct(digits.test.x[[6]].float() / 255)[0])


def test_samples_are_drawn_from_a_fitted_sampler(page, server, folder):
    open_run(page, server, "sampled", "?tab=samples")
    page.wait_for_selector(".grid-of-samples img")
    assert page.locator("[aria-label='draw latents from'] option").all_inner_texts() == ["sampler: gaussian"]
    assert "z ~ gaussian fitted to latents" in page.inner_text(".samples")
    torch.manual_seed(0)
    x, _ = load_with_sampler(folder / "sampled", "gaussian").sample_with_latents(36)
    shown = read_image(page.get_attribute(".grid-of-samples .cell:nth-child(5) img", "src"))
    assert np.abs(shown - x[4, 0].clamp(0, 1).numpy()).max() <= LEVEL
