// The page: the header, and below it the view that the address names.
import { html, render } from "./core/html.js";
import { goLive } from "./client/live.js";
import { keepHistory } from "./cluster/history.js";
import { Page } from "./parts/page.js";

goLive();
keepHistory();
const root = document.getElementById("page");
root.textContent = "";
render(html`<${Page} />`, root);
