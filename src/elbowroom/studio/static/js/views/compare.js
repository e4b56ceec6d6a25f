// Compare view: curves of several runs in one chart, settings that differ, images side by side.

import { formatMetric, h, legendKey, lineStyle } from "/static/kit.js";
import { getJson, live } from "../api.js";
import { TermCharts, axisPositions, readChartSettings, termNames, writeChartSettings } from "../curves.js";
import { debounce, quietButton, setChildren, spaced } from "../dom.js";
import { registerView, setTitle, viewHash } from "../main.js";
import { stateBadge } from "../run_summary.js";

registerView({ name: "compare", open: openCompare });

const RELOAD_MS = 400;
const CAVEAT = "Bounds on different data, likelihoods or binarization cannot be compared.";

async function openCompare(container, ids) {
  const load = (id) => getJson("/api/run", { run: id }).catch((error) => ({ problem: error.message }));
  const details = await Promise.all(ids.map(load));
  const problems = details.filter((one) => one.problem).map((one) => one.problem);
  const compared = details.filter((one) => !one.problem);
  if (!compared.length) throw new Error(problems[0] ?? "no runs were chosen");
  const comparison = new CurveComparison(compared.map((one) => one.summary));
  await comparison.load();
  setTitle("Compare");
  setChildren(
    container,
    createHeader(compared.length, comparison.split),
    problems.map((problem) => h("p.wrong", {}, problem)),
    comparison.legend,
    h("section", {}, h("header.line", {}, h("h2", {}, "Curves"), comparison.charts.toolbar), comparison.charts.element),
    createSettingsTable(compared.map((one) => one.summary)),
    createImageComparison(compared),
  );
  return comparison.follow();
}

const createHeader = (n, split) =>
  h(
    "header.head",
    {},
    h(
      "div",
      {},
      h("p.eyebrow", {}, h("a", { href: "#/" }, "Runs"), " / compare"),
      h("h1", {}, `${n} ${n === 1 ? "run" : "runs"} side by side`),
      h("p.lead", {}, `Curves of the ${split} split. ${CAVEAT}`),
    ),
  );

/** The same terms of several runs in one chart each, and the legend of all of them. */
class CurveComparison {
  curves = {};
  charts = new TermCharts({
    hasLegend: false,
    settings: readChartSettings(),
    onChange: (settings) => writeChartSettings(settings),
  });

  constructor(runs) {
    this.runs = runs;
    this.legend = h("ul.line-legend", {}, runs.map(createLegendItem));
  }

  get split() {
    return this.runs.some(({ run }) => this.curves[run]?.validation) ? "validation" : "train";
  }

  async load() {
    this.curves = await getJson("/api/curves", { run: this.runs.map(({ run }) => run) });
    const names = new Set(this.runs.flatMap(({ run }) => termNames(this.curves[run] ?? {})));
    names.delete("examples_per_second");
    this.charts.update(Object.fromEntries([...names].map((name) => [name, this.#lines(name)])));
  }

  #lines(name) {
    return this.runs.flatMap((run, i) => {
      const splits = this.curves[run.run] ?? {};
      const rows = splits[this.split] ?? splits.train;
      if (!rows?.[name]?.length) return [];
      const positions = axisPositions(rows, splits);
      return [{ name: run.name, x: rows.step, positions, y: rows[name], width: 2, ...lineStyle(i) }];
    });
  }

  /** Load the curves anew while the runs train; returns the function that stops it. */
  follow() {
    live.watchRuns(this.runs.map(({ run }) => run));
    const reload = debounce(() => this.load(), RELOAD_MS);
    const unsubscribe = live.subscribe(({ type }) => {
      if (["rows", "reset", "again"].includes(type)) reload();
    });
    return () => {
      unsubscribe();
      live.watchRuns([]);
      this.charts.destroy();
    };
  }
}

function createLegendItem(run, i) {
  const { best } = run;
  const bound = [h("b", {}, formatMetric(best?.elbo)), h("span", {}, best ? `nats, ${best.split}` : "")];
  const link = h("a", { href: viewHash("run", run.run) }, run.name);
  return h("li", {}, legendKey(lineStyle(i)), link, " ", stateBadge(run), bound);
}

const formatSetting = (value) =>
  value === undefined || value === null ? "—" : typeof value === "object" ? JSON.stringify(value) : String(value);

function createSettingsTable(runs) {
  const names = [...new Set(runs.flatMap((run) => Object.keys(run.settings ?? {})))];
  const rows = names.map((name) => ({ name, values: runs.map((run) => formatSetting(run.settings?.[name])) }));
  const differs = ({ values }) => new Set(values).size > 1;
  const [differing, same] = [rows.filter(differs), rows.filter((row) => !differs(row))];
  const head = h(
    "tr",
    {},
    h("th", {}, "setting"),
    runs.map((run) => h("th", { scope: "col" }, run.name)),
  );
  const sameRows = h("tbody.same", { hidden: true }, same.map(createSettingRow));
  const table = h("table.settings", {}, h("thead", {}, head));
  table.append(h("tbody.differs", {}, differing.map(createSettingRow)), sameRows);
  const words = () => (sameRows.hidden ? `and ${same.length} that are the same` : "only those that differ");
  const toggle = () => {
    sameRows.hidden = !sameRows.hidden;
    all.textContent = words();
    all.setAttribute("aria-expanded", String(!sameRows.hidden));
  };
  const all = quietButton(words(), toggle, { "aria-expanded": "false", hidden: !same.length });
  const title = differing.length ? "Settings that differ" : "The same settings";
  return h("section", {}, h("h2", {}, title), h("div.wide", {}, table), all);
}

const createSettingRow = ({ name, values }) =>
  h(
    "tr",
    {},
    h("th", { scope: "row" }, spaced(name)),
    values.map((value) => h("td", {}, value)),
  );

function createImageComparison(compared) {
  const newest = ({ images }, kind) => images[kind]?.at(-1);
  const image = (one, kind) =>
    newest(one, kind)
      ? h("img", { src: newest(one, kind).url, alt: `${kind} of ${one.summary.name}`, loading: "lazy" })
      : h("p.quiet", {}, "none");
  const figure = (one, kind) => h("figure", {}, h("figcaption", {}, one.summary.name), image(one, kind));
  const row = (kind, title) =>
    compared.some((one) => newest(one, kind))
      ? [
          h("h3", {}, title),
          h(
            "div.side-by-side",
            {},
            compared.map((one) => figure(one, kind)),
          ),
        ]
      : [];
  const shown = [...row("reconstructions", "Reconstructions"), ...row("samples", "Samples")];
  return shown.length ? h("section", {}, h("h2", {}, "Images"), shown) : null;
}
