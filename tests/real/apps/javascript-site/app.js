// A web server: the engine turns `fetch` events into wasi:http/incoming-handler.
addEventListener("fetch", (event) => {
  const { pathname } = new URL(event.request.url);
  event.respondWith(new Response(`you asked for ${pathname}\n`, { headers: { "content-type": "text/plain" } }));
});
