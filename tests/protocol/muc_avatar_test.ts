/** XEP-0054, XEP-0486: the vCard of a room, and its avatar. */

import assert from "node:assert/strict";
import { online, type TestClient } from "../helpers/client.ts";
import {
  ask,
  configure,
  createRoom,
  enter,
  FORMS,
  inside,
  join,
  mucTest,
  quiet,
  refused,
  ROOM,
  seen,
  SERVICE,
  USER,
} from "../helpers/muc.ts";
import { body, readArchive, say } from "../helpers/muc_archive.ts";
import { items } from "../helpers/muc_lists.ts";
import { woken } from "../helpers/muc_woken.ts";

const INFO = "http://jabber.org/protocol/disco#info";
const UPDATE = "vcard-temp:x:update";
const GET = "<vCard xmlns='vcard-temp'/>";

/** The images of XEP-0486 §5.1, and their hashes. */
const SVG =
  "PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHdpZHRoPSIzMiIgaGVpZ2h0PSIzMiI+CiA8" +
  "cmVjdCB4PSIwIiB5PSIwIiB3aWR0aD0iMzIiIGhlaWdodD0iMzIiIGZpbGw9InJlZCIvPgo8L3N2Zz4K";
const SVG_HASH = "a31c4bd04de69663cfd7f424a8453f4674da37ff";

const photo = (data: string, type = "image/svg+xml") =>
  `<PHOTO><TYPE>${type}</TYPE><BINVAL>${data}</BINVAL></PHOTO>`;
const card = (content: string) => `<vCard xmlns='vcard-temp'>${content}</vCard>`;

const CHANGED =
  `<message from='${ROOM}' type='groupchat'><x xmlns='${USER}'><status code='104'/></x>
  </message>`;
const told = (hash: string) =>
  `<presence from='${ROOM}'><x xmlns='${UPDATE}'><photo>${
    hash || "{empty}"
  }</photo></x></presence>`;

async function hashes(client: TestClient): Promise<readonly string[] | undefined> {
  await ask(client, "get", `<query xmlns='${INFO}'/>`, `<query xmlns='${INFO}'/>`);
  const x = client.last.child("query", INFO)!.child("x", FORMS)!;
  const field = x.elements().find((f) => f.attrs.var === "muc#roominfo_avatarhash");
  if (field === undefined) return undefined;
  assert.equal(field.attrs.type, "text-multi");
  return field.elements().map((v) => v.text());
}

mucTest("XEP-0486 §3.1: the service and its rooms have vCards", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const feature = `<query xmlns='${INFO}'><feature var='vcard-temp'/></query>`;
  await ask(crone, "get", `<query xmlns='${INFO}'/>`, feature);
  await ask(crone, "get", `<query xmlns='${INFO}'/>`, feature, SERVICE);
  await ask(crone, "get", GET, "<vCard xmlns='vcard-temp'>{empty}</vCard>");
  await ask(crone, "get", GET, "<vCard xmlns='vcard-temp'><FN>Witches</FN></vCard>", SERVICE);
  await refused(crone, "set", card("<FN>x</FN>"), "service-unavailable", "cancel", SERVICE);
  const nowhere = `nowhere@${SERVICE}`;
  await refused(crone, "get", GET, "item-not-found", "cancel", nowhere);
  await refused(crone, "set", card(""), "item-not-found", "cancel", nowhere);
}, { modules: { muc: { title: "Witches" } } });

mucTest("XEP-0486 §3.2-3.4: an owner publishes an avatar, and removes it", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const bob = await inside(server, "bob", "second");
  assert.equal(await hashes(bob), undefined);
  await quiet(server);
  crone.send(`<iq type='set' id='7fP13' to='${ROOM}'>${card(`<FN>Garden</FN>${photo(SVG)}`)}</iq>`);
  await crone.receives(`<iq type='result' id='7fP13' from='${ROOM}'>{empty}</iq>`);
  await crone.receives(CHANGED);
  await crone.receives(told(SVG_HASH));
  await bob.receives(CHANGED);
  await bob.receives(told(SVG_HASH));
  assert.deepEqual(await hashes(bob), [SVG_HASH]);
  // Whoever is not there finds it, too.
  const eve = await online(server, "eve");
  assert.deepEqual(await hashes(eve), [SVG_HASH]);
  await ask(
    eve,
    "get",
    GET,
    `<vCard xmlns='vcard-temp'><FN>Garden</FN><PHOTO><TYPE>image/svg+xml</TYPE>
    <BINVAL>${SVG}</BINVAL></PHOTO></vCard>`,
  );
  // Who enters is told of it behind the own presence.
  eve.send(join("third"));
  await eve.eventually(seen("third", "role='participant'", { status: [110] }));
  await eve.receives(told(SVG_HASH));
  await eve.receives("<message><subject/></message>");
  await quiet(server);
  await ask(crone, "set", card(""));
  await bob.receives(CHANGED);
  await bob.receives(told(""));
  assert.equal(await hashes(bob), undefined);
  await ask(bob, "get", GET, "<vCard xmlns='vcard-temp'>{empty}</vCard>");
});

mucTest("XEP-0486 §5.1: several forms of one avatar", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const other = btoa("another image");
  await ask(crone, "set", card(photo(SVG) + photo(other, "image/png")));
  const found = await hashes(crone);
  assert.equal(found!.length, 2);
  assert.equal(found![0], SVG_HASH);
  assert.match(found![1]!, /^[0-9a-f]{40}$/);
  // Line breaks in the data are none of the image; what is no image has no hash.
  await ask(crone, "set", card(photo(`\n${SVG.slice(0, 50)}\n  ${SVG.slice(50)}\n`)));
  assert.deepEqual(await hashes(crone), [SVG_HASH]);
  await ask(
    crone,
    "set",
    card("<PHOTO/><PHOTO><BINVAL/></PHOTO><PHOTO><EXTVAL>x</EXTVAL></PHOTO>"),
  );
  assert.equal(await hashes(crone), undefined);
  const many = Array.from({ length: 20 }, (_, i) => photo(btoa(`image ${i}`))).join("");
  await ask(crone, "set", card(many));
  assert.equal((await hashes(crone))!.length, 5);
});

mucTest("XEP-0486 §3.2, §6: only owners change it, and outcasts do not read it", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const grant = items("wicca@localhost admin", "hag@localhost member", "eve@localhost outcast");
  await ask(crone, "set", grant);
  const admin = await inside(server, "wicca", "second");
  const hag = await inside(server, "hag", "third");
  await quiet(server);
  for (const client of [admin, hag, await online(server, "bob")]) {
    await refused(client, "set", card(photo(SVG)), "forbidden", "auth");
    await refused(client, "set", card(""), "forbidden", "auth");
  }
  await crone.receivesNothing();
  await refused(await online(server, "eve"), "get", GET, "forbidden", "auth");
  await ask(await online(server, "boss"), "set", card(photo(SVG)));
  assert.deepEqual(await hashes(hag), [SVG_HASH]);
}, { admins: ["boss@localhost"] });

mucTest("XEP-0486: a vCard is of limited size", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const large = card(photo(btoa("x".repeat(3000))));
  await refused(crone, "set", large, "policy-violation", "modify");
  assert.equal(await hashes(crone), undefined);
  await ask(crone, "set", card(photo(btoa("x".repeat(500)))));
}, { modules: { muc: { vcard_bytes: "2 KiB" } } });

mucTest("XEP-0486 §5.2: without presence of the room itself", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  await ask(crone, "set", card(photo(SVG)));
  await crone.receives(CHANGED);
  await crone.receivesNothing();
  const bob = await online(server, "bob");
  bob.send(join("second"));
  await bob.receives(seen("firstwitch", "role='moderator'"));
  await bob.receives(seen("second", "role='participant'", { status: [110] }));
  await bob.receives("<message><subject/></message>");
}, { modules: { muc: { avatar_presence: false } } });

mucTest("XEP-0486: the avatar is there when the room is woken", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch", ["persistentroom=1"]);
  await ask(crone, "set", card(photo(SVG)));
  await woken(server, async (later) => {
    const bob = await online(later, "bob");
    assert.deepEqual(await hashes(bob), [SVG_HASH]);
    bob.send(join("second"));
    await bob.eventually(told(SVG_HASH));
    await ask(bob, "get", GET, "<vCard xmlns='vcard-temp'><PHOTO/></vCard>");
  });
});

mucTest("§10.1: a room that is not configured has no vCard and no archive yet", async (server) => {
  const crone = await online(server, "crone");
  await enter(crone, "firstwitch");
  await refused(crone, "set", card(photo(SVG)), "unexpected-request", "wait");
  await say(crone, body("anybody there?"));
  await refused(crone, "set", "<query xmlns='urn:xmpp:mam:2'/>", "service-unavailable");
  crone.send(`<presence to='${ROOM}/firstwitch' type='unavailable'/>`);
  await crone.eventually("<presence type='unavailable'/>");
  // Whoever makes it next finds nothing.
  const bob = await online(server, "bob");
  await enter(bob, "second");
  await configure(bob);
  assert.equal((await readArchive(bob)).bodies, "");
  await ask(bob, "get", GET, "<vCard xmlns='vcard-temp'>{empty}</vCard>");
});
