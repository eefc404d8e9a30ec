/** The hooks of archives: what a room or a node does with an archive of its own. */

import assert from "node:assert/strict";
import { StanzaError } from "../../lib/errors.ts";
import { stanzaIdElement } from "../../lib/formats/stanza_id.ts";
import { parseStored } from "../../lib/formats/stored.ts";
import {
  archiveMetadata,
  archiveOwner,
  archiveQuery,
  archiveReplace,
  archiveServe,
  archiveSettled,
  archiveStore,
  archiveWipe,
  messageArchived,
} from "../../lib/hooks/archive.ts";
import type { ServeOptions } from "../../lib/hooks/archive.ts";
import { parseJid } from "../../lib/jid.ts";
import { iq, message } from "../../lib/stanza.ts";
import { xml } from "../../lib/xml/element.ts";
import { parseXml } from "../../lib/xml/parser.ts";
import { online } from "../helpers/client.ts";
import { MAM, page } from "../helpers/mam.ts";
import { type TestServer, withServer } from "../helpers/server.ts";

const ROOM = parseJid("coven@chat.localhost")!;
const OWNER = archiveOwner(ROOM);

/** What a witch says in the room. */
async function say(server: TestServer, nick: string, body: string) {
  const from = parseJid(`${ROOM.bare}/${nick}`)!;
  const said = message(
    { from, type: "groupchat", id: body },
    xml("body", "jabber:client", {}, body),
  );
  const real = parseJid(`${nick}@localhost/x`)!;
  return (await server.host().hooks.ask(archiveStore, OWNER, { message: said, with: real }))!;
}

async function serve(server: TestServer, reader: string, payload: string, options?: ServeOptions) {
  const request = iq(
    { type: "set", id: "q", from: parseJid(reader)!, to: ROOM },
    parseXml(payload),
  );
  return (await server.host().hooks.ask(archiveServe, request, OWNER, options))!;
}

Deno.test("a node's archive is another than that of its service", () => {
  assert.equal(archiveOwner(ROOM), "coven@chat.localhost");
  assert.equal(archiveOwner(ROOM, "a/b"), "coven@chat.localhost/a/b");
});

Deno.test("whoever has stored a message hears when it is on the disk, long before its time", () =>
  withServer({}, {}, async (server) => {
    const { hooks } = server.host();
    assert.equal(hooks.ask(archiveSettled, OWNER), true);
    await say(server, "one", "hail");
    const kept = hooks.ask(archiveSettled, OWNER);
    assert.ok(kept instanceof Promise);
    assert.ok(server.inner.durability.pending > 0);
    assert.equal(await kept, true);
    assert.equal(server.inner.durability.pending, 0);
    assert.equal(hooks.ask(archiveSettled, OWNER), true);
  }));

Deno.test("stored, asked for, replaced, wiped", () =>
  withServer({}, {}, async (server) => {
    const { hooks } = server.host();
    const told: string[] = [];
    hooks.add(messageArchived, "test", (owner, { id }, entry) => {
      told.push(`${owner} ${id} ${entry.with.full}`);
    });
    const [first, second] = [await say(server, "one", "hail"), await say(server, "two", "boil")];
    assert.deepEqual(told, [
      `${OWNER} ${first.id} one@localhost/x`,
      `${OWNER} ${second.id} two@localhost/x`,
    ]);
    // The commit was pledged, so an acknowledgement would have waited for it.
    assert.ok(server.inner.durability.pending > 0);
    await server.inner.durability.barrier();
    assert.equal(server.inner.durability.pending, 0);

    const ends = await hooks.ask(archiveMetadata, OWNER);
    assert.deepEqual(ends, { first, last: second });
    const by = { with: parseJid("two@localhost")! };
    const found = (await hooks.ask(archiveQuery, OWNER, by))!;
    assert.deepEqual(found.messages.map((m) => m.id), [second.id]);
    assert.equal(
      found.messages[0]!.xml,
      "<message type='groupchat' id='boil' from='coven@chat.localhost/two'><body>boil</body></message>",
    );

    const other = message({ from: ROOM }, xml("retracted", "urn:example"));
    assert.equal(await hooks.ask(archiveReplace, OWNER, first.id, other), true);
    assert.equal(await hooks.ask(archiveReplace, OWNER, "nonsense", other), false);
    assert.equal(await hooks.ask(archiveReplace, `${OWNER}/node`, first.id, other), false);
    const all = (await hooks.ask(archiveQuery, OWNER, {}))!;
    assert.deepEqual(all.messages.map((m) => parseStored(m.xml).first()!.name), [
      "retracted",
      "body",
    ]);
    assert.deepEqual(all.messages.map(({ id, stamp }) => ({ id, stamp })), [first, second]);

    assert.equal(await hooks.ask(archiveWipe, OWNER), true);
    assert.equal(await hooks.ask(archiveMetadata, OWNER), "empty");
    assert.equal(await hooks.ask(archiveWipe, OWNER), true);
  }));

Deno.test("served to a reader who was let in", () =>
  withServer({}, {}, async (server) => {
    const alice = await online(server, "alice");
    await say(server, "one", "hail");
    const second = await say(server, "two", "boil");
    const mark = xml("x", "http://jabber.org/protocol/muc#user");
    const fin = await serve(server, alice.jid, `<query xmlns='${MAM}' queryid='g27'/>`, {
      shape: (m) => m.append(mark, stanzaIdElement("x", ROOM.bare)),
    });
    for (const [nick, body] of [["one", "hail"], ["two", "boil"]]) {
      await alice.receives(
        `<message from='${ROOM.bare}' to='${alice.jid}'><result xmlns='${MAM}' queryid='g27'>
        <forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' type='groupchat' to='{absent}' from='${ROOM.bare}/${nick}'>
          <body>${body}</body><x xmlns='http://jabber.org/protocol/muc#user'/></message></forwarded></result></message>`,
      );
    }
    assert.equal(fin.attrs.complete, "true");
    assert.equal(fin.child("set", "http://jabber.org/protocol/rsm")!.childText("last"), second.id);

    const form =
      `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>${MAM}</value></field>
      <field var='with'><value>one@localhost</value></field></x>`;
    await assert.rejects(
      serve(server, alice.jid, `<query xmlns='${MAM}'>${form}</query>`, { mayAskWith: false }),
      (e) => e instanceof StanzaError && e.condition === "forbidden",
    );
    await alice.receivesNothing();
    const metadata = await serve(server, alice.jid, `<metadata xmlns='${MAM}'/>`);
    assert.equal(metadata.child("end")!.attrs.id, second.id);
  }));

Deno.test("a copy of a sent message bears the id of its sender's archive (§3.5)", () =>
  withServer({}, {}, async (server) => {
    const phone = await online(server, "alice");
    const tablet = await online(server, "alice");
    await tablet.request(
      "<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>",
      "<iq type='result' id='c'/>",
    );
    const bob = await online(server, "bob");
    phone.skip();
    tablet.skip();
    phone.send("<message to='bob@localhost' type='chat'><body>hi</body></message>");
    const { id } = await tablet.receives(
      `<message from='alice@localhost'><sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>
        <message xmlns='jabber:client'><body>hi</body><stanza-id xmlns='urn:xmpp:sid:0' by='alice@localhost' id='{id}'/>
        </message></forwarded></sent></message>`,
    );
    await bob.receives("<message><body>hi</body></message>");
    assert.ok(!bob.last.toString().includes("alice@localhost'/>"), "her id is not for him");
    assert.deepEqual((await page(phone)).ids, [id]);
  }));
