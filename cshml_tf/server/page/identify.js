// The view that looks at a picture or a clip.

import { json, request, sentence } from "./api.js";
import { drawBoxes, drawCrop, drawLegend, makeCard, number, showUncalibrated, summary, verdict } from "./faces.js";
import { rateLine } from "./rates.js";

const LARGEST = "68vh"; // height of the stage
const CLIPS = /\.(mp4|m4v|mov|webm|mkv|avi)$/i;

const find = (id) => document.getElementById(id);
let current = null; // what is shown: its address in the browser, and how to stop asking for it
let takesClips = false;

export const isClip = (file) => file.type.startsWith("video/") || CLIPS.test(file.name);
export const isPicture = (file) =>
  file.type.startsWith("image/") || /\.(hei[cf]|avif|tiff?|bmp|webp)$/i.test(file.name);

// Offer clips only where the server takes them.
export async function setUpIdentify(onEnrol) {
  find("file").addEventListener("change", (event) => {
    const [file] = event.target.files;
    if (file) look(file, onEnrol);
    event.target.value = "";
  });
  const description = await (await request("GET", "openapi.json")).json();
  takesClips = "/v1/watch" in description.paths;
  find("file").accept = takesClips ? "image/*,.heic,.heif,video/*,.mkv" : "image/*,.heic,.heif";
  if (takesClips) document.querySelector("#drop .wide").textContent = "Drop a picture or a short clip here, paste one, or ";
}

export async function look(file, onEnrol) {
  clear();
  const clip = isClip(file);
  if (clip && !takesClips) {
    fail("This server takes pictures only, no clips.");
    return;
  }
  const stop = new AbortController();
  const url = URL.createObjectURL(file);
  current = { stop, url };
  find("status").textContent = `Looking at ${file.name || "the picture"}${clip ? ", which may take a minute" : ""} …`;
  find("drop").classList.add("waiting");
  try {
    const body = new FormData();
    body.append(clip ? "clip" : "picture", file, file.name || "pasted.png");
    const address = clip ? "/v1/watch" : "/v1/identify";
    const [answer] = await Promise.all([
      json("POST", address, { body, signal: stop.signal }),
      loaded(find(clip ? "clip" : "picture"), url),
    ]);
    if (stop.signal.aborted) return;
    if (clip) showTracks(answer);
    else showFaces(answer, file, onEnrol);
  } catch (error) {
    if (error.name !== "AbortError") fail(error.message);
  } finally {
    if (!stop.signal.aborted) find("drop").classList.remove("waiting");
  }
}

function clear() {
  if (current !== null) {
    current.stop.abort();
    URL.revokeObjectURL(current.url);
    current = null;
  }
  find("result").hidden = true;
  document.body.classList.remove("has-result");
  find("problem").textContent = "";
  find("status").textContent = "";
  find("drop").classList.remove("waiting");
  for (const id of ["boxes", "faces", "legend", "notes"]) find(id).replaceChildren();
  for (const id of ["picture", "clip"]) find(id).removeAttribute("src");
}

function fail(words) {
  find("status").textContent = "";
  find("problem").textContent = sentence(words);
}

// Resolve when the browser has the picture or the clip, or knows that it cannot show it.
function loaded(element, url) {
  return new Promise((resolve) => {
    element.onload = element.onloadeddata = element.onerror = resolve;
    element.muted = true;
    element.src = url;
  });
}

// Fit the stage to the picture; small ones are enlarged.
function setStage(size, isShown, isVideo) {
  const stage = find("stage");
  stage.style.aspectRatio = `${size.width} / ${size.height}`;
  stage.style.maxWidth = `calc(${LARGEST} * ${size.width / size.height})`;
  find("picture").hidden = isVideo || !isShown;
  find("picture").classList.toggle("coarse", size.width < 200);
  find("clip").hidden = !isVideo || !isShown;
  find("stage-note").hidden = isShown;
  find("stage-note").textContent = "This browser cannot show this file; the boxes are where the server found faces.";
  find("result").hidden = false;
  document.body.classList.add("has-result");
}

function showFaces(answer, file, onEnrol) {
  const image = find("picture");
  const { faces } = answer;
  image.alt = `The picture ${file.name}, with ${faces.length} faces`;
  setStage(answer, image.naturalWidth > 0, false);
  find("status").textContent = summary(faces);
  showUncalibrated(faces);
  showNotes(answer.notes);
  drawLegend(faces);
  const boxes = drawBoxes(faces, answer, faces.map(verdict));
  const cards = faces.map((face, row) => {
    const card = makeCard(face, row, figuresOf(face));
    drawCrop(card.querySelector("canvas"), image, face.box, answer);
    return card;
  });
  find("faces").replaceChildren(...cards);
  join(boxes, cards);
  if (faces.length === 1 && faces[0].status === "unknown") offerEnrolment(cards[0], file, onEnrol);
}

function offerEnrolment(card, file, onEnrol) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.textContent = "Enrol this person";
  button.addEventListener("click", () => onEnrol(file));
  card.querySelector(".actions").append(button);
}

function figuresOf(face) {
  const parts = [`${number(face.width, 0)} pixels wide`, networkOf(face.kind)];
  if (face.detector_score !== null) parts.push(`detector ${number(face.detector_score)}`);
  if (typeof face.quality === "number") parts.push(`quality ${number(face.quality, 1)}`);
  return parts.join(" · ");
}

const networkOf = (kind) => (kind === "HR" ? "HR network" : `LR network for ${kind} pixels`);

function showNotes(notes) {
  // The page says these two in words of its own.
  const lines = (notes ?? []).filter((note) => !/: (not )?calibrated/.test(note));
  find("rate-line").textContent = rateLine();
  find("notes").replaceChildren(
    ...lines.map((note) => {
      const line = document.createElement("li");
      line.textContent = sentence(note);
      return line;
    }),
  );
}

// A box leads to its card, and a card lights its box.
function join(boxes, cards) {
  boxes.forEach((box, row) => {
    const card = cards[row];
    box.addEventListener("click", () => {
      card.focus();
      card.scrollIntoView({ block: "nearest" });
    });
    const light = (isOn) => {
      box.classList.toggle("lit", isOn);
      card.classList.toggle("lit", isOn);
    };
    for (const each of [box, card]) {
      each.addEventListener("pointerenter", () => light(true));
      each.addEventListener("pointerleave", () => light(false));
      each.addEventListener("focusin", () => light(true));
      each.addEventListener("focusout", () => light(false));
    }
  });
}

function showTracks(answer) {
  const video = find("clip");
  const { tracks } = answer;
  const size = { width: video.videoWidth || answer.width || 16, height: video.videoHeight || answer.height || 9 };
  setStage(size, video.videoWidth > 0, true);
  find("status").textContent = summary(tracks, "face", "faces followed");
  showUncalibrated(tracks);
  showNotes(answer.notes);
  drawLegend(tracks);
  const cards = tracks.map((track, row) => {
    const figures = `${clock(track.first)} to ${clock(track.last)} · ${track.frames} frames · up to ${number(track.width, 0)} pixels wide`;
    const card = makeCard(track, row, figures);
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet";
    button.textContent = `Show at ${clock(track.best.time)}`;
    button.addEventListener("click", () => showAt(video, track, size, row));
    card.querySelector(".actions").append(button);
    return card;
  });
  find("faces").replaceChildren(...cards);
  video.onplay = video.onseeking = () => find("boxes").replaceChildren();
  if (video.videoWidth) cutTracks(tracks, cards, size, current);
}

async function showAt(video, track, size, row) {
  video.pause();
  await seek(video, track.best.time);
  drawBoxes([{ ...track, box: track.best.box }], size, [verdict(track)], row);
}

// Cut each track's best face out of a second copy of the clip, which the user does not move.
async function cutTracks(tracks, cards, size, { url, stop }) {
  const video = document.createElement("video");
  find("faces").ariaBusy = "true";
  await loaded(video, url);
  for (const [row, track] of tracks.entries()) {
    await seek(video, track.best.time);
    if (stop.signal.aborted) return;
    drawCrop(cards[row].querySelector("canvas"), video, track.best.box, size);
  }
  find("faces").ariaBusy = "false";
}

function seek(video, time) {
  return new Promise((resolve) => {
    video.addEventListener("seeked", resolve, { once: true });
    video.currentTime = time;
  });
}

function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
