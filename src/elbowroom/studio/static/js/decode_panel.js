// The stage: the decoded example with its actions, the condition, and the controls of the latent.

import { formatNumber, h, saveBlob } from "/static/kit.js";
import { postForBlob, postJson } from "./api.js";
import { CodebookPanel } from "./codebook_panel.js";
import { createConditionControls } from "./condition_controls.js";
import { button, quietButton, setChildren, withErrors } from "./dom.js";
import { fileFormats } from "./example_list.js";
import { createExampleView } from "./example_view.js";
import { createCopyButtons } from "./export_menu.js";
import { createSliders } from "./latent_sliders.js";
import { flattenLatent } from "./latent_state.js";

export class DecodePanel {
  #note = h("p.quiet.stage-note", { "aria-live": "polite" });
  #shownExample = null;

  /** @param {import("./latent_state.js").LatentState} latent */
  constructor(latent) {
    this.latent = latent;
    this.view = createExampleView(latent.run, latent.model);
    this.codebook = latent.codebook ? new CodebookPanel(latent) : null;
    latent.subscribe(() => this.#showExample());
    this.element = h(
      "section.panel.stage",
      { "aria-label": "the decoded latent" },
      this.view.element,
      h("p.fine.weights", {}, latent.model.weights.words),
      this.#note,
      createConditionControls(latent),
      createActions(latent),
      this.codebook?.element ?? (latent.isMovable ? createSliders(latent) : describeCodes(latent)),
    );
  }

  destroy() {
    this.view.destroy?.();
    this.codebook?.stop();
  }

  /** Show what the server has decoded. */
  show(decoded) {
    if (this.#note.textContent) this.#note.textContent = "";
    this.view.show(decoded);
  }

  showError(message) {
    this.#note.textContent = message;
  }

  showNewWeights(words) {
    const reload = () => dispatchEvent(new HashChangeEvent("hashchange"));
    setChildren(this.#note, `There are newer weights (${words}). `, quietButton("Reload", reload));
  }

  /** The latent that is shown at first: the mean of the data's, or the entries that most examples have. */
  get initialLatent() {
    const { model } = this.latent;
    if (this.codebook) return this.latent.latentOfEntries(this.codebook.mostFrequent());
    if (!this.latent.isMovable) return this.latent.codes.typical;
    return model.centre ?? new Array(model.latent).fill(0);
  }

  #showExample() {
    const { example } = this.latent;
    if (example === this.#shownExample) return;
    this.#shownExample = example;
    this.view.showExample(example);
  }
}

function describeCodes({ codes }) {
  const many = `Each of ${codes.positions} positions has one of ${formatNumber(codes.size)} codes`;
  return h("p.fine", {}, `${many}, which are too many to list: take an example on the map, or draw a latent.`);
}

function createActions(latent) {
  const { model } = latent;
  const [density] = model.densities;
  const draw = async () => {
    const seed = Math.floor(Math.random() * 1e6);
    const { z } = await postJson("/api/sample", { ...latent.requestFields, n: 1, seed, format: "json" });
    latent.set(flattenLatent(z[0]));
  };
  const request = () => {
    const { z, lower } = latent.decodeFields;
    return { ...latent.requestFields, z: [z], ...(lower ? { lower } : {}) };
  };
  const [format] = fileFormats(model);
  const save = async () => saveBlob(await postForBlob("/api/decode", { ...request(), format }), `decoded.${format}`);
  const pin = (name, title) => button(`Pin as ${name}`, () => latent.pin(name), { title });
  return h(
    "div.row",
    {},
    model.quantised ? null : button("Mean latent", () => latent.set(model.centre), { title: "the mean over the data" }),
    density ? button(`Draw from ${density === "prior" ? "the prior" : density}`, () => withErrors(draw)) : null,
    model.quantised ? null : [pin("A", "one end of an interpolation"), pin("B", "the other end")],
    quietButton("Save", () => withErrors(save), { title: `as ${format.toUpperCase()}` }),
    createCopyButtons("decode", request, format),
  );
}
