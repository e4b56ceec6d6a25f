// What every view shows of a run: its state, header and progress, and the dialog to rename or delete it.

import { formatNumber, h } from "/static/kit.js";
import { postJson } from "./api.js";
import { button, formatDuration, openDialog, toast, withErrors } from "./dom.js";
import { createViewTabs } from "./main.js";

/** Characters of a name and of a note that the server takes. */
const MAX_NAME_LENGTH = 80;
const MAX_NOTE_LENGTH = 4000;
const BADGE_CLASSES = { finished: "done", damaged: "bad" };

/** The state of a run as a colored word. */
export const stateBadge = (run) =>
  run.live
    ? h("span.state.live", {}, "training")
    : h(`span.state.${BADGE_CLASSES[run.state] ?? "rests"}`, {}, run.state);

/** The recipe and the data of a run in words. */
export const describeRun = (run) => `${run.recipe ?? "a custom model"} on ${run.data}`;

/** The header of a run, the same in every view. */
export const createRunHeader = (run, current) =>
  h(
    "header.head.one",
    {},
    h(
      "div",
      {},
      h("p.eyebrow", {}, h("a", { href: "#/" }, "Runs"), ` / ${run.run}`),
      h("h1", {}, run.name),
      h("p.lead", {}, `${describeRun(run)} · ${formatNumber(run.parameters)} parameters`),
    ),
    createViewTabs(run, current),
  );

/** The share of a training that is done, or null where its length is unknown. */
function shareDone(run) {
  if (run.steps_total) return Math.min(run.step / run.steps_total, 1);
  return run.epochs ? Math.min(run.epoch / run.epochs, 1) : null;
}

/** The progress of a training as a bar and in words. */
export function progressBar(run) {
  const share = shareDone(run);
  const words = `epoch ${run.epoch ?? 0}${run.epochs ? ` of ${run.epochs}` : ""}`;
  if (!run.live || share === null) return [h("span", {}, words), h("span", {}, formatDuration(run.seconds))];
  const filled = h("i", { style: { width: `${100 * share}%` } });
  const label = { role: "progressbar", "aria-valuenow": Math.round(100 * share), "aria-label": words };
  return [h("span.bar", label, filled), h("span", {}, `${words}, ${formatDuration(run.seconds_left)} left`)];
}

/**
 * Dialog to rename, annotate or delete a run.
 *
 * @param {any} run its summary
 * @param {(id: string) => void} [onRemove]
 */
export function openRunDialog(run, onRemove = () => {}) {
  const name = h("input", { value: run.name, maxLength: MAX_NAME_LENGTH, required: true });
  const placeholder = "What was tried, and the result";
  const note = h("textarea", { value: run.note ?? "", rows: 4, maxLength: MAX_NOTE_LENGTH, placeholder });
  const save = async () => {
    if (name.value !== run.name) await postJson("/api/run/rename", { run: run.run, name: name.value });
    if (note.value !== (run.note ?? "")) await postJson("/api/run/note", { run: run.run, note: note.value });
    Object.assign(run, { name: name.value, note: note.value });
    box.close();
  };
  const deleteRun = async () => {
    await postJson("/api/run/delete", { run: run.run });
    toast(`${run.name} is in the trash`);
    box.close();
    onRemove(run.run);
  };
  const onsubmit = (event) => {
    event.preventDefault();
    withErrors(save);
  };
  const whyDisabled = run.live ? "stop it first" : "";
  const remove = button("Move to the trash", () => withErrors(deleteRun), { disabled: run.live, title: whyDisabled });
  remove.classList.add("danger");
  const box = openDialog(
    "About this run",
    h(
      "form.about",
      { onsubmit },
      h("label", {}, "Name in the studio", name),
      h("label", {}, "Note", note),
      h("p.fine", {}, `Its directory stays ${run.run}.`),
      h("footer", {}, remove, h("button.main", {}, "Save")),
    ),
  );
}
