/**
 * Every kind of message of `docs/message_kinds.ts`, from end to end: who gets a copy, where it is
 * kept, whom it wakes up.
 */

import assert from "node:assert/strict";
import { messageKinds } from "../../docs/message_kinds.ts";
import { login, online, type TestClient } from "../helpers/client.ts";
import { type TestServer, withServer } from "../helpers/server.ts";
import { archiveMetadata } from "../../lib/hooks/archive.ts";
import { offlineList } from "../../lib/hooks/storage.ts";
import { parseJid } from "../../lib/jid.ts";
import { result } from "../../lib/module.ts";
import { makeService } from "../../lib/module_service.ts";

const CARBONS = "urn:xmpp:carbons:2";

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !holds(); i++) await pause(5);
  assert(holds(), what);
}

async function device(server: TestServer, name: string, resource: string): Promise<TestClient> {
  const client = await login(server, name, { resource, tls: "direct", mechanism: "PLAIN" });
  client.send("<presence/>");
  const enable = `<iq type='set' id='c'><enable xmlns='${CARBONS}'/></iq>`;
  await client.request(enable, "<iq type='result' id='c'/>");
  return client;
}

/** The id of the last message in an account's archive. */
async function lastOf(server: TestServer, account: string): Promise<string> {
  const ends = await server.host().hooks.ask(archiveMetadata, account);
  return ends === undefined || ends === "empty" ? "" : ends.last.id;
}

async function keptFor(server: TestServer, account: string): Promise<number> {
  return (await server.host().hooks.ask(offlineList, parseJid(account)!))?.length ?? 0;
}

/** Copies of a direction among what has come since. */
function copies(client: TestClient, since: number, direction: string): number {
  const text = client.transcript.slice(since).filter((line) => line.startsWith("S: ")).join("");
  return text.split(`<${direction} xmlns='${CARBONS}'>`).length - 1;
}

Deno.test("every kind of message is treated as the table says", () =>
  withServer({ modules: { push: { inactive: 0 } } }, {}, async (server) => {
    const { hooks } = server.host();
    const garden = await device(server, "romeo", "garden");
    const home = await device(server, "romeo", "home");
    const balcony = await device(server, "juliet", "balcony");
    const chamber = await device(server, "juliet", "chamber");
    await server.addUser("nurse@localhost", "password of nurse");

    // One that is inactive.
    const sleeper = await online(server, "tybalt", { resource: "phone" });
    sleeper.send("<inactive xmlns='urn:xmpp:csi:0'/>");
    const asleep = server.host().session(parseJid(sleeper.jid)!)!;
    await until("it is inactive", () => asleep.gate !== undefined);

    // One that hibernates, and has an app server.
    let pushes = 0;
    const { handle } = makeService(server.host(), "test", "push", "An app server");
    handle.iq.set("http://jabber.org/protocol/pubsub", "pubsub", () => (pushes++, result()));
    const lost = await online(server, "paris", { resource: "phone" });
    await lost.request(
      "<iq type='set' id='e'><enable xmlns='urn:xmpp:push:0' jid='push.localhost' node='n'/></iq>",
      "<iq type='result' id='e'/>",
    );
    lost.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
    await lost.eventually("<enabled xmlns='urn:xmpp:sm:3'/>");
    lost.cut();
    const hibernating = server.host().session(parseJid(lost.jid)!)!;
    await until("it hibernates", () => hibernating.stream === undefined);
    for (const client of [garden, home, balcony, chamber]) await client.sync();

    for (const { kind, xml, archive, offline, carbons, urgent } of messageKinds) {
      const to = (jid: string) => xml.replace("<message", `<message to='${jid}'`);
      const starts = [garden, home, balcony, chamber].map((c) => c.transcript.length);
      const archives = await Promise.all(
        ["romeo@localhost", "juliet@localhost"].map((jid) => lastOf(server, jid)),
      );
      garden.send(to(balcony.jid));
      for (const client of [garden, home, balcony, chamber]) await client.sync();
      assert.equal(copies(home, starts[1]!, "sent"), carbons.sent ? 1 : 0, `${kind}: sent copies`);
      assert.equal(
        copies(chamber, starts[3]!, "received"),
        carbons.received ? 1 : 0,
        `${kind}: received copies`,
      );
      assert.equal(copies(garden, starts[0]!, "sent") + copies(balcony, starts[2]!, "received"), 0);
      for (const [i, jid] of ["romeo@localhost", "juliet@localhost"].entries()) {
        const changed = await lastOf(server, jid) !== archives[i];
        assert.equal(changed, archive, `${kind}: archive of ${jid}`);
      }

      const kept = await keptFor(server, "nurse@localhost");
      garden.send(to("nurse@localhost"));
      await garden.sync();
      assert.equal(
        await keptFor(server, "nurse@localhost") - kept,
        offline ? 1 : 0,
        `${kind}: offline`,
      );

      const before = sleeper.transcript.length;
      garden.send(to(sleeper.jid));
      await garden.sync();
      if (urgent) {
        await until(`${kind}: wakes up`, () => sleeper.transcript.length > before);
      } else {
        await pause(5);
        assert.equal(sleeper.transcript.length, before, `${kind}: is held`);
      }

      const pushed = pushes;
      garden.send(to(lost.jid));
      await garden.sync();
      if (urgent) await until(`${kind}: is pushed`, () => pushes > pushed);
      else await pause(5);
      assert.equal(pushes - pushed, urgent ? 1 : 0, `${kind}: pushes`);
      // Or it would not be told again before it has come.
      await server.inner.unloadModule(server.host(), "push");
      await server.inner.loadModule(server.host(), "push");
      for (const client of [garden, home, balcony, chamber, sleeper]) client.skip();
    }
    assert(hooks.has(archiveMetadata));
  }));
