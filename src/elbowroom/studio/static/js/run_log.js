// The log of a training or an action: its last lines, which follow what is written.

import { h } from "/static/kit.js";
import { getJson } from "./api.js";
import { copyButton, withErrors } from "./dom.js";

/** Time between two looks at a log that is open. */
const POLL_MS = 1000;
/** Distance from the end at which a log still follows. */
const FOLLOW_PX = 24;

const NO_LOG = "No log: a training that was begun in a terminal writes there.";

export class RunLog {
  #text = h("pre.log", { tabIndex: 0, "aria-label": "last lines of the log" }, "…");
  #copy = copyButton(() => this.#text.textContent ?? "", "Copy", { "aria-label": "copy the log" });
  #timer = 0;
  element = h("div.lines", {}, this.#text, this.#copy);

  /** @param {string} run @param {string} [action] an action on the run; without it, its training */
  constructor(run, action = "") {
    this.run = run;
    this.action = action;
  }

  /** Show the log, and follow it. */
  open() {
    if (this.#timer) return;
    this.#timer = setInterval(() => withErrors(() => this.#load()), POLL_MS);
    withErrors(() => this.#load());
  }

  close() {
    clearInterval(this.#timer);
    this.#timer = 0;
  }

  async #load() {
    if (document.hidden) return;
    const { text } = await getJson("/api/run/log", { run: this.run, action: this.action }).catch((error) => {
      this.close();
      throw error;
    });
    const shown = text.trimEnd() || NO_LOG;
    if (shown === this.#text.textContent) return;
    const { scrollTop, scrollHeight, clientHeight } = this.#text;
    const isAtEnd = scrollTop + clientHeight > scrollHeight - FOLLOW_PX;
    this.#text.textContent = shown;
    if (isAtEnd) this.#text.scrollTop = this.#text.scrollHeight;
  }
}

/** A section that shows the log of a training while it is open; returns it and its destructor. */
export function createLogSection(run) {
  const log = new RunLog(run);
  const ontoggle = (event) => (event.currentTarget.open ? log.open() : log.close());
  const element = h("section", {}, h("details", { ontoggle }, h("summary", {}, "Log of the training"), log.element));
  return { element, destroy: () => log.close() };
}
