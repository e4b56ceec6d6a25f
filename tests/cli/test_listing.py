"""Tables of what there is."""

from elbowroom.cli import main
from elbowroom.families import LIKELIHOODS
from elbowroom.networks import NETWORKS
from elbowroom.samplers import SAMPLERS


def test_likelihoods_are_listed_with_what_may_follow_a_colon(capsys):
    assert main(["likelihoods"]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line.split()[0].partition("[")[0] for line in lines] == list(LIKELIHOODS)
    assert all(entry.help in line for line, entry in zip(lines, LIKELIHOODS.values(), strict=True))
    assert "gaussian[:SCALE|learned|channels|optimal]" in lines[list(LIKELIHOODS).index("gaussian")]


def test_every_likelihood_is_documented_and_takes_the_settings_it_lists():
    assert all(entry.help for entry in LIKELIHOODS.values())
    assert {name for name, entry in LIKELIHOODS.items() if entry.settings} == {
        *("gaussian", "laplace", "logistic-mixture", "sigmoid-gaussian", "tanh-gaussian", "student-t", "log-cosh"),
        *("negative-binomial", "zero-inflated-negative-binomial", "columns", "tokens", "views"),
        *("bins", "modes", "binned-columns", "observed"),
    }


def test_networks_and_samplers_are_listed_by_the_names_that_options_take(capsys):
    assert main(["networks"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]] == list(NETWORKS)
    assert main(["samplers"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]]
    assert [name.partition(":")[0] for name in names] == list(SAMPLERS)
    assert "mixture:10" in names
