/** RFC 6121 §2: rosters. */

import assert from "node:assert/strict";
import type { TestClient } from "../helpers/client.ts";
import { login, online } from "../helpers/client.ts";
import { startServer, withServer } from "../helpers/server.ts";
import type { Table, TestServer } from "../helpers/server.ts";

const modules = ["auth", "ping", "disco", "roster", "presence"];
const ROSTER = "xmlns='jabber:iq:roster'";
const STANZAS = "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'";

function test(
  name: string,
  transcript: (server: TestServer) => Promise<void>,
  settings: Table = {},
): void {
  Deno.test(`RFC 6121 §2: ${name}`, () => withServer(settings, { modules }, transcript));
}

const get = (id: string, ver?: string) =>
  `<iq type='get' id='${id}'><query ${ROSTER}${ver === undefined ? "" : ` ver='${ver}'`}/></iq>`;
const set = (id: string, item: string, to = "") =>
  `<iq type='set' id='${id}'${to}><query ${ROSTER}>${item}</query></iq>`;
const push = (item: string) =>
  `<iq type='set' id='{any}'><query ${ROSTER} ver='{ver}'>${item}</query></iq>`;
const error = (id: string, type: string, condition: string) =>
  `<iq type='error' id='${id}'><error type='${type}'><${condition} ${STANZAS}/></error></iq>`;

/** Logs in and asks for the (empty) roster. */
async function interested(server: TestServer, name: string, resource?: string) {
  const client = await login(server, name, { resource });
  client.send(get("roster"));
  await client.receives(`<iq type='result' id='roster'><query ${ROSTER}/></iq>`);
  return client;
}

async function change(client: TestClient, item: string): Promise<string> {
  client.send(set("change", item));
  const { ver } = await client.receives(push("<item/>"));
  await client.receives("<iq type='result' id='change'>{empty}</iq>");
  return ver!;
}

test("an item is added, updated and removed; every interested resource hears of it", async (server) => {
  const balcony = await interested(server, "juliet", "balcony");
  const chamber = await interested(server, "juliet", "chamber");
  const deaf = await login(server, "juliet", { resource: "deaf" });

  balcony.send(
    set("a1", "<item jid='nurse@localhost' name='Nurse'><group>Servants</group></item>"),
  );
  const added = push(
    "<item jid='nurse@localhost' name='Nurse' subscription='none' ask='{absent}' approved='{absent}'>" +
      "<group>Servants</group></item>",
  );
  const first = await balcony.receives(added);
  await balcony.receives("<iq type='result' id='a1'>{empty}</iq>");
  assert.deepEqual(await chamber.receives(added), first);

  chamber.send(
    set("a2", "<item jid='nurse@localhost' name=''><group>A</group><group>B</group></item>"),
  );
  const updated = push(
    "<item jid='nurse@localhost' name='{absent}' subscription='none'><group>A</group><group>B</group></item>",
  );
  const second = await chamber.receives(updated);
  await chamber.receives("<iq type='result' id='a2'/>");
  await balcony.receives(updated);
  assert.notEqual(first.ver, second.ver);

  // A client may answer a push, or not.
  balcony.send(`<iq type='result' id='whatever' from='${balcony.jid}'/>`);

  balcony.send(get("g1"));
  await balcony.receives(
    `<iq type='result' id='g1'><query ${ROSTER} ver='${second.ver}'>` +
      "<item jid='nurse@localhost'><group>A</group><group>B</group></item></query></iq>",
  );

  balcony.send(set("a3", "<item jid='nurse@localhost' subscription='remove'/>"));
  const removed = push("<item jid='nurse@localhost' subscription='remove'>{empty}</item>");
  await balcony.receives(removed);
  await balcony.receives("<iq type='result' id='a3'/>");
  await chamber.receives(removed);
  await deaf.receivesNothing();
  await balcony.receivesNothing();
});

test("a set before the roster is asked for brings no push", async (server) => {
  const juliet = await login(server, "juliet");
  juliet.send(set("a1", "<item jid='nurse@localhost'/>"));
  await juliet.receives("<iq type='result' id='a1'/>");
  juliet.send(get("g1"));
  await juliet.receives(
    `<iq type='result'><query ${ROSTER}><item jid='nurse@localhost'/></query></iq>`,
  );
});

test("a client cannot set what presence decides (§2.1.2, §2.1.5)", async (server) => {
  const juliet = await interested(server, "juliet");
  juliet.send(
    set("a1", "<item jid='nurse@localhost' subscription='both' ask='subscribe' approved='true'/>"),
  );
  await juliet.receives(
    push("<item jid='nurse@localhost' subscription='none' ask='{absent}' approved='{absent}'/>"),
  );
});

test("errors of a set (§2.3.3, §2.5.3)", async (server) => {
  const juliet = await interested(server, "juliet");
  const refused = async (item: string, type: string, condition: string) => {
    juliet.send(set("bad", item));
    await juliet.receives(error("bad", type, condition));
  };
  await refused("", "modify", "bad-request");
  await refused("<item jid='a@localhost'/><item jid='b@localhost'/>", "modify", "bad-request");
  await refused("<item/>", "modify", "bad-request");
  await refused("<item jid='@'/>", "modify", "jid-malformed");
  await refused(`<item jid='a@localhost' name='${"x".repeat(257)}'/>`, "modify", "not-acceptable");
  await refused(
    "<item jid='a@localhost'><group>A</group><group>A</group></item>",
    "modify",
    "bad-request",
  );
  await refused("<item jid='a@localhost'><group/></item>", "modify", "not-acceptable");
  await refused(
    `<item jid='a@localhost'><group>${"x".repeat(257)}</group></item>`,
    "modify",
    "not-acceptable",
  );
  const many = Array.from({ length: 51 }, (_, i) => `<group>${i}</group>`).join("");
  await refused(`<item jid='a@localhost'>${many}</item>`, "modify", "not-acceptable");
  await refused("<item jid='a@localhost' subscription='remove'/>", "modify", "item-not-found");

  juliet.send(`<iq type='get' id='bad'><query ${ROSTER}><item jid='a@localhost'/></query></iq>`);
  await juliet.receives(error("bad", "modify", "bad-request"));
  juliet.send(get("g1"));
  await juliet.receives(`<iq type='result'><query ${ROSTER}>{empty}</query></iq>`);
});

test("limits are settings", async (server) => {
  const juliet = await interested(server, "juliet");
  juliet.send(set("a1", "<item jid='a@localhost' name='123456'/>"));
  await juliet.receives(error("a1", "modify", "not-acceptable"));
  juliet.send(set("a2", "<item jid='a@localhost'><group>123456</group></item>"));
  await juliet.receives(error("a2", "modify", "not-acceptable"));
  juliet.send(set("a3", "<item jid='a@localhost'><group>1</group><group>2</group></item>"));
  await juliet.receives(error("a3", "modify", "not-acceptable"));
  await change(juliet, "<item jid='a@localhost'/>");
  await change(juliet, "<item jid='b@localhost'/>");
  juliet.send(set("a4", "<item jid='c@localhost'/>"));
  await juliet.receives(error("a4", "modify", "policy-violation"));
  // Presence adds no more either.
  juliet.send("<presence type='subscribe' to='c@localhost' id='p1'/>");
  await juliet.receives(
    `<presence type='error' id='p1'><error><policy-violation ${STANZAS}/></error></presence>`,
  );
  await change(juliet, "<item jid='b@localhost' name='12345'/>");
}, { modules: { roster: { items: 2, name_length: 5, group_length: 5, groups_per_item: 1 } } });

test("a roster is its owner's alone", async (server) => {
  const juliet = await interested(server, "juliet");
  const romeo = await interested(server, "romeo");
  for (const whom of ["juliet@localhost", "nobody@localhost"]) {
    romeo.send(set("a1", "<item jid='romeo@localhost'/>", ` to='${whom}'`));
    await romeo.receives(error("a1", "auth", "forbidden"));
    romeo.send(`<iq type='get' id='a2' to='${whom}'><query ${ROSTER}/></iq>`);
    await romeo.receives(error("a2", "auth", "forbidden"));
  }
  romeo.send(set("a3", "<item jid='juliet@localhost'/>", " to='romeo@localhost'"));
  await romeo.receives(push("<item jid='juliet@localhost'/>"));
  await romeo.receives("<iq type='result' id='a3'/>");
  await juliet.receivesNothing();
});

test("versions (§2.6)", async (server) => {
  const juliet = await login(server, "juliet");
  juliet.send(get("g0", ""));
  const none = await juliet.receives(
    `<iq id='g0'><query ${ROSTER} ver='{ver}'>{empty}</query></iq>`,
  );
  juliet.send(get("g1", none.ver));
  await juliet.receives("<iq type='result' id='g1'>{empty}</iq>");

  const one = await change(juliet, "<item jid='a@localhost'/>");
  const two = await change(juliet, "<item jid='b@localhost'/>");
  assert.notEqual(one, two);
  juliet.send(get("g2", two));
  await juliet.receives("<iq type='result' id='g2'>{empty}</iq>");
  for (const ver of [one, none.ver!, "", "unknown"]) {
    juliet.send(get("g3", ver));
    await juliet.receives(
      `<iq type='result' id='g3'><query ${ROSTER} ver='${two}'>` +
        "<item jid='a@localhost'/><item jid='b@localhost'/></query></iq>",
    );
  }
  // It is interested all the same when nothing was sent.
  const again = await login(server, "juliet");
  again.send(get("g4", two));
  await again.receives("<iq type='result' id='g4'>{empty}</iq>");
  juliet.send(set("a1", "<item jid='b@localhost' subscription='remove'/>"));
  const three = await again.receives(push("<item jid='b@localhost' subscription='remove'/>"));
  again.send(get("g5", three.ver));
  await again.receives("<iq type='result' id='g5'>{empty}</iq>");

  // Offline and back.
  await juliet.close();
  await again.close();
  const back = await login(server, "juliet");
  back.send(get("g6", three.ver));
  await back.receives("<iq type='result' id='g6'>{empty}</iq>");
  back.send(get("g7", two));
  await back.receives(
    `<iq id='g7'><query ${ROSTER} ver='${three.ver}'><item jid='a@localhost'/>{only}</query></iq>`,
  );
});

test("the features are offered after authentication only", async (server) => {
  const { connect } = await import("../helpers/client.ts");
  const { authenticate } = await import("../helpers/sasl.ts");
  await server.addUser("juliet@localhost", "password");
  const juliet = await connect(server);
  await juliet.open();
  const before = await juliet.upgrade();
  const named = (tag: typeof before, ns: string) => tag.elements().some((e) => e.ns === ns);
  for (const feature of ["rosterver", "pre-approval"]) {
    assert.equal(named(before, `urn:xmpp:features:${feature}`), false);
  }
  await authenticate(juliet, "juliet", "password", "PLAIN");
  const after = await juliet.open();
  for (const feature of ["rosterver", "pre-approval"]) {
    assert.equal(named(after, `urn:xmpp:features:${feature}`), true);
  }
});

test("many changes at once from two resources: all see them in one order", async (server) => {
  const one = await interested(server, "juliet", "one");
  const two = await interested(server, "juliet", "two");
  const n = 40;
  for (let i = 0; i < n; i++) {
    one.send(set(`one-${i}`, `<item jid='c${i % 5}@localhost' name='one ${i}'/>`));
    two.send(set(`two-${i}`, `<item jid='c${i % 5}@localhost' name='two ${i}'/>`));
  }
  const heard = async (client: TestClient) => {
    const pushes: string[] = [];
    while (pushes.length < 2 * n) {
      const tag = await client.next();
      if (tag.attrs.type === "set") pushes.push(tag.elements()[0]!.toString());
    }
    return pushes;
  };
  const [first, second] = [await heard(one), await heard(two)];
  assert.deepEqual(first, second);
  const versions = first.map((p) => Number(/ver=['"](\d+)['"]/.exec(p)![1]));
  assert.ok(versions.every((v, i) => i === 0 || v > versions[i - 1]!), versions.join());

  // What is kept is what was pushed last.
  await one.sync();
  one.skip();
  one.send(get("g1"));
  const result = (await one.next()).elements()[0]!;
  const names = result.elements().map((i) => `${i.attrs.jid}=${i.attrs.name}`).sort();
  const last = new Map<string, string>();
  for (const p of first) {
    const [, jid] = /jid=['"]([^'"]+)['"]/.exec(p)!;
    last.set(jid!, /name=['"]([^'"]+)['"]/.exec(p)![1]!);
  }
  assert.deepEqual(names, [...last].map(([jid, name]) => `${jid}=${name}`).sort());
});

Deno.test("RFC 6121 §2: a roster and its version survive a restart", async () => {
  const { mkdtemp, rm } = await import("node:fs/promises");
  const folder = await mkdtemp("/tmp/confab-roster-");
  const settings = { store: { url: `sqlite:${folder}/confab.db` } };
  try {
    const before = await startServer(settings, { modules });
    const juliet = await interested(before, "juliet");
    const ver = await change(juliet, "<item jid='nurse@localhost' name='Nurse'/>");
    await before.stop();

    const after = await startServer(settings, { modules });
    const again = await login(after, "juliet");
    again.send(get("g1", ver));
    await again.receives("<iq type='result' id='g1'>{empty}</iq>");
    again.send(get("g2"));
    await again.receives(
      `<iq id='g2'><query ${ROSTER} ver='${ver}'><item jid='nurse@localhost' name='Nurse'/></query></iq>`,
    );
    await after.stop();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("sets while the roster is being loaded are not lost", async (server) => {
  const { rosterGet, rosterSetItem } = await import("../../lib/hooks/roster.ts");
  const { parseJid } = await import("../../lib/jid.ts");
  const { blankItem } = await import("../../modules/roster/item.ts");
  const { hooks } = server.host();
  const jid = parseJid("juliet@localhost")!;
  const set = (n: number) =>
    hooks.ask(rosterSetItem, jid, { ...blankItem(`c${n}@localhost`), listed: true });
  for (let round = 0; round < 5; round++) {
    const sets = [set(10 * round), set(10 * round + 1)];
    const client = await login(server, "juliet", { tls: "direct", mechanism: "PLAIN" });
    await Promise.all(sets);
    await client.close();
    // The account comes and goes between load and set.
    const other = login(server, "juliet", { tls: "direct", mechanism: "PLAIN" });
    for (let i = 2; i < 10; i++) {
      await new Promise((resolve) => setTimeout(resolve, i));
      await set(10 * round + i);
    }
    const client2 = await other;
    assert.equal((await hooks.ask(rosterGet, jid))!.items.size, 10 * (round + 1));
    await client2.close();
  }
  const stored = await hooks.ask(rosterGet, jid);
  assert.equal(stored!.items.size, 50);
});

Deno.test("RFC 6121 §2: a write that fails changes nothing", () =>
  withServer({}, { modules, mayLogErrors: true }, async (server) => {
    const { rosterGet, rosterSetItem } = await import("../../lib/hooks/roster.ts");
    const { parseJid } = await import("../../lib/jid.ts");
    const { blankItem } = await import("../../modules/roster/item.ts");
    const { hooks } = server.host();
    const jid = parseJid("juliet@localhost")!;
    const juliet = await interested(server, "juliet");
    await change(juliet, "<item jid='nurse@localhost' name='Nurse'/>");
    const unfit = { ...blankItem("nurse@localhost"), listed: true, name: Symbol() as never };
    await assert.rejects(async () => await hooks.ask(rosterSetItem, jid, unfit));
    await juliet.receivesNothing();
    const roster = hooks.ask(rosterGet, jid);
    assert.ok(!(roster instanceof Promise), "in memory all the while");
    assert.equal(roster!.items.get("nurse@localhost")!.name, "Nurse");
    await change(juliet, "<item jid='nurse@localhost' name='Angelica'/>");
  }));

test("a deleted account leaves nothing behind", async (server) => {
  const { accountDeleted } = await import("../../lib/hooks/accounts.ts");
  const { rosterGet } = await import("../../lib/hooks/roster.ts");
  const { parseJid } = await import("../../lib/jid.ts");
  const juliet = await interested(server, "juliet");
  await change(juliet, "<item jid='nurse@localhost'/>");
  await juliet.close();
  const { hooks } = server.host();
  const jid = parseJid("juliet@localhost")!;
  assert.equal((await hooks.ask(rosterGet, jid))!.items.size, 1);
  await hooks.tell(accountDeleted, jid);
  const roster = await hooks.ask(rosterGet, jid);
  assert.deepEqual([roster!.version, roster!.items.size], ["0", 0]);
});

test("set, remove and wipe by hooks are pushed as well", async (server) => {
  const { rosterRemoveItem, rosterSetItem, rosterWipe } = await import("../../lib/hooks/roster.ts");
  const { parseJid } = await import("../../lib/jid.ts");
  const { blankItem } = await import("../../modules/roster/item.ts");
  const juliet = await interested(server, "juliet");
  const { hooks } = server.host();
  const jid = parseJid("juliet@localhost")!;
  const contact = parseJid("nurse@localhost")!;
  const item = { ...blankItem(contact.bare), listed: true, name: "Nurse" };
  assert.equal(await hooks.ask(rosterSetItem, jid, item), true);
  await juliet.receives(push("<item jid='nurse@localhost' name='Nurse'/>"));
  assert.equal(await hooks.ask(rosterRemoveItem, jid, contact), true);
  await juliet.receives(push("<item jid='nurse@localhost' subscription='remove'/>"));
  assert.equal(await hooks.ask(rosterRemoveItem, jid, contact), false);
  await hooks.ask(rosterSetItem, jid, item);
  await hooks.ask(rosterSetItem, jid, { ...item, jid: "romeo@localhost" });
  juliet.skip();
  await juliet.sync();
  juliet.skip();
  await hooks.ask(rosterWipe, jid);
  const one = await juliet.receives(push("<item subscription='remove'/>"));
  const two = await juliet.receives(push("<item subscription='remove'/>"));
  assert.ok(Number(one.ver) < Number(two.ver));
  juliet.send(get("g1", two.ver));
  await juliet.receives("<iq type='result' id='g1'>{empty}</iq>");
  await juliet.receivesNothing();
});

test("another module keeps the rosters; the rest of this one stays", async (server) => {
  const roster = await import("../../lib/hooks/roster.ts");
  const { hooks } = server.host();
  const items = new Map<string, import("../../lib/hooks/roster.ts").RosterItem>();
  const first = { before: ["roster"] };
  const all = () => ({ version: "", items });
  // Some answer at once, some later.
  hooks.add(roster.rosterGet, "elsewhere", async () => all(), first);
  hooks.add(
    roster.rosterGetItem,
    "elsewhere",
    (_, contact) => items.get(contact.bare) ?? "none",
    first,
  );
  hooks.add(roster.rosterSetItem, "elsewhere", async (_, item) => {
    items.set(item.jid, item);
    return true as const;
  }, first);
  hooks.add(
    roster.rosterRemoveItem,
    "elsewhere",
    (_, contact) => items.delete(contact.bare),
    first,
  );

  const juliet = await interested(server, "juliet");
  juliet.send(set("a1", "<item jid='nurse@localhost'/>"));
  await juliet.receives(
    `<iq type='set'><query ${ROSTER} ver='{absent}'><item jid='nurse@localhost'/></query></iq>`,
  );
  await juliet.receives("<iq type='result' id='a1'/>");
  assert.equal(items.get("nurse@localhost")!.listed, true);
  juliet.send("<presence type='subscribe' to='nurse@localhost'/>");
  await juliet.receives(
    `<iq type='set'><query ${ROSTER}><item jid='nurse@localhost' ask='subscribe'/></query></iq>`,
  );
  juliet.send(set("a2", "<item jid='nurse@localhost' subscription='remove'/>"));
  await juliet.receives(
    `<iq type='set'><query ${ROSTER}><item jid='nurse@localhost' subscription='remove'/></query></iq>`,
  );
  await juliet.receives("<iq type='result' id='a2'/>");
  assert.equal(items.size, 0);
});

test("an approved contact is told of its removal (§2.5.2)", async (server) => {
  const juliet = await online(server, "juliet");
  const romeo = await online(server, "romeo");
  for (const [from, to] of [[romeo, juliet], [juliet, romeo]] as const) {
    const name = (c: TestClient) => c.jid.split("/")[0];
    from.send(`<presence type='subscribe' to='${name(to)}'/>`);
    await to.eventually(`<presence type='subscribe' from='${name(from)}'/>`);
    to.send(`<presence type='subscribed' to='${name(from)}'/>`);
    await from.eventually(`<presence from='${to.jid}' type='{absent}'/>`);
  }
  juliet.skip();
  romeo.send(get("g1"));
  await romeo.eventually("<iq type='result' id='g1'/>");

  juliet.send(set("a1", "<item jid='romeo@localhost' subscription='remove'/>"));
  await juliet.eventually("<iq type='result' id='a1'/>");
  await romeo.receives(`<presence type='unavailable' from='${juliet.jid}'/>`);
  await romeo.receives("<presence type='unsubscribe' from='juliet@localhost'/>");
  await romeo.receives(push("<item jid='juliet@localhost' subscription='to'/>"));
  await romeo.receives("<presence type='unsubscribed' from='juliet@localhost'/>");
  await romeo.receives(push("<item jid='juliet@localhost' subscription='none'/>"));
  await romeo.receivesNothing();
});
