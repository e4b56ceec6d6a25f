"""The page's interpreter computes what torch does, for every structure of model, likelihood and activation."""

from itertools import accumulate, pairwise

import pytest
import torch
from torch import nn

import elbowroom as er
from elbowroom.exporting.js.compile import compile_graph
from elbowroom.exporting.js.graph import MIN_WEIGHT_VALUES
from elbowroom.exporting.modules import Decoder, cycle_conditions
from elbowroom.networks import ACTIVATIONS
from tests.exporting.helpers import build_model, interpreter_case, run_interpreter
from tests.tiny_recipes import FAMILIES, distinct_recipes, representative_recipes

LIKELIHOODS = [
    ((1, 8, 8), "continuous-bernoulli"),
    ((1, 8, 8), "categorical"),
    ((2, 9), "diagonal-normal"),
    ((9,), "gaussian:optimal"),
    ((9,), "laplace"),
    ((3, 5, 7), "discretized-logistic"),
    ((3, 5, 7), "logistic-mixture"),
]

#: Recipes whose decoder looks codes up by index, which the page cannot.
REFUSED = ("vq_vae_2",)
#: Recipes whose decoder reads x, or makes a latent at each step: a graph of one operation for each element.
STEPWISE = ("pixel_vae", "made_vae", "text_vae", "vrae", "vrnn", "dmm")
KINDS = [name for name in representative_recipes() if name in FAMILIES]
OTHERS = [name for name in distinct_recipes() if name not in KINDS]


@pytest.mark.parametrize("name", REFUSED)
def test_a_decoder_that_the_page_cannot_run_is_refused_with_the_way_out(name):
    model = build_model(name)
    with pytest.raises(ValueError, match=r"no 'index.Tensor', which this decoder uses: export it with --onnx"):
        compile_graph(Decoder(model).eval(), [torch.zeros(1, *model.latent_shape)], ["z"])


@pytest.mark.parametrize("names", [KINDS, pytest.param(OTHERS, marks=pytest.mark.exhaustive)], ids=["kinds", "others"])
def test_the_interpreter_does_what_torch_does(chromium, names):
    todo = [(name, (1, 8, 8), "bernoulli", {}) for name in names if name not in (*REFUSED, *STEPWISE)]
    todo += [("conv_vae", (3, 11, 9), "logistic-mixture", {"network": "residual"})]
    todo += [("conv_vae", (2, 11), "gaussian:optimal", {})]
    cases, wanted = [], []
    for name, shape, likelihood, more in todo:
        model = build_model(name, shape, likelihood, **more)
        decoder, given = Decoder(model).eval(), cycle_conditions(model, 3)
        # Any numbers, projected, lie at the border of a ball, where single precision tells little.
        z = 2 * torch.randn(3, *model.latent_shape) if model.manifold.is_flat else model.draw_prior(3)
        cases.append(interpreter_case(decoder, z, given))
        wanted.append(decoder(z, *given).detach().flatten(1))
    for what, got, want in zip(todo, run_interpreter(cases, chromium), wanted, strict=True):
        assert want.std() > 1e-3, what
        torch.testing.assert_close(torch.tensor(got), want, atol=1e-4, rtol=0, msg=lambda m, what=what: f"{what}: {m}")


class Own(nn.Module):
    """A network as others write them."""

    def __init__(self):
        super().__init__()
        self.foot = nn.Sequential(nn.Linear(4, 32), nn.BatchNorm1d(32), nn.Hardtanh())
        self.up = nn.Sequential(
            nn.ConvTranspose2d(2, 6, 4, stride=2, padding=1, groups=2),
            nn.BatchNorm2d(6),
            nn.GELU(approximate="tanh"),
            nn.LayerNorm([6, 8, 8]),
            nn.ConvTranspose2d(6, 3, 3, stride=2, output_padding=1, dilation=1),
            nn.Conv2d(3, 2, 3, stride=2, dilation=2, bias=False),
            nn.Dropout(),
        )
        for norm in (self.foot[1], self.up[1]):
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)
            nn.init.normal_(norm.weight)

    def forward(self, z):
        h = self.up(self.foot(z).reshape(-1, 2, 4, 4))
        return torch.cat((h.mean((1, 3)), h.flatten(1)[:, ::3].softmax(-1), z**2), 1)


def test_networks_of_ones_own_are_programs_too(chromium):
    torch.manual_seed(0)
    module, z = Own().eval(), torch.randn(3, 4)
    (got,) = run_interpreter([interpreter_case(module, z, ())], chromium)
    torch.testing.assert_close(torch.tensor(got), module(z).detach(), atol=1e-5, rtol=0)


class Mean(nn.Module):
    def __init__(self, family):
        super().__init__()
        self.family = family

    def forward(self, z):
        return self.family(z).mean


class Beside(nn.Module):
    """Modules that each take columns of their own, so that one graph has them all."""

    def __init__(self, modules, sizes):
        super().__init__()
        self.parts, self.ends = nn.ModuleList(modules), list(accumulate(sizes))

    def forward(self, z):
        columns = [z[:, start:end] for start, end in pairwise([0, *self.ends])]
        return torch.cat([part(x).flatten(1) for part, x in zip(self.parts, columns, strict=True)], 1)


def test_every_likelihood_and_activation_is_a_program(chromium):
    """Their numbers far out too, where formulas lose their digits."""
    torch.manual_seed(0)
    columns = er.Columns(er.Gaussian(1), er.Bernoulli(1), er.families.Classes(3), er.Laplace(1))
    families = [er.likelihood(name, shape) for shape, name in LIKELIHOODS] + [columns]
    modules = [Mean(family) for family in families]
    sizes = [family.size for family in families]
    for make_layer in ACTIVATIONS.values():
        modules.append(make_layer(6, 4))
        sizes.append(6)
    z = 4 * torch.randn(3, sum(sizes))
    (found,) = run_interpreter([interpreter_case(Beside(modules, sizes).eval(), z, ())], chromium)
    wanted = [module(part).detach().flatten(1) for module, part in zip(modules, z.split(sizes, 1), strict=True)]
    parts = torch.tensor(found).split([want.shape[1] for want in wanted], 1)
    for module, want, got in zip(modules, wanted, parts, strict=True):
        torch.testing.assert_close(got, want, atol=1e-4, rtol=0, msg=lambda m, at=module: f"{at}: {m}")


def test_half_precision_is_that_of_torch(chromium):
    """The weights as the page reads them are those that torch rounds to, and settings of formulas are not rounded."""
    model = build_model("vae", likelihood="discretized-logistic")
    z = torch.randn(4, 3)
    one = interpreter_case(Decoder(model).eval(), z, (), half=True)
    for parameter in model.parameters():
        if parameter.numel() >= MIN_WEIGHT_VALUES:
            parameter.data.copy_(parameter.half().float())
    (got,) = run_interpreter([one], chromium)
    want = Decoder(model).eval()(z).detach().flatten(1)
    torch.testing.assert_close(torch.tensor(got), want, atol=1e-5, rtol=0)
