/** XEP-0084: User Avatar, and XEP-0398: its conversion to and from the photo of the vCard. */

import { Buffer } from "node:buffer";
import { hash } from "node:crypto";
import { login, online, type TestClient } from "../helpers/client.ts";
import {
  event,
  found,
  interested,
  items,
  OPEN,
  publish,
  PUBLISHED,
  publishOptions,
  retract,
  soon,
} from "../helpers/pep.ts";
import { withServer } from "../helpers/server.ts";

const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
const INFO = "http://jabber.org/protocol/disco#info";
const DATA = "urn:xmpp:avatar:data";
const METADATA = "urn:xmpp:avatar:metadata";
const UPDATE = "vcard-temp:x:update";

/** 1 by 1 pixel each. */
const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);
const GIF = Buffer.from("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7", "base64");
const PNG_ID = hash("sha1", PNG, "hex");
const GIF_ID = hash("sha1", GIF, "hex");

const data = (image: Buffer, options = OPEN, id = hash("sha1", image, "hex")) =>
  publish(DATA, id, `<data xmlns='${DATA}'>\n${image.toString("base64")}\n</data>`, options);
const INFO_OF = (image: Buffer, type: string, more = "") =>
  `<info bytes='${image.length}' id='${hash("sha1", image, "hex")}' type='${type}'${more}/>`;
const metadata = (id: string, infos: string, options = OPEN) =>
  publish(METADATA, id, `<metadata xmlns='${METADATA}'>${infos}</metadata>`, options);

const CARD = "<iq type='get' id='v' to='alice@localhost'><vCard xmlns='vcard-temp'/></iq>";
const GOT = (inner: string) =>
  `<iq type='result' id='v'><vCard xmlns='vcard-temp'>${inner}</vCard></iq>`;
const SET = (inner: string) =>
  `<iq type='set' id='s'><vCard xmlns='vcard-temp'>${inner}</vCard></iq>`;
const DONE = "<iq type='result' id='s'/>";
const PHOTO = (image: Buffer, type: string) =>
  `<PHOTO><TYPE>${type}</TYPE><BINVAL>${image.toString("base64")}</BINVAL></PHOTO>`;

function refused(condition: string): string {
  return `<iq type='error' id='pub'><error><${condition} xmlns='${STANZAS}'/></error></iq>`;
}

/** Presence of that client with a hash, or with none. */
function shows(client: TestClient, photo: string): string {
  return `<presence from='${client.jid}'><x xmlns='${UPDATE}'><photo>${photo}</photo></x></presence>`;
}

Deno.test("a published avatar is the photo of the vCard, and its hash in presence", () =>
  withServer({}, {}, async (server) => {
    const alice = await online(server, "alice");
    const bob = await online(server, "bob");
    await alice.request(
      `<iq type='get' id='d' to='alice@localhost'><query xmlns='${INFO}'/></iq>`,
      `<iq type='result' id='d'><query xmlns='${INFO}'>
        <feature var='urn:xmpp:pep-vcard-conversion:0'/></query></iq>`,
    );
    await alice.request(SET("<FN>Alice</FN><PHOTO><EXTVAL>https://a/</EXTVAL></PHOTO>"), DONE);
    alice.skip();
    await alice.request(data(PNG), PUBLISHED);
    await alice.request(
      metadata(
        PNG_ID,
        INFO_OF(GIF, "image/gif", " url='https://a/b.gif'") + INFO_OF(PNG, "image/png"),
      ),
      PUBLISHED,
    );
    await soon(bob, CARD, GOT("{only}<FN>Alice</FN>" + PHOTO(PNG, "image/png")));
    // Broadcast anew, without the client's doing.
    await alice.eventually(shows(alice, PNG_ID));
    // Directed presence too, such as to a room.
    alice.send("<presence to='bob@localhost'/>");
    await bob.eventually(shows(alice, PNG_ID));
    // Another one.
    await alice.request(data(GIF), PUBLISHED);
    await alice.request(metadata(GIF_ID, INFO_OF(GIF, "image/gif")), PUBLISHED);
    await soon(bob, CARD, GOT(PHOTO(GIF, "image/gif")));
    await alice.eventually(shows(alice, GIF_ID));
    // None.
    await alice.request(metadata("", ""), PUBLISHED);
    await soon(bob, CARD, GOT("{only}<FN>Alice</FN>"));
    await alice.eventually(
      `<presence from='${alice.jid}'><x xmlns='${UPDATE}'>{absent}</x></presence>`,
    );
  }));

Deno.test("a vCard's photo is published as an avatar, and removed with it", () =>
  withServer({}, {}, async (server) => {
    const alice = await login(server, "alice");
    const other = await login(server, "alice");
    await interested(other, METADATA);
    other.skip();
    const bob = await online(server, "bob");
    await alice.request(SET("<FN>Alice</FN>" + PHOTO(PNG, "image/png")), DONE);
    const info = `<item id='${PNG_ID}'><metadata xmlns='${METADATA}'>{only}
      <info id='${PNG_ID}' bytes='${PNG.length}' type='image/png' width='1' height='1'/></metadata></item>`;
    await other.eventually(event("alice@localhost", METADATA, info));
    await bob.request(items(METADATA, "alice@localhost"), found(METADATA, info));
    await bob.request(
      items(DATA, "alice@localhost"),
      found(
        DATA,
        `<item id='${PNG_ID}'><data xmlns='${DATA}'>${PNG.toString("base64")}</data></item>`,
      ),
    );
    // The same once more: nobody is told.
    other.skip();
    await alice.request(SET("<FN>Alice B</FN>" + PHOTO(PNG, "image/png")), DONE);
    await alice.receivesNothing(50);
    await other.receivesNothing();
    await alice.request(CARD, GOT("<FN>Alice B</FN>" + PHOTO(PNG, "image/png")));
    await alice.request(SET("<FN>Alice</FN>"), DONE);
    await other.eventually(event(
      "alice@localhost",
      METADATA,
      `<item><metadata xmlns='${METADATA}'>{empty}</metadata></item>`,
    ));
    await alice.request(CARD, GOT("{only}<FN>Alice</FN>"));
  }));

Deno.test("a photo from the time before becomes an avatar", () =>
  withServer({}, {}, async (server) => {
    const alice = await login(server, "alice");
    await server.inner.unloadModule(server.host(), "avatars");
    await alice.request(SET(PHOTO(PNG, "image/png")), DONE);
    await server.inner.loadModule(server.host(), "avatars");
    await alice.request(items(METADATA), "<iq type='error' id='items'/>");
    await interested(alice, METADATA);
    await alice.eventually(event("alice@localhost", METADATA, `<item id='${PNG_ID}'/>`));
    // Nothing of the kind where an avatar is there already, or was removed.
    await alice.request(metadata("", ""), PUBLISHED);
    await soon(alice, CARD, GOT("{empty}"));
  }));

Deno.test("a retracted avatar leaves the vCard too", () =>
  withServer({}, {}, async (server) => {
    const alice = await login(server, "alice");
    await alice.request(data(PNG), PUBLISHED);
    await alice.request(metadata(PNG_ID, INFO_OF(PNG, "image/png")), PUBLISHED);
    await soon(alice, CARD, GOT(PHOTO(PNG, "image/png")));
    await alice.request(retract(METADATA, PNG_ID), "<iq type='result' id='ret'/>");
    await soon(alice, CARD, GOT("{empty}"));
  }));

Deno.test("what not everybody may see is not shown to everybody (XEP-0398 §7)", async () => {
  const presence = publishOptions({ access_model: "presence" });
  await withServer({}, {}, async (server) => {
    const alice = await login(server, "alice");
    await alice.request(data(PNG, presence), PUBLISHED);
    await alice.request(metadata(PNG_ID, INFO_OF(PNG, "image/png"), presence), PUBLISHED);
    await alice.receivesNothing(100);
    await alice.request(CARD, "<iq type='error' id='v'/>");
  });
  // Here the vCard is not for everybody either.
  await withServer({ modules: { vcard: { visible_to: "contacts" } } }, {}, async (server) => {
    const alice = await login(server, "alice");
    const bob = await online(server, "bob");
    await alice.request(data(PNG, presence), PUBLISHED);
    await alice.request(metadata(PNG_ID, INFO_OF(PNG, "image/png"), presence), PUBLISHED);
    await soon(alice, CARD, GOT(PHOTO(PNG, "image/png")));
    await bob.request(CARD, "<iq type='error' id='v'/>");
    await alice.request(SET(PHOTO(GIF, "image/gif")), DONE);
    const carol = await login(server, "carol");
    await carol.request(SET(PHOTO(GIF, "image/gif")), DONE);
    await bob.request(items(METADATA, "carol@localhost"), "<iq type='error' id='items'/>");
  });
});

Deno.test("a client that shows no image is left alone (XEP-0398 §4)", () =>
  withServer({}, {}, async (server) => {
    const alice = await online(server, "alice", {
      presence: `<presence><x xmlns='${UPDATE}'><photo/></x></presence>`,
    });
    await alice.request(data(PNG), PUBLISHED);
    await alice.request(metadata(PNG_ID, INFO_OF(PNG, "image/png")), PUBLISHED);
    await soon(alice, CARD, GOT(PHOTO(PNG, "image/png")));
    alice.skip();
    await alice.receivesNothing(50);
  }));

Deno.test("data and metadata that are wrong, and limits", () =>
  withServer(
    { modules: { avatars: { bytes: 1024 }, vcard: { bytes: 1024 } } },
    {},
    async (server) => {
      const alice = await login(server, "alice");
      const refuse = (iq: string, condition: string) => alice.request(iq, refused(condition));
      await refuse(data(PNG, OPEN, GIF_ID), "bad-request");
      await refuse(data(PNG, OPEN, ""), "bad-request");
      await refuse(publish(DATA, PNG_ID, `<data xmlns='${DATA}'/>`), "bad-request");
      await refuse(publish(DATA, PNG_ID, `<data xmlns='${DATA}'>no?base64</data>`), "bad-request");
      await refuse(publish(DATA, PNG_ID, "<data xmlns='urn:x'>AAAA</data>"), "bad-request");
      const large = Buffer.alloc(1025, 7);
      await refuse(data(large), "policy-violation");
      await refuse(metadata("x", "<info/>"), "bad-request");
      await refuse(metadata("x", "<info id='x' type='image/png' bytes='many'/>"), "bad-request");
      await refuse(publish(METADATA, "x", "<metadata xmlns='urn:x'/>"), "bad-request");
      await alice.request(items(DATA), "<iq type='error' id='items'/>");
      // Data that is not there, or only elsewhere: the vCard stays as it is.
      await alice.request(SET("<FN>Alice</FN>"), DONE);
      await alice.request(metadata(PNG_ID, INFO_OF(PNG, "image/png")), PUBLISHED);
      await alice.request(
        metadata(PNG_ID, INFO_OF(PNG, "image/png", " url='https://a/'")),
        PUBLISHED,
      );
      // An avatar that makes too large a vCard.
      const medium = Buffer.alloc(1000, 7);
      await alice.request(data(medium), PUBLISHED);
      await alice.request(metadata("m", INFO_OF(medium, "image/png")), PUBLISHED);
      await alice.receivesNothing(100);
      await alice.request(CARD, GOT("{only}<FN>Alice</FN>"));
    },
  ));

Deno.test("a photo that is too large for an avatar stays in the vCard", () =>
  withServer({ modules: { avatars: { bytes: 1024 } } }, {}, async (server) => {
    const alice = await login(server, "alice");
    const large = Buffer.alloc(2000, 7);
    await alice.request(SET(PHOTO(large, "image/png")), DONE);
    await alice.request(items(METADATA), "<iq type='error' id='items'/>");
    await alice.request(CARD, GOT(PHOTO(large, "image/png")));
  }));

Deno.test("without room for a node the vCard is stored all the same", () =>
  withServer({ modules: { pep: { nodes: 1 } } }, {}, async (server) => {
    const alice = await login(server, "alice");
    await alice.request(publish("urn:x", "a", "<x xmlns='urn:x'/>"), PUBLISHED);
    await alice.request(SET("<FN>Alice</FN>" + PHOTO(PNG, "image/png")), DONE);
    await alice.request(CARD, GOT("<FN>Alice</FN>" + PHOTO(PNG, "image/png")));
  }));
