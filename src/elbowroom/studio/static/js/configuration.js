// The configuration of a run: the command that repeats it, its settings, those at their defaults folded away.

import { h } from "/static/kit.js";
import { copyButton } from "./dom.js";

/** @typedef {{label: string, value: string, is_main: boolean, is_default: boolean}} Setting */

/** @param {Setting} setting */
const createRow = ({ label, value }) => h("div", {}, h("dt", {}, label), h("dd", {}, value));

/** @param {any} details of a run */
export function createConfiguration({ record, ...details }) {
  const configuration = /** @type {Setting[]} */ (details.configuration);
  const shown = configuration.filter((setting) => setting.is_main || !setting.is_default);
  const others = configuration.filter((setting) => !shown.includes(setting));
  const command = record?.command;
  return h(
    "section",
    {},
    h("h2", {}, "Configuration"),
    command ? h("div.lines", {}, h("pre.command", {}, command), copyCommand(command)) : null,
    h("dl.settings-list", {}, shown.map(createRow)),
    others.length ? createDefaults(others) : null,
  );
}

const copyCommand = (command) => copyButton(command, "Copy", { "aria-label": "copy the command" });

const createDefaults = (settings) =>
  h(
    "details",
    {},
    h("summary", {}, `${settings.length} more at their defaults`),
    h("dl.settings-list", {}, settings.map(createRow)),
  );
