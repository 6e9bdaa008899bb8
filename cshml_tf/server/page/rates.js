// The gallery's rates of false alarms in plain words.

import { json, sentence } from "./api.js";
import { number } from "./faces.js";

const find = (id) => document.getElementById(id);

// Say a rate as so many of the smallest round number of strangers that holds at least one.
export function ofStrangers(rate) {
  let strangers = 100;
  while (strangers * rate < 0.95 && strangers < 1e6) strangers *= 10;
  return [strangers, rounded(strangers * rate)];
}

let line = "";

// The rates in one line, to stand beside an answer.
export const rateLine = () => line;

export async function showRates() {
  const gallery = await json("GET", "/v1/gallery");
  find("people-count").textContent = gallery.people.toLocaleString("en");
  find("nobody").hidden = gallery.people > 0;
  find("rates").hidden = gallery.people === 0;
  find("portrait-width").textContent = `At least ${number(gallery.portrait_width, 0)} pixels wide.`;
  const known = gallery.views.filter((view) => view.threshold !== null);
  const words = lead(known);
  find("rates-words").textContent = words;
  const isGrown = known.some((view) => grown(view, gallery));
  const since = isGrown ? " The gallery’s size has changed since then: see below what to expect now." : "";
  line = known.length ? words + since : "";
  listNotes(gallery, known);
  find("rates-more").hidden = !known.length;
  find("rates-rows").replaceChildren(...gallery.views.map((view) => rowOf(view, gallery)));
  find("rates-hint").textContent =
    `Faces narrower than ${number(gallery.min_width, 0)} pixels are not judged. A stranger is somebody who is not enrolled; ` +
    "each was compared with everybody who was.";
}

function lead(known) {
  if (!known.length) {
    return (
      "Nobody knows: this gallery has not been calibrated. Until then the page shows the most similar people and " +
      "gives no names. Calibrate it with photographs of strangers: cshml-gallery calibrate."
    );
  }
  const rates = known.map((view) => view.stated_rate);
  const [strangers, called] = ofStrangers(Math.max(...rates));
  const probes = known.map((view) => view.probes);
  const most = new Set(rates).size > 1 ? "at most about" : "about";
  const low = rounded(strangers * Math.min(...known.map((view) => view.interval[0])));
  const high = rounded(strangers * Math.max(...known.map((view) => view.interval[1])));
  const [few, many] = [Math.min(...probes), Math.max(...probes)];
  const measured = few === many ? few.toLocaleString("en") : `${few.toLocaleString("en")} to ${many.toLocaleString("en")}`;
  return (
    `Of ${strangers.toLocaleString("en")} strangers, ${most} ${called} will be called by somebody’s name ` +
    `(with 95 % confidence ${low} to ${high}). Measured with ${measured} photographs of strangers.`
  );
}

function listNotes(gallery, known) {
  const lines = [...new Set(known.map((view) => grown(view, gallery)).filter(Boolean))];
  const open = gallery.views.filter((view) => view.threshold === null);
  if (known.length && open.length) {
    const widths = open.map((view) => widthOf(view, gallery)).join("; ");
    lines.push(`Not calibrated, so without names: ${widths}.`);
  }
  find("rates-notes").replaceChildren(
    ...lines.map((words) => {
      const line = document.createElement("li");
      line.textContent = words;
      return line;
    }),
  );
}

// The first two of a view's sentences repeat its figures; a third says that the gallery's size has changed.
function grown(view, gallery) {
  const words = view.words[2];
  if (!words) return "";
  return sentence(`${widthOf(view, gallery)}: ${words.slice(words.indexOf(":") + 1).trim()}`);
}

function widthOf(view, gallery) {
  return view.kind === "HR" ? `${number(gallery.hr_width, 0)} pixels or wider` : `about ${view.kind} pixels`;
}

function rowOf(view, gallery) {
  const row = document.createElement("tr");
  const cells = [widthOf(view, gallery)];
  if (view.threshold === null) {
    cells.push("not measured", "", "", "");
  } else {
    const [strangers, called] = ofStrangers(view.stated_rate);
    const [low, high] = view.interval.map((rate) => rounded(strangers * rate));
    cells.push(`about ${called} of ${strangers.toLocaleString("en")}`, `${low} to ${high}`);
    cells.push(view.probes.toLocaleString("en"), number(view.threshold, 3));
  }
  cells.forEach((words, column) => {
    const cell = document.createElement(column ? "td" : "th");
    if (!column) cell.scope = "row";
    cell.textContent = words;
    row.append(cell);
  });
  return row;
}

function rounded(value) {
  return value >= 9.95 || Math.abs(value - Math.round(value)) < 0.05 ? String(Math.round(value)) : value.toFixed(1);
}
