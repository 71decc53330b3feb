// A box is drawn on the photo that is searched by; the page of that box is then opened.
const SMALLEST = 8; // pixels of the photo: less is a click
let drawing = null;

function point(event, svg) {
  const { left, top, width, height } = svg.getBoundingClientRect();
  const { width: w, height: h } = svg.viewBox.baseVal;
  const within = (value, most) => Math.round(Math.min(Math.max(value, 0), most));
  return [within(((event.clientX - left) / width) * w, w), within(((event.clientY - top) / height) * h, h)];
}

function show({ svg, from }, to) {
  const box = [Math.min(from[0], to[0]), Math.min(from[1], to[1]), Math.max(from[0], to[0]), Math.max(from[1], to[1])];
  const [left, top, right, bottom] = box;
  const rect = svg.querySelector("[data-drawn]");
  for (const [name, value] of Object.entries({ x: left, y: top, width: right - left, height: bottom - top })) {
    rect.setAttribute(name, value);
  }
  const { width, height } = svg.viewBox.baseVal;
  const hole = `M${left} ${top}H${right}V${bottom}H${left}z`;
  svg.querySelector("[data-shade]").setAttribute("d", `M0 0H${width}V${height}H0z ${hole}`);
  return box;
}

document.addEventListener("pointerdown", (event) => {
  const area = event.target.closest?.("[data-drawable]");
  if (!area || event.button !== 0) return;
  event.preventDefault();
  area.setPointerCapture(event.pointerId);
  const svg = area.querySelector("svg");
  drawing = { area, svg, from: point(event, svg) };
});
document.addEventListener("pointermove", (event) => {
  if (drawing) show(drawing, point(event, drawing.svg));
});
document.addEventListener("pointercancel", () => { drawing = null; });
document.addEventListener("pointerup", (event) => {
  if (!drawing) return;
  const box = show(drawing, point(event, drawing.svg));
  const url = new URL(drawing.area.closest("[data-query]").dataset.query, location.href);
  drawing = null;
  if (box[2] - box[0] < SMALLEST || box[3] - box[1] < SMALLEST) return;
  ["left", "top", "right", "bottom"].forEach((side, at) => url.searchParams.set(side, box[at]));
  location.assign(url);
});
