/** Random XML streams, whole and damaged. */

/** A whole number from 0 up to, not including, `below`. */
export type Random = (below: number) => number;

/** The same numbers for the same seed. */
export function random(seed: number): Random {
  let a = seed >>> 0;
  return (below) => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const LOCALS = [
  "a",
  "b",
  "message",
  "body",
  "x-1",
  "é",
  "名前",
  "𐀀b",
  "_",
  "__proto__",
  "constructor",
];
const PREFIXES = ["p", "q", "stream", "ns-1", "ü", "hasOwnProperty"];
const TEXTS = [
  "hello",
  " ",
  "\n  ",
  "\t",
  "]]",
  "]",
  ">",
  "'",
  '"',
  "é❤😀",
  "\ufeff",
  "&amp;",
  "&lt;",
  "&gt;",
  "&quot;&apos;",
  "&#10;",
  "&#xD;",
  "&#x1F600;",
  "&#x0009;",
  "\r\n",
  "\r",
  "\u0085\u2028",
  "<![CDATA[]]>",
  "<![CDATA[<&]]]]>",
  "<![CDATA[ ]] > \r\n]]>",
];
const VALUES = ["", "v", "a b", "\t\n", "\r\n.", "&amp;&#9;", "&lt;", ">", "é😀", "]]>", "&#x20;"];
const BLANKS = [" ", "  ", "\n", "\t", "\r\n"];
const NASTY = [
  "<!-- c -->",
  "<!--",
  "-->",
  "<?pi x?>",
  "<?xml version='1.0'?>",
  "<?",
  "<!DOCTYPE a>",
  "<!DOCTYPE a [<!ENTITY e 'x'>]>",
  "<!",
  "<![CDATA[",
  "]]>",
  "&e;",
  "&nbsp;",
  "&",
  "&#",
  "&#0;",
  "&#xFFFE;",
  "&#xD800;",
  "&#x110000;",
  "&#65",
  "&#x;",
  "&a:b;",
  "<",
  ">",
  "/",
  "</",
  "/>",
  "=",
  "'",
  '"',
  ":",
  " a=''",
  " a='' a=''",
  " xml:lang='en'",
  " xml:a:b=''",
  " xmlns=''",
  " xmlns='urn:a'",
  " xmlns:p='urn:b'",
  " xmlns:q='urn:b' p:x='' q:x=''",
  " xmlns:p=''",
  " xmlns:xml='urn:a'",
  " xmlns:xml='http://www.w3.org/XML/1998/namespace'",
  " xmlns:p='http://www.w3.org/XML/1998/namespace'",
  " xmlns:xmlns='urn:a'",
  " xmlns='http://www.w3.org/2000/xmlns/'",
  " p:a=''",
  "<p:a/>",
  "<xml:a/>",
  "<xmlns:a/>",
  "<a/>",
  "</a>",
  "<a>",
  "<:a/>",
  "<a:/>",
  "\0",
  "\x01",
  "\x7f",
  "\ufffe",
  "\uffff",
  "\ufeff",
  "\u0300",
  "\u037e",
  "\u{10ffff}",
  "\u{f0000}",
];

const SPACES = [
  "urn:a",
  "urn:b",
  "jabber:client",
  "",
  "urn:ü",
  "urn:a&amp;b",
  "http://etherx.jabber.org/streams",
];

const pick = <T>(r: Random, of: readonly T[]): T => of[r(of.length)]!;

/** An element of a random document; `known` are the prefixes bound outside. */
function element(r: Random, depth: number, known: readonly string[]): string {
  const inside = [...known];
  const given: string[] = [];
  if (r(3) === 0) given.push(`xmlns=${quoted(r, pick(r, SPACES))}`);
  for (let i = r(8) - 5; i > 0; i--) {
    const p = pick(r, PREFIXES);
    if (given.some((g) => g.startsWith(`xmlns:${p}=`))) continue;
    given.push(`xmlns:${p}=${quoted(r, pick(r, SPACES) || "urn:c")}`);
    inside.push(p);
  }
  const names = new Set<string>();
  for (let i = r(5) - 1; i > 0; i--) names.add(pick(r, LOCALS));
  for (const n of names) {
    const name = inside.length > 0 && r(4) === 0 ? `${pick(r, inside)}:${n}` : n;
    given.push(`${name}=${quoted(r, pick(r, VALUES) + pick(r, VALUES))}`);
  }
  if (r(8) === 0) given.push("xml:lang='de'");
  given.sort(() => r(3) - 1);

  const local = pick(r, LOCALS);
  const name = inside.length > 0 && r(5) === 0 ? `${pick(r, inside)}:${local}` : local;
  let s = `<${name}`;
  for (const g of given) s += pick(r, BLANKS) + g;
  if (r(6) === 0) s += pick(r, BLANKS);
  if (r(4) === 0) return s + "/>";
  s += ">";
  for (let i = r(5); i > 0; i--) {
    s += depth > 0 && r(2) === 0 ? element(r, depth - 1, inside) : pick(r, TEXTS);
  }
  return `${s}</${name}${r(8) === 0 ? " " : ""}>`;
}

function quoted(r: Random, value: string): string {
  return r(2) === 0 ? `'${value}'` : `"${value}"`;
}

/** A well-formed stream. */
export function document(r: Random): string {
  let s = pick(r, [
    "",
    "",
    "",
    "<?xml version='1.0'?>",
    '<?xml version="1.0" encoding="utf-8" ?>\n',
  ]);
  s += pick(r, [
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='x'>",
    "<stream xmlns='http://etherx.jabber.org/streams' xml:lang='en'>",
    "<s:s xmlns:s='urn:s' xmlns:p='urn:p' p:a='1' xmlns='urn:a'>",
  ]);
  const known = /^[^]*<s:s/.test(s) ? ["p", "s"] : s.includes("stream:stream") ? ["stream"] : [];
  for (let i = r(4); i > 0; i--) {
    if (r(2) === 0) s += pick(r, BLANKS);
    s += element(r, 3, known);
  }
  return s + `</${/<([^?][^ ]*)/.exec(s)![1]}>` + (r(4) === 0 ? "\n" : "");
}

export const utf8 = new TextEncoder();

/** The bytes after one to three accidents. */
export function damage(r: Random, bytes: Uint8Array): Uint8Array {
  const b = [...bytes];
  for (let i = r(3); i >= 0; i--) {
    const at = r(b.length + 1);
    switch (r(7)) {
      case 0:
        if (b.length > 0) b[at % b.length]! ^= 1 << r(8);
        break;
      case 1:
        b.splice(at, 1 + r(6));
        break;
      case 2:
        b.splice(at, 0, ...b.slice(at, at + 1 + r(20)));
        break;
      case 3: {
        const from = r(b.length + 1);
        b.splice(at, r(4), ...b.slice(from, from + r(30)));
        break;
      }
      case 4:
        b.splice(at, 0, r(256));
        break;
      default:
        b.splice(at, 0, ...utf8.encode(pick(r, NASTY)));
    }
  }
  return Uint8Array.from(b);
}
