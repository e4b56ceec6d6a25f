// The API page: its color scheme; the rest is text.

import { setUpPage } from "/static/kit.js";

setUpPage();
