/** Connections and streams that end in the midst of something. */

import assert from "node:assert/strict";
import { presenceAvailable, presenceUnavailable } from "../../lib/hooks/presence.ts";
import { sessionClosed } from "../../lib/hooks/streams.ts";
import { StreamError } from "../../lib/errors.ts";
import { type Jid, parseJid } from "../../lib/jid.ts";
import { connect, login, NS, online, type TestClient } from "../helpers/client.ts";
import { base64 } from "../helpers/sasl.ts";
import { sleep, until } from "../helpers/raw.ts";
import { type TestServer, withServer } from "../helpers/server.ts";

const HEADER = "<?xml version='1.0'?><stream:stream to='localhost' version='1.0' " +
  `xmlns='jabber:client' xmlns:stream='${NS.stream}'>`;

function auth(name: string, password: string): string {
  return `<auth xmlns='${NS.sasl}' mechanism='PLAIN'>${base64(`\0${name}\0${password}`)}</auth>`;
}

async function keptFor(server: TestServer): Promise<string[]> {
  const rows = await server.inner.store.db.selectFrom("offline_messages").select("node").execute();
  return rows.map((row) => String(row.node)).sort();
}

for (const last of ["</stream:stream>", ""]) {
  Deno.test(`what came before the connection ended is handled ${last}`, async () => {
    await withServer({}, {}, async (server) => {
      for (const name of ["u1", "u2", "u3"]) await server.addUser(`${name}@localhost`, "pass word");
      const alice = await login(server, "alice");
      const to = (name: string) =>
        `<message to='${name}@localhost' type='chat'><body>bye</body></message>`;
      alice.write(to("u1") + to("u2") + to("u3") + last);
      alice.tls.end();
      await until(() => server.host().sessions === 0, "the end of the session");
      assert.deepEqual(await keptFor(server), ["u1", "u2", "u3"]);
    });
  });
}

Deno.test("who is gone before its presence took effect leaves none behind", async () => {
  await withServer({}, {}, async (server) => {
    const juliet = await online(server, "juliet");
    await befriend(server, juliet);
    // Anything that takes its time: a vCard is looked up for its photo, for one.
    const { hooks } = server.host();
    let passed = 0;
    hooks.add(presenceAvailable, "slow", async () => {
      await sleep(100);
      passed++;
    });
    for (const end of ["cut", "conflict"]) {
      const romeo = await login(server, "romeo", { resource: "r" });
      const before = passed;
      romeo.send("<presence/>");
      await sleep(30);
      if (end === "cut") romeo.cut();
      else server.host().session(parse("romeo@localhost/r"))!.end(new StreamError("conflict"));
      await until(() => passed > before, "the slow handler");
      await until(() => server.host().account(parse("romeo@localhost")) === undefined, "the end");
      // Seen and gone, or never seen.
      let last = "none";
      await juliet.sync();
      for (const line of juliet.transcript.splice(0)) {
        const all = [...line.matchAll(/<presence( type='(\w+)')?[^>]*from='romeo@localhost\/r'/g)];
        if (line.startsWith("S:") && all.length > 0) last = all.at(-1)![2] ?? "available";
      }
      assert.notEqual(last, "available", end);
      juliet.skip();
    }
  });
});

function parse(text: string): Jid {
  return parseJid(text)!;
}

/** Romeo's presence is shown to Juliet. */
async function befriend(server: TestServer, juliet: TestClient): Promise<void> {
  const romeo = await online(server, "romeo");
  juliet.send("<presence to='romeo@localhost' type='subscribe'/>");
  await juliet.sync();
  romeo.send("<presence to='juliet@localhost' type='subscribed'/>");
  await romeo.sync();
  await romeo.close();
  await until(() => server.host().account(parse("romeo@localhost")) === undefined, "no Romeo");
  await juliet.sync();
  juliet.skip();
  juliet.transcript.length = 0;
}

Deno.test("a connection lost while the password is checked brings no session", async () => {
  await withServer({}, {}, async (server) => {
    await server.addUser("romeo@localhost", "pass word");
    for (let i = 0; i < 5; i++) {
      const romeo = await connect(server, { tls: "direct" });
      await romeo.open();
      romeo.write(
        auth("romeo", "pass word") + HEADER +
          `<iq type='set' id='b'><bind xmlns='${NS.bind}'/></iq><presence/>`,
      );
      await sleep(2);
      romeo.cut();
      await until(() => server.inner.admission.open === 0, "the end of the connection");
      await sleep(100);
      assert.equal(server.host().sessions, 0);
    }
  });
});

Deno.test("a stream that was ended while the password is checked stays ended", async () => {
  await withServer({}, {}, async (server) => {
    await server.addUser("romeo@localhost", "pass word");
    const romeo = await connect(server, { tls: "direct" });
    await romeo.open();
    romeo.write(auth("romeo", "pass word"));
    await sleep(2);
    for (const stream of [...server.inner.unbound]) {
      stream.fail(new StreamError("policy-violation"));
    }
    await sleep(300);
    romeo.write(HEADER + `<iq type='set' id='b'><bind xmlns='${NS.bind}'/></iq>`);
    await sleep(100);
    assert.equal(server.host().sessions, 0);
    assert.match(romeo.transcript.at(-2)!, /policy-violation.*<\/stream:stream>$/);
  });
});

Deno.test("a module that refuses the presence of a lost connection hinders nothing", async () => {
  await withServer({}, {}, async (server) => {
    const { hooks } = server.host();
    let closed = 0;
    hooks.add(sessionClosed, "test", () => void closed++);
    hooks.add(presenceUnavailable, "test", () => {
      throw new StreamError("policy-violation");
    });
    const alice = await online(server, "alice");
    alice.cut();
    await until(() => closed === 1, "session.closed");
    assert.equal(server.host().online.size, 0);
    assert.equal(server.inner.admission.open, 0);
  });
});
