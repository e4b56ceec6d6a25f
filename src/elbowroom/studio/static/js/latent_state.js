// The latent that is decoded, its condition and the two pinned latents, with listeners.

export class LatentState {
  z = [];
  c = null;
  /** The example of the data that the latent belongs to, if any: {index, split}. */
  example = null;
  /** Ends of an interpolation by name: {z, example, c}. */
  pins = {};
  #listeners = [];

  constructor(run, model) {
    this.run = run;
    this.model = model;
    if (model.conditional?.kind === "classes") this.c = 0;
    if (model.conditional?.kind === "attributes") this.c = new Array(model.conditional.size).fill(0);
  }

  /** Set the latent, and with it the example it belongs to and its condition. */
  set(z, example = null, c = this.c) {
    Object.assign(this, { z: Array.from(z), example, c });
    this.#notify();
  }

  /** Set one dimension. */
  setDimension(dim, value) {
    const z = [...this.z];
    z[dim] = value;
    this.set(z);
  }

  /** Keep the latent as an end of an interpolation. */
  pin(name) {
    this.pins = { ...this.pins, [name]: { z: [...this.z], example: this.example, c: this.c } };
    this.#notify();
  }

  /** Call a listener after every change. */
  subscribe(listener) {
    this.#listeners.push(listener);
  }

  /** Call a listener only when the condition has changed. */
  subscribeCondition(listener) {
    let last = JSON.stringify(this.c);
    this.subscribe(() => {
      const now = JSON.stringify(this.c);
      if (now === last) return;
      last = now;
      listener();
    });
  }

  #notify() {
    for (const listener of this.#listeners) listener();
  }

  /** The fields that all requests to the server begin with. */
  get requestFields() {
    return { run: this.run, ...(this.c === null ? {} : { c: this.c }) };
  }

  /** The dimensions, the most active first. */
  get dimensions() {
    return this.model.active?.length ? this.model.active : this.z.map((_, dim) => dim);
  }
}

/** The numbers of a latent of any shape. */
export const flattenLatent = (z) => [z].flat(Infinity);
