/** Text of strangers, made fit to be shown: what could break out of its place is taken out of it. */

/** Ends of lines of all kinds (Unicode Standard Annex 14). */
const LINE_ENDS = /\r\n|[\n\v\f\r\u0085\u2028\u2029]/g;

/** Controls of C0 and C1 but tabs and line ends; what is not text at all. */
// deno-lint-ignore no-control-regex
const CONTROLS = /[\0-\x08\x0E-\x1F\x7F-\x84\x86-\x9F\uFFFE\uFFFF]|\p{Surrogate}/gu;

/**
 * Embeddings, overrides and isolates, whose effect would go on behind the text, and deprecated controls
 * (Unicode Standard Annex 9). Text from right to left needs none of them, and marks remain.
 */
const DIRECTIONS = /[\u202A-\u202E\u2066-\u2069\u206A-\u206F\uFFF9-\uFFFB]/g;

/** Scripts that are written from right to left. */
const RIGHT_TO_LEFT =
  /[\u0590-\u08FF\uFB1D-\uFDFF\uFE70-\uFEFE]|[\u{10800}-\u{10FFF}]|[\u{1E800}-\u{1EFFF}]/u;

/** Text of several lines, with line feeds between them. */
export function cleanText(text: string): string {
  return text.replace(LINE_ENDS, "\n").replace(CONTROLS, "\uFFFD").replace(DIRECTIONS, "")
    .trimEnd();
}

/** Text of one line: nicknames, names, reasons. */
export function cleanLine(text: string): string {
  return cleanText(text).replace(/[\n\t]+/g, " ");
}

/** One line for plain text, which has no markup that keeps its direction to itself. */
export function isolated(line: string): string {
  return RIGHT_TO_LEFT.test(line) ? `\u2068${line}\u2069` : line;
}

const encoder = new TextEncoder();

/** At most so many bytes of UTF-8, an ellipsis included where something is missing. */
export function cut(text: string, bytes: number): string {
  // No character has more bytes than three for each UTF-16 unit.
  if (text.length * 3 <= bytes) return text;
  const ellipsis = "…";
  const room = new Uint8Array(bytes);
  if (encoder.encodeInto(text, room).read === text.length) return text;
  const { read } = encoder.encodeInto(text, room.subarray(0, bytes - 3));
  return text.slice(0, read) + ellipsis;
}

/** A piece of text, with where it leads if it is a link. */
export interface Piece {
  readonly text: string;
  readonly href?: string;
}

/** Nothing before it that would make it part of a word; up to what no URL has. */
const URL_START = /(?<![\p{L}\p{N}_+.-])(?:https?:\/\/|xmpp:)[^\s<>"`{}|\\^]+/giu;

/** What rather belongs to the sentence. */
const SENTENCE = /[.,:;!?'*_~…]$/u;

const BRACKETS: Readonly<Record<string, string>> = { ")": "(", "]": "[" };

/** Finds links to pages and XMPP addresses: nothing else is one. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let done = 0;
  for (const match of text.matchAll(URL_START)) {
    const url = trimmed(match[0]);
    const href = hrefOf(url);
    if (href === undefined) continue;
    if (match.index > done) found.push({ text: text.slice(done, match.index) });
    found.push({ text: url, href });
    done = match.index + url.length;
  }
  if (done < text.length) found.push({ text: text.slice(done) });
  return found;
}

/** A URL without the punctuation of the sentence around it. */
function trimmed(url: string): string {
  let end = url.length;
  // Brackets are counted once, for a text may consist of nothing else.
  const open = new Map(
    Object.entries(BRACKETS).map(([close, open]) => [
      close,
      count(url, close) - count(url, open),
    ]),
  );
  while (end > 0) {
    const last = url[end - 1]!;
    const unmatched = open.get(last) ?? 0;
    if (unmatched > 0) open.set(last, unmatched - 1);
    else if (!SENTENCE.test(last)) break;
    end--;
  }
  return url.slice(0, end);
}

function count(text: string, character: string): number {
  let n = 0;
  for (let i = text.indexOf(character); i >= 0; i = text.indexOf(character, i + 1)) n++;
  return n;
}

/** Undefined for what leads nowhere, and for pages with a user's name, which look like other pages. */
function hrefOf(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null) return undefined;
  if (url.protocol === "xmpp:") {
    return url.pathname === "" && url.host === "" ? undefined : url.href;
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") return undefined;
  return url.hostname === "" || url.username !== "" || url.password !== "" ? undefined : url.href;
}
