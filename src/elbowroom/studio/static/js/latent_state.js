// The latent that is decoded, its condition and the two pinned latents, with listeners.

/**
 * A codebook: its entries, and how many examples choose each at each position.
 * @typedef {{positions: number, codes: number[][], counts: ?number[][], examples: number, split: ?string,
 *   size: number, typical: ?number[]}} Codebook
 */

export class LatentState {
  /** @type {number[]} */
  z = [];
  c = null;
  /**
   * Of a hierarchy, the latents below the uppermost by name, as distances from the means of their priors in standard
   * deviations of these; one that is left out is at its mean.
   * @type {Record<string, number[]>}
   */
  lower = {};
  /** The example of the data that the latent belongs to, if any: {index, split}. */
  example = null;
  /** Ends of an interpolation by name: {z, example, c}. */
  pins = {};
  #listeners = [];

  /** @param {string} run @param {any} model @param {?Codebook} codes of a quantized model */
  constructor(run, model, codes = null) {
    this.run = run;
    this.model = model;
    this.codes = codes;
    /** The codebook, where its entries are few enough to be listed. */
    this.codebook = codes?.codes.length ? codes : null;
    if (model.conditional?.kind === "classes") this.c = 0;
    if (model.conditional?.kind === "attributes") this.c = new Array(model.conditional.size).fill(0);
  }

  /**
   * Set the latent, and with it the example it belongs to and its condition. What lies between the entries of a
   * codebook becomes the nearest ones; the latents below the uppermost go to their means.
   */
  set(z, example = null, c = this.c, lower = {}) {
    const values = this.codebook ? this.latentOfEntries(this.entriesOf(Array.from(z))) : Array.from(z);
    Object.assign(this, { z: values, example, c, lower });
    this.#notify();
  }

  /**
   * Whether a latent may be moved: not among codes that are too many to list, as nothing says which of them are near.
   */
  get isMovable() {
    return !this.model.quantised || this.codebook !== null;
  }

  /** Set one dimension. */
  setDimension(dim, value) {
    this.set(withValue(this.z, dim, value), null, this.c, this.lower);
  }

  /** Set one dimension of a latent below the uppermost. */
  setLowerDimension(name, dim, value, size) {
    const values = withValue(this.lower[name] ?? new Array(size).fill(0), dim, value);
    this.set(this.z, null, this.c, { ...this.lower, [name]: values });
  }

  /** Keep the latent as an end of an interpolation. */
  pin(name) {
    this.pins = { ...this.pins, [name]: { z: [...this.z], example: this.example, c: this.c } };
    this.#notify();
  }

  /** Set the pinned latents. */
  setPins(pins) {
    this.pins = pins;
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

  /** The fields of the current latent in a request to decode it. */
  get decodeFields() {
    return { z: this.z, c: this.c, ...(Object.keys(this.lower).length ? { lower: this.lower } : {}) };
  }

  /** The dimensions, the most active first. */
  get dimensions() {
    return this.model.active?.length ? this.model.active : this.z.map((_, dim) => dim);
  }

  /** What a tool says of a hierarchy if it moves the uppermost latent alone. */
  get lowerHint() {
    if (this.model.hierarchy.length < 2) return "";
    const where = this.model.quantised ? "codes that are most likely given it" : "means of their priors";
    return ` The latents below the top one are at the ${where}.`;
  }

  // ---- Codebooks

  /** The entries of a codebook that are nearest to a latent at each position. */
  entriesOf(z = this.z) {
    const { codes, positions } = this.codebook;
    const size = codes[0].length;
    return Array.from({ length: positions }, (_, at) => nearestRow(codes, z.slice(at * size, (at + 1) * size)));
  }

  /** The latent that entries of a codebook make. */
  latentOfEntries(entries) {
    return entries.flatMap((entry) => this.codebook.codes[entry]);
  }
}

/** The numbers of a latent of any shape. */
export const flattenLatent = (z) => [z].flat(Infinity);

/** A copy of an array with one value replaced. */
export const withValue = (values, index, value) => values.map((old, k) => (k === index ? value : old));

/** The index of the row that is nearest to a point, by the sum of squares. */
export function nearestRow(rows, point) {
  let [best, least] = [0, Infinity];
  for (let i = 0; i < rows.length; i++) {
    let distance = 0;
    for (let k = 0; k < point.length && distance < least; k++) distance += (rows[i][k] - point[k]) ** 2;
    if (distance < least) [best, least] = [i, distance];
  }
  return best;
}
