// app/api/chat/route.js: a Next.js route handler that streams routed answers. fairlead holds the providers' keys:
// OPENAI_API_KEY=... ANTHROPIC_API_KEY=... fairlead serve --config examples/quickstart.yaml
const base = process.env.FAIRLEAD_URL ?? "http://127.0.0.1:4000/v1";
const key = process.env.FAIRLEAD_KEY ?? "none-needed";

export async function POST(request) {
  const { messages, model = "auto" } = await request.json();
  const answer = await fetch(`${base}/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
    body: JSON.stringify({ model, messages, stream: true }),
    signal: request.signal, // a visitor who leaves ends the request at the provider too
  });
  const headers = new Headers({ "content-type": answer.headers.get("content-type") });
  for (const name of ["x-fairlead-model", "x-fairlead-request-id", "x-should-retry", "retry-after"]) {
    if (answer.headers.has(name)) headers.set(name, answer.headers.get(name));
  }
  return new Response(answer.body, { status: answer.status, headers });
}
