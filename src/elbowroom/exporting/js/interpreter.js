/** @typedef {Float32Array} Values  the elements of a contiguous tensor */
/** @typedef {() => void} Step  computes the output of an operation from its inputs, in place */
/** @typedef {(out: Values, inputs: Values[], settings: any) => Step} Operation  prepares one step */

/**
 * A graph of tensor operations, as `exporting/js/graph.py` writes it; arrays are named by numbers.
 *
 * @typedef {object} Program
 * @property {Record<string, number>} sizes  the number of elements of each array that is computed
 * @property {[number: number, size: number, bytes: number][]} constants  in the order of the weights; 2 or 4 bytes each
 * @property {[operation: string, output: number, inputs: number[], settings: object][]} steps
 * @property {Record<string, number>} inputs  by name
 * @property {number} output
 */

/**
 * A two-dimensional convolution: sizes are [channels, height, width], and pairs are [vertical, horizontal].
 *
 * @typedef {object} Convolution
 * @property {[number, number, number]} from
 * @property {[number, number, number]} to
 * @property {[number, number]} stride
 * @property {[number, number]} padding
 * @property {[number, number]} dilation
 * @property {[number, number]} kernel
 * @property {number} groups
 */

/** Runs a graph of tensor operations. A worker is made of the text of this class: it needs nothing outside. */
export class Interpreter {
  /** @type {Values[]} */
  #values = [];
  /** @type {Program} */
  #program;
  /** @type {Step[]} */
  #steps;

  /**
   * @param {Program} program
   * @param {ArrayBuffer} weights  the constants, one after another
   */
  constructor(program, weights) {
    this.#program = program;
    for (const [number, size] of Object.entries(program.sizes)) this.#values[Number(number)] = new Float32Array(size);
    let byteOffset = 0;
    for (const [number, size, width] of program.constants) {
      this.#values[number] =
        width === 4
          ? new Float32Array(weights, byteOffset, size)
          : Interpreter.#halfToFloat(new Uint16Array(weights, byteOffset, size));
      byteOffset += size * width;
    }
    const operations = Interpreter.#operations();
    this.#steps = program.steps.map(([name, output, inputs, settings]) =>
      operations[name](
        this.#values[output],
        inputs.map((n) => this.#values[n]),
        settings,
      ),
    );
  }

  /**
   * The output for some inputs; those that are not given stay as they were.
   *
   * @param {Record<string, ?ArrayLike<number>>} inputs
   */
  run(inputs) {
    for (const [name, number] of Object.entries(this.#program.inputs)) {
      const given = inputs[name];
      if (given) this.#values[number].set(given);
    }
    for (const step of this.#steps) step();
    return this.#values[this.#program.output].slice();
  }

  // ---- Operations by name

  /** @returns {Record<string, Operation>} */
  static #operations() {
    const mapped = Object.entries(Interpreter.#UNARY).map(([name, f]) => [name, Interpreter.#unary(f)]);
    const combined = Object.entries(Interpreter.#POINTWISE).map(([name, f]) => [name, Interpreter.#pointwise(f)]);
    const reduced = Object.entries(Interpreter.#REDUCTIONS).map(([name, f]) => [name, Interpreter.#reduction(f)]);
    return {
      ...Object.fromEntries([...mapped, ...combined, ...reduced]),
      view: Interpreter.#view,
      linear: Interpreter.#linear,
      convolution: (out, [x, w, b], settings) => Interpreter.#convolution(out, x, w, b, settings, false),
      transposed: (out, [x, w, b], settings) => Interpreter.#convolution(out, x, w, b, settings, true),
      norm: Interpreter.#norm,
      nearest: Interpreter.#nearest,
      softmax: Interpreter.#softmax(false),
      log_softmax: Interpreter.#softmax(true),
      attention: Interpreter.#attention,
      cat: Interpreter.#cat,
    };
  }

  /** Functions of one number, and of up to three settings. @type {Record<string, (...values: number[]) => number>} */
  static #UNARY = {
    neg: (v) => -v,
    exp: Math.exp,
    log: Math.log,
    expm1: Math.expm1,
    log1p: Math.log1p,
    sqrt: Math.sqrt,
    rsqrt: (v) => 1 / Math.sqrt(v),
    tanh: Math.tanh,
    sigmoid: (v) => Interpreter.#sigmoid(v),
    relu: (v) => Math.max(v, 0),
    silu: (v) => v * Interpreter.#sigmoid(v),
    abs: Math.abs,
    reciprocal: (v) => 1 / v,
    log_sigmoid: (v) => -Interpreter.#softplus(-v),
    erf: (v) => Interpreter.#erf(v),
    floor: Math.floor,
    sin: Math.sin,
    cos: Math.cos,
    square: (v) => v * v,
    logical_not: (v) => Number(v === 0),
    leaky_relu: (v, slope) => (v > 0 ? v : slope * v),
    elu: (v, alpha, scale, rate) => scale * (v > 0 ? v : alpha * Math.expm1(rate * v)),
    softplus: (v, beta, threshold) => (beta * v > threshold ? v : Interpreter.#softplus(beta * v) / beta),
    clamp: (v, low, high) => Math.min(Math.max(v, low), high),
    gelu: (v) => 0.5 * v * (1 + Interpreter.#erf(v / Math.SQRT2)),
    gelu_tanh: (v) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))),
  };

  /** Functions of two or three elements. @type {Record<string, (a: number, b: number, c: number) => number>} */
  static #POINTWISE = {
    add: (a, b) => a + b,
    sub: (a, b) => a - b,
    mul: (a, b) => a * b,
    div: (a, b) => a / b,
    pow: (a, b) => a ** b,
    maximum: (a, b) => Math.max(a, b),
    minimum: (a, b) => Math.min(a, b),
    lt: (a, b) => Number(a < b),
    le: (a, b) => Number(a <= b),
    gt: (a, b) => Number(a > b),
    ge: (a, b) => Number(a >= b),
    eq: (a, b) => Number(a === b),
    ne: (a, b) => Number(a !== b),
    logical_and: (a, b) => Number(a !== 0 && b !== 0),
    logical_or: (a, b) => Number(a !== 0 || b !== 0),
    where: (test, a, b) => (test !== 0 ? a : b),
  };

  /** Functions of n elements from an index on. @type {Record<string, (x: Values, at: number, n: number) => number>} */
  static #REDUCTIONS = {
    sum: (x, at, n) => Interpreter.#sum(x, at, n),
    mean: (x, at, n) => Interpreter.#sum(x, at, n) / n,
    argmax: (x, at, n) => {
      let best = 0;
      for (let i = 1; i < n; i++) if (x[at + i] > x[at + best]) best = i;
      return best;
    },
  };

  /** @returns {Operation} @param {(...values: number[]) => number} f */
  static #unary(f) {
    return (out, [x], { by: [a, b, c] }) =>
      () => {
        for (let i = 0; i < out.length; i++) out[i] = f(x[i], a, b, c);
      };
  }

  /** @returns {Operation} @param {(a: number, b: number, c: number) => number} f */
  static #pointwise(f) {
    return (out, [x, y, z], { shape, strides }) => {
      /** @type {number[][]} */
      const views = strides;
      const [at, bt, ct] = views.map((stride) => Interpreter.#gatherIndices(shape, stride, 0));
      return () => {
        for (let i = 0; i < out.length; i++) out[i] = f(x[at ? at[i] : i], y[bt ? bt[i] : i], z && z[ct ? ct[i] : i]);
      };
    };
  }

  /** @returns {Operation} @param {(x: Values, at: number, n: number) => number} f */
  static #reduction(f) {
    return (out, [x], { size }) =>
      () => {
        for (let i = 0; i < out.length; i++) out[i] = f(x, i * size, size);
      };
  }

  // ---- Operations on tensors

  /** A strided view of a tensor. @type {Operation} */
  static #view(out, [x], { shape, strides, offset }) {
    const indices = Interpreter.#gatherIndices(shape, strides, offset);
    if (!indices) return () => out.set(x.subarray(0, out.length));
    return () => {
      for (let i = 0; i < out.length; i++) out[i] = x[indices[i]];
    };
  }

  /** @type {Operation} */
  static #linear(out, [x, w, b], { inputs, outputs }) {
    return () => {
      for (let row = 0, i = 0; i < out.length; row += inputs) {
        for (let o = 0; o < outputs; o++, i++) {
          let sum = b[o];
          for (let j = 0, at = o * inputs; j < inputs; j++) sum += x[row + j] * w[at + j];
          out[i] = sum;
        }
      }
    };
  }

  /**
   * A convolution adds every weight times a shifted image; transposed, input and output change places.
   *
   * @param {Values} out
   * @param {Values} x
   * @param {Values} w
   * @param {Values} b
   * @param {Convolution} settings
   * @param {boolean} isTransposed
   * @returns {Step}
   */
  static #convolution(out, x, w, b, settings, isTransposed) {
    const { from, to, kernel, groups } = settings;
    const [groupInputs, groupOutputs] = [from[0] / groups, to[0] / groups];
    const area = to[1] * to[2];
    const add = Interpreter.#addShifted(out, x, settings, isTransposed);
    return () => {
      for (let o = 0; o < to[0]; o++) {
        out.fill(b[o], o * area, (o + 1) * area);
        const group = Math.floor(o / groupOutputs);
        for (let i = 0; i < groupInputs; i++) {
          const c = group * groupInputs + i;
          const at = isTransposed ? c * groupOutputs + (o - group * groupOutputs) : o * groupInputs + i;
          for (let u = 0; u < kernel[0]; u++)
            for (let v = 0; v < kernel[1]; v++) add(w[(at * kernel[0] + u) * kernel[1] + v], o, c, u, v);
        }
      }
    };
  }

  /**
   * A function that adds channel c of the input, shifted by the place (u, v) of the kernel, times k to channel o.
   *
   * @param {Values} out
   * @param {Values} x
   * @param {Convolution} settings
   * @param {boolean} isTransposed
   * @returns {(k: number, o: number, c: number, u: number, v: number) => void}
   */
  static #addShifted(out, x, { from, to, stride, padding, dilation }, isTransposed) {
    // The larger image is read or written at every `stride` pixels, the smaller one at each.
    const [[, H, W], [, P, Q]] = isTransposed ? [to, from] : [from, to];
    const [[sy, sx], [py, px], [dy, dx]] = [stride, padding, dilation];
    return (k, o, c, u, v) => {
      const [down, right] = [u * dy - py, v * dx - px];
      const [p0, p1] = Interpreter.#validRange(sy, down, H, P);
      const [q0, q1] = Interpreter.#validRange(sx, right, W, Q);
      const [ofLarge, ofSmall] = isTransposed ? [o, c] : [c, o];
      for (let p = p0; p < p1; p++) {
        let large = (ofLarge * H + p * sy + down) * W + q0 * sx + right;
        let small = (ofSmall * P + p) * Q + q0;
        if (isTransposed) for (let q = q0; q < q1; q++, small++, large += sx) out[large] += k * x[small];
        else for (let q = q0; q < q1; q++, small++, large += sx) out[small] += k * x[large];
      }
    };
  }

  /** Normalization of each group of elements, with a scale and a shift for each channel. @type {Operation} */
  static #norm(out, [x, scale, shift], { groups, channels, eps }) {
    const [n, area] = [x.length / groups, channels === 1 ? x.length : x.length / channels];
    return () => {
      for (let g = 0; g < groups; g++) {
        const mean = Interpreter.#sum(x, g * n, n) / n;
        let squares = 0;
        for (let i = g * n; i < (g + 1) * n; i++) squares += (x[i] - mean) ** 2;
        const inverse = 1 / Math.sqrt(squares / n + eps);
        for (let i = g * n; i < (g + 1) * n; i++) {
          const c = Math.floor(i / area);
          out[i] = (x[i] - mean) * inverse * scale[c] + shift[c];
        }
      }
    };
  }

  /** Upsampling by nearest neighbours. @type {Operation} */
  static #nearest(out, [x], { from: [channels, h, w], to: [, H, W] }) {
    return () => {
      let i = 0;
      for (let c = 0; c < channels; c++) {
        for (let y = 0; y < H; y++) {
          const row = (c * h + Math.floor((y * h) / H)) * w;
          for (let column = 0; column < W; column++) out[i++] = x[row + Math.floor((column * w) / W)];
        }
      }
    };
  }

  /** @returns {Operation} @param {boolean} isLog */
  static #softmax(isLog) {
    return (out, [x], { size }) =>
      () => {
        for (let at = 0; at < x.length; at += size) {
          let [max, sum] = [-Infinity, 0];
          for (let i = at; i < at + size; i++) max = Math.max(max, x[i]);
          for (let i = at; i < at + size; i++) sum += Math.exp(x[i] - max);
          const logSum = Math.log(sum);
          for (let i = at; i < at + size; i++) out[i] = isLog ? x[i] - max - logSum : Math.exp(x[i] - max) / sum;
        }
      };
  }

  /** Self-attention: the values, weighted by the softmax of each query's products with all keys. @type {Operation} */
  static #attention(out, [q, k, v], { positions, channels, scale }) {
    const [block, weights] = [positions * channels, new Float64Array(positions)];
    return () => {
      out.fill(0);
      for (let i = 0; i < out.length; i += channels) {
        const start = i - (i % block);
        let [max, sum] = [-Infinity, 0];
        for (let j = 0; j < positions; j++) {
          let product = 0;
          for (let c = 0, at = start + j * channels; c < channels; c++) product += q[i + c] * k[at + c];
          weights[j] = scale * product;
          max = Math.max(max, weights[j]);
        }
        for (let j = 0; j < positions; j++) sum += weights[j] = Math.exp(weights[j] - max);
        for (let j = 0; j < positions; j++) {
          const weight = weights[j] / sum;
          for (let c = 0, at = start + j * channels; c < channels; c++) out[i + c] += weight * v[at + c];
        }
      }
    };
  }

  /** Concatenation: of each row, so many values of each part. @type {Operation} */
  static #cat(out, parts, { sizes }) {
    return () => {
      for (let at = 0, row = 0; at < out.length; row++) {
        parts.forEach((x, k) => {
          out.set(x.subarray(row * sizes[k], (row + 1) * sizes[k]), at);
          at += sizes[k];
        });
      }
    };
  }

  // ---- Numbers and indices

  /**
   * Half precision (IEEE 754 binary16): a sign bit, five bits of exponent, ten of fraction.
   *
   * @param {Uint16Array} halves
   */
  static #halfToFloat(halves) {
    return Float32Array.from(halves, (bits) => {
      const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
      const size = exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24;
      return bits & 0x8000 ? -size : size;
    });
  }

  /**
   * The index in the input of each element of a strided view; null where they are the same.
   *
   * @param {number[]} shape
   * @param {number[]} strides
   * @param {number} offset
   */
  static #gatherIndices(shape, strides, offset) {
    const size = shape.reduce((a, b) => a * b, 1);
    const indices = new Int32Array(size);
    const counters = shape.map(() => 0);
    let [index, isIdentity] = [offset, offset === 0];
    for (let i = 0; i < size; i++) {
      indices[i] = index;
      isIdentity = isIdentity && index === i;
      for (let d = shape.length - 1; d >= 0; d--) {
        index += strides[d];
        if (++counters[d] < shape[d]) break;
        index -= strides[d] * shape[d];
        counters[d] = 0;
      }
    }
    return isIdentity ? null : indices;
  }

  /**
   * The range of q below limit for which 0 <= q * stride + shift < size; its end is not in it.
   *
   * @param {number} stride
   * @param {number} shift
   * @param {number} size
   * @param {number} limit
   */
  static #validRange(stride, shift, size, limit) {
    return [Math.max(0, Math.ceil(-shift / stride)), Math.min(limit, Math.floor((size - 1 - shift) / stride) + 1)];
  }

  /** @param {Values} x @param {number} at @param {number} n */
  static #sum(x, at, n) {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += x[at + i];
    return sum;
  }

  /** @param {number} v */
  static #sigmoid(v) {
    return 1 / (1 + Math.exp(-v));
  }

  /** @param {number} v */
  static #softplus(v) {
    return Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v)));
  }

  /**
   * The error function by a power series, or far out a continued fraction: the usual approximation (Abramowitz and
   * Stegun 7.1.26) errs by 1e-7.
   *
   * @param {number} x
   */
  static #erf(x) {
    const a = Math.abs(x);
    if (a > 6) return Math.sign(x);
    if (a < 2.5) {
      let [term, sum] = [x, x];
      for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
        term *= (-x * x) / n;
        sum += term / (2 * n + 1);
      }
      return (2 / Math.sqrt(Math.PI)) * sum;
    }
    let fraction = 0;
    for (let n = 60; n > 0; n--) fraction = n / 2 / (a + fraction);
    return Math.sign(x) * (1 - Math.exp(-a * a) / ((a + fraction) * Math.sqrt(Math.PI)));
  }
}
