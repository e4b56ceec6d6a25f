// Actions on a run: evaluate, report, export, fit a sampler; each with its state, a log and its result.

import { h } from "/static/kit.js";
import { getJson, postJson } from "./api.js";
import {
  button,
  capitalize,
  copyButton,
  formatDuration,
  openDialog,
  quietButton,
  setChildren,
  withErrors,
} from "./dom.js";
import { RunLog } from "./run_log.js";

/** Time between two looks at the clock of what is running. */
const TICK_MS = 1000;

/** @typedef {{name: string, label: string, about: string, options: {value: string, about: string}[]}} Action */

/** @type {?Promise<import("../../api/answers.d.ts").ActionList>} */
let catalog = null;

/** The actions that the server has; they are asked for once. */
const loadActions = () => (catalog ??= getJson("/api/actions"));

/** The buttons of the actions, and a line for each that was started. */
export class RunJobs {
  #buttons = h("div.row");
  #states = h("ul.jobs", { "aria-label": "actions" });
  #shown = "";
  #clocks = new Map();
  #timer = 0;
  element = h("section.actions", { "aria-label": "actions on this run" }, this.#buttons, this.#states);
  /** @type {Action[]} */
  actions = [];

  async open(run) {
    this.actions = /** @type {Action[]} */ ((await loadActions()).actions);
    this.update(run);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  destroy() {
    clearInterval(this.#timer);
  }

  /** Show the actions of a run; they are drawn anew only if they are others, so that the focus stays. */
  update(run) {
    this.run = run;
    const shown = JSON.stringify([run.actions, run.report, run.live, this.actions.length]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const report = run.report ? openLink("Report", run.report) : null;
    setChildren(
      this.#buttons,
      report,
      this.actions.map((action) => this.#createButton(action)),
    );
    this.#clocks.clear();
    setChildren(
      this.#states,
      (run.actions ?? []).map((state) => this.#createState(state)),
    );
  }

  #createButton(action) {
    const isRunning = this.run.actions?.some((one) => one.name === action.name && one.state === "running");
    const label = action.name === "report" && this.run.report ? "Make the report again" : action.label;
    const choose = () => (action.options.length > 1 ? this.#openOptions(action) : this.#start(action, ""));
    return button(label, choose, { disabled: isRunning, title: action.about });
  }

  #start(action, option) {
    return withErrors(async () => {
      const state = await postJson("/api/run/action", { run: this.run.run, action: action.name, option });
      const others = (this.run.actions ?? []).filter((one) => one.name !== action.name);
      this.update({ ...this.run, actions: [...others, state] });
    });
  }

  #openOptions(action) {
    const choice = action.open ? createOpenChoice(action) : createChoice(action);
    const onsubmit = (event) => {
      event.preventDefault();
      box.close();
      this.#start(action, choice.value);
    };
    const name = action.name === "evaluate" ? "Metrics" : "Sampler";
    const box = openDialog(
      action.label,
      h("p.fine", {}, action.about),
      h(
        "form",
        { onsubmit },
        h("label", { htmlFor: choice.id }, name, choice),
        action.open ? createOptionList(action, choice) : null,
        h("footer", {}, h("span"), h("button.main", {}, action.label)),
      ),
    );
  }

  #createState(state) {
    const label = this.actions.find((action) => action.name === state.name)?.label ?? state.name;
    const option = state.option ? ` (${state.option})` : "";
    const time = h("span.time");
    if (state.state === "running") this.#clocks.set(time, state.started);
    else time.textContent = formatDuration((Date.parse(state.ended) - Date.parse(state.started)) / 1000);
    this.#tick();
    return h(
      `li.job.${state.state}`,
      {},
      h("b", {}, `${label}${option}`),
      h("span.state", {}, state.state),
      time,
      state.message ? h("span.wrong", {}, capitalize(state.message)) : null,
      this.#createResult(state),
      state.state === "running" ? this.#createCancel(state) : null,
      quietButton("Log", () => this.#openLog(label, state), { "aria-label": `log of ${label}` }),
    );
  }

  #createCancel({ name }) {
    const cancel = () => withErrors(() => postJson("/api/run/action/cancel", { run: this.run.run, action: name }));
    return quietButton("Cancel", cancel, { "aria-label": `cancel ${name}` });
  }

  #createResult({ name, state, option, result }) {
    if (state !== "done") return null;
    if (result) return openLink("Open it", result);
    if (name === "report" && this.run.report) return openLink("Open it", this.run.report);
    if (name === "evaluate") return quietButton("See the figures", showEvaluations);
    if (name !== "fit-sampler") return null;
    const command = `elbowroom sample ${this.run.run} --sampler ${option} --out samples.png`;
    return copyButton(command, "Copy the command that samples", { title: command });
  }

  #openLog(label, { name }) {
    const log = new RunLog(this.run.run, name);
    const box = openDialog(`Log: ${label}`, log.element);
    log.open();
    box.addEventListener("close", () => log.close());
  }

  #tick() {
    for (const [element, started] of this.#clocks) {
      element.textContent = formatDuration(Math.max(0, Math.round((Date.now() - Date.parse(started)) / 1000)));
    }
  }
}

const createChoice = ({ options }) => {
  const option = ({ value, about }) => h("option", { value }, about ? `${value}: ${about}` : value);
  return h("select", { id: "action-option" }, options.map(option));
};

/** A text field: a setting of one's own may follow the colon, as in mixture:20. */
const createOpenChoice = ({ options }) =>
  h("input", { id: "action-option", value: options[0].value, required: true, spellcheck: false });

/** What may be written into an open choice: a click on a name writes it. */
function createOptionList({ options }, choice) {
  const write = (value) => () => {
    choice.value = value;
    choice.focus();
  };
  const row = ({ value, about }) => [h("dt", {}, quietButton(value, write(value))), h("dd", {}, about)];
  return h("dl.options", {}, options.map(row));
}

const openLink = (words, href) => h("a.button", { href, target: "_blank", rel: "noopener" }, words);

const showEvaluations = () => document.getElementById("evaluations")?.scrollIntoView({ behavior: "smooth" });
