// Tabs of the panels below the map: each panel is made when it is first opened; the address says which is open.

import { h } from "/static/kit.js";
import { readState, writeState } from "./address.js";
import { setChildren } from "./dom.js";

/**
 * A panel: what one may do with the latent.
 * @typedef {object} Panel
 * @property {string} name
 * @property {string} label
 * @property {(model: any) => any} isAvailable
 * @property {(latent: import("./latent_state.js").LatentState) => HTMLElement} create its element gets a "show" event
 *   whenever its tab is opened
 */

/** @param {import("./latent_state.js").LatentState} latent @param {Panel[]} panels */
export function createPanelTabs(latent, panels) {
  const available = panels.filter((panel) => panel.isAvailable(latent.model));
  const elements = new Map();
  const container = h("div.tool", { role: "tabpanel", id: "tool" });

  function open(tab) {
    const panel = available[tabs.indexOf(tab)];
    if (!elements.has(panel)) elements.set(panel, panel.create(latent));
    for (const one of tabs) {
      one.setAttribute("aria-selected", String(one === tab));
      one.tabIndex = one === tab ? 0 : -1;
    }
    container.setAttribute("aria-labelledby", tab.id);
    setChildren(container, elements.get(panel));
    elements.get(panel).dispatchEvent(new Event("show"));
  }
  function choose(tab) {
    open(tab);
    writeState({ tab: tab === tabs[0] ? null : available[tabs.indexOf(tab)].name });
  }
  function openNeighbor(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    const tab = tabs.at((tabs.indexOf(document.activeElement) + step) % tabs.length);
    tab.focus();
    choose(tab);
  }
  const attributes = { role: "tab", "aria-controls": "tool", "aria-selected": "false", type: "button" };
  const tabs = available.map(({ name, label }) =>
    h("button", { ...attributes, id: `tab-${name}`, onclick: (event) => choose(event.currentTarget) }, label),
  );
  const list = h("div.tabs.below", { role: "tablist", "aria-label": "tools", onkeydown: openNeighbor }, tabs);
  const named = available.findIndex(({ name }) => name === readState().tab);
  if (tabs.length) open(tabs[Math.max(named, 0)]);
  return h("section.tools-of-run", { hidden: !tabs.length, "aria-label": "tools" }, list, container);
}
