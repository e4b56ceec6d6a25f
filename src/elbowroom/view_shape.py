"""Shape of an example of several views (modalities) that knows them, and the likelihood spelled from it."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from elbowroom.masked_shape import is_masked, resolve_masked_likelihood
from elbowroom.table_shape import resolve_table_likelihood
from elbowroom.text_shape import TOKEN_LIKELIHOOD, TextShape, resolve_text_shape

if TYPE_CHECKING:
    from torch import Tensor

VIEWS_LIKELIHOOD = "views"
#: A view in a likelihood: its name and its own likelihood, and its shape where the data does not say it.
VIEW_PATTERN = re.compile(r"(?P<name>\w+)=(?P<likelihood>[^@+]+)(@(?P<shape>\d+(x\d+)*))?")


class View(NamedTuple):
    """One view of an example.

    Attributes:
        name: of the view.
        shape: of its part; of a table's row, or of a class, a :class:`~elbowroom.table_shape.TableShape`.
        likelihood: of its part, by name.
    """

    name: str
    shape: tuple[int, ...]
    likelihood: str

    @property
    def size(self) -> int:
        """How many numbers of an example are the view's."""
        return math.prod(self.shape)


class ViewShape(tuple[int]):
    """Shape (D,) of an example whose D numbers are several views, flattened, in turn; equal to the plain tuple.

    A view whose numbers are all NaN is missing. Networks and likelihoods are built from the attribute ``views``.

    Args:
        views: of the examples, one at least.

    >>> shape = ViewShape([View("image", (1, 28, 28), "bernoulli"), View("digit", (1,), "columns:10")])
    >>> shape, shape.likelihood
    ((785,), 'views:image=bernoulli@1x28x28+digit=columns:10@1')
    """

    views: tuple[View, ...]

    def __new__(cls, views: Iterable[View]) -> ViewShape:
        views = tuple(views)
        names = [view.name for view in views]
        if not views or len(set(names)) < len(names):
            raise ValueError(f"views called {', '.join(names) or 'nothing'}: expected one at least, each with its name")
        shape = super().__new__(cls, (sum(view.size for view in views),))
        shape.views = views
        return shape

    def __getnewargs__(self) -> tuple[tuple[View, ...]]:
        return (self.views,)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the views."""
        return tuple(view.name for view in self.views)

    @property
    def likelihood(self) -> str:
        """The name of the likelihood of such examples."""
        spelled = (f"{view.name}={view.likelihood}@{'x'.join(map(str, view.shape))}" for view in self.views)
        return f"{VIEWS_LIKELIHOOD}:{'+'.join(spelled)}"

    def split(self, x: Tensor) -> dict[str, Tensor]:
        """Return the views of examples by name: (..., D) to (..., *shape) of each.

        >>> import torch
        >>> shape = ViewShape([View("image", (1, 2, 2), "bernoulli"), View("digit", (1,), "columns:10")])
        >>> {name: tuple(part.shape) for name, part in shape.split(torch.zeros(3, 5)).items()}
        {'image': (3, 1, 2, 2), 'digit': (3, 1)}
        """
        parts = x.split_with_sizes([view.size for view in self.views], -1)
        lead = x.shape[:-1]
        return {view.name: part.reshape(*lead, *view.shape) for view, part in zip(self.views, parts, strict=True)}

    def find_given(self, x: Tensor) -> tuple[str, ...]:
        """Return the names of the views that any of some examples (N, D) has.

        >>> import torch
        >>> shape = ViewShape([View("image", (1, 1, 2), "bernoulli"), View("digit", (1,), "columns:10")])
        >>> shape.find_given(torch.tensor([[torch.nan, torch.nan, 3.0]]))
        ('digit',)
        """
        return tuple(name for name, part in self.split(x).items() if not bool(part.isnan().all()))

    def join(self, views: Mapping[str, Tensor]) -> Tensor:
        """Return examples (..., D) of some views (..., *shape) by name; the others are missing, NaN.

        Raises:
            ValueError: no view, an unknown one, or one of another shape.

        >>> import torch
        >>> shape = ViewShape([View("image", (1, 1, 2), "bernoulli"), View("digit", (1,), "columns:10")])
        >>> shape.join({"digit": torch.tensor([[3.0]])})
        tensor([[nan, nan, 3.]])
        """
        self._check_names(views)
        first = next(iter(views.items()))
        lead = first[1].shape[: first[1].dim() - len(self._find(first[0]).shape)]
        x = first[1].new_full((*lead, *self), math.nan)
        for part, view in zip(x.split_with_sizes([view.size for view in self.views], -1), self.views, strict=True):
            if view.name in views:
                part.copy_(_flatten_view(views[view.name], view, tuple(lead)))
        return x

    def keep(self, x: Tensor, names: Iterable[str]) -> Tensor:
        """Return examples (..., D) with these views alone, the others missing.

        Raises:
            ValueError: no view, or an unknown one.
        """
        names, parts = tuple(names), self.split(x)
        self._check_names(names)
        return self.join({name: parts[name] for name in names})

    def _check_names(self, names: Collection[str]) -> None:
        from elbowroom import errors

        for name in names:
            if name not in self.names:
                raise errors.unknown_name("view", name, self.names)
        if not names:
            raise ValueError(f"no view was given: give one at least of {', '.join(self.names)}")

    def _find(self, name: str) -> View:
        return self.views[self.names.index(name)]


def _flatten_view(value: Tensor, view: View, lead: tuple[int, ...]) -> Tensor:
    if tuple(value.shape) != (*lead, *view.shape):
        have, want = ("x".join(map(str, shape)) for shape in (value.shape, (*lead, *view.shape)))
        raise ValueError(f"view '{view.name}' has shape {have}: expected {want}, one for each example")
    return value.flatten(len(lead))


def resolve_view_shape(likelihood: str, shape: tuple[int, ...]) -> ViewShape:
    """Return the views that a likelihood spells out, or that ``shape`` has, with those likelihoods that are named.

    Raises:
        ValueError: the views are neither spelled out nor known from the shape, or have more or fewer numbers.

    >>> resolve_view_shape("views:a=gaussian@2+b=columns:3@1", (3,)).views[1].shape
    (1,)
    """
    setting = likelihood.partition(":")[2]
    known = {view.name: view for view in shape.views} if isinstance(shape, ViewShape) else {}
    named = {view.name: view for view in (_parse_view(word, known) for word in setting.split("+") if setting)}
    views = ViewShape({**known, **named}.values())
    if views != tuple(shape):
        raise ValueError(
            f"likelihood '{likelihood}' has views of {views[0]} numbers, and the examples are "
            f"{'x'.join(map(str, shape))}: spell out the views that there are"
        )
    return views


def _parse_view(word: str, known: Mapping[str, View]) -> View:
    match = VIEW_PATTERN.fullmatch(word)
    if match is None or (match["shape"] is None and match["name"] not in known):
        raise ValueError(
            f"likelihood of views, '{word}': write NAME=LIKELIHOOD of a view of the data"
            f"{' (' + ', '.join(known) + ')' if known else ''}, or with its shape, as image=bernoulli@1x28x28"
        )
    shape = known[match["name"]].shape if match["shape"] is None else tuple(map(int, match["shape"].split("x")))
    shape, own = resolve_table_likelihood(shape, match["likelihood"])
    return View(match["name"], shape, str(own))


def resolve_likelihood(shape: tuple[int, ...], likelihood: str | None) -> tuple[tuple[int, ...], str | None]:
    """Return the shape and likelihood for a recipe: of tables and views they agree, any other becomes a plain tuple.

    Views, tables, texts and examples with missing values have their own likelihood where no other is given.

    Raises:
        ValueError: the likelihood does not fit the shape, as one of a single array does not fit views.

    >>> resolve_likelihood(ViewShape([View("a", (2,), "gaussian")]), None)
    ((2,), 'views:a=gaussian@2')
    """
    if is_masked(shape, likelihood):
        return resolve_masked_likelihood(shape, likelihood)
    if likelihood is None and isinstance(shape, ViewShape):
        likelihood = VIEWS_LIKELIHOOD
    if likelihood is None and isinstance(shape, TextShape):
        likelihood = TOKEN_LIKELIHOOD
    if likelihood is not None and likelihood.partition(":")[0] == TOKEN_LIKELIHOOD and not views_of(shape):
        text = resolve_text_shape(likelihood, shape)
        return text, text.likelihood
    if likelihood is None or likelihood.partition(":")[0] != VIEWS_LIKELIHOOD:
        if isinstance(shape, ViewShape):
            raise ValueError(
                f"likelihood '{likelihood}' is of examples of one part, and these have the views "
                f"{', '.join(shape.names)}: name the view, as {VIEWS_LIKELIHOOD}:{shape.names[0]}={likelihood}, or "
                "leave it out"
            )
        return resolve_table_likelihood(shape, likelihood)
    views = resolve_view_shape(likelihood, shape)
    return views, views.likelihood


def views_of(shape: tuple[int, ...]) -> ViewShape | None:
    """Return the views of examples of this shape; ``None`` where they are one."""
    return shape if isinstance(shape, ViewShape) else None
