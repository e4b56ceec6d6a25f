// From latents to positions on the map, and back.

/** Examples whose latents are mixed at a position of a map that is not linear. */
const NUM_NEIGHBORS = 4;
const AXES = ["x", "y", "z"];

const dot = (a, b) => a.reduce((sum, value, k) => sum + value * b[k], 0);
const squaredDistance = (a, b) => a.reduce((sum, value, k) => sum + (value - b[k]) ** 2, 0);
const decodeFloats = (text) => new Float32Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);

/**
 * The points of a map and the latents they stand for. A linear map is z = centre + Σ_k p_k e_k, of two or three axes e;
 * at a position of any other the latents of the nearest examples are mixed.
 */
export class MapProjection {
  #latents;

  /**
   * @param {object} map  the server's answer
   * @param {number[][]} map.points
   * @param {?Record<string, number[]>} map.map  centre and axes x, y, z; null where it is not linear
   * @param {string} map.codes  latents as base64 of float32
   * @param {number} map.dims
   */
  constructor({ points, map, codes, dims }) {
    this.points = points;
    this.isLinear = Boolean(map);
    this.centre = map?.centre;
    this.axes = map ? AXES.filter((name) => name in map).map((name) => map[name]) : [];
    this.size = dims;
    this.#latents = decodeFloats(codes);
  }

  /** The latent of an example. */
  latentOf(i) {
    return Array.from(this.#latents.subarray(i * this.size, (i + 1) * this.size));
  }

  /** The weighted mean of examples' latents, by default with equal weights. */
  mean(indices, weights = indices.map(() => 1)) {
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const z = new Array(this.size).fill(0);
    indices.forEach((i, n) => this.latentOf(i).forEach((value, k) => (z[k] += (weights[n] / total) * value)));
    return z;
  }

  /** The examples nearest to one of them in latent space, without itself: [{i, distance}], by rising distance. */
  nearestTo(i, count) {
    const z = this.latentOf(i);
    const others = this.points.map((_, j) => ({ i: j, distance: this.#distance(z, j) })).filter((one) => one.i !== i);
    return others.sort((a, b) => a.distance - b.distance).slice(0, count);
  }

  #distance(z, i) {
    let sum = 0;
    for (let k = 0, at = i * this.size; k < this.size; k++, at++) sum += (z[k] - this.#latents[at]) ** 2;
    return Math.sqrt(sum);
  }

  /** The position of a latent; where the map is not linear, that of the nearest example. */
  project(z) {
    if (!this.isLinear) return this.points[this.#nearest(this.points.map((_, i) => this.#distance(z, i)))];
    const offset = z.map((value, k) => value - this.centre[k]);
    return this.axes.map((axis) => dot(offset, axis));
  }

  #nearest(distances) {
    return distances.reduce((best, distance, i) => (distance < distances[best] ? i : best), 0);
  }

  /** The latent at a position: on a linear map `z` moved there, its other directions kept. */
  unproject(position, z, visibleWidth) {
    if (!this.isLinear) return this.#mixNeighbors(position, visibleWidth);
    const from = this.project(z);
    const moved = (value, k) => this.axes.reduce((sum, axis, a) => sum + (position[a] - from[a]) * axis[k], value);
    return z.map(moved);
  }

  #mixNeighbors(position, visibleWidth) {
    const byDistance = this.points.map((point, i) => [squaredDistance(point, position), i]).sort((a, b) => a[0] - b[0]);
    const near = byDistance.slice(0, NUM_NEIGHBORS);
    const weights = near.map(([distance]) => 1 / (distance + 1e-6 * visibleWidth ** 2));
    return this.mean(
      near.map(([, i]) => i),
      weights,
    );
  }

  /** The latents of a grid of positions in a visible range, row by row from the top. */
  grid({ x: [left, right], y: [low, high] }, columns, rows, z) {
    return Array.from({ length: rows * columns }, (_, i) => {
      const [row, column] = [Math.floor(i / columns), i % columns];
      const position = [left + ((column + 0.5) / columns) * (right - left), high - ((row + 0.5) / rows) * (high - low)];
      return this.unproject(position, z, right - left);
    });
  }
}
