/**
 * What parsing and writing a stanza costs: `deno run -A tests/bench/xml.ts`. Prints microseconds per
 * stanza, from bytes to an element, for four sizes.
 */

import { toXml } from "../../lib/xml/element.ts";
import { defaultXmlLimits, StreamParser } from "../../lib/xml/parser.ts";

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

/** Microseconds per call: the best of several rounds. */
function measure(run: () => void, times: number): number {
  let best = Infinity;
  for (let round = 0; round < 7; round++) {
    const start = performance.now();
    for (let i = 0; i < times; i++) run();
    best = Math.min(best, (performance.now() - start) * 1000 / times);
  }
  return best;
}

function open() {
  const parser = new StreamParser(defaultXmlLimits);
  parser.push(bytes(HEADER));
  parser.next();
  return parser;
}

if (import.meta.main) {
  const table: { [column: string]: string | number }[] = [];
  for (const [name, text] of CASES) {
    const chunk = bytes(text);
    const times = Math.ceil(2e7 / (chunk.length + 200));
    const parser = open();
    const parse = measure(() => {
      parser.push(chunk);
      if (parser.next() === undefined) throw new Error("not parsed");
      parser.next();
    }, times);

    const ten = bytes(text.repeat(10));
    const batch = measure(() => {
      parser.push(ten);
      while (parser.next() !== undefined);
    }, times / 10) / 10;

    const halves = [
      chunk.subarray(0, chunk.length >> 1),
      chunk.subarray(chunk.length >> 1),
    ] as const;
    const split = measure(() => {
      parser.push(halves[0]);
      parser.next();
      parser.push(halves[1]);
      parser.next();
    }, times);

    parser.push(chunk);
    const element = parser.next();
    if (typeof element !== "object" || !("children" in element)) throw new Error("no element");
    const copy = measure(() => void toXml(element, ""), times);
    element.source = undefined;
    const write = measure(() => void toXml(element, ""), times);

    table.push({
      stanza: name,
      bytes: chunk.length,
      parse: parse.toFixed(2),
      "in batches of 10": batch.toFixed(2),
      "in two pieces": split.toFixed(2),
      "write from source": copy.toFixed(2),
      "write anew": write.toFixed(2),
    });
  }
  console.log("microseconds per stanza");
  console.table(table);
}
