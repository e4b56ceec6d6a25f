// Panel: the current latent with each of its most active dimensions moved to either side.

import { formatMetric, formatNumber, h, help } from "/static/kit.js";
import { postJson } from "../api.js";
import { debounce, newestOnly, setChildren, withErrors } from "../dom.js";
import { fileFormats, listExamples } from "../example_list.js";
import { createExportMenu } from "../export_menu.js";
import { latentDimensionName } from "../latent_names.js";
import { withValue } from "../latent_state.js";

const MAX_DIMENSIONS = 6;
/** Positions of a row, in standard deviations of the data's latents. */
const POSITIONS = [-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2];

export const traversalPanel = {
  name: "walks",
  label: "Traversals",
  isAvailable: (model) => !model.quantised,
  create: createTraversalPanel,
};

function createTraversalPanel(latent) {
  const dims = latent.dimensions.slice(0, MAX_DIMENSIONS);
  // In units of the largest spread, so that the ends are still within the data.
  const reach = Math.max(1, ...dims.map((dim) => latent.model.spread?.[dim] ?? 1));
  const offsets = POSITIONS.map((position) => position * reach);
  const table = h(`div.walks.of-${latent.model.kind}`);
  const requestFields = () => ({ ...latent.requestFields, z: [...latent.z], dims, offsets });
  const load = newestOnly(() => postJson("/api/traverse", { ...requestFields(), format: "json" }));

  function showRow(row, r, z) {
    const name = latentDimensionName(latent.model, dims[r]);
    const nameOf = (i) => `${name} moved by ${formatMetric(offsets[i])}`;
    const use = (i) => latent.set(withValue(z, dims[r], z[dims[r]] + offsets[i]));
    return [h("b", {}, name), ...listExamples(latent.model, row, nameOf, use, true)];
  }
  const update = debounce(async () => {
    if (!table.isConnected) return;
    const z = [...latent.z];
    const response = await withErrors(load);
    if (response)
      setChildren(
        table,
        response.rows.flatMap((row, r) => showRow(row, r, z)),
      );
  }, 350);
  latent.subscribe(update);
  const distance = `moved by up to ${formatNumber(2 * reach, 2)} to either side`;
  const hint = `The current latent in the middle, each of its most active dimensions ${distance}.${latent.lowerHint}`;
  const menu = createExportMenu("/api/traverse", "traverse", fileFormats(latent.model, true), requestFields);
  const element = h("div", {}, h("p.quiet", {}, `${hint} `, help("traversal")), table, menu);
  element.addEventListener("show", update);
  return element;
}
