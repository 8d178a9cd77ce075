// npm install express, then: node examples/quickstart-express.mjs. fairlead holds the providers' keys:
// OPENAI_API_KEY=... ANTHROPIC_API_KEY=... fairlead serve --config examples/quickstart.yaml
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

const base = process.env.FAIRLEAD_URL ?? "http://127.0.0.1:4000/v1";
const key = process.env.FAIRLEAD_KEY ?? "none-needed";

export async function chat(request, response) {
  const left = new AbortController();
  response.on("close", () => left.abort()); // a visitor who leaves ends the request at the provider too
  const { messages, model = "auto" } = request.body;
  const answer = await fetch(`${base}/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
    body: JSON.stringify({ model, messages, stream: true }),
    signal: left.signal,
  });
  response.writeHead(answer.status, {
    "content-type": answer.headers.get("content-type"),
    "x-fairlead-model": answer.headers.get("x-fairlead-model") ?? "",
  });
  await pipeline(Readable.fromWeb(answer.body), response);
}

if (process.argv[1]?.endsWith("quickstart-express.mjs")) {
  const { default: express } = await import("express");
  express().use(express.json()).post("/api/chat", chat).listen(3000);
}
