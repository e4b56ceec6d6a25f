// Legend of a map: a button for each class, which hides it, or the scale of a number.

import { h } from "./elements.js";
import { classColorName, colorKey } from "./point_colors.js";

/** Classes that a legend has room for. */
const MAX_LEGEND_CLASSES = 24;

/**
 * Buttons of the classes that occur among labels, each of which hides its class; none where there is one class, or too
 * many.
 *
 * @param {?number[]} labels  -1 for none
 * @param {?string[]} names
 * @param {Set<number>} hidden  the classes that are hidden, which the buttons change
 * @param {() => void} onChange
 */
export function classLegend(labels, names, hidden, onChange) {
  const present = [...new Set(labels ?? [])].filter((label) => label >= 0).sort((a, b) => a - b);
  if (present.length < 2 || present.length > MAX_LEGEND_CLASSES) return [];
  const toggle = (event, label) => {
    const isHidden = !hidden.delete(label);
    if (isHidden) hidden.add(label);
    event.currentTarget.setAttribute("aria-pressed", String(!isHidden));
    onChange();
  };
  return present.map((label) =>
    h(
      "button",
      { type: "button", "aria-pressed": String(!hidden.has(label)), onclick: (event) => toggle(event, label) },
      colorKey(classColorName(label)),
      names?.[label] ?? String(label),
    ),
  );
}
