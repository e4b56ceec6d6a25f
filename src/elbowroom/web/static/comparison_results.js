// The tables of a comparison: one row a group or a run, sorted by a click on a head, with columns to choose.

import { matchesFilter, shownColumns, sortRows } from "./comparison_table.js";
import { h, legendKey } from "./kit.js";

/** A section of the page, as the templates have them. */
export const createSection = (name, title, caption, content) =>
  h(
    "section.part.wide",
    { id: name },
    h("h2", {}, title),
    h("div.figure", {}, content),
    h("div.words", {}, h("p.caption", {}, caption)),
  );

/**
 * A table of a comparison.
 *
 * @typedef {object} TableOptions
 * @property {string} label  accessible name
 * @property {(sort: string) => void} onSort
 * @property {(group: ?string) => void} onHighlight  called with the group under the pointer
 * @property {(run: string) => ?string} runLink  address of a run, if it has one
 * @property {(run: string, name: string) => string} runName  name of a run as it is shown
 */
export class ResultsTable {
  #head = h("tr");
  #table = h("table.figures", {}, h("thead", {}, this.#head));
  #written = "";

  /** @param {TableOptions} options */
  constructor(options) {
    this.options = options;
    const region = { tabIndex: 0, role: "region", "aria-label": options.label };
    this.element = h("div.scroll", region, this.#table);
  }

  /**
   * Show rows; what is on the page already stays, so that a row that is read does not move under the pointer.
   *
   * @param {import("./comparison_table.js").Table} table
   * @param {{data: object, sort: string, columns: ?string[], visible: Set<number>, byProtocol: boolean}} view
   */
  update(table, view) {
    const shown = shownColumns(table.heads, view.columns);
    const written = JSON.stringify([table, view.sort, shown, [...view.visible]]);
    if (written === this.#written) return;
    this.#written = written;
    this.#updateHead(table.heads, shown, view);
    this.#table.querySelectorAll("tbody").forEach((body) => body.remove());
    this.#table.append(...this.#bodies(table, view, shown));
  }

  /** Draw all anew at the next update, as in other colors. */
  forget() {
    this.#written = "";
  }

  /** Mark the rows of a group; none for null. */
  highlight(group) {
    for (const row of this.#table.querySelectorAll("tr[data-group]"))
      row.classList.toggle("forward", row.dataset.group === group);
  }

  #updateHead(heads, shown, view) {
    const active = /** @type {HTMLElement} */ (document.activeElement);
    const focused = this.#head.contains(active) ? active.dataset.column : null;
    this.#head.replaceChildren(...shown.map((i) => this.#headCell(heads[i], view)));
    if (focused !== null) this.#head.querySelector(`[data-column="${CSS.escape(focused)}"]`)?.focus();
  }

  #headCell({ name, title, small, is_number: isNumber }, { data, sort }) {
    const isSetting = data.settings.includes(name);
    const direction = sort === name ? "ascending" : sort === `-${name}` ? "descending" : null;
    const onclick = () => this.options.onSort(direction === "ascending" ? `-${name}` : name);
    const mark = h("span.way", { "aria-hidden": "true" });
    const button = h("button", { type: "button", onclick }, title, mark);
    button.dataset.column = name;
    const attributes = { scope: "col", "aria-sort": direction };
    return h(isNumber ? "th.number" : `th${isSetting ? ".setting" : ""}`, attributes, button, h("small", {}, small));
  }

  #bodies(table, view, shown) {
    const { groups, protocols } = view.data;
    const rows = sortRows(table, view.sort).filter((row) => view.visible.has(row.group));
    if (!view.byProtocol)
      return [
        h(
          "tbody",
          {},
          rows.map((row) => this.#row(row, table, view, shown)),
        ),
      ];
    return protocols.map((protocol, n) => {
      const own = rows.filter((row) => groups[row.group].protocol === n);
      const head = protocol.letter && own.length ? protocolRow(protocol, shown.length) : null;
      return h(
        "tbody",
        {},
        head,
        own.map((row) => this.#row(row, table, view, shown)),
      );
    });
  }

  #row(row, table, view, shown) {
    const group = view.data.groups[row.group];
    const cells = shown.map((i, n) => this.#cell(row, view, table.heads[i], i, n === 0 ? group : null));
    const element = h(row.counts ? "tr" : "tr.off", { title: row.counts ? null : "not final" }, cells);
    element.dataset.group = group.name;
    element.addEventListener("pointerenter", () => this.options.onHighlight(group.name));
    element.addEventListener("pointerleave", () => this.options.onHighlight(null));
    return element;
  }

  #cell(row, view, head, i, group) {
    const { text, value, small, is_best: isBest } = row.cells[i];
    const isSetting = view.data.settings.includes(head.name);
    const classes = [
      head.is_number && "number",
      isSetting && "setting",
      isBest && "best",
      text === "—" && "none",
    ].filter(Boolean);
    const cell = h(["td", ...classes].join("."), {});
    if (value !== null) cell.dataset.v = String(value);
    if (group) cell.append(legendKey(group));
    cell.append(head.name === "run" ? this.#runName(row, text) : h("span.cell-text", {}, text));
    if (group && !row.run) cell.append(h("span.whole", {}, group.name));
    if (small) cell.append(" ", h("small", {}, small));
    return cell;
  }

  #runName(row, text) {
    const [href, name] = [this.options.runLink(row.run), this.options.runName(row.run, text)];
    return href ? h("a", { href, title: row.run }, name) : h("span", { title: row.run }, name);
  }
}

const protocolRow = ({ letter, summary }, span) =>
  h("tr.under", {}, h("th", { colSpan: span, scope: "rowgroup" }, h("span", {}, h("b", {}, letter), " ", summary)));

/** The numbers of the groups that a filter asks for. */
export function visibleGroups(data, filter) {
  const { heads, rows } = data.tables.groups;
  const isVisible = (row) => {
    const { name, protocol } = data.groups[row.group];
    const runs = data.runs.filter((run) => run.group === row.group).map((run) => `${run.name} ${run.run}`);
    return matchesFilter(filter, heads, row.cells, [name, data.protocols[protocol].summary, ...runs].join(" "));
  };
  return new Set(rows.filter(isVisible).map((row) => row.group));
}

/** A menu of the columns: a box for each, and a button that brings the first choice back. */
export function createColumnMenu(heads, chosen, onChoose) {
  const shown = new Set(shownColumns(heads, chosen).map((i) => heads[i].name));
  const choose = () => onChoose(heads.filter((head) => shown.has(head.name)).map((head) => head.name));
  const box = ({ name, title, small }, i) => {
    const input = h("input", { type: "checkbox", checked: shown.has(name), disabled: i === 0 });
    input.addEventListener("change", () => {
      if (input.checked) shown.add(name);
      else shown.delete(name);
      choose();
    });
    return h("label", {}, input, title, small ? h("small", {}, ` ${small}`) : null);
  };
  const reset = h("button", { type: "button", onclick: () => onChoose(null) }, "Usual columns");
  return h("div.column-menu", {}, heads.map(box), reset);
}
