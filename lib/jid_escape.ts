/**
 * XEP-0106: JID Escaping, version 1.1.1. For gateways and directories, whose names may have characters
 * that a localpart must not have. JIDs are compared, stored and sent in their escaped form alone.
 */

const BACKSLASH = "\\";

const ESCAPES: ReadonlyMap<string, string> = new Map([
  [" ", "20"],
  ['"', "22"],
  ["&", "26"],
  ["'", "27"],
  ["/", "2f"],
  [":", "3a"],
  ["<", "3c"],
  [">", "3e"],
  ["@", "40"],
]);

/** What the two characters after a backslash stand for. Case is significant (§3.1). */
const MEANINGS: ReadonlyMap<string, string> = new Map([
  ...[...ESCAPES].map(([character, hex]): [string, string] => [hex, character]),
  ["5c", BACKSLASH],
]);

/**
 * Escapes a name for use as a localpart (§3.2, §4.2); it is still to be prepared. Undefined if it
 * starts or ends with a space, for which there is no escape there.
 */
export function escapeNode(name: string): string | undefined {
  if (name.startsWith(" ") || name.endsWith(" ")) return undefined;
  let out = "";
  for (let i = 0; i < name.length; i++) {
    const c = name[i]!;
    const hex = ESCAPES.get(c);
    if (hex !== undefined) out += BACKSLASH + hex;
    else if (c === BACKSLASH && MEANINGS.has(name.slice(i + 1, i + 3))) out += "\\5c";
    else out += c;
  }
  return out;
}

/**
 * Gives the name that an escaped localpart stands for (§3.3). All that is no escape stays as it is,
 * and so does `\20` at the start or end, where it must not be.
 */
export function unescapeNode(node: string): string {
  let out = "";
  for (let i = 0; i < node.length; i++) {
    const hex = node.slice(i + 1, i + 3);
    const meaning = node[i] === BACKSLASH ? MEANINGS.get(hex) : undefined;
    const misplaced = meaning === " " && (i === 0 || i + 3 === node.length);
    if (meaning === undefined || misplaced) {
      out += node[i];
      continue;
    }
    out += meaning;
    i += 2;
  }
  return out;
}
