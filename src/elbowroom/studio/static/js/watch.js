// One run, drawn while it trains.

import { bars, chart, places, terms, UNITS, WORDS } from "./charts.js";
import { dimension, duration, fill, h, number, settled, trying } from "./dom.js";
import { about, address, progress, state } from "./runs.js";
import { get, live, post } from "./server.js";

const SPLITS = ["train", "validation", "test"];
/** Points of a split that the page holds before it asks for a thinner curve. */
const MOST = 4000;

/** The head that a run has in every view. */
export function heading(run, here) {
  const tab = (view, words) => h("a", { href: address(view, run.run), "aria-current": here === view ? "page" : null }, words);
  return h("header.head.one", {}, h("div", {}, h("p.eyebrow", {}, h("a", { href: "#/" }, "Runs"), ` / ${run.run}`), h("h1", {}, run.name), h("p.lead", {}, [run.recipe ?? "a model of your own", " on ", run.data, ` · ${number(run.parameters, 0)} parameters`])), h("nav.tabs", { "aria-label": "views of this run" }, tab("run", "Watch"), run.recipe ? tab("explore", "Explore") : null));
}

/** What was asked of a training, until it has happened: {words, state}. */
let asked = null;

function controls(run, again) {
  if (asked && (asked.run !== run.run || asked.live !== run.live || Date.now() > asked.until)) asked = null;
  const ask = (path, words, doing) => h("button", { onclick: async () => {
    asked = { run: run.run, words: doing, live: run.live, until: Date.now() + 60_000 };
    again();
    if ((await trying(() => post(path, { run: run.run }))) === undefined) { asked = null; again(); }
  } }, words);
  if (asked) return h("div.controls", {}, state(run), h("button", { disabled: true }, asked.words));
  return h("div.controls", {}, state(run), run.live && run.pausable ? [ask("/api/pause", "Pause", "pausing …"), ask("/api/stop", "Stop", "stopping …")] : null, run.resumable ? ask("/api/resume", "Resume", "resuming …") : null, h("button", { onclick: () => about(run, () => { location.hash = "#/"; }) }, "Rename, note, delete"));
}

/** A run's page. */
export async function watch(room, [id]) {
  await live.ready;
  live.watch([id]);
  const [told, curves] = await Promise.all([get("/api/run", { run: id }), get("/api/curves", { run: id })]);
  let run = told.summary;
  let splits = curves[id] ?? {};
  let axis = "epoch";
  document.title = `${run.name} · elbowroom studio`;

  const bar = h("div.bar-of-run");
  const note = h("p.noted", { hidden: true });
  const tiles = h("dl.tiles");
  const charts = h("div.charts");
  const findings = h("div.findings");
  const axes = h("div.choice", { role: "group", "aria-label": "horizontal axis" }, ["epoch", "step", "seconds"].map((name) => h("button", { "aria-pressed": String(name === axis), onclick: (event) => { axis = name; for (const b of axes.children) b.setAttribute("aria-pressed", String(b === event.target)); redraw(); } }, name)));
  const film = pictures(told);
  fill(room, heading(run, "run"), bar, note, tiles, h("section", {}, h("header.line", {}, h("h2", {}, "Terms"), axes), charts), film.element, h("section", {}, h("h2", {}, "The doctor"), findings), record(told));

  const drawn = new Map();
  function redraw() {
    const wanted = terms(splits);
    for (const name of wanted) {
      const lines = SPLITS.filter((split) => splits[split]?.[name]?.length).map((split) => ({ label: split, x: places(splits[split], splits, axis), y: splits[split][name], colour: split, width: split === "train" ? 1.4 : 2 }));
      if (!lines.length) continue;
      if (!drawn.has(name)) {
        const made = chart(WORDS[name] ?? name.replaceAll("_", " "), UNITS[name] ?? "", lines, { axis });
        drawn.set(name, made);
        charts.append(made.element);
      } else drawn.get(name).update(lines, axis);
    }
    if (!wanted.length) fill(charts, h("p.quiet", {}, "The first figures come after the first hundred steps."));
    else charts.querySelector("p.quiet")?.remove();
  }

  function refresh() {
    fill(bar, h("div.far", {}, progress(run)), controls(run, refresh));
    room.querySelector("h1").textContent = run.name;
    document.title = `${run.name} · elbowroom studio`;
    note.hidden = !run.note;
    note.textContent = run.note ?? "";
    const last = (split) => splits[split]?.elbo?.at(-1);
    const tile = (name, value, about) => h("div", {}, h("dt", {}, name), h("dd", {}, value), h("p", {}, about));
    fill(tiles, tile("ELBO, best", number(run.best?.elbo ?? last("validation") ?? last("train")), run.best ? `${run.best.split}, epoch ${run.best.epoch}; nats per example` : "nats per example"), tile("Now", number(last("validation") ?? last("train")), splits.validation ? "validation" : "training"), tile("Epoch", number(run.epoch, 0), run.epochs ? `of ${run.epochs}` : `${number(run.step, 0)} steps`), tile(run.live ? "Left" : "Trained", run.live ? duration(run.seconds_left) : duration(run.seconds), `${number(run.examples_per_second, 0)} examples per second`));
  }

  function doctor(rows) {
    fill(findings, rows.length ? rows.map((found) => h(`article.finding.${found.severity}`, {}, h("h3", {}, found.title, h("span", {}, `${found.severity}, epoch ${found.epoch}`)), h("p", {}, `${found.evidence}. ${found.consequence}.`), h("p", {}, h("b", {}, `${found.advice}.`)))) : h("p.quiet", {}, run.live ? "Nothing so far: it looks after every validation." : "Nothing was found while it trained."));
  }

  const again = async () => {
    const [told, curves] = await Promise.all([get("/api/run", { run: id }), get("/api/curves", { run: id })]);
    run = told.summary;
    splits = curves[id] ?? {};
    film.reset(told);
    found = told.findings;
    refresh(); redraw(); doctor(found);
  };
  let found = told.findings;
  refresh(); redraw(); doctor(found);

  const paint = settled(redraw, 60);
  const quit = live.hear((message) => {
    if (message.type === "again" || (message.type === "reset" && message.run === id)) return void trying(again);
    if (message.type === "gone" && message.run === id) return void fill(bar, h("p.wrong", {}, "This run's directory is gone."));
    if (message.type === "run" && message.run.run === id) { run = message.run; return refresh(); }
    if (message.run !== id) return;
    if (message.type === "picture") film.add(message);
    if (message.type !== "rows") return;
    for (const row of message.rows) {
      if (row.event === "look") film.look(row);
      else if (row.event === "finding") doctor((found = [...found, row]));
      else if (row.split) add(splits, row);
    }
    if (Object.values(splits).some((split) => split.step.length > MOST)) trying(again);
    else paint();
  });
  return () => {
    quit();
    live.watch([]);
    for (const made of drawn.values()) made.leave();
  };
}

function add(splits, row) {
  const split = (splits[row.split] ??= { step: [], epoch: [], seconds: [] });
  const before = split.step.length;
  for (const [name, value] of Object.entries(row)) {
    if (typeof value !== "number") continue;
    (split[name] ??= new Array(before).fill(null)).push(value);
  }
  for (const curve of Object.values(split)) if (curve.length === before) curve.push(null);
}

/** Reconstructions, samples and the KL of every dimension, with a slider back through the epochs. */
function pictures(told) {
  const slider = h("input", { type: "range", min: 0, value: 0, "aria-label": "epoch", oninput: () => { held = Number(slider.value) < Number(slider.max); show(); } });
  const where = h("output");
  const newest = h("button.quiet", { onclick: () => { held = false; slider.value = slider.max; show(); } }, "newest");
  const dims = h("div.kl");
  const left = h("div", {}, dims);
  const kinds = h("div.film", {}, left);
  const element = h("section", {}, h("header.line", {}, h("h2", {}, "Through the epochs"), h("div.through", {}, slider, where, newest)), kinds);
  let images, looks, epochs, held = false;

  function index() {
    epochs = [...new Set([...Object.entries(images).filter(([kind]) => kind !== "other").flatMap(([, all]) => all.map((p) => p.epoch)), ...looks.map((look) => look.epoch)])].sort((a, b) => a - b);
    slider.max = Math.max(epochs.length - 1, 0);
    if (!held) slider.value = slider.max;
    element.hidden = !epochs.length;
  }
  const upTo = (rows, epoch) => rows.findLast((row) => row.epoch <= epoch) ?? rows[0];

  function show() {
    const epoch = epochs[Number(slider.value)];
    if (epoch === undefined) return;
    where.textContent = `epoch ${epoch}`;
    newest.hidden = !held;
    for (const kind of ["reconstructions", "samples"]) {
      const picture = images[kind]?.length ? upTo(images[kind], epoch) : null;
      let frame = kinds.querySelector(`[data-kind=${kind}]`);
      if (!picture) { frame?.remove(); continue; }
      if (!frame) {
        frame = h("figure", { "data-kind": kind }, h("figcaption", {}, kind === "samples" ? "Samples, the same codes at every epoch" : "Held-out examples, and what becomes of them"), h("img", { alt: "" }));
        if (kind === "samples") kinds.append(frame);
        else left.prepend(frame);
      }
      const image = frame.querySelector("img");
      if (image.getAttribute("src") !== picture.url) Object.assign(image, { src: picture.url, alt: `${kind} after epoch ${picture.epoch}` });
    }
    const look = looks.length ? upTo(looks, epoch) : null;
    // A row of the metrics has a list for every latent.
    const kl = look ? (look.kl ?? look.nats ?? []).flat(Infinity) : [];
    if (kl.length) {
      const active = kl.filter((value) => value > 0.1).length;
      fill(dims, h("figure", {}, h("figcaption", {}, `KL of each of ${kl.length} dimensions, ${number(kl.reduce((a, b) => a + b, 0))} nats in all; ${active} above 0.1`), bars(kl), h("p.scale", {}, h("span", {}, dimension(0)), h("span", {}, dimension(kl.length - 1)))));
    }
  }

  function reset(told) {
    ({ images, looks } = told);
    index(); show();
  }
  reset(told);
  return {
    element,
    reset,
    add({ kind, epoch, url }) {
      const row = (images[kind] ??= []);
      if (row.at(-1)?.epoch === epoch) row.pop();
      row.push({ epoch, url });
      index(); show();
    },
    look(row) {
      looks.push(row);
      // Every other one of the older ones goes, so that a long training costs no more than a short one.
      if (looks.length > 400) looks = looks.filter((_, i) => i % 2 || i > 300);
      index(); show();
    },
  };
}

function record(told) {
  // What a run is known by comes first; what is switched off goes without saying.
  const known = ["recipe", "data", "latent", "likelihood", "epochs", "steps", "batch_size", "lr", "optimizer", "seed"];
  const off = (value) => value === null || value === false || value === 0 || (Array.isArray(value) && !value.length);
  const place = ([name]) => (known.indexOf(name) + known.length + 1) % (known.length + 1);
  const flat = Object.entries(told.summary.settings ?? {}).filter(([name, value]) => !off(value) || known.includes(name) && value !== null).sort((a, b) => place(a) - place(b));
  const command = told.record.command;
  return h("section", {}, h("h2", {}, "How it was made"), command ? h("pre.command", {}, command) : null, h("dl.facts", {}, flat.map(([name, value]) => [h("dt", {}, name.replaceAll("_", " ")), h("dd", {}, typeof value === "object" ? JSON.stringify(value) : String(value))])), told.report ? h("p", {}, h("a.button", { href: told.report, target: "_blank", rel: "noopener" }, "Its report")) : null);
}
