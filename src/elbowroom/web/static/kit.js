// The kit of all pages: numbers, elements, colors, charts drawn by uPlot, and planes of points.
// Pages that are one file hold the text of these modules in this order, without imports; the studio imports this one.

export * from "./kit/numbers.js";
export * from "./kit/elements.js";
export * from "./kit/theme.js";
export * from "./kit/point_colors.js";
export * from "./kit/help.js";
export * from "./kit/chart_settings.js";
export * from "./kit/curve_limits.js";
export * from "./kit/chart_reading.js";
export * from "./kit/charts.js";
export * from "./kit/chart_image.js";
export * from "./kit/chart_group.js";
export * from "./kit/planes.js";
export * from "./kit/latent_map.js";
export * from "./kit/map_legend.js";
export * from "./kit/scheme.js";
export * from "./kit/page.js";
