/** What is no XML, or more of it than anybody needs: before the login and after. */

import assert from "node:assert/strict";
import { login, NS } from "../helpers/client.ts";
import { logged, memoryInUse, rawConnect, streamErrorIn, undisturbed } from "../helpers/raw.ts";
import type { Table, TestServer } from "../helpers/server.ts";
import { withServer } from "../helpers/server.ts";

const SETTINGS: Table = {
  c2s: { plaintext_auth: "loopback", auth_timeout: "2s", close_timeout: "1s" },
};

function test(
  name: string,
  attack: (server: TestServer) => Promise<void>,
  settings: Table = {},
): void {
  Deno.test(
    name,
    () =>
      withServer({ ...SETTINGS, ...settings }, { modules: ["auth", "ping"] }, async (server) => {
        await undisturbed(server, () => attack(server));
      }),
  );
}

const HEADER =
  `<stream:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:stream='${NS.stream}'>`;

type Data = string | Uint8Array<ArrayBuffer>;

/** The text with each `\xNN` as one byte. */
function bytes(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}

const message = (inside: string) => `<message to='dave@localhost'><body>${inside}</body></message>`;

const NOT_WELL_FORMED: readonly Data[] = [
  "<message><body></message></body>",
  "</message>",
  "<message to='dave@localhost' to='dave@localhost'/>",
  "<message xmlns:a='urn:x' xmlns:b='urn:x' a:c='' b:c=''/>",
  "<message to=dave/>",
  "<message to/>",
  "<message to='a'id='b'/>",
  "<message to='<'/>",
  "<1message/>",
  "<-message/>",
  "<:message/>",
  "<a:b:c xmlns:a='urn:x' xmlns:b='urn:x'/>",
  "<unbound:message/>",
  "<message unbound:a=''/>",
  "<message xmlns:a=''/>",
  "<message xmlns:xml='urn:x'/>",
  "<message xmlns:xmlns='urn:x'/>",
  "<message xmlns='http://www.w3.org/2000/xmlns/'/>",
  "<message/ >",
  "< message/>",
  "<>",
  message("]]>"),
  message("&#0;"),
  message("&#xD800;"),
  message("&#xFFFE;"),
  message("&#x110000;"),
  message(`&#${"9".repeat(1000)};`),
  message("&#;"),
  message("& "),
  message("\u0000"),
  message("\u001b[31m"),
  message("\ufffe"),
  message("<![CDATA[\u0001]]>"),
];

/** RFC 6120 §11.6. */
const NO_UTF8: readonly Data[] = [
  bytes(message("\xff")),
  bytes(message("\xc0\xaf")), // "/" made longer
  bytes(message("\xe0\x80\xaf")),
  bytes(message("\xed\xa0\x80")), // a surrogate
  bytes(message("\xf4\x90\x80\x80")), // beyond Unicode
  bytes(message("\xf8\x88\x80\x80\x80")),
  bytes(message("\xe2\x82")), // cut short
  bytes("<m\x80ssage/>"),
];

const LAUGHS = Array.from(
  { length: 9 },
  (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`,
).join("");

const RESTRICTED: readonly Data[] = [
  `<!DOCTYPE message [<!ENTITY l0 "lol">${LAUGHS}]>${message("&l9;")}`,
  `<!DOCTYPE message [<!ENTITY big "${"x".repeat(5000)}">]>${message("&big;".repeat(100))}`,
  "<!DOCTYPE message SYSTEM 'file:///etc/passwd'>",
  "<!DOCTYPE message PUBLIC '-//X//Y' 'http://127.0.0.1/evil.dtd'>",
  "<!ENTITY a 'b'>",
  "<!ELEMENT message ANY>",
  message("&l9;"),
  message("&nbsp;"),
  message("<!-- - -->"),
  "<!-- -->",
  message("<?php exit ?>"),
  "<?xml version='1.0'?>",
  "<?xml-stylesheet href='x'?>",
  message("<!DOCTYPE x>"),
];

const BAD_FORMAT: readonly Data[] = [
  "text",
  "&lt;",
  "<![CDATA[text]]>",
  "\u00a0",

  "{}",
];

/** Limits as in `SMALL`. */
const TOO_MUCH: readonly Data[] = [
  "<message>" + "<a>".repeat(20) + "</a>".repeat(20) + "</message>",
  "<message>" + "<a>".repeat(3000),
  message("<a/>".repeat(40)),
  message("<a>".repeat(3) + "<b/>".repeat(40) + "</a>".repeat(3)),
  `<message ${Array.from({ length: 20 }, (_, i) => `a${i}=''`).join(" ")}/>`,
  `<message ${Array.from({ length: 20 }, (_, i) => `xmlns:a${i}='urn:x'`).join(" ")}/>`,
  message("x".repeat(12_000)),
  message("x".repeat(3_000_000)),
  message("&amp;".repeat(3000)),
  message(`<![CDATA[${"]".repeat(12_000)}`),
  `<message to='${"x".repeat(12_000)}`,
  `<message ${"x".repeat(12_000)}`,
  `<${"x".repeat(12_000)}`,
  `<message${" ".repeat(12_000)}`,
  `<message></message${" ".repeat(12_000)}`,
  `</stream:stream${" ".repeat(12_000)}`,
  message(`&#${"0".repeat(12_000)}65;`),
];

const SMALL = { depth: 16, attributes: 16, children: 32, stanza_bytes: 10_000 };

const CASES = [
  ["not-well-formed", NOT_WELL_FORMED],
  ["unsupported-encoding", NO_UTF8],
  ["restricted-xml", RESTRICTED],
  ["bad-format", BAD_FORMAT],
  ["policy-violation", TOO_MUCH],
] as const;

for (const [condition, inputs] of CASES) {
  const limits = { ...SMALL, stanza_bytes_before_auth: 10_000 };

  test(`${condition}: before the login`, async (server) => {
    for (const data of inputs) {
      const raw = await rawConnect(server.port);
      await raw.write(HEADER);
      await raw.write(data);
      await raw.finish();
      await raw.ended;
      assert.equal(streamErrorIn(raw.text), condition, shown(data));
    }
    assert.ok(logged(server, `"stream error sent"`).length >= inputs.length);
  }, { limits });

  test(`${condition}: in a session`, async (server) => {
    for (const data of inputs) {
      const client = await login(server, "mallory", { tls: "none" });
      client.write(data);
      await client.streamError(condition).catch((e) => {
        e.message = `${shown(data)}: ${e.message}`;
        throw e;
      });
    }
    const ends = logged(server, `"session ended"`).filter((line) => line.includes("mallory@"));
    assert.equal(ends.length, inputs.length);
  }, { limits });
}

function shown(data: Data): string {
  return JSON.stringify(typeof data === "string" ? data.slice(0, 80) : [...data].slice(0, 80));
}

test("bytes that are something else altogether", async (server) => {
  const hello = new Uint8Array(300);
  hello.set([0x16, 3, 1, 1, 0x27, 1, 0, 1, 0x23, 3, 3]);
  const noise = new Uint8Array(4096);
  crypto.getRandomValues(noise);
  noise[0] = 0x80;
  const inputs: readonly [Data, string][] = [
    [hello, "not-well-formed"],
    [noise, "unsupported-encoding"],
    ["GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "not-well-formed"],
    ["CONNECT localhost:22 HTTP/1.1\r\n\r\n", "not-well-formed"],
    ["SSH-2.0-OpenSSH_9.6\r\n", "not-well-formed"],
    ["EHLO localhost\r\n", "not-well-formed"],
    ["{}", "not-well-formed"],
    ["\r\n\r\n<", "not-well-formed"],
    ["</stream:stream>", "not-well-formed"],
    ["<html><body>", "invalid-namespace"],
    ["<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost'/>", "invalid-namespace"],
    [new Uint8Array([0xfe, 0xff, 0, 0x3c]), "unsupported-encoding"],
    [new Uint8Array([0x3c, 0, 0x73, 0]), "unsupported-encoding"],
    ["<?xml version='1.1'?>", "bad-format"],
    ["<?xml version='1.0' encoding='UTF-7'?>", "unsupported-encoding"],
  ];
  for (const [data, condition] of inputs) {
    const raw = await rawConnect(server.port);
    await raw.write(data);
    await raw.write("\n");
    await raw.finish();
    await raw.ended;
    // Half of something (no end of it in sight) is not answered.
    const answer = streamErrorIn(raw.text);
    if (data === "\r\n\r\n<") assert.ok(answer === undefined || answer === condition);
    else assert.equal(answer, condition, shown(data));
  }
});

test("plain text where TLS is spoken", async (server) => {
  for (const data of [HEADER, "GET / HTTP/1.1\r\n\r\n", "\u0000".repeat(100), " ", ""]) {
    const raw = await rawConnect(server.tlsPort);
    await raw.write(data);
    await raw.finish();
    await raw.ended;
    assert.equal(raw.text.includes("stream"), false);
  }
  assert.ok(logged(server, "TLS handshake failed").length >= 2);
});

test("an error reaches who sends on and on, plain and over TLS", async (server) => {
  for (const tls of ["none", "starttls", "direct"] as const) {
    const client = await login(server, "mallory", { tls });
    client.write(`<message><body>${"x".repeat(8_000_000)}</body></message>`);
    await client.streamError("policy-violation");
  }
});

test("megabytes of nothing cost no memory", async (server) => {
  const client = await login(server, "mallory", { tls: "none" });
  const spaces = " \r\n\t".repeat(65_536);
  const before = await memoryInUse();
  for (let i = 0; i < 40; i++) {
    client.write(spaces);
    await client.sync();
  }
  await client.sync();
  assert.ok(await memoryInUse() - before < 4_000_000);
  await client.close();
});

test("a thousand errors leave no memory behind", async (server) => {
  const round = async (count: number) => {
    for (let i = 0; i < count; i++) {
      const raw = await rawConnect(server.port);
      await raw.write(`${HEADER}<auth>${"<a>".repeat(100)}</b></stream:stream>`);
      await raw.finish();
      await raw.ended;
    }
  };
  await round(200);
  const before = await memoryInUse();
  const lines = server.log.length;
  await round(1000);
  const more = await memoryInUse() - before;
  // The log that the tests keep is not the server's.
  const ofLog = server.log.slice(lines).reduce((sum, line) => sum + 2 * line.length, 0);
  assert.ok(more < 1_000_000 + ofLog, `${more} bytes more, ${ofLog} of them log`);
});
