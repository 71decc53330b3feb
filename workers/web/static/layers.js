// Boxes and masks over a photo: shown or not, model by model.
document.addEventListener("change", (event) => {
  const box = event.target.closest?.("[data-layer], [data-labels]");
  if (!box) return;
  const figure = box.closest("[data-layers]");
  if (box.dataset.layer === undefined) {
    figure.querySelector(".photo").classList.toggle("all-tags", box.checked);
    return;
  }
  for (const part of figure.querySelectorAll("[data-of]")) {
    if (part.dataset.of === box.dataset.layer) part.toggleAttribute("hidden", !box.checked);
  }
});

// The box in hand is drawn last, so that its name is not under its neighbours'. Focus would be lost by moving it.
document.addEventListener("pointerover", (event) => {
  const box = event.target.closest?.(".found-box");
  if (box && box !== box.parentNode.lastElementChild && !box.parentNode.contains(document.activeElement)) {
    box.parentNode.append(box);
  }
});
