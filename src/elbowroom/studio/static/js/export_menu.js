// Export menu: save a result as a file, or copy the code that reproduces it.

import { h } from "/static/kit.js";
import { postForBlob, postJson } from "./api.js";
import { downloadBlob, openDialog, quietButton, toast, withErrors } from "./dom.js";

/** Buttons that save the response to a request in these formats, and one that shows its code. */
export function createExportMenu(path, name, formats, requestFields) {
  const save = async (format) =>
    downloadBlob(await postForBlob(path, { ...requestFields(), format }), `${name}.${format}`);
  const saveButton = (format) => quietButton(format.toUpperCase(), () => withErrors(() => save(format)));
  return h(
    "div.row.take",
    {},
    h("span", {}, "Save as"),
    formats.map(saveButton),
    createCodeButton(name, requestFields),
  );
}

/** A button that shows the command line and the Python program that give the same result. */
export const createCodeButton = (name, requestFields) =>
  quietButton("Copy code", () => withErrors(() => showSnippets({ do: name, ...requestFields() })), {
    title: "as a command line and as Python",
  });

async function showSnippets(requestFields) {
  const { command, python } = await postJson("/api/code", requestFields);
  const snippet = (title, text) => {
    const copy = async () => {
      await navigator.clipboard.writeText(text);
      toast("Copied");
    };
    const lines = h(
      "div.lines",
      {},
      h("pre", { tabIndex: 0 }, text),
      quietButton("Copy", () => withErrors(copy)),
    );
    return [h("h3", {}, title), lines];
  };
  openDialog("Code for the same result", command ? snippet("Command line", command) : null, snippet("Python", python));
}
