// Tables of a comparison as data: the order of rows, the filter, the choice of columns. Without elements.

/**
 * @typedef {{name: string, title: string, small: string, is_number: boolean, is_shown: boolean}} Head
 * @typedef {{text: string, value: ?number, small: string, is_best: boolean}} Cell
 * @typedef {{group: number, cells: Cell[], counts: boolean, run: string}} Row
 * @typedef {{heads: Head[], rows: Row[]}} Table
 */

/**
 * Rows in the order of a column: numbers by their value, names with their numbers, what is missing last.
 *
 * @param {Table} table
 * @param {string} sort  name of the column, with a minus before it from the largest; "" leaves the rows as they are
 * @returns {Row[]}
 */
export function sortRows({ heads, rows }, sort) {
  const column = heads.findIndex((head) => head.name === sort.replace(/^-/, ""));
  if (!sort || column < 0) return rows;
  const sign = sort.startsWith("-") ? -1 : 1;
  return [...rows].sort((one, other) => compareCells(one.cells[column], other.cells[column], sign));
}

const isMissing = (cell) => cell.value === null && cell.text === "—";

function compareCells(one, other, sign) {
  const missingLast = Number(isMissing(one)) - Number(isMissing(other));
  if (missingLast) return missingLast;
  if (one.value !== null && other.value !== null) return sign * (one.value - other.value);
  return sign * one.text.localeCompare(other.text, "en", { numeric: true });
}

const COMPARE = {
  "<": (value, limit) => value < limit,
  ">": (value, limit) => value > limit,
  "<=": (value, limit) => value <= limit,
  ">=": (value, limit) => value >= limit,
};
/** A condition on a column, as `latent>4`, `elbo>=-100` or `optimizer:adam`. */
const CONDITION = /^([^<>=:]+)(<=|>=|<|>|=|:)(.+)$/;

const columnKey = (text) => text.toLowerCase().replace(/[\s_-]+/g, "_");
const normalize = (text) =>
  text
    .toLowerCase()
    .replace(/−/g, "-")
    .replace(/,(?=\d{3})/g, "");

/**
 * Whether a row is one of those that a filter asks for: each of its words is in the row's text; `latent 2` and
 * `latent=2` ask for a value of a column, `elbo>-100` for a range.
 *
 * @param {string} filter
 * @param {Head[]} heads
 * @param {Cell[]} cells
 * @param {string} text  other text of the row that words are looked for in
 */
export function matchesFilter(filter, heads, cells, text) {
  const columns = new Map(
    heads.flatMap((head, i) => [head.name, head.title].map((name) => [columnKey(name), cells[i]])),
  );
  const named = heads.map((head, i) => `${head.title} ${cells[i].text}`);
  const all = normalize([...named, text].join(" "));
  return filterConditions(normalize(filter), columns).every(({ cell, operator, value }) =>
    cell ? matchesCell(cell, operator, value) : all.includes(value),
  );
}

/** The conditions of a filter: on cells, or words of any. A number after the name of a column is its value. */
function filterConditions(filter, columns) {
  const words = filter.split(/\s+/).filter(Boolean);
  const conditions = [];
  for (let i = 0; i < words.length; i++) {
    const [, name = words[i], operator = "=", value = words[i + 1]] = words[i].match(CONDITION) ?? [];
    const cell = columns.get(columnKey(name));
    const isPair = name === words[i];
    if (cell && (!isPair || isNumber(value))) {
      conditions.push({ cell, operator, value });
      if (isPair) i++;
    } else conditions.push({ cell: null, operator: "", value: words[i] });
  }
  return conditions;
}

const isNumber = (text) => text !== undefined && text.trim() !== "" && Number.isFinite(Number(text));

function matchesCell(cell, operator, value) {
  if (operator in COMPARE)
    return cell.value !== null && isNumber(value) && COMPARE[operator](cell.value, Number(value));
  if (cell.value !== null && isNumber(value)) return cell.value === Number(value);
  return normalize(cell.text).includes(value);
}

/**
 * Which columns are shown.
 *
 * @param {Head[]} heads
 * @param {?string[]} chosen  names of the columns that were chosen; null where none were
 */
export const shownColumns = (heads, chosen) =>
  heads.map((_, i) => i).filter((i) => (chosen ? chosen.includes(heads[i].name) : heads[i].is_shown));
