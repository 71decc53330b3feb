// Search by a photo: chosen, dropped onto the page or pasted.
const form = document.getElementById("by-photo");
const input = document.querySelector("[data-photo]");
const find = document.querySelector("[data-find]");

function send(files) {
  const photo = [...files].find((file) => file.type.startsWith("image/"));
  if (!photo || !input) return false;
  const chosen = new DataTransfer();
  chosen.items.add(photo);
  input.files = chosen.files;
  form.requestSubmit();
  return true;
}

input?.addEventListener("change", () => { if (input.files.length) form.requestSubmit(); });

function carriesFiles(event) {
  return event.dataTransfer?.types.includes("Files");
}

let inside = 0;
document.addEventListener("dragenter", (event) => {
  if (carriesFiles(event)) { inside += 1; find?.classList.add("dropping"); }
});
document.addEventListener("dragleave", (event) => {
  if (carriesFiles(event)) { inside -= 1; if (inside <= 0) find?.classList.remove("dropping"); }
});
document.addEventListener("dragover", (event) => { if (carriesFiles(event)) event.preventDefault(); });
document.addEventListener("drop", (event) => {
  inside = 0;
  find?.classList.remove("dropping");
  if (carriesFiles(event)) { event.preventDefault(); send(event.dataTransfer.files); }
});
document.addEventListener("paste", (event) => {
  if (event.clipboardData && send(event.clipboardData.files)) event.preventDefault();
});

// As in other tools: / goes to the search box.
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    document.getElementById("q")?.focus();
  }
});
