// Panel: the path between two pinned latents, step by step and as a film.

import { h, help } from "/static/kit.js";
import { postJson } from "../api.js";
import { button, debounce, newestOnly, select, setChildren, slider, withErrors } from "../dom.js";
import { fileFormats, listExamples } from "../example_list.js";
import { createExportMenu } from "../export_menu.js";
import { flattenLatent } from "../latent_state.js";

const STEP_COUNTS = [5, 9, 13, 25];
/** Positions of the slider. */
const SLIDER_MAX = 1000;
/** The time in which the film goes from one end to the other and back, divided by 2π. */
const PERIOD_MS = 900;

export const interpolationPanel = {
  name: "between",
  label: "Interpolation",
  isAvailable: (model) => !model.quantised,
  create: (latent) => new InterpolationPanel(latent).element,
};

class InterpolationPanel {
  #latents = null;
  #frameRequest = 0;
  #shownPins = null;
  #strip = h("div.strip.wide-strip");
  #ends = h("div.ends");
  #slider = slider("from A to B", { min: 0, max: SLIDER_MAX, value: 0 }, () =>
    this.#decodeAt(Number(this.#slider.value) / SLIDER_MAX),
  );
  #path = select(
    "path",
    [
      ["linear", "linear"],
      ["spherical", "spherical"],
    ],
    "linear",
    () => this.#update(),
  );
  #steps = select(
    "steps",
    STEP_COUNTS.map((n) => [n, `${n} steps`]),
    9,
    () => this.#update(),
  );
  #play = button("Play", () => this.#togglePlayback(), { disabled: true });

  constructor(latent) {
    this.latent = latent;
    this.load = newestOnly(() => postJson("/api/interpolate", { ...this.#requestFields(), format: "json" }));
    latent.subscribe(() => latent.pins !== this.#shownPins && this.#update());
    const hint = "Choose a point on the map, pin it as A, choose another, pin it as B.";
    const formats = fileFormats(latent.model, true);
    this.element = h(
      "div.between",
      {},
      h("p.quiet", {}, `${hint}${latent.lowerHint}`),
      h("div.row", {}, this.#ends, this.#path, help("spherical"), this.#steps, this.#play),
      this.#slider,
      this.#strip,
      createExportMenu("/api/interpolate", "interpolate", formats, () => this.#requestFields()),
    );
    this.#update();
  }

  #requestFields() {
    const { A, B } = this.latent.pins;
    if (!A || !B) throw new Error("pin two latents first, as A and as B: both buttons are beside the decoded image");
    const end = (pin) => pin.example ?? { z: pin.z };
    const choices = { steps: Number(this.#steps.value), path: this.#path.value };
    // Both ends are decoded under the condition that A was pinned with.
    return { run: this.latent.run, ...(A.c === null ? {} : { c: A.c }), a: end(A), b: end(B), ...choices };
  }

  #update() {
    this.#shownPins = this.latent.pins;
    setChildren(
      this.#ends,
      ["A", "B"].map((name) => this.#describeEnd(name)),
    );
    this.#loadSoon();
  }

  #describeEnd(name) {
    const pin = this.latent.pins[name];
    const words = pin?.example ? `${pin.example.split} ${pin.example.index}` : pin ? "a latent" : "not pinned yet";
    return h("p", {}, h("b", {}, name), ` ${words}`);
  }

  #loadSoon = debounce(async () => {
    if (!this.latent.pins.A || !this.latent.pins.B) return;
    const response = await withErrors(this.load);
    if (response) this.#showPath(response);
  }, 60);

  #showPath(answer) {
    this.#latents = answer.z.map(flattenLatent);
    this.#play.disabled = false;
    const last = this.#latents.length - 1;
    const name = (i) => `step ${i + 1}`;
    setChildren(
      this.#strip,
      listExamples(this.latent.model, answer, name, (i) => this.#moveTo(i / last)),
    );
  }

  #moveTo(t) {
    this.#slider.value = SLIDER_MAX * t;
    this.#decodeAt(t);
  }

  /** Decode the latent at a share t of the way. */
  #decodeAt(t) {
    if (!this.#latents) return;
    const position = t * (this.#latents.length - 1);
    const low = Math.min(Math.floor(position), this.#latents.length - 2);
    const [from, to] = [this.#latents[low], this.#latents[low + 1]];
    const z = from.map((value, k) => value + (position - low) * (to[k] - value));
    this.latent.set(z, null, this.latent.pins.A.c);
  }

  #togglePlayback() {
    if (this.#frameRequest) return this.#stop();
    const start = performance.now();
    const step = (now) => {
      if (!this.element.isConnected) return this.#stop();
      this.#moveTo((1 - Math.cos((now - start) / PERIOD_MS)) / 2);
      this.#frameRequest = requestAnimationFrame(step);
    };
    this.#frameRequest = requestAnimationFrame(step);
    this.#play.textContent = "Pause";
  }

  #stop() {
    cancelAnimationFrame(this.#frameRequest);
    this.#frameRequest = 0;
    this.#play.textContent = "Play";
  }
}
