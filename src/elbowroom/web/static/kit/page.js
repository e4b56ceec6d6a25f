// What every page does when it opens.

import { fillHelp } from "./help.js";
import { setUpColorScheme } from "./scheme.js";

/** Apply the chosen color scheme, and fill the places that the page's template marks for parts of the kit. */
export function setUpPage() {
  setUpColorScheme();
  fillHelp();
}
