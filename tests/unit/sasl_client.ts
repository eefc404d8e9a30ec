/** A SCRAM client written from RFC 5802 for the tests, and a context to serve it from. */

import { Buffer } from "node:buffer";
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { deriveKeys, type ScramHash, type ScramKeys } from "../../lib/sasl/credentials.ts";
import { createMechanism, type SaslContext, type SaslStep } from "../../lib/sasl/mechanism.ts";

/** What `context` may be told apart from SaslContext itself. */
export interface ContextOptions extends Partial<SaslContext> {
  readonly accounts?: Readonly<Record<string, readonly ScramKeys[]>>;
}

/** A context that offers all there is, for the given accounts. */
export function contextOf(options: ContextOptions = {}): SaslContext {
  const { accounts = {}, ...rest } = options;
  return {
    domain: "example.com",
    secure: true,
    channelBinding: undefined,
    offeredMechanisms: ["SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "EXTERNAL"],
    offeredBindings: [],
    certificateJids: undefined,
    pretendSecret: Buffer.from("0123456789abcdef0123456789abcdef"),
    scramKeys: (node, hash) => accounts[node]?.find((keys) => keys.hash === hash),
    checkPassword: () => false,
    ...rest,
  };
}

/** Keys for "pencil" with the least rounds, to keep the tests quick. */
export async function pencil(hash: ScramHash = "SHA-256"): Promise<ScramKeys> {
  return await deriveKeys("pencil", hash, 64);
}

/** Text to the octets of a message. */
export function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text));
}

/** The octets of a step as text, or a summary of how it ended. */
export function said(step: SaslStep): string {
  switch (step.kind) {
    case "challenge":
      return Buffer.from(step.data).toString();
    case "success":
      return `success ${step.node}`;
    case "failure":
      return step.text === undefined ? step.condition : `${step.condition} ${step.text}`;
  }
}

/** What the client side of an exchange is to do, wrongly where a test wants it so. */
export interface ClientOptions {
  readonly mechanism?: string;
  readonly user?: string;
  readonly password?: string;
  readonly header?: string;
  /** Channel-binding data that the client computed for itself. */
  readonly binding?: Uint8Array;
  readonly nonce?: string;
  /** More attributes for the first and the last message, with the leading comma. */
  readonly firstExtra?: string;
  readonly finalExtra?: string;
  /** Last change to client-final-message before it is sent. */
  readonly tamper?: (message: string) => string;
}

/** How a client saw its login. */
export interface Outcome {
  readonly step: SaslStep;
  readonly serverFirst: string;
  /** True if the server proved that it knows the account too. */
  readonly mutual: boolean;
}

/** Logs in by RFC 5802. */
export async function login(context: SaslContext, options: ClientOptions = {}): Promise<Outcome> {
  const name = options.mechanism ?? "SCRAM-SHA-256";
  const algorithm = name.replace("SCRAM-", "").replace("-PLUS", "").replace("-", "").toLowerCase();
  const header = options.header ?? "n,,";
  const nonce = options.nonce ?? "fyko+d2lbbFgONRv9qkxdawL";
  const user = (options.user ?? "user").replaceAll("=", "=3D").replaceAll(",", "=2C");
  const bare = `n=${user},r=${nonce}${options.firstExtra ?? ""}`;
  const mechanism = createMechanism(name, context)!;
  const first = await mechanism.step(bytes(header + bare));
  const serverFirst = said(first);
  if (first.kind !== "challenge") return { step: first, serverFirst, mutual: false };

  const attributes = new Map(serverFirst.split(",").map((a) => [a[0], a.slice(2)]));
  const binding = Buffer.concat([bytes(header), options.binding ?? new Uint8Array(0)]);
  const withoutProof = `c=${binding.toString("base64")},r=${attributes.get("r")}` +
    (options.finalExtra ?? "");
  const message = `${bare},${serverFirst},${withoutProof}`;
  const salt = Buffer.from(attributes.get("s")!, "base64");
  const rounds = Number(attributes.get("i"));
  const length = createHash(algorithm).digest().length;
  const salted = pbkdf2Sync(options.password ?? "pencil", salt, rounds, length, algorithm);
  const mac = (key: Uint8Array, data: string) => createHmac(algorithm, key).update(data).digest();
  const clientKey = mac(salted, "Client Key");
  const signature = mac(createHash(algorithm).update(clientKey).digest(), message);
  const proof = clientKey.map((octet, i) => octet ^ signature[i]!);
  const final = `${withoutProof},p=${Buffer.from(proof).toString("base64")}`;
  const step = await mechanism.step(bytes(options.tamper?.(final) ?? final));
  const verifier = "v=" + mac(mac(salted, "Server Key"), message).toString("base64");
  const mutual = step.kind === "success" && Buffer.from(step.data!).toString() === verifier;
  return { step, serverFirst, mutual };
}
