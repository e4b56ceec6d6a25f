"""Marks of figures as HTML, by the macros of ``templates/marks.html``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from markupsafe import Markup

from elbowroom.plotting.figure import Bars, Chart, ImageGrid, Line, Mark
from elbowroom.web.charts import MAX_NAMED_LINES, bars_data, chart_data, describe_bars, describe_chart
from elbowroom.web.image_grids import grid_images, seamless_image, spread_labels
from elbowroom.web.render import environment


class MarkRenderer:
    """Renders the marks of one page, and collects what they need elsewhere on it.

    Attributes:
        charts: data of the charts, which the page's script draws, in the order of their numbers in the HTML.
        css: rules for the page's style.
    """

    def __init__(self) -> None:
        self.charts: list[dict[str, Any]] = []
        self._rules: dict[str, None] = {}
        self._macros: Any = environment().get_template("marks.html").module

    @property
    def css(self) -> str:
        """The rules that the marks need in the page's style, which may not be in attributes."""
        return "\n".join(self._rules)

    def render(self, marks: Sequence[Mark]) -> Markup:
        """Return charts side by side under one legend, then the other marks in their order."""
        charts = [mark for mark in marks if isinstance(mark, Chart)]
        others = [self._render_mark(mark) for mark in marks if not isinstance(mark, Chart)]
        return Markup("").join([self._render_charts(charts) if charts else "", *others])

    def _render_mark(self, mark: Mark) -> Markup:
        """Return a mark by its method in :data:`RENDERERS`; by the macro of its class's name where it has none."""
        render = RENDERERS.get(type(mark))
        return render(self, mark) if render else Markup(getattr(self._macros, type(mark).__name__)(mark))

    def chart(self, chart: Chart, data: dict[str, Any] | None = None) -> Markup:
        """Return one chart; ``data`` if not as :func:`chart_data` makes them."""
        index = self._add_chart(chart_data(chart) if data is None else data)
        return Markup(self._macros.chart(index, chart, describe_chart(chart)))

    def _render_charts(self, charts: Sequence[Chart]) -> Markup:
        lines = charts[0].lines
        legend = self.legend(lines) if 0 < len(lines) <= MAX_NAMED_LINES else Markup()
        return legend + self.side_by_side(map(self.chart, charts))

    def legend(self, lines: Sequence[Line]) -> Markup:
        """Return the names of lines beside their colors, or the ends of the color scale that they lie on."""
        return Markup(self._macros.legend(lines, not any(isinstance(line.role, str) for line in lines)))

    def side_by_side(self, charts: Iterable[Markup]) -> Markup:
        """Return rendered charts in rows, as many beside each other as there is room for."""
        return Markup(self._macros.side_by_side(charts))

    def bars(self, bars: Bars) -> Markup:
        """Return a bar chart."""
        return Markup(self._macros.bars(self._add_chart(bars_data(bars)), bars, describe_bars(bars)))

    def image_grid(self, grid: ImageGrid) -> Markup:
        """Return images in rows and columns, or as one image between axes if they touch."""
        if grid.is_seamless:
            labels = spread_labels(grid.row_titles), spread_labels(grid.column_titles)
            return Markup(self._macros.seamless_grid(grid, seamless_image(grid), *labels))
        columns, permille = grid.images.shape[1], round(1000 * grid.images.shape[-1] / grid.images.shape[-2])
        self._rules[f".columns-{columns}{{--columns:{columns}}}"] = None
        self._rules[f".wide-{permille}{{--wide:{permille / 1000:g}}}"] = None
        return Markup(self._macros.image_grid(grid, grid_images(grid), columns, permille))

    def _add_chart(self, data: dict[str, Any]) -> int:
        self.charts.append(data)
        return len(self.charts) - 1


#: How the marks are rendered that need data, images or rules of the page; charts share a legend.
RENDERERS: dict[type, Callable[[MarkRenderer, Any], Markup]] = {
    Bars: MarkRenderer.bars,
    ImageGrid: MarkRenderer.image_grid,
}
