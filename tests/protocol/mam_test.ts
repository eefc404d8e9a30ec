/** XEP-0313: what was said can be read again. */

import assert from "node:assert/strict";
import { login, online, type TestClient } from "../helpers/client.ts";
import { field, form, MAM, page, query, set } from "../helpers/mam.ts";
import { type TestServer, withServer } from "../helpers/server.ts";
import { createAccount } from "../../lib/hooks/accounts.ts";
import { parseJid } from "../../lib/jid.ts";

const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";

function refused(condition: string): string {
  return `<iq type='error' id='q'><error><${condition} xmlns='${STANZAS}'/></error></iq>`;
}

/** Alice and Bob say "0" to "5" in turn; Bob hears and says nothing more. */
async function talk(server: TestServer): Promise<{ alice: TestClient; bob: TestClient }> {
  const alice = await online(server, "alice");
  const bob = await online(server, "bob");
  for (let i = 0; i < 6; i++) {
    const [from, to] = i % 2 === 0 ? [alice, bob] : [bob, alice];
    from.send(`<message to='${to.jid}' type='chat' id='m${i}'><body>${i}</body></message>`);
    await to.receives(`<message id='m${i}'><body>${i}</body></message>`);
  }
  return { alice, bob };
}

Deno.test("both sides of a conversation, in the order in which each saw it (§3)", () =>
  withServer({}, {}, async (server) => {
    const { alice, bob } = await talk(server);
    const all = await page(alice);
    assert.deepEqual(all.bodies, ["0", "1", "2", "3", "4", "5"]);
    assert.deepEqual([all.first, all.last, all.count], [all.ids[0], all.ids[5], "6"]);
    assert.equal(all.complete, true);
    assert.equal(new Set(all.ids).size, 6);
    assert.ok(all.stamps.every((s) => Math.abs(Date.parse(s) - Date.now()) < 60_000));
    const other = await page(bob);
    assert.deepEqual(other.bodies, all.bodies);
    assert.equal(new Set([...all.ids, ...other.ids]).size, 12);

    // The message as it was.
    alice.send(query(form(field("ids", all.ids[1]!))));
    await alice.receives(
      `<message from='alice@localhost' to='${alice.jid}'><result xmlns='${MAM}' id='${all.ids[1]}'>
        <forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='{any}Z'/>
        <message xmlns='jabber:client' from='${bob.jid}' to='${alice.jid}' type='chat' id='m1'>
        <body>1</body></message></forwarded></result></message>`,
    );
    await alice.receives("<iq type='result' id='q'/>");
  }));

Deno.test("who receives a message learns its id, who sends it does not tell (§3.5)", () =>
  withServer({}, {}, async (server) => {
    const alice = await online(server, "alice");
    const bob = await online(server, "bob");
    alice.send("<message to='bob@localhost' type='chat'><body>hi</body></message>");
    const { id } = await bob.receives(
      "<message><body>hi</body><stanza-id xmlns='urn:xmpp:sid:0' by='bob@localhost' id='{id}'/></message>",
    );
    assert.equal(bob.last.elements("stanza-id").length, 1);
    assert.deepEqual((await page(bob)).ids, [id]);
    // To another who is not there: the same id, later.
    await server.addUser("carol@localhost", "password of carol");
    alice.send("<message to='carol@localhost' type='chat'><body>later</body></message>");
    await alice.sync();
    const carol = await login(server, "carol");
    carol.send("<presence/>");
    const { late } = await carol.eventually(
      "<message><body>later</body><delay xmlns='urn:xmpp:delay'/><stanza-id xmlns='urn:xmpp:sid:0' by='carol@localhost' id='{late}'/></message>",
    );
    await carol.sync();
    carol.skip();
    assert.deepEqual((await page(carol)).ids, [late]);
  }));

Deno.test("a forged id is not believed", () =>
  withServer({}, { modules: ["auth", "mam", "ping"] }, async (server) => {
    const alice = await online(server, "alice");
    const bob = await online(server, "bob");
    alice.send(
      "<message to='bob@localhost' type='chat'><body>hi</body><stanza-id xmlns='urn:xmpp:sid:0' by='bob@localhost' id='forged'/></message>",
    );
    await bob.receives("<message><body>hi</body></message>");
    const [stamp, ...more] = bob.last.elements("stanza-id");
    assert.equal(more.length, 0);
    assert.deepEqual((await page(bob)).ids, [stamp!.attrs.id]);
    assert.notEqual(stamp!.attrs.id, "forged");
  }));

Deno.test("the second device sees the same history", () =>
  withServer({}, {}, async (server) => {
    const { alice } = await talk(server);
    const first = await page(alice);
    const tablet = await online(server, "alice");
    assert.deepEqual(await page(tablet), first);
  }));

Deno.test("pages forwards, backwards, and flipped (§4.3)", () =>
  withServer({}, {}, async (server) => {
    const { alice } = await talk(server);
    const one = await page(alice, set("<max>4</max>"));
    assert.deepEqual([one.bodies, one.complete], [["0", "1", "2", "3"], false]);
    const two = await page(alice, set("<max>4</max>", `<after>${one.last}</after>`));
    assert.deepEqual([two.bodies, two.complete], [["4", "5"], true]);
    const last = await page(alice, set("<max>4</max>", "<before/>"));
    assert.deepEqual([last.bodies, last.complete], [["2", "3", "4", "5"], false]);
    const before = await page(alice, set("<max>4</max>", `<before>${last.first}</before>`));
    assert.deepEqual([before.bodies, before.complete], [["0", "1"], true]);
    const flipped = await page(alice, set("<max>4</max>", "<before/>"), "<flip-page/>");
    assert.deepEqual(flipped.bodies, ["5", "4", "3", "2"]);
    assert.deepEqual([flipped.first, flipped.last], [last.first, last.last]);
    const count = await page(alice, set("<max>0</max>"));
    assert.deepEqual([count.bodies, count.count, count.first], [[], "6", undefined]);
  }));

Deno.test("filters by address, time and id (§4.1)", () =>
  withServer({}, {}, async (server) => {
    const { alice, bob } = await talk(server);
    alice.send("<message to='carol@localhost' type='chat'><body>to carol</body></message>");
    alice.send("<message to='alice@localhost' type='chat'><body>to myself</body></message>");
    await alice.eventually("<message><body>to myself</body></message>");
    alice.skip();
    const { ids, stamps, bodies } = await page(alice);
    assert.deepEqual(bodies.slice(6), ["to carol", "to myself"]);
    const asked = async (...fields: string[]) => (await page(alice, form(...fields))).bodies;
    assert.deepEqual(await asked(field("with", "bob@localhost")), bodies.slice(0, 6));
    assert.deepEqual(await asked(field("with", bob.jid)), bodies.slice(0, 6));
    assert.deepEqual(await asked(field("with", "bob@localhost/elsewhere")), []);
    assert.deepEqual(await asked(field("with", "CAROL@localhost")), ["to carol"]);
    assert.deepEqual(await asked(field("with", "alice@localhost")), ["to myself"]);
    assert.deepEqual(await asked(field("start", stamps[7]!)), ["to myself"]);
    assert.deepEqual(await asked(field("end", "2020-01-01T00:00:00Z")), []);
    assert.deepEqual(await asked(field("start", "2020-01-01T02:00:00+02:00")), bodies);
    assert.deepEqual(await asked(field("after-id", ids[5]!)), bodies.slice(6));
    assert.deepEqual(await asked(field("before-id", ids[2]!)), bodies.slice(0, 2));
    assert.deepEqual(
      await asked(field("after-id", ids[1]!), field("before-id", ids[4]!)),
      ["2", "3"],
    );
    assert.deepEqual(await asked(field("ids", ids[4]!, ids[0]!)), ["0", "4"]);
    // Empty fields say nothing; rooms make no difference here.
    assert.deepEqual(await asked(field("with", ""), field("include-groupchat", "true")), bodies);
  }));

Deno.test("what is wrong with a query is said", () =>
  withServer({}, {}, async (server) => {
    const { alice, bob } = await talk(server);
    const foreign = (await page(bob)).ids[0]!;
    const x = (type: string, ns: string, ...fields: string[]) =>
      `<x xmlns='jabber:x:data' type='${type}'>${field("FORM_TYPE", ns)}${fields.join("")}</x>`;
    const cases: [string, string][] = [
      [form(field("with", "@nobody")), "bad-request"],
      [form(field("with", "a@b", "c@d")), "bad-request"],
      [form(field("start", "yesterday")), "bad-request"],
      [form(field("end", "2026-02-30T00:00:00Z")), "bad-request"],
      [form(field("include-groupchat", "perhaps")), "bad-request"],
      [x("submit", "urn:xmpp:mam:1"), "bad-request"],
      [x("result", MAM), "bad-request"],
      [`<x xmlns='jabber:x:data' type='submit'>${field("with", "a@b")}</x>`, "bad-request"],
      [form(field("{http://example.com/}stanza-content", "x")), "feature-not-implemented"],
      [form(field("before-id", "nonsense")), "item-not-found"],
      [form(field("after-id", foreign)), "item-not-found"],
      [form(field("ids", foreign)), "item-not-found"],
      [set("<after>nonsense</after>"), "item-not-found"],
      [set(`<before>${foreign}</before>`), "item-not-found"],
      [set("<max>-1</max>"), "bad-request"],
      [set("<max>many</max>"), "bad-request"],
      [set("<max>99999999999</max>"), "bad-request"],
      [set("<after>a</after>", "<before>b</before>"), "bad-request"],
      [set("<index>3</index>"), "feature-not-implemented"],
    ];
    for (const [children, condition] of cases) {
      await alice.request(query(children), refused(condition));
    }
    assert.equal((await page(alice, set("<max>4294967295</max>"))).bodies.length, 6);
    const long = `<iq type='set' id='q'><query xmlns='${MAM}' queryid='${"x".repeat(1001)}'/></iq>`;
    await alice.request(long, refused("bad-request"));
  }));

Deno.test("nobody reads the archive of another (§8.1)", () =>
  withServer({}, {}, async (server) => {
    const { alice } = await talk(server);
    for (const name of ["query", "metadata", "prefs"]) {
      for (const type of ["get", "set"]) {
        if (type === "set" && name === "metadata") continue;
        const iq = `<iq type='${type}' id='q' to='bob@localhost'><${name} xmlns='${MAM}'/></iq>`;
        await alice.request(iq, refused("forbidden"));
      }
    }
    const iq = `<iq type='set' id='q' to='localhost'><query xmlns='${MAM}'/></iq>`;
    await alice.request(iq, refused("service-unavailable"));
  }));

Deno.test("the form of the fields (§4.1.5), and what is announced (§7)", () =>
  withServer({}, {}, async (server) => {
    const alice = await online(server, "alice");
    await alice.request(
      `<iq type='get' id='q'><query xmlns='${MAM}'/></iq>`,
      `<iq type='result' id='q'><query xmlns='${MAM}'><x xmlns='jabber:x:data' type='form'>
        <field type='hidden' var='FORM_TYPE'><value>${MAM}</value></field>
        <field type='jid-single' var='with'/><field type='text-single' var='start'/>
        <field type='text-single' var='end'/><field type='text-single' var='before-id'/>
        <field type='text-single' var='after-id'/>
        <field type='list-multi' var='ids'><validate datatype='xs:string'
          xmlns='http://jabber.org/protocol/xdata-validate'><open/></validate></field>
        <field type='boolean' var='include-groupchat'/>
        <field type='text-single' var='&#123;urn:xmpp:fulltext:0&#125;fulltext'/></x></query></iq>`
        .replace("&#123;urn:xmpp:fulltext:0&#125;fulltext", "{any}fulltext"),
    );
    assert.ok(!alice.last.toString().includes("<required"));
    const features = [
      MAM,
      `${MAM}#extended`,
      `${MAM}#groupchat-field`,
      "urn:xmpp:fulltext:0",
      "urn:xmpp:message-retract:1",
      "urn:xmpp:message-retract:1#tombstone",
      "urn:xmpp:sid:0",
    ].map((f) => `<feature var='${f}'/>`).join("");
    await alice.request(
      "<iq type='get' id='q' to='alice@localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
      `<iq type='result'><query xmlns='http://jabber.org/protocol/disco#info'>${features}</query></iq>`,
    );
  }));

Deno.test("where the archive begins and ends (§5)", () =>
  withServer({}, {}, async (server) => {
    const { alice } = await talk(server);
    const carol = await online(server, "carol");
    const ask = `<iq type='get' id='q'><metadata xmlns='${MAM}'/></iq>`;
    await carol.request(
      ask,
      `<iq type='result'><metadata xmlns='${MAM}'>{empty}</metadata></iq>`,
    );
    const { ids, stamps } = await page(alice);
    await alice.request(
      ask,
      `<iq type='result'><metadata xmlns='${MAM}'><start id='${ids[0]}' timestamp='${stamps[0]}'/>
        <end id='${ids[5]}' timestamp='${stamps[5]}'/></metadata></iq>`,
    );
  }));

Deno.test("what is archived and what is not (§6.1.1, XEP-0334)", () =>
  withServer({}, {}, async (server) => {
    const alice = await online(server, "alice");
    const bob = await online(server, "bob");
    const send = (attrs: string, ...children: string[]) =>
      alice.send(`<message to='bob@localhost' ${attrs}>${children.join("")}</message>`);
    const hint = (name: string) => `<${name} xmlns='urn:xmpp:hints'/>`;
    send("type='chat'", "<body>chat</body>");
    send("", "<body>normal</body>");
    send("type='chat'", "<body>not stored</body>", hint("no-store"));
    send("type='chat'", "<body>not for long</body>", hint("no-permanent-store"));
    send("type='chat'", "<composing xmlns='http://jabber.org/protocol/chatstates'/>");
    send("type='headline'", "<body>news</body>");
    send("type='error'", "<body>error</body>");
    send(
      "type='chat'",
      "<odd xmlns='urn:example:odd'/>",
      hint("store"),
      "<subject>stored</subject>",
    );
    await bob.sync();
    await alice.sync();
    bob.skip();
    alice.skip();
    for (const client of [alice, bob]) {
      assert.deepEqual((await page(client)).bodies, ["chat", "normal", ""]);
    }
  }));

Deno.test("one message to several resources, and to oneself, is archived once", () =>
  withServer({}, {}, async (server) => {
    const alice = await online(server, "alice");
    const phone = await online(server, "bob");
    const tablet = await online(server, "bob");
    phone.skip();
    alice.send("<message to='bob@localhost' type='chat'><body>both</body></message>");
    await phone.eventually("<message><body>both</body></message>");
    await tablet.eventually("<message><body>both</body></message>");
    phone.send(`<message to='${tablet.jid}' type='chat'><body>to myself</body></message>`);
    await tablet.eventually(
      "<message><body>to myself</body><stanza-id xmlns='urn:xmpp:sid:0'/></message>",
    );
    phone.send("<message type='chat'><body>to nobody</body></message>");
    await tablet.eventually("<message><body>to nobody</body></message>");
    await phone.sync();
    phone.skip();
    assert.deepEqual((await page(phone)).bodies, ["both", "to myself", "to nobody"]);
  }));

Deno.test("what was refused, or was for nobody, is in no archive of theirs", () =>
  withServer({}, {}, async (server) => {
    const alice = await online(server, "alice");
    const bob = await online(server, "bob");
    await bob.request(
      "<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='alice@localhost'/></block></iq>",
      "<iq type='result' id='b'/>",
    );
    alice.send("<message to='bob@localhost' type='chat'><body>blocked</body></message>");
    alice.send("<message to='nobody@localhost' type='chat'><body>lost</body></message>");
    await alice.sync();
    await bob.sync();
    alice.skip();
    bob.skip();
    assert.deepEqual((await page(bob)).bodies, []);
    // She has sent them all the same.
    assert.deepEqual((await page(alice)).bodies, ["blocked", "lost"]);
    const { db } = server.inner.store;
    const owners = await db.selectFrom("archive_owners").select("owner").execute();
    assert.deepEqual(owners.map((o) => o.owner), ["alice@localhost"]);
  }));

Deno.test("without offline storage the archive is enough", () =>
  withServer({ modules: { offline: false } }, {}, async (server) => {
    const alice = await online(server, "alice");
    await server.addUser("bob@localhost", "password of bob");
    alice.send("<message to='bob@localhost' type='chat'><body>hi</body></message>");
    alice.send(
      "<message to='bob@localhost' type='chat' id='s'><body>secret</body><no-store xmlns='urn:xmpp:hints'/></message>",
    );
    await alice.receives("<message type='error' id='s' from='bob@localhost'/>");
    const bob = await online(server, "bob");
    assert.deepEqual((await page(bob)).bodies, ["hi"]);
  }));

Deno.test("a deleted account leaves no archive to its successor", () =>
  withServer({ modules: { register: true } }, {}, async (server) => {
    const { bob } = await talk(server);
    bob.send("<iq type='set' id='r'><query xmlns='jabber:iq:register'><remove/></query></iq>");
    await bob.closed();
    // The name is free when all that was there is gone.
    const make = () =>
      server.host().hooks.ask(createAccount, parseJid("bob@localhost")!, "password of bob");
    for (let i = 0; i < 100 && await make() !== "created"; i++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const other = await online(server, "bob");
    assert.deepEqual((await page(other)).bodies, []);
  }));

Deno.test("a large page goes at the pace of its reader", () =>
  withServer({ modules: { mam: { page: 250, page_bytes: "16 MiB" } } }, {}, async (server) => {
    const alice = await online(server, "alice");
    const body = "y".repeat(50_000);
    for (let i = 0; i < 60; i++) {
      alice.send(
        `<message to='bob@elsewhere.example' type='chat'><body>${i}${body}</body></message>`,
      );
    }
    await alice.sync();
    alice.skip();
    const { bodies, complete } = await page(alice);
    assert.deepEqual(bodies.map((b) => parseInt(b)), Array.from({ length: 60 }, (_, i) => i));
    assert.equal(complete, true);
  }));

Deno.test("words are searched for (XEP-0431)", () =>
  withServer({}, {}, async (server) => {
    const alice = await online(server, "alice");
    for (const body of ["The east and the sun", "The moon", "Arise, fair SUN"]) {
      alice.send(`<message to='bob@elsewhere.example' type='chat'><body>${body}</body></message>`);
    }
    await alice.sync();
    alice.skip();
    const search = async (text: string, ...more: string[]) =>
      (await page(alice, form(field("&#x7b;urn:xmpp:fulltext:0}fulltext", text)), ...more)).bodies;
    assert.deepEqual(await search("sun"), ["The east and the sun", "Arise, fair SUN"]);
    assert.deepEqual(await search("fair sun"), ["Arise, fair SUN"]);
    assert.deepEqual(await search("&quot;*(("), []);
    assert.deepEqual(await search("the", set("<max>1</max>", "<before/>")), ["The moon"]);
    assert.deepEqual((await search("")).length, 3);
  }));

Deno.test("search can be switched off", () =>
  withServer({ modules: { mam: { full_text: false, tombstones: false } } }, {}, async (server) => {
    const alice = await online(server, "alice");
    await alice.request(
      query(form(field("&#x7b;urn:xmpp:fulltext:0}fulltext", "x"))),
      refused("feature-not-implemented"),
    );
    await alice.request(
      "<iq type='get' id='q' to='alice@localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
      "<iq type='result'/>",
    );
    const announced = alice.last.toString();
    assert.ok(announced.includes(MAM) && !announced.includes("fulltext"));
    assert.ok(!announced.includes("tombstone"));
  }));

Deno.test("a retracted message leaves a tombstone in both archives (XEP-0424)", () =>
  withServer({}, {}, async (server) => {
    const { alice, bob } = await talk(server);
    const retract = (id: string) =>
      `<message to='bob@localhost' type='chat' id='r-${id}'><retract xmlns='urn:xmpp:message-retract:1' id='${id}'/>` +
      "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:message-retract:1'/><body>retracted</body><store xmlns='urn:xmpp:hints'/></message>";
    alice.send(retract("m2"));
    // Not hers.
    alice.send(retract("m3"));
    await bob.receives("<message id='r-m2'/>");
    await bob.receives("<message id='r-m3'/>");
    for (const client of [alice, bob]) {
      const { bodies, ids } = await page(client);
      assert.deepEqual(bodies, ["0", "1", "", "3", "4", "5", "retracted", "retracted"]);
      client.send(query(form(field("ids", ids[2]!))));
      await client.receives(
        `<message><result xmlns='${MAM}'><forwarded xmlns='urn:xmpp:forward:0'>
        <message xmlns='jabber:client' id='m2' from='${alice.jid}' to='${bob.jid}' type='chat'>
          <retracted xmlns='urn:xmpp:message-retract:1' id='r-m2' stamp='{any}Z'/>{only}</message></forwarded></result></message>`,
      );
      await client.receives("<iq type='result'/>");
    }
  }));
