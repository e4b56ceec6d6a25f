// What can be asked beside the plane: of one's own picture, between two codes, along an attribute, of the prior.

import { dimension, fill, h, number, settled, tell, trying } from "./dom.js";
import { pad } from "./pad.js";
import { get, post } from "./server.js";
import { takeaway } from "./take.js";

/** The tools, in the order of their tabs. */
export const TOOLS = {
  own: { words: "Your own picture", fits: (model) => model.picture, make: own },
  between: { words: "Between two", fits: (model) => model.picture, make: between },
  attributes: { words: "Attributes", fits: (model) => (model.attributes?.length || model.labels?.length) && model.examples, make: attributes },
  walks: { words: "Dimension by dimension", fits: (model) => model.picture && !model.quantised, make: walks },
  samples: { words: "Samples", fits: (model) => model.picture && model.prior, make: samples },
};

function own(hand) {
  const words = `Draw something, or drop a picture: it is encoded, decoded again, scored, and laid beside what it is closest to${hand.model.conditional ? "; the model is told what is chosen above" : ""}.`;
  const result = h("div.found", {}, h("p.quiet", {}, words));
  let newest = 0;
  let last = null;

  const rest = () => { newest++; last = null; result.classList.remove("waits"); fill(result, h("p.quiet", {}, words)); };
  async function look(png, drawn) {
    const mine = ++newest;
    last = [png, drawn];
    result.classList.add("waits");
    const told = await trying(() => post("/api/own", { ...hand.about, png, drawn }));
    if (mine !== newest) return;
    result.classList.remove("waits");
    if (!told) return rest();
    hand.set(told.z);
    const { score } = told;
    fill(
      result,
      h("div.pair-of-pictures", {}, h("figure", {}, h("img", { src: told.x, alt: "what the model sees" }), h("figcaption", {}, "as the model sees it")), h("figure", {}, h("img", { src: told.reconstruction, alt: "what it makes of it" }), h("figcaption", {}, "its reconstruction"))),
      h("dl.scores", {}, h("div", {}, h("dt", {}, "ELBO"), h("dd", {}, number(told.elbo)), h("p", {}, "nats")), score && score.name !== "elbo" ? h("div", {}, h("dt", {}, score.name.replaceAll("_", " ")), h("dd", {}, number(score.value)), h("p", {}, score.unit ?? "nats")) : null),
      score && score.percentile !== null ? meter(score) : null,
      told.neighbours?.length ? [h("h3", {}, "Nearest training examples"), h("div.strip", {}, told.neighbours.map((one) => h("button.cell", { title: `${one.split} ${one.index}, distance ${number(one.distance)}` }, h("img", { src: one.png, alt: "" }), h("span", {}, one.label ?? number(one.distance)))))] : null,
    );
  }
  const read = (file) => {
    if (!file) return;
    if (file.size > 6e6) return void tell(`${file.name} has ${number(file.size / 1e6, 1)} MB: give a picture of at most 6 MB`, true);
    const reader = new FileReader();
    reader.onload = () => look(reader.result, false);
    reader.readAsDataURL(file);
  };
  const sheet = pad((png) => look(png, true));
  hand.hearCondition(() => { if (last) look(...last); });
  const input = h("input", { type: "file", accept: "image/png,image/jpeg,image/webp", onchange: () => { read(input.files[0]); input.value = ""; } });
  const drop = h("label.drop", { ondragover: (event) => { event.preventDefault(); drop.classList.add("over"); }, ondragleave: () => drop.classList.remove("over"), ondrop: (event) => { event.preventDefault(); drop.classList.remove("over"); read(event.dataTransfer.files[0]); } }, h("b", {}, "Drop a picture here"), h("span", {}, "or choose a file: PNG, JPEG, WebP"), input);
  return h("div.own", {}, h("div.give", {}, h("div.sheet-to-draw", {}, sheet.canvas, h("button.quiet", { onclick: () => { sheet.clear(); rest(); } }, "Clear")), drop), result);
}

function meter(score) {
  const share = Math.min(Math.max(score.percentile, 0), 100);
  const words = share >= 99 ? "Very strange" : share >= 95 ? "Strange" : "Nothing unusual";
  return h("div.meter", {}, h("p", {}, `${words} among held-out examples.`), h("div.gauge", { role: "meter", "aria-valuenow": Math.round(share), "aria-valuemin": 0, "aria-valuemax": 100, "aria-label": "strangeness" }, h(`i${share >= 95 ? ".high" : ""}`, { style: { left: `${share}%` } })), score.about ? h("p.fine", {}, score.about) : null);
}

function between(hand) {
  const strip = h("div.strip.wide-strip");
  const slider = h("input", { type: "range", min: 0, max: 1000, value: 0, "aria-label": "from A to B", oninput: () => go(Number(slider.value) / 1000) });
  const path = h("select", { "aria-label": "path" }, ["linear", "spherical"].map((name) => h("option", {}, name)));
  const steps = h("select", { "aria-label": "steps" }, [5, 9, 13, 25].map((n) => h("option", { value: n, selected: n === 9 }, `${n} steps`)));
  const ends = h("div.ends");
  let codes = null;
  let timer = 0;
  let newest = 0;

  const question = () => {
    const { A, B } = hand.pins ?? {};
    if (!A || !B) throw new Error("pin two codes first, as A and as B: both are beside the decoded picture");
    const end = (pin) => (pin.example ? { index: pin.example.index, split: pin.example.split } : { z: pin.z });
    // Both ends under what the model was told where A was pinned.
    return { run: hand.run, ...(A.c === null ? {} : { c: A.c }), a: end(A), b: end(B), steps: Number(steps.value), path: path.value };
  };
  const flat = (z) => z.flat(Infinity);
  function go(t) {
    if (!codes) return;
    const at = t * (codes.length - 1);
    const low = Math.min(Math.floor(at), codes.length - 2);
    hand.set(codes[low].map((value, k) => value + (at - low) * (codes[low + 1][k] - value)), null, hand.pins.A.c);
  }
  const draw = settled(() => {
    const { A, B } = hand.pins ?? {};
    fill(ends, ["A", "B"].map((name) => h("p", {}, h("b", {}, name), hand.pins?.[name] ? (hand.pins[name].example ? ` ${hand.pins[name].example.split} ${hand.pins[name].example.index}` : " a code") : " not pinned yet")));
    if (!A || !B) return;
    trying(async () => {
      const mine = ++newest;
      const told = await post("/api/interpolate", { ...question(), format: "json" });
      if (mine !== newest) return;
      play.disabled = false;
      codes = told.z.map(flat);
      fill(strip, told.pngs.map((png, i) => h("button.cell", { "aria-label": `step ${i + 1}`, onclick: () => { slider.value = (1000 * i) / (codes.length - 1); go(i / (codes.length - 1)); } }, h("img", { src: png, alt: "" }))));
    });
  }, 60);
  const play = h("button", { disabled: true, onclick: () => {
    if (timer) { cancelAnimationFrame(timer); timer = 0; play.textContent = "Play"; return; }
    const begin = performance.now();
    const frame = (now) => {
      if (!play.isConnected) { timer = 0; play.textContent = "Play"; return; }
      const t = (Math.sin((now - begin) / 900 - Math.PI / 2) + 1) / 2;
      slider.value = 1000 * t;
      go(t);
      timer = requestAnimationFrame(frame);
    };
    if (codes) { timer = requestAnimationFrame(frame); play.textContent = "Pause"; }
  } }, "Play");
  let seen = null;
  hand.hear(() => { if (hand.pins !== seen) { seen = hand.pins; draw(); } });
  for (const choice of [path, steps]) choice.addEventListener("change", draw);
  draw();
  return h("div.between", {}, h("p.quiet", {}, "Choose a point on the plane, pin it as A, choose another, pin it as B."), h("div.row", {}, ends, path, steps, play), slider, strip, takeaway("/api/interpolate", "interpolate", ["gif", "png", "npz"], question));
}

function attributes(hand) {
  const { model } = hand;
  const names = model.attributes ?? model.labels;
  const slider = h("input", { type: "range", min: -2, max: 2, step: 0.02, value: 0, disabled: true, "aria-label": "how much of it", oninput: () => { output.textContent = number(Number(slider.value)); hand.set(base.map((value, k) => value + Number(slider.value) * vector[k])); } });
  const output = h("output", {}, "0");
  const about = h("p.fine");
  let vector = null;
  let base = null;
  const choice = h("select", { "aria-label": "attribute", onchange: () => trying(async () => {
    const told = await get("/api/attribute", { run: hand.run, name: choice.value });
    vector = told.vector.flat(Infinity);
    base = [...hand.z];
    slider.value = 0;
    slider.disabled = false;
    output.textContent = "0";
    about.textContent = `The mean code of ${number(told.examples_with, 0)} examples with it, minus that of those without. What goes together in the data goes together here.`;
  }) }, h("option", { value: "", disabled: true, selected: true }, model.attributes ? "an attribute" : "a class"), names.map((name) => h("option", { value: name }, String(name).replaceAll("_", " "))));
  hand.hear(() => { if (document.activeElement !== slider && vector) { base = [...hand.z]; slider.value = 0; output.textContent = "0"; } });
  return h("div.attributes", {}, h("p.quiet", {}, model.conditional ? "Add it to the code under your hand, or take it away: what of it is in the code, beside what the model is told." : "Add it to the code under your hand, or take it away; the model was not told of it."), h("div.row", {}, choice, h("label.slider", {}, h("span", {}, "less"), slider, h("span", {}, "more"), output)), about);
}

function walks(hand) {
  const { model } = hand;
  const dims = (model.active?.length ? model.active : Array.from({ length: model.latent }, (_, i) => i)).slice(0, 6);
  // In units of how far the codes of the data reach, so that the ends are still codes of something.
  const reach = Math.max(1, ...dims.map((dim) => model.spread?.[dim] ?? 1));
  const offsets = [-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2].map((share) => share * reach);
  const table = h("div.walks");
  const question = () => ({ ...hand.about, z: [...hand.z], dims, offsets });
  const draw = settled(() => {
    if (!table.isConnected) return;
    trying(async () => {
      const z = [...hand.z];
      const { rows } = await post("/api/traverse", { ...question(), format: "json" });
      const go = (dim, offset) => { const there = [...z]; there[dim] += offset; hand.set(there); };
      fill(table, rows.map((row, r) => [h("b", {}, dimension(dims[r])), row.pngs.map((png, i) => h("button.cell", { "aria-label": `${dimension(dims[r])} moved by ${number(offsets[i])}`, onclick: () => go(dims[r], offsets[i]) }, h("img", { src: png, alt: "" })))]));
    });
  }, 350);
  hand.hear(draw);
  new MutationObserver((_, seen) => { if (table.isConnected) { seen.disconnect(); draw(); } }).observe(document.getElementById("view"), { childList: true, subtree: true });
  return h("div", {}, h("p.quiet", {}, `The code under your hand in the middle, each of its most active dimensions moved by up to ${number(2 * reach, 1)} to either side.`), table, takeaway("/api/traverse", "traverse", ["png", "gif", "npz"], question));
}

function samples(hand) {
  const grid = h("div.grid-of-samples");
  const seed = h("input", { type: "number", value: 0, min: 0, max: 4294967295, "aria-label": "seed" });
  const count = h("select", { "aria-label": "how many" }, [16, 36, 64, 100].map((n) => h("option", { value: n, selected: n === 36 }, `${n}`)));
  const warmth = h("input", { type: "range", min: 0, max: 1.5, step: 0.05, value: 1, "aria-label": "temperature" });
  const reading = h("output", {}, "1.00");
  let newest = 0;
  hand.hearCondition(() => draw());
  const question = () => ({ ...hand.about, n: Number(count.value), seed: Math.min(Math.max(Math.floor(Number(seed.value)) || 0, 0), 2 ** 32 - 1), temperature: Number(warmth.value) });
  const draw = settled(() => trying(async () => {
    const mine = ++newest;
    const told = await post("/api/sample", { ...question(), format: "json" });
    if (mine !== newest) return;
    fill(grid, told.pngs.map((png, i) => h("button.cell", { "aria-label": `take sample ${i + 1}`, onclick: () => hand.set(told.z[i].flat?.(Infinity) ?? told.z[i]) }, h("img", { src: png, alt: "" }))));
  }), 80);
  warmth.addEventListener("input", () => { reading.textContent = Number(warmth.value).toFixed(2); draw(); });
  for (const one of [seed, count]) one.addEventListener("change", draw);
  draw();
  return h("div.samples", {}, h("div.row", {}, h("button.main", { onclick: () => { seed.value = Number(seed.value) + 1; draw(); } }, "Again"), h("label.small", {}, "seed ", seed), count, h("label.slider", {}, h("span", {}, "temperature"), warmth, reading)), grid, h("p.fine", {}, "At temperature 1 these are the model's own samples; elsewhere the prior's codes are drawn in, or out, about its mean."), takeaway("/api/sample", "sample", ["png", "npz"], question));
}
