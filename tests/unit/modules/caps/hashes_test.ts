import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { Child, Element } from "../../../../lib/xml/element.ts";
import { xml } from "../../../../lib/xml/element.ts";
import { caps1Hash, caps1Input, caps2Hash, caps2Input } from "../../../../modules/caps/hashes.ts";

const INFO = "http://jabber.org/protocol/disco#info";
const DATA = "jabber:x:data";

const query = (...children: Child[]) => xml("query", INFO, {}, ...children);
const feature = (name: string) => xml("feature", INFO, { var: name });
const client = (type: string, name?: string, lang?: string) =>
  xml("identity", INFO, { category: "client", type, name, "xml:lang": lang });
const field = (name: string, type: string | undefined, ...values: string[]) =>
  xml("field", DATA, { var: name, type }, ...values.map((v) => xml("value", DATA, {}, v)));
const softwareInfo = (...fields: Element[]) =>
  xml(
    "x",
    DATA,
    { type: "result" },
    field("FORM_TYPE", "hidden", "urn:xmpp:dataforms:softwareinfo"),
    ...fields,
  );

const EXODUS = query(
  client("pc", "Exodus 0.9.1"),
  feature("http://jabber.org/protocol/muc"),
  feature("http://jabber.org/protocol/disco#items"),
  feature("http://jabber.org/protocol/disco#info"),
  feature("http://jabber.org/protocol/caps"),
);

const PSI = query(
  client("pc", "Psi 0.11", "en"),
  client("pc", "Ψ 0.11", "el"),
  feature("http://jabber.org/protocol/caps"),
  feature("http://jabber.org/protocol/disco#info"),
  feature("http://jabber.org/protocol/disco#items"),
  feature("http://jabber.org/protocol/muc"),
  softwareInfo(
    field("software_version", undefined, "0.11"),
    field("ip_version", "text-multi", "ipv6", "ipv4"),
    field("os", undefined, "Mac"),
    field("os_version", undefined, "10.5.1"),
    field("software", undefined, "Psi"),
  ),
);

const BOMBUS = query(
  client("mobile", "BombusMod"),
  ...[
    "http://jabber.org/protocol/si",
    "http://jabber.org/protocol/bytestreams",
    "http://jabber.org/protocol/chatstates",
    "http://jabber.org/protocol/disco#info",
    "http://jabber.org/protocol/disco#items",
    "urn:xmpp:ping",
    "jabber:iq:time",
    "jabber:iq:privacy",
    "jabber:iq:version",
    "http://jabber.org/protocol/rosterx",
    "urn:xmpp:time",
    "jabber:x:oob",
    "http://jabber.org/protocol/ibb",
    "http://jabber.org/protocol/si/profile/file-transfer",
    "urn:xmpp:receipts",
    "jabber:iq:roster",
    "jabber:iq:last",
  ].map(feature),
);

const TKABBER = query(
  client("pc", "Tkabber", "en"),
  client("pc", "Ткаббер", "ru"),
  ...`games:board
http://jabber.org/protocol/activity
http://jabber.org/protocol/activity+notify
http://jabber.org/protocol/bytestreams
http://jabber.org/protocol/chatstates
http://jabber.org/protocol/commands
http://jabber.org/protocol/disco#info
http://jabber.org/protocol/disco#items
http://jabber.org/protocol/evil
http://jabber.org/protocol/feature-neg
http://jabber.org/protocol/geoloc
http://jabber.org/protocol/geoloc+notify
http://jabber.org/protocol/ibb
http://jabber.org/protocol/iqibb
http://jabber.org/protocol/mood
http://jabber.org/protocol/mood+notify
http://jabber.org/protocol/rosterx
http://jabber.org/protocol/si
http://jabber.org/protocol/si/profile/file-transfer
http://jabber.org/protocol/tune
http://www.facebook.com/xmpp/messages
http://www.xmpp.org/extensions/xep-0084.html#ns-metadata+notify
jabber:iq:avatar
jabber:iq:browse
jabber:iq:dtcp
jabber:iq:filexfer
jabber:iq:ibb
jabber:iq:inband
jabber:iq:jidlink
jabber:iq:last
jabber:iq:oob
jabber:iq:privacy
jabber:iq:roster
jabber:iq:time
jabber:iq:version
jabber:x:data
jabber:x:event
jabber:x:oob
urn:xmpp:avatar:metadata+notify
urn:xmpp:ping
urn:xmpp:receipts
urn:xmpp:time`.split("\n").map(feature),
  softwareInfo(
    field("software", undefined, "Tkabber"),
    field("software_version", undefined, "0.11.1-svn-20111216-mod (Tcl/Tk 8.6b2)"),
    field("os", undefined, "Windows"),
    field("os_version", undefined, "XP"),
  ),
);

Deno.test("XEP-0115 §5.2: the simple example", () => {
  const s = caps1Input(EXODUS)!;
  assert.equal(
    s,
    "client/pc//Exodus 0.9.1<http://jabber.org/protocol/caps<" +
      "http://jabber.org/protocol/disco#info<http://jabber.org/protocol/disco#items<" +
      "http://jabber.org/protocol/muc<",
  );
  assert.equal(caps1Hash(s, "sha-1"), "QgayPKawpkPSDYmwT/WM94uAlu0=");
});

Deno.test("XEP-0115 §5.3: the complex example", () => {
  const s = caps1Input(PSI)!;
  assert.ok(
    s.startsWith("client/pc/el/Ψ 0.11<client/pc/en/Psi 0.11<http://jabber.org/protocol/caps<"),
  );
  assert.ok(s.endsWith(
    "urn:xmpp:dataforms:softwareinfo<ip_version<ipv4<ipv6<os<Mac<os_version<10.5.1<" +
      "software<Psi<software_version<0.11<",
  ));
  assert.equal(caps1Hash(s, "sha-1"), "q07IKJEyjvHSyhy//CH0CxmKi8w=");
});

Deno.test("XEP-0115 §5.4: what is ill-formed has no hash", () => {
  const form = softwareInfo(field("os", undefined, "Mac"));
  const ill = {
    "an identity twice": query(client("pc", "a"), client("pc", "a")),
    "a feature twice": query(client("pc"), feature("a"), feature("a")),
    "a FORM_TYPE twice": query(client("pc"), form, form),
    "a FORM_TYPE with two values": query(
      client("pc"),
      xml("x", DATA, { type: "result" }, field("FORM_TYPE", "hidden", "a", "b")),
    ),
  };
  for (const [what, q] of Object.entries(ill)) assert.equal(caps1Input(q), undefined, what);
  assert.notEqual(caps1Input(query(client("pc", "a", "en"), client("pc", "a", "de"))), undefined);
});

Deno.test("XEP-0115 §5.4: a form without a hidden FORM_TYPE does not count", () => {
  const plain = query(client("pc"), feature("a"));
  const without = xml("x", DATA, { type: "result" }, field("os", undefined, "Mac"));
  const shown = xml("x", DATA, { type: "result" }, field("FORM_TYPE", "text-single", "f"));
  assert.equal(caps1Input(query(...plain.children, without, shown)), caps1Input(plain));
});

Deno.test("XEP-0115 §5.1: the order is that of octets, not of UTF-16", () => {
  const s = caps1Input(
    query(client("pc"), feature("\u{1F600}"), feature("\uFFFD"), feature("b"), feature("ab")),
  )!;
  assert.equal(s, "client/pc//<ab<b<\uFFFD<\u{1F600}<");
});

Deno.test("XEP-0390 §4.5.1: the simple example", () => {
  const input = caps2Input(BOMBUS)!;
  assert.equal(caps2Hash(input, "sha-256"), "kzBZbkqJ3ADrj7v08reD1qcWUwNGHaidNUgD7nHpiw8=");
  assert.equal(caps2Hash(input, "sha3-256"), "79mdYAfU9rEdTOcWDO7UEAt6E56SUzk/g6TnqUeuD9Q=");
});

Deno.test("XEP-0390 §4.5.2: the complex example", () => {
  const input = caps2Input(TKABBER)!;
  assert.equal(
    Buffer.from(input).toString("latin1").split("\x1c")[1],
    Buffer.from(
      "client\x1fpc\x1fen\x1fTkabber\x1f\x1eclient\x1fpc\x1fru\x1fТкаббер\x1f\x1e",
    ).toString("latin1"),
  );
  assert.equal(caps2Hash(input, "sha-256"), "u79ZroNJbdSWhdSp311mddz44oHHPsEBntQ5b1jqBSY=");
  assert.equal(caps2Hash(input, "sha3-256"), "XpUJzLAc93258sMECZ3FJpebkzuyNXDzRNwQog8eycg=");
});

Deno.test("XEP-0390 §4.1: what the algorithm aborts for has no hash", () => {
  const bad = {
    "another element": query(client("pc"), xml("other", INFO)),
    "a form without FORM_TYPE": query(
      xml("x", DATA, { type: "result" }, field("os", undefined, "Mac")),
    ),
    "a FORM_TYPE that is not hidden": query(
      xml("x", DATA, { type: "result" }, field("FORM_TYPE", undefined, "f")),
    ),
    "a table": query(softwareInfo(xml("reported", DATA))),
    "an item": query(softwareInfo(xml("item", DATA))),
  };
  for (const [what, q] of Object.entries(bad)) assert.equal(caps2Input(q), undefined, what);
});

Deno.test("all hash functions work", () => {
  assert.deepEqual(
    ["sha-1", "sha-256", "sha-384", "sha-512"].map((h) =>
      Buffer.from(caps1Hash("", h), "base64").length
    ),
    [20, 32, 48, 64],
  );
  assert.deepEqual(
    ["sha-256", "sha3-256", "sha-512", "sha3-512", "blake2b-512"].map((h) =>
      Buffer.from(caps2Hash(new Uint8Array(), h), "base64").length
    ),
    [32, 32, 64, 64, 64],
  );
});
