// What an alert or an event is about: "Node/gpu-1", "GPU/gpu-1/GPU-8a6f", "Pod/ml/train-0", "Watch/pods".

/** A source's { kind, namespace, name, node }; each part is null where it has none. */
export function parseObject(source) {
  const [kind, ...rest] = source.split("/");
  if (kind === "GPU") return { kind, namespace: null, name: rest.slice(1).join("/"), node: rest[0] ?? null };
  if (kind === "Node") return { kind, namespace: null, name: rest.join("/"), node: rest.join("/") };
  if (kind === "Pod" && rest.length > 1) return { kind, namespace: rest[0], name: rest.slice(1).join("/"), node: null };
  return { kind, namespace: null, name: rest.join("/"), node: null };
}

/** The view of what it's about, as for href(); null if there is none. */
export function viewOf(source) {
  const { kind, namespace, name, node } = parseObject(source);
  if (node) return ["nodes", node];
  return kind === "Pod" && namespace ? ["tasks", namespace, name] : null;
}

/** Whether an event is about a node, its GPUs, or a pod that its message places there. */
export function isOnNode(event, name) {
  if (parseObject(event.object).node === name) return true;
  // A message names a node as a word: "… on gpu-1" isn't about gpu-10.
  let at = event.message.indexOf(name);
  for (; at >= 0; at = event.message.indexOf(name, at + 1)) {
    if (!PART.test(event.message[at - 1] ?? " ") && !PART.test(event.message.slice(at + name.length).replace(/^\.(\s|$)/, " ")[0] ?? " ")) return true;
  }
  return false;
}

/** Characters of a node's name. */
const PART = /[a-z0-9.-]/i;
