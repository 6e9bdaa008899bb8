// What the server says of each face: its box over the picture, and a card with the reasons.

import { sentence, showPortrait } from "./api.js";

const MARGIN = 0.2; // of the box, around the face in its card
const EDGE = 0.09; // of the picture's height, which a name needs above or below its box
const MANY = 12; // faces whose names would cover each other
const COARSE = 40; // pixels of the picture; a narrower face is shown as the pixels it has

const KINDS = {
  identified: "Identified",
  unknown: "Unknown",
  uncalibrated: "Candidates only",
  rejected: "Too small or too poor to say",
};

const find = (id) => document.getElementById(id);
export const copy = (id) => find(id).content.firstElementChild.cloneNode(true);
export const number = (value, digits = 2) => value.toFixed(digits).replace("-", "\u2212");

export function verdict(face) {
  if (face.status === "identified") return face.name;
  if (face.status === "unknown") return "Unknown";
  if (face.status === "uncalibrated") return "No name";
  return /wide/.test(face.reason ?? "") ? "Too small to say" : "Too poor to say";
}

export function summary(faces, one = "face", several = "faces") {
  if (!faces.length) return `No ${one} found.`;
  const words = { identified: "identified", unknown: "unknown", rejected: "too small or poor to say" };
  const counts = Object.entries({ ...words, uncalibrated: "without a name" })
    .map(([status, word]) => [faces.filter((face) => face.status === status).length, word])
    .filter(([count]) => count)
    .map(([count, word]) => `${count} ${word}`);
  return `${faces.length} ${faces.length === 1 ? one : several}: ${counts.join(", ")}.`;
}

// Lay boxes over the stage; `size` is that of the picture in the server's pixels, `first` the
// number of the first face, from 0.
export function drawBoxes(faces, size, labels, first = 0) {
  const boxes = faces.map((face, index) => {
    const row = first + index;
    const [left, top, width, height] = face.box;
    const box = document.createElement("button");
    box.type = "button";
    box.className = `box ${face.status}`;
    box.style.left = `${(100 * left) / size.width}%`;
    box.style.top = `${(100 * top) / size.height}%`;
    box.style.width = `${(100 * width) / size.width}%`;
    box.style.height = `${(100 * height) / size.height}%`;
    const isAtTop = top < EDGE * size.height;
    box.classList.toggle("at-top", isAtTop);
    box.classList.toggle("inside", isAtTop && top + height > (1 - EDGE) * size.height);
    const tag = document.createElement("span");
    tag.className = "tag";
    box.append(tag);
    box.setAttribute("aria-label", `Face ${row + 1}: ${verdict(face)}`);
    box.title = `${row + 1}: ${verdict(face)}`;
    return box;
  });
  find("boxes").classList.toggle("many", faces.length > MANY);
  find("boxes").replaceChildren(...boxes);
  keepApart = () => placeTags(boxes, faces.length > MANY ? [] : labels, first);
  keepApart();
  return boxes;
}

let keepApart = () => {};
new ResizeObserver(() => keepApart()).observe(find("stage"));

// Write each name where it covers none before it, to the right or to the left; else the number.
function placeTags(boxes, names, first) {
  const stage = find("stage").getBoundingClientRect();
  const tags = boxes.map((box) => box.querySelector(".tag"));
  const placed = [];
  const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  const isFree = (place) =>
    place.left >= stage.left - 2 && place.right <= stage.right + 2 && !placed.some((other) => meet(place, other));
  const writeNumber = (index) => {
    boxes[index].classList.remove("at-right");
    tags[index].textContent = String(first + index + 1);
    placed[index] = tags[index].getBoundingClientRect();
  };
  const isNamed = (box, index) => {
    if (!names.length) return false;
    tags[index].textContent = names[index];
    return [false, true].some((isRight) => {
      box.classList.toggle("at-right", isRight);
      return isFree(tags[index].getBoundingClientRect());
    });
  };
  boxes.forEach((box, index) => {
    if (isNamed(box, index)) {
      placed.push(tags[index].getBoundingClientRect());
      return;
    }
    writeNumber(index);
    // Even the number may lie on a name, which then gives way too.
    for (let other = 0; other < index && names.length; other += 1) {
      if (meet(placed[index], placed[other])) writeNumber(other);
    }
  });
}

export function drawLegend(faces) {
  const shown = Object.keys(KINDS).filter((status) => faces.some((face) => face.status === status));
  find("legend").replaceChildren(
    ...shown.map((status) => {
      const line = document.createElement("li");
      line.className = status;
      line.textContent = KINDS[status];
      return line;
    }),
  );
}

export function showUncalibrated(faces) {
  // Where nobody is enrolled, there is nothing to calibrate.
  const open = faces.filter((face) => face.status === "uncalibrated" && face.candidates.length);
  const kinds = [...new Set(open.map((face) => face.kind))];
  find("uncalibrated").hidden = !kinds.length;
  const which = kinds.map((kind) => (kind === "HR" ? "sharp faces" : `faces of about ${kind} pixels`)).join(" and ");
  find("uncalibrated-why").textContent =
    `This gallery has not been calibrated for ${which}: nobody has measured how often a name would be ` +
    "wrong. Below are the most similar people, who may all be wrong.";
}

// Cut a face out of a picture or a frame; `size` is the server's, which a browser's may differ from.
export function drawCrop(canvas, source, box, size) {
  const scale = (source.naturalWidth || source.videoWidth) / size.width;
  if (!scale) return;
  const [left, top, width, height] = box;
  const side = Math.max(width, height) * (1 + 2 * MARGIN);
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = width >= COARSE;
  context.drawImage(
    source,
    (left + width / 2 - side / 2) * scale,
    (top + height / 2 - side / 2) * scale,
    side * scale,
    side * scale,
    0,
    0,
    canvas.width,
    canvas.height,
  );
}

// The card of a face or a track. Portraits stand beside a name or a candidate, never beside "unknown".
export function makeCard(face, row, figures) {
  const card = copy("face-template");
  card.classList.add(face.status);
  card.querySelector(".number").textContent = String(row + 1);
  card.querySelector(".name").textContent = verdict(face);
  card.querySelector(".why").textContent = why(face);
  card.querySelector(".figures").textContent = figures;
  const candidates = face.candidates ?? [];
  const enrolled = card.querySelector(".enrolled");
  enrolled.hidden = face.status !== "identified";
  if (face.status === "identified" && candidates[0]) {
    const image = enrolled.querySelector("img");
    image.alt = `Enrolled portrait of ${face.name}`;
    showPortrait(image, candidates[0].portrait);
  }
  drawScale(card.querySelector(".scale"), face);
  listCandidates(card.querySelector(".nearest"), face, candidates);
  return card;
}

function why(face) {
  const score = face.score === null || face.score === undefined ? "" : number(face.score);
  if (face.status === "identified") return `Score ${score}, threshold ${number(face.threshold)}.`;
  if (face.status === "rejected") return sentence(face.reason ?? "the face is too poor");
  if (face.status === "uncalibrated") {
    return score ? "The most similar people, without a threshold." : "Nobody is enrolled.";
  }
  return score
    ? `The best score is ${score}, below the threshold of ${number(face.threshold)}.`
    : "Nobody is enrolled.";
}

function drawScale(scale, face) {
  const { score, threshold } = face;
  scale.hidden = score === null || score === undefined || threshold === null || threshold === undefined;
  if (scale.hidden) return;
  const top = Math.max(1, score, threshold);
  const share = (value) => `${(100 * Math.max(0, value)) / top}%`;
  scale.querySelector(".bar").style.width = share(score);
  scale.querySelector(".mark").style.left = share(threshold);
}

function listCandidates(details, face, candidates) {
  details.hidden = !candidates.length;
  details.querySelector("summary").textContent =
    face.status === "uncalibrated" ? "Candidates" : "Nearest people enrolled";
  const show = () => {
    if (details.querySelector("li")) return;
    details.querySelector("ol").append(
      ...candidates.map((candidate) => {
        const line = copy("candidate-template");
        line.querySelector(".who").textContent = candidate.name;
        line.querySelector(".score").textContent = number(candidate.score);
        showPortrait(line.querySelector("img"), candidate.portrait);
        return line;
      }),
    );
  };
  details.addEventListener("toggle", show);
  details.open = face.status === "uncalibrated";
}
