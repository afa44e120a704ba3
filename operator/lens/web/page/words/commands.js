// The same rows by curl and by kubectl, ready to paste. The token is never in them: it is the shell's `$TOKEN`.

/** Control characters, and those that turn the direction of text: a terminal must not get them from a name. */
const UNSEEN = /[\p{Cc}\p{Cf}\u2028\u2029]/u;

/** Return the text as one word of a POSIX shell, whatever is in it; control characters by `$'…'`. */
export function quoted(text) {
  const word = String(text);
  if (/^[A-Za-z0-9_@%+=:,./-]+$/.test(word)) return word;
  if (UNSEEN.test(word)) return `$'${word.replace(/[^\x20-\x26\x28-\x5b\x5d-\x7e]/gu, escaped)}'`;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

function escaped(character) {
  return `\\U${character.codePointAt(0).toString(16).padStart(8, "0")}`;
}

/** `curl` for a path of the API with parameters; null and empty ones are left out. `base` is the page's address. */
export function curl(base, path, parameters = {}) {
  const url = new URL(path, base);
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, value);
  }
  return `curl -sS -H "Authorization: Bearer $TOKEN" ${quoted(url.href)}`;
}

/** Kinds that kubectl knows by a short name; every other workload is named in full. */
const NAMES = { Pod: "pod", Node: "node", ResourceClaim: "resourceclaim", DeviceClass: "deviceclass" };

/** `kubectl get` for an object. `verb` may be `describe`. A name that begins with `-` is no option. */
export function kubectl(kind, namespace, name, verb = "get") {
  const known = Object.hasOwn(NAMES, kind) ? NAMES[kind] : kind.toLowerCase();
  const where = namespace ? ["-n", quoted(namespace)] : [];
  const wide = verb === "get" ? ["-o", "wide"] : [];
  const end = name.startsWith("-") ? ["--"] : [];
  return ["kubectl", verb, quoted(known), ...where, ...wide, ...end, quoted(name)].join(" ");
}

/** The events of an object, by kubectl. */
export function kubectlEvents(kind, namespace, name) {
  const where = namespace ? ` -n ${quoted(namespace)}` : " -A";
  return `kubectl events${where} --for ${quoted(`${kind.toLowerCase()}/${name}`)}`;
}
