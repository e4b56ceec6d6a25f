// Panels below the map: own image, interpolation, attributes, traversal, samples.

import { dimensionName, setChildren, h, formatNumber, debounce, toast, withErrors } from "./dom.js";
import { createDrawPad } from "./draw_pad.js";
import { getJson, postJson } from "./api.js";
import { createExportMenu } from "./export_menu.js";

/** The panels, in the order of their tabs. */
export const PANELS = {
  own: { label: "Your own image", isAvailable: (model) => model.picture, create: createOwnImagePanel },
  between: { label: "Interpolation", isAvailable: (model) => model.picture, create: createInterpolationPanel },
  attributes: {
    label: "Attributes",
    isAvailable: (model) => (model.attributes?.length || model.labels?.length) && model.examples,
    create: createAttributePanel,
  },
  walks: {
    label: "Traversal",
    isAvailable: (model) => model.picture && !model.quantised,
    create: createTraversalPanel,
  },
  samples: { label: "Samples", isAvailable: (model) => model.picture && model.prior, create: createSamplesPanel },
};

function createOwnImagePanel(latent) {
  const hint = `Draw something, or drop an image: it is encoded, reconstructed, scored, and compared with the nearest training examples${latent.model.conditional ? "; the condition is the one chosen above" : ""}.`;
  const result = h("div.found", {}, h("p.quiet", {}, hint));
  let newestRequest = 0;
  let lastImage = null;

  const reset = () => {
    newestRequest++;
    lastImage = null;
    result.classList.remove("waits");
    setChildren(result, h("p.quiet", {}, hint));
  };
  async function encodeImage(png, drawn) {
    const request = ++newestRequest;
    lastImage = [png, drawn];
    result.classList.add("waits");
    const response = await withErrors(() => postJson("/api/own", { ...latent.requestFields, png, drawn }));
    if (request !== newestRequest) return;
    result.classList.remove("waits");
    if (!response) return reset();
    latent.set(response.z);
    const { score } = response;
    setChildren(
      result,
      h(
        "div.pair-of-pictures",
        {},
        h(
          "figure",
          {},
          h("img", { src: response.x, alt: "the image as the model sees it" }),
          h("figcaption", {}, "as the model sees it"),
        ),
        h(
          "figure",
          {},
          h("img", { src: response.reconstruction, alt: "its reconstruction" }),
          h("figcaption", {}, "its reconstruction"),
        ),
      ),
      h(
        "dl.scores",
        {},
        h("div", {}, h("dt", {}, "ELBO"), h("dd", {}, formatNumber(response.elbo)), h("p", {}, "nats")),
        score && score.name !== "elbo"
          ? h(
              "div",
              {},
              h("dt", {}, score.name.replaceAll("_", " ")),
              h("dd", {}, formatNumber(score.value)),
              h("p", {}, score.unit ?? "nats"),
            )
          : null,
      ),
      score && score.percentile !== null ? createScoreMeter(score) : null,
      response.neighbours?.length
        ? [
            h("h3", {}, "Nearest training examples"),
            h(
              "div.strip",
              {},
              response.neighbours.map((one) =>
                h(
                  "button.cell",
                  { title: `${one.split} ${one.index}, distance ${formatNumber(one.distance)}` },
                  h("img", { src: one.png, alt: "" }),
                  h("span", {}, one.label ?? formatNumber(one.distance)),
                ),
              ),
            ),
          ]
        : null,
    );
  }
  const readFile = (file) => {
    if (!file) return;
    if (file.size > 6e6)
      return void toast(`${file.name} has ${formatNumber(file.size / 1e6, 1)} MB: give an image of at most 6 MB`, true);
    const reader = new FileReader();
    reader.onload = () => encodeImage(reader.result, false);
    reader.readAsDataURL(file);
  };
  const drawPad = createDrawPad((png) => encodeImage(png, true));
  latent.subscribeCondition(() => {
    if (lastImage) encodeImage(...lastImage);
  });
  const input = h("input", {
    type: "file",
    accept: "image/png,image/jpeg,image/webp",
    onchange: () => {
      readFile(input.files[0]);
      input.value = "";
    },
  });
  const drop = h(
    "label.drop",
    {
      ondragover: (event) => {
        event.preventDefault();
        drop.classList.add("over");
      },
      ondragleave: () => drop.classList.remove("over"),
      ondrop: (event) => {
        event.preventDefault();
        drop.classList.remove("over");
        readFile(event.dataTransfer.files[0]);
      },
    },
    h("b", {}, "Drop an image here"),
    h("span", {}, "or choose a file: PNG, JPEG, WebP"),
    input,
  );
  return h(
    "div.own",
    {},
    h(
      "div.give",
      {},
      h(
        "div.sheet-to-draw",
        {},
        drawPad.canvas,
        h(
          "button.quiet",
          {
            onclick: () => {
              drawPad.clear();
              reset();
            },
          },
          "Clear",
        ),
      ),
      drop,
    ),
    result,
  );
}

function createScoreMeter(score) {
  const share = Math.min(Math.max(score.percentile, 0), 100);
  const words = share >= 99 ? "Very anomalous" : share >= 95 ? "Anomalous" : "Not anomalous";
  return h(
    "div.meter",
    {},
    h("p", {}, `${words} among held-out examples.`),
    h(
      "div.gauge",
      {
        role: "meter",
        "aria-valuenow": Math.round(share),
        "aria-valuemin": 0,
        "aria-valuemax": 100,
        "aria-label": "anomaly percentile",
      },
      h(`i${share >= 95 ? ".high" : ""}`, { style: { left: `${share}%` } }),
    ),
    score.about ? h("p.fine", {}, score.about) : null,
  );
}

function createInterpolationPanel(latent) {
  const strip = h("div.strip.wide-strip");
  const slider = h("input", {
    type: "range",
    min: 0,
    max: 1000,
    value: 0,
    "aria-label": "from A to B",
    oninput: () => moveTo(Number(slider.value) / 1000),
  });
  const path = h(
    "select",
    { "aria-label": "path" },
    ["linear", "spherical"].map((name) => h("option", {}, name)),
  );
  const steps = h(
    "select",
    { "aria-label": "steps" },
    [5, 9, 13, 25].map((n) => h("option", { value: n, selected: n === 9 }, `${n} steps`)),
  );
  const ends = h("div.ends");
  let latents = null;
  let timer = 0;
  let newestRequest = 0;

  const requestFields = () => {
    const { A, B } = latent.pins ?? {};
    if (!A || !B) throw new Error("pin two latents first, as A and as B: both buttons are beside the decoded image");
    const end = (pin) => (pin.example ? { index: pin.example.index, split: pin.example.split } : { z: pin.z });
    // Both ends are decoded under the condition that A was pinned with.
    return {
      run: latent.run,
      ...(A.c === null ? {} : { c: A.c }),
      a: end(A),
      b: end(B),
      steps: Number(steps.value),
      path: path.value,
    };
  };
  const flat = (z) => z.flat(Infinity);
  function moveTo(t) {
    if (!latents) return;
    const at = t * (latents.length - 1);
    const low = Math.min(Math.floor(at), latents.length - 2);
    latent.set(
      latents[low].map((value, k) => value + (at - low) * (latents[low + 1][k] - value)),
      null,
      latent.pins.A.c,
    );
  }
  const updateStrip = debounce(() => {
    const { A, B } = latent.pins ?? {};
    setChildren(
      ends,
      ["A", "B"].map((name) =>
        h(
          "p",
          {},
          h("b", {}, name),
          latent.pins?.[name]
            ? latent.pins[name].example
              ? ` ${latent.pins[name].example.split} ${latent.pins[name].example.index}`
              : " a latent"
            : " not pinned yet",
        ),
      ),
    );
    if (!A || !B) return;
    withErrors(async () => {
      const request = ++newestRequest;
      const response = await postJson("/api/interpolate", { ...requestFields(), format: "json" });
      if (request !== newestRequest) return;
      play.disabled = false;
      latents = response.z.map(flat);
      setChildren(
        strip,
        response.pngs.map((png, i) =>
          h(
            "button.cell",
            {
              "aria-label": `step ${i + 1}`,
              onclick: () => {
                slider.value = (1000 * i) / (latents.length - 1);
                moveTo(i / (latents.length - 1));
              },
            },
            h("img", { src: png, alt: "" }),
          ),
        ),
      );
    });
  }, 60);
  const play = h(
    "button",
    {
      disabled: true,
      onclick: () => {
        if (timer) {
          cancelAnimationFrame(timer);
          timer = 0;
          play.textContent = "Play";
          return;
        }
        const begin = performance.now();
        const frame = (now) => {
          if (!play.isConnected) {
            timer = 0;
            play.textContent = "Play";
            return;
          }
          const t = (Math.sin((now - begin) / 900 - Math.PI / 2) + 1) / 2;
          slider.value = 1000 * t;
          moveTo(t);
          timer = requestAnimationFrame(frame);
        };
        if (latents) {
          timer = requestAnimationFrame(frame);
          play.textContent = "Pause";
        }
      },
    },
    "Play",
  );
  let lastPins = null;
  latent.subscribe(() => {
    if (latent.pins !== lastPins) {
      lastPins = latent.pins;
      updateStrip();
    }
  });
  for (const choice of [path, steps]) choice.addEventListener("change", updateStrip);
  updateStrip();
  return h(
    "div.between",
    {},
    h("p.quiet", {}, "Choose a point on the map, pin it as A, choose another, pin it as B."),
    h("div.row", {}, ends, path, steps, play),
    slider,
    strip,
    createExportMenu("/api/interpolate", "interpolate", ["gif", "png", "npz"], requestFields),
  );
}

function createAttributePanel(latent) {
  const { model } = latent;
  const names = model.attributes ?? model.labels;
  const slider = h("input", {
    type: "range",
    min: -2,
    max: 2,
    step: 0.02,
    value: 0,
    disabled: true,
    "aria-label": "how much of it",
    oninput: () => {
      output.textContent = formatNumber(Number(slider.value));
      latent.set(base.map((value, k) => value + Number(slider.value) * vector[k]));
    },
  });
  const output = h("output", {}, "0");
  const about = h("p.fine");
  let vector = null;
  let base = null;
  const choice = h(
    "select",
    {
      "aria-label": "attribute",
      onchange: () =>
        withErrors(async () => {
          const response = await getJson("/api/attribute", { run: latent.run, name: choice.value });
          vector = response.vector.flat(Infinity);
          base = [...latent.z];
          slider.value = 0;
          slider.disabled = false;
          output.textContent = "0";
          about.textContent = `The mean latent of ${formatNumber(response.examples_with, 0)} examples with it, minus that of those without. Attributes that are correlated in the data are mixed in this direction.`;
        }),
    },
    h("option", { value: "", disabled: true, selected: true }, model.attributes ? "an attribute" : "a class"),
    names.map((name) => h("option", { value: name }, String(name).replaceAll("_", " "))),
  );
  latent.subscribe(() => {
    if (document.activeElement !== slider && vector) {
      base = [...latent.z];
      slider.value = 0;
      output.textContent = "0";
    }
  });
  return h(
    "div.attributes",
    {},
    h(
      "p.quiet",
      {},
      model.conditional
        ? "Add it to the current latent or subtract it: what of it is in the latent, besides the condition."
        : "Add it to the current latent or subtract it; the model was trained without it.",
    ),
    h("div.row", {}, choice, h("label.slider", {}, h("span", {}, "less"), slider, h("span", {}, "more"), output)),
    about,
  );
}

function createTraversalPanel(latent) {
  const { model } = latent;
  const dims = (model.active?.length ? model.active : Array.from({ length: model.latent }, (_, i) => i)).slice(0, 6);
  // In units of the spread of the data's latents, so that the ends are still within the data.
  const reach = Math.max(1, ...dims.map((dim) => model.spread?.[dim] ?? 1));
  const offsets = [-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2].map((share) => share * reach);
  const table = h("div.walks");
  const requestFields = () => ({ ...latent.requestFields, z: [...latent.z], dims, offsets });
  const updateTraversal = debounce(() => {
    if (!table.isConnected) return;
    withErrors(async () => {
      const z = [...latent.z];
      const { rows } = await postJson("/api/traverse", { ...requestFields(), format: "json" });
      const go = (dim, offset) => {
        const there = [...z];
        there[dim] += offset;
        latent.set(there);
      };
      setChildren(
        table,
        rows.map((row, r) => [
          h("b", {}, dimensionName(dims[r])),
          row.pngs.map((png, i) =>
            h(
              "button.cell",
              {
                "aria-label": `${dimensionName(dims[r])} moved by ${formatNumber(offsets[i])}`,
                onclick: () => go(dims[r], offsets[i]),
              },
              h("img", { src: png, alt: "" }),
            ),
          ),
        ]),
      );
    });
  }, 350);
  latent.subscribe(updateTraversal);
  new MutationObserver((_, seen) => {
    if (table.isConnected) {
      seen.disconnect();
      updateTraversal();
    }
  }).observe(document.getElementById("view"), { childList: true, subtree: true });
  return h(
    "div",
    {},
    h(
      "p.quiet",
      {},
      `The current latent in the middle, each of its most active dimensions moved by up to ${formatNumber(2 * reach, 1)} to either side.`,
    ),
    table,
    createExportMenu("/api/traverse", "traverse", ["png", "gif", "npz"], requestFields),
  );
}

function createSamplesPanel(latent) {
  const grid = h("div.grid-of-samples");
  const seed = h("input", { type: "number", value: 0, min: 0, max: 4294967295, "aria-label": "seed" });
  const count = h(
    "select",
    { "aria-label": "how many" },
    [16, 36, 64, 100].map((n) => h("option", { value: n, selected: n === 36 }, `${n}`)),
  );
  const temperature = h("input", {
    type: "range",
    min: 0,
    max: 1.5,
    step: 0.05,
    value: 1,
    "aria-label": "temperature",
  });
  const temperatureLabel = h("output", {}, "1.00");
  let newestRequest = 0;
  latent.subscribeCondition(() => updateSamples());
  const requestFields = () => ({
    ...latent.requestFields,
    n: Number(count.value),
    seed: Math.min(Math.max(Math.floor(Number(seed.value)) || 0, 0), 2 ** 32 - 1),
    temperature: Number(temperature.value),
  });
  const updateSamples = debounce(
    () =>
      withErrors(async () => {
        const request = ++newestRequest;
        const response = await postJson("/api/sample", { ...requestFields(), format: "json" });
        if (request !== newestRequest) return;
        setChildren(
          grid,
          response.pngs.map((png, i) =>
            h(
              "button.cell",
              {
                "aria-label": `use sample ${i + 1}`,
                onclick: () => latent.set(response.z[i].flat?.(Infinity) ?? response.z[i]),
              },
              h("img", { src: png, alt: "" }),
            ),
          ),
        );
      }),
    80,
  );
  temperature.addEventListener("input", () => {
    temperatureLabel.textContent = Number(temperature.value).toFixed(2);
    updateSamples();
  });
  for (const one of [seed, count]) one.addEventListener("change", updateSamples);
  updateSamples();
  return h(
    "div.samples",
    {},
    h(
      "div.row",
      {},
      h(
        "button.main",
        {
          onclick: () => {
            seed.value = Number(seed.value) + 1;
            updateSamples();
          },
        },
        "Again",
      ),
      h("label.small", {}, "seed ", seed),
      count,
      h("label.slider", {}, h("span", {}, "temperature"), temperature, temperatureLabel),
    ),
    grid,
    h(
      "p.fine",
      {},
      "At temperature 1 these are the model's own samples; other temperatures scale the draws about the prior's mean.",
    ),
    createExportMenu("/api/sample", "sample", ["png", "npz"], requestFields),
  );
}
