"""Latent space of a model: decoding, paths, projections, attribute directions and nearest examples."""

from typing import TYPE_CHECKING

from elbowroom.deprecation import deprecated_getattr
from elbowroom.latent.attributes import attribute_vector, traverse_attribute
from elbowroom.latent.decode import decode_latents, decode_plane, normal_quantiles
from elbowroom.latent.encode import encode_split
from elbowroom.latent.imputation import impute
from elbowroom.latent.nearest_examples import NearestExamples, find_nearest_examples
from elbowroom.latent.paths import (
    PATHS,
    axis_traversal,
    find_path,
    interpolation,
    lerp,
    move_latent,
    paths_of,
    slerp,
    traversal,
)
from elbowroom.latent.projection import Projection, principal_components, tsne

__all__ = [
    "PATHS",
    "NearestExamples",
    "Projection",
    "attribute_vector",
    "axis_traversal",
    "decode_latents",
    "decode_plane",
    "encode_split",
    "find_nearest_examples",
    "find_path",
    "impute",
    "interpolation",
    "lerp",
    "move_latent",
    "normal_quantiles",
    "paths_of",
    "principal_components",
    "slerp",
    "traversal",
    "traverse_attribute",
    "tsne",
]

if not TYPE_CHECKING:
    __getattr__ = deprecated_getattr(__name__)
