// Runs compared: tables, one legend, curves, rate against distortion. A file shows it once, the studio keeps it live.

import { COMPARISON_AXES, ComparedCharts } from "./comparison_charts.js";
import { ResultsTable, createColumnMenu, createSection, visibleGroups } from "./comparison_results.js";
import { h, legendKey, onColorChange } from "./kit.js";

/**
 * What of a comparison is chosen.
 *
 * @typedef {object} ComparisonState
 * @property {string} sort  name of a column, with a minus from the largest; "" for the order of settings
 * @property {string} filter
 * @property {string[]} hidden  names of the groups that are hidden
 * @property {?string[]} columns  names of the columns that are shown; null for the usual ones
 * @property {string} axis  horizontal axis of the curves
 * @property {number} smoothing
 * @property {boolean} log
 */

/** @type {Readonly<ComparisonState>} */
const COMPARISON_STATE = Object.freeze({
  sort: "",
  filter: "",
  hidden: [],
  columns: null,
  axis: COMPARISON_AXES[0],
  smoothing: 0,
  log: false,
});

/** All that compares runs, in an element. */
export class ComparisonView {
  #highlighted = null;
  #columnMenu = h("div");
  #count = h("span.quiet", { role: "status" });

  /**
   * @param {object} data  as `elbowroom.comparing.page_data` makes it
   * @param {Record<string, Record<string, object>>} curves  columns of rows, by run and split
   * @param {object} [options]
   * @param {Partial<ComparisonState>} [options.state]
   * @param {(state: ComparisonState) => void} [options.onState]  called when another is chosen
   * @param {(run: string) => ?string} [options.runLink]
   * @param {(run: string, name: string) => string} [options.runName]
   */
  constructor(
    data,
    curves,
    { state = {}, onState = () => {}, runLink = () => null, runName = (_, name) => name } = {},
  ) {
    /** @type {any} */
    this.data = data;
    this.onState = onState;
    this.state = { ...COMPARISON_STATE, ...state };
    const shared = {
      runLink,
      runName,
      onSort: (sort) => this.#choose({ sort }),
      onHighlight: (group) => this.highlight(group),
    };
    this.groupTable = new ResultsTable({ ...shared, label: "metrics of each group" });
    this.runTable = new ResultsTable({ ...shared, label: "metrics of each run" });
    this.legend = new GroupLegend(this);
    this.curves = new ComparedCharts(this, curves);
    this.remarks = h("div");
    this.element = h("div.comparison-view", {}, this.#createResults(), this.legend.element, this.curves.elements);
    this.forget = onColorChange(() => this.#redraw());
    this.update(data);
  }

  /** Show other results, as of runs that went on. */
  update(data) {
    this.data = data;
    this.remarks.replaceChildren(...createRemarks(data));
    this.#showColumnMenu();
    this.#show();
  }

  /** Add a row of the metrics of a run that goes on. */
  appendRow(run, row) {
    this.curves.appendRow(run, row);
  }

  /** Show other curves, as of runs that were rewritten. */
  setCurves(curves) {
    this.curves.curves = curves;
    this.curves.update();
  }

  /** The numbers of the groups that the filter leaves. */
  get visible() {
    return visibleGroups(this.data, this.state.filter);
  }

  /** The names of the groups that no chart shows: those that are hidden, and those that the filter leaves out. */
  get hiddenGroups() {
    const { visible } = this;
    const { hidden } = this.state;
    return this.data.groups
      .filter((group, i) => !visible.has(i) || hidden.includes(group.name))
      .map(({ name }) => name);
  }

  /** Bring a group forward everywhere; all are alike for null. */
  highlight(group) {
    if (group === this.#highlighted) return;
    this.#highlighted = group;
    for (const part of [this.groupTable, this.runTable, this.legend, this.curves]) part.highlight(group);
  }

  /** Hide groups, or show them again. */
  hide(names) {
    this.#choose({ hidden: names });
  }

  /** Keep what was chosen in the toolbar of the charts. */
  keepChartSettings({ axis, smoothing, log }) {
    this.state = { ...this.state, axis, smoothing, log };
    this.onState(this.state);
  }

  destroy() {
    this.forget();
    this.curves.destroy();
  }

  #choose(patch) {
    this.state = { ...this.state, ...patch };
    if ("columns" in patch) this.#showColumnMenu();
    this.#show();
    this.onState(this.state);
  }

  #show() {
    const { data, state, visible } = this;
    const view = { data, sort: state.sort, visible };
    this.groupTable.update(data.tables.groups, { ...view, columns: state.columns, byProtocol: true });
    this.runTable.update(data.tables.runs, { ...view, columns: null, byProtocol: false });
    const all = data.groups.length;
    this.#count.textContent = visible.size < all ? `${visible.size} of ${all} groups` : "";
    this.legend.update();
    this.curves.update();
  }

  #redraw() {
    for (const part of [this.groupTable, this.runTable, this.legend]) part.forget();
    this.#show();
  }

  #showColumnMenu() {
    const { heads } = this.data.tables.groups;
    const menu = createColumnMenu(heads, this.state.columns, (columns) => this.#choose({ columns }));
    this.#columnMenu.replaceChildren(menu);
  }

  #createResults() {
    const filter = h("input", { type: "search", value: this.state.filter, "aria-label": "filter groups" });
    filter.placeholder = "Filter: latent 2, optimizer:adam, elbo>-100";
    filter.addEventListener("input", () => this.#choose({ filter: filter.value }));
    const columns = h("details.columns", {}, h("summary", {}, "Columns"), this.#columnMenu);
    const tools = h("div.table-tools", {}, filter, columns, this.#count);
    const runs = h("details.every-run", {}, h("summary", {}, "Every run"), this.runTable.element);
    const caption =
      "A row for the runs that differ in their seed alone. Bold is the best mean of its column among those it may be " +
      "compared with. A click on a column's head sorts by it.";
    return createSection("results", "Results", caption, [tools, this.groupTable.element, this.remarks, runs]);
  }
}

/** What cannot be compared, and which runs are not in the means, and why. */
function createRemarks(data) {
  const paragraph = (text) => h("p", {}, text);
  const excluded = ({ name, state, reason }) =>
    h("article.finding", {}, h("h3", {}, name, " ", h("span", {}, state)), paragraph(reason));
  return [
    data.incomparable.length
      ? h("aside.apart", {}, h("h3", {}, "Not comparable"), data.incomparable.map(paragraph))
      : null,
    data.notes.length ? h("p.protocol", {}, data.notes.join(" ")) : null,
    data.excluded.length ? h("div.out", {}, h("h3", {}, "Not in the means"), data.excluded.map(excluded)) : null,
  ].filter(Boolean);
}

/** The one legend of all charts: a button for each group, which hides it, and brings it forward under the pointer. */
class GroupLegend {
  #keys = h("div.keys");
  #written = "";

  constructor(view) {
    this.view = view;
    const hideAll = () => view.hide(view.data.groups.map((group) => group.name));
    this.all = h("button.all", { type: "button", onclick: () => view.hide([]) }, "Show all");
    this.none = h("button.all", { type: "button", onclick: hideAll }, "Hide all");
    const label = { role: "group", "aria-label": "groups in the charts" };
    this.element = h("div.group-legend", label, this.#keys, h("div.keys", {}, this.all, this.none));
  }

  update() {
    const { data, state, visible } = this.view;
    const shown = data.groups.filter((_, i) => visible.has(i));
    const written = JSON.stringify([shown, data.protocols.map(({ letter }) => letter)]);
    if (written !== this.#written) this.#keys.replaceChildren(...shown.map((group) => this.#createKey(group)));
    this.#written = written;
    for (const key of this.#keys.children)
      key.setAttribute("aria-pressed", String(!state.hidden.includes(key.dataset.group)));
    this.all.disabled = !state.hidden.length;
    this.none.disabled = shown.every((group) => state.hidden.includes(group.name));
  }

  /** Draw the keys anew at the next update, as in other colors. */
  forget() {
    this.#written = "";
  }

  highlight(group) {
    for (const key of this.#keys.children) key.classList.toggle("forward", key.dataset.group === group);
  }

  #createKey(group) {
    const { view } = this;
    const { letter } = view.data.protocols[group.protocol];
    const toggle = () => {
      const { hidden } = view.state;
      const isHidden = hidden.includes(group.name);
      view.hide(isHidden ? hidden.filter((name) => name !== group.name) : [...hidden, group.name]);
    };
    const key = h("button", { type: "button", title: "hide or show", onclick: toggle }, legendKey(group), group.name);
    if (letter) key.append(h("small", {}, letter));
    key.dataset.group = group.name;
    for (const name of ["pointerenter", "focus"]) key.addEventListener(name, () => view.highlight(group.name));
    for (const name of ["pointerleave", "blur"]) key.addEventListener(name, () => view.highlight(null));
    return key;
  }
}
