// The model under one's hand: its plane of codes, the picture at a point of it, and what else can be asked.

import { dimension, download, fill, h, number, settled, trying } from "./dom.js";
import { CLASSES, Plane } from "./map.js";
import { bytes, Decoder, get, live, paint, post } from "./server.js";
import { TOOLS } from "./tools.js";
import { copied } from "./take.js";
import { heading } from "./watch.js";

const SLIDERS = 8;

export async function explore(room, [id]) {
  const [told, model] = await Promise.all([get("/api/run", { run: id }), get("/api/model", { run: id })]);
  document.title = `${told.summary.name} · elbowroom studio`;
  const hand = new Hand(id, model);
  const stage = theStage(hand);
  const plane = thePlane(hand);
  const tools = theTools(hand);
  fill(room, heading(told.summary, "explore"), model.why ? h("p.quiet", {}, model.why) : null, h("div.bench", {}, plane.element, stage.element), tools);
  const decoder = new Decoder(id, stage.paint, (words) => stage.wrong(words));
  hand.hear(() => decoder.ask([...hand.z], hand.c));
  hand.set(model.centre ?? new Array(model.latent).fill(0));
  live.watch([id]);
  const version = model.version;
  const quit = live.hear(settled(async (message) => {
    if (message.type !== "run" || message.run.run !== id) return;
    const now = await trying(() => get("/api/model", { run: id }));
    if (now && now.version !== version) stage.newer();
  }, 1500));
  return () => { quit(); live.watch([]); decoder.close(); plane.leave(); };
}

/** The code that is decoded, and whoever wants to know of it. */
class Hand {
  z = [];
  c = null;
  #listeners = [];

  constructor(run, model) {
    this.run = run;
    this.model = model;
    if (model.conditional?.kind === "classes") this.c = 0;
    if (model.conditional?.kind === "attributes") this.c = new Array(model.conditional.size).fill(0);
  }

  /** Move to a code; `example` is the one that it is the code of, if it is of one, `c` what the model is told then. */
  set(z, example = null, c = this.c) {
    this.z = Array.from(z);
    this.example = example;
    this.c = c;
    this.tell();
  }
  /** Listen only where what the model is told has changed. */
  hearCondition(listener) {
    let last = JSON.stringify(this.c);
    this.hear(() => {
      const now = JSON.stringify(this.c);
      if (now !== last) { last = now; listener(this); }
    });
  }
  tell() { for (const listener of this.#listeners) listener(this); }
  hear(listener) { this.#listeners.push(listener); }
  /** What every question to the server begins with. */
  get about() { return { run: this.run, ...(this.c === null ? {} : { c: this.c }) }; }
}

function thePlane(hand) {
  const { run, model } = hand;
  const [first, second] = [...(model.active ?? []), 0, 1].filter((d, i, all) => all.indexOf(d) === i).slice(0, 2).sort((a, b) => a - b);
  const views = [...(model.latent > 1 ? [[`dims:${first},${second}`, model.latent === 2 ? "both dimensions" : "two dimensions"]] : []), ...(model.latent > 2 ? [["pca", "principal axes"], ["tsne", "t-SNE"]] : [])];
  const caption = h("p.axes");
  const strip = h("div.lassoed", { hidden: true });
  const legend = h("div.classes", { role: "group", "aria-label": "classes" });
  const card = h("div.card", { hidden: true });
  const busy = h("p.busy", {}, "encoding the data …");
  let told = null;
  let codes = null;

  const code = (i) => codes.slice(i * told.dims, (i + 1) * told.dims);
  const dot = (a, b) => a.reduce((sum, value, k) => sum + value * b[k], 0);
  /** Where a code stands; where the plane is no plane of codes, where the example nearest to it does. */
  const place = (z) => (!told ? null : told.map ? [dot(z.map((v, k) => v - told.map.centre[k]), told.map.x), dot(z.map((v, k) => v - told.map.centre[k]), told.map.y)] : told.points[nearest(z)]);
  const nearest = (z) => {
    let [best, least] = [0, Infinity];
    told.points.forEach((_, i) => {
      let distance = 0;
      for (let k = 0; k < told.dims && distance < least; k++) distance += (codes[i * told.dims + k] - z[k]) ** 2;
      if (distance < least) [best, least] = [i, distance];
    });
    return best;
  };
  const flags = () => { plane.pins = Object.fromEntries(Object.entries(hand.pins ?? {}).map(([name, pin]) => [name, place(pin.z)]).filter(([, p]) => p)); };

  const plane = new Plane({
    move(x, y) {
      if (!told) return;
      plane.hand = [x, y];
      if (told.map) {
        const [px, py] = place(hand.z);
        hand.set(hand.z.map((value, k) => value + (x - px) * told.map.x[k] + (y - py) * told.map.y[k]));
      } else hand.set(between(x, y));
    },
    pick(i) {
      plane.hand = told.points[i];
      // A model that is told the class makes of a code what it is only under the example's own.
      const own = model.conditional?.kind === "classes" && told.labels ? told.labels[i] : hand.c;
      hand.set(code(i), { index: told.index[i], split: told.split }, own);
    },
    lasso: (chosen) => lassoed(chosen),
    hover: (i, at) => hovered(i, at),
    view: () => backdrop(),
  });

  let laid = 0;
  /** What the plane decodes to, laid under its points: a picture every so many pixels, the other dimensions as they are. */
  const backdrop = settled(async () => {
    if (pictures.getAttribute("aria-pressed") !== "true" || !told?.map) { plane.backdrop = null; return plane.draw(); }
    const { left, right, low, high } = plane.seen;
    const [columns, rows] = [plane.canvas.clientWidth, plane.canvas.clientHeight].map((size) => Math.max(3, Math.round(size / 46)));
    const [px, py] = place(hand.z);
    const codes = [];
    for (let r = 0; r < rows; r++) for (let k = 0; k < columns; k++) {
      const [x, y] = [left + ((k + 0.5) / columns) * (right - left), high - ((r + 0.5) / rows) * (high - low)];
      codes.push(hand.z.map((value, i) => value + (x - px) * told.map.x[i] + (y - py) * told.map.y[i]));
    }
    const [mine, view] = [++laid, turn];
    const sheet = await trying(async () => createImageBitmap(await bytes("/api/decode", { ...hand.about, z: codes, columns, format: "png" })));
    if (!sheet || mine !== laid || view !== turn) return;
    plane.backdrop = { image: sheet, left, right, low, high };
    plane.draw();
  }, 220);

  /** Where the plane is no plane of codes: the codes of the nearest examples, by how near they are. */
  function between(x, y) {
    const near = told.points.map(([px, py], i) => [(px - x) ** 2 + (py - y) ** 2, i]).sort((a, b) => a[0] - b[0]).slice(0, 4);
    const weights = near.map(([distance]) => 1 / (distance + 1e-6 * plane.reach ** 2));
    const sum = weights.reduce((a, b) => a + b);
    const z = new Array(told.dims).fill(0);
    near.forEach(([, i], n) => code(i).forEach((value, k) => { z[k] += (weights[n] / sum) * value; }));
    return z;
  }

  const hovered = settled((i, at) => {
    if (i === null || i === undefined || !told) return void (card.hidden = true);
    const name = told.labels ? told.names?.[told.labels[i]] ?? told.labels[i] : "";
    fill(card, model.picture ? h("img", { src: `/api/examples?${new URLSearchParams({ run, split: told.split, index: told.index[i], size: 72 })}`, alt: "" }) : null, h("p", {}, `${told.split} ${told.index[i]} `, h("b", {}, name)));
    const right = at[0] > plane.canvas.clientWidth - 130;
    Object.assign(card.style, { left: `${at[0] + (right ? -112 : 14)}px`, top: `${Math.min(at[1] + 12, plane.canvas.clientHeight - 120)}px` });
    card.hidden = false;
  }, 40);

  function lassoed(chosen) {
    strip.hidden = !chosen.length;
    if (!chosen.length) return;
    const shown = chosen.slice(0, 40);
    const counts = {};
    if (told.labels) for (const i of chosen) counts[told.names?.[told.labels[i]] ?? told.labels[i]] = (counts[told.names?.[told.labels[i]] ?? told.labels[i]] ?? 0) + 1;
    const classes = Object.entries(counts).sort((a, b) => b[1] - a[1]).slice(0, 5).map(([name, n]) => `${name} ${n}`).join(" · ");
    const middle = () => {
      const z = new Array(told.dims).fill(0);
      for (const i of chosen) code(i).forEach((value, k) => { z[k] += value / chosen.length; });
      hand.set(z);
    };
    fill(strip, h("p", {}, h("b", {}, `${chosen.length} examples`), classes ? `: ${classes}` : "", chosen.length > 40 ? ", 40 of them:" : ""), model.picture ? h("div.strip", { role: "img", "aria-label": "examples within the line" }, [0, 8, 16, 24, 32].filter((from) => from < shown.length).map((from) => h("img", { src: `/api/examples?${new URLSearchParams({ run, split: told.split, index: shown.slice(from, from + 8).map((i) => told.index[i]).join(","), size: 40 })}`, alt: "" }))) : null, h("p.row", {}, h("button", { onclick: middle }, "Decode their mean code"), h("button.quiet", { onclick: () => { plane.chosen = new Set(); plane.draw(); strip.hidden = true; } }, "Let go")));
  }

  let turn = 0;
  async function show(view) {
    const mine = ++turn;
    busy.hidden = false;
    busy.textContent = view === "tsne" ? "t-SNE takes a few seconds …" : "encoding the data …";
    const got = await trying(() => get("/api/plane", { run, view, n: 2000 }));
    if (mine !== turn) return;
    busy.hidden = Boolean(got);
    if (!got) return void (busy.textContent = model.why ?? "no plane of this");
    told = got;
    codes = new Float32Array(Uint8Array.from(atob(got.codes), (c) => c.charCodeAt(0)).buffer);
    plane.hidden = new Set();
    strip.hidden = true;
    plane.show(got.points, got.labels);
    plane.hand = place(hand.z);
    flags();
    pictures.hidden = !model.picture || model.quantised || !got.map;
    backdrop();
    caption.textContent = `${got.axes.x === got.axes.y ? got.axes.x : `${got.axes.x} → · ${got.axes.y} ↑`} · ${number(got.points.length, 0)} of the ${got.split} split`;
    drawLegend(got);
  }

  function drawLegend(got) {
    const there = got.labels ? [...new Set(got.labels)].filter((label) => label >= 0).sort((a, b) => a - b) : [];
    legend.hidden = there.length < 2 || there.length > 24;
    fill(legend, there.map((label) => h("button", { "aria-pressed": "true", onclick: (event) => {
      const off = plane.hidden.has(label) ? !plane.hidden.delete(label) : Boolean(plane.hidden.add(label));
      event.currentTarget.setAttribute("aria-pressed", String(!off));
      plane.draw();
    } }, h("i", { style: { background: CLASSES[label % CLASSES.length] } }), got.names?.[label] ?? String(label))));
  }

  hand.hear(() => {
    if (told?.map) plane.hand = place(hand.z);
    flags();
    plane.draw();
    // Where two dimensions are all there are, moving the hand changes nothing of what lies under it.
    if (model.latent > 2) backdrop();
  });

  const pictures = h("button", { hidden: true, "aria-pressed": "false", title: "decode the whole plane", onclick: () => { pictures.setAttribute("aria-pressed", String(pictures.getAttribute("aria-pressed") !== "true")); backdrop(); } }, "Pictures");
  const tools = h("div.views", { role: "group", "aria-label": "what the mouse does" }, [["move", "Move"], ["pan", "Pan"], ["lasso", "Lasso"]].map(([tool, words]) => h("button", { "aria-pressed": String(tool === "move"), onclick: (event) => { plane.tool = tool; plane.canvas.dataset.tool = tool; for (const b of tools.children) b.setAttribute("aria-pressed", String(b === event.target)); } }, words)));
  const view = h("select", { "aria-label": "view of the codes", onchange: () => { pair.hidden = !view.value.startsWith("dims"); show(view.value); } }, views.map(([value, words]) => h("option", { value }, words)));
  let chosen = [first, second];
  const pick = (at) => h("select", { "aria-label": at ? "dimension upwards" : "dimension to the right", onchange: () => {
    const [a, b] = pair.querySelectorAll("select");
    // Two axes of one dimension are none: the other takes what this one had.
    if (a.value === b.value) (at ? a : b).value = chosen[at];
    chosen = [Number(a.value), Number(b.value)];
    view.options[0].value = `dims:${chosen}`;
    show(view.options[0].value);
  } }, Array.from({ length: model.latent }, (_, d) => h("option", { value: d, selected: d === [first, second][at] }, dimension(d))));
  const pair = h("span.pair", { hidden: model.latent < 3 }, pick(0), pick(1));
  const zoom = h("div.views", { role: "group", "aria-label": "zoom" }, h("button", { "aria-label": "smaller", onclick: () => plane.zoom(0.75) }, "−"), h("button", { onclick: () => plane.fit() }, "fit"), h("button", { "aria-label": "larger", onclick: () => plane.zoom(1.33) }, "+"));
  const element = h("section.panel.map", { "aria-label": "plane of codes" }, h("header.row", {}, views.length > 1 ? view : null, pair, tools, zoom, pictures), h("div.sheet-of-codes", {}, plane.canvas, card, busy), caption, legend, strip);
  if (views.length) show(views[0][0]);
  else fill(element, h("p.quiet", {}, "A code of one dimension: use the slider."));
  return { element, leave: () => plane.leave() };
}

function theStage(hand) {
  const { run, model } = hand;
  const canvas = h("canvas.decoded", { role: "img", "aria-label": "the decoded picture" });
  const values = h("output.values", { hidden: true });
  const original = h("figure.original", { hidden: true });
  const notes = h("p.quiet.stage-note", { "aria-live": "polite" });
  const picked = model.active?.length ? model.active : Array.from({ length: model.latent }, (_, i) => i);
  const sliders = h("div.sliders");
  let many = SLIDERS;

  function drawSliders() {
    const rows = picked.slice(0, many).map((dim) => {
      const [middle, width] = [model.centre?.[dim] ?? 0, 3.2 * (model.spread?.[dim] ?? 1)];
      const [min, max] = [Math.min(-3, middle - width), Math.max(3, middle + width)];
      const output = h("output", {});
      const slider = h("input", { type: "range", min, max, step: "any", "aria-label": dimension(dim), oninput: () => { const z = [...hand.z]; z[dim] = Number(slider.value); hand.set(z); } });
      const row = h("label.slider", {}, h("span", { title: model.kl ? `${number(model.kl[dim])} nats` : "" }, dimension(dim)), slider, output);
      row.read = () => { slider.value = hand.z[dim]; output.textContent = number(hand.z[dim]); };
      row.dataset.dimension = dim;
      return row;
    });
    const more = picked.length > many ? h("button.quiet", { onclick: () => { many += 16; drawSliders(); } }, `${picked.length - many} less active`) : null;
    fill(sliders, rows, more);
    for (const row of rows) row.read();
  }
  hand.hear(() => {
    for (const row of sliders.children) row.read?.();
    const example = hand.example;
    original.hidden = !example || !model.picture;
    if (example && model.picture) fill(original, h("img", { src: `/api/examples?${new URLSearchParams({ run, split: example.split, index: example.index, size: 160 })}`, alt: "the example" }), h("figcaption", {}, `${example.split} ${example.index}`));
  });

  const draw = async () => {
    const { z } = await post("/api/sample", { ...hand.about, n: 1, seed: Math.floor(Math.random() * 1e6), format: "json" });
    hand.set(z[0].flat?.(Infinity) ?? z[0]);
  };
  const save = (format) => trying(async () => download(await bytes("/api/decode", { ...hand.about, z: [hand.z], format }), `decoded.${format}`));
  const pin = (name) => { hand.pins = { ...hand.pins, [name]: { z: [...hand.z], example: hand.example, c: hand.c } }; hand.tell(); };
  const actions = h("div.row", {}, h("button", { onclick: () => hand.set(model.centre) }, "Mean code"), model.prior ? h("button", { onclick: () => trying(draw) }, "Draw a code") : null, h("button", { onclick: () => pin("A"), title: "one end of an interpolation" }, "Pin as A"), h("button", { onclick: () => pin("B"), title: "the other end" }, "Pin as B"), h("button.quiet", { onclick: () => save(model.picture ? "png" : "npz") }, "Save"), h("button.quiet", { onclick: () => trying(() => copied({ do: "decode", ...hand.about, z: [hand.z] })) }, "Copy code"));
  drawSliders();
  const element = h("section.panel.stage", { "aria-label": "the decoded picture" }, h("div.shown", {}, canvas, values, original), notes, condition(hand), actions, h("h3", {}, model.kl ? "Most active dimensions" : "Dimensions"), sliders);
  return {
    element,
    paint(picture) {
      notes.textContent = "";
      canvas.hidden = Boolean(picture.values);
      values.hidden = !picture.values;
      if (picture.values) values.textContent = picture.values.flat(Infinity).map((v) => number(v)).join("  ");
      else paint(canvas, picture);
    },
    wrong: (words) => { notes.textContent = words; },
    newer: () => fill(notes, "The weights are newer now. ", h("button.quiet", { onclick: () => dispatchEvent(new HashChangeEvent("hashchange")) }, "Look at them")),
  };
}

function condition(hand) {
  const given = hand.model.conditional;
  if (!given) return null;
  if (given.kind === "classes") {
    const choice = h("div.classes", { role: "group", "aria-label": "class" }, given.names.map((name, i) => h("button", { "aria-pressed": String(i === hand.c), onclick: () => hand.set(hand.z, null, i) }, h("i", { style: { background: CLASSES[i % CLASSES.length] } }), name)));
    hand.hearCondition(() => [...choice.children].forEach((chip, i) => chip.setAttribute("aria-pressed", String(i === hand.c))));
    return choice;
  }
  return h("div.ticks", {}, given.names.map((name, i) => h("label.check", {}, h("input", { type: "checkbox", onchange: (event) => hand.set(hand.z, null, hand.c.map((value, k) => (k === i ? Number(event.target.checked) : value))) }), name.replaceAll("_", " "))));
}

function theTools(hand) {
  const open = Object.entries(TOOLS).filter(([, tool]) => tool.fits(hand.model));
  const place = h("div.tool", { role: "tabpanel", id: "tool" });
  const made = new Map();
  const tabs = h("div.tabs.below", { role: "tablist" }, open.map(([name, tool]) => h("button", { role: "tab", "aria-controls": "tool", "aria-selected": "false", onclick: () => choose(name) }, tool.words)));
  tabs.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    const to = tabs.children[([...tabs.children].indexOf(document.activeElement) + by + open.length) % open.length];
    to.focus();
    to.click();
  });
  function choose(name) {
    if (!made.has(name)) made.set(name, TOOLS[name].make(hand));
    open.forEach(([other], i) => tabs.children[i].setAttribute("aria-selected", String(other === name)));
    fill(place, made.get(name));
  }
  if (open.length) choose(open[0][0]);
  return h("section.tools-of-run", {}, tabs, place);
}
