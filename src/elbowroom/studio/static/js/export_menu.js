// Export menu: save a result as a file, or copy the code that reproduces it.

import { openDialog, downloadBlob, h, toast, withErrors } from "./dom.js";
import { postForBlob, postJson } from "./api.js";

/** Buttons that save the response to a request in these formats, and one that shows its code. */
export function createExportMenu(path, name, formats, requestFields) {
  const saveAs = (format) =>
    withErrors(async () => downloadBlob(await postForBlob(path, { ...requestFields(), format }), `${name}.${format}`));
  const copySnippets = () => withErrors(() => showSnippets({ do: name, ...requestFields() }));
  return h(
    "div.row.take",
    {},
    h("span", {}, "Save as"),
    formats.map((format) => h("button.quiet", { onclick: () => saveAs(format) }, format.toUpperCase())),
    h("button.quiet", { onclick: copySnippets }, "Copy code"),
  );
}

/** Show the command line and the Python program that give the same result. */
export async function showSnippets(requestFields) {
  const { command, python } = await postJson("/api/code", requestFields);
  const block = (title, text) => {
    const copy = async () => {
      await navigator.clipboard.writeText(text);
      toast("Copied");
    };
    return [
      h("h3", {}, title),
      h(
        "div.lines",
        {},
        h("pre", { tabIndex: 0 }, text),
        h("button.quiet", { onclick: () => withErrors(copy) }, "Copy"),
      ),
    ];
  };
  openDialog("Code for the same result", command ? block("Command line", command) : null, block("Python", python));
}
