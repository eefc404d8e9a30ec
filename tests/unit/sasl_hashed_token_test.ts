/** HT-SHA-256-*: draft-schmaus-kitten-sasl-ht-09. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { hashedToken } from "../../lib/sasl/hashed_token.ts";
import type { SaslStep } from "../../lib/sasl/mechanism.ts";

const TOKEN = "a token with ünïcödé";
const NOTHING = new Uint8Array();

const mac = (label: string, binding: Uint8Array, token = TOKEN) =>
  createHmac("sha256", token).update(label).update(binding).digest();
const message = (name: string, proof: Uint8Array) =>
  new Uint8Array(Buffer.concat([Buffer.from(name), Buffer.from([0]), proof]));

function server(binding: Uint8Array, asked: string[] = []) {
  return hashedToken({
    binding,
    findToken(node, proves) {
      asked.push(node);
      if (proves(TOKEN)) return { token: TOKEN };
      return { kind: "failure", condition: "not-authorized", node };
    },
  });
}

Deno.test("a proof, and the server's in return", () => {
  for (const binding of [NOTHING, new Uint8Array([1, 2, 3])]) {
    const step = server(binding).step(message("Alice", mac("Initiator", binding))) as SaslStep;
    assert.ok(step.kind === "success");
    assert.equal(step.node, "alice");
    assert.deepEqual(Buffer.from(step.data!), mac("Responder", binding));
  }
});

Deno.test("proofs of something else", () => {
  const wrong = [
    mac("Responder", NOTHING),
    mac("Initiator", new Uint8Array([1])),
    mac("Initiator", NOTHING, "another"),
    new Uint8Array(32),
  ];
  for (const proof of wrong) {
    const step = server(NOTHING).step(message("alice", proof));
    assert.deepEqual(step, { kind: "failure", condition: "not-authorized", node: "alice" });
  }
  // Nor is a proof without the channel one with it.
  const step = server(new Uint8Array([1])).step(message("alice", mac("Initiator", NOTHING)));
  assert.equal((step as SaslStep).kind, "failure");
});

Deno.test("messages that are none", () => {
  const proof = mac("Initiator", NOTHING);
  const asked: string[] = [];
  for (
    const input of [
      undefined,
      NOTHING,
      new Uint8Array([0]),
      message("", proof),
      message("alice", NOTHING),
      message("alice", proof.subarray(1)),
      message("alice", new Uint8Array([...proof, 0])),
      new Uint8Array([0xff, 0, ...proof]),
      new Uint8Array(Buffer.from("alice")),
    ]
  ) {
    const step = server(NOTHING, asked).step(input) as SaslStep;
    assert.ok(step.kind === "failure" && step.condition === "malformed-request");
  }
  const step = server(NOTHING, asked).step(message("a@b", proof));
  assert.deepEqual(step, { kind: "failure", condition: "not-authorized" });
  assert.deepEqual(asked, []);
});
