// All runs of the folder, live ones first.

import { spark } from "./charts.js";
import { ago, dialog, duration, fill, h, number, tell, trying } from "./dom.js";
import { get, live, post } from "./server.js";

const ORDERS = {
  newest: ["newest", (a, b) => Date.parse(b.started || 0) - Date.parse(a.started || 0)],
  best: ["best bound", (a, b) => (b.best?.elbo ?? -Infinity) - (a.best?.elbo ?? -Infinity)],
  name: ["name", (a, b) => a.name.localeCompare(b.name, "en", { numeric: true })],
  longest: ["longest", (a, b) => (b.seconds ?? 0) - (a.seconds ?? 0)],
};
/** Rows drawn at first; the others on demand, so that a thousand runs open as fast as ten. */
const AT_ONCE = 60;
/** What was chosen and sought here, for who comes back. */
const kept = { chosen: new Set(), order: "newest", sought: "" };

export const address = (view, ...ids) => `#/${view}/${ids.map(encodeURIComponent).join(",")}`;

/** How a run stands, as a word with a colour. */
export const state = (run) => h(`span.state.${run.live ? "live" : run.state === "finished" ? "done" : run.state === "damaged" ? "bad" : "rests"}`, {}, run.live ? "training" : run.state);

/** The first view. */
export async function runs(room) {
  const known = new Map();
  const { chosen } = kept;
  let { order, sought } = kept;
  let most = AT_ONCE;

  const count = h("p.lead");
  const list = h("ol.runs", { "aria-label": "runs" });
  const search = h("input", { type: "search", placeholder: "Search name, recipe, data, note", "aria-label": "search runs", value: sought, oninput: () => { kept.sought = sought = search.value.toLowerCase(); draw(); } });
  const sorting = h("select", { "aria-label": "order", onchange: () => { kept.order = order = sorting.value; draw(); } }, Object.entries(ORDERS).map(([key, [words]]) => h("option", { value: key, selected: key === order }, words)));
  const beside = h("button.main", { disabled: true, onclick: () => { location.hash = address("compare", ...chosen); } }, "Compare");
  const shown = h("a.button", { href: "#/new" }, "Train a model");
  fill(room, h("header.head", {}, h("div", {}, h("h1", {}, "Runs"), count), h("div.tools", {}, search, h("label.sort", {}, "by ", sorting), beside, shown)), list);

  const rows = new Map();
  const matches = (run) => !sought || [run.name, run.run, run.recipe, run.data, run.note, run.state].some((text) => String(text ?? "").toLowerCase().includes(sought));
  const sorted = () => [...known.values()].filter(matches).sort((a, b) => Number(b.live) - Number(a.live) || ORDERS[order][1](a, b) || a.name.localeCompare(b.name));

  function choose(id, on) {
    if (on) chosen.add(id); else chosen.delete(id);
    beside.disabled = chosen.size < 2;
    beside.textContent = chosen.size ? `Compare ${chosen.size}` : "Compare";
  }

  function draw() {
    const all = sorted();
    const training = [...known.values()].filter((run) => run.live).length;
    count.textContent = known.size ? `${known.size} ${known.size === 1 ? "run" : "runs"}${training ? `, ${training} training now` : ""}${sought ? `, ${all.length} found` : ""}` : "";
    if (!known.size) return void fill(list, h("li.empty", {}, h("h2", {}, "No runs here yet"), h("p", {}, "Train one from this page, or with ", h("code", {}, "elbowroom train vae --data digits"), ": it appears here as it begins.")));
    if (!all.length) return void fill(list, h("li.empty", {}, h("h2", {}, "Nothing found"), h("p", {}, "No run has these words in its name, recipe, data or note.")));
    const there = all.slice(0, most).map((run) => rows.get(run.run) ?? make(run));
    const more = all.length > most ? [h("li.more", {}, h("button", { onclick: () => { most += 200; draw(); } }, `Show ${Math.min(200, all.length - most)} more of ${all.length}`))] : [];
    // Rows stay where they are when nothing moved, so that what is typed or held in them is kept.
    const wanted = [...there, ...more];
    if (list.children.length !== wanted.length || wanted.some((row, i) => list.children[i] !== row)) list.replaceChildren(...wanted);
  }

  function make(run) {
    const row = line(run, { chosen: chosen.has(run.run), choose, removed: (id) => { known.delete(id); rows.delete(id); choose(id, false); draw(); } });
    rows.set(run.run, row);
    return row;
  }

  const load = async () => {
    const { folder, runs } = await get("/api/runs");
    known.clear();
    rows.clear();
    for (const run of runs) known.set(run.run, run);
    for (const id of [...chosen]) choose(id, known.has(id));
    document.title = `${folder} · elbowroom studio`;
    draw();
  };
  await live.ready;
  await load();

  live.watch([]);
  return live.hear((message) => {
    if (message.type === "run") {
      known.set(message.run.run, message.run);
      rows.delete(message.run.run);
      draw();
    } else if (message.type === "gone") {
      known.delete(message.run);
      rows.delete(message.run);
      choose(message.run, false);
      draw();
    } else if (message.type === "again") trying(load);
  });
}

/** How far a training is, as a bar and in words. */
export function progress(run) {
  const whole = run.epochs ?? null;
  const share = run.steps_total ? run.step / run.steps_total : whole ? run.epoch / whole : null;
  const words = `epoch ${run.epoch ?? 0}${whole ? ` of ${whole}` : ""}`;
  if (!run.live || share === null) return [h("span", {}, words), h("span", {}, duration(run.seconds))];
  return [h("span.bar", { role: "progressbar", "aria-valuenow": Math.round(100 * share), "aria-label": words }, h("i", { style: { width: `${100 * Math.min(share, 1)}%` } })), h("span", {}, `${words}, ${duration(run.seconds_left)} left`)];
}

function line(run, { chosen, choose, removed }) {
  const to = run.state === "damaged" ? null : address("run", run.run);
  const tick = h("input", { type: "checkbox", checked: chosen, disabled: run.state === "damaged", "aria-label": `compare ${run.name}`, onchange: () => choose(run.run, tick.checked) });
  const picture = run.picture ? h("img", { src: run.picture, alt: "", loading: "lazy" }) : h("span.blank");
  const bound = run.best ?? (run.elbo !== null ? { elbo: run.elbo, split: "train" } : null);
  return h(
    "li",
    { className: run.live ? "run live" : "run" },
    h("label.tick", {}, tick),
    h("a.picture", { href: to, tabIndex: -1 }, picture),
    h("div.what", {}, h("h2", {}, to ? h("a", { href: to }, run.name) : run.name, " ", state(run)), h("p", {}, run.problem ?? [run.recipe ?? "a model of your own", " on ", run.data, run.started ? `, ${ago(run.started)}` : ""]), run.note ? h("p.note", {}, run.note) : null),
    h("div.curve", {}, spark(run.spark ?? [])),
    h("div.bound", {}, h("b", {}, bound ? number(bound.elbo) : "–"), h("span", {}, bound ? `nats, ${bound.split === "train" ? "last in training" : `best ${bound.split}`}` : "no bound yet")),
    h("div.far", {}, progress(run), run.findings?.length ? h("span.warns", { title: run.findings.map((f) => f.title).join("\n") }, `${run.findings.length} ${run.findings.length === 1 ? "finding" : "findings"}`) : null),
    h("button.dots", { "aria-label": `more for ${run.name}`, title: "rename, annotate, delete", onclick: () => about(run, removed) }, "⋯"),
  );
}

/** Rename, annotate, delete. */
export function about(run, removed = () => {}) {
  const name = h("input", { value: run.name, maxLength: 120, required: true });
  const note = h("textarea", { value: run.note ?? "", rows: 4, maxLength: 4000, placeholder: "What was tried, what came of it" });
  const keep = async (event) => {
    event.preventDefault();
    await trying(async () => {
      if (name.value !== run.name) await post("/api/run/rename", { run: run.run, name: name.value });
      if (note.value !== (run.note ?? "")) await post("/api/run/note", { run: run.run, note: note.value });
      Object.assign(run, { name: name.value, note: note.value });
      box.close();
    });
  };
  const remove = async () => {
    await trying(async () => {
      await post("/api/run/delete", { run: run.run });
      tell(`${run.name} is in the trash`);
      box.close();
      removed(run.run);
    });
  };
  const box = dialog(
    "About this run",
    h("form.about", { onsubmit: keep }, h("label", {}, "Name in the studio", name), h("label", {}, "Note", note), h("p.fine", {}, `Its directory stays ${run.run}.`), h("footer", {}, h("button.danger", { type: "button", disabled: run.live, title: run.live ? "stop it first" : "", onclick: remove }, "Move to the trash"), h("button.main", {}, "Keep"))),
  );
}

/** What was deleted, to be had back. */
export async function trash(room) {
  const { trash: items } = await get("/api/trash");
  const back = async (item) => {
    await trying(async () => {
      await post("/api/trash/restore", { item });
      tell("It is back among the runs");
      await trash(room);
    });
  };
  const rows = items.map((item) => {
    return h("li.run.away", {}, h("div.what", {}, h("h2", {}, item.run), h("p", {}, `deleted ${item.deleted.replace(/(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d).*/, "$1-$2-$3 at $4:$5")}`)), h("button", { onclick: () => back(item.item) }, "Put back"));
  });
  fill(room, h("header.head", {}, h("div", {}, h("h1", {}, "Trash"), h("p.lead", {}, items.length ? "Kept in the folder .trash beside your runs, until you remove them there." : "Nothing was deleted."))), h("ol.runs", {}, rows));
}
