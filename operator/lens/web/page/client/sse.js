// Server-sent events out of a body's bytes, as the HTML standard parses them.

/** Yield { type, data, id, retry } of a ReadableStream. `id` is undefined where an event has none. */
export async function* serverSentEvents(body) {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  // The unfinished line is kept in parts: a snapshot is one line of up to some 30 MB.
  let parts = [];
  let event = empty();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield null; // A sign of life.
      let text = decoder.decode(value, { stream: true });
      let end;
      while ((end = text.indexOf("\n")) >= 0) {
        parts.push(text.slice(0, end));
        const line = parts.join("").replace(/\r$/, "");
        parts = [];
        text = text.slice(end + 1);
        if (line) field(event, line);
        else {
          if (event.data !== null || event.retry !== undefined) yield event;
          event = empty();
        }
      }
      if (text) parts.push(text);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function empty() {
  return { type: "message", data: null, id: undefined, retry: undefined };
}

function field(event, line) {
  const colon = line.indexOf(":");
  if (colon === 0) return;
  const name = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
  if (name === "data") event.data = event.data === null ? value : `${event.data}\n${value}`;
  else if (name === "event") event.type = value;
  else if (name === "id") event.id = value;
  else if (name === "retry" && /^\d+$/.test(value)) event.retry = Number(value);
}
