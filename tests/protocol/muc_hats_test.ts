/** XEP-0317: Hats. */

import assert from "node:assert/strict";
import { online, type TestClient } from "../helpers/client.ts";
import {
  ask,
  configure,
  createRoom,
  enter,
  error,
  FORMS,
  inside,
  join,
  mucTest,
  quiet,
  ROOM,
  SERVICE,
  STANZAS,
  submission,
  USER,
} from "../helpers/muc.ts";
import { items } from "../helpers/muc_lists.ts";
import { woken } from "../helpers/muc_woken.ts";

const COMMANDS = "http://jabber.org/protocol/commands";
const HATS = "urn:xmpp:hats:0";
const NODE = "urn:xmpp:hats:commands";
const INFO = "http://jabber.org/protocol/disco#info";
const HOST = "urn:example:hats#host";
const GUEST = "urn:example:hats#guest";

let runs = 0;

/** Runs a command with its form at once, and takes the answer. */
async function run(
  client: TestClient,
  command: string,
  fields: readonly string[],
  answer: string,
): Promise<void> {
  const id = `h${++runs}`;
  const form = submission(NODE, ...fields.map((f) => `hats#${f}`));
  client.send(`<iq type='set' id='${id}' to='${ROOM}'>
    <command xmlns='${COMMANDS}' action='execute' node='${NODE}:${command}'>${form}</command></iq>`);
  await client.eventually(`<iq id='${id}' from='${ROOM}' ${answer}</iq>`);
}

const does = (client: TestClient, command: string, ...fields: string[]) =>
  run(client, command, fields, `type='result'><command xmlns='${COMMANDS}' status='completed'/>`);

const fails = (client: TestClient, condition: string, command: string, ...fields: string[]) =>
  run(client, command, fields, `type='error'>${error(condition)}`);

/** `title|uri|hue` of all hats. */
async function list(client: TestClient): Promise<readonly string[]> {
  const id = `h${++runs}`;
  client.send(`<iq type='set' id='${id}' to='${ROOM}'>
    <command xmlns='${COMMANDS}' action='execute' node='${NODE}:list'/></iq>`);
  await client.eventually(
    `<iq type='result' id='${id}'><command xmlns='${COMMANDS}' status='completed'>
    <x xmlns='${FORMS}' type='result'><reported><field var='hats#title'/><field var='hats#uri'/>
    <field var='hats#hue'/></reported></x></command></iq>`,
  );
  const x = client.last.child("command", COMMANDS)!.child("x", FORMS)!;
  const rows = x.elements().filter((e) => e.name === "item");
  return rows.map((row) =>
    row.elements().map((f) => f.child("value", FORMS)?.text() ?? "").join("|")
  );
}

async function hash(client: TestClient): Promise<string | undefined> {
  await ask(client, "get", `<query xmlns='${INFO}'/>`, `<query xmlns='${INFO}'/>`);
  const x = client.last.child("query", INFO)!.child("x", FORMS)!;
  const field = x.elements().find((f) => f.attrs.var === "hats#hash");
  return field?.child("value", FORMS)?.text();
}

const wearing = (nick: string, ...hats: string[]) =>
  `<presence from='${ROOM}/${nick}' type='{absent}'><hats xmlns='${HATS}'>{only}${
    hats.map((hat) => {
      const [title, uri, hue] = hat.split("|");
      return `<hat title='${title}' uri='${uri}' hue='${hue || "{absent}"}'/>`;
    }).join("")
  }</hats></presence>`;

const bare = (nick: string) =>
  `<presence from='${ROOM}/${nick}' type='{absent}'><hats xmlns='${HATS}'>{absent}</hats></presence>`;

const CHANGED =
  `<message from='${ROOM}' type='groupchat'><x xmlns='${USER}'><status code='104'/></x>
  </message>`;

mucTest("XEP-0317 §3.2: a hat is made, by the form or at once", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const bob = await inside(server, "bob", "second");
  assert.equal(await hash(crone), undefined);
  const { session } = await ask(
    crone,
    "set",
    `<command xmlns='${COMMANDS}' action='execute' node='${NODE}:create'/>`,
    `<command xmlns='${COMMANDS}' status='executing' sessionid='{session}'>
    <x xmlns='${FORMS}' type='form'><title/>
    <field var='FORM_TYPE' type='hidden'><value>${NODE}</value></field>
    <field var='hats#title' type='text-single'><required/></field>
    <field var='hats#uri' type='text-single'><required/></field>
    <field var='hats#hue' type='text-single'/></x></command>`,
  );
  const form = submission(NODE, "hats#title=Host", `hats#uri=${HOST}`, "hats#hue=327.255249");
  await ask(
    crone,
    "set",
    `<command xmlns='${COMMANDS}' node='${NODE}:create' sessionid='${session}'>${form}</command>`,
    `<command xmlns='${COMMANDS}' status='completed'/>`,
  );
  await bob.receives(CHANGED);
  await does(crone, "create", "title=Guest", `uri=${GUEST}`);
  await bob.receives(CHANGED);
  assert.deepEqual(await list(bob), [`Host|${HOST}|327.255249`, `Guest|${GUEST}|`]);
  const before = await hash(bob);
  assert.match(before!, /^[0-9a-f]{40}$/);
  await does(crone, "create", "title=Visitor", `uri=${GUEST}`, "hue=10");
  assert.deepEqual(await list(bob), [`Host|${HOST}|327.255249`, `Visitor|${GUEST}|10`]);
  assert.notEqual(await hash(bob), before);
  await does(crone, "create", "title=Guest", `uri=${GUEST}`);
  assert.equal(await hash(bob), before);
});

mucTest("XEP-0317 §3.1, §3.5, §3.6: hats are given and taken away", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const bob = await inside(server, "bob", "second");
  await does(crone, "create", "title=Host", `uri=${HOST}`, "hue=1.5");
  await does(crone, "create", "title=Guest", `uri=${GUEST}`);
  await quiet(server);
  await does(crone, "assign", "jid=bob@localhost/desk", `uri=${HOST}`);
  const host = `Host|${HOST}|1.5`;
  const guest = `Guest|${GUEST}`;
  await bob.receives(wearing("second", host));
  // Whoever is not there gets one for later.
  await does(crone, "assign", "jid=bob@localhost", `uri=${GUEST}`);
  await bob.receives(wearing("second", host, guest));
  await does(crone, "assign", "jid=hag@localhost", `uri=${GUEST}`);
  await bob.receivesNothing();
  const hag = await online(server, "hag");
  hag.send(join("third"));
  await hag.receives(bare("firstwitch"));
  await hag.receives(wearing("second", host, guest));
  await hag.receives(wearing("third", guest));
  await quiet(server);
  // With whatever else the presence says.
  bob.send(`<presence to='${ROOM}/second'><show>away</show></presence>`);
  await hag.receives(wearing("second", host, guest).replace("<hats", "<show>away</show><hats"));
  // In all clients, and under another nickname.
  bob.send(`<presence to='${ROOM}/rob'/>`);
  await hag.receives(`<presence from='${ROOM}/second' type='unavailable'/>`);
  await hag.receives(wearing("rob", host, guest));
  await quiet(server);
  await does(crone, "unassign", "jid=bob@localhost", `uri=${HOST}`);
  await hag.receives(wearing("rob", guest));
  await does(crone, "unassign", "jid=bob@localhost", `uri=${HOST}`);
  await hag.receivesNothing();
});

mucTest("XEP-0317 §3.2, §3.3: who wears a hat shows its change, and its end", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const bob = await inside(server, "bob", "second");
  await does(crone, "create", "title=Host", `uri=${HOST}`);
  await does(crone, "assign", "jid=bob@localhost", `uri=${HOST}`);
  await quiet(server);
  await does(crone, "create", "title=Landlord", `uri=${HOST}`, "hue=0");
  await bob.receives(wearing("second", `Landlord|${HOST}|0`));
  await bob.receives(CHANGED);
  await quiet(server);
  const options = `<option label='Landlord'><value>${HOST}</value></option>`;
  await ask(
    crone,
    "set",
    `<command xmlns='${COMMANDS}' action='execute' node='${NODE}:destroy'/>`,
    `<command xmlns='${COMMANDS}' status='executing'><x xmlns='${FORMS}' type='form'>
    <field var='hats#uri' type='list-single'>${options}</field></x></command>`,
  );
  await does(crone, "destroy", `uri=${HOST}`);
  await bob.receives(bare("second"));
  await bob.receives(CHANGED);
  assert.deepEqual(await list(bob), []);
  assert.equal(await hash(bob), undefined);
  // A new one of that name is worn by nobody.
  await does(crone, "create", "title=Host", `uri=${HOST}`);
  await bob.receives(CHANGED);
  await bob.receivesNothing();
});

mucTest("XEP-0317: admins rule over hats, others may look", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const grant = items("wicca@localhost admin", "hag@localhost member", "eve@localhost outcast");
  await ask(crone, "set", grant);
  const admin = await online(server, "wicca");
  const hag = await inside(server, "hag", "third");
  await does(admin, "create", "title=Host", `uri=${HOST}`);
  for (const client of [hag, await online(server, "bob")]) {
    assert.deepEqual(await list(client), [`Host|${HOST}|`]);
    await fails(client, "forbidden", "create", "title=Own", "uri=urn:own");
    await fails(client, "forbidden", "destroy", `uri=${HOST}`);
    await fails(client, "forbidden", "assign", `uri=${HOST}`, "jid=hag@localhost");
    await fails(client, "forbidden", "unassign", `uri=${HOST}`, "jid=hag@localhost");
  }
  const eve = await online(server, "eve");
  await fails(eve, "forbidden", "list");
  // They find what they may run.
  const commands = async (client: TestClient) => {
    await ask(
      client,
      "get",
      `<query xmlns='http://jabber.org/protocol/disco#items' node='${COMMANDS}'/>`,
      "<query xmlns='http://jabber.org/protocol/disco#items'/>",
    );
    return client.last.elements()[0]!.elements().map((e) => e.attrs.node!.split(":").at(-1)).sort();
  };
  assert.deepEqual(await commands(hag), ["list"]);
  assert.deepEqual(await commands(admin), ["assign", "create", "destroy", "list", "unassign"]);
});

mucTest("XEP-0317: hats that are none", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const no = (command: string, ...fields: string[]) =>
    fails(crone, "not-acceptable", command, ...fields);
  // XEP-0050 §4.4: what the form itself rules out.
  const bad = (command: string, ...fields: string[]) =>
    fails(crone, "bad-request", command, ...fields);
  await bad("create", "title=Host");
  await bad("create", `uri=${HOST}`);
  await bad("create", "title=", `uri=${HOST}`);
  await no("create", "title=Host", "uri=host");
  await no("create", "title=Host", "uri=urn:a b");
  await no("create", "title=Host", `uri=urn:${"x".repeat(500)}`);
  await no("create", `title=${"x".repeat(101)}`, `uri=${HOST}`);
  for (const hue of ["-1", "361", "red", "1e2", "1.5.2", "NaN"]) {
    await no("create", "title=Host", `uri=${HOST}`, `hue=${hue}`);
  }
  await bad("destroy", `uri=${HOST}`);
  await bad("assign", `uri=${HOST}`, "jid=bob@localhost");
  await does(crone, "create", "title=Host", `uri=${HOST}`, "hue=360");
  await bad("assign", `uri=${HOST}`);
  await bad("assign", `uri=${HOST}`, "jid=a@b@c");
  await bad("assign", "jid=bob@localhost");
  await fails(crone, "item-not-found", "dance", `uri=${HOST}`);
  // At rooms that are not there, and at the service, which has no such command.
  for (
    const [to, condition] of [
      [`nowhere@${SERVICE}`, "item-not-found"],
      [SERVICE, "service-unavailable"],
    ]
  ) {
    await crone.request(
      `<iq type='set' id='n' to='${to}'>
      <command xmlns='${COMMANDS}' action='execute' node='${NODE}:list'/></iq>`,
      `<iq type='error'><error><${condition} xmlns='${STANZAS}'/></error></iq>`,
    );
  }
});

mucTest("XEP-0317: so many hats, and so many who wear one", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  for (const n of [1, 2, 3]) await does(crone, "create", `title=${n}`, `uri=urn:hat:${n}`);
  await fails(crone, "resource-constraint", "create", "title=4", "uri=urn:hat:4");
  await does(crone, "create", "title=three", "uri=urn:hat:3");
  await does(crone, "destroy", "uri=urn:hat:3");
  await does(crone, "create", "title=4", "uri=urn:hat:4");
  for (const n of [1, 2]) await does(crone, "assign", `jid=u${n}@localhost`, "uri=urn:hat:1");
  await fails(crone, "resource-constraint", "assign", "jid=u3@localhost", "uri=urn:hat:1");
  await does(crone, "assign", "jid=u2@localhost", "uri=urn:hat:1");
  await does(crone, "unassign", "jid=u2@localhost", "uri=urn:hat:1");
  await does(crone, "assign", "jid=u3@localhost", "uri=urn:hat:1");
}, { modules: { muc: { hats: 3, hat_wearers: 2 } } });

mucTest("XEP-0317: nobody puts on a hat by oneself", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  await does(crone, "create", "title=Host", `uri=${HOST}`);
  await quiet(server);
  const bob = await online(server, "bob");
  const hat = `<hats xmlns='${HATS}'><hat title='Host' uri='${HOST}'/></hats>`;
  bob.send(join("second").replace("</presence>", `${hat}</presence>`));
  await crone.receives(bare("second"));
  await bob.eventually("<message><subject/></message>");
  bob.send(`<message to='${ROOM}' type='groupchat'><body>hi</body>${hat}</message>`);
  await crone.receives(`<message><body>hi</body><hats xmlns='${HATS}'>{absent}</hats></message>`);
});

mucTest("XEP-0317: hats are there when the room is woken", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  await configure(crone, ["persistentroom=1"]);
  await does(crone, "create", "title=Host", `uri=${HOST}`, "hue=12");
  await does(crone, "assign", "jid=bob@localhost", `uri=${HOST}`);
  const before = await hash(crone);
  await woken(server, async (later) => {
    const bob = await online(later, "bob");
    assert.equal(await hash(bob), before);
    bob.send(join("second"));
    await bob.receives(wearing("second", `Host|${HOST}|12`));
    await enter(bob, "second");
  });
});
