"""What all estimators have in common: parameters, input, training, pickling and saving."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar, Self

import narwhals as nw
import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from elbowroom import errors, noise
from elbowroom.argument import arguments_of
from elbowroom.data import Batch, Data
from elbowroom.data.readers.data_frame import is_frame, read_frame
from elbowroom.models.base import GenerativeModel
from elbowroom.recipes.registry import find
from elbowroom.runs.settings import DEFAULT_BATCH_SIZE, TrainConfig
from elbowroom.samplers.default import NO_SAMPLER
from elbowroom.sklearn.input_format import InputFormat
from elbowroom.sklearn.trained_model import TrainedModel, continue_training, train_model

#: Examples that are computed at a time.
CHUNK_SIZE = 1_000
#: Largest seed of a training.
MAX_SEED = 2**31 - 1


@dataclass(kw_only=True, eq=False, repr=False)
class Estimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A recipe as an estimator of scikit-learn: its parameters, and how it is trained, copied and saved.

    Examples are a data frame of pandas, polars or pyarrow, whose columns may be numbers, categories and dates, inferred
    as by :func:`~elbowroom.load_data`; or an array (N, D), a table of D numbers, which are standardized. NaN, None and
    empty texts are missing cells: they add nothing to the likelihood. An array of more axes, as of images, or one for
    which another likelihood than that of a table is asked for, is loaded as :func:`~elbowroom.load_data` loads it.

    Nothing is left on disk unless ``out`` is given. Results do not depend on the examples computed beside an example:
    they are computed in double precision, with noise that follows from the example itself.

    Args:
        recipe: the name of a recipe, as ``elbowroom recipes`` lists them.
        latent: size of the latent; that of the recipe if not given.
        likelihood: p(x|z), as ``"gaussian"``; for a table that of its columns if not given.
        epochs: passes over the examples; if not given 10, or as many as make 1,000 steps.
        batch_size: examples per step; if not given 128 to 255, so that a set divides into batches of one size.
        lr: learning rate.
        columns: the kinds of a data frame's columns that are not to be inferred, as ``{"zip": "category"}``.
        validation_fraction: the share of the examples that is set aside to choose the best weights of the training.
        recipe_options: further arguments of the recipe, as ``{"hidden": (64,)}``.
        train_options: further settings of the training, the fields of :class:`~elbowroom.TrainConfig`.
        out: the run directory, which is kept; a second fit of the same estimator replaces it.
        random_state: seed of weights, order and noise; None for another one each time.
    """

    recipe: str = "vae"
    latent: int | None = None
    likelihood: str | None = None
    epochs: int | None = None
    batch_size: int | None = None
    lr: float = 1e-3
    columns: Mapping[str, Any] | str | None = None
    validation_fraction: float = 0.0
    recipe_options: Mapping[str, Any] | None = None
    train_options: Mapping[str, Any] | None = None
    out: str | Path | None = None
    random_state: Any = None

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "recipe": [str],
        "latent": [Interval(Integral, 1, None, closed="left"), None],
        "likelihood": [str, None],
        "epochs": [Interval(Integral, 1, None, closed="left"), None],
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "columns": [Mapping, str, None],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "recipe_options": [Mapping, None],
        "train_options": [Mapping, None],
        "out": [str, Path, None],
        "random_state": ["random_state"],
    }
    #: The fitted attributes that are saved beside the model: numbers, and lists of them.
    _saved_attributes: ClassVar[tuple[str, ...]] = ("n_features_in_", "seed_", "n_iter_")

    def _fit_model(self, X: Any, **settings: Any) -> None:
        """Train on checked examples, and set the fitted attributes."""
        self.seed_ = self._draw_seed()
        data = self.input_format_.load(X, self.columns, self.validation_fraction, self.seed_)
        recipe = find(self.recipe)
        model, objective = recipe(data.shape, seed=self.seed_, **self._recipe_arguments())
        sampler = NO_SAMPLER if recipe.sampler is None and model.has_prior else None
        own = {"sampler": sampler, "batch_size": self.batch_size or even_batch_size(len(data.train))}
        settings = self._train_settings() | own | settings | self._further_settings()
        is_own_run = self.out is not None and getattr(self, "run_directory_", None) == str(self.out)
        self.trained_: TrainedModel = train_model(model, objective, data, settings, self.out, is_own_run)
        self.run_directory_ = None if self.out is None else str(self.out)
        self.n_iter_: int = self.trained_.n_epochs
        self._complete_fit(X, data)

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train the model anew.

        Args:
            X: examples.
            y: ignored.

        Raises:
            ValueError: examples, parameters or their combination that cannot be trained; the message says what to do.
        """
        self._validate_params()
        self._fit_model(self._check_input(X, reset=True))
        return self

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Train one pass over some examples, from where the training was; coded as those of the first call.

        Args:
            X: examples.
            y: ignored.

        Raises:
            ValueError: as for :meth:`fit`; other columns than before.
        """
        self._validate_params()
        is_first = not hasattr(self, "trained_")
        X = self._check_input(X, reset=is_first)
        if is_first:
            self._fit_model(X, epochs=1)
            return self
        data = self.input_format_.load_like(X, self.trained_.record["data"])
        size = self.batch_size or even_batch_size(len(data.train))
        self.trained_ = continue_training(self.trained_, data, size)
        self.n_iter_ = self.n_iter_ + 1
        self._complete_fit(X, data)
        return self

    def save(self, path: str | Path, overwrite: bool = False) -> None:
        """Save the fitted estimator as a run directory, without pickle; :func:`elbowroom.load` returns it again.

        Commands and functions that take a run take it too.

        Args:
            path: the directory.
            overwrite: whether a run that is there is replaced.

        Raises:
            ValueError: there is one, and it is not to be replaced.
        """
        from elbowroom.sklearn.storage import save

        check_is_fitted(self)
        save(self, path, overwrite)

    @property
    def model_(self) -> GenerativeModel:
        """The trained model."""
        check_is_fitted(self)
        return self.trained_.model

    def _check_input(self, X: Any, reset: bool = False) -> Any:
        """Return examples as a data frame or an array of numbers, after the checks of scikit-learn."""
        if not reset:
            check_is_fitted(self)
        least = 2 if reset else 1
        if nw.dependencies.is_into_lazyframe(X):
            raise ValueError("X is a lazy frame, whose rows are not there yet: give X.collect()")
        if is_frame(X):
            read_frame(X, "the DataFrame")
            validate_data(self, X, reset=reset, skip_check_array=True)
            if len(X) < least:
                raise ValueError(f"Found data frame with {len(X)} sample(s) while a minimum of {least} is required.")
        else:
            checks: dict[str, Any] = {"ensure_all_finite": "allow-nan", "allow_nd": True, "ensure_min_samples": least}
            X = validate_data(self, X, reset=reset, dtype="numeric" if reset else self._array_dtype(X), **checks)
        if reset:
            self.input_format_ = InputFormat.from_examples(X, self.likelihood)
        return X

    def _array_dtype(self, X: Any) -> Any:
        """Return the type that an array is converted to: numbers, but cells of any kind for columns of a data frame."""
        is_of_objects = isinstance(X, np.ndarray) and X.dtype.hasobject
        return None if is_of_objects and self.input_format_.dtypes else "numeric"

    def _complete_fit(self, X: Any, data: Data) -> None:
        """Set what a subclass fits to the trained model and the examples, which are also given as they were loaded."""

    def _recipe_arguments(self) -> dict[str, Any]:
        """Return the arguments of the recipe beside shape and seed."""
        own = {"latent": self.latent, "likelihood": self.likelihood}
        return {name: value for name, value in own.items() if value is not None} | dict(self.recipe_options or {})

    def _train_settings(self) -> dict[str, Any]:
        """Return the fields of the training's settings that are parameters."""
        best = "best" if self.validation_fraction else "last"
        return {
            "epochs": self.epochs,
            "lr": self.lr,
            "seed": self.seed_,
            "final_weights": best,
            "progress": False,
        }

    def _further_settings(self) -> dict[str, Any]:
        """Return the settings of the training that are no parameters, after a look at their names."""
        known = arguments_of(TrainConfig)
        for name in self.train_options or {}:
            if name not in known:
                raise errors.unknown_name("field of train_options", name, known)
        return dict(self.train_options or {})

    def _draw_seed(self) -> int:
        if isinstance(self.random_state, Integral):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(MAX_SEED))

    def _encode(self, X: Any) -> Tensor:
        """Return examples as the model sees them, in double precision, (N, *shape)."""
        return self._encode_checked(self._check_input(X))

    def _encode_checked(self, X: Any) -> Tensor:
        """Return checked examples as the model sees them, in double precision, (N, *shape)."""
        return self.input_format_.encode(X, self.trained_.record["data"]).double()

    def _decode(self, x: Tensor) -> Any:
        """Return what the model made, (N, *shape), in the form of the examples it was trained on."""
        return self.input_format_.decode(x, self.trained_.record["data"])

    def _batches(self, x: Tensor) -> Iterator[Batch]:
        """Yield encoded examples in batches, each example with an index that follows from its values."""
        return ValueIndexedSplit(x).batches(CHUNK_SIZE)

    @contextmanager
    def _seed_rng(self, random_state: Any) -> Iterator[None]:
        """Draw from a seed within the context; the caller's random state stays as it is."""
        with noise.seeded_rng(int(check_random_state(random_state).randint(MAX_SEED))):
            yield

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.three_d_array = True
        return tags


def even_batch_size(n: int) -> int:
    """Return the size of batches that n examples divide into evenly, of 128 at least; a smaller set is one batch.

    A few examples in a last batch cost as much time as all of them, and give a noisier step.

    >>> even_batch_size(60), even_batch_size(144), even_batch_size(300), even_batch_size(10_000)
    (60, 144, 150, 129)
    """
    return math.ceil(n / max(1, n // DEFAULT_BATCH_SIZE))


class ValueIndexedSplit:
    """A split of encoded examples of any precision, whose index follows from their values and not from their place.

    Args:
        x: (N, *shape).
    """

    def __init__(self, x: Tensor) -> None:
        self.x, self.shape = x, tuple(x.shape[1:])

    def __len__(self) -> int:
        return len(self.x)

    def batches(self, size: int, order: Tensor | None = None, skip: int = 0) -> Iterator[Batch]:
        """Yield every example once, or those at ``order``, ``size`` at a time."""
        x = self.x if order is None else self.x[order]
        for part in torch.split(x, size)[skip:]:
            yield Batch(part, None, index_by_value(part))

    def steps(self, size: int) -> int:
        """Return the number of batches in one pass."""
        return math.ceil(len(self) / size)

    def random_order(self, generator: torch.Generator) -> Tensor:
        """Return a random order of the positions."""
        return torch.randperm(len(self), generator=generator)

    def to(self, device: torch.device | str) -> ValueIndexedSplit:
        """Return the same examples on ``device``."""
        return ValueIndexedSplit(self.x.to(device))

    def first(self, n: int) -> Batch:
        """Return the first ``n`` examples."""
        return next(self.batches(n))


def index_by_value(x: Tensor) -> Tensor:
    """Return a number for each example that follows from its values alone, (N,) int64: equal ones have the same noise.

    >>> x = torch.tensor([[1.0, 2.0], [2.0, 1.0], [1.0, 2.0]])
    >>> a, b, c = index_by_value(x).tolist()
    >>> a == c, a == b
    (True, False)
    """
    values = np.ascontiguousarray(x.cpu().float().flatten(1).numpy()).view(np.int32).astype(np.int64)
    factors = np.random.default_rng(0).integers(1, 2**31, values.shape[1]) * 2 + 1
    return torch.from_numpy((values * factors).sum(1))
