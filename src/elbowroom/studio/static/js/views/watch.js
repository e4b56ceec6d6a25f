// Watch view: one run, updated while it trains.

import { formatMetric, formatNumber, h, help } from "/static/kit.js";
import { getJson, live } from "../api.js";
import { createChecks } from "../checks.js";
import { createConfiguration } from "../configuration.js";
import { TermCharts, axisPositions, readChartSettings, splitLines, termNames, writeChartSettings } from "../curves.js";
import { capitalize, debounce, formatDuration, setChildren, withErrors } from "../dom.js";
import { EpochBrowser } from "../epoch_browser.js";
import { registerView, setTitle } from "../main.js";
import { RunControls } from "../run_controls.js";
import { RunJobs } from "../run_jobs.js";
import { createLogSection } from "../run_log.js";
import { createRunHeader, progressBar } from "../run_summary.js";

registerView({ name: "run", tab: "Watch", order: 10, open: (container, [id]) => new WatchView(container, id).open() });

const SPLITS = ["train", "validation", "test"];
/** What curves show at first: the test split is for the end, not to choose by. */
const FIRST_CURVES = { hidden: ["test"] };
/** Points of a split in memory, before a thinned curve is loaded. */
const MAX_POINTS = 4000;

class WatchView {
  #status = h("div.bar-of-run");
  #note = h("p.noted", { hidden: true });
  #tiles = h("dl.tiles");
  #findings = h("div.findings");
  #evaluations = h("section", { id: "evaluations", hidden: true });
  #progress = h("div.far");
  #controls = new RunControls();
  #jobs = new RunJobs();
  #charts = new TermCharts({
    settings: readChartSettings(FIRST_CURVES),
    onChange: (settings) => writeChartSettings(settings, FIRST_CURVES),
  });
  #isLoading = false;
  #isStale = false;

  constructor(container, id) {
    this.container = container;
    this.id = id;
    /** @type {any} */
    this.run = null;
    /** @type {Record<string, any>} */
    this.splits = {};
    /** @type {any[]} */
    this.findings = [];
  }

  async open() {
    await live.ready;
    live.watchRuns([this.id]);
    const details = await this.#load();
    this.browser = new EpochBrowser(details);
    const log = createLogSection(this.id);
    setChildren(this.#status, this.#progress, this.#controls.element);
    setChildren(
      this.container,
      createRunHeader(this.run, "run"),
      this.#status,
      this.#jobs.element,
      this.#note,
      this.#tiles,
      this.#createCurves(),
      this.browser.element,
      h("section", {}, h("h2", {}, "Diagnostics"), this.#findings),
      this.#evaluations,
      createConfiguration(details),
      log.element,
    );
    this.#show();
    withErrors(() => this.#jobs.open(this.run));
    const unsubscribe = live.subscribe((message) => this.#receive(message));
    return () => {
      unsubscribe();
      live.watchRuns([]);
      this.#charts.destroy();
      this.browser.destroy();
      this.#jobs.destroy();
      log.destroy();
    };
  }

  async #load() {
    const request = { run: this.id };
    const [details, curves] = await Promise.all([getJson("/api/run", request), getJson("/api/curves", request)]);
    this.run = details.summary;
    this.splits = /** @type {Record<string, any>} */ (curves)[this.id] ?? {};
    this.findings = details.findings;
    return details;
  }

  /** Load the run anew; and once more where something arrived meanwhile, which may be newer than the answer. */
  async #reload() {
    this.#isStale = true;
    if (this.#isLoading) return;
    this.#isLoading = true;
    try {
      while (this.#isStale) {
        this.#isStale = false;
        this.browser.reset(await this.#load());
        this.#show();
      }
    } finally {
      this.#isLoading = false;
    }
  }

  #createCurves() {
    const header = h("header.line", {}, h("h2", {}, "Curves"), this.#charts.toolbar);
    return h("section", {}, header, this.#charts.element);
  }

  // ---- What is shown

  #show() {
    this.#showStatus();
    this.#showCurves();
    this.#showFindings();
  }

  #showStatus() {
    const { run } = this;
    setTitle(run.name);
    setChildren(this.#progress, progressBar(run));
    this.#controls.update(run);
    this.#jobs.update(run);
    this.container.querySelector("h1").textContent = run.name;
    this.#note.hidden = !run.note;
    this.#note.textContent = run.note ?? "";
    setChildren(this.#tiles, this.#createTiles());
    this.#evaluations.hidden = !run.evaluations?.length;
    setChildren(this.#evaluations, h("h2", {}, "Evaluations"), (run.evaluations ?? []).map(createEvaluation));
  }

  #createTiles() {
    const { run, splits } = this;
    const [split, latest] = splits.validation ? ["validation", splits.validation] : ["training", splits.train];
    const elbo = latest?.elbo?.at(-1);
    const { headline } = run;
    const best = headline ? `${headline.unit}, epoch ${headline.epoch}` : "nats per example";
    const length = run.epochs ? `of ${run.epochs}` : `${formatNumber(run.step)} steps`;
    const [timeName, time] = run.live ? ["Time left", run.seconds_left] : ["Training time", run.seconds];
    const speed = run.examples_per_second ? `${formatNumber(run.examples_per_second, 3)} examples per second` : "";
    return [
      tile(capitalize(headline?.name ?? "best ELBO"), formatMetric(headline?.value), best, "elbo"),
      tile("ELBO, latest", formatMetric(elbo), split),
      tile("Epoch", formatNumber(run.epoch), length),
      tile(timeName, formatDuration(time), speed),
    ];
  }

  #showCurves() {
    const { splits } = this;
    const shown = SPLITS.filter((split) => splits[split]);
    const positions = Object.fromEntries(shown.map((split) => [split, axisPositions(splits[split], splits)]));
    const terms = termNames(splits).map((name) => [name, splitLines(splits, positions, name)]);
    this.#charts.update(Object.fromEntries(terms));
  }

  #showFindings() {
    const none = this.run.live ? "No findings so far; the doctor looks after every validation." : "No findings.";
    const shown = this.findings.length ? this.findings.map(createFinding) : h("p.quiet", {}, none);
    setChildren(this.#findings, shown, createChecks(this.run));
  }

  // ---- Live updates

  #receive(message) {
    this.#isStale = true;
    if (message.type === "again") withErrors(() => this.#reload());
    else if (message.type === "run" && message.run.run === this.id) {
      const areOtherChecks = message.run.checks?.summary !== this.run.checks?.summary;
      this.run = message.run;
      this.#showStatus();
      if (areOtherChecks) this.#showFindings();
    } else if (message.run === this.id) this.#receiveUpdate(message);
  }

  #receiveUpdate(message) {
    if (message.type === "reset") withErrors(() => this.#reload());
    if (message.type === "gone") setChildren(this.#status, h("p.wrong", {}, "This run's directory is gone."));
    if (message.type === "picture") this.browser.addImage(message);
    if (message.type === "rows") this.#receiveRows(message.rows);
  }

  #receiveRows(rows) {
    for (const row of rows) {
      if (row.event === "look") this.browser.addSnapshot(row);
      else if (row.event === "finding") this.findings = [...this.findings, row];
      else if (row.split) appendRow(this.splits, row);
    }
    if (rows.some((row) => row.event === "finding")) this.#showFindings();
    const isTooLong = Object.values(this.splits).some((split) => split.step.length > MAX_POINTS);
    if (isTooLong) withErrors(() => this.#reload());
    else this.#showCurvesSoon();
  }

  #showCurvesSoon = debounce(() => this.#showCurves(), 60);
}

const tile = (name, value, about, term = null) =>
  h("div", {}, h("dt", {}, name, term && help(term)), h("dd", {}, value), h("dd.about", {}, about));

/** What elbowroom evaluate measured by one protocol, as a table. */
const createEvaluation = ({ protocol, metrics }) =>
  h(
    "div.scroll",
    { tabIndex: 0, role: "region", "aria-label": protocol },
    h(
      "table.figures",
      {},
      h("caption", {}, protocol),
      h("thead", {}, h("tr", {}, columnHead("metric"), columnHead("value", "th.number"), columnHead("unit"))),
      h("tbody", {}, metrics.map(createMetricRow)),
    ),
  );

const columnHead = (title, tag = "th") => h(tag, { scope: "col" }, title);

const createMetricRow = ({ name, value, error, unit }) =>
  h(
    "tr",
    {},
    h("th", { scope: "row" }, name),
    h("td.number", {}, value, error ? h("small", {}, ` ± ${error}`) : null),
    h("td", {}, unit),
  );

const createFinding = ({ severity, title, epoch, evidence, consequence, advice }) =>
  h(
    `article.finding.${severity}`,
    {},
    h("h3", {}, title, h("span", {}, `${severity}, epoch ${epoch}`)),
    h("p", {}, `${capitalize(evidence)}. ${capitalize(consequence)}.`),
    h("p", {}, h("b", {}, `${capitalize(advice)}.`)),
  );

/** Append a row of the metrics to the columns of its split; a value that one of them lacks is null. */
function appendRow(splits, row) {
  const split = (splits[row.split] ??= { step: [], epoch: [], seconds: [] });
  const before = split.step.length;
  for (const [name, value] of Object.entries(row)) {
    if (typeof value === "number") (split[name] ??= new Array(before).fill(null)).push(value);
  }
  for (const curve of Object.values(split)) if (curve.length === before) curve.push(null);
}
