// Calls of this Hearth's API as the person who is signed in, and what comes back.
const csrf = document.querySelector("meta[name=csrf]")?.content;

export function post(path, body, signal) {
  return fetch(path, {
    method: "POST", signal, body: JSON.stringify(body),
    headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
  });
}

// What a refusal says, whichever API it is of.
export async function refusal(response) {
  const body = await response.json().catch(() => ({}));
  return body.error?.message ?? body.error ?? `the answer was ${response.status}`;
}

// From the first token to the last.  Empty where they came so quickly that it would say how the browser reads, not how the model writes.
export const rate = (tokens, ms) => (tokens > 1 && ms > 500 ? `${((tokens - 1) / (ms / 1000)).toFixed(0)} tokens/s` : "");

// Server-sent events, as they come, up to the "[DONE]" that says that they were all; comments are signs of life of a model that
// is being loaded.
export async function* events(response, waiting) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error("The connection broke before the answer was whole.");
    rest += value;
    const parts = rest.split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      if (part.startsWith(":")) waiting();
      if (part === "data: [DONE]") return;
      if (part.startsWith("data: ")) {
        const event = JSON.parse(part.slice(6));
        if (event.error) throw new Error(event.error.message);
        yield event;
      }
    }
  }
}
