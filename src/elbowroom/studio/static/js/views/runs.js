// Runs view: all runs of the folder, in groups whose ELBOs can be compared; search, order and choice in the address.

import { h, help } from "/static/kit.js";
import { readList, readState, viewHash, writeState } from "../address.js";
import { getJson, live } from "../api.js";
import { button, select, setChildren, withErrors } from "../dom.js";
import { registerView, setTitle } from "../main.js";
import { matchesTerms, parseQuery } from "../run_filter.js";
import { GROUPINGS, SORT_ORDERS, groupRuns } from "../run_groups.js";
import { createRunRow } from "../run_row.js";

registerView({ name: "", link: "Runs", order: 10, open: (container) => new RunList(container).open() });

/** Rows that are drawn at first; more on demand, so that a thousand runs open as fast as ten. */
const INITIAL_ROWS = 60;
const ROWS_PER_STEP = 200;
/** What the list was left with: a link to the list alone shows the same again. */
let lastState = {};

/** The list, its search field and its buttons. */
class RunList {
  #runs = new Map();
  #rows = new Map();
  #sections = new Map();
  #chosen = new Set();
  #count = h("p.lead", { role: "status" });
  #groups = h("div.groups");
  #compare = h("button.main", { type: "button", onclick: () => this.#openComparison() });

  constructor(container) {
    const address = readState();
    const state = Object.keys(address).length ? address : lastState;
    this.query = state.q ?? "";
    this.order = state.order in SORT_ORDERS ? state.order : "newest";
    this.grouping = state.group in GROUPINGS ? state.group : "data";
    this.maxRows = Number(state.rows) || INITIAL_ROWS;
    this.#chosen = new Set(address === state ? readList("chosen") : (state.chosen ?? []));
    setChildren(container, this.#createHeader(), this.#groups);
  }

  #createHeader() {
    const placeholder = "Filter: words, latent 10, data:mnist, lr<0.01";
    const search = h("input", { type: "search", placeholder, "aria-label": "filter runs", value: this.query });
    search.addEventListener("input", () => this.#change({ query: search.value }));
    const choices = (table) => Object.entries(table).map(([key, [words]]) => [key, words]);
    this.sorting = select("order", choices(SORT_ORDERS), this.order, () => this.#change({ order: this.sorting.value }));
    this.groups = select("groups", choices(GROUPINGS), this.grouping, () =>
      this.#change({ grouping: this.groups.value }),
    );
    const tools = h(
      "div.tools",
      {},
      search,
      h("label.sort", {}, "Group by ", this.groups),
      h("label.sort", {}, "Order ", this.sorting),
      this.#compare,
      h("a.button", { href: viewHash("new") }, "Train a model"),
    );
    return h("header.head", {}, h("div", {}, h("h1", {}, "Runs"), this.#count), tools);
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
    // Another view may have been opened meanwhile.
    if (!this.#groups.isConnected) return;
    this.#runs = new Map(runs.map((run) => [run.run, run]));
    this.#rows.clear();
    for (const id of this.#chosen) if (!this.#runs.has(id)) this.#chosen.delete(id);
    setTitle(folder);
    this.#update();
  }

  #setRun(run) {
    this.#runs.set(run.run, run);
    this.#rows.delete(run.run);
    this.#update();
  }

  #removeRun(id) {
    for (const owner of [this.#runs, this.#rows, this.#chosen]) owner.delete(id);
    this.#update();
  }

  #choose(id, isChosen) {
    if (isChosen) this.#chosen.add(id);
    else this.#chosen.delete(id);
    this.#writeState();
  }

  #openComparison() {
    location.hash = viewHash("compare", ...this.#chosen);
  }

  /** Change search, order or groups; bounds are ordered within the same data and likelihood only. */
  #change(change) {
    Object.assign(this, change);
    if (this.order === "best" && this.grouping !== "data") {
      if (change.grouping) this.order = "newest";
      else this.grouping = "data";
    }
    [this.sorting.value, this.groups.value] = [this.order, this.grouping];
    this.#update();
  }

  #writeState() {
    const isDefault = { order: "newest", group: "data", rows: INITIAL_ROWS };
    const state = { q: this.query, order: this.order, group: this.grouping, rows: this.maxRows };
    for (const [key, value] of Object.entries(isDefault)) if (state[key] === value) state[key] = null;
    state.chosen = [...this.#chosen];
    writeState(state);
    lastState = state;
    const { size } = this.#chosen;
    this.#compare.disabled = size < 2;
    this.#compare.title = size < 2 ? "Tick two runs or more" : "";
    this.#compare.textContent = size ? `Compare ${size}` : "Compare";
  }

  /** Draw the list anew. */
  #update() {
    this.#writeState();
    const runs = [...this.#runs.values()];
    const terms = parseQuery(this.query, new Set(runs.flatMap((run) => Object.keys(run.settings ?? {}))));
    const found = runs.filter((run) => matchesTerms(run, terms));
    this.#count.textContent = this.#countRuns(found.length);
    if (found.length) this.#show(groupRuns(found, this.order, this.grouping), found.length);
    else setChildren(this.#groups, this.#runs.size ? nothingFound() : noRuns());
  }

  #countRuns(numFound) {
    const { size } = this.#runs;
    const training = [...this.#runs.values()].filter((run) => run.live).length;
    if (!size) return "";
    const parts = [`${size} ${size === 1 ? "run" : "runs"}`];
    if (training) parts.push(`${training} training now`);
    if (this.query.trim()) parts.push(`${numFound} found`);
    return parts.join(", ");
  }

  #show(groups, numFound) {
    let room = this.maxRows;
    const sections = [];
    for (const group of groups) {
      if (room <= 0) break;
      sections.push(this.#sectionOf(group, group.runs.slice(0, room)));
      room -= group.runs.length;
    }
    const left = numFound - this.maxRows;
    if (left > 0) sections.push(this.#createMore(left, numFound));
    replaceIfChanged(this.#groups, sections);
  }

  #createMore(left, numFound) {
    const showMore = () => {
      this.maxRows += ROWS_PER_STEP;
      this.#update();
    };
    return h("p.more", {}, button(`Show ${Math.min(ROWS_PER_STEP, left)} more of ${numFound}`, showMore));
  }

  #sectionOf({ key, title, runs }, shown) {
    if (!this.#sections.has(key)) this.#sections.set(key, createGroup(title, key));
    const { element, count, list } = this.#sections.get(key);
    count.textContent = `${runs.length} ${runs.length === 1 ? "run" : "runs"}`;
    const rows = shown.map((run) => this.#rowOf(run));
    replaceIfChanged(list, rows);
    return element;
  }

  #rowOf(run) {
    if (!this.#rows.has(run.run)) {
      const choice = { isChosen: this.#chosen.has(run.run), onChoose: (isChosen) => this.#choose(run.run, isChosen) };
      const onRemove = (id) => this.#removeRun(id);
      this.#rows.set(run.run, createRunRow(run, choice, onRemove));
    }
    return this.#rows.get(run.run);
  }
}

/** Replace the children of an element unless they are the same: focus and pressed buttons are kept. */
function replaceIfChanged(element, children) {
  const isSame =
    element.children.length === children.length && children.every((child, i) => child === element.children[i]);
  if (!isSame) setChildren(element, children);
}

/** A group of runs with the names of its columns. */
function createGroup(title, key) {
  const [count, list] = [h("span"), h("ol.runs", { "aria-label": title || "runs" })];
  const heading = h("h2", { title: key === title ? "" : key }, title || "All runs");
  const columns = [
    h("p.group-name", {}, heading, count),
    h("p.curve", {}, "Validation loss"),
    h("p.bound", {}, "ELBO, nats per example", help("elbo")),
    h("p.far", {}, "Training"),
  ];
  return { element: h("section.run-group", {}, h("header.run-columns", {}, columns), list), count, list };
}

const noRuns = () => {
  const command = h("code", {}, "elbowroom train vae --data digits");
  const words = ["Train one from this page, or with ", command, ": it appears here as soon as it starts."];
  return h("div.empty", {}, h("h2", {}, "No runs here yet"), h("p", {}, words));
};

const nothingFound = () =>
  h(
    "div.empty",
    {},
    h("h2", {}, "Nothing found"),
    h("p", {}, "A filter has words of the name, recipe, data, state or note, and settings: "),
    h("p", {}, ...["latent 10", "data:mnist", "recipe:vae", "lr<0.01", "-state:finished"].map(exampleTerm)),
  );

const exampleTerm = (term) => [h("code", {}, term), " "];
