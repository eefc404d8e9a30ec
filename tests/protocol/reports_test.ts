/** XEP-0377: Blocking Command Reports. */

import assert from "node:assert/strict";
import { login, online } from "../helpers/client.ts";
import { type TestServer, withServer } from "../helpers/server.ts";
import { type ContactReport, contactReported } from "../../lib/hooks/reports.ts";

const BLOCKING = "urn:xmpp:blocking";
const NS = "urn:xmpp:reporting:1";
const INFO = "http://jabber.org/protocol/disco#info";
const SPAM = "urn:xmpp:reporting:spam";

const BLOCK = (...items: string[]) =>
  `<iq type='set' id='b'><block xmlns='${BLOCKING}'>${items.join("")}</block></iq>`;
const ITEM = (jid: string, report = `<report xmlns='${NS}' reason='${SPAM}'/>`) =>
  `<item jid='${jid}'>${report}</item>`;
const DONE = "<iq type='result' id='b'>{empty}</iq>";

const ADMINS = { admins: ["root@localhost"] };

function heard(server: TestServer): ContactReport[] {
  const reports: ContactReport[] = [];
  server.host().hooks.add(contactReported, "test", (report) => void reports.push(report));
  return reports;
}

Deno.test("a report blocks, reaches the administrators and the log (§6)", () =>
  withServer(
    { ...ADMINS, modules: { reports: { to: ["desk@localhost"] } } },
    {},
    async (server) => {
      const reports = heard(server);
      const root = await online(server, "root");
      const desk = await online(server, "desk");
      const alice = await online(server, "alice");
      const bob = await online(server, "bob");
      await alice.request(
        `<iq type='get' id='d' to='localhost'><query xmlns='${INFO}'/></iq>`,
        `<iq type='result' id='d'><query xmlns='${INFO}'><feature var='${NS}'/></query></iq>`,
      );
      await alice.request(
        `<iq type='get' id='l'><blocklist xmlns='${BLOCKING}'/></iq>`,
        "<iq type='result' id='l'/>",
      );
      alice.send(BLOCK(ITEM(
        "bob@localhost",
        `<report xmlns='${NS}' reason='${SPAM}'>
        <stanza-id xmlns='urn:xmpp:sid:0' by='alice@localhost' id='28482'/>
        <stanza-id xmlns='urn:xmpp:sid:0' by='alice@localhost' id='38383'/>
        <text xml:lang='en'>Never came trouble to my house like this.</text>
        <report-origin/></report>`,
      )));
      // The push says who is blocked and no more.
      await alice.receivesAll(
        `<iq type='set'><block xmlns='${BLOCKING}'><item jid='bob@localhost'>{empty}</item></block></iq>`,
        DONE,
      );
      for (const reader of [root, desk]) {
        await reader.receives(
          `<message from='localhost' type='{absent}' id='{id}'>
          <body>alice@localhost has blocked bob@localhost and reports: spam
"Never came trouble to my house like this."
Message 28482 (archive of alice@localhost)
Message 38383 (archive of alice@localhost)</body>
          <report xmlns='${NS}' reason='${SPAM}'>
            <jid xmlns='urn:xmpp:jid:0'>bob@localhost</jid>
            <stanza-id xmlns='urn:xmpp:sid:0' by='alice@localhost' id='28482'/>
            <text xml:lang='en'>Never came trouble to my house like this.</text>
          </report></message>`,
        );
      }
      const [report] = reports;
      assert.equal(report?.reported.full, "bob@localhost");
      assert.deepEqual([report.mayTellOrigin, report.mayTellOthers], [true, false]);
      // It is a block like any other.
      bob.send("<message to='alice@localhost' id='m' type='chat'><body>buy</body></message>");
      await bob.receives("<message type='error' id='m'/>");
      await alice.receivesNothing();
    },
  ));

Deno.test("several at once, each with its own report or none (§7)", () =>
  withServer(ADMINS, {}, async (server) => {
    const reports = heard(server);
    const root = await online(server, "root");
    const alice = await login(server, "alice");
    const abuse = `<report xmlns='${NS}' reason='urn:xmpp:reporting:abuse'/>`;
    await alice.request(
      BLOCK(ITEM("a.test"), ITEM("b.test", ""), ITEM("c@c.test/r", abuse)),
      DONE,
    );
    assert.deepEqual(reports.map((r) => [r.reported.full, r.reason]), [
      ["a.test", SPAM],
      ["c@c.test/r", "urn:xmpp:reporting:abuse"],
    ]);
    await root.receives("<message><body>{any}a.test{any}: spam</body></message>");
    await root.receives("<message><body>{any}c@c.test/r{any}: abuse</body></message>");
    // Blocked before, reported now.
    await alice.request(BLOCK(ITEM("b.test")), DONE);
    await root.receives("<message><body>{any}b.test{any}: spam</body></message>");
    await root.receivesNothing();
  }));

Deno.test("administrators who are offline find it later", () =>
  withServer(ADMINS, {}, async (server) => {
    await server.addUser("root@localhost", "password of root");
    const alice = await login(server, "alice");
    await alice.request(BLOCK(ITEM("a.test")), DONE);
    const root = await login(server, "root");
    root.send("<presence/>");
    await root.eventually("<message from='localhost'><body>{any}a.test{any}</body></message>");
  }));

Deno.test("a report without a reason, or of an unknown kind, still blocks (§4, §6)", () =>
  withServer(ADMINS, {}, async (server) => {
    const reports = heard(server);
    const alice = await login(server, "alice");
    await alice.request(BLOCK(ITEM("a.test", `<report xmlns='${NS}'/>`)), DONE);
    await alice.request(BLOCK(ITEM("b.test", "<report xmlns='urn:example' reason='x'/>")), DONE);
    assert.equal(reports.length, 0);
    await alice.request(
      BLOCK(ITEM("c.test", `<report xmlns='${NS}' reason='urn:x:other'/>`)),
      DONE,
    );
    assert.equal(reports[0]?.reason, "urn:x:other");
    await alice.request(
      `<iq type='get' id='l'><blocklist xmlns='${BLOCKING}'/></iq>`,
      `<iq type='result' id='l'><blocklist xmlns='${BLOCKING}'>
        <item jid='a.test'/><item jid='b.test'/><item jid='c.test'/></blocklist></iq>`,
    );
  }));

Deno.test("limits: reports of one account, of all, the text, the messages", () => {
  const limits = { per_account: 2, per_hour: 3, text_length: 10, messages: 1, to_admins: false };
  return withServer({ ...ADMINS, modules: { reports: limits } }, {}, async (server) => {
    const reports = heard(server);
    const root = await online(server, "root");
    const [alice, bob] = [await login(server, "alice"), await login(server, "bob")];
    const long = `<report xmlns='${NS}' reason='${SPAM}'>
      <text>0123456789abc</text><text xml:lang='de'>more</text>
      <stanza-id xmlns='urn:xmpp:sid:0' by='x' id='1'/>
      <stanza-id xmlns='urn:xmpp:sid:0' by='x' id='2'/></report>`;
    await alice.request(BLOCK(ITEM("a.test", long), ITEM("b.test"), ITEM("c.test")), DONE);
    assert.deepEqual(reports[0]?.texts, [{ lang: undefined, text: "0123456789" }]);
    assert.deepEqual(reports[0]?.messages, [{ by: "x", id: "1" }]);
    await bob.request(BLOCK(ITEM("d.test"), ITEM("e.test")), DONE);
    assert.deepEqual(reports.map((r) => r.reported.full), ["a.test", "b.test", "d.test"]);
    await root.receivesNothing();
    // Those that were too many are blocked all the same.
    await bob.request(
      `<iq type='get' id='l'><blocklist xmlns='${BLOCKING}'/></iq>`,
      `<iq type='result' id='l'><blocklist xmlns='${BLOCKING}'><item jid='e.test'/></blocklist></iq>`,
    );
  });
});

Deno.test("messages that are named go along, as the reporter's archive has them", () =>
  withServer(ADMINS, {}, async (server) => {
    const root = await online(server, "root");
    const [alice, bob] = [await online(server, "alice"), await online(server, "bob")];
    const carol = await online(server, "carol");
    const ids: string[] = [];
    for (const sender of [bob, carol]) {
      sender.send("<message to='alice@localhost' type='chat'><body>Buy &amp; buy</body></message>");
      const { id } = await alice.receives(
        "<message><stanza-id xmlns='urn:xmpp:sid:0' by='alice@localhost' id='{id}'/></message>",
      );
      ids.push(id!);
    }
    const named = [...ids, "unknown"].map((id) =>
      `<stanza-id xmlns='urn:xmpp:sid:0' by='alice@localhost' id='${id}'/>`
    );
    const report = `<report xmlns='${NS}' reason='${SPAM}'>${named.join("")}</report>`;
    await alice.request(BLOCK(ITEM("bob@localhost", report)), DONE);
    // Nothing of what somebody else has written.
    await root.receives(
      `<message><body>alice@localhost has blocked bob@localhost and reports: spam
Message ${ids[0]} (archive of alice@localhost): Buy &amp; buy
Message ${ids[1]} (archive of alice@localhost)
Message unknown (archive of alice@localhost)</body>
        <forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='{any}'/>
          <message xmlns='jabber:client' from='${bob.jid}'><body>Buy &amp; buy</body></message>
        </forwarded></message>`,
    );
    assert.equal(root.last.elements("forwarded").length, 1);
  }));

Deno.test("messages go along only so far, or not at all", async () => {
  for (const reports of [{ quote: false }, { quote_bytes: 1024 }]) {
    await withServer({ ...ADMINS, modules: { reports } }, {}, async (server) => {
      const root = await online(server, "root");
      const [alice, bob] = [await online(server, "alice"), await online(server, "bob")];
      bob.send(
        `<message to='alice@localhost' type='chat'><body>${"x".repeat(2000)}</body></message>`,
      );
      const { id } = await alice.receives(
        "<message><stanza-id xmlns='urn:xmpp:sid:0' by='alice@localhost' id='{id}'/></message>",
      );
      const report = `<report xmlns='${NS}' reason='${SPAM}'>
        <stanza-id xmlns='urn:xmpp:sid:0' by='alice@localhost' id='${id}'/></report>`;
      await alice.request(BLOCK(ITEM("bob@localhost", report)), DONE);
      await root.receives("<message><report xmlns='urn:xmpp:reporting:1'/></message>");
      assert.equal(root.last.elements("forwarded").length, 0);
    });
  }
});
