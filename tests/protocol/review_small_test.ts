/** Small modules under attack: what has been found to work once, and must not again. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { hash } from "node:crypto";
import { connect as connectTcp, type Socket } from "node:net";
import { login, online } from "../helpers/client.ts";
import { OPEN, publish, PUBLISHED } from "../helpers/pep.ts";
import { withServer } from "../helpers/server.ts";
import { bytestream, GREETING, Socks } from "../helpers/socks.ts";
import { pepPublish } from "../../lib/hooks/pubsub.ts";
import { vcardGet } from "../../lib/hooks/storage.ts";
import { vcardEdit } from "../../lib/hooks/vcard.ts";
import { parseJid } from "../../lib/jid.ts";
import { type Element, toXml, xml } from "../../lib/xml/element.ts";
import { parseXml } from "../../lib/xml/parser.ts";
import { interests } from "../../modules/external_services.ts";
import { toTemp } from "../../modules/vcard4/to_temp.ts";

const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
const ADDRESS = "http://jabber.org/protocol/address";
const EXTDISCO = "urn:xmpp:extdisco:2";
const VCARD4 = "urn:ietf:params:xml:ns:vcard-4.0";
const DATA = "urn:xmpp:avatar:data";
const METADATA = "urn:xmpp:avatar:metadata";
const NODE4 = "urn:xmpp:vcard4";

const sleep = (ms: number) => new Promise((done) => setTimeout(done, ms));

Deno.test("multicast: a second list, whose blind recipients everybody would see", () =>
  withServer({}, {}, async (server) => {
    const alice = await online(server, "alice");
    const bob = await online(server, "bob");
    const list = (...addresses: string[]) =>
      `<addresses xmlns='${ADDRESS}'>${addresses.join("")}</addresses>`;
    alice.send(
      `<message to='localhost' id='m'>${list("<address type='to' jid='bob@localhost'/>")}` +
        `${list("<address type='bcc' jid='carol@localhost'/>")}<body>hi</body></message>`,
    );
    await alice.receives(
      `<message type='error' id='m'><error><bad-request xmlns='${STANZAS}'/></error></message>`,
    );
    await bob.receivesNothing();
  }));

Deno.test("multicast: ten thousand recipients, and hosts that send to each other", () =>
  withServer({ hosts: { localhost: {}, "other.example": {} } }, {}, async (server) => {
    const alice = await online(server, "alice");
    const many = Array.from({ length: 4000 }, (_, i) => `<address type='bcc' jid='u${i}@x'/>`);
    alice.send(
      `<message to='localhost' id='m'><addresses xmlns='${ADDRESS}'>${many.join("")}</addresses>` +
        "<body>hi</body></message>",
    );
    await alice.receives(
      `<message type='error' id='m'><error><not-acceptable xmlns='${STANZAS}'/></error></message>`,
    );
    alice.send(
      `<message to='localhost' id='n'><addresses xmlns='${ADDRESS}'>
        <address type='to' jid='other.example'/><address type='cc' jid='localhost'/>
        <address type='bcc' jid='localhost'/></addresses><body>hi</body></message>`,
    );
    await alice.receivesNothing();
  }));

Deno.test("external services: what a client asks for is not kept without end", () =>
  withServer(
    {
      modules: { external_services: { services: [{ type: "stun", host: "stun.localhost" }] } },
    },
    {},
    async (server) => {
      const alice = await login(server, "alice");
      const ask = (type: string) =>
        alice.request(
          `<iq type='get' id='e' to='localhost'><services xmlns='${EXTDISCO}' type='${type}'/></iq>`,
          "<iq type='result' id='e'/>",
        );
      await ask("x".repeat(10_000));
      for (let i = 0; i < 200; i++) await ask(`type${i}`);
      const session = server.host().session(parseJid(alice.jid)!)!;
      const { types } = interests.get(session)!;
      assert.equal(types.size, 32);
      assert.ok([...types].every((type) => type.length < 100));
    },
  ));

Deno.test("vCard4: data that takes long to understand", () => {
  const hostile = `data:image/png;base64,${"\n ".repeat(50_000)}!`;
  const card = parseXml(
    `<vcard xmlns='${VCARD4}'><logo><uri>${hostile}</uri></logo>` +
      `<tel><uri>tel:${";".repeat(50_000)}\n!</uri></tel>` +
      `<geo><uri>geo:${"1".repeat(50_000)}</uri></geo></vcard>`,
  );
  const started = performance.now();
  toTemp(card, undefined);
  assert.ok(performance.now() - started < 200);
});

Deno.test("an avatar and a vCard4 at once: the vCard has both", () =>
  withServer({}, {}, async (server) => {
    const alice = await online(server, "alice");
    const account = parseJid("alice@localhost")!;
    for (let i = 0; i < 12; i++) {
      const image = Buffer.from(`image ${i}`);
      const id = hash("sha1", image, "hex");
      alice.send(
        publish(DATA, id, `<data xmlns='${DATA}'>${image.toString("base64")}</data>`, OPEN),
      );
      await alice.eventually(PUBLISHED);
      const info = xml("info", METADATA, { bytes: "7", id, type: "image/png" });
      const name = xml("fn", VCARD4, {}, xml("text", VCARD4, {}, `name ${i}`));
      const at = (node: string, id: string, payload: Element) =>
        server.host().hooks.ask(pepPublish, account, node, { id, payload });
      await Promise.all([
        at(METADATA, id, xml("metadata", METADATA, {}, info)),
        at(NODE4, "current", xml("vcard", VCARD4, {}, name)),
      ]);
      await sleep(60);
      alice.skip();
      await alice.request(
        "<iq type='get' id='v'><vCard xmlns='vcard-temp'/></iq>",
        `<iq type='result' id='v'><vCard xmlns='vcard-temp'><FN>name ${i}</FN>
          <PHOTO><BINVAL>${image.toString("base64")}</BINVAL></PHOTO></vCard></iq>`,
      );
    }
  }));

Deno.test("a vCard changed in parts by many at once loses none of them", () =>
  withServer({}, {}, async (server) => {
    await online(server, "alice");
    const account = parseJid("alice@localhost")!;
    const { hooks } = server.host();
    await Promise.all(Array.from({ length: 20 }, (_, i) =>
      hooks.ask(vcardEdit, account, (kept) => {
        const card = kept === "" ? xml("vCard", "vcard-temp") : parseXml(kept);
        return toXml(card.append(xml("NOTE", "vcard-temp", {}, String(i))), "");
      })));
    const card = parseXml((await hooks.ask(vcardGet, account))!);
    assert.equal(card.elements("NOTE").length, 20);
  }));

Deno.test("proxy65: connections that do nothing make room in time", () =>
  withServer(
    {
      modules: {
        proxy65: {
          port: 0,
          address: ["127.0.0.1"],
          per_address: 8,
          handshake_timeout: "500ms",
          activation_timeout: "500ms",
        },
      },
    },
    { modules: ["auth", "proxy65"] },
    async (server) => {
      const alice = await login(server, "alice");
      const { port } = await alice.request(
        "<iq type='get' id='p' to='proxy.localhost'>" +
          "<query xmlns='http://jabber.org/protocol/bytestreams'/></iq>",
        "<iq type='result' id='p'><query xmlns='http://jabber.org/protocol/bytestreams'>" +
          "<streamhost port='{port}'/></query></iq>",
      );
      const sockets: Socket[] = [];
      for (let i = 0; i < 30; i++) {
        const socket = connectTcp(Number(port), "127.0.0.1");
        socket.on("error", () => {});
        if (i % 2 === 0) socket.write(Buffer.from(GREETING));
        sockets.push(socket);
      }
      await sleep(1500);
      // All eight places are free again; two make a bytestream, and a third is none of it.
      const joined = await Promise.all(
        ["a", "a", "b", "b", "c", "c", "d"].map((sid) =>
          Socks.join(Number(port), bytestream(sid, alice.jid, alice.jid))
        ),
      );
      await assert.rejects(Socks.join(Number(port), bytestream("a", alice.jid, alice.jid)));
      for (const { socket } of joined) socket.destroy();
      for (const socket of sockets) socket.destroy();
    },
  ));
