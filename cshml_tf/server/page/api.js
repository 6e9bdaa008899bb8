// Requests to the server: its key, a busy server, and every error as one sentence.

const STORED = "cshml_tf key";
const LONGEST_PAUSE = 15; // seconds
const FIRST = 1000; // people of the first request, and of each further one
const FURTHER = 10_000;

export class ServerError extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

let askUser = null;
let asking = null;
let tell = () => {};

// `ask` shows why a key is needed and resolves to one, or to null; `busy` is told the seconds of a pause.
export function onServer({ ask, busy }) {
  askUser = ask;
  tell = busy;
}

export const hasKey = () => sessionStorage.getItem(STORED) !== null;
export const forgetKey = () => sessionStorage.removeItem(STORED);

export function sentence(text) {
  const words = text.trim();
  const end = /[.!?]$/.test(words) ? "" : ".";
  return words.charAt(0).toUpperCase() + words.slice(1) + end;
}

export async function request(method, address, { body, signal } = {}) {
  let isRetried = false;
  for (;;) {
    const key = sessionStorage.getItem(STORED);
    const answer = await send(method, address, key, body, signal);
    if (answer.status === 401) {
      await newKey(key);
    } else if (answer.status === 503 && !isRetried) {
      isRetried = true;
      await pause(Number(answer.headers.get("Retry-After")) || 1);
      signal?.throwIfAborted();
    } else if (answer.ok) {
      return answer;
    } else {
      throw new ServerError(answer.status, sentence(await problem(answer)));
    }
  }
}

export async function json(method, address, options) {
  return (await request(method, address, options)).json();
}

export const personAddress = (name) => `/v1/people/${encodeURIComponent(name)}`;

// Put a picture that may need the key into an <img>; it stays empty if there is none.
export async function showPortrait(image, address) {
  if (!address) return;
  try {
    const url = URL.createObjectURL(await (await request("GET", address)).blob());
    image.addEventListener("load", () => URL.revokeObjectURL(url), { once: true });
    image.addEventListener("error", () => URL.revokeObjectURL(url), { once: true });
    image.src = url;
  } catch {
    image.classList.add("missing");
  }
}

// Yield everybody enrolled in alphabetical order, one request at a time: {some, isLast}.
export async function* people(signal) {
  let after = "";
  let limit = FIRST;
  for (;;) {
    const query = new URLSearchParams({ after, limit: String(limit) });
    const some = (await json("GET", `/v1/people?${query}`, { signal })).people;
    const isLast = some.length < limit;
    yield { some, isLast };
    if (isLast) return;
    after = some.at(-1).name;
    limit = FURTHER;
  }
}

async function send(method, address, key, body, signal) {
  const headers = key === null ? {} : { Authorization: `Bearer ${key}` };
  try {
    return await fetch(address, { method, headers, body, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServerError(0, "The server does not answer.");
  }
}

async function problem(answer) {
  try {
    return String((await answer.json()).error);
  } catch {
    return `the server answered ${answer.status} ${answer.statusText}`;
  }
}

async function newKey(used) {
  if (sessionStorage.getItem(STORED) !== used) return; // Another request has asked for it meanwhile.
  asking ??= askUser(used === null ? "" : "The server does not accept this key.").finally(() => (asking = null));
  const key = await asking;
  if (key === null) throw new ServerError(401, "The server asks for a key.");
  sessionStorage.setItem(STORED, key);
}

async function pause(seconds) {
  const bounded = Math.min(seconds, LONGEST_PAUSE);
  tell(bounded);
  await new Promise((resolve) => setTimeout(resolve, 1000 * bounded));
}
