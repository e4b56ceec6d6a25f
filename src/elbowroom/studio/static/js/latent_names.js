// The names of latents and their dimensions in words.

import { dimensionName, formatMetric, formatNumber } from "/static/kit.js";

/** The symbol of a latent of a hierarchy by its name: z₅ for z5. */
const latentSymbol = (name) => dimensionName(Number(name.slice(1)) - 1);

/** The name of a dimension: z₃; of a latent of a hierarchy, z₅[3]. */
export const latentDimensionName = (model, dim, latent = model.hierarchy.at(-1).name) =>
  model.hierarchy.length === 1 ? dimensionName(dim) : `${latentSymbol(latent)}[${dim + 1}]`;

const sum = (values) => values.reduce((total, value) => total + value, 0);

/** A latent of a hierarchy in words: "top of 5 latents (4 of 124 dimensions, 0.02 of 16 nats)". */
export function describeLatent(hierarchy, index) {
  const sizes = hierarchy.map(({ shape }) => shape.reduce((product, side) => product * side, 1));
  const kl = hierarchy.map((latent) => (latent.kl ? sum(latent.kl) : null));
  const place = index === hierarchy.length - 1 ? "top" : index === 0 ? "lowest" : `number ${index + 1} from below`;
  const nats = kl.includes(null) ? "" : `, ${formatMetric(kl[index])} of ${formatNumber(sum(kl), 3)} nats`;
  const size = `${sizes[index]} of ${formatNumber(sum(sizes))} dimensions`;
  return `${latentSymbol(hierarchy[index].name)}: ${place} of ${hierarchy.length} latents (${size}${nats})`;
}
