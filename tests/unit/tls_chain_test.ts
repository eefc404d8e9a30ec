import assert from "node:assert/strict";
import { rootCertificates } from "node:tls";
import { X509Certificate } from "node:crypto";
import { verifyClientCertificate } from "../../lib/tls/certificate.ts";
import type { ChainOptions } from "../../lib/tls/chain.ts";
import { identifiesDomain } from "../../lib/tls/names.ts";
import { altNames, readCertificate, xmppAddrs } from "../../lib/tls/x509.ts";
import { issue, type Issued, type IssueOptions, makeAuthority } from "./tls_authority.ts";

const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";

const root = await makeAuthority();
const roots: readonly string[] = [root.certPem];
const middle = await makeAuthority({ issuer: root, subject: "Test Intermediate" });

async function verdict(
  chain: readonly Issued[],
  trusted = roots,
  now = new Date(),
  options: ChainOptions = {},
): Promise<string> {
  const result = await verifyClientCertificate(chain.map(({ der }) => der), trusted, now, options);
  if (!result.ok) assert.equal(result.jids.length, 0);
  return result.ok ? `ok ${result.jids.join(" ")}`.trim() : result.reason;
}

async function verdictOf(options: IssueOptions, issuer = root, more: Issued[] = []) {
  return await verdict([await issue({ issuer, ...options }), ...more]);
}

Deno.test("a good chain gives the prepared bare JIDs of its leaf", async () => {
  const xmppAddrs = ["Juliet@Example.com", "example.org", "a@b/resource", "@", "bad jid@x y"];
  assert.equal(await verdictOf({ xmppAddrs }), "ok juliet@example.com example.org");
  assert.equal(await verdictOf({ xmppAddrs: ["a@b.example"] }, middle, [middle]), "ok a@b.example");
  assert.equal(await verdictOf({ curve: "P-384", hash: "sha512" }), "ok");
  assert.equal(await verdictOf({ rsaBits: 2048 }), "ok");
  const rsa = await makeAuthority({ rsaBits: 2048, subject: "RSA", hash: "sha384" });
  assert.equal(await verdict([await issue({ issuer: rsa, hash: "sha384" })], [rsa.certPem]), "ok");
});

Deno.test("the order of the other certificates is of no matter, nor is what does not belong", async () => {
  const second = await makeAuthority({ issuer: middle, subject: "Second Intermediate" });
  const leaf = await issue({ issuer: second });
  const stranger = await makeAuthority({ subject: "Stranger" });
  assert.equal(await verdict([leaf, root, middle, stranger, second]), "ok");
  assert.equal(await verdict([leaf, second]), "untrusted");
});

Deno.test("a v1 certificate that merely names a trusted issuer is refused", async () => {
  const rogue = await makeAuthority({ subject: "Rogue" });
  const forged = { issuer: rogue, issuerName: root.subject, xmppAddrs: ["admin@example.com"] };
  assert.equal(await verdict([await issue({ ...forged, version: 1 })]), "not-version-3");
  assert.equal(await verdict([await issue(forged)]), "untrusted");
  assert.equal(await verdictOf({ version: 1 }), "not-version-3", "even if really issued");
});

Deno.test("self-made certificates and imitated authorities are refused", async () => {
  assert.equal(await verdict([await issue({ xmppAddrs: ["a@b.example"] })]), "untrusted");
  const imitation = await makeAuthority({ subject: root.subject });
  const leaf = await issue({ issuer: imitation });
  assert.equal(await verdict([leaf, imitation]), "untrusted");
  assert.equal(await verdict([leaf, imitation, root]), "untrusted");
});

Deno.test("a leaf cannot issue, nor can an authority that may not sign", async () => {
  const leaf = await issue({ issuer: root, subject: "Not a CA" });
  assert.equal(await verdictOf({}, leaf, [leaf]), "untrusted");
  const v1 = await issue({ issuer: root, subject: "Old", version: 1 });
  assert.equal(await verdictOf({}, v1, [v1]), "untrusted");
  const mute = await makeAuthority({ issuer: root, subject: "Mute", noCertSign: true });
  assert.equal(await verdictOf({}, mute, [mute]), "untrusted");
});

Deno.test("path lengths hold", async () => {
  const short = await makeAuthority({ issuer: root, subject: "Short", pathLength: 0 });
  assert.equal(await verdictOf({}, short, [short]), "ok");
  const below = await makeAuthority({ issuer: short, subject: "Below" });
  assert.equal(await verdictOf({}, below, [below, short]), "untrusted");
  const tight = await makeAuthority({ subject: "Tight", pathLength: 0 });
  const under = await makeAuthority({ issuer: tight, subject: "Under" });
  const direct = await issue({ issuer: tight });
  assert.equal(await verdict([direct], [tight.certPem]), "ok");
  const deep = await issue({ issuer: under });
  assert.equal(await verdict([deep, under], [tight.certPem]), "untrusted");
});

Deno.test("validity holds for every certificate of the chain", async () => {
  const day = (days: number) => new Date(Date.now() + days * 86_400_000);
  assert.equal(await verdictOf({ notBefore: day(-40) }), "expired");
  assert.equal(await verdictOf({ notBefore: day(1) }), "not-yet-valid");
  const old = await makeAuthority({ issuer: root, subject: "Old", notBefore: day(-40) });
  assert.equal(await verdictOf({}, old, [old]), "untrusted");
  const leaf = await issue({ issuer: root, days: 90 });
  assert.equal(await verdict([leaf], roots, day(20)), "ok");
  assert.equal(await verdict([leaf], roots, day(40)), "untrusted", "the root has expired");
  assert.equal(await verdict([leaf], roots, new Date(NaN)), "not-yet-valid");
});

Deno.test("the purpose must be a client's, or a server's where that is accepted", async () => {
  assert.equal(await verdictOf({ purposes: [CLIENT_AUTH] }), "ok");
  assert.equal(await verdictOf({ purposes: ["2.5.29.37.0"] }), "ok");
  assert.equal(await verdictOf({ purposes: ["1.3.6.1.5.5.7.3.4"] }), "wrong-purpose");
  const leaf = await issue({ issuer: root, purposes: [SERVER_AUTH] });
  assert.equal(await verdict([leaf]), "wrong-purpose");
  assert.equal(await verdict([leaf], roots, new Date(), { acceptServerAuth: true }), "ok");
  const servers = await makeAuthority({
    issuer: root,
    subject: "Servers",
    purposes: [SERVER_AUTH],
  });
  const under = await issue({ issuer: servers });
  assert.equal(await verdict([under, servers]), "untrusted");
  const accepted = { acceptServerAuth: true };
  assert.equal(await verdict([under, servers], roots, new Date(), accepted), "ok");
});

Deno.test("what is not understood or weak is refused", async () => {
  assert.equal(await verdictOf({ unknownCritical: true }), "unsupported-extension");
  assert.equal(await verdictOf({ nameConstraints: true }), "unsupported-extension");
  assert.equal(
    await verdictOf({ dnsNames: ["a.example"], duplicateExtension: true }),
    "malformed",
  );
  assert.equal(await verdictOf({ hash: "sha1" }), "weak-signature");
  assert.equal(await verdictOf({ rsaBits: 1024 }), "unsupported-key");
  assert.equal(await verdictOf({ curve: "P-521" }), "unsupported-key");
  const bound = await makeAuthority({ issuer: root, subject: "Bound", nameConstraints: true });
  assert.equal(await verdictOf({}, bound, [bound]), "untrusted");
});

Deno.test("no chain, garbage, and chains too long are refused", async () => {
  assert.equal(await verdict([]), "no-certificate");
  const leaf = await issue({ issuer: root });
  const junk = (der: Uint8Array) => ({ ...leaf, der });
  assert.equal(await verdict([junk(new Uint8Array(0))]), "malformed");
  assert.equal(await verdict([junk(new Uint8Array(100).fill(0x30))]), "malformed");
  assert.equal(await verdict([junk(new Uint8Array(70_000))]), "malformed");
  assert.equal(await verdict([leaf, ...Array(10).fill(middle)]), "malformed");
  assert.equal(await verdict([leaf, ...Array(9).fill(middle)]), "ok");
  assert.equal(await verdict([leaf, junk(new Uint8Array(3))]), "ok");
  for (let cut = 1; cut < leaf.der.length; cut += 7) {
    assert.equal(await verdict([junk(leaf.der.subarray(0, cut))]), "malformed");
  }
});

Deno.test("a flipped bit anywhere is never trusted", async () => {
  const leaf = await issue({ issuer: root, xmppAddrs: ["a@b.example"] });
  for (let at = 0; at < leaf.der.length; at += 5) {
    const der = new Uint8Array(leaf.der);
    der[at]! ^= 0x01;
    assert.notEqual((await verdict([{ ...leaf, der }])).slice(0, 2), "ok", `octet ${at}`);
  }
});

Deno.test("many authorities of one name end the search", async () => {
  const same = await Promise.all(
    Array.from({ length: 9 }, () => makeAuthority({ issuer: middle, subject: "Same" })),
  );
  const leaf = await issue({ issuer: same[8]!, issuerName: "Same" });
  const began = performance.now();
  assert.equal(await verdict([leaf, ...same]), "untrusted");
  assert.ok(performance.now() - began < 500);
});

Deno.test("a certificate that is itself trusted needs no issuer, but version 3", async () => {
  const own = await issue({ xmppAddrs: ["me@example.com"] });
  assert.equal(await verdict([own], [own.certPem]), "ok me@example.com");
  const old = await issue({ version: 1 });
  assert.equal(await verdict([old], [old.certPem]), "not-version-3");
  const issued = await issue({ issuer: own });
  assert.equal(await verdict([issued], [own.certPem]), "untrusted");
});

Deno.test("roots may come in bundles; without any, nothing is trusted", async () => {
  const other = await makeAuthority({ subject: "Other Root" });
  const leaf = await issue({ issuer: root });
  assert.equal(await verdict([leaf], [`# roots\n${other.certPem}\n${root.certPem}`]), "ok");
  assert.equal(await verdict([leaf], [other.certPem]), "untrusted");
  for (const none of [[], [""], ["words"]]) assert.equal(await verdict([leaf], none), "untrusted");
});

Deno.test("names of all kinds are read, and none that hide others", async () => {
  const { der } = await issue({
    dnsNames: ["Example.com", "*.example.com", "good.example\0.evil.example", "a b", ""],
    srvNames: ["_xmpp-server.IM.example.com"],
    xmppAddrs: ["ünï@example.com", "a@b\0c"],
  });
  assert.deepEqual(altNames(der), {
    dnsNames: ["example.com", "*.example.com"],
    srvNames: ["_xmpp-server.im.example.com"],
    xmppAddrs: ["ünï@example.com"],
  });
  assert.deepEqual(xmppAddrs(der), ["ünï@example.com"]);
  assert.deepEqual(xmppAddrs(new Uint8Array(5)), []);
  const names = altNames(der);
  for (const domain of ["example.com", "a.example.com", "im.example.com"]) {
    assert.equal(identifiesDomain(names, domain), true, domain);
  }
  for (const domain of ["a.b.example.com", "example.org", "good.example", ""]) {
    assert.equal(identifiesDomain(names, domain), false, domain);
  }
  const srv = { dnsNames: [], srvNames: ["_xmpp-server.xn--bcher-kva.example"], xmppAddrs: [] };
  assert.equal(identifiesDomain(srv, "bücher.example"), true);
  assert.equal(identifiesDomain(srv, "bücher.example", "xmpp-client"), false);
  const jid = { dnsNames: [], srvNames: [], xmppAddrs: ["Example.com", "a@example.org"] };
  assert.equal(identifiesDomain(jid, "example.com"), true);
  assert.equal(identifiesDomain(jid, "example.org"), false);
});

Deno.test("the public roots can all be read, and are CAs that may sign", () => {
  assert.ok(rootCertificates.length > 100);
  for (const pem of rootCertificates) {
    const certificate = new X509Certificate(pem);
    const fields = readCertificate(certificate.raw);
    assert.ok(fields, certificate.subject);
    assert.ok(fields.isCa && fields.maySignCertificates, certificate.subject);
  }
});
