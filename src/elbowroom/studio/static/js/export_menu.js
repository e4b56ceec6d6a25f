// Export menu: save a result as a file, or copy the code that makes the same file.

import { h, saveBlob } from "/static/kit.js";
import { postForBlob, postJson } from "./api.js";
import { copyText, quietButton, withErrors } from "./dom.js";

/** Buttons that save the response to a request in these formats, and that copy its code, which writes such a file. */
export function createExportMenu(path, name, formats, requestFields) {
  const save = async (format) => saveBlob(await postForBlob(path, { ...requestFields(), format }), `${name}.${format}`);
  const saveButton = (format) => quietButton(format.toUpperCase(), () => withErrors(() => save(format)));
  return h(
    "div.row.take",
    {},
    h("span", {}, "Save as"),
    formats.map(saveButton),
    createCopyButtons(
      name,
      requestFields,
      formats.find((format) => format !== "gif"),
    ),
  );
}

/** Buttons that copy the Python program and the command line that give the same result, in the format shown. */
export const createCopyButtons = (name, requestFields, format) => [
  createCopyButton("Copy as Python", name, () => ({ ...requestFields(), format }), "python"),
  createCopyButton("Copy as command", name, () => ({ ...requestFields(), format }), "command"),
];

const NO_COMMAND = "the command line cannot do this, or the command would be too long: copy it as Python";

function createCopyButton(label, name, requestFields, kind) {
  const copy = async () => {
    const code = await postJson("/api/code", { do: name, ...requestFields() });
    if (!code[kind]) throw new Error(NO_COMMAND);
    await copyText(code[kind], `Copied: ${code[kind].trim().split("\n").at(-1).slice(0, 80)}`);
  };
  return quietButton(label, () => withErrors(copy), { title: "what gives the same result" });
}
