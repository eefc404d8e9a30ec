import assert from "node:assert/strict";
import { parseJid } from "../../lib/jid.ts";
import { createMechanism, mechanisms, type SaslContext } from "../../lib/sasl/mechanism.ts";
import { bytes, contextOf, pencil, said } from "./sasl_client.ts";

const ENABLED = ["SCRAM-SHA-1", "SCRAM-SHA-256", "PLAIN", "EXTERNAL"];

async function once(name: string, message: string, context: SaslContext): Promise<string> {
  return said(await createMechanism(name, context)!.step(bytes(message)));
}

Deno.test("mechanisms are offered by what the stream has, the best first", () => {
  const offer = (secure: boolean, channelBinding: boolean, more = {}) =>
    mechanisms({ secure, channelBinding, enabled: ENABLED, ...more }).join(" ");
  assert.equal(
    offer(true, true, { certificate: true }),
    "EXTERNAL SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-1 PLAIN",
  );
  assert.equal(offer(true, false), "SCRAM-SHA-256 SCRAM-SHA-1 PLAIN");
  assert.equal(offer(false, false, { certificate: true }), "SCRAM-SHA-256 SCRAM-SHA-1");
  assert.equal(offer(false, true, { allowPlaintext: true }), "SCRAM-SHA-256 SCRAM-SHA-1 PLAIN");
  assert.equal(
    mechanisms({ secure: true, channelBinding: true, enabled: ["SCRAM-SHA-1-PLUS", "ANONYMOUS"] })
      .join(" "),
    "SCRAM-SHA-1-PLUS ANONYMOUS",
  );
});

Deno.test("what was not offered, is unknown or lacks its data is not made", () => {
  const context = contextOf({ offeredMechanisms: ["SCRAM-SHA-1-PLUS", "ANONYMOUS", "X-NEW"] });
  for (const name of ["PLAIN", "SCRAM-SHA-1-PLUS", "ANONYMOUS", "X-NEW", "", "__proto__"]) {
    assert.equal(createMechanism(name, context), undefined, name);
  }
});

Deno.test("an absent initial response is asked for, once", async () => {
  const context = contextOf({ accounts: { user: [await pencil()] } });
  const mechanism = createMechanism("SCRAM-SHA-256", context)!;
  const asked = await mechanism.step(undefined);
  assert.deepEqual(asked, { kind: "challenge", data: new Uint8Array(0) });
  assert.match(said(await mechanism.step(bytes("n,,n=user,r=abc"))), /^r=abc/);
  const silent = createMechanism("PLAIN", context)!;
  await silent.step(undefined);
  assert.equal(said(await silent.step(undefined)), "malformed-request");
});

Deno.test("messages beyond the limit are refused, and an ended exchange stays so", async () => {
  const check = { checkPassword: () => true };
  const fits = "\0user\0" + "x".repeat(1000);
  assert.equal(await once("PLAIN", fits, contextOf(check)), "success user");
  const small = contextOf({ ...check, maxMessageBytes: fits.length - 1 });
  assert.equal(await once("PLAIN", fits, small), "malformed-request");
  assert.equal(await once("PLAIN", "\0u\0" + "x".repeat(9000), contextOf()), "malformed-request");
  const mechanism = createMechanism("PLAIN", contextOf(check))!;
  assert.equal(said(await mechanism.step(bytes("\0user\0a"))), "success user");
  assert.equal(said(await mechanism.step(bytes("\0user\0a"))), "malformed-request already over");
});

Deno.test("a second message during a lookup is refused", async () => {
  const context = contextOf({ checkPassword: () => Promise.resolve(true) });
  const mechanism = createMechanism("PLAIN", context)!;
  const first = mechanism.step(bytes("\0user\0a"));
  assert.equal(said(await mechanism.step(bytes("\0user\0b"))), "malformed-request already over");
  assert.equal(said(await first), "success user");
});

Deno.test("PLAIN: names and passwords are prepared and checked", async () => {
  const asked: string[] = [];
  const context = contextOf({
    checkPassword: (node, password) => {
      asked.push(`${node}:${password}`);
      return password === "pencil";
    },
  });
  assert.equal(await once("PLAIN", "\0User\0pencil", context), "success user");
  assert.equal(await once("PLAIN", "\0user\0Pen", context), "not-authorized");
  assert.equal(await once("PLAIN", "\0user\0a\u00a0b", context), "not-authorized");
  assert.deepEqual(asked, ["user:pencil", "user:Pen", "user:a b"]);
  const failed = await createMechanism("PLAIN", context)!.step(bytes("\0User\0no"));
  assert.equal(failed.kind === "failure" && failed.node, "user");
});

Deno.test("PLAIN: the authorization identity is empty or the account's own", async () => {
  const context = contextOf({ checkPassword: () => true });
  const own = await createMechanism("PLAIN", context)!.step(bytes("USER@example.com\0user\0x"));
  assert.deepEqual(own, { kind: "success", node: "user", authzid: "user@example.com" });
  for (const authzid of ["other@example.com", "user", "user@example.com/r", "@", "example.com"]) {
    assert.equal(await once("PLAIN", `${authzid}\0user\0x`, context), "invalid-authzid", authzid);
  }
});

Deno.test("PLAIN: malformed messages never reach the password check", async () => {
  const context = contextOf({ checkPassword: () => assert.fail("was asked") });
  for (const message of ["", "user", "user\0x", "\0\0x", "\0user\0", "\0user\0x\0", "\0\0"]) {
    assert.equal(await once("PLAIN", message, context), "malformed-request", message);
  }
  const invalid = new Uint8Array([0, 0x75, 0, 0xff]);
  assert.equal(
    said(await createMechanism("PLAIN", context)!.step(invalid)),
    "malformed-request",
  );
  for (const message of ["\0a b\0x", "\0user\0a\u0007b"]) {
    assert.equal(await once("PLAIN", message, context), "not-authorized", message);
  }
});

Deno.test("EXTERNAL: one address needs no authorization identity (XEP-0178 §2)", async () => {
  const certificateJids = [parseJid("Juliet@example.com")!, parseJid("juliet@example.org")!];
  const context = contextOf({ certificateJids });
  assert.equal(await once("EXTERNAL", "", context), "success juliet");
  const named = await createMechanism("EXTERNAL", context)!.step(bytes("juliet@example.com"));
  assert.deepEqual(named, { kind: "success", node: "juliet", authzid: "juliet@example.com" });
  for (const other of ["romeo@example.com", "juliet@example.org", "juliet", "a@", "example.com"]) {
    assert.equal(await once("EXTERNAL", other, context), "invalid-authzid", other);
  }
  assert.equal(await once("EXTERNAL", "a\0b", context), "malformed-request");
});

Deno.test("EXTERNAL: of several addresses one must be named", async () => {
  const certificateJids = ["a@example.com", "b@example.com", "b@example.com"].map((j) =>
    parseJid(j)!
  );
  const context = contextOf({ certificateJids });
  assert.equal(await once("EXTERNAL", "", context), "invalid-authzid");
  assert.equal(await once("EXTERNAL", "b@example.com", context), "success b");
  const one = contextOf({ certificateJids, accountExists: (node) => node === "b" });
  assert.equal(await once("EXTERNAL", "", one), "success b");
  assert.equal(await once("EXTERNAL", "a@example.com", one), "not-authorized");
});

Deno.test("EXTERNAL: no certificate, no address, or no account is not authorized", async () => {
  assert.equal(await once("EXTERNAL", "", contextOf()), "not-authorized");
  for (const jids of [[], ["example.com"], ["a@example.org"], ["a@example.com/r"]]) {
    const context = contextOf({ certificateJids: jids.map((j) => parseJid(j)!) });
    assert.equal(await once("EXTERNAL", "", context), "not-authorized");
    assert.equal(await once("EXTERNAL", "a@example.com", context), "not-authorized");
  }
});

Deno.test("ANONYMOUS: takes trace information and gives a fresh name", async () => {
  let made = 0;
  const context = contextOf({
    offeredMechanisms: ["ANONYMOUS"],
    anonymousNode: () => Promise.resolve(`guest${++made}`),
  });
  assert.equal(await once("ANONYMOUS", "", context), "success guest1");
  assert.equal(await once("ANONYMOUS", "sirhc", context), "success guest2");
  assert.equal(await once("ANONYMOUS", "ä".repeat(255), context), "success guest3");
  assert.equal(await once("ANONYMOUS", "x".repeat(256), context), "malformed-request");
  assert.equal(await once("ANONYMOUS", "a\0", context), "malformed-request");
  assert.equal(made, 3);
});
