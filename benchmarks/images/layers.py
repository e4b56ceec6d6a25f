"""The layers of vector-quantize-pytorch as quantizers of elbowroom: https://github.com/lucidrains/vector-quantize-pytorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

import elbowroom as er
from elbowroom.distributions import Quantized, split_index

#: Length of the codes of layers that have entries.
DIM = 64


class Layer(NamedTuple):
    """A layer of the package.

    Attributes:
        make: it.
        dim: the length of a code.
        index_sizes: the number of values of each of its indices.
        decode: from the layer and indices (B, P, H) to codes (B, P, dim).
    """

    make: Callable[[], nn.Module]
    dim: int
    index_sizes: tuple[int, ...]
    decode: Callable[[Any, Tensor], Tensor]


def _package() -> Any:
    import vector_quantize_pytorch

    return vector_quantize_pytorch


def _decode_one(layer: Any, indices: Tensor) -> Tensor:
    codes: Tensor = layer.indices_to_codes(indices[..., 0])
    return codes


LAYERS = {
    "VectorQuantize": Layer(
        lambda: _package().VectorQuantize(dim=DIM, codebook_size=1024),
        DIM,
        (1024,),
        lambda layer, indices: layer.get_output_from_indices(indices[..., 0]),
    ),
    "VectorQuantize, rotation off": Layer(
        lambda: _package().VectorQuantize(dim=DIM, codebook_size=1024, rotation_trick=False),
        DIM,
        (1024,),
        lambda layer, indices: layer.get_output_from_indices(indices[..., 0]),
    ),
    "VectorQuantize, cosine, dead codes": Layer(
        lambda: _package().VectorQuantize(
            dim=DIM, codebook_size=1024, use_cosine_sim=True, threshold_ema_dead_code=2, kmeans_init=True
        ),
        DIM,
        (1024,),
        lambda layer, indices: layer.get_output_from_indices(indices[..., 0]),
    ),
    "SimVQ": Layer(lambda: _package().SimVQ(dim=DIM, codebook_size=1024), DIM, (1024,), _decode_one),
    "FSQ": Layer(lambda: _package().FSQ(levels=[8, 5, 5, 5]), 4, (1000,), _decode_one),
    "LFQ": Layer(lambda: _package().LFQ(codebook_size=1024, dim=10), 10, (1024,), _decode_one),
    "LFQ, spherical": Layer(
        lambda: _package().LFQ(codebook_size=1024, dim=10, spherical=True), 10, (1024,), _decode_one
    ),
    "ResidualVQ": Layer(
        lambda: _package().ResidualVQ(dim=DIM, num_quantizers=2, codebook_size=32),
        DIM,
        (32, 32),
        lambda layer, indices: layer.get_output_from_indices(indices),
    ),
}


class LayerQuantizer(er.Quantizer):
    """A layer of the package as a quantizer, with its own gradient and its own losses.

    Indices of vectors are those of the nearest code: a layer need not choose one of its own codes for itself.

    Args:
        layer: which one.
        space: the sizes of the map of positions.
    """

    def __init__(self, layer: Layer, space: tuple[int, ...]) -> None:
        super().__init__(space, layer.dim, layer.index_sizes)
        self.layer, self._decode = layer.make(), layer.decode
        self.loss = torch.zeros(())

    def quantize(self, output: Tensor) -> Quantized:
        flat = output.reshape(-1, *self.shape)
        z, indices, *losses = self.layer(flat)
        # FSQ has no losses; those of a residual layer are one a stage.
        self.loss = torch.as_tensor(losses[0]).sum() if losses else flat.new_zeros(())
        indices = indices.reshape(*output.shape[:-1], len(self.index_sizes)).long()
        z = z.reshape(output.shape)
        return Quantized(output, z.detach(), indices, self.index_sizes, z=z)

    def decode_indices(self, indices: Tensor) -> Tensor:
        flat = indices.reshape(-1, *indices.shape[-2:])
        return self._decode(self.layer, flat).reshape(*indices.shape[:-1], self.shape[1])

    def find_indices(self, z: Tensor) -> Tensor:
        nearest = torch.cdist(z.flatten(0, -2), self.list_codes()).argmin(-1)
        return split_index(nearest.reshape(z.shape[:-1]), self.index_sizes)


class LayerLoss(er.Term):
    """The losses of a layer, as its forward returned them, times the numbers of a latent: the package averages these.

    Args:
        quantizer: whose layer it is.
    """

    name = "layer_loss"

    def __init__(self, quantizer: LayerQuantizer) -> None:
        super().__init__()
        self.quantizer = (quantizer,)  # in a tuple, so that the layer is a submodule of the model alone

    def forward(self, draw: er.Draw, step: Tensor) -> Tensor:
        (quantizer,) = self.quantizer
        rows, numbers = quantizer.shape
        return quantizer.loss * rows * numbers
