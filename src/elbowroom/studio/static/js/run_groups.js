// The order of runs in the list, and the groups within which their ELBOs can be compared.

/** Settings that change what is measured, besides data, shape and likelihood, with the value that changes nothing. */
const PROTOCOL_SETTINGS = { binarize: "none", dequantize: false };

/**
 * @typedef {object} RunGroup
 * @property {string} key
 * @property {string} title empty where all runs are one group
 * @property {any[]} runs
 */

const compareNames = (a, b) => a.name.localeCompare(b.name, "en", { numeric: true });
const startTime = (run) => Date.parse(run.started || 0) || 0;
const elboOf = (run) => run.best?.elbo ?? -Infinity;

/**
 * The orders of the list: their words, and how two runs compare.
 *
 * @type {Record<string, [string, (a: any, b: any) => number]>}
 */
export const SORT_ORDERS = {
  newest: ["newest first", (a, b) => startTime(b) - startTime(a)],
  best: ["best ELBO first", (a, b) => (elboOf(a) === elboOf(b) ? 0 : elboOf(b) - elboOf(a))],
  name: ["name", compareNames],
  longest: ["longest training first", (a, b) => (b.seconds ?? 0) - (a.seconds ?? 0)],
};

/**
 * What the list may be grouped by: words, and the title of a run's group.
 *
 * @type {Record<string, [string, (run: any) => string]>}
 */
export const GROUPINGS = {
  data: ["data and likelihood", describeProtocol],
  recipe: ["recipe", (run) => run.recipe ?? "custom models"],
  none: ["nothing", () => ""],
};

/** A likelihood of tables: one of each column, of which a heading says how many. */
const COLUMNS = /^columns:/;

/** What the values of an example are, where they are no image. @param {Record<string, any>} run */
export function describeKind({ shape = [], settings = {} }) {
  if (COLUMNS.test(settings.likelihood ?? "")) return "table";
  return shape?.length === 2 ? "series" : "";
}

/** What ELBOs have to share to be compared, in short: digits, 1 × 8 × 8, bernoulli; adult, table of 15 columns. */
export function shortProtocol(run) {
  const isTable = describeKind(run) === "table";
  return isTable ? `${run.data}, table of ${run.shape.join(" × ")} columns` : describeProtocol(run);
}

/** What ELBOs have to share to be compared, in words: digits, 1 × 8 × 8, bernoulli. */
export function describeProtocol(run) {
  const settings = run.settings ?? {};
  const changes = Object.entries(PROTOCOL_SETTINGS)
    .filter(([name, unchanged]) => ![undefined, null, unchanged].includes(settings[name]))
    .map(([name]) => (settings[name] === true ? name : `${name} ${settings[name]}`));
  const likelihood = settings.likelihood ?? run.arguments?.likelihood ?? "likelihood of its own";
  if (run.state === "damaged") return "damaged";
  return [run.data ?? "no data", (run.shape ?? []).join(" × "), likelihood, ...changes].filter(Boolean).join(", ");
}

/**
 * Sort runs, those in training first, and group them; the groups are in the order of their first runs. ELBOs are
 * ordered within a group of the same data and likelihood only: across such groups they measure nothing.
 *
 * @param {any[]} runs
 * @param {string} order a key of SORT_ORDERS
 * @param {string} grouping a key of GROUPINGS
 * @returns {RunGroup[]}
 */
export function groupRuns(runs, order, grouping) {
  const titleOf = GROUPINGS[grouping][1];
  const shortTitle = grouping === "data" ? shortProtocol : titleOf;
  const compare = (isBefore) => (a, b) => Number(b.live) - Number(a.live) || isBefore(a, b) || compareNames(a, b);
  const groups = new Map();
  // An order by ELBO is none among groups: they stay in the order of their newest runs.
  for (const run of [...runs].sort(compare(SORT_ORDERS[order === "best" ? "newest" : order][1]))) {
    const title = titleOf(run);
    if (!groups.has(title)) groups.set(title, { key: title, title: shortTitle(run), runs: [] });
    groups.get(title).runs.push(run);
  }
  if (order === "best") for (const group of groups.values()) group.runs.sort(compare(SORT_ORDERS.best[1]));
  return [...groups.values()];
}
