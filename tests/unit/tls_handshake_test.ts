import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import * as tls from "node:tls";
import { presentedChain, verifyClientCertificate } from "../../lib/tls/certificate.ts";
import { issue, type Issued, makeAuthority } from "./tls_authority.ts";

const root = await makeAuthority();
const middle = await makeAuthority({ issuer: root, subject: "Test Intermediate" });
const server = await issue({ issuer: root, dnsNames: ["localhost"] });

/** What the server sees of a client's chain after STARTTLS, as the streams do it. */
async function seenByServer(chain: readonly Issued[] | undefined): Promise<Uint8Array[]> {
  const secure = tls.createServer({
    cert: server.certPem,
    key: server.keyPem,
    ca: root.certPem,
    requestCert: true,
    rejectUnauthorized: false,
    ALPNProtocols: ["xmpp-client"],
  });
  const secured = once(secure, "secureConnection");
  const plain = createServer((socket) => void secure.emit("connection", socket));
  plain.listen(0, "127.0.0.1");
  await once(plain, "listening");
  const raw = connect((plain.address() as AddressInfo).port, "127.0.0.1");
  await once(raw, "connect");
  const client = tls.connect({
    socket: raw,
    servername: "localhost",
    ca: root.certPem,
    ALPNProtocols: ["xmpp-client"],
    ...(chain && { cert: chain.map((c) => c.certPem).join(""), key: chain[0]!.keyPem }),
  });
  client.on("error", () => {});
  await once(client, "secureConnect");
  const [socket] = await secured as [tls.TLSSocket];
  const presented = presentedChain(socket);
  const closed = Promise.all([once(client, "close"), once(socket, "close")]);
  socket.resume().end();
  client.resume().end();
  await closed;
  plain.close();
  await once(plain, "close");
  return presented;
}

Deno.test("the chain a client presents is seen whole and verifies", async () => {
  const leaf = await issue({ issuer: middle, xmppAddrs: ["juliet@example.com"] });
  const seen = await seenByServer([leaf, middle]);
  const [first, second] = seen.map((der) => Buffer.from(der));
  assert.deepEqual(first, Buffer.from(leaf.der));
  assert.deepEqual(second, Buffer.from(middle.der));
  assert.ok(seen.length <= 3, "the runtime may add the root, and nothing else");
  const verdict = await verifyClientCertificate(seen, [root.certPem]);
  assert.deepEqual(verdict.jids.map((jid) => jid.bare), ["juliet@example.com"]);
});

Deno.test("a forged v1 certificate gets through the handshake, but not through our check", async () => {
  const rogue = await makeAuthority({ subject: "Rogue" });
  const forged = await issue({ issuer: rogue, issuerName: root.subject, version: 1 });
  const seen = await seenByServer([forged]);
  const verdict = await verifyClientCertificate(seen, [root.certPem]);
  assert.deepEqual(verdict, { ok: false, jids: [], reason: "not-version-3" });
});

Deno.test("a leaf for servers only is seen, and accepted between servers", async () => {
  const leaf = await issue({
    issuer: root,
    purposes: ["1.3.6.1.5.5.7.3.1"],
    dnsNames: ["im.example.com"],
  });
  const seen = await seenByServer([leaf]);
  const options = { acceptServerAuth: true };
  const verdict = await verifyClientCertificate(seen, [root.certPem], new Date(), options);
  assert.deepEqual(verdict.ok && verdict.names.dnsNames, ["im.example.com"]);
});

Deno.test("a client without a certificate has presented none", async () => {
  assert.deepEqual(await seenByServer(undefined), []);
});
