// The form that enrols a person, one photograph per request: each is accepted or refused for a reason of its own.

import { json, personAddress, sentence } from "./api.js";
import { copy, number } from "./faces.js";

const find = (id) => document.getElementById(id);
const FAULT = /^portrait 1: /i; // how the server begins a sentence about the photograph itself

let chosen = []; // {file, line, isDone}
let onEnrolled = async () => {};
let isWorking = false;

export function setUpEnrolment(enrolled) {
  onEnrolled = enrolled;
  find("portraits").addEventListener("change", (event) => {
    choosePortraits([...event.target.files]);
    event.target.value = "";
  });
  find("enrol").addEventListener("submit", (event) => {
    event.preventDefault();
    enrol(false);
  });
  find("enrol").addEventListener("reset", () => {
    for (const each of chosen) each.line.remove();
    chosen = [];
    say("");
    find("known").hidden = true;
  });
  find("known-add").addEventListener("click", () => enrol(true));
  find("name").addEventListener("input", () => {
    find("known").hidden = true;
  });
}

export function choosePortraits(files) {
  // The photographs of the person before are done with.
  for (const each of chosen.filter((each) => each.isDone)) each.line.remove();
  chosen = chosen.filter((each) => !each.isDone);
  for (const file of files) {
    const line = copy("outcome-template");
    line.querySelector(".file").textContent = file.name || "pasted picture";
    line.querySelector(".what").textContent = "chosen";
    const image = line.querySelector("img");
    const url = URL.createObjectURL(file);
    image.onload = image.onerror = () => URL.revokeObjectURL(url);
    image.src = url;
    find("chosen").append(line);
    chosen.push({ file, line, isDone: false });
  }
  say("");
}

export function addPortraitsTo(name) {
  find("enrol").reset();
  find("name").value = name;
  say(`Choose more photographs of ${name}.`);
  find("portraits").focus();
}

async function enrol(isKnown) {
  const name = find("name").value.trim();
  const waiting = chosen.filter((each) => !each.isDone);
  if (isWorking) return;
  find("known").hidden = true;
  if (!name) {
    say("A name is missing.", true);
    find("name").focus();
  } else if (!waiting.length) {
    say("Photographs are missing.", true);
    find("portraits").focus();
  } else {
    isWorking = true;
    find("enrol-go").disabled = true;
    try {
      await send(name, waiting, isKnown);
    } catch (error) {
      say(error.message, true);
    } finally {
      isWorking = false;
      find("enrol-go").disabled = false;
    }
  }
}

async function send(name, waiting, isKnown) {
  const counts = { enrolled: 0, "already enrolled": 0, refused: 0 };
  try {
    for (const [row, each] of waiting.entries()) {
      say(`Photograph ${row + 1} of ${waiting.length} …`);
      const outcome = await sendOne(name, each.file, isKnown);
      if (outcome === null) {
        ask(name);
        return;
      }
      each.isDone = true;
      show(each.line, outcome);
      counts[outcome.status] += 1;
      // From the first one on, the person is known.
      isKnown ||= outcome.status === "enrolled";
    }
    const parts = Object.entries(counts).filter(([status, count]) => count || status === "enrolled");
    const isProblem = !counts.enrolled && counts.refused > 0;
    say(`${name}: ${parts.map(([status, count]) => `${count} ${status}`).join(", ")}.`, isProblem);
    if (!counts.refused) find("name").value = "";
  } finally {
    if (counts.enrolled) await onEnrolled();
  }
}

// Enrol one photograph; null if somebody of the name is enrolled already.
async function sendOne(name, file, isKnown) {
  const body = new FormData();
  if (!isKnown) body.append("name", name);
  body.append("picture", file, file.name || "pasted.png");
  try {
    const address = isKnown ? `${personAddress(name)}/faces` : "/v1/people";
    return (await json("POST", address, { body })).pictures[0];
  } catch (error) {
    if (error.status === 409 && !isKnown) return null;
    if (FAULT.test(error.message) || error.status === 413) {
      return { status: "refused", reason: error.message.replace(FAULT, "") };
    }
    throw error;
  }
}

function ask(name) {
  say("");
  find("known-words").textContent = `${name} is enrolled already. Is it the same person?`;
  find("known-add").textContent = `Yes, add the photographs to ${name}`;
  find("known").hidden = false;
  find("known-add").focus();
}

function show(line, outcome) {
  line.classList.add(outcome.status.replace(" ", "-"));
  const near = outcome.near
    ? ` Looks like ${outcome.near.name}, who is enrolled too (score ${number(outcome.near.score)}): please check.`
    : "";
  line.classList.toggle("near", Boolean(outcome.near));
  line.querySelector(".what").textContent =
    outcome.status === "refused" ? `Refused: ${outcome.reason}` : sentence(outcome.status) + near;
}

function say(words, isProblem = false) {
  find("enrol-status").textContent = words;
  find("enrol-status").classList.toggle("bad", isProblem);
}
