/** The XML declaration (XML 1.0 §2.8, RFC 6120 §11.5 and §11.6). */

import { exceeded, malformed, restricted, XmlError } from "./error.ts";

/** The declaration of a stream. `encoding` is as written. */
export interface XmlDeclaration {
  readonly version: string;
  readonly encoding: string | undefined;
}

const DECLARATION =
  /^<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:'([^'"]*)'|"([^'"]*)")(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(?:'([^'"]*)'|"([^'"]*)"))?(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:'(?:yes|no)'|"(?:yes|no)"))?[ \t\r\n]*\?>$/;

/**
 * Reads a declaration at `r.at` and moves that behind it. `undefined` if there is none, `false` if
 * the text ends within it. A standalone declaration is ignored, as RFC 6120 §11.5 allows.
 */
export function readDeclaration(
  r: { readonly text: string; at: number },
  limit: number,
): XmlDeclaration | undefined | false {
  const s = r.text;
  if (!s.startsWith("<?", r.at)) {
    return s.length - r.at === 1 && s[r.at] === "<" ? false : undefined;
  }
  if (!/^<\?(?:$|x$|xm$|xml(?:$|[ \t\r\n]))/.test(s.slice(r.at, r.at + 6))) {
    restricted("processing instruction");
  }
  // Neither can stand in a well-formed declaration.
  const size = s.slice(r.at + 1).search(/[<>]/) + 2;
  if (size < 2) return false;
  if (size > limit) exceeded("XML declaration too big");
  const end = r.at + size;
  const text = s.slice(r.at, end);
  const found = DECLARATION.exec(text);
  if (found === null) return malformed("malformed XML declaration");
  const version = found[1] ?? found[2]!;
  const encoding = found[3] ?? found[4];
  if (version !== "1.0") throw new XmlError("bad-format", "XML version is not 1.0");
  if (encoding !== undefined && encoding.toLowerCase() !== "utf-8") {
    throw new XmlError("unsupported-encoding", "encoding is not UTF-8");
  }
  r.at = end;
  return { version, encoding };
}
