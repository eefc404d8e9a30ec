/**
 * Certificates per virtual host (RFC 6120 §13.7.2, SNI by RFC 6066 §3), SCRAM with channel binding
 * (RFC 5929 §4.1) by a client written for these tests, and SASL EXTERNAL (XEP-0178) from end to end.
 */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, NS, TestClient } from "../helpers/client.ts";
import { base64 } from "../helpers/sasl.ts";
import { withServer } from "../helpers/server.ts";
import type { Table, TestServer } from "../helpers/server.ts";
import { issue, type Issued, makeAuthority } from "../unit/tls_authority.ts";

const ONE = "one.test";
const TWO = "two.test";
/** A host whose name in certificates and in SNI is another than in addresses. */
const THREE = "bücher.test";
const THREE_ASCII = "xn--bcher-kva.test";

interface Authority {
  readonly root: Issued;
  readonly hosts: ReadonlyMap<string, Issued>;
  readonly settings: Table;
}

/** A server of three hosts, each with a certificate of one authority, which may vouch for clients. */
async function withHosts(
  settings: Table,
  transcript: (server: TestServer, authority: Authority) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "confab-conf-"));
  try {
    const root = await makeAuthority();
    const hosts = new Map<string, Issued>();
    const tables: Record<string, Table> = {};
    for (const [domain, ascii] of [[ONE, ONE], [TWO, TWO], [THREE, THREE_ASCII]] as const) {
      const leaf = await issue({ issuer: root, dnsNames: [ascii], subject: ascii });
      hosts.set(domain, leaf);
      const [certificate, key] = [join(folder, `${ascii}.crt`), join(folder, `${ascii}.key`)];
      await writeFile(certificate, leaf.certPem);
      await writeFile(key, leaf.keyPem);
      tables[domain] = { certificate, key };
    }
    const clientCa = join(folder, "clients.pem");
    await writeFile(clientCa, root.certPem);
    const all = { ...settings, hosts: tables, tls: { client_ca: clientCa } };
    await withServer(all, {}, (server) => transcript(server, { root, hosts, settings: all }));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Over TLS, by STARTTLS or directly, verified as a client verifies it, with a certificate or none. */
async function secured(
  server: TestServer,
  { root }: Authority,
  domain: string,
  how: "starttls" | "direct",
  certificate?: Issued,
): Promise<TestClient> {
  const client = await connect(server, { tls: how === "direct" ? "silent" : "none", domain });
  if (how === "starttls") {
    await client.open();
    client.send(`<starttls xmlns='${NS.tls}'/>`);
    await client.receives(`<proceed xmlns='${NS.tls}'/>`);
  }
  await client.handshake(domain === THREE ? THREE_ASCII : domain, undefined, {
    ca: root.certPem,
    rejectUnauthorized: true,
    ...(certificate && { cert: certificate.certPem, key: certificate.keyPem }),
  });
  return client;
}

/** SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677) bound to a certificate with a SHA-256 signature. */
async function scramPlus(client: TestClient, name: string, password: string, leaf: Uint8Array) {
  const gs2 = "p=tls-server-end-point,,";
  const bare = `n=${name},r=${randomBytes(12).toString("hex")}`;
  client.send(
    `<auth xmlns='${NS.sasl}' mechanism='SCRAM-SHA-256-PLUS'>${base64(gs2 + bare)}</auth>`,
  );
  const { challenge } = await client.receives(
    `<challenge xmlns='${NS.sasl}'>{challenge}</challenge>`,
  );
  const first = Buffer.from(challenge!, "base64").toString();
  const [, r, s, i] = /^r=([^,]+),s=([^,]+),i=(\d+)/.exec(first)!;
  const binding = createHash("sha256").update(leaf).digest();
  const c = Buffer.concat([Buffer.from(gs2), binding]).toString("base64");
  const message = `${bare},${first},c=${c},r=${r}`;
  const salted = pbkdf2Sync(password, Buffer.from(s!, "base64"), Number(i), 32, "sha256");
  const mac = (key: Uint8Array, text: string) => createHmac("sha256", key).update(text).digest();
  const key = mac(salted, "Client Key");
  const signature = mac(createHash("sha256").update(key).digest(), message);
  const proof = Buffer.from(key.map((byte, at) => byte ^ signature[at]!)).toString("base64");
  client.send(`<response xmlns='${NS.sasl}'>${base64(`c=${c},r=${r},p=${proof}`)}</response>`);
  const answer = await client.next();
  if (answer.name !== "success") return answer.elements()[0]?.name;
  const verifier = Buffer.from(answer.text(), "base64").toString();
  const expected = mac(mac(salted, "Server Key"), message).toString("base64");
  assert.equal(verifier, `v=${expected}`);
  return "success";
}

Deno.test("each host shows its own certificate, and SCRAM-PLUS is bound to it", () =>
  withHosts({}, async (server, authority) => {
    for (const how of ["starttls", "direct"] as const) {
      for (const [domain, leaf] of authority.hosts) {
        await server.addUser(`alice@${domain}`, "secret");
        const client = await secured(server, authority, domain, how);
        const shown = client.tls.getPeerCertificate().raw;
        assert.deepEqual(Buffer.from(shown), Buffer.from(leaf.der), `${domain} ${how}`);
        await client.open();
        assert.equal(await scramPlus(client, "alice", "secret", shown), "success", domain);
        await client.open();
        await client.bind();
        assert.ok(client.jid.startsWith(`alice@${domain}/`));
      }
    }
  }));

Deno.test("SCRAM-PLUS bound to another host's certificate is refused", () =>
  withHosts({}, async (server, authority) => {
    await server.addUser(`alice@${ONE}`, "secret");
    for (const how of ["starttls", "direct"] as const) {
      const client = await secured(server, authority, ONE, how);
      await client.open();
      const other = authority.hosts.get(TWO)!.der;
      assert.equal(await scramPlus(client, "alice", "secret", other), "not-authorized");
    }
  }));

const EXTERNAL = (authzid: string) =>
  `<auth xmlns='${NS.sasl}' mechanism='EXTERNAL'>${authzid === "" ? "=" : base64(authzid)}</auth>`;

const mechanismsOf = (client: TestClient) =>
  client.last.child("mechanisms", NS.sasl)!.elements().map((m) => m.text());

Deno.test("XEP-0178 §2: a client's certificate logs it in, at the host of its address", () =>
  withHosts({}, async (server, authority) => {
    const juliet = await issue({ issuer: authority.root, xmppAddrs: [`juliet@${TWO}`] });
    await server.addUser(`juliet@${TWO}`, "secret");
    await server.addUser(`juliet@${ONE}`, "secret");
    for (const how of ["starttls", "direct"] as const) {
      for (const authzid of ["", `juliet@${TWO}`]) {
        const client = await secured(server, authority, TWO, how, juliet);
        await client.open();
        assert.equal(mechanismsOf(client)[0], "EXTERNAL");
        client.send(EXTERNAL(authzid));
        await client.receives(`<success xmlns='${NS.sasl}'/>`);
        await client.open();
        await client.bind("balcony");
        assert.equal(client.jid, `juliet@${TWO}/balcony`);
        await client.close();
      }
      // At another host it says nothing, and is not offered.
      const elsewhere = await secured(server, authority, ONE, how, juliet);
      await elsewhere.open();
      assert.ok(!mechanismsOf(elsewhere).includes("EXTERNAL"));
      elsewhere.send(EXTERNAL(""));
      await elsewhere.receives(`<failure xmlns='${NS.sasl}'><invalid-mechanism/></failure>`);
    }
  }));

Deno.test("XEP-0178 §2: certificates that prove nothing, and names that are not in them", () =>
  withHosts({}, async (server, authority) => {
    await server.addUser(`juliet@${ONE}`, "secret");
    await server.addUser(`romeo@${ONE}`, "secret");
    const rogue = await makeAuthority({ subject: "Rogue" });
    const unproven = [
      undefined,
      await issue({ issuer: rogue, xmppAddrs: [`juliet@${ONE}`] }),
      await issue({
        issuer: rogue,
        issuerName: authority.root.subject,
        xmppAddrs: [`juliet@${ONE}`],
      }),
      await issue({
        issuer: authority.root,
        xmppAddrs: [`juliet@${ONE}`],
        notBefore: new Date(Date.now() - 40 * 86_400_000),
      }),
    ];
    for (const certificate of unproven) {
      const client = await secured(server, authority, ONE, "starttls", certificate);
      await client.open();
      assert.ok(!mechanismsOf(client).includes("EXTERNAL"));
    }
    const juliet = await issue({ issuer: authority.root, xmppAddrs: [`juliet@${ONE}`] });
    const client = await secured(server, authority, ONE, "starttls", juliet);
    await client.open();
    for (const authzid of [`romeo@${ONE}`, `juliet@${TWO}`, "juliet", `juliet@${ONE}/x`]) {
      client.send(EXTERNAL(authzid));
      await client.receives(`<failure xmlns='${NS.sasl}'><invalid-authzid/></failure>`);
    }
    client.send(EXTERNAL(`juliet@${ONE}`));
    await client.receives(`<success xmlns='${NS.sasl}'/>`);
  }));
