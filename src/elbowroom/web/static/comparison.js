import { ComparisonView } from "./comparison_view.js";
import { ChartGroup, pageData } from "./kit.js";

const data = pageData();
const place = document.getElementById("comparison");
const view = new ComparisonView(data, data.runCurves, { state: { sort: "" } });
place.replaceChildren(view.element);
new ChartGroup({ nearest: true }).addAll(data.charts);
