// Explore view: the latent map and the panels below it, and beside them the decoded example at a point of the map.

import { h } from "/static/kit.js";
import { readNumbers, readState, writeState } from "../address.js";
import { DecodeSocket, getJson, live, postJson } from "../api.js";
import { debounce, newestOnly, setChildren, withErrors } from "../dom.js";
import { DecodePanel } from "../decode_panel.js";
import { LatentState } from "../latent_state.js";
import { registerView, setTitle } from "../main.js";
import { MapPanel } from "../map_panel.js";
import { createPanelTabs } from "../panel_tabs.js";
import { attributePanel } from "../panels/attributes.js";
import { interpolationPanel } from "../panels/interpolation.js";
import { ownImagePanel } from "../panels/own_image.js";
import { samplesPanel } from "../panels/samples.js";
import { traversalPanel } from "../panels/traversal.js";
import { createRunHeader } from "../run_summary.js";

registerView({ name: "explore", tab: "Explore", order: 20, suits: (run) => run.recipe, open: openExplore });

const PANELS = [ownImagePanel, interpolationPanel, attributePanel, traversalPanel, samplesPanel];
/** How long after the last change of a run the page asks whether its weights are new. */
const WEIGHTS_CHECK_MS = 1500;
/** Numbers of a latent that the address holds, at most. */
const MAX_ADDRESS_NUMBERS = 128;
const PINS = ["A", "B"];

/** @param {HTMLElement} container @param {string[]} ids */
async function openExplore(container, [id]) {
  showSkeleton(container, id);
  const { summary } = await getJson("/api/run", { run: id });
  setTitle(summary.name);
  const header = createRunHeader(summary, "explore");
  showSkeleton(container, id, header);
  const model = await getJson("/api/model", { run: id });
  const codes = model.quantised ? await getJson("/api/codebook", { run: id }) : null;
  const latent = new LatentState(id, model, codes);
  const map = new MapPanel(latent);
  const stage = new DecodePanel(latent);
  const banner = h("div.banner", { role: "status" });
  const bench = h(
    "div.bench",
    {},
    h("div.bench-tools", {}, map.element, createPanelTabs(latent, PANELS)),
    stage.element,
  );
  const missingData = model.why ? h("p.quiet", {}, model.why) : null;
  setChildren(container, header, banner, missingData, bench);
  const socket = new DecodeSocket(
    id,
    (decoded) => stage.show(decoded),
    (message) => stage.showError(message),
  );
  latent.subscribe(() => socket.request(latent.decodeFields));
  encodeLowerLatents(latent);
  keepInAddress(latent, stage.initialLatent);
  const unsubscribe = watchRun(latent, { bench, banner, stage });
  return () => {
    unsubscribe();
    socket.close();
    map.destroy();
    stage.destroy();
  };
}

/** The heading and the places of map and stage, while the weights are loaded. */
function showSkeleton(container, id, header = h("header.head.one", {}, h("div", {}, h("h1", {}, id)))) {
  const place = (name) => h(`div.skeleton.${name}`, { "aria-hidden": "true" });
  const words = h("p.quiet.loading", { role: "status" }, "Loading the weights …");
  setChildren(container, header, words, h("div.bench", {}, place("of-map"), place("of-stage")));
}

/** In a hierarchy, an example is decoded with the latents below the uppermost that it is encoded to. */
function encodeLowerLatents(latent) {
  if (latent.model.hierarchy.length < 2 || latent.model.quantised) return;
  let encoded = null;
  const encode = newestOnly(({ index, split }) => postJson("/api/encode", { ...latent.requestFields, index, split }));
  latent.subscribe(async () => {
    const { example } = latent;
    if (!example || example === encoded) return;
    encoded = example;
    const answer = await withErrors(() => encode(example));
    if (!answer || latent.example !== example) return;
    const lower = Object.fromEntries(Object.entries(answer.lower).map(([name, [values]]) => [name, values]));
    latent.set(answer.z[0], example, latent.c, lower);
  });
}

// ---- The address

/** Take latent, condition, example and pins from the address, and write every change of them. */
function keepInAddress(latent, initial) {
  const state = readState();
  const z = readLatent(latent, "z");
  const c = readCondition(latent);
  latent.set(z ?? initial, z && readExample(state.example), c);
  const pins = PINS.map((name) => [name, readLatent(latent, `pin${name}`)]).filter(([, pinned]) => pinned);
  if (pins.length)
    latent.setPins(Object.fromEntries(pins.map(([name, pinned]) => [name, { z: pinned, example: null, c }])));
  const start = JSON.stringify(initial);
  latent.subscribe(() => writeState(addressOf(latent, start)));
}

function addressOf(latent, start) {
  const { example, c, pins } = latent;
  const isStart = JSON.stringify(latent.z) === start;
  const pinned = PINS.map((name) => [`pin${name}`, pins[name] ? shortLatent(latent, pins[name].z) : null]);
  return {
    z: isStart ? null : shortLatent(latent, latent.z),
    c: c || null,
    example: example ? `${example.split}:${example.index}` : null,
    ...Object.fromEntries(pinned),
  };
}

/** A latent as the address has it: its numbers, or its codebook entries; null where they are too many. */
function shortLatent(latent, z) {
  const numbers = latent.codebook ? latent.entriesOf(z) : z;
  return numbers.length <= MAX_ADDRESS_NUMBERS ? numbers : null;
}

function readLatent(latent, key) {
  const numbers = readNumbers(key);
  if (!numbers) return null;
  const { codebook, model } = latent;
  if (!codebook) return numbers.length === model.latent ? numbers : null;
  const isValid = numbers.length === codebook.positions && numbers.every((entry) => entry in codebook.codes);
  return isValid ? latent.latentOfEntries(numbers) : null;
}

function readCondition(latent) {
  const { conditional } = latent.model;
  const numbers = readNumbers("c");
  if (!conditional || !numbers) return latent.c;
  if (conditional.kind === "classes") return numbers[0] in conditional.names ? numbers[0] : latent.c;
  return numbers.length === conditional.size ? numbers : latent.c;
}

function readExample(text) {
  const [split, index] = (text ?? "").split(":");
  return /^\d+$/.test(index ?? "") ? { split, index: Number(index) } : null;
}

// ---- The run and the server

/** Show what becomes of the run and of the server: new weights, a run that is gone, a server that does not answer. */
function watchRun(latent, { bench, banner, stage }) {
  const { run, model } = latent;
  const checkWeights = debounce(async () => {
    const now = await withErrors(() => getJson("/api/model", { run }));
    if (now && now.version !== model.version) stage.showNewWeights(now.weights.words);
  }, WEIGHTS_CHECK_MS);
  const rest = (words) => {
    bench.inert = true;
    bench.classList.add("rests");
    setChildren(banner, h("p.wrong", {}, words));
  };
  let isGone = false;
  const reactions = {
    lost: () => rest("Not connected: this is the last picture that was decoded. Trying again …"),
    again: () => {
      bench.inert = isGone;
      if (isGone) return;
      bench.classList.remove("rests");
      setChildren(banner);
      latent.set(latent.z, latent.example, latent.c, latent.lower);
      checkWeights();
    },
    gone: (message) => {
      if (message.run !== run) return;
      isGone = true;
      rest("This run's directory is gone.");
    },
    run: (message) => {
      if (message.run.run === run) checkWeights();
    },
  };
  live.watchRuns([run]);
  const unsubscribe = live.subscribe((message) => reactions[message.type]?.(message));
  return () => {
    unsubscribe();
    live.watchRuns([]);
  };
}
