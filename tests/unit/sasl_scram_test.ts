import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import * as independent from "sasl-scram-sha-1";
import { deriveKeys } from "../../lib/sasl/credentials.ts";
import { downgradeHash } from "../../lib/sasl/downgrade.ts";
import { createMechanism, type SaslContext } from "../../lib/sasl/mechanism.ts";
import { bytes, contextOf, login, pencil, said } from "./sasl_client.ts";

const ALL = [
  "SCRAM-SHA-512-PLUS",
  "SCRAM-SHA-256-PLUS",
  "SCRAM-SHA-1-PLUS",
  "SCRAM-SHA-512",
  "SCRAM-SHA-256",
  "SCRAM-SHA-1",
];
const BOUND = {
  offeredMechanisms: ALL,
  offeredBindings: ["tls-server-end-point"],
  channelBinding: { type: "tls-server-end-point", data: bytes("certificate hash") },
} as const;
const P = "p=tls-server-end-point,,";

Deno.test("RFC 5802 §5: the example exchange, octet for octet", async () => {
  const salt = Buffer.from("QSXCR+Q6sek8bf92", "base64");
  const keys = await deriveKeys("pencil", "SHA-1", 4096, salt);
  const mechanism = createMechanism(
    "SCRAM-SHA-1",
    contextOf({
      accounts: { user: [keys] },
      downgradeProtection: false,
      serverNonce: () => "3rfcNHYJY1ZVvWVs7j",
    }),
  )!;
  const first = await mechanism.step(bytes("n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL"));
  assert.equal(
    said(first),
    "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
  );
  const last = await mechanism.step(
    bytes(
      "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
    ),
  );
  assert.equal(last.kind, "success");
  assert.equal(last.kind === "success" && last.node, "user");
  assert.equal(
    last.kind === "success" && Buffer.from(last.data!).toString(),
    "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
  );
});

Deno.test("RFC 7677 §3: the example exchange, octet for octet", async () => {
  const salt = Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64");
  const keys = await deriveKeys("pencil", "SHA-256", 4096, salt);
  const mechanism = createMechanism(
    "SCRAM-SHA-256",
    contextOf({
      accounts: { user: [keys] },
      downgradeProtection: false,
      serverNonce: () => "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
    }),
  )!;
  const first = await mechanism.step(bytes("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"));
  assert.equal(
    said(first),
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
  );
  const last = await mechanism.step(
    bytes(
      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0," +
        "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    ),
  );
  assert.equal(
    last.kind === "success" && Buffer.from(last.data!).toString(),
    "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
  );
});

Deno.test("XEP-0474 §6.3: the example exchange, with its hash of the lists", async () => {
  const salt = Buffer.from("QSXCR+Q6sek8bf92", "base64");
  const keys = await deriveKeys("pencil", "SHA-1", 4096, salt);
  const context = contextOf({
    accounts: { user: [keys] },
    offeredMechanisms: ["SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"],
    offeredBindings: ["tls-server-end-point", "tls-exporter"],
    // The example binds to a type that this server does not offer: only the data matter here.
    channelBinding: {
      type: "tls-exporter",
      data: bytes("THIS IS FAKE CB DATA"),
    } as unknown as SaslContext["channelBinding"],
    serverNonce: () => "a09117a6-ac50-4f2f-93f1-93799c2bddf6",
  });
  const mechanism = createMechanism("SCRAM-SHA-1-PLUS", context)!;
  const nonce = "12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6";
  const first = await mechanism.step(bytes(`p=tls-exporter,,n=user,r=${nonce}`));
  assert.equal(
    said(first),
    `r=${nonce}a09117a6-ac50-4f2f-93f1-93799c2bddf6,s=QSXCR+Q6sek8bf92,i=4096,` +
      "h=G6k/rBLDqgOhRRaCuuatSDFkJ08=",
  );
  const last = await mechanism.step(
    bytes(
      `c=cD10bHMtZXhwb3J0ZXIsLFRISVMgSVMgRkFLRSBDQiBEQVRB,` +
        `r=${nonce}a09117a6-ac50-4f2f-93f1-93799c2bddf6,` +
        "x=19C6532F-1CF4-4A27-A18D-DC9CEA41BBB3,p=M/SIDjT+dfcxUh89jZEypRvFxB4=",
    ),
  );
  assert.equal(
    last.kind === "success" && Buffer.from(last.data!).toString(),
    "v=MQrMPvv7yv4x4Cq4W4Ih25EqS2c=",
  );
});

Deno.test("XEP-0474: lists are sorted by octets, and absent types leave no separator", () => {
  const sha256 = (text: string) => createHash("sha256").update(text).digest("base64");
  assert.equal(downgradeHash("SHA-256", ["b", "A", "a"], []), sha256("A\x1ea\x1eb"));
  assert.equal(downgradeHash("SHA-256", ["b", "a"], ["d", "c"]), sha256("a\x1eb\x1fc\x1ed"));
});

Deno.test("every SCRAM mechanism logs in, with and without channel binding", async () => {
  for (const mechanism of ALL) {
    const hash = mechanism.replace("SCRAM-", "").replace("-PLUS", "") as "SHA-1";
    const context = contextOf({ accounts: { user: [await pencil(hash)] }, ...BOUND });
    const plus = mechanism.endsWith("-PLUS");
    const { step, mutual } = await login(context, {
      mechanism,
      header: plus ? P : "n,,",
      binding: plus ? BOUND.channelBinding.data : undefined,
    });
    assert.deepEqual([said(step), mutual], ["success user", true], mechanism);
  }
});

Deno.test("an independent SCRAM-SHA-1 client from npm logs in and verifies the server", async () => {
  // deno-lint-ignore no-explicit-any
  const Client = ((independent as any).default ?? independent) as any;
  const context = contextOf({ accounts: { user: [await pencil("SHA-1")] } });
  for (const password of ["pencil", "pen"]) {
    const client = new (Client.Mechanism ?? Client)();
    const server = createMechanism("SCRAM-SHA-1", context)!;
    const initial = await client.response({ username: "user", password });
    const first = await server.step(bytes(initial));
    await client.challenge(said(first));
    const answer = await client.response({ username: "user", password });
    const last = await server.step(bytes(answer));
    if (password === "pen") {
      assert.equal(said(last), "not-authorized invalid-proof");
      continue;
    }
    assert.equal(said(last), "success user");
    const verifier = last.kind === "success" && Buffer.from(last.data!).toString();
    await client.challenge(verifier);
  }
});

Deno.test("a wrong password and an unknown name are answered alike", async () => {
  const keys = await deriveKeys("pencil", "SHA-256", 100);
  const context = contextOf({ accounts: { user: [keys] }, pretendIterations: 100 });
  const wrong = await login(context, { password: "pen" });
  const unknown = await login(context, { user: "nobody" });
  assert.equal(said(wrong.step), "not-authorized invalid-proof");
  assert.equal(said(unknown.step), said(wrong.step));
  const shape = (first: string) => first.replace(/([rsh])=([^,]+)/g, (_, a, v) => a + v.length);
  assert.equal(shape(unknown.serverFirst), shape(wrong.serverFirst));
  const salt = (first: string) => /s=[^,]+/.exec(first)![0];
  const again = await login(context, { user: "nobody" });
  assert.equal(salt(again.serverFirst), salt(unknown.serverFirst), "the salt is stable");
  const other = await login(context, { user: "nobody2" });
  assert.notEqual(salt(other.serverFirst), salt(unknown.serverFirst));
  assert.equal(unknown.step.kind === "failure" && unknown.step.node, "nobody");
});

Deno.test("names are prepared by RFC 8265 and unescaped", async () => {
  const keys = await pencil();
  const context = contextOf({ accounts: { "us=er,x": [keys], "ürsel": [keys] } });
  assert.equal(said((await login(context, { user: "US=er,X" })).step), "success us=er,x");
  assert.equal(said((await login(context, { user: "U\u0308RSEL" })).step), "success ürsel");
  const bad = await login(context, { user: "a b" });
  assert.equal(said(bad.step), "not-authorized invalid-username-encoding");
});

Deno.test("the authorization identity must be the account's bare JID", async () => {
  const context = contextOf({ accounts: { user: [await pencil()] } });
  const own = await login(context, { header: "n,a=User@Example.com," });
  assert.deepEqual([said(own.step), own.mutual], ["success user", true]);
  assert.equal(own.step.kind === "success" && own.step.authzid, "user@example.com");
  for (const authzid of ["other@example.com", "user", "user@example.com/x", "user@example.org"]) {
    const { step } = await login(context, { header: `n,a=${authzid},` });
    assert.equal(said(step), "invalid-authzid", authzid);
  }
});

Deno.test("malformed first messages are refused", async () => {
  const context = contextOf({ accounts: { user: [await pencil()] } });
  const cases: [string, string][] = [
    ["", "other-error"],
    ["n", "other-error"],
    ["n,", "other-error"],
    ["n,,", "other-error"],
    ["n,,n=user", "other-error"],
    ["x,,n=user,r=abc", "other-error"],
    ["F,n,,n=user,r=abc", "other-error"],
    ["nn,,n=user,r=abc", "other-error"],
    ["p=,,n=user,r=abc", "other-error"],
    ["p=tls unique,,n=user,r=abc", "other-error"],
    ["n,user,n=user,r=abc", "other-error"],
    ["n,a=,n=user,r=abc", "other-error"],
    ["n,a=us=er,n=user,r=abc", "other-error"],
    ["n,,r=abc,n=user", "other-error"],
    ["n,,n=user,r=", "other-error"],
    ["n,,n=user,r=a b", "other-error"],
    ["n,,n=user,r=ä", "other-error"],
    ["n,,n=user,r=abc,", "other-error"],
    ["n,,n=user,r=abc,x", "other-error"],
    ["n,,n=user,r=abc,x=", "other-error"],
    ["n,,n=user,r=abc,1=x", "other-error"],
    ["n,,n=user,r=abc,r=def", "other-error"],
    ["n,,n=user,r=abc,n=root", "other-error"],
    ["n,,m=ext,n=user,r=abc", "extensions-not-supported"],
    ["n,,n=user,r=abc,m=ext", "extensions-not-supported"],
    ["n,,n=user\0,r=abc", "invalid-encoding"],
  ];
  for (const [message, error] of cases) {
    const step = await createMechanism("SCRAM-SHA-256", context)!.step(bytes(message));
    assert.equal(said(step), `malformed-request ${error}`, message);
  }
  for (const name of ["", "us=er", "us=2cer", "user="]) {
    const step = await createMechanism("SCRAM-SHA-256", context)!.step(bytes(`n,,n=${name},r=a`));
    assert.equal(said(step), "not-authorized invalid-username-encoding", name);
  }
  const step = await createMechanism("SCRAM-SHA-256", context)!.step(
    new Uint8Array([0x6e, 0x2c, 0x2c, 0x6e, 0x3d, 0xff]),
  );
  assert.equal(said(step), "malformed-request invalid-encoding");
});

Deno.test("optional extensions are ignored and signed over", async () => {
  const context = contextOf({ accounts: { user: [await pencil()] } });
  const { step, mutual } = await login(context, {
    firstExtra: ",x=1,Z=a=b",
    finalExtra: ",t=9e8f9e8f",
  });
  assert.deepEqual([said(step), mutual], ["success user", true]);
});

Deno.test("malformed and forged last messages are refused", async () => {
  const context = contextOf({ accounts: { user: [await pencil()] } });
  const cases: [string, (message: string) => string][] = [
    ["malformed-request other-error", (m) => m.replace("c=biws,", "")],
    ["malformed-request other-error", (m) => m.replace(/,p=.*/, "")],
    ["malformed-request other-error", (m) => m + ",x=1"],
    ["malformed-request other-error", (m) => m.replace(/^(c=[^,]*),(r=[^,]*)/, "$2,$1")],
    ["malformed-request other-error", (m) => m.replace(",p=", ",s=,p=")],
    ["malformed-request other-error", (m) => m.replace("r=f", "r=g")],
    ["malformed-request other-error", (m) => m.replace(/r=[^,]+/, "r=fyko+d2lbbFgONRv9qkxdawL")],
    ["malformed-request other-error", (m) => m.replace(/(r=[^,]+)/, "$1x")],
    ["malformed-request other-error", () => ""],
    ["malformed-request extensions-not-supported", (m) => "m=x," + m],
    ["malformed-request extensions-not-supported", (m) => m.replace(",p=", ",m=x,p=")],
    ["malformed-request invalid-encoding", (m) => m.slice(0, -1)],
    ["malformed-request invalid-encoding", (m) => m.replace("biws", "bi ws")],
    ["malformed-request invalid-encoding", (m) => m.replace("biws", "biw_")],
    ["malformed-request invalid-encoding", (m) => m.replace(/p=.*/, "p=QQ=A")],
    // Bits beyond the last octet must be zero: "QQ==" is the one spelling of "A".
    ["malformed-request invalid-encoding", (m) => m.replace(/p=.*/, "p=QR==")],
    ["not-authorized channel-bindings-dont-match", (m) => m.replace("biws", "eSws")],
    ["not-authorized channel-bindings-dont-match", (m) => m.replace("biws", "")],
    ["not-authorized channel-bindings-dont-match", (m) => m.replace("biws", "biwsQUFB")],
    ["not-authorized invalid-proof", (m) => m.replace(/p=.*/, "p=")],
    ["not-authorized invalid-proof", (m) => m.replace(/p=.*/, "p=QUFB")],
    ["not-authorized invalid-proof", (m) => m.replace(",p=", ",x=1,p=")],
  ];
  for (const [expected, tamper] of cases) {
    const { step } = await login(context, { tamper });
    assert.equal(said(step), expected, String(tamper));
  }
});

Deno.test("-PLUS fails on other data, another type, or no binding at all", async () => {
  const context = contextOf({ accounts: { user: [await pencil()] }, ...BOUND });
  const plus = { mechanism: "SCRAM-SHA-256-PLUS" };
  const cases: [string, Parameters<typeof login>[1]][] = [
    [
      "not-authorized channel-bindings-dont-match",
      { ...plus, header: P, binding: bytes("another hash") },
    ],
    ["not-authorized channel-bindings-dont-match", { ...plus, header: P }],
    ["not-authorized channel-bindings-dont-match", { ...plus, header: "n,," }],
    ["not-authorized server-does-support-channel-binding", { ...plus, header: "y,," }],
    [
      "not-authorized unsupported-channel-binding-type",
      { ...plus, header: "p=tls-unique,,", binding: BOUND.channelBinding.data },
    ],
    [
      "not-authorized channel-binding-not-supported",
      { header: P, binding: BOUND.channelBinding.data },
    ],
  ];
  for (const [expected, options] of cases) {
    assert.equal(said((await login(context, options)).step), expected, JSON.stringify(options));
  }
});

Deno.test("a client that could bind but saw no -PLUS has been downgraded, if there was one", async () => {
  const accounts = { user: [await pencil()] };
  const offered = await login(contextOf({ accounts, ...BOUND }), { header: "y,," });
  assert.equal(said(offered.step), "not-authorized server-does-support-channel-binding");
  const absent = await login(contextOf({ accounts }), { header: "y,," });
  assert.deepEqual([said(absent.step), absent.mutual], ["success user", true]);
});

Deno.test("the server's nonce is fresh each time", async () => {
  const context = contextOf({ accounts: { user: [await pencil()] } });
  const seen = new Set<string>();
  for (let i = 0; i < 20; i++) seen.add((await login(context)).serverFirst);
  assert.equal(seen.size, 20);
});

Deno.test("a late lookup of keys works like an early one, and its error is passed on", async () => {
  const keys = await pencil();
  const late = contextOf({ scramKeys: () => Promise.resolve(keys) });
  assert.equal(said((await login(late)).step), "success user");
  const broken = contextOf({ scramKeys: () => Promise.reject(new Error("no database")) });
  await assert.rejects(login(broken), /no database/);
});
