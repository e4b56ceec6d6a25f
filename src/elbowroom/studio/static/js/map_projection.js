// From latents to positions on the map, and back.

/** Examples whose latents are mixed at a position of a map that is not linear. */
const NUM_NEIGHBORS = 4;

const dot = (a, b) => a.reduce((sum, value, k) => sum + value * b[k], 0);
const squaredDistance = (a, b) => a.reduce((sum, value, k) => sum + (value - b[k]) ** 2, 0);
const decodeFloats = (text) => new Float32Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);

/**
 * The points of a map and the latents they stand for. A linear map is z = centre + px x + py y; at a position of any
 * other the latents of the nearest examples are mixed.
 */
export class MapProjection {
  #latents;

  /**
   * @param {object} map  the server's answer
   * @param {number[][]} map.points
   * @param {?{centre: number[], x: number[], y: number[]}} map.map
   * @param {string} map.codes  latents as base64 of float32
   * @param {number} map.dims
   */
  constructor({ points, map, codes, dims }) {
    this.points = points;
    this.linear = map;
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

  /** The position of a latent; where the map is not linear, that of the nearest example. */
  project(z) {
    if (!this.linear)
      return this.points[this.#nearest(this.points.map((_, i) => squaredDistance(z, this.latentOf(i))))];
    const offset = z.map((value, k) => value - this.linear.centre[k]);
    return [dot(offset, this.linear.x), dot(offset, this.linear.y)];
  }

  #nearest(distances) {
    return distances.reduce((best, distance, i) => (distance < distances[best] ? i : best), 0);
  }

  /** The latent at a position: on a linear map `z` moved there, its other directions kept. */
  unproject([x, y], z, visibleWidth) {
    if (!this.linear) return this.#mixNeighbors([x, y], visibleWidth);
    const [px, py] = this.project(z);
    return z.map((value, k) => value + (x - px) * this.linear.x[k] + (y - py) * this.linear.y[k]);
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
