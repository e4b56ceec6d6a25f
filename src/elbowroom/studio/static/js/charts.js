// Charts: interactive curves with uPlot, sparklines and bars in SVG.

import { cssColor, dimensionName, h, formatNumber, svg } from "./dom.js";

export const TERM_UNITS = {
  loss: "nats per example",
  elbo: "nats per example, higher is better",
  reconstruction: "nats per example",
  kl: "nats per example",
  examples_per_second: "",
};
export const TERM_LABELS = {
  elbo: "ELBO",
  kl: "KL",
  loss: "loss",
  reconstruction: "reconstruction",
  examples_per_second: "examples per second",
};
const NON_TERMS = new Set(["step", "epoch", "seconds", "examples"]);

/** The names of all terms in these splits, the most important first. */
export function termNames(splits) {
  const found = new Set(Object.values(splits).flatMap((split) => Object.keys(split)));
  const first = ["elbo", "loss", "reconstruction", "kl"].filter((name) => found.has(name));
  const others = [...found].filter(
    (name) => !first.includes(name) && !NON_TERMS.has(name) && name !== "examples_per_second",
  );
  return [...first, ...others.sort(), ...(found.has("examples_per_second") ? ["examples_per_second"] : [])];
}

/** The x position of each row: step, seconds, or epoch with fractions for the rows within one. */
export function axisPositions(split, splits, axis) {
  if (axis !== "epoch") return split[axis];
  const ends = Object.values(splits).find((other) => other.epoch?.length && other !== splits.train) ?? splits.train;
  const last = ends.step.length - 1;
  const perStep = last >= 0 && ends.step[last] ? ends.epoch[last] / ends.step[last] : 1;
  return split.step.map((step) => step * perStep);
}

/** The y range that holds most of the curves, without the start and outliers. */
function clippedRange(u, low, high) {
  const values = [];
  for (const curve of u.data.slice(1)) {
    const there = curve.filter((value) => value !== null && value !== undefined);
    values.push(...there.slice(there.length > 12 ? Math.ceil(there.length * 0.06) : 0));
  }
  if (!values.length) return [low ?? 0, high ?? 1];
  values.sort((a, b) => a - b);
  const [least, most] = [values[Math.floor(values.length * 0.01)], values[Math.ceil(values.length * 0.99) - 1]];
  const room = (most - least || Math.abs(most) || 1) * 0.08;
  return [least - room, most + room];
}

/**
 * A chart of several lines. Each line: {label, x, y, color (a name in the style sheet, or [light, dark]), dash, width}.
 * Returns {element, update(lines), destroy()}.
 */
export function createChart(title, unit, lines, { height = 190, axis: over = "epoch" } = {}) {
  let axis = over;
  const area = h("div.plotted", { role: "img" });
  const reading = h("p.reading");
  const element = h(
    "figure.chart",
    {},
    h("figcaption", {}, h("b", {}, title), " ", h("span", {}, unit)),
    area,
    reading,
  );
  let plot = null;
  let shown = lines;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const lineColor = (line) => (Array.isArray(line.color) ? line.color[dark.matches ? 1 : 0] : cssColor(line.color));

  const chartData = () => uPlot.join(shown.map((line) => [line.x, line.y]));
  const updateAriaLabel = () => {
    const ends = shown.map((line) => `${line.label} ${formatNumber(line.y.at(-1))}`).join(", ");
    area.setAttribute("aria-label", `${title} over ${axis}: ${ends}`);
  };

  function showCursorValues(u) {
    const at = u.cursor.idx;
    if (at === null || at === undefined) return showLastValues();
    const where = u.data[0][at];
    const parts = shown.map((line, i) => [line, nearestValue(u.data[i + 1], at)]).filter(([, value]) => value !== null);
    reading.replaceChildren(
      h("span", {}, `${axis} ${formatNumber(where, axis === "step" ? 0 : 1)}`),
      ...parts.map(([line, value]) => legendEntry(line, formatNumber(value))),
    );
  }
  const legendEntry = (line, value) =>
    h(
      "span",
      {},
      h("i", { style: { background: lineColor(line) } }),
      line.label,
      value === undefined ? null : h("b", {}, value),
    );
  const showLastValues = () =>
    reading.replaceChildren(...shown.map((line) => legendEntry(line, formatNumber(line.y.at(-1)))));

  function render() {
    plot?.destroy();
    const options = {
      width: Math.max(area.clientWidth, 160),
      height,
      legend: { show: false },
      cursor: { y: false, drag: { x: true, y: false }, points: { size: 6 } },
      scales: { x: { time: false }, y: { range: clippedRange } },
      axes: [
        {
          stroke: cssColor("quiet"),
          grid: { show: false },
          ticks: { show: false },
          size: 26,
          font: "11px system-ui, sans-serif",
          values: (_, all) => all.map((v) => formatNumber(v, 0)),
        },
        {
          stroke: cssColor("quiet"),
          grid: { stroke: cssColor("grid"), width: 1 },
          ticks: { show: false },
          size: 52,
          gap: 2,
          font: "11px system-ui, sans-serif",
          values: (_, all) => all.map((v) => formatShort(v)),
        },
      ],
      series: [
        {},
        ...shown.map((line) => ({
          label: line.label,
          stroke: lineColor(line),
          width: line.width ?? 1.8,
          dash: line.dash,
          spanGaps: true,
          points: { show: line.y.length === 1 },
        })),
      ],
      hooks: { setCursor: [showCursorValues] },
    };
    plot = new uPlot(options, chartData(), area);
    updateAriaLabel();
    showLastValues();
  }

  const size = new ResizeObserver(() => plot?.setSize({ width: Math.max(area.clientWidth, 160), height }));
  size.observe(area);
  dark.addEventListener("change", render);
  requestAnimationFrame(render);

  return {
    element,
    update(lines, over = axis) {
      axis = over;
      const same =
        plot &&
        lines.length === shown.length &&
        lines.every((line, i) => line.label === shown[i].label && line.y.length > 1);
      shown = lines;
      if (!same) return void (area.isConnected && render());
      plot.setData(chartData());
      updateAriaLabel();
      if (plot.cursor.idx === null || plot.cursor.idx === undefined) showLastValues();
    },
    destroy() {
      size.disconnect();
      dark.removeEventListener("change", render);
      plot?.destroy();
    },
  };
}

const formatShort = (value) =>
  Math.abs(value) >= 10000 ? `${formatNumber(value / 1000, 0)}k` : formatNumber(value, Math.abs(value) < 10 ? 1 : 0);

function nearestValue(curve, at) {
  for (let d = 0; d < curve.length; d++) {
    const value = curve[at - d] ?? curve[at + d];
    if (value !== null && value !== undefined) return value;
  }
  return null;
}

/** A small curve with its end marked and its start clipped. */
export function sparkline(values, width = 132, height = 34) {
  const there = values.filter(Number.isFinite);
  const picture = svg("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  if (there.length < 2) return picture;
  const rest = [...there.slice(there.length > 6 ? Math.ceil(there.length * 0.1) : 0)].sort((a, b) => a - b);
  const [low, high] = [rest[0], rest.at(-1)];
  const y = (value) => 4 + (height - 8) * (1 - Math.min(1, Math.max(0, (value - low) / (high - low || 1))));
  const x = (i) => 3 + ((width - 6) * i) / (there.length - 1);
  const path = there.map((value, i) => `${i ? "L" : "M"}${x(i).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  picture.append(svg("path", { d: path }), svg("circle", { cx: x(there.length - 1), cy: y(there.at(-1)), r: 2.4 }));
  return picture;
}

/** A bar chart, one bar per dimension; `mark` decides which are highlighted. */
export function barChart(values, { unit = "nats", mark = (value) => value > 0.1 } = {}) {
  const top = Math.max(...values, 1e-9);
  const n = values.length;
  const picture = svg("svg", {
    class: "bars",
    viewBox: `0 0 ${n} 100`,
    preserveAspectRatio: "none",
    role: "img",
    "aria-label": `${n} dimensions, the largest ${formatNumber(top)} ${unit}`,
  });
  values.forEach((value, i) => {
    const size = Math.max((98 * value) / top, 0.6);
    const bar = svg("rect", { x: i + 0.12, width: 0.76, y: 100 - size, height: size, class: mark(value) ? "on" : "" });
    bar.append(svg("title", {}));
    bar.firstChild.textContent = `${dimensionName(i)}: ${formatNumber(value)} ${unit}`;
    picture.append(bar);
  });
  return picture;
}
