/**
 * What parsing and writing a stanza costs, in microseconds, from bytes to an element and back. Started
 * alone (`deno run -A tests/bench/xml.ts`) it prints all of it, for several kinds of stanzas.
 */

import { toXml } from "../../lib/xml/element.ts";
import { defaultXmlLimits, StreamParser } from "../../lib/xml/parser.ts";
import { type Figure, perCall, scaled } from "./figure.ts";

const HEADER = "<stream:stream xmlns='jabber:client' version='1.0' to='example.org' " +
  "xmlns:stream='http://etherx.jabber.org/streams'>";

const MESSAGE = "<message to='juliet@example.org/balcony' id='a1b2c3d4' type='chat'>" +
  "<body>Wherefore art thou, o Romeo? I ask.</body></message>";

const CHAT = "<message to='juliet@example.org' from='romeo@example.org/orchard' id='5f2c0f1e' " +
  "type='chat' xml:lang='en'><body>Neither, fair saint, if either thee dislike.</body>" +
  "<active xmlns='http://jabber.org/protocol/chatstates'/>" +
  "<request xmlns='urn:xmpp:receipts'/><markable xmlns='urn:xmpp:chat-markers:0'/>" +
  "<origin-id xmlns='urn:xmpp:sid:0' id='5f2c0f1e-3d4b-4a6c'/>" +
  "<store xmlns='urn:xmpp:hints'/><thread>e0ffe42b28561960c6b12b9</thread></message>";

const PRESENCE = "<presence from='juliet@example.org/balcony' id='p-17'><show>away</show>" +
  "<status>be right back, the nurse is calling me in</status><priority>5</priority>" +
  "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='http://code.example.org/client' " +
  "ver='QgayPKawpkPSDYmwT/WM94uAlu0='/><x xmlns='vcard-temp:x:update'>" +
  "<photo>01b87fcd030b72895ff8e88db57ec525450f000d</photo></x>" +
  "<idle xmlns='urn:xmpp:idle:1' since='1969-07-21T02:56:15Z'/>" +
  "<c xmlns='urn:xmpp:caps'><hash xmlns='urn:xmpp:hashes:2' algo='sha-256'>" +
  "kzBZbkqJ3ADrj7v08reD1qcWUwNGHaidNUgD7nHpiw8=</hash>" +
  "<hash xmlns='urn:xmpp:hashes:2' algo='sha3-256'>79mdYAfU9rEdTOcWDO7UEAt6E56SUzk/g6TnqUeuD9Q=" +
  "</hash></c><x xmlns='http://jabber.org/protocol/muc#user'>" +
  "<item affiliation='member' role='participant'/></x></presence>";

const DISCO = "<iq type='result' id='d1' from='example.org' to='juliet@example.org/balcony'>" +
  "<query xmlns='http://jabber.org/protocol/disco#items'>" +
  Array.from(
    { length: 120 },
    (_, i) => `<item jid='room-${i}@conference.example.org' name='Room number ${i} of many'/>`,
  ).join("") + "</query></iq>";

const CASES: readonly (readonly [string, string])[] = [
  ["message", MESSAGE],
  ["chat message", CHAT],
  ["presence", PRESENCE],
  ["disco result", DISCO],
  ["chat, not ASCII", CHAT.replace("fair saint", "schöne Heilige ❤")],
];

const bytes = (s: string) => new TextEncoder().encode(s);

/** Microseconds per stanza. */
interface Costs {
  readonly stanza: string;
  readonly bytes: number;
  /** Each in a chunk of its own. */
  readonly parse: number;
  /** Ten in a chunk. */
  readonly batch: number;
  /** Each in two chunks. */
  readonly split: number;
  /** Written by copying the source. */
  readonly copy: number;
  /** Written from the element's parts. */
  readonly write: number;
}

function open() {
  const parser = new StreamParser(defaultXmlLimits);
  parser.push(bytes(HEADER));
  parser.next();
  return parser;
}

function costsOf(stanza: string, text: string, scale: number): Costs {
  const chunk = bytes(text);
  const times = scaled(4e6 / (chunk.length + 200), scale, 10);
  const parser = open();
  const parse = perCall(() => {
    parser.push(chunk);
    if (parser.next() === undefined) throw new Error("not parsed");
    parser.next();
  }, times);

  const ten = bytes(text.repeat(10));
  const batch = perCall(() => {
    parser.push(ten);
    while (parser.next() !== undefined);
  }, times / 10) / 10;

  const halves = [chunk.subarray(0, chunk.length >> 1), chunk.subarray(chunk.length >> 1)] as const;
  const split = perCall(() => {
    parser.push(halves[0]);
    parser.next();
    parser.push(halves[1]);
    parser.next();
  }, times);

  parser.push(chunk);
  const element = parser.next();
  if (typeof element !== "object" || !("children" in element)) throw new Error("no element");
  const copy = perCall(() => void toXml(element, ""), times);
  element.source = undefined;
  const write = perCall(() => void toXml(element, ""), times);
  return { stanza, bytes: chunk.length, parse, batch, split, copy, write };
}

/** What matters most of it. */
export function parserFigures(scale: number): Figure[] {
  return CASES.map(([name, text]) => costsOf(name, text, scale)).flatMap((c) => [
    { what: `${c.stanza} (${c.bytes} bytes), read`, unit: "µs", value: c.parse },
    { what: `${c.stanza} (${c.bytes} bytes), written anew`, unit: "µs", value: c.write },
  ]);
}

if (import.meta.main) {
  console.log("microseconds per stanza");
  console.table(CASES.map(([name, text]) => {
    const c = costsOf(name, text, 1);
    return {
      stanza: c.stanza,
      bytes: c.bytes,
      parse: c.parse.toFixed(2),
      "in batches of 10": c.batch.toFixed(2),
      "in two pieces": c.split.toFixed(2),
      "write from source": c.copy.toFixed(2),
      "write anew": c.write.toFixed(2),
    };
  }));
}
