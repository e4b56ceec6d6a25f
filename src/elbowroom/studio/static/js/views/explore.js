// Explore view: the latent map, the decoded image at a point of it, and the panels below.

import { h } from "/static/kit.js";
import { DecodeSocket, getJson, live } from "../api.js";
import { debounce, setChildren, withErrors } from "../dom.js";
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

async function openExplore(container, [id]) {
  setTitle("Explore");
  setChildren(container, h("p.quiet.loading", {}, "loading the model …"));
  const [details, model] = await Promise.all([getJson("/api/run", { run: id }), getJson("/api/model", { run: id })]);
  const latent = new LatentState(id, model);
  const map = new MapPanel(latent);
  const stage = new DecodePanel(latent);
  setTitle(details.summary.name, "Explore");
  setChildren(
    container,
    createRunHeader(details.summary, "explore"),
    model.why ? h("p.quiet", {}, model.why) : null,
    h("div.bench", {}, map.element, stage.element),
    createPanelTabs(latent, PANELS),
  );
  const socket = new DecodeSocket(
    id,
    (decoded) => stage.show(decoded),
    (message) => stage.showError(message),
  );
  latent.subscribe(() => socket.request(latent.z, latent.c));
  latent.set(model.centre ?? new Array(model.latent).fill(0));
  const unsubscribe = watchWeights(id, model.version, () => stage.showNewWeights());
  return () => {
    unsubscribe();
    socket.close();
    map.destroy();
  };
}

/** Call a function when a training run has written weights of another version. */
function watchWeights(id, version, onNewWeights) {
  live.watchRuns([id]);
  const check = debounce(async () => {
    const model = await withErrors(() => getJson("/api/model", { run: id }));
    if (model && model.version !== version) onNewWeights();
  }, WEIGHTS_CHECK_MS);
  const unsubscribe = live.subscribe((message) => {
    if (message.type === "run" && message.run.run === id) check();
  });
  return () => {
    unsubscribe();
    live.watchRuns([]);
  };
}
