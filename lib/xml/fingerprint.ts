/** Elements compared by what they say, not by how it is written. */

import type { Element } from "./element.ts";

/**
 * The same text for elements with the same names, attributes, children in their order, and text, apart
 * from white space around elements.
 */
export function fingerprint(e: Element): string {
  const attrs = Object.keys(e.attrs).sort().map((name) => [name, e.attrs[name]!]);
  const hasElements = e.children.some((c) => typeof c !== "string");
  const children = e.children.flatMap((c) => {
    if (typeof c !== "string") return [fingerprint(c)];
    return hasElements && c.trim() === "" ? [] : [c];
  });
  return JSON.stringify([e.ns, e.name, attrs, children]);
}
