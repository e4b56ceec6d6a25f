// Runs view: all runs of the folder, live ones first.

import { formatMetric, h } from "/static/kit.js";
import { getJson, live } from "../api.js";
import { button, formatAge, select, setChildren, sparkline, withErrors } from "../dom.js";
import { registerView, setTitle, viewHash } from "../main.js";
import { describeRun, openRunDialog, progressBar, stateBadge } from "../run_summary.js";

registerView({ name: "", link: "Runs", order: 10, open: (container) => new RunList(container).open() });

const SORT_ORDERS = {
  newest: ["newest", (a, b) => Date.parse(b.started || 0) - Date.parse(a.started || 0)],
  best: ["best bound", (a, b) => (b.best?.elbo ?? -Infinity) - (a.best?.elbo ?? -Infinity)],
  name: ["name", (a, b) => compareNames(a, b)],
  longest: ["training time", (a, b) => (b.seconds ?? 0) - (a.seconds ?? 0)],
};
/** Rows that are drawn at first; more on demand, so that a thousand runs open as fast as ten. */
const INITIAL_ROWS = 60;
const ROWS_PER_STEP = 200;
/** Selection, order and search, kept while other views are open. */
const kept = { selected: new Set(), order: "newest", query: "" };

const compareNames = (a, b) => a.name.localeCompare(b.name, "en", { numeric: true });
const searchedTexts = (run) => [run.name, run.run, run.recipe, run.data, run.note, run.state];
const matchesQuery = (run) =>
  searchedTexts(run).some((text) =>
    String(text ?? "")
      .toLowerCase()
      .includes(kept.query),
  );

/** The list, its search field and its buttons. */
class RunList {
  #runs = new Map();
  #rows = new Map();
  #maxRows = INITIAL_ROWS;
  #count = h("p.lead");
  #list = h("ol.runs", { "aria-label": "runs" });
  #compare = h("button.main", { onclick: () => (location.hash = viewHash("compare", ...kept.selected)) });

  constructor(container) {
    const placeholder = "Search name, recipe, data, note";
    const search = h("input", { type: "search", placeholder, "aria-label": "search runs", value: kept.query });
    search.addEventListener("input", () => this.#update({ query: search.value.toLowerCase() }));
    const orders = Object.entries(SORT_ORDERS).map(([key, [words]]) => [key, words]);
    const sorting = select("order", orders, kept.order, () => this.#update({ order: sorting.value }));
    const sort = h("label.sort", {}, "by ", sorting);
    const train = h("a.button", { href: viewHash("new") }, "Train a model");
    const tools = h("div.tools", {}, search, sort, this.#compare, train);
    setChildren(container, h("header.head", {}, h("div", {}, h("h1", {}, "Runs"), this.#count), tools), this.#list);
  }

  async open() {
    await live.ready;
    await this.#load();
    live.watchRuns([]);
    return live.subscribe((message) => {
      if (message.type === "run") this.#setRun(message.run);
      else if (message.type === "gone") this.#removeRun(message.run);
      else if (message.type === "again") withErrors(() => this.#load());
    });
  }

  async #load() {
    const { folder, runs } = await getJson("/api/runs");
    this.#runs = new Map(runs.map((run) => [run.run, run]));
    this.#rows.clear();
    for (const id of kept.selected) if (!this.#runs.has(id)) kept.selected.delete(id);
    setTitle(folder);
    this.#update();
  }

  #setRun(run) {
    this.#runs.set(run.run, run);
    this.#rows.delete(run.run);
    this.#update();
  }

  #removeRun(id) {
    for (const owner of [this.#runs, this.#rows, kept.selected]) owner.delete(id);
    this.#update();
  }

  #selectRun(id, isSelected) {
    if (isSelected) kept.selected.add(id);
    else kept.selected.delete(id);
    this.#updateCompareButton();
  }

  #updateCompareButton() {
    const { size } = kept.selected;
    this.#compare.disabled = size < 2;
    this.#compare.textContent = size ? `Compare ${size}` : "Compare";
  }

  /** Draw the list anew, after a change of search or order if one is given. */
  #update(change = {}) {
    Object.assign(kept, change);
    this.#updateCompareButton();
    const found = [...this.#runs.values()].filter(matchesQuery);
    const isBefore = SORT_ORDERS[kept.order][1];
    found.sort((a, b) => Number(b.live) - Number(a.live) || isBefore(a, b) || compareNames(a, b));
    this.#count.textContent = this.#countRuns(found.length);
    const items = found.length ? this.#visibleItems(found) : [this.#runs.size ? nothingFound() : noRuns()];
    // Rows are replaced only if the order has changed, so that focus and pressed buttons are kept.
    const isSame =
      this.#list.children.length === items.length && items.every((item, i) => item === this.#list.children[i]);
    if (!isSame) setChildren(this.#list, items);
  }

  #countRuns(numFound) {
    const { size } = this.#runs;
    const training = [...this.#runs.values()].filter((run) => run.live).length;
    if (!size) return "";
    const parts = [`${size} ${size === 1 ? "run" : "runs"}`];
    if (training) parts.push(`${training} training now`);
    if (kept.query) parts.push(`${numFound} found`);
    return parts.join(", ");
  }

  #visibleItems(found) {
    const rows = found.slice(0, this.#maxRows).map((run) => this.#rowOf(run));
    const left = found.length - this.#maxRows;
    if (left <= 0) return rows;
    const showMore = () => {
      this.#maxRows += ROWS_PER_STEP;
      this.#update();
    };
    return [
      ...rows,
      h("li.more", {}, button(`Show ${Math.min(ROWS_PER_STEP, left)} more of ${found.length}`, showMore)),
    ];
  }

  #rowOf(run) {
    if (!this.#rows.has(run.run)) {
      const onSelect = (isSelected) => this.#selectRun(run.run, isSelected);
      this.#rows.set(
        run.run,
        createRunRow(run, onSelect, (id) => this.#removeRun(id)),
      );
    }
    return this.#rows.get(run.run);
  }
}

const noRuns = () => {
  const command = h("code", {}, "elbowroom train vae --data digits");
  const words = ["Train one from this page, or with ", command, ": it appears here as soon as it starts."];
  return h("li.empty", {}, h("h2", {}, "No runs here yet"), h("p", {}, words));
};

const nothingFound = () =>
  h(
    "li.empty",
    {},
    h("h2", {}, "Nothing found"),
    h("p", {}, "No run has these words in its name, recipe, data or note."),
  );

function createRunRow(run, onSelect, onRemove) {
  const isDamaged = run.state === "damaged";
  const href = isDamaged ? null : viewHash("run", run.run);
  const tick = h("input", { type: "checkbox", checked: kept.selected.has(run.run), disabled: isDamaged });
  tick.setAttribute("aria-label", `compare ${run.name}`);
  tick.addEventListener("change", () => onSelect(tick.checked));
  const image = run.picture ? h("img", { src: run.picture, alt: "", loading: "lazy" }) : h("span.blank");
  const more = { title: "rename, annotate, delete", "aria-label": `more for ${run.name}` };
  return h(
    `li.run${run.live ? ".live" : ""}`,
    {},
    h("label.tick", {}, tick),
    h("a.picture", { href, tabIndex: -1 }, image),
    createRunTitle(run, href),
    h("div.curve", {}, sparkline(run.spark ?? [], "loss on the validation split")),
    createBound(run),
    h("div.far", {}, progressBar(run), countFindings(run)),
    h("button.dots", { onclick: () => openRunDialog(run, onRemove), ...more }, "⋯"),
  );
}

function createRunTitle(run, href) {
  const about = run.problem ?? `${describeRun(run)}${run.started ? `, ${formatAge(run.started)}` : ""}`;
  return h(
    "div.what",
    {},
    h("h2", {}, href ? h("a", { href }, run.name) : run.name, " ", stateBadge(run)),
    h("p", {}, about),
    run.note ? h("p.note", {}, run.note) : null,
  );
}

function createBound(run) {
  if (!run.best && run.elbo === null) return h("div.bound", {}, h("b", {}, "–"), h("span", {}, "no bound yet"));
  const { elbo, split } = run.best ?? { elbo: run.elbo, split: "train" };
  const about = split === "train" ? "last in training" : `best ${split}`;
  return h("div.bound", {}, h("b", {}, formatMetric(elbo)), h("span", {}, `nats, ${about}`));
}

function countFindings({ findings = [] }) {
  if (!findings.length) return null;
  const title = findings.map((finding) => finding.title).join("\n");
  return h("span.warns", { title }, `${findings.length} ${findings.length === 1 ? "finding" : "findings"}`);
}
