// The buttons of a run: pause, stop, resume, more epochs, train again; and the dialog to rename or delete it.

import { h } from "/static/kit.js";
import { viewHash } from "./address.js";
import { postJson } from "./api.js";
import { button, openDialog, withErrors } from "./dom.js";
import { markWrongField } from "./form_fields.js";
import { openRunDialog, stateBadge } from "./run_summary.js";

/** How long a training may take to do what it was asked for. */
const ACTION_TIMEOUT_MS = 60_000;

/** Buttons that pause, stop or resume a run; one that was pressed waits until the training has done it. */
export class RunControls {
  #pending = null;
  #shown = "";
  element = h("div.controls");

  /** Show the buttons of a run; they are drawn anew only if they are others, so that the focus stays. */
  update(run) {
    this.run = run;
    const isDone = this.#pending && (this.#pending.live !== run.live || Date.now() > this.#pending.until);
    if (isDone) this.#pending = null;
    const { state, live, pausable, resumable, extendable, name, note } = run;
    const shown = JSON.stringify([state, live, pausable, resumable, extendable, name, note, this.#pending?.words]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const buttons = this.#pending ? [this.#createPending()] : this.#createButtons(run);
    this.element.replaceChildren(stateBadge(run), ...buttons.filter(Boolean));
  }

  #createPending() {
    return h("button", { disabled: true }, this.#pending.words);
  }

  #createButtons(run) {
    const isLocked = run.live && !run.pausable;
    const about = () => openRunDialog(this.run, () => (location.hash = "#/"));
    return [
      isLocked ? createLockedPause() : null,
      run.live && !isLocked ? this.#createButton("pause", "Pause", "pausing …") : null,
      run.live && !isLocked ? this.#createButton("stop", "Stop", "stopping …") : null,
      run.resumable ? this.#createButton("resume", "Resume", "resuming …") : null,
      run.extendable ? button("More epochs", () => openEpochsDialog(this.run, (post) => this.#wait(post))) : null,
      run.recipe ? h("a.button", { href: viewHash("new", run.recipe, run.run) }, "Train again with changes") : null,
      button("Rename, note, delete", about),
    ];
  }

  /** @param {"pause" | "stop" | "resume"} action @param {string} label @param {string} words */
  #createButton(action, label, words) {
    return button(label, () => this.#act(words, () => postJson(`/api/${action}`, { run: this.run.run })));
  }

  #wait(post) {
    return this.#act("resuming …", post);
  }

  /** Ask for something, and show that until the run has changed. */
  async #act(words, post) {
    this.#pending = { words, live: this.run.live, until: Date.now() + ACTION_TIMEOUT_MS };
    this.update(this.run);
    if (await withErrors(post)) return;
    this.#pending = null;
    this.update(this.run);
  }
}

function createLockedPause() {
  const why = "the studio may not write into this run's directory: press Ctrl-C where it is trained";
  return h("span.row", {}, h("button", { disabled: true }, "Pause"), h("span.fine", {}, why));
}

/** Dialog to train a run for more epochs. */
function openEpochsDialog(run, resume) {
  const trained = Math.max(run.epoch, 0);
  const epochs = h("input", { id: "more-epochs", type: "number", min: trained + 1, value: 2 * trained || 10 });
  const message = h("p.wrong", { role: "alert", hidden: true });
  const onsubmit = (event) => {
    event.preventDefault();
    const total = Number(epochs.value);
    if (!(total > trained)) return markWrongField(epochs, message, `give more than the ${trained} that it has`);
    box.close();
    return resume(() => postJson("/api/resume", { run: run.run, epochs: total }));
  };
  const box = openDialog(
    "More epochs",
    h(
      "form",
      { onsubmit, noValidate: true },
      h("label", { htmlFor: epochs.id }, `Epochs in all, with the ${trained} so far`, epochs),
      h("p.fine", {}, "It goes on from its last checkpoint; a learning-rate schedule begins anew."),
      message,
      h("footer", {}, h("span"), h("button.main", {}, "Go on")),
    ),
  );
}
