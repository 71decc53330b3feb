// The review with keys: one item is shown at a time, decisions are sent behind it, and can be taken back.
import { say } from "./toast.js";

const review = document.querySelector("[data-review]");
const items = review ? [...review.querySelectorAll("[data-item]")] : [];
const waiting = review ? [...review.querySelectorAll("[data-go]")] : [];
const film = review?.querySelector(".film");
const help = document.querySelector("[data-keys]");
const done = []; // { index, form, to } of what was decided here, the last one last
let at = 0;
let sent = Promise.resolve();

function show(next) {
  at = next;
  items.forEach((item, index) => { item.hidden = index !== at; });
  waiting.forEach((button, index) => {
    if (index === at) button.setAttribute("aria-current", "true"); else button.removeAttribute("aria-current");
    if (index === at) film.scrollLeft = button.offsetLeft - film.offsetLeft - film.clientWidth / 2 + button.offsetWidth / 2;
  });
  review.querySelector("[data-over]").hidden = at < items.length;
  const left = items.filter((item) => !item.dataset.done).length;
  review.querySelector("[data-count]").textContent =
    `${done.length} decided, ${left} to look at here${review.dataset.next ? ", more after them" : ""}`;
  items[at + 1]?.querySelector("img")?.setAttribute("loading", "eager");
}

function onward(from, step = 1) {
  let next = from + step;
  while (items[next]?.dataset.done) next += step;
  show(Math.max(0, Math.min(next, items.length)));
}

async function post(to, form) {
  const answer = await fetch(to, { method: "POST", body: form, headers: { accept: "application/json" } }).catch(() => null);
  if (answer?.ok) return true;
  const problem = await answer?.json().catch(() => ({}));
  say(problem?.detail ?? (answer ? `That did not work (${answer.status}).` : "The server cannot be reached: nothing was written."));
  return false;
}

// One after the other: what takes back must not overtake what it takes back.
function send(to, form) {
  const body = new URLSearchParams(form);
  sent = sent.then(() => post(to, body));
  return sent;
}

async function decide(item, submitter) {
  const index = items.indexOf(item);
  const decided = { index, to: submitter.form.action, form: new FormData(submitter.form, submitter) };
  done.push(decided);
  item.dataset.done = submitter.value;
  waiting[index].disabled = true;
  onward(index);
  if (!(await send(decided.to, decided.form))) {
    if (done.includes(decided)) done.splice(done.indexOf(decided), 1);
    reopen(index);
  }
}

function reopen(index) {
  delete items[index].dataset.done;
  waiting[index].disabled = false;
  show(index);
}

async function undo() {
  const last = done.at(-1);
  if (!last) return say("Nothing was decided here yet.");
  if (last.form.get("decision") === "dismiss") return say("A mismatch that was let stand comes back when feed or photos change.");
  done.pop();
  last.form.set("decision", "withdraw");
  if (await send(last.to, last.form)) {
    reopen(last.index);
    say("Taken back.");
  } else done.push(last);
  return undefined;
}

function press(selector) {
  items[at]?.querySelector(selector)?.click();
}

const KEYS = {
  a: () => press('[value="accept"]'),
  r: () => press('[value="reject"]'),
  d: () => press('[value="dismiss"]'),
  s: () => press("[data-skip]"),
  l: () => {
    const first = items[at]?.querySelector("[data-relabel]");
    first?.focus();
    if (first) say("Now a digit, 1 to 9.");
  },
  u: undo,
  ArrowRight: () => onward(at),
  ArrowLeft: () => onward(at, -1),
  "?": () => help.showModal(),
};

if (review) {
  review.classList.add("live");
  review.addEventListener("submit", (event) => {
    event.preventDefault();
    const { submitter } = event;
    decide(submitter.closest("[data-item]"), submitter);
  });
  review.addEventListener("click", (event) => {
    if (event.target.closest("[data-skip]")) onward(at);
    if (event.target.closest("[data-help]")) help.showModal();
    const go = event.target.closest("[data-go]");
    if (go) show(Number(go.dataset.go));
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    if (event.target.closest("input, textarea, select")) return;
    if (/^[1-9]$/.test(event.key)) {
      items[at]?.querySelectorAll("[data-relabel]")[Number(event.key) - 1]?.click();
    } else if (KEYS[event.key]) {
      event.preventDefault();
      KEYS[event.key]();
    }
  });
  show(0);
}

// Many at once: what is chosen is counted, a shift-click chooses all between.
function counted(form) {
  const boxes = [...form.querySelectorAll('input[name="sku"]')];
  const chosen = boxes.filter((box) => box.checked).length;
  form.querySelector("[data-chosen]")?.replaceChildren(chosen ? `${chosen} chosen` : "Choose products");
  form.querySelector("[data-all]").textContent = chosen === boxes.length ? "Select none" : "Select all";
  return { boxes, chosen };
}

let lastBox = null;
for (const form of document.querySelectorAll("[data-many]")) {
  form.addEventListener("click", (event) => {
    const { boxes, chosen } = counted(form);
    if (event.target.closest("[data-all]")) {
      for (const box of boxes) box.checked = chosen !== boxes.length;
    }
    const box = boxes.find((one) => one === event.target);
    if (box && event.shiftKey && boxes.includes(lastBox)) {
      const [from, to] = [boxes.indexOf(lastBox), boxes.indexOf(box)].sort((a, b) => a - b);
      for (const one of boxes.slice(from, to + 1)) one.checked = box.checked;
    }
    lastBox = box ?? lastBox;
    counted(form);
  });
  form.addEventListener("submit", (event) => {
    if (counted(form).chosen) return;
    event.preventDefault();
    say("Choose products first.");
  });
}
