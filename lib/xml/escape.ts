/** Escaping of text and attribute values (XML 1.0 §2.4). Attributes are written in single quotes. */

const TEXT = /[&<>\r]/;
const ATTRIBUTE = /[&<>'"\t\n\r]/;

const ENTITIES: { readonly [char: string]: string } = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  "'": "&apos;",
  '"': "&quot;",
  "\t": "&#x9;",
  "\n": "&#xA;",
  "\r": "&#xD;",
};

/** Text content: `&`, `<`, `>` and a carriage return (which a parser would turn into a line feed). */
export function escapeText(s: string): string {
  return TEXT.test(s) ? s.replace(/[&<>\r]/g, (c) => ENTITIES[c]!) : s;
}

/** An attribute value; white space other than the blank is kept by character references. */
export function escapeAttribute(s: string): string {
  return ATTRIBUTE.test(s) ? s.replace(/[&<>'"\t\n\r]/g, (c) => ENTITIES[c]!) : s;
}
