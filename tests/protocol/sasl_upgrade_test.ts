/** XEP-0480: SASL Upgrade Tasks, and the tasks of XEP-0388 §2.6.3 that they are. */

import assert from "node:assert/strict";
import type { TestClient } from "../helpers/client.ts";
import { base64 } from "../helpers/sasl.ts";
import {
  BIND2,
  failure,
  type Hash,
  plain,
  saltedPassword,
  SASL2,
  scram,
  SCRAM_UPGRADE,
  secured,
  succeeds,
  UPGRADE,
} from "../helpers/sasl2.ts";
import { type TestServer, withServer } from "../helpers/server.ts";
import { addScramKeys, missingScramHashes, setPassword } from "../../lib/hooks/accounts.ts";
import { type LoginTask, sasl2Tasks } from "../../lib/hooks/sasl2.ts";
import { parseJid } from "../../lib/jid.ts";
import { xml } from "../../lib/xml/element.ts";

const modules = ["auth", "ping", "sasl2", "bind2", "sasl_upgrade"];

/** Takes keys away, as if the password had been set before the hash was configured. */
async function lose(server: TestServer, ...hashes: Hash[]): Promise<void> {
  const { db } = server.inner.store;
  const { scram } = await db.selectFrom("accounts").select("scram")
    .where("node", "=", "alice").executeTakeFirstOrThrow() as { scram: string };
  const left = scram.split("\n").filter((line) =>
    !hashes.some((hash) => line.startsWith(`SCRAM-${hash}$`))
  );
  await db.updateTable("accounts").set({ scram: left.join("\n") }).execute();
}

function test(
  name: string,
  transcript: (client: TestClient, server: TestServer) => Promise<void>,
): void {
  Deno.test(name, () =>
    withServer({}, { modules }, async (server) => {
      await server.addUser("alice@localhost", "secret");
      await lose(server, "SHA-256", "SHA-512");
      await transcript(await secured(server), server);
    }));
}

const wish = (...tasks: string[]) =>
  tasks.map((task) => `<upgrade xmlns='${UPGRADE}'>${task}</upgrade>`).join("");
const next = (task: string) => `<next xmlns='${SASL2}' task='${task}'/>`;
const data = (text: string) =>
  `<task-data xmlns='${SASL2}'><hash xmlns='${SCRAM_UPGRADE}'>${text}</hash></task-data>`;
const expectTask = (task: string, more = "") =>
  `<continue xmlns='${SASL2}'>${more}<tasks>{only}<task>${task}</task></tasks></continue>`;
const SALT =
  `<task-data xmlns='${SASL2}'><salt xmlns='${SCRAM_UPGRADE}' iterations='{i}'>{s}</salt></task-data>`;

/** Does one task; what follows is the caller's to receive. */
async function upgrade(client: TestClient, hash: Hash, password = "secret"): Promise<void> {
  client.send(next(`UPGR-SCRAM-${hash}`));
  const { i, s } = await client.receives(SALT);
  assert.ok(Number(i) >= 4096);
  client.send(data(base64(saltedPassword(hash, password, s!, Number(i)))));
}

test("§2.1: offered to everybody alike", async (client) => {
  const elements = client.last.child("authentication")!.elements("upgrade");
  assert.deepEqual(elements.map((e) => [e.ns, e.text()]), [
    [UPGRADE, "UPGR-SCRAM-SHA-512"],
    [UPGRADE, "UPGR-SCRAM-SHA-256"],
  ]);
});

test("§3: an upgrade to SCRAM-SHA-256, which can be used from then on", async (client, server) => {
  await scram(await secured(server), "SHA-256", "alice", "secret");
  const { data: signature } = await scram(
    client,
    "SHA-1",
    "alice",
    "secret",
    wish("UPGR-SCRAM-SHA-256") + `<bind xmlns='${BIND2}'/>`,
  );
  await client.receives(
    expectTask("UPGR-SCRAM-SHA-256", `<additional-data>${signature}</additional-data>`),
  );
  // Nothing is bound before all is done.
  assert.equal(server.host().sessions, 0);
  await upgrade(client, "SHA-256");
  await succeeds(client, `<bound xmlns='${BIND2}'/><additional-data>{absent}</additional-data>`);

  const other = await secured(server);
  await scram(other, "SHA-256", "alice", "secret");
  await succeeds(other);
  // The others are what they were.
  const third = await secured(server);
  await scram(third, "SHA-1", "alice", "secret");
  await succeeds(third);
  const fourth = await secured(server);
  await scram(fourth, "SHA-512", "alice", "secret");
  await fourth.receives(failure("not-authorized"));
});

test("§2.2: several, one after the other", async (client, server) => {
  const tasks = wish("UPGR-SCRAM-SHA-256", "UPGR-SCRAM-SHA-512", "UPGR-BLOOP2");
  await scram(client, "SHA-1", "alice", "secret", tasks);
  await client.receives(expectTask("UPGR-SCRAM-SHA-512"));
  await upgrade(client, "SHA-512");
  await client.receives(expectTask("UPGR-SCRAM-SHA-256"));
  assert.equal(client.last.child("additional-data"), undefined);
  await upgrade(client, "SHA-256");
  await succeeds(client);
  for (const hash of ["SHA-256", "SHA-512"] as const) {
    const other = await secured(server);
    await scram(other, hash, "alice", "secret");
    await succeeds(other);
  }
});

test("what is there already, or cannot be had, is no task", async (client, server) => {
  await scram(client, "SHA-1", "alice", "secret", wish("UPGR-SCRAM-SHA-1", "UPGR-BLOOP2"));
  await succeeds(client);
  await server.host().hooks.ask(setPassword, parseJid("alice@localhost")!, "secret");
  const other = await secured(server);
  await scram(other, "SHA-1", "alice", "secret", wish("UPGR-SCRAM-SHA-256"));
  await succeeds(other);
});

test("with PLAIN the server makes the keys itself", async (client, server) => {
  client.send(plain("alice", "secret", wish("UPGR-SCRAM-SHA-256")));
  await succeeds(client);
  const other = await secured(server);
  await scram(other, "SHA-256", "alice", "secret");
  await succeeds(other);
});

test("a task that goes wrong is a login that goes wrong", async (_, server) => {
  const begun = async () => {
    const client = await secured(server);
    await scram(client, "SHA-1", "alice", "secret", wish("UPGR-SCRAM-SHA-256"));
    await client.receives(expectTask("UPGR-SCRAM-SHA-256"));
    return client;
  };
  for (
    const [messages, condition] of [
      [[next("UPGR-SCRAM-SHA-512")], "malformed-request"],
      [[data(base64(new Uint8Array(32)))], "malformed-request"],
      [[`<next xmlns='${SASL2}'/>`], "malformed-request"],
      [[`<response xmlns='${SASL2}'>AAAA</response>`], "malformed-request"],
      [[`<abort xmlns='${SASL2}'/>`], "aborted"],
      [[next("UPGR-SCRAM-SHA-256"), `<abort xmlns='${SASL2}'/>`], "aborted"],
      [[next("UPGR-SCRAM-SHA-256"), next("UPGR-SCRAM-SHA-256")], "malformed-request"],
      [[next("UPGR-SCRAM-SHA-256"), `<task-data xmlns='${SASL2}'/>`], "malformed-request"],
      [[next("UPGR-SCRAM-SHA-256"), data("*")], "incorrect-encoding"],
      [[next("UPGR-SCRAM-SHA-256"), data(base64(new Uint8Array(20)))], "malformed-request"],
    ] as const
  ) {
    const client = await begun();
    for (const [i, message] of messages.entries()) {
      client.send(message);
      if (i < messages.length - 1) await client.receives(SALT);
    }
    await client.receives(failure(condition));
    // Not logged in, but free to try again.
    client.send(plain("alice", "wrong"));
    await client.receives(failure("not-authorized"));
    await client.close();
  }
  const client = await begun();
  client.send("<presence/>");
  await client.streamError("policy-violation");
  const other = await begun();
  other.send(plain("alice", "secret"));
  await other.streamError("policy-violation");
  assert.equal(server.host().sessions, 0);
});

test("keys of a password that was changed meanwhile are not kept", async (client, server) => {
  await scram(client, "SHA-1", "alice", "secret", wish("UPGR-SCRAM-SHA-256"));
  await client.receives(expectTask("UPGR-SCRAM-SHA-256"));
  client.send(next("UPGR-SCRAM-SHA-256"));
  const { i, s } = await client.receives(SALT);
  await server.host().hooks.ask(setPassword, parseJid("alice@localhost")!, "new secret");
  client.send(data(base64(saltedPassword("SHA-256", "secret", s!, Number(i)))));
  await client.receives(failure("temporary-auth-failure"));
  const other = await secured(server);
  await scram(other, "SHA-256", "alice", "new secret");
  await succeeds(other);
});

Deno.test("keys that cannot be written: not now, says the server", () =>
  withServer({}, { modules, mayLogErrors: true }, async (server) => {
    await server.addUser("alice@localhost", "secret");
    await lose(server, "SHA-256", "SHA-512");
    const broken = () => {
      throw new Error("out of order");
    };
    const stop = server.host().hooks.add(missingScramHashes, "test", broken, { priority: 1 });
    const client = await secured(server);
    await scram(client, "SHA-1", "alice", "secret", wish("UPGR-SCRAM-SHA-256"));
    await client.receives(failure("temporary-auth-failure"));
    stop();
    server.host().hooks.add(addScramKeys, "test", broken, { priority: 1 });
    await scram(client, "SHA-1", "alice", "secret", wish("UPGR-SCRAM-SHA-256"));
    await client.receives(expectTask("UPGR-SCRAM-SHA-256"));
    await upgrade(client, "SHA-256");
    await client.receives(failure("temporary-auth-failure"));
  }));

// ---- XEP-0388 §2.6.3 with a task of our own ----

const TOTP = "urn:totp:example";

const totp: LoginTask = {
  name: "TOTP-EXAMPLE",
  text: "This account requires 2FA",
  step(message) {
    if (message.name === "next") return { kind: "data", content: [xml("totp", TOTP, {}, "?")] };
    if (message.childText("totp", TOTP) === "123456") {
      return { kind: "done", content: [xml("totp", TOTP, {}, "well done")] };
    }
    return { kind: "failure", condition: "not-authorized", node: "alice" };
  },
};

test("Example 12: a second factor", async (client, server) => {
  server.host().hooks.add(sasl2Tasks, "test", (tasks) => [...tasks, totp]);
  const code = (text: string) =>
    `<task-data xmlns='${SASL2}'><totp xmlns='${TOTP}'>${text}</totp></task-data>`;
  client.send(plain("alice", "secret", `<bind xmlns='${BIND2}'/>`));
  await client.receives(
    `<continue xmlns='${SASL2}'><tasks><task>TOTP-EXAMPLE</task></tasks>` +
      "<text>This account requires 2FA</text></continue>",
  );
  client.send(next("TOTP-EXAMPLE"));
  await client.receives(code("?"));
  client.send(code("000000"));
  await client.receives(failure("not-authorized"));
  client.send(plain("alice", "secret", `<bind xmlns='${BIND2}'/>`));
  await client.receives(`<continue xmlns='${SASL2}'/>`);
  client.send(next("TOTP-EXAMPLE"));
  await client.receives(code("?"));
  client.send(code("123456"));
  await succeeds(client, `<totp xmlns='${TOTP}'>well done</totp><bound xmlns='${BIND2}'/>`);
  assert.ok(client.jid.startsWith("alice@localhost/"));
});
