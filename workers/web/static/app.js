// What pages do beyond links and forms. Listeners are on the document, so what htmx swaps in needs no set-up.
import "./find.js";
import "./layers.js";
import "./query.js";
import "./review.js";
import { say } from "./toast.js";

document.addEventListener("htmx:responseError", (event) => {
  const status = event.detail.xhr.status;
  const why = { 403: "You may look, but not change anything.", 429: "Too many requests: wait a moment, then try again." };
  say(why[status] ?? `That did not work (${status}): load the page again.`);
});
document.addEventListener("htmx:sendError", () => say("The server cannot be reached: check that tagmill serve runs."));

// One asks before a form's button that cannot be taken back.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-sure]");
  if (button && !confirm(button.dataset.sure)) {
    event.preventDefault();
    event.stopPropagation();
  }
}, true);

// A command is copied as it stands; where the browser forbids that, it is selected.
document.addEventListener("click", async (event) => {
  const command = event.target.closest("[data-copy]")?.previousElementSibling;
  if (!command) return;
  try {
    await navigator.clipboard.writeText(command.textContent);
    say("Copied.");
  } catch {
    getSelection().selectAllChildren(command);
    say("Selected: copy it with the keyboard.");
  }
});

// Facets stand open beside the products, and are a drawer where there is no room for that.
const drawer = document.querySelector("[data-facets]");
if (drawer && matchMedia("(max-width: 900px)").matches) drawer.open = false;
