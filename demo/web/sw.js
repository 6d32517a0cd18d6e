// The service worker: after the first visit the page needs no network.
//
// Every file is kept under the hash of its content. A new version of the site takes over what has not
// changed, fetches the rest, and is used from the next visit on, when no tab shows the old one.

const FILES = {}; // path -> hash of the content; demo/web/build.py fills it in
const VERSION = ""; // hash of all that

const SCOPE = new URL("./", self.location).href; // an origin may hold other sites
const PREFIX = `vae-onnx ${SCOPE} `;
const NAME = PREFIX + VERSION;

self.addEventListener("install", (event) => event.waitUntil(fill()));
self.addEventListener("activate", (event) => event.waitUntil(takeOver()));
self.addEventListener("fetch", (event) => {
  const key = keyOf(event.request);
  if (key) event.respondWith(answer(event.request, key));
});

async function fill() {
  const cache = await caches.open(NAME);
  await Promise.all(
    Object.keys(FILES).map(async (path) => {
      const key = keyFor(path);
      const kept = await caches.match(key);
      const response = kept ?? (await fetch(SCOPE + path, { cache: "no-cache" }));
      if (!response.ok) throw new Error(`${response.url}: ${response.status}`);
      await cache.put(key, response);
    }),
  );
}

async function takeOver() {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith(PREFIX) && name !== NAME);
  await Promise.all(old.map((name) => caches.delete(name)));
  await self.clients.claim();
}

async function answer(request, key) {
  const cache = await caches.open(NAME);
  return (await cache.match(key)) ?? fetch(request);
}

function keyFor(path) {
  return `${SCOPE}${path}?${FILES[path]}`;
}

function keyOf(request) {
  const { origin, pathname } = new URL(request.url);
  const url = origin + pathname;
  if (request.method !== "GET" || !url.startsWith(SCOPE)) return null;
  const path = url.slice(SCOPE.length) || "index.html";
  return Object.hasOwn(FILES, path) ? keyFor(path) : null;
}
