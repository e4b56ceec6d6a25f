// Terms explained: a button "?" that opens one sentence and the source where the term is defined.

import { h, queryAll } from "./elements.js";

const KINGMA = ["Kingma and Welling 2014", "https://arxiv.org/abs/1312.6114"];
const BURDA = ["Burda et al. 2016", "https://arxiv.org/abs/1509.00519"];
const HOFFMAN = ["Hoffman and Johnson 2016", "http://approximateinference.org/accepted/HoffmanJohnson2016.pdf"];
const ALEMI = ["Alemi et al. 2018", "https://arxiv.org/abs/1711.00464"];
const WHITE = ["White 2016", "https://arxiv.org/abs/1609.04468"];

/** What is said of each term: its name, one sentence, and its source. */
const GLOSSARY = {
  elbo: [
    "ELBO",
    "The evidence lower bound, log p(x|z) averaged over q(z|x) minus KL: at most log p(x), so higher is " +
      "better, on the same data with the same likelihood only.",
    ...KINGMA,
  ],
  kl: [
    "KL",
    "The Kullback–Leibler divergence from the prior to the posterior q(z|x): how much the latent says about " +
      "an example. At zero a dimension says nothing.",
    ...KINGMA,
  ],
  reconstruction: [
    "Reconstruction",
    "log p(x|z), averaged over latents drawn from the posterior: how probable the decoder makes the example " +
      "it came from.",
    ...KINGMA,
  ],
  nats: [
    "Nats",
    "Information by the natural logarithm: one nat is 1.44 bits, a factor of e in probability.",
    "ISO 80000-13",
    "https://en.wikipedia.org/wiki/Nat_(unit)",
  ],
  bits: [
    "Bits per dimension",
    "Minus log₂ p(x), or its bound, divided by the number of values of an example: lower is better.",
    "Theis et al. 2016",
    "https://arxiv.org/abs/1511.01844",
  ],
  importance_bound: [
    "Importance-weighted bound",
    "The log of the mean importance weight of k latents from the posterior: between the ELBO and log p(x), " +
      "closer to log p(x) for larger k.",
    ...BURDA,
  ],
  active_units: [
    "Active units",
    "Latent dimensions whose posterior mean varies over the data (variance above 0.01); with none the decoder " +
      "ignores the latent: posterior collapse.",
    ...BURDA,
  ],
  mutual_information: [
    "Mutual information",
    "What the latent says about which example it came from: KL minus the divergence from the prior to the " +
      "aggregate posterior.",
    ...HOFFMAN,
  ],
  aggregate_posterior: [
    "Aggregate posterior",
    "The mixture of the posteriors of all examples: where it differs from the prior, samples of the prior " +
      "differ from the data.",
    ...HOFFMAN,
  ],
  rate_distortion: [
    "Rate and distortion",
    "Rate is KL, distortion is minus the reconstruction: models on one diagonal have the same ELBO, and " +
      "differ in how much of it the latent carries.",
    ...ALEMI,
  ],
  codebook: [
    "Codebook",
    "The learned vectors that a quantized latent chooses from: at each position the entry nearest to what the " +
      "encoder says.",
    "van den Oord et al. 2017",
    "https://arxiv.org/abs/1711.00937",
  ],
  perplexity: [
    "Perplexity",
    "How many codebook entries are in use: e to the entropy of their frequencies, at most the size of the " +
      "codebook.",
    "van den Oord et al. 2017",
    "https://arxiv.org/abs/1711.00937",
  ],
  fid: [
    "FID",
    "The Fréchet distance between Gaussians fitted to features of samples and of data: lower is better, " +
      "between the same features and numbers of images only.",
    "Heusel et al. 2017",
    "https://arxiv.org/abs/1706.08500",
  ],
  likelihood: [
    "Likelihood",
    "The family of p(x|z): what the decoder's output is the parameter of, such as Bernoulli for black and " +
      "white. Bounds of different families cannot be compared.",
    ...KINGMA,
  ],
  temperature: [
    "Temperature",
    "Latents are scaled by this factor about the mean of the normal that they are drawn from: below 1 samples are " +
      "more typical and less diverse, at 1 they are the model's own.",
    "Kingma and Dhariwal 2018",
    "https://arxiv.org/abs/1807.03039",
  ],
  spherical: [
    "Spherical interpolation",
    "The path between two latents turns around the origin rather than crossing it, where a normal prior in " +
      "many dimensions has little mass.",
    ...WHITE,
  ],
  attribute_direction: [
    "Attribute direction",
    "The mean latent of the examples with an attribute minus that of those without: attributes correlated in " +
      "the data are mixed in it.",
    ...WHITE,
  ],
  traversal: [
    "Latent traversal",
    "One latent dimension is varied and the others are held: the images show what it encodes.",
    "Higgins et al. 2017",
    "https://openreview.net/forum?id=Sy2fzU9gl",
  ],
  pca: [
    "PCA",
    "The principal components of the posterior means: the plane, or space, in which they vary most.",
    "Jolliffe and Cadima 2016",
    "https://doi.org/10.1098/rsta.2015.0202",
  ],
  tsne: [
    "t-SNE",
    "A map that keeps near latents near; distances between groups, and their sizes, mean little.",
    "van der Maaten and Hinton 2008",
    "https://www.jmlr.org/papers/v9/vandermaaten08a.html",
  ],
  smoothing: [
    "Smoothing",
    "An exponential moving average over the points of a curve, without bias at its start; the measured values " +
      "stay as a faint line.",
    "Kingma and Ba 2015, section 3",
    "https://arxiv.org/abs/1412.6980",
  ],
};

/** The terms that can be explained. */
export const helpTerms = Object.keys(GLOSSARY);

/** Width of the explanation, and its distance from the button and the window. */
const [HELP_WIDTH_PX, HELP_GAP_PX, HELP_MARGIN_PX] = [320, 6, 12];

/**
 * A button "?" that explains a term; pressed again, with Esc, or elsewhere, the explanation closes.
 *
 * @param {string} name a key of the glossary, such as "elbo"
 */
export function help(name) {
  if (!(name in GLOSSARY)) throw new Error(`no explanation of '${name}': add it to the glossary in help.js`);
  const [term, sentence, source, href] = GLOSSARY[name];
  const link = h("a", { href, target: "_blank", rel: "noopener noreferrer" }, source);
  const box = h("span.help-box", { popover: "auto" }, h("strong", {}, term), " ", sentence, " ", link);
  const button = h("button.help", { type: "button", "aria-label": `What is ${term}?` }, "?");
  button.popoverTargetElement = box;
  const hide = () => box.hidePopover();
  box.addEventListener("beforetoggle", ({ newState }) => {
    if (newState === "open") placeBelow(box, button.getBoundingClientRect());
    if (newState === "open") addEventListener("scroll", hide, { once: true, capture: true });
    else removeEventListener("scroll", hide, { capture: true });
  });
  return h("span.help-of", {}, button, box);
}

/** Place a box below a rectangle, or above it where there is more room. */
function placeBelow(box, { left, top, bottom }) {
  const width = Math.min(HELP_WIDTH_PX, innerWidth - 2 * HELP_MARGIN_PX);
  const isAbove = bottom > innerHeight * 0.66;
  const place = {
    width: `${width}px`,
    left: `${Math.min(Math.max(left - HELP_MARGIN_PX, HELP_MARGIN_PX), innerWidth - width - HELP_MARGIN_PX)}px`,
    top: isAbove ? "auto" : `${bottom + HELP_GAP_PX}px`,
    bottom: isAbove ? `${innerHeight - top + HELP_GAP_PX}px` : "auto",
  };
  for (const [name, value] of Object.entries(place)) box.style.setProperty(name, value);
}

/** Put the buttons where a template has marked their places with the terms' names. */
export const fillHelp = () => queryAll("[data-help]").forEach((place) => place.append(help(place.dataset.help)));
