/** XEP-0313 §3.3.2, §6.1.2: the archives of rooms. */

import assert from "node:assert/strict";
import { online, type TestClient } from "../helpers/client.ts";
import { field, MAM } from "../helpers/mam.ts";
import {
  ask,
  configure,
  createRoom,
  enter,
  inside,
  item,
  MODULES,
  mucTest,
  quiet,
  refused,
  ROOM,
  SERVICE,
  USER,
} from "../helpers/muc.ts";
import { archiveQuery, body, readArchive, say } from "../helpers/muc_archive.ts";
import { items } from "../helpers/muc_lists.ts";

const INFO = "http://jabber.org/protocol/disco#info";

async function forbidden(client: TestClient, condition = "forbidden"): Promise<void> {
  await refused(client, "set", archiveQuery(), condition);
  await refused(client, "get", `<query xmlns='${MAM}'/>`, condition);
  await refused(client, "get", `<metadata xmlns='${MAM}'/>`, condition);
}

const readable = async (client: TestClient) => (await readArchive(client)).bodies;

mucTest("XEP-0313 §6.1.2: an open room's archive is for everybody but outcasts", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  await say(crone, body("hail"));
  await ask(crone, "set", items("bob@localhost outcast"));
  assert.equal(await readable(crone), "hail");
  assert.equal(await readable(await online(server, "eve")), "hail");
  await forbidden(await online(server, "bob"));
});

mucTest("XEP-0313 §6.1.2: a members-only room's archive is for members", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch", ["membersonly=1"]);
  await say(crone, body("hail"));
  await ask(crone, "set", items("hag@localhost member", "wicca@localhost admin"));
  assert.equal(await readable(await online(server, "hag")), "hail");
  assert.equal(await readable(await online(server, "wicca")), "hail");
  const eve = await online(server, "eve");
  await forbidden(eve);
  await ask(crone, "set", items("eve@localhost member"));
  assert.equal(await readable(eve), "hail");
  await ask(crone, "set", items("eve@localhost none"));
  await forbidden(eve);
});

mucTest(
  "XEP-0313 §6.1.2: with a password, for those who are in and for members",
  async (server) => {
    const fields = ["passwordprotectedroom=1", "roomsecret=cauldronburn"];
    const crone = await createRoom(server, "crone", "firstwitch", fields);
    await say(crone, body("hail"));
    await ask(crone, "set", items("hag@localhost member"));
    const eve = await online(server, "eve");
    await forbidden(eve);
    assert.equal(await readable(await online(server, "hag")), "hail");
    eve.send(`<presence to='${ROOM}/eve'><x xmlns='http://jabber.org/protocol/muc'>
    <password>cauldronburn</password></x></presence>`);
    await eve.eventually("<message><subject/></message>");
    assert.equal(await readable(eve), "hail");
  },
);

mucTest(
  "XEP-0313 §6.1.2: only accounts of this host read where only they may enter",
  async (server) => {
    const crone = await createRoom(server, "crone", "firstwitch");
    await say(crone, body("hail"));
    await forbidden(await online(server, "bob", { domain: "heath.example" }));
    assert.equal(await readable(await online(server, "bob")), "hail");
  },
  { hosts: { localhost: {}, "heath.example": {} }, modules: { muc: { enter: "accounts" } } },
);

mucTest("XEP-0313 §3.3.2: the room says that it has one; no archive, no room", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  await ask(
    crone,
    "get",
    `<query xmlns='${INFO}'/>`,
    `<query xmlns='${INFO}'><feature var='${MAM}'/><feature var='${MAM}#extended'/></query>`,
  );
  await ask(
    crone,
    "get",
    `<query xmlns='${MAM}'/>`,
    `<query xmlns='${MAM}'><x xmlns='jabber:x:data' type='form'><field var='with'/>
    <field var='start'/><field var='end'/><field var='ids'/></x></query>`,
  );
  const nowhere = `nowhere@${SERVICE}`;
  await refused(crone, "set", archiveQuery(), "item-not-found", "cancel", nowhere);
  await enter(crone, "firstwitch", `locked@${SERVICE}`);
  const eve = await online(server, "eve");
  await refused(eve, "set", archiveQuery(), "item-not-found", "cancel", `locked@${SERVICE}`);
});

for (
  const [how, settings, modules] of [
    ["the owner has switched off", {}, MODULES],
    ["the server does not keep", { modules: { muc: { defaults: { archive: false } } } }, MODULES],
    ["there is no module for", {}, MODULES.filter((name) => name !== "mam")],
  ] as const
) {
  mucTest(
    `XEP-0313: an archive that ${how}`,
    async (server) => {
      const crone = await createRoom(server, "crone", "firstwitch");
      if (how.startsWith("the owner")) await configure(crone, ["enablearchiving=0"]);
      await say(crone, body("hail"));
      await forbidden(crone, "service-unavailable");
      await ask(crone, "get", `<query xmlns='${INFO}'/>`, `<query xmlns='${INFO}'/>`);
      const features = crone.last.child("query", INFO)!.elements().map((e) => e.attrs.var);
      assert(!features.includes(MAM));
    },
    settings,
    modules,
  );
}

mucTest("XEP-0313 §6.1.2: real addresses are for those who may know them", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  await ask(crone, "set", items("wicca@localhost admin"));
  const bob = await inside(server, "bob", "second");
  const hag = await inside(server, "hag", "third");
  await say(bob, body("hail") + `<x xmlns='${USER}'><item jid='forged@localhost'/></x>`);
  const addresses = async (client: TestClient) => {
    const { messages } = await readArchive(client);
    return messages.map((m) => m.child("x", USER)?.child("item", USER)?.attrs.jid);
  };
  assert.deepEqual(await addresses(crone), [bob.jid]);
  assert.deepEqual(await addresses(await online(server, "wicca")), [bob.jid]);
  assert.deepEqual(await addresses(bob), [undefined]);
  assert.deepEqual(await addresses(hag), [undefined]);
  assert.deepEqual(await addresses(await online(server, "eve")), [undefined]);
  // A moderator may know them as long as it is one.
  await ask(crone, "set", item("nick='third' role='moderator'"));
  assert.deepEqual(await addresses(hag), [bob.jid]);
  await ask(crone, "set", item("nick='third' role='participant'"));
  assert.deepEqual(await addresses(hag), [undefined]);
  await configure(crone, ["whois=anyone"]);
  assert.deepEqual(await addresses(await online(server, "eve")), [bob.jid]);
});

mucTest("XEP-0313 §4.1.1: only those may ask for somebody's messages", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const bob = await inside(server, "bob", "second");
  await say(crone, body("one"));
  await say(bob, body("two"));
  const by = (jid: string) => [field("with", jid)];
  assert.equal((await readArchive(crone, by("bob@localhost"))).bodies, "two");
  assert.equal((await readArchive(crone, by(crone.jid))).bodies, "one");
  assert.equal((await readArchive(crone, by("eve@localhost"))).bodies, "");
  for (const client of [bob, await online(server, "eve")]) {
    await refused(client, "set", archiveQuery(by("bob@localhost")), "forbidden");
    await refused(client, "set", archiveQuery(by("eve@localhost")), "forbidden");
  }
  await configure(crone, ["whois=anyone"]);
  assert.equal((await readArchive(bob, by("crone@localhost"))).bodies, "one");
});

mucTest("XEP-0313 §6.1.2: what is in it, and what is not", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch", ["moderatedroom=1"]);
  const bob = await inside(server, "bob", "second");
  await quiet(server);
  const id = await say(crone, body("hail"));
  await say(crone, "<subject>Toads</subject>");
  // Neither what is for one alone, nor what was refused, nor what says nothing.
  crone.send(`<message to='${ROOM}/second' type='chat'><body>psst</body></message>`);
  await bob.eventually("<message><body>psst</body></message>");
  bob.send(`<message to='${ROOM}' type='groupchat'><body>may I?</body></message>`);
  await bob.eventually("<message type='error'/>");
  await say(crone, "<composing xmlns='http://jabber.org/protocol/chatstates'/>");
  await say(crone, body("ephemeral") + "<no-store xmlns='urn:xmpp:hints'/>");
  // What people do is none of it, either.
  await ask(crone, "set", items("hag@localhost member"));
  const { ids, messages, complete } = await readArchive(crone);
  assert.equal(messages.length, 2, messages.join());
  assert.equal(ids[0], id);
  assert(complete);
  const [first, second] = messages;
  assert.equal(first!.attrs.from, `${ROOM}/firstwitch`);
  assert.equal(first!.attrs.type, "groupchat");
  assert.equal(first!.attrs.to, undefined);
  assert.notEqual(first!.child("occupant-id", "urn:xmpp:occupant-id:0"), undefined);
  assert.equal(second!.child("subject", "jabber:client")!.text(), "Toads");
});

mucTest("XEP-0313 §4.3, XEP-0059: pages, ids, times and metadata", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const ids: string[] = [];
  for (const text of ["a", "b", "c", "d", "e"]) ids.push(await say(crone, body(text)));
  const page = (...set: string[]) => readArchive(crone, [], set);
  const first = await page("<max>2</max>");
  assert.deepEqual([first.bodies, first.complete], ["a b", false]);
  assert.equal((await page("<max>2</max>", `<after>${first.ids[1]}</after>`)).bodies, "c d");
  const last = await page("<max>2</max>", "<before/>");
  assert.deepEqual([last.bodies, last.complete], ["d e", false]);
  assert.equal((await page("<max>2</max>", `<before>${last.ids[0]}</before>`)).bodies, "b c");
  assert.equal((await page("<max>0</max>")).count, "5");
  await refused(crone, "set", archiveQuery([], ["<after>unknown</after>"]), "item-not-found");
  const some = await readArchive(crone, [field("ids", ids[1]!, ids[3]!)]);
  assert.equal(some.bodies, "b d");
  await refused(crone, "set", archiveQuery([field("ids", "unknown")]), "item-not-found");
  assert.equal((await readArchive(crone, [field("start", "2100-01-01T00:00:00Z")])).bodies, "");
  assert.equal((await readArchive(crone, [field("end", "2100-01-01T00:00:00Z")])).ids.length, 5);
  assert.equal((await readArchive(crone, [field("after-id", ids[3]!)])).bodies, "e");
  await ask(
    crone,
    "get",
    `<metadata xmlns='${MAM}'/>`,
    `<metadata xmlns='${MAM}'><start id='${ids[0]}'/><end id='${ids[4]}'/></metadata>`,
  );
});

mucTest("XEP-0313, XEP-0359: what is said is kept once, whoever is there", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  for (const name of ["a", "b", "c"]) await inside(server, name, name);
  const id = await say(crone, body("hail"));
  const { ids } = await readArchive(crone);
  assert.deepEqual(ids, [id]);
  // Nor is it in anybody's own archive.
  await quiet(server);
  crone.send(`<iq type='set' id='own'><query xmlns='${MAM}'/></iq>`);
  await crone.receives("<iq type='result' id='own'><fin xmlns='urn:xmpp:mam:2'/></iq>");
});
