import {
  LatentMap,
  clamp,
  classLegend,
  createChart,
  createMapControls,
  formatFixed,
  formatNumber,
  h,
  labelColors,
  pageData,
  pressOnly,
  rampLegend,
} from "./kit.js";
import { Interpreter } from "../../exporting/js/interpreter.js";

/** Values of an example that are drawn as bars, at most; more of them as a line. */
const MAX_BARS = 64;
/** Numbers of a latent that are printed. */
const MAX_PRINTED = 4;
/** The time from A to B. */
const PLAY_MS = 3600;
const SLOW_PLAY_MS = 12000;
/** About the side of a saved image, in pixels. */
const SAVED_PX = 512;

/** @returns {any} */
const byId = (id) => document.getElementById(id);
const decodeBytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
const decodeFloats = (text) => new Float32Array(decodeBytes(text));
const data = pageData();
const { codes, condition, shape } = data;

// ---- Decoding

/** Decodes one latent at a time, and for each purpose only the newest request: dragging never queues up. */
class Decoder {
  #pending = new Map();
  #task = null;
  #worker = null;
  #interpreter = null;

  constructor(program, weights) {
    this.program = program;
    this.weights = weights;
    try {
      this.#startWorker();
    } catch {
      this.#worker = null;
    }
  }

  /** Decode {z, c} and show the values. */
  request(purpose, inputs, show) {
    this.#pending.set(purpose, { purpose, inputs, show });
    this.#next();
  }

  #startWorker() {
    const source = `${Interpreter}
      onmessage = ({ data: [program, weights] }) => {
        const interpreter = new Interpreter(program, weights);
        onmessage = ({ data }) => postMessage(interpreter.run(data));
      };`;
    this.#worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    this.#worker.onmessage = (event) => this.#finish(event.data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#dropWorker();
    };
    this.#worker.postMessage([this.program, this.weights]);
  }

  /** Some browsers give a page from disk no worker: then the page decodes in its own thread. */
  #dropWorker() {
    if (!this.#worker) return;
    const task = this.#task;
    [this.#worker, this.#task] = [null, null];
    if (task && !this.#pending.has(task.purpose)) this.#pending.set(task.purpose, task);
    this.#next();
  }

  #next() {
    if (this.#task || !this.#pending.size) return;
    [this.#task] = this.#pending.values();
    this.#pending.delete(this.#task.purpose);
    if (this.#worker) return this.#worker.postMessage(this.#task.inputs);
    this.#interpreter ??= new Interpreter(this.program, this.weights);
    setTimeout(() => this.#finish(this.#interpreter.run(this.#task.inputs)));
  }

  #finish(values) {
    const { show } = this.#task;
    this.#task = null;
    show(values);
    this.#next();
  }
}

const decoder = new Decoder(data.program, decodeBytes(byId("weights").textContent));
byId("weights").remove();
const copyInputs = ({ z, c }) => (c ? { z: z.slice(), c: c.slice() } : { z: z.slice() });

// ---- State: the latent that is shown with its condition, and the two pinned ones

const latent = { z: Float32Array.from(codes.pins[0]), c: condition && new Float32Array(condition.names.length) };
const pins = codes.pins.map((z) => ({ z: Float32Array.from(z), c: null }));
/** Functions that show a changed latent. */
const listeners = [];

function showLatent() {
  for (const listener of listeners) listener();
  decoder.request("main", copyInputs(latent), showExample);
}

/** Change the latent as the user wants; a film that plays stops. */
function changeLatent(change) {
  film.stop();
  change();
  showLatent();
}

// ---- The decoded example

let example = null;
let chart = null;
/** The range of all values so far: a scale that followed each decoding would hide its changes. */
const limits = [0, 0];

function showExample(values) {
  example = values;
  if (data.picture) paintImage(byId("shown"), values);
  else showChart(values);
}

function paintImage(canvas, values) {
  const [channels, height, width] = shape;
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    const value = (k) => values[channels === 3 ? k * width * height + i : i];
    for (let k = 0; k < 3; k++) image.data[4 * i + k] = Math.round(255 * clamp(value(k), 0, 1));
    image.data[4 * i + 3] = 255;
  }
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** Show the values of an example that is no image: bars, or a line for each channel. */
function showChart(values) {
  const channels = shape.length === 2 ? shape[0] : 1;
  const length = values.length / channels;
  const x = Array.from({ length }, (_, i) => i);
  const bars = channels === 1 && length <= MAX_BARS;
  const line = (_, channel) => ({
    name: channels > 1 ? `channel ${channel + 1}` : "value",
    color: channels > 1 ? `line-${channel % 8}` : "model",
    x,
    y: Array.from(values.subarray(channel * length, (channel + 1) * length)),
    bars,
  });
  for (const value of values) [limits[0], limits[1]] = [Math.min(limits[0], value), Math.max(limits[1], value)];
  const labels = bars ? x.map((i) => String(i + 1)) : undefined;
  const lines = Array.from({ length: channels }, line);
  const next = { axis: bars ? "column" : "step", lines, labels, limits: limits[1] > limits[0] ? [...limits] : [0, 1] };
  if (!chart || String(chart.limits) !== String(next.limits)) drawChart(next);
  else chart.plot.update(next);
}

function drawChart(next) {
  chart?.plot.destroy();
  chart = { limits: next.limits, plot: createChart(byId("chart"), next) };
}

function saveImage() {
  const source = byId("shown");
  const factor = Math.max(1, Math.round(SAVED_PX / Math.max(source.width, source.height)));
  const [width, height] = [source.width * factor, source.height * factor];
  const enlarged = /** @type {HTMLCanvasElement} */ (h("canvas", { width, height }));
  const pen = enlarged.getContext("2d");
  pen.imageSmoothingEnabled = false;
  pen.drawImage(source, 0, 0, width, height);
  enlarged.toBlob((blob) => {
    const href = URL.createObjectURL(blob);
    h("a", { href, download: `${data.name}.png` }).click();
    setTimeout(() => URL.revokeObjectURL(href), 1000);
  });
}

function addStage() {
  byId("shown").hidden = !data.picture;
  byId("chart").hidden = data.picture;
  byId("save").hidden = !data.picture;
  byId("save").addEventListener("click", () => example && saveImage());
  listeners.push(() => {
    const isLong = codes.size > MAX_PRINTED;
    const numbers = Array.from(latent.z.slice(0, isLong ? MAX_PRINTED - 1 : MAX_PRINTED), (v) => formatNumber(v, 3));
    byId("read").textContent = `z = ${numbers.join(", ")}${isLong ? `, … (${codes.size})` : ""}`;
  });
}

// ---- Actions: samples of the prior, the mean, the condition

/** A draw from the standard normal distribution (Box and Muller 1958). */
const drawNormal = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());

/** A function that draws a latent: from the standard normal, a mixture of normals, or the stored ones. */
function createDraw(sampling) {
  if (sampling.kind === "standard") return () => latent.z.forEach((_, i) => (latent.z[i] = drawNormal()));
  return sampling.kind === "normals" ? createMixtureDraw(sampling) : createStoredDraw(sampling);
}

/** Of latents that were drawn at export, as many for each condition. */
function createStoredDraw({ codes: encoded, n, each }) {
  const stored = decodeFloats(encoded);
  return () => {
    const own = each > 1 ? Math.max(latent.c.indexOf(1), 0) : 0;
    const which = Math.floor((Math.random() * n) / each) * each + own;
    latent.z.set(stored.subarray(which * codes.size, (which + 1) * codes.size));
  };
}

/** From a mixture of normals, moved by an affine function of the condition. */
function createMixtureDraw({ weights, loc, scale_tril, shift }) {
  const [probabilities, means, factors] = [weights, loc, scale_tril].map(decodeFloats);
  const size = codes.size;
  const center = shift && decodeFloats(shift.mean);
  const slopes = shift && decodeFloats(shift.weight);
  return () => {
    let u = Math.random();
    const chosen = probabilities.findIndex((weight) => (u -= weight) < 0);
    const k = chosen < 0 ? probabilities.length - 1 : chosen;
    const eps = Float32Array.from({ length: size }, drawNormal);
    latent.z.forEach((_, i) => {
      let value = means[k * size + i];
      for (let j = 0; j <= i; j++) value += factors[(k * size + i) * size + j] * eps[j];
      center?.forEach((mean, j) => (value += (latent.c[j] - mean) * slopes[j * size + i]));
      latent.z[i] = value;
    });
  };
}

function addActions() {
  const { sampling } = codes;
  const draw = byId("draw");
  draw.hidden = !sampling;
  if (sampling) {
    draw.textContent = sampling.from === "the data" ? "Draw a latent of the data" : `Draw from ${sampling.from}`;
    byId("sampling").textContent = sampling.words;
    const sample = createDraw(sampling);
    draw.addEventListener("click", () => changeLatent(sample));
  }
  byId("mean").addEventListener("click", () => changeLatent(() => latent.z.set(codes.centre)));
}

/** Buttons of the classes, one of them chosen, or of the attributes, each on or off. */
function addConditionChoice() {
  const { names, several } = condition;
  const choose = (i) => {
    if (several) latent.c[i] = 1 - latent.c[i];
    else latent.c.fill(0).fill(1, i, i + 1);
    // A pinned latent keeps its attributes; a class is the same for all.
    if (!several) pins.forEach(showPin);
  };
  const button = (name, i) => h("button", { type: "button", onclick: () => changeLatent(() => choose(i)) }, name);
  const buttons = names.map(button);
  if (!several) latent.c[0] = 1;
  const group = byId("given");
  group.hidden = false;
  group.setAttribute("aria-label", several ? "attributes" : "class");
  group.append(...buttons);
  listeners.push(() => buttons.forEach((one, i) => one.setAttribute("aria-pressed", String(latent.c[i] > 0.5))));
}

// ---- Sliders of the most active dimensions

function addSlider({ at, name, low, high }) {
  const setValue = () => changeLatent(() => (latent.z[at] = Number(input.value)));
  const input = h("input", { type: "range", min: low, max: high, step: (high - low) / 200, oninput: setValue });
  const output = h("output");
  listeners.push(() => {
    input.value = latent.z[at];
    output.textContent = formatFixed(latent.z[at]);
  });
  byId("dials").append(h("label.dial", {}, h("span", {}, name), input, output));
}

function addSliders() {
  codes.dials.forEach(addSlider);
  const { length } = codes.dials;
  const words = codes.size > length ? `The ${length} most active of ${codes.size}, in ` : "In ";
  byId("dials-caption").textContent = `${words}${codes.unit}.`;
}

// ---- The map: a latent's projection on a plane, and the latent moved within it, its other components kept

class ExplorerMap {
  #view = codes.planes[0];
  #hidden = new Set();

  constructor() {
    const { labels } = codes;
    this.map = new LatentMap({ onMove: (position) => this.#move(position) });
    this.map.canvas.id = "plane";
    this.map.isHidden = (i) => this.#hidden.has(labels?.values[i]);
    byId("points").append(this.map.element);
    byId("map-controls").append(...createMapControls(this.map, ["move", "pan"]));
    listeners.push(() => this.#follow());
    this.#addViews();
    this.#show(this.#view);
  }

  #project(z) {
    const { axes, origin } = this.#view;
    return axes.map((axis) => axis.reduce((sum, a, i) => sum + a * (z[i] - origin[i]), 0));
  }

  #move(to) {
    const from = this.#project(latent.z);
    const moved = (i) => this.#view.axes.reduce((sum, axis, k) => sum + axis[i] * (to[k] - from[k]), latent.z[i]);
    changeLatent(() => latent.z.set(latent.z.map((_, i) => moved(i))));
  }

  #follow() {
    this.map.marker = this.#project(latent.z);
    this.map.pins = Object.fromEntries(pins.map((pin, i) => ["AB"[i], this.#project(pin.z)]));
    this.map.draw();
  }

  #addViews() {
    const choose = (event, view) => {
      pressOnly(buttons, event.currentTarget);
      this.#show(view);
    };
    const button = (view) => h("button", { type: "button", onclick: (event) => choose(event, view) }, view.name);
    const buttons = codes.planes.map(button);
    pressOnly(buttons, buttons[0]);
    document.querySelector(".views").append(...buttons);
  }

  #addLegend(range) {
    const { labels } = codes;
    if (!labels || !this.#view.points) return;
    const classes = labels.classes.length ? labels.values : null;
    const buttons = classLegend(classes, labels.classes, this.#hidden, () => this.map.redraw());
    byId("classes").replaceChildren(...(range ? rampLegend(labels.title, range) : buttons));
  }

  #show(view) {
    this.#view = view;
    const points = view.points ? view.points[0].map((x, i) => [x, view.points[1][i]]) : [];
    const { colors, range } = labelColors(points.length, codes.labels?.values ?? null, codes.labels?.classes ?? []);
    const box = points.length ? null : view.box;
    this.map.show({ points, colors, axes: view.labels, prior: view.prior, box });
    this.#follow();
    this.#addLegend(range);
    byId("caption").textContent = this.#describe(points);
  }

  #describe(points) {
    const reason = byId("caption").dataset.missing.replace(/\.$/, "") || "there are none";
    const words = ["Drag anywhere: the latent under the pointer is decoded."];
    if (points.length) words.push(`Points are posterior means of ${formatNumber(points.length)} examples.`);
    else words.push(`No examples are shown: ${reason}.`);
    if (codes.size > 2) words.push("The other dimensions stay where they are.");
    if (codes.quantised) words.push("Between codes of a quantizer nothing was learned.");
    return [...words, this.#view.prior.words, this.#view.note].filter(Boolean).join(" ");
  }
}

function addPlane() {
  if (codes.planes.length) return new ExplorerMap();
  byId("map").hidden = true;
  document.body.classList.add("no-map");
}

// ---- Two pinned latents, and linear interpolation between them

class Film {
  #slider = byId("way");
  #button = byId("play");
  #frameRequest = 0;

  constructor() {
    this.#slider.addEventListener("input", () => {
      this.stop();
      this.#moveTo(Number(this.#slider.value));
    });
    this.#button.addEventListener("click", () => (this.#frameRequest ? this.stop() : this.#play()));
  }

  stop() {
    cancelAnimationFrame(this.#frameRequest);
    this.#frameRequest = 0;
    this.#mark("Play", false);
  }

  /** Stand at the end that has just been pinned. */
  setEnd(i) {
    this.#slider.value = i;
  }

  #mark(words, isPlaying) {
    this.#button.textContent = words;
    this.#button.setAttribute("aria-pressed", String(isPlaying));
  }

  #play() {
    this.#mark("Pause", true);
    const duration = matchMedia("(prefers-reduced-motion: reduce)").matches ? SLOW_PLAY_MS : PLAY_MS;
    let [before, t] = [performance.now(), Number(this.#slider.value)];
    const step = (now) => {
      t = (t + (now - before) / duration) % 2;
      before = now;
      this.#moveTo(t <= 1 ? t : 2 - t);
      this.#frameRequest = requestAnimationFrame(step);
    };
    this.#frameRequest = requestAnimationFrame(step);
  }

  #moveTo(t) {
    this.#slider.value = t;
    const [a, b] = pins;
    const mix = (from, to) => from.map((value, i) => value + t * (to[i] - value));
    latent.z.set(mix(a.z, b.z));
    if (condition?.several) latent.c.set(mix(a.c, b.c));
    showLatent();
  }
}

function showPin(pin, i) {
  if (latent.c && (!pin.c || !condition.several)) pin.c = latent.c.slice();
  if (data.picture) decoder.request(`pin-${i}`, copyInputs(pin), (values) => paintImage(pinCanvas(i), values));
}

const pinCanvas = (i) => byId(`pin-${i}`).querySelector("canvas");

function addPin(pin, i) {
  pinCanvas(i).hidden = !data.picture;
  byId(`pin-${i}`).addEventListener("click", () => {
    film.stop();
    Object.assign(pin, copyInputs(latent));
    showPin(pin, i);
    film.setEnd(i);
    showLatent();
  });
  showPin(pin, i);
}

// ---- The check against torch: latents that were decoded at export are decoded again

function checkDecoder() {
  let [remaining, maxDifference] = [data.check.length, 0];
  const compare = (output, expected) => {
    maxDifference = output.reduce((max, value, i) => Math.max(max, Math.abs(value - expected[i])), maxDifference);
    remaining -= 1;
    if (remaining) return;
    const largest = formatNumber(maxDifference, 2);
    const what = `Checked just now against PyTorch on ${data.check.length} latents`;
    byId("check").textContent = `${what}: the largest difference is ${largest}.`;
    document.body.dataset.checked = String(maxDifference);
  };
  data.check.forEach(({ inputs, x }, i) => {
    const decoded = Object.fromEntries(Object.entries(inputs).map(([name, text]) => [name, decodeFloats(text)]));
    decoder.request(`check-${i}`, decoded, (output) => compare(output, decodeFloats(x)));
  });
}

const film = new Film();
addStage();
addActions();
if (condition) addConditionChoice();
addSliders();
addPlane();
pins.forEach(addPin);
showLatent();
checkDecoder();
