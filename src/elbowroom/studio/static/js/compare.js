// Several runs side by side: curves over one another, settings that differ, pictures beside each other.

import { chart, places, terms, UNITS, WORDS } from "./charts.js";
import { fill, h, number, settled } from "./dom.js";
import { address, state } from "./runs.js";
import { get, live } from "./server.js";

/** Light and dark; any two can be told apart also by the colour-blind, and dashes help from the ninth on. */
const PENS = [["#0072b2", "#56b4e9"], ["#c85400", "#f0a04b"], ["#008a64", "#2fbf94"], ["#a8438f", "#e693cf"], ["#806600", "#dccb5a"], ["#6a4fc4", "#a996ff"], ["#a12c2c", "#f08a8a"], ["#5b5b57", "#bcb9b0"]];
const pen = (i) => ({ colour: PENS[i % PENS.length], dash: [undefined, [6, 4], [2, 3]][Math.floor(i / PENS.length) % 3] });

export async function compare(room, ids) {
  const told = await Promise.all(ids.map((id) => get("/api/run", { run: id }).catch((error) => ({ missing: id, why: error.message }))));
  const there = told.filter((one) => !one.missing);
  const gone = told.filter((one) => one.missing);
  if (!there.length) throw new Error(gone[0]?.why ?? "no runs were chosen");
  const curves = await get("/api/curves", { run: there.map((one) => one.summary.run) });
  document.title = "Compared · elbowroom studio";
  live.watch(there.map((one) => one.summary.run));
  const split = there.some((one) => curves[one.summary.run]?.validation) ? "validation" : "train";

  const key = h("ul.pens", {}, there.map((one, i) => h("li", {}, h(`i.pen.pen-${i % PENS.length}${i >= PENS.length ? ".dashed" : ""}`), h("a", { href: address("run", one.summary.run) }, one.summary.name), " ", state(one.summary), h("b", {}, number(one.summary.best?.elbo)), h("span", {}, one.summary.best ? `nats, ${one.summary.best.split}` : ""))));
  const charts = h("div.charts");
  fill(room, h("header.head", {}, h("div", {}, h("p.eyebrow", {}, h("a", { href: "#/" }, "Runs"), " / compared"), h("h1", {}, `${there.length} runs side by side`), h("p.lead", {}, `Curves of the ${split} split. Bounds of different data, likelihoods or binarisation are no measure of one another.`))), gone.map((one) => h("p.wrong", {}, one.why)), key, h("section", {}, h("h2", {}, "Terms"), charts), settings(there), pictures(there));

  const drawn = new Map();
  function redraw() {
    const names = [...new Set(there.flatMap((one) => terms(curves[one.summary.run] ?? {})))].filter((name) => name !== "examples_per_second");
    for (const name of names) {
      const lines = there.flatMap((one, i) => {
        const splits = curves[one.summary.run] ?? {};
        const rows = splits[split] ?? splits.train;
        return rows?.[name]?.length ? [{ label: one.summary.name, x: places(rows, splits, "epoch"), y: rows[name], width: 2, ...pen(i) }] : [];
      });
      if (!lines.length) continue;
      if (drawn.has(name)) drawn.get(name).update(lines);
      else {
        drawn.set(name, chart(WORDS[name] ?? name.replaceAll("_", " "), UNITS[name] ?? "", lines, { height: 240 }));
        charts.append(drawn.get(name).element);
      }
    }
  }
  redraw();
  const fresh = settled(async () => {
    Object.assign(curves, await get("/api/curves", { run: there.map((one) => one.summary.run) }));
    redraw();
  }, 400);
  const quit = live.hear((message) => { if (["rows", "reset", "again"].includes(message.type)) fresh(); });
  return () => {
    quit();
    live.watch([]);
    for (const made of drawn.values()) made.leave();
  };
}

function settings(there) {
  const names = [...new Set(there.flatMap((one) => Object.keys(one.summary.settings ?? {})))];
  const words = (value) => (value === undefined || value === null ? "–" : typeof value === "object" ? JSON.stringify(value) : String(value));
  const rows = names.map((name) => ({ name, values: there.map((one) => words(one.summary.settings?.[name])) }));
  const differ = rows.filter((row) => new Set(row.values).size > 1);
  const same = rows.filter((row) => !differ.includes(row));
  const line = (row) => h("tr", { className: differ.includes(row) ? "differs" : "" }, h("th", { scope: "row" }, row.name.replaceAll("_", " ")), row.values.map((value) => h("td", {}, value)));
  const table = h("table.settings", {}, h("thead", {}, h("tr", {}, h("th", {}, "setting"), there.map((one) => h("th", { scope: "col" }, one.summary.name)))), h("tbody", {}, differ.map(line)), h("tbody.same", { hidden: true }, same.map(line)));
  const all = h("button.quiet", { "aria-expanded": "false", onclick: () => { const hidden = (table.querySelector(".same").hidden = !table.querySelector(".same").hidden); all.textContent = hidden ? `and ${same.length} that are the same` : "only those that differ"; all.setAttribute("aria-expanded", String(!hidden)); } }, `and ${same.length} that are the same`);
  return h("section", {}, h("h2", {}, differ.length ? "Settings that differ" : "The same settings"), h("div.wide", {}, table), all);
}

function pictures(there) {
  const newest = (one, kind) => one.images[kind]?.at(-1);
  const row = (kind, words) => there.some((one) => newest(one, kind)) ? [h("h3", {}, words), h("div.side-by-side", {}, there.map((one) => h("figure", {}, h("figcaption", {}, one.summary.name), newest(one, kind) ? h("img", { src: newest(one, kind).url, alt: `${kind} of ${one.summary.name}`, loading: "lazy" }) : h("p.quiet", {}, "none"))))] : [];
  const shown = [...row("reconstructions", "Reconstructions"), ...row("samples", "Samples")];
  return shown.length ? h("section", {}, h("h2", {}, "Pictures"), shown) : null;
}
