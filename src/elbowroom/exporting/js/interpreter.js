"use strict";
// Returns a function that runs a graph of tensor operations: every value is a contiguous Float32Array of a known size.
function createInterpreter(program, weights) {
  const values = [];
  for (const [number, size] of Object.entries(program.sizes)) values[number] = new Float32Array(size);
  let byteOffset = 0;
  for (const [number, size, width] of program.constants) {
    values[number] = width === 4 ? new Float32Array(weights, byteOffset, size) : halfToFloat(new Uint16Array(weights, byteOffset, size));
    byteOffset += size * width;
  }

  // Half precision (IEEE 754 binary16): a sign bit, five bits of exponent, ten of fraction.
  function halfToFloat(halves) {
    return Float32Array.from(halves, (bits) => {
      const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
      const size = exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24;
      return bits & 0x8000 ? -size : size;
    });
  }

  // The index in the input of each element of a strided view; null where they are the same.
  function gatherIndices(shape, strides, offset) {
    const size = shape.reduce((a, b) => a * b, 1);
    const indices = new Int32Array(size);
    const counters = shape.map(() => 0);
    let index = offset, isIdentity = offset === 0;
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

  // A power series, or far out a continued fraction: the usual approximation (Abramowitz and Stegun 7.1.26) errs by 1e-7.
  function erf(x) {
    const a = Math.abs(x);
    if (a > 6) return Math.sign(x);
    if (a < 2.5) {
      let term = x, sum = x;
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
  const sigmoid = (v) => 1 / (1 + Math.exp(-v));
  const softplus = (v) => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v)));

  const UNARY = {
    neg: (v) => -v, exp: Math.exp, log: Math.log, expm1: Math.expm1, log1p: Math.log1p, sqrt: Math.sqrt,
    rsqrt: (v) => 1 / Math.sqrt(v), tanh: Math.tanh, sigmoid, relu: (v) => Math.max(v, 0), silu: (v) => v * sigmoid(v),
    abs: Math.abs, reciprocal: (v) => 1 / v, log_sigmoid: (v) => -softplus(-v), erf, floor: Math.floor, sin: Math.sin,
    cos: Math.cos, square: (v) => v * v, logical_not: (v) => Number(v === 0),
    leaky_relu: (v, slope) => (v > 0 ? v : slope * v),
    elu: (v, alpha, scale, rate) => scale * (v > 0 ? v : alpha * Math.expm1(rate * v)),
    softplus: (v, beta, threshold) => (beta * v > threshold ? v : softplus(beta * v) / beta),
    clamp: (v, low, high) => Math.min(Math.max(v, low), high),
    gelu: (v) => 0.5 * v * (1 + erf(v / Math.SQRT2)),
    gelu_tanh: (v) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))),
  };
  const POINTWISE = {
    add: (a, b) => a + b, sub: (a, b) => a - b, mul: (a, b) => a * b, div: (a, b) => a / b, pow: (a, b) => a ** b,
    maximum: Math.max, minimum: Math.min, lt: (a, b) => Number(a < b), le: (a, b) => Number(a <= b),
    gt: (a, b) => Number(a > b), ge: (a, b) => Number(a >= b), eq: (a, b) => Number(a === b),
    ne: (a, b) => Number(a !== b), logical_and: (a, b) => Number(a !== 0 && b !== 0),
    logical_or: (a, b) => Number(a !== 0 || b !== 0), where: (test, a, b) => (test !== 0 ? a : b),
  };
  // Reductions of n elements from an index on.
  const REDUCED = {
    sum: (x, at, n) => { let sum = 0; for (let i = 0; i < n; i++) sum += x[at + i]; return sum; },
    mean: (x, at, n) => REDUCED.sum(x, at, n) / n,
    argmax: (x, at, n) => { let best = 0; for (let i = 1; i < n; i++) if (x[at + i] > x[at + best]) best = i; return best; },
  };

  function softmax(out, x, n, log) {
    for (let at = 0; at < x.length; at += n) {
      let max = -Infinity, sum = 0;
      for (let i = at; i < at + n; i++) max = Math.max(max, x[i]);
      for (let i = at; i < at + n; i++) sum += Math.exp(x[i] - max);
      const logSum = Math.log(sum);
      for (let i = at; i < at + n; i++) out[i] = log ? x[i] - max - logSum : Math.exp(x[i] - max) / sum;
    }
  }

  // The range [first, last + 1) of q below limit for which 0 <= q * stride + shift < size.
  const validRange = (stride, shift, size, limit) => [
    Math.max(0, Math.ceil(-shift / stride)), Math.min(limit, Math.floor((size - 1 - shift) / stride) + 1),
  ];

  // Adds every weight times a shifted image, row by row; transposed, input and output change places.
  function convolve(out, x, w, b, s, transposed) {
    const [inputs, outputs] = [s.from[0], s.to[0]];
    const [[, H, W], [, P, Q]] = transposed ? [s.to, s.from] : [s.from, s.to];
    const [[sy, sx], [py, px], [dy, dx], [ky, kx]] = [s.stride, s.padding, s.dilation, s.kernel];
    const [groupInputs, groupOutputs] = [inputs / s.groups, outputs / s.groups];
    const area = s.to[1] * s.to[2];
    for (let o = 0; o < outputs; o++) out.fill(b[o], o * area, (o + 1) * area);
    for (let o = 0; o < outputs; o++) {
      const group = Math.floor(o / groupOutputs);
      for (let i = 0; i < groupInputs; i++) {
        const c = group * groupInputs + i;
        const at = (transposed ? c * groupOutputs + (o - group * groupOutputs) : o * groupInputs + i) * ky * kx;
        for (let u = 0; u < ky; u++) {
          const [p0, p1] = validRange(sy, u * dy - py, H, P);
          for (let v = 0; v < kx; v++) {
            const k = w[at + u * kx + v];
            const shift = v * dx - px;
            const [q0, q1] = validRange(sx, shift, W, Q);
            for (let p = p0; p < p1; p++) {
              const y = p * sy + u * dy - py;
              let large = y * W + q0 * sx + shift, small = p * Q + q0; // indices into the larger and the smaller image
              if (transposed) {
                large += o * area;
                small += c * P * Q;
                for (let q = q0; q < q1; q++, small++, large += sx) out[large] += k * x[small];
              } else {
                large += c * H * W;
                small += o * area;
                for (let q = q0; q < q1; q++, small++, large += sx) out[small] += k * x[large];
              }
            }
          }
        }
      }
    }
  }

  // Each returns a function that runs one step, for its output array, its input arrays, and its settings.
  const OPS = {
    view(out, [x], { shape, strides, offset }) {
      const indices = gatherIndices(shape, strides, offset);
      return () => { if (indices) for (let i = 0; i < out.length; i++) out[i] = x[indices[i]]; else out.set(x.subarray(0, out.length)); };
    },
    linear: (out, [x, w, b], { inputs, outputs }) => () => {
      for (let row = 0, i = 0; i < out.length; row += inputs) {
        for (let o = 0; o < outputs; o++, i++) {
          let sum = b[o];
          for (let j = 0, at = o * inputs; j < inputs; j++) sum += x[row + j] * w[at + j];
          out[i] = sum;
        }
      }
    },
    convolution: (out, [x, w, b], settings) => () => convolve(out, x, w, b, settings, false),
    transposed: (out, [x, w, b], settings) => () => convolve(out, x, w, b, settings, true),
    norm: (out, [x, scale, shift], { groups, channels, eps }) => () => {
      const [n, area] = [x.length / groups, channels === 1 ? x.length : x.length / channels];
      for (let g = 0; g < groups; g++) {
        let sum = 0, squares = 0;
        for (let i = g * n; i < (g + 1) * n; i++) sum += x[i];
        const mean = sum / n;
        for (let i = g * n; i < (g + 1) * n; i++) squares += (x[i] - mean) ** 2;
        const inverse = 1 / Math.sqrt(squares / n + eps);
        for (let i = g * n; i < (g + 1) * n; i++) {
          const c = Math.floor(i / area);
          out[i] = (x[i] - mean) * inverse * scale[c] + shift[c];
        }
      }
    },
    nearest: (out, [x], { from: [channels, h, w], to: [, H, W] }) => () => {
      let i = 0;
      for (let c = 0; c < channels; c++) {
        for (let y = 0; y < H; y++) {
          const row = (c * h + Math.floor((y * h) / H)) * w;
          for (let column = 0; column < W; column++) out[i++] = x[row + Math.floor((column * w) / W)];
        }
      }
    },
    softmax: (out, [x], { size }) => () => softmax(out, x, size, false),
    log_softmax: (out, [x], { size }) => () => softmax(out, x, size, true),
    cat: (out, parts, { sizes }) => () => {
      for (let at = 0, row = 0; at < out.length; row++) {
        parts.forEach((x, k) => {
          out.set(x.subarray(row * sizes[k], (row + 1) * sizes[k]), at);
          at += sizes[k];
        });
      }
    },
  };
  for (const [name, f] of Object.entries(UNARY)) {
    OPS[name] = (out, [x], { by: [a, b, c] }) => () => { for (let i = 0; i < out.length; i++) out[i] = f(x[i], a, b, c); };
  }
  for (const [name, f] of Object.entries(POINTWISE)) {
    OPS[name] = (out, [x, y, z], { shape, strides }) => {
      const [at, bt, ct] = strides.map((stride) => gatherIndices(shape, stride, 0));
      return () => {
        for (let i = 0; i < out.length; i++) out[i] = f(x[at ? at[i] : i], y[bt ? bt[i] : i], z && z[ct ? ct[i] : i]);
      };
    };
  }
  for (const [name, f] of Object.entries(REDUCED)) {
    OPS[name] = (out, [x], { size }) => () => { for (let i = 0; i < out.length; i++) out[i] = f(x, i * size, size); };
  }

  const steps = program.steps.map(([op, output, inputs, settings]) => OPS[op](values[output], inputs.map((n) => values[n]), settings));
  return (inputs) => {
    for (const [name, number] of Object.entries(program.inputs)) if (inputs[name]) values[number].set(inputs[name]);
    for (const step of steps) step();
    return values[program.output].slice();
  };
}
