// What every view shows of a run: its state, header and progress, and the dialog to rename or delete it.

import { formatNumber, h } from "/static/kit.js";
import { postJson } from "./api.js";
import { button, capitalize, formatDuration, openDialog, toast, withErrors } from "./dom.js";
import { markWrongField } from "./form_fields.js";
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
  const left = Number.isFinite(run.seconds_left) ? `, ${formatDuration(run.seconds_left)} left` : "";
  return [h("span.bar", label, filled), h("span", {}, words + left)];
}

/** Move a run to the trash, with a way back. */
async function deleteRun(run) {
  const { item } = await postJson("/api/run/delete", { run: run.run });
  const undo = async () => {
    const restored = await postJson("/api/trash/restore", { item });
    toast(`${restored.run} is restored`);
  };
  toast(`${run.name} is in the trash`, { action: ["Undo", undo] });
}

/**
 * Dialog to rename, annotate or delete a run.
 *
 * @param {any} run its summary
 * @param {(id: string) => void} [onRemove]
 */
export function openRunDialog(run, onRemove = () => {}) {
  const name = h("input", { id: "run-name", value: run.name, maxLength: MAX_NAME_LENGTH, required: true });
  const placeholder = "What was tried, and the result";
  const note = h("textarea", { id: "run-note", rows: 4, maxLength: MAX_NOTE_LENGTH, placeholder });
  note.value = run.note ?? "";
  const message = h("p.wrong", { role: "alert", hidden: true });
  const save = async () => {
    await postJson("/api/run/about", { run: run.run, name: name.value, note: note.value });
    box.close();
  };
  const onsubmit = (event) => {
    event.preventDefault();
    save().catch((error) => markWrongField(error.field === "note" ? note : name, message, capitalize(error.message)));
  };
  const remove = async () => {
    await deleteRun(run);
    box.close();
    onRemove(run.run);
  };
  const whyDisabled = run.live ? "stop it first" : "";
  const trash = button("Move to the trash", () => withErrors(remove), { disabled: run.live, title: whyDisabled });
  trash.classList.add("danger");
  const box = openDialog(
    "About this run",
    h(
      "form.about",
      { onsubmit },
      h("label", { htmlFor: name.id }, "Name in the studio", name),
      h("label", { htmlFor: note.id }, "Note", note),
      h("p.fine", {}, `Its directory stays ${run.run}.`),
      message,
      h("footer", {}, trash, h("button.main", {}, "Save")),
    ),
  );
}
