// Compare view: the page of `elbowroom compare`, kept up to date while runs train.

import { ComparisonView } from "/static/comparison_view.js";
import { ChartGroup, h, queryAll } from "/static/kit.js";
import { readList, readState, writeState } from "../address.js";
import { getJson, live } from "../api.js";
import { copyButton, setChildren, withErrors } from "../dom.js";
import { registerView, setTitle, viewHash } from "../main.js";

registerView({ name: "compare", open: (container, ids) => new Compare(container, ids).open() });

/** Time between two requests for tables while runs train. */
const REFRESH_MS = 4000;
const MAX_NAMED_RUNS = 3;

/** What of the comparison the address holds. */
const readChoice = () => {
  const { sort = "", filter = "", x = "epoch", smooth = "0", log, cols } = readState();
  const columns = cols === undefined ? null : readList("cols");
  return {
    sort,
    filter,
    columns,
    hidden: readList("hide"),
    axis: x,
    smoothing: Number(smooth) || 0,
    log: log === "yes",
  };
};

const writeChoice = ({ sort, filter, columns, hidden, axis, smoothing, log }) =>
  writeState({
    sort,
    filter,
    cols: columns,
    hide: hidden,
    x: axis === "epoch" ? "" : axis,
    smooth: smoothing || "",
    log,
  });

class Compare {
  #timer = 0;
  #isLoading = false;
  #isStale = false;

  constructor(container, ids) {
    this.container = container;
    this.ids = ids;
    this.lead = h("p.lead");
    this.images = h("div.comparison-images");
  }

  async open() {
    await live.ready;
    live.watchRuns(this.ids);
    const { runs } = await getJson("/api/runs");
    this.summaries = new Map(runs.map((run) => [run.run, run]));
    const [known, missing] = [true, false].map((is) => this.ids.filter((id) => this.summaries.has(id) === is));
    if (!known.length) throw new Error(missing.length ? `There is no run '${missing[0]}'.` : "No runs were chosen.");
    this.runs = known;
    const [data, curves] = await Promise.all([this.#request("/api/comparison"), this.#request("/api/curves")]);
    this.view = new ComparisonView(data, curves, {
      state: readChoice(),
      onState: writeChoice,
      runLink: (run) => viewHash("run", run),
      runName: (run, name) => this.summaries.get(run)?.name ?? name,
    });
    this.lead.textContent = data.sentence;
    setTitle("Compare");
    const problems = missing.map((id) => h("p.wrong", {}, `There is no run '${id}'.`));
    setChildren(
      this.container,
      this.#createHeader(),
      problems,
      this.view.element,
      this.images,
      createShared(data.shared),
    );
    this.#loadImages();
    const unsubscribe = live.subscribe((message) => this.#receive(message));
    return () => this.#close(unsubscribe);
  }

  #close(unsubscribe) {
    unsubscribe();
    live.watchRuns([]);
    clearTimeout(this.#timer);
    this.view.destroy();
    this.imageCharts?.destroy();
  }

  #request(path) {
    return getJson(path, { run: this.runs });
  }

  #createHeader() {
    const names = this.runs.map((run) => this.summaries.get(run).name);
    const title = names.length > MAX_NAMED_RUNS ? `${names.length} runs compared` : joinWords(names);
    const query = new URLSearchParams(this.runs.map((run) => ["run", run]));
    const page = { href: `/api/comparison/page?${query}`, target: "_blank", rel: "noopener" };
    const command = `elbowroom compare ${this.runs.join(" ")} --out comparison.html`;
    const actions = h("div.tools", {}, h("a.button", page, "Open as file"), copyButton(command, "Copy as command"));
    const eyebrow = h("p.eyebrow", {}, h("a", { href: "#/" }, "Runs"), " / compare");
    return h("header.head", {}, h("div", {}, eyebrow, h("h1", {}, title), this.lead), actions);
  }

  // ---- Images

  /** Reconstructions and samples, which take loading every model. */
  async #loadImages() {
    setChildren(this.images, h("p.quiet", { role: "status" }, "Loading the models for reconstructions and samples …"));
    try {
      const { html, charts } = await this.#request("/api/comparison/images");
      this.#showImages(html, charts);
    } catch (error) {
      setChildren(
        this.images,
        h("p.quiet", {}, `No reconstructions and samples: ${/** @type {Error} */ (error).message}`),
      );
    }
  }

  #showImages(html, charts) {
    const parsed = new DOMParser().parseFromString(html, "text/html");
    setChildren(this.images, [...parsed.body.children]);
    for (const sheet of queryAll(".sheet", this.images)) {
      const [columns, wide] = ["columns", "wide"].map((name) => sheet.className.match(`${name}-(\\d+)`)?.[1]);
      sheet.style.setProperty("--columns", columns);
      sheet.style.setProperty("--wide", Number(wide) / 1000);
    }
    this.imageCharts = new ChartGroup({ nearest: true });
    this.imageCharts.addAll(charts, this.images);
  }

  // ---- Live updates

  #receive(message) {
    if (message.type === "rows" && this.runs.includes(message.run)) this.#receiveRows(message);
    else if (message.type === "run" && this.runs.includes(message.run.run)) this.#receiveRun(message.run);
    else if (message.type === "reset" || message.type === "again") withErrors(() => this.#reload());
  }

  #receiveRows({ run, rows }) {
    for (const row of rows) if (row.split) this.view.appendRow(run, row);
    if (rows.some((row) => row.split && row.split !== "train")) this.#refreshSoon();
  }

  #receiveRun(run) {
    const before = this.summaries.get(run.run);
    this.summaries.set(run.run, run);
    if (before.state !== run.state || before.name !== run.name) this.#refreshSoon();
  }

  #refreshSoon() {
    this.#isStale = true;
    this.#timer ||= setTimeout(() => withErrors(() => this.#refresh()), REFRESH_MS);
  }

  /** Load the tables anew; curves grow by themselves. */
  async #refresh() {
    if (this.#isLoading) return;
    this.#isLoading = true;
    this.#isStale = false;
    try {
      const data = await this.#request("/api/comparison");
      this.lead.textContent = data.sentence;
      this.view.update(data);
    } finally {
      this.#isLoading = false;
      this.#timer = 0;
      if (this.#isStale) this.#refreshSoon();
    }
  }

  async #reload() {
    this.view.setCurves(await this.#request("/api/curves"));
    await this.#refresh();
  }
}

const joinWords = (words) => [words.slice(0, -1).join(", "), words.at(-1)].filter(Boolean).join(" and ");

const createShared = (facts) =>
  h(
    "details.shared",
    {},
    h("summary", {}, "Shared settings"),
    h(
      "dl.settings-list",
      {},
      facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
    ),
  );
