import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tls from "node:tls";
import { CertificateError } from "../../lib/tls/certificate.ts";
import { ensureCertificate, makeSelfSigned } from "../../lib/tls/selfsigned.ts";
import { readCertificate } from "../../lib/tls/x509.ts";
import { issue, makeAuthority } from "./tls_authority.ts";

const DAY = 86_400_000;

async function inDirectory(f: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "confab-tls-"));
  try {
    await f(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

Deno.test("a self-signed certificate says what a server's should", async () => {
  const now = new Date("2030-05-06T07:08:09.500Z");
  const names = ["Example.COM", "bücher.example", "*.example.com", "192.0.2.1", "[2001:db8::1]"];
  const { certPem } = await makeSelfSigned({ names, days: 10, now });
  const certificate = new X509Certificate(certPem);
  const fields = readCertificate(certificate.raw)!;
  assert.equal(fields.version, 3);
  assert.equal(fields.isCa, false);
  assert.equal(fields.maySignCertificates, false);
  assert.deepEqual(fields.purposes, ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
  assert.deepEqual(fields.critical, ["2.5.29.19", "2.5.29.15"]);
  assert.deepEqual(fields.altNames.dnsNames, [
    "example.com",
    "xn--bcher-kva.example",
    "*.example.com",
  ]);
  assert.match(certificate.subjectAltName!, /IP Address:192\.0\.2\.1/);
  assert.match(certificate.subjectAltName!, /IP Address:2001:0?db8/i);
  assert.match(certificate.subject, /^CN=example\.com$/);
  assert.equal(new Date(certificate.validFrom).toISOString(), "2030-05-06T06:08:09.000Z");
  assert.equal(new Date(certificate.validTo).toISOString(), "2030-05-16T07:08:09.000Z");
  assert.equal(certificate.verify(certificate.publicKey), true);
  assert.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, "prime256v1");
});

Deno.test("localhost brings its addresses; each serial number is new; years may be many", async () => {
  const one = await makeSelfSigned({ names: ["localhost"], days: 36_500 });
  const two = await makeSelfSigned({ names: ["localhost"] });
  const [a, b] = [new X509Certificate(one.certPem), new X509Certificate(two.certPem)];
  assert.match(a.subjectAltName!, /DNS:localhost, IP Address:127\.0\.0\.1, IP Address:/);
  assert.notEqual(a.serialNumber, b.serialNumber);
  assert.equal(a.serialNumber.length, 32);
  assert.ok(new Date(a.validTo).getUTCFullYear() > 2050);
});

Deno.test("long names fit, and what is no name is refused", async () => {
  const long = `${"a".repeat(60)}.${"b".repeat(60)}.example`;
  const { certPem } = await makeSelfSigned({ names: [long] });
  assert.match(new X509Certificate(certPem).subjectAltName!, new RegExp(`DNS:${long}`));
  for (const names of [[], [""], ["a b"], ["a/../b"], ["a,b"], ["a\0b"], ["*"], ["a*b.example"]]) {
    await assert.rejects(makeSelfSigned({ names }), RangeError, names.join());
  }
});

Deno.test("a made certificate serves TLS 1.2 and 1.3 with ALPN and verifies as a root", async () => {
  await inDirectory(async (directory) => {
    const { certificate } = await ensureCertificate(directory, ["localhost"]);
    const server = tls.createServer(
      { cert: certificate.cert, key: certificate.key, ALPNProtocols: ["xmpp-client"] },
      (socket) => socket.on("error", () => {}).end("hello"),
    );
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      const socket = tls.connect({
        host: "127.0.0.1",
        port,
        servername: "localhost",
        ca: certificate.cert,
        ALPNProtocols: ["xmpp-client"],
        minVersion: version,
        maxVersion: version,
      });
      await once(socket, "secureConnect");
      assert.equal(socket.authorized, true);
      assert.equal(socket.alpnProtocol, "xmpp-client");
      assert.equal(socket.getProtocol(), version);
      const { raw } = socket.getPeerCertificate();
      const seen = createHash("sha256").update(raw).digest();
      assert.deepEqual(Buffer.from(certificate.endPointHash!), seen);
      socket.resume();
      await once(socket, "close");
    }
    server.close();
    await once(server, "close");
  });
});

Deno.test("ensureCertificate keeps what is good and remakes what is not", async () => {
  await inDirectory(async (directory) => {
    const now = new Date();
    const later = (days: number) => new Date(now.getTime() + days * DAY);
    const names = ["example.com", "localhost"];
    const first = await ensureCertificate(directory, names, { days: 90, now });
    assert.equal((await stat(first.keyFile)).mode & 0o777, 0o600);
    assert.equal(first.certFile, join(directory, "example.com.crt"));
    const ensure = async (list: string[], days: number) =>
      (await ensureCertificate(directory, list, { days: 90, now: later(days) })).certificate.cert;

    const cert = first.certificate.cert;
    assert.equal(await ensure(["example.com", "LOCALHOST"], 59), cert, "still good");
    const renewed = await ensure(names, 61);
    assert.notEqual(renewed, cert, "within 30 days of its end");
    const renamed = await ensure(["example.com", "im.example.com"], 61);
    assert.notEqual(renamed, renewed, "other names");
    assert.notEqual(await ensure(["example.com", "im.example.com"], 500), renamed, "expired");

    await writeFile(first.keyFile, (await makeSelfSigned({ names })).keyPem);
    const mended = await ensure(names, 0);
    assert.equal(await ensure(names, 0), mended, "after a foreign key");
    await writeFile(first.certFile, "garbage");
    assert.notEqual(await ensure(names, 0), mended);
    await rm(first.keyFile);
    await ensure(names, 0);
    assert.equal((await stat(first.keyFile)).mode & 0o777, 0o600);
  });
});

Deno.test("a short-lived certificate is kept for two thirds of its life", async () => {
  await inDirectory(async (directory) => {
    const now = new Date();
    const at = async (days: number) => {
      const when = new Date(now.getTime() + days * DAY);
      const made = await ensureCertificate(directory, ["example.com"], { days: 9, now: when });
      return made.certificate.cert;
    };
    const first = await at(0);
    assert.equal(await at(5), first);
    assert.notEqual(await at(7), first);
  });
});

Deno.test("an issued certificate in the place is used, and never overwritten", async () => {
  await inDirectory(async (directory) => {
    const authority = await makeAuthority();
    const issued = await issue({ issuer: authority, dnsNames: ["other.example"], days: 5 });
    await writeFile(join(directory, "example.com.crt"), issued.certPem);
    await writeFile(join(directory, "example.com.key"), issued.keyPem);
    const { certificate } = await ensureCertificate(directory, ["example.com"]);
    assert.deepEqual(certificate.names, ["other.example"]);
    const now = new Date(Date.now() + 6 * DAY);
    await assert.rejects(
      ensureCertificate(directory, ["example.com"], { now }),
      (error: CertificateError) => error.problem === "expired",
    );
    assert.equal(await readFile(join(directory, "example.com.key"), "utf8"), issued.keyPem);
  });
});

Deno.test("several that ask at once get one certificate", async () => {
  await inDirectory(async (directory) => {
    const all = await Promise.all(
      Array.from({ length: 5 }, () => ensureCertificate(directory, ["example.com"])),
    );
    assert.equal(new Set(all.map(({ certificate }) => certificate.cert)).size, 1);
  });
});

Deno.test("names become safe file names", async () => {
  await inDirectory(async (directory) => {
    const wild = await ensureCertificate(directory, ["*.example.com"]);
    assert.equal(wild.keyFile, join(directory, "_.example.com.key"));
    const address = await ensureCertificate(directory, ["::1"]);
    assert.equal(address.certFile, join(directory, "__1.crt"));
    await assert.rejects(ensureCertificate(directory, ["../x"]), RangeError);
    await chmod(directory, 0o700);
  });
});
