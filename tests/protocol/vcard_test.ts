/** XEP-0054: vcard-temp, and XEP-0153: vCard-Based Avatars. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { hash } from "node:crypto";
import { login, online } from "../helpers/client.ts";
import { withServer } from "../helpers/server.ts";
import { vcardGet } from "../../lib/hooks/storage.ts";
import { parseJid } from "../../lib/jid.ts";

const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
const UPDATE = "vcard-temp:x:update";
const GET = (to = "") => `<iq type='get' id='v'${to}><vCard xmlns='vcard-temp'/></iq>`;
const SET = (content: string, to = "") =>
  `<iq type='set' id='v'${to}><vCard xmlns='vcard-temp'>${content}</vCard></iq>`;
const DONE = "<iq type='result' id='v'>{empty}</iq>";

function refused(condition: string): string {
  return `<iq type='error' id='v'><error><${condition} xmlns='${STANZAS}'/></error></iq>`;
}

const IMAGE = Buffer.from("not really an image");
const SHA1 = hash("sha1", IMAGE, "hex");
const PHOTO = `<PHOTO><TYPE>image/png</TYPE><BINVAL>
  ${IMAGE.toString("base64").slice(0, 10)}
  ${IMAGE.toString("base64").slice(10)}
</BINVAL></PHOTO>`;

Deno.test("a vCard is kept for all to see (§3)", () =>
  withServer({}, {}, async (server) => {
    const alice = await login(server, "alice");
    const bob = await login(server, "bob");
    await alice.request(GET(), refused("item-not-found"));
    const content = "<FN>Alice &amp; Co</FN><N><GIVEN>Alice</GIVEN></N>";
    await alice.request(SET(content), DONE);
    const card = `<iq type='result' id='v'><vCard xmlns='vcard-temp'>${content}</vCard></iq>`;
    await alice.request(GET(), card);
    await alice.request(GET(" to='alice@localhost'"), card);
    await bob.request(GET(" to='alice@localhost'"), card);
    await bob.request(SET(content, " to='alice@localhost'"), refused("forbidden"));
    // No vCard, or no account: no difference (§3.3).
    await alice.request(GET(" to='bob@localhost'"), refused("service-unavailable"));
    await alice.request(GET(" to='nobody@localhost'"), refused("service-unavailable"));
    await alice.request(SET("<FN>Another</FN>"), DONE);
    await bob.request(
      GET(" to='alice@localhost'"),
      "<iq type='result' id='v'><vCard xmlns='vcard-temp'>{only}<FN>Another</FN></vCard></iq>",
    );
  }));

Deno.test("where only contacts may see it, strangers learn nothing", () =>
  withServer({ modules: { vcard: { visible_to: "contacts" } } }, {}, async (server) => {
    const alice = await login(server, "alice");
    const bob = await login(server, "bob");
    await alice.request(SET("<FN>Alice</FN>"), DONE);
    await alice.request(GET(), "<iq type='result' id='v'><vCard xmlns='vcard-temp'/></iq>");
    await bob.request(GET(" to='alice@localhost'"), refused("service-unavailable"));
  }));

Deno.test("a vCard has its limit", () =>
  withServer({ modules: { vcard: { bytes: 2000 } } }, {}, async (server) => {
    const alice = await login(server, "alice");
    await alice.request(SET(`<FN>${"x".repeat(2000)}</FN>`), refused("policy-violation"));
    await alice.request(GET(), refused("item-not-found"));
  }));

Deno.test("the host has a vCard", () =>
  withServer({ modules: { vcard: { name: "A host", url: "https://a.host/" } } }, {}, async (s) => {
    const alice = await login(s, "alice");
    await alice.request(
      GET(" to='localhost'"),
      `<iq type='result' id='v'><vCard xmlns='vcard-temp'>
        <FN>A host</FN><URL>https://a.host/</URL></vCard></iq>`,
    );
    await alice.request(SET("<FN>Mine</FN>", " to='localhost'"), refused("service-unavailable"));
  }));

Deno.test("XEP-0153: presence carries the hash of the photo", () =>
  withServer({}, {}, async (server) => {
    const alice = await login(server, "alice");
    const bob = await online(server, "bob");
    const mine = (x: string) => `<presence from='${alice.jid}'>${x}</presence>`;
    const hashed = `<x xmlns='${UPDATE}'><photo>${SHA1}</photo></x>`;

    alice.send("<presence/>"); // no photo: nothing is said
    await alice.receives(mine(`<x xmlns='${UPDATE}'>{absent}</x>`));
    await alice.request(SET(PHOTO), DONE);
    alice.send("<presence><show>away</show></presence>");
    await alice.receives(mine(`<show>away</show>${hashed}`));

    // The client is not ready, or has an older photo: the server knows (XEP-0398 §4).
    for (const said of ["", "<photo>0123</photo>", `<photo>${SHA1}</photo>`]) {
      alice.send(`<presence><x xmlns='${UPDATE}'>${said}</x></presence>`);
      await alice.receives(mine(hashed));
      assert.equal(alice.last.elements().length, 1);
    }
    // It shows none.
    alice.send(`<presence><x xmlns='${UPDATE}'><photo/></x></presence>`);
    await alice.receives(mine(`<x xmlns='${UPDATE}'><photo>{empty}</photo></x>`));

    // Directed presence, and presence after the next login.
    alice.send(`<presence to='${bob.jid}'/>`);
    await bob.receives(mine(hashed));
    alice.send(`<presence to='${bob.jid}' type='unavailable'/>`);
    await bob.receives(`<presence type='unavailable'><x xmlns='${UPDATE}'>{absent}</x></presence>`);
    await alice.close();
    const again = await login(server, "alice");
    again.send("<presence/>");
    await again.receives(`<presence from='${again.jid}'>${hashed}</presence>`);

    // Without the photo, what the client says stands.
    await again.request(SET("<FN>Alice</FN>"), DONE);
    again.send(`<presence><x xmlns='${UPDATE}'><photo>0123</photo></x></presence>`);
    await again.receives(`<presence><x xmlns='${UPDATE}'><photo>0123</photo></x></presence>`);
  }));

Deno.test("another module may keep the vCards", () =>
  withServer({}, {}, async (server) => {
    server.host().hooks.add(vcardGet, "other", (account) =>
      account.node === "alice"
        ? "<vCard xmlns='vcard-temp'><FN>From elsewhere</FN></vCard>"
        : undefined, { priority: 1 });
    const alice = await login(server, "alice");
    await alice.request(
      GET(),
      "<iq type='result' id='v'><vCard xmlns='vcard-temp'><FN>From elsewhere</FN></vCard></iq>",
    );
    assert.equal(await server.host().hooks.ask(vcardGet, parseJid("bob@localhost")!), "");
  }));
