// A sentence at the foot of the page, which goes away by itself; screen readers read it out.
const toast = document.getElementById("toast");
let wiped = 0;

export function say(text) {
  toast.textContent = text;
  clearTimeout(wiped);
  wiped = setTimeout(() => { toast.textContent = ""; }, 5000);
}
