// Compare view: curves of several runs in one chart, settings that differ, images side by side.

import { createChart, axisPositions, termNames, TERM_UNITS, TERM_LABELS } from "./charts.js";
import { setChildren, h, formatNumber, debounce } from "./dom.js";
import { viewHash, stateBadge } from "./runs.js";
import { getJson, live } from "./api.js";

/** Colors for the light and the dark scheme that the color-blind can tell apart; dashed from the ninth line on. */
const LINE_COLORS = [
  ["#0072b2", "#56b4e9"],
  ["#c85400", "#f0a04b"],
  ["#008a64", "#2fbf94"],
  ["#a8438f", "#e693cf"],
  ["#806600", "#dccb5a"],
  ["#6a4fc4", "#a996ff"],
  ["#a12c2c", "#f08a8a"],
  ["#5b5b57", "#bcb9b0"],
];
const lineStyle = (i) => ({
  color: LINE_COLORS[i % LINE_COLORS.length],
  dash: [undefined, [6, 4], [2, 3]][Math.floor(i / LINE_COLORS.length) % 3],
});

export async function compareView(container, ids) {
  const details = await Promise.all(
    ids.map((id) => getJson("/api/run", { run: id }).catch((error) => ({ missing: id, why: error.message }))),
  );
  const compared = details.filter((one) => !one.missing);
  const missing = details.filter((one) => one.missing);
  if (!compared.length) throw new Error(missing[0]?.why ?? "no runs were chosen");
  const curves = await getJson("/api/curves", { run: compared.map((one) => one.summary.run) });
  document.title = "Compared · elbowroom studio";
  live.watchRuns(compared.map((one) => one.summary.run));
  const split = compared.some((one) => curves[one.summary.run]?.validation) ? "validation" : "train";

  const legend = h(
    "ul.line-legend",
    {},
    compared.map((one, i) =>
      h(
        "li",
        {},
        h(`i.line-color.line-${i % LINE_COLORS.length}${i >= LINE_COLORS.length ? ".dashed" : ""}`),
        h("a", { href: viewHash("run", one.summary.run) }, one.summary.name),
        " ",
        stateBadge(one.summary),
        h("b", {}, formatNumber(one.summary.best?.elbo)),
        h("span", {}, one.summary.best ? `nats, ${one.summary.best.split}` : ""),
      ),
    ),
  );
  const charts = h("div.charts");
  setChildren(
    container,
    h(
      "header.head",
      {},
      h(
        "div",
        {},
        h("p.eyebrow", {}, h("a", { href: "#/" }, "Runs"), " / compared"),
        h("h1", {}, `${compared.length} runs side by side`),
        h(
          "p.lead",
          {},
          `Curves of the ${split} split. Bounds on different data, likelihoods or binarization cannot be compared.`,
        ),
      ),
    ),
    missing.map((one) => h("p.wrong", {}, one.why)),
    legend,
    h("section", {}, h("h2", {}, "Terms"), charts),
    createSettingsTable(compared),
    createImageComparison(compared),
  );

  const plots = new Map();
  function updateCharts() {
    const names = [...new Set(compared.flatMap((one) => termNames(curves[one.summary.run] ?? {})))].filter(
      (name) => name !== "examples_per_second",
    );
    for (const name of names) {
      const lines = compared.flatMap((one, i) => {
        const splits = curves[one.summary.run] ?? {};
        const rows = splits[split] ?? splits.train;
        return rows?.[name]?.length
          ? [
              {
                label: one.summary.name,
                x: axisPositions(rows, splits, "epoch"),
                y: rows[name],
                width: 2,
                ...lineStyle(i),
              },
            ]
          : [];
      });
      if (!lines.length) continue;
      if (plots.has(name)) plots.get(name).update(lines);
      else {
        plots.set(
          name,
          createChart(TERM_LABELS[name] ?? name.replaceAll("_", " "), TERM_UNITS[name] ?? "", lines, { height: 240 }),
        );
        charts.append(plots.get(name).element);
      }
    }
  }
  updateCharts();
  const reloadCurves = debounce(async () => {
    Object.assign(curves, await getJson("/api/curves", { run: compared.map((one) => one.summary.run) }));
    updateCharts();
  }, 400);
  const unsubscribe = live.subscribe((message) => {
    if (["rows", "reset", "again"].includes(message.type)) reloadCurves();
  });
  return () => {
    unsubscribe();
    live.watchRuns([]);
    for (const plot of plots.values()) plot.destroy();
  };
}

function createSettingsTable(compared) {
  const names = [...new Set(compared.flatMap((one) => Object.keys(one.summary.settings ?? {})))];
  const words = (value) =>
    value === undefined || value === null ? "–" : typeof value === "object" ? JSON.stringify(value) : String(value);
  const rows = names.map((name) => ({ name, values: compared.map((one) => words(one.summary.settings?.[name])) }));
  const differing = rows.filter((row) => new Set(row.values).size > 1);
  const same = rows.filter((row) => !differing.includes(row));
  const line = (row) =>
    h(
      "tr",
      { className: differing.includes(row) ? "differs" : "" },
      h("th", { scope: "row" }, row.name.replaceAll("_", " ")),
      row.values.map((value) => h("td", {}, value)),
    );
  const table = h(
    "table.settings",
    {},
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("th", {}, "setting"),
        compared.map((one) => h("th", { scope: "col" }, one.summary.name)),
      ),
    ),
    h("tbody", {}, differing.map(line)),
    h("tbody.same", { hidden: true }, same.map(line)),
  );
  const all = h(
    "button.quiet",
    {
      "aria-expanded": "false",
      onclick: () => {
        const hidden = (table.querySelector(".same").hidden = !table.querySelector(".same").hidden);
        all.textContent = hidden ? `and ${same.length} that are the same` : "only those that differ";
        all.setAttribute("aria-expanded", String(!hidden));
      },
    },
    `and ${same.length} that are the same`,
  );
  return h(
    "section",
    {},
    h("h2", {}, differing.length ? "Settings that differ" : "The same settings"),
    h("div.wide", {}, table),
    all,
  );
}

function createImageComparison(compared) {
  const newest = (one, kind) => one.images[kind]?.at(-1);
  const row = (kind, words) =>
    compared.some((one) => newest(one, kind))
      ? [
          h("h3", {}, words),
          h(
            "div.side-by-side",
            {},
            compared.map((one) =>
              h(
                "figure",
                {},
                h("figcaption", {}, one.summary.name),
                newest(one, kind)
                  ? h("img", { src: newest(one, kind).url, alt: `${kind} of ${one.summary.name}`, loading: "lazy" })
                  : h("p.quiet", {}, "none"),
              ),
            ),
          ),
        ]
      : [];
  const shown = [...row("reconstructions", "Reconstructions"), ...row("samples", "Samples")];
  return shown.length ? h("section", {}, h("h2", {}, "Images"), shown) : null;
}
