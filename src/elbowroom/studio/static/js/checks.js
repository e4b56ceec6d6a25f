// What the doctor looked at while a run trained: how many checks passed, which were not applicable and why.

import { h } from "/static/kit.js";

/**
 * @param {{checks: ?{summary: string, passed: string[], not_applicable: Record<string, string[]>}}} run
 * @returns {HTMLElement}
 */
export function createChecks({ checks }) {
  if (!checks) return h("p.quiet", {}, "Which checks passed was not logged; the report looks again.");
  const rows = [["passed", checks.passed.join(", ") || "none"]];
  for (const [reason, names] of Object.entries(checks.not_applicable)) rows.push([names.join(", "), reason]);
  /** @param {string[]} row */
  const fact = ([name, value]) => [h("dt", {}, name), h("dd", {}, value)];
  return h("details.checks", {}, h("summary", {}, `${checks.summary}.`), h("dl", {}, rows.map(fact)));
}
