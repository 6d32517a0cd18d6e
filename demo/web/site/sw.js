// The service worker: after the first visit the page needs no network, and the origin stays free.
//
// Every file is kept under the hash of its content. A new version of the site takes over what has not
// changed and fetches the rest.
//
// Who opens the page gets it from the server. What is kept answers where there is no server; and the
// files of a page that is of this very version, which are the same on both sides. Where the site is gone
// from the server, or another site is in its place, the worker goes, too, and takes what it kept along.

const FILES = {}; // path -> hash of the content; demo/web/build.py fills it in
const LAZY = []; // paths of those files that are fetched, and kept, once a page asks for them
const VERSION = ""; // hash of all that

const SCOPE = new URL("./", self.location).href; // an origin may hold other sites
const PREFIX = `vae-onnx ${SCOPE} `;
const NAME = PREFIX + VERSION;
const OURS = "vae-onnx's static page"; // stands in index.html and in here: what says so is of this site
const PATIENCE = 3000; // milliseconds for a server to answer, until it counts as none

const current = new Set(); // ids of the clients whose page is of this version
let left = false; // the site is gone, and this worker with it, but for the pages that it brought

self.addEventListener("install", (event) => event.waitUntil(fill()));
self.addEventListener("activate", (event) => event.waitUntil(takeOver()));
self.addEventListener("fetch", (event) => {
  const path = pathOf(event.request);
  if (event.request.mode !== "navigate") {
    if (path) event.respondWith(answer(event, path));
  } else if (path) {
    event.respondWith(visit(event, path));
  } else {
    event.waitUntil(stay()); // a page of somebody else in this folder
  }
});

async function fill() {
  const cache = await caches.open(NAME);
  const asked = await askedFor();
  await Promise.all(
    Object.keys(FILES).map(async (path) => {
      if (LAZY.includes(path) && !asked.has(path)) return;
      const key = keyOf(path);
      const kept = await caches.match(key);
      const response = kept ?? (await fetch(SCOPE + path, { cache: "no-cache" }));
      if (!response.ok) throw new Error(`${response.url}: ${response.status}`);
      await cache.put(key, response);
    }),
  );
}

/** Paths of the files that an earlier version keeps, whatever they held there. */
async function askedFor() {
  const names = (await caches.keys()).filter((name) => name.startsWith(PREFIX));
  const keys = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
  return new Set(keys.flat().map(({ url }) => url.slice(SCOPE.length).replace(/\?.*/, "")));
}

async function takeOver() {
  await forget((name) => name !== NAME);
  await self.clients.claim();
}

/** Who opens a page gets the server's, if there is one. */
async function visit(event, path) {
  const asked = ask(event.request);
  const staying = stay(path === "index.html" ? asked : undefined);
  event.waitUntil(staying);
  const served = await Promise.race([asked, pause(PATIENCE)]);
  if (!served || served.status >= 500) {
    const kept = await keptFile(path);
    if (kept) current.add(event.resultingClientId);
    return kept ?? (await asked) ?? Response.error();
  }
  await Promise.race([staying, pause(PATIENCE)]); // before another site's page asks for its files
  if (path === "index.html" && (await hashOf(served.clone())) === FILES[path]) {
    current.add(event.resultingClientId);
  }
  return served;
}

/** A page of this version gets what is kept; any other one the server's file, if there is a server. */
async function answer(event, path) {
  const known = current.has(event.clientId);
  const page = known ? null : await self.clients.get(event.clientId);
  const foreign = page && pathOf(page) !== "index.html";
  const kept = known && (await keptFile(path));
  if (kept) return kept;
  const served = await ask(event.request, foreign || left ? "reload" : "no-cache");
  if (served && LAZY.includes(path) && !foreign && !left) event.waitUntil(keep(path, served.clone()));
  return served || (!foreign && (await keptFile(path))) || Response.error();
}

/** Keep a file that a page has chosen, if it is the one of this version. */
async function keep(path, response) {
  if (!response.ok || (await hashOf(response.clone())) !== FILES[path]) return;
  if (await caches.has(NAME)) await (await caches.open(NAME)).put(keyOf(path), response);
}

/** Stay as long as the site is there. `page` is what the server gives for it, where that is known. */
async function stay(page) {
  const script = ask(self.location.href);
  const gone = await Promise.all([script, page].map(isGone));
  if (!gone.includes(true)) return;
  left = true;
  await self.registration.unregister();
  await forget(() => true);
}

/** Whether a server's answer, if there was one, says that the site is not there any more. */
async function isGone(asked) {
  const response = await asked;
  if (!response) return false;
  if (!response.ok) return [404, 410].includes(response.status);
  return !(await response.clone().text()).includes(OURS);
}

async function forget(which) {
  const names = await caches.keys();
  const ours = names.filter((name) => name.startsWith(PREFIX) && which(name));
  await Promise.all(ours.map((name) => caches.delete(name)));
}

/**
 * What the server answers, or null where there is none. By default it is not asked whether what the browser
 * has is still good: of a site with older files it would say so, whoever's they are.
 */
function ask(request, cache = "reload") {
  return fetch(new Request(request, { cache })).catch(() => null);
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds, null));
}

/** Not `open`: a cache that was forgotten must not come back, empty. */
function keptFile(path) {
  return caches.match(keyOf(path), { cacheName: NAME });
}

async function hashOf(response) {
  const digest = await crypto.subtle.digest("SHA-256", await response.arrayBuffer());
  const bytes = [...new Uint8Array(digest)].slice(0, 8);
  return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function keyOf(path) {
  return `${SCOPE}${path}?${FILES[path]}`;
}

/** The path of what is asked for, if it is a file of this site; "index.html" for the page itself. */
function pathOf({ method = "GET", url }) {
  const { origin, pathname } = new URL(url);
  const whole = origin + pathname;
  if (method !== "GET" || !whole.startsWith(SCOPE)) return null;
  const path = whole.slice(SCOPE.length) || "index.html";
  return Object.hasOwn(FILES, path) ? path : null;
}
