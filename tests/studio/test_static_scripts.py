"""Pure parts of the studio's scripts, in Node: addresses of views, searches and groups of runs."""

import itertools
import json

import pytest

from elbowroom.studio.app import STATIC_FOLDER
from tests.web.kit import call_script

NAMES = ("address", "run_filter", "run_groups")
ADDRESS, FILTER, GROUPS = ((STATIC_FOLDER / "js" / f"{name}.js").read_text(encoding="utf-8") for name in NAMES)


def address(name="", ids=(), **state):
    return {"name": name, "ids": list(ids), "state": state}


#: An address, and the text it has.
ADDRESSES = [
    (address(), "#/"),
    (address("explore", ["plane"]), "#/explore/plane"),
    (address("compare", ["a", "b c", "d,e", "f/g"]), "#/compare/a,b%20c,d%2Ce,f%2Fg"),
    (address("explore", ["plane"], z="0.5,-1.25", tab="samples"), "#/explore/plane?z=0.5,-1.25&tab=samples"),
    (address("", q="lr<0.01 data:mnist"), "#/?q=lr%3C0.01%20data:mnist"),
    (address("run", ["ä&=?#%"], q="a&b=c?d#e%"), "#/run/%C3%A4%26%3D%3F%23%25?q=a%26b%3Dc%3Fd%23e%25"),
]


def test_addresses_are_written_and_read():
    addresses = [address for address, _ in ADDRESSES]
    texts = [text for _, text in ADDRESSES]
    assert call_script(ADDRESS, "formatAddress", [[one] for one in addresses]) == texts
    assert call_script(ADDRESS, "parseAddress", [[text] for text in texts]) == addresses


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (False, ""),
        ("", ""),
        ([], ""),
        (True, "?k=yes"),
        (0, "?k=0"),
        (1 / 3, "?k=0.33333"),
        (-12345.678, "?k=-12346"),
        ([0.5, -1, 1e-7], "?k=0.5,-1,1e-7"),
        (["a,b", "c%"], "?k=a%252Cb,c%2525"),
    ],
)
def test_values_of_a_state(value, text):
    assert call_script(ADDRESS, "formatAddress", [[{"name": "", "state": {"k": value}}]]) == [f"#/{text}"]


def test_an_address_that_is_not_valid_is_read_as_it_is():
    assert call_script(ADDRESS, "parseAddress", [["#/run/%E0%A4%A?q=%"], [""], ["#nowhere"]]) == [
        address("run", ["%E0%A4%A"], q="%"),
        address(),
        address("nowhere"),
    ]


#: Runs with their settings, by name.
RUNS = {
    "small": {"recipe": "vae", "data": "mnist", "state": "finished", "settings": {"latent": 10, "lr": 0.001}},
    "wide": {"recipe": "beta_vae", "data": "mnist", "state": "training", "settings": {"latent": 100, "lr": 0.01}},
    "deep": {"recipe": "vae", "data": "digits", "settings": {"latent": 2, "hidden": [400, 200], "flip": True}},
    "beta test": {"recipe": "conv_vae", "data": "faces", "note": "of latent codes", "settings": {"clip": None}},
    "flat": {"recipe": "beta_vae", "data": "digits", "collapsed": True, "settings": {"beta": 4}, "best": {"elbo": -27}},
}
QUERIES = {
    "": ["small", "wide", "deep", "beta test", "flat"],
    "latent 10": ["small"],
    "latent:10": ["small"],
    "latent=10": ["small"],
    "latent>=10": ["small", "wide"],
    "latent<10": ["deep"],
    "lr<0.01": ["small"],
    "data:mnist": ["small", "wide"],
    "data mnist latent 100": ["wide"],
    "recipe:vae": ["small", "wide", "deep", "beta test", "flat"],
    "recipe=vae": ["small", "deep"],
    "recipe:vae -data:mnist": ["deep", "beta test", "flat"],
    "hidden 400": ["deep"],
    "hidden:400,200": ["deep"],
    "flip:yes": ["deep"],
    "clip:none -recipe=vae": ["wide", "beta test", "flat"],
    "beta test": ["beta test"],
    '"beta test"': ["beta test"],
    "beta 4": ["flat"],
    "collapsed": ["flat"],
    "state:training": ["wide"],
    "elbo>-30": ["flat"],
    "MNIST vae": ["small", "wide"],
    "of latent": ["beta test"],
    "no such run": [],
}


def test_a_search_finds():
    settings = sorted({name for run in RUNS.values() for name in run["settings"]})
    runs = [{"name": name, "run": name} | run for name, run in RUNS.items()]
    terms = call_script(FILTER, "parseQuery", [[query, settings] for query in QUERIES])
    is_found = iter(call_script(FILTER, "matchesTerms", [[run, of_query] for of_query in terms for run in runs]))
    assert {query: [run["name"] for run in runs if next(is_found)] for query in QUERIES} == QUERIES


def make_run(name, data, elbo, started, likelihood="bernoulli", **fields):
    best = elbo and {"elbo": elbo, "split": "validation", "epoch": 3}
    settings = {"likelihood": likelihood, "binarize": "none"}
    run = {"name": name, "data": data, "best": best, "started": f"2026-01-{started:02}T00:00:00", "live": False}
    return run | {"recipe": "vae", "shape": [1, 8, 8], "settings": settings, "seconds": started} | fields


LISTED = [
    make_run("a", "digits", -25, 3),
    make_run("b", "mnist", -160, 5),
    make_run("c", "digits", -23, 1),
    make_run("d", "digits", 300, 4, likelihood="gaussian"),
    make_run("e", "mnist", -90, 2),
    make_run("f", "digits", None, 6, live=True),
]


@pytest.mark.parametrize(
    ("order", "grouping", "groups"),
    [
        ("newest", "data", [["f", "a", "c"], ["b", "e"], ["d"]]),
        ("best", "data", [["f", "c", "a"], ["e", "b"], ["d"]]),
        ("newest", "none", [["f", "b", "d", "a", "e", "c"]]),
        ("name", "none", [["f", "a", "b", "c", "d", "e"]]),
        ("longest", "recipe", [["f", "b", "d", "a", "e", "c"]]),
    ],
)
def test_runs_are_ordered_within_their_groups(order, grouping, groups):
    for runs in (LISTED, LISTED[::-1]):
        [shown] = call_script(GROUPS, "groupRuns", [[runs, order, grouping]])
        assert [[run["name"] for run in group["runs"]] for group in shown] == groups


def test_bounds_are_ordered_only_among_runs_of_the_same_data_and_likelihood():
    """Property: in every group of an order by ELBO all protocols are equal, and the ELBOs fall."""
    variants = itertools.product(["digits", "mnist"], ["bernoulli", "gaussian"], ["none", "stochastic"], [-3, -1, -2])
    runs = [make_run(str(i), data, elbo, 1 + i, likelihood) for i, (data, likelihood, _, elbo) in enumerate(variants)]
    for i, run in enumerate(runs):
        run["settings"]["binarize"] = ["none", "stochastic"][i // 3 % 2]
    [groups] = call_script(GROUPS, "groupRuns", [[runs, "best", "data"]])
    assert len(groups) == 8
    for group in groups:
        assert len({json.dumps([run["data"], run["settings"]]) for run in group["runs"]}) == 1
        assert [run["best"]["elbo"] for run in group["runs"]] == [-1, -2, -3]
    titles = {group["title"] for group in groups}
    table = make_run("t", "adult", -9, 1, "columns:1,8/26049", shape=[15])
    assert call_script(GROUPS, "shortProtocol", [[table]]) == ["adult, table of 15 columns"]
    assert "digits, 1 × 8 × 8, gaussian" in titles
    assert "mnist, 1 × 8 × 8, bernoulli, binarize stochastic" in titles
