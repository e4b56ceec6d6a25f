// One run in the list: its image, name, curve, ELBO and progress.

import { formatMetric, h } from "/static/kit.js";
import { viewHash } from "./address.js";
import { formatAge, sparkline, sparkValues } from "./dom.js";
import { describeKind } from "./run_groups.js";
import { describeRun, openRunDialog, progressBar, stateBadge } from "./run_summary.js";

const COLLAPSED = "Posterior collapse: no dimension of the latent has information about the example";

/**
 * @param {any} run its summary
 * @param {{isChosen: boolean, onChoose: (isChosen: boolean) => void}} choice for a comparison
 * @param {(id: string) => void} onRemove
 */
export function createRunRow(run, { isChosen, onChoose }, onRemove) {
  const isDamaged = run.state === "damaged";
  const href = isDamaged ? null : viewHash("run", run.run);
  const tick = h("input", { type: "checkbox", checked: isChosen, disabled: isDamaged });
  tick.setAttribute("aria-label", `compare ${run.name}`);
  tick.addEventListener("change", () => onChoose(tick.checked));
  const source = run.thumbnail ?? run.picture;
  const image = source ? h("img", { src: source, alt: "", loading: "lazy" }) : h("span.blank", {}, describeKind(run));
  const more = { type: "button", title: "rename, annotate, delete", "aria-label": `more for ${run.name}` };
  return h(
    `li.run${run.live ? ".live" : ""}`,
    {},
    h("label.tick", {}, tick),
    h("a.picture", { href, tabIndex: -1, "aria-hidden": "true" }, image),
    createRunTitle(run, href),
    h("div.curve", {}, sparkline(run.spark ?? [], describeSpark(run))),
    createBound(run),
    h("div.far", {}, progressBar(run), countFindings(run)),
    h("button.dots", { onclick: () => openRunDialog(run, onRemove), ...more }, "⋯"),
  );
}

/** What the small curve shows, in words: validation loss, 12 epochs, 33.90 → 25.92. */
export function describeSpark({ spark = [], best, epoch }) {
  const values = sparkValues(spark);
  if (!values.length) return "";
  const split = best?.split === "train" ? "training" : "validation";
  const length = `${epoch} ${epoch === 1 ? "epoch" : "epochs"}`;
  return `${split} loss, ${length}, ${formatMetric(values[0])} → ${formatMetric(values.at(-1))}`;
}

function createRunTitle(run, href) {
  const about = run.problem ?? `${describeRun(run)}${run.started ? `, ${formatAge(run.started)}` : ""}`;
  const collapsed = run.collapsed ? [" ", h("span.state.bad", { title: COLLAPSED }, "collapsed")] : null;
  return h(
    "div.what",
    {},
    h("h3", {}, href ? h("a", { href }, run.name) : run.name, " ", stateBadge(run), collapsed),
    h("p", {}, about),
    run.note ? h("p.note", {}, run.note) : null,
  );
}

function createBound({ headline }) {
  if (!headline) return h("div.bound", {}, h("b", {}, "–"), h("span", {}, "no ELBO yet"));
  const { name, value, epoch } = headline;
  return h(
    "div.bound",
    {},
    h("b", {}, formatMetric(value)),
    h("span", {}, `${name.replace(" ELBO", "")}, epoch ${epoch}`),
  );
}

function countFindings({ findings = [] }) {
  if (!findings.length) return null;
  const title = findings.map((finding) => finding.title).join("\n");
  return h("span.warns", { title }, `${findings.length} ${findings.length === 1 ? "finding" : "findings"}`);
}
