import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash, createPrivateKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CertificateError,
  type CertificateProblem,
  endPointHash,
  loadCertificate,
  nameMatches,
} from "../../lib/tls/certificate.ts";
import { issue, makeAuthority } from "./tls_authority.ts";

const DAY = 86_400_000;

async function load(cert: string | undefined, key: string | undefined, now?: Date) {
  const directory = await mkdtemp(join(tmpdir(), "confab-cert-"));
  const files = { certFile: join(directory, "a.crt"), keyFile: join(directory, "a.key") };
  try {
    if (cert !== undefined) await writeFile(files.certFile, cert);
    if (key !== undefined) await writeFile(files.keyFile, key);
    return await loadCertificate(files, now);
  } finally {
    await rm(directory, { recursive: true });
  }
}

function failsAs(problem: CertificateProblem, pattern: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof CertificateError, String(error));
    assert.equal(error.problem, problem);
    assert.match(error.message, pattern);
    return true;
  };
}

Deno.test("a chain is loaded with its names, times and hash", async () => {
  const root = await makeAuthority();
  const leaf = await issue({ issuer: root, dnsNames: ["A.example", "*.a.example"] });
  const loaded = await load(`words before\n${leaf.certPem}\n${root.certPem}`, leaf.keyPem);
  assert.deepEqual(loaded.names, ["a.example", "*.a.example"]);
  assert.equal(loaded.cert.match(/BEGIN/g)!.length, 2);
  assert.equal(new X509Certificate(loaded.cert).raw.equals(Buffer.from(leaf.der)), true);
  assert.ok(loaded.notBefore < new Date() && loaded.notAfter > new Date());
  assert.deepEqual(
    Buffer.from(loaded.endPointHash!),
    createHash("sha256").update(leaf.der).digest(),
  );
  assert.ok(loaded.context);
});

Deno.test("keys are taken in PKCS #8, SEC 1 and PKCS #1, after other PEM blocks", async () => {
  const ec = await issue({});
  const sec1 = createPrivateKey(ec.keyPem).export({ type: "sec1", format: "pem" }) as string;
  const parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----";
  assert.ok(await load(ec.certPem, `${parameters}\n${sec1}`));
  const rsa = await issue({ rsaBits: 2048 });
  const pkcs1 = createPrivateKey(rsa.keyPem).export({ type: "pkcs1", format: "pem" }) as string;
  assert.ok(await load(rsa.certPem, pkcs1));
});

Deno.test("key and certificate may be in one file", async () => {
  const { certPem, keyPem } = await issue({});
  const directory = await mkdtemp(join(tmpdir(), "confab-cert-"));
  const file = join(directory, "both.pem");
  await writeFile(file, keyPem + certPem);
  const loaded = await loadCertificate({ certFile: file, keyFile: file });
  assert.equal(loaded.cert.includes("PRIVATE"), false);
  await rm(directory, { recursive: true });
});

Deno.test("every way to get it wrong has its own words", async () => {
  const { certPem, keyPem } = await issue({ dnsNames: ["a.example"] });
  const other = await issue({});
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const garbled = certPem.replace(/\n.{20}/, "\nAAAAAAAAAAAAAAAAAAAA");
  const encrypted = keyPem.replaceAll("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
  const broken = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
  const cases: [CertificateProblem, RegExp, string?, string?][] = [
    ["missing-file", /a\.crt does not exist/, undefined, keyPem],
    ["missing-file", /a\.key does not exist/, certPem, undefined],
    ["no-certificate", /a\.crt holds no PEM certificate/, keyPem, keyPem],
    ["no-certificate", /a\.crt/, "", keyPem],
    ["malformed-certificate", /a\.crt/, garbled, keyPem],
    ["no-key", /a\.key holds no PEM private key/, certPem, certPem],
    ["encrypted-key", /a\.key is encrypted/, certPem, encrypted],
    ["malformed-key", /a\.key cannot be parsed/, certPem, broken],
    ["key-mismatch", /a\.key is not that of/, certPem, other.keyPem],
    [
      "key-mismatch",
      /a\.key/,
      certPem,
      privateKey.export({ type: "pkcs8", format: "pem" }) as string,
    ],
  ];
  for (const [problem, pattern, cert, key] of cases) {
    await assert.rejects(load(cert, key), failsAs(problem, pattern), problem);
  }
  const later = new Date(Date.now() + 40 * DAY);
  await assert.rejects(load(certPem, keyPem, later), failsAs("expired", /expired on 20\d\d-/));
  const before = new Date(Date.now() - DAY);
  await assert.rejects(load(certPem, keyPem, before), failsAs("not-yet-valid", /not valid before/));
  const directory = { certFile: tmpdir(), keyFile: tmpdir() };
  await assert.rejects(loadCertificate(directory), failsAs("unreadable-file", /cannot be read/));
});

Deno.test("tls-server-end-point takes the signature's hash, but never MD5 or SHA-1", async () => {
  const cases = [["sha1", "sha256"], ["sha256", "sha256"], ["sha384", "sha384"], [
    "sha512",
    "sha512",
  ]] as const;
  for (const [hash, expected] of cases) {
    for (const rsaBits of [undefined, 2048]) {
      const { der, certPem } = await issue({ hash, rsaBits });
      const found = await endPointHash(new X509Certificate(certPem));
      assert.deepEqual(Buffer.from(found!), createHash(expected).update(der).digest(), hash);
    }
  }
});

/** Made once with OpenSSL, RSASSA-PSS with SHA-384 and Ed25519. */
const PSS = `-----BEGIN CERTIFICATE-----
MIIDeTCCAiygAwIBAgIUNtaUbTSPpXGf9Nkq2D/EDa45SsswQgYJKoZIhvcNAQEK
MDWgDzANBglghkgBZQMEAgIFAKEcMBoGCSqGSIb3DQEBCDANBglghkgBZQMEAgIF
AKIEAgIAzjAWMRQwEgYDVQQDDAtwc3MuZXhhbXBsZTAgFw0yNjExMjEwMzU3NTRa
GA8yMTI2MTAyODAzNTc1NFowFjEUMBIGA1UEAwwLcHNzLmV4YW1wbGUwggEiMA0G
CSqGSIb3DQEBAQUAA4IBDwAwggEKAoIBAQC2ruTRAkqFuZyHgIYIyz4VXnh9XwMV
xZ8oBhB0ruXb13b0Ibl6qG6t8hmvEi5E/jhVY7z1FUEHiTpm8t/ZhYD24QlMoRqh
1kJiwSYXZ8uSQMZT45oVMXMt+RM0xt6xeiF2QMrR6R8J1yjJE/3B5S45T3NhZm9H
6tckQspFhv5POrE2pV+X+zoWVUMxCN0cZJSgzS4KsVZ+v0578uAcUv3N2Zyx888E
xSCb7yqze//uww/TwVCFQ9Y/hQ4Qvw/FRWTR/ouLcN01geHvmvW9KHOkcRMewqB0
Up8BThmco+ryKqVepQ18IALZpLnOH7CKnIdZFjla3pk3nwBahgsCkxOrAgMBAAGj
UzBRMB0GA1UdDgQWBBSyYigutW4YI+evevkPALjcT6yUtTAfBgNVHSMEGDAWgBSy
YigutW4YI+evevkPALjcT6yUtTAPBgNVHRMBAf8EBTADAQH/MEIGCSqGSIb3DQEB
CjA1oA8wDQYJYIZIAWUDBAICBQChHDAaBgkqhkiG9w0BAQgwDQYJYIZIAWUDBAIC
BQCiBAICAM4DggEBAFyXEYE0JTwBxf9qjcL3qRy1VFOcY8m9X9DKtNcajmxl6qWA
t46J7xZnJ+2ZK28ck5P5oLaTpP2NahlW9loiuAni5b80oou0q3BZtc3YAjpHeu2I
VAJrRc62c2uOtkgZjqO4ebqxKBGT0CFZByKMWBiY9O/E4A4hGnl9B+FKaF3GRMpy
vvp75FFrKmy6sg6QDwtcEnOLufQtoyZ/fjSp2ey38keevH9UP5+6lGuv3m0R1m50
YGeX7Si0Bxzg2nPoYBExVu1ZqzIvOioi1XWuFX46BhvQ+VRo3k83AIhf8dXXj8u7
bhYSfcAjRVeB3mjyYpNfZSqtw7ON25v4I/D2htg=
-----END CERTIFICATE-----`;
const ED25519 = `-----BEGIN CERTIFICATE-----
MIIBQDCB86ADAgECAhQP9fqAiJ5nOB6QEfWPje05hVaayTAFBgMrZXAwFTETMBEG
A1UEAwwKZWQuZXhhbXBsZTAgFw0yNjExMjEwMzU3NTRaGA8yMTI2MTAyODAzNTc1
NFowFTETMBEGA1UEAwwKZWQuZXhhbXBsZTAqMAUGAytlcAMhALYE/fPKT6TzB/Df
l9x1d7Mxlbpc6AoNEinTlNi6Uj+Ho1MwUTAdBgNVHQ4EFgQUxOhRKsJa3TR9Z9TU
DXtnaAvDPBEwHwYDVR0jBBgwFoAUxOhRKsJa3TR9Z9TUDXtnaAvDPBEwDwYDVR0T
AQH/BAUwAwEB/zAFBgMrZXADQQD+DtqDASmhnUAE/ZRBoXDx7ctgseEQBWrGNEB+
fQjLMZMekrz0BzpMdgtYM8B3F3a78brzBsEthdkXWJL/M/QJ
-----END CERTIFICATE-----`;

Deno.test("tls-server-end-point: RSASSA-PSS names its hash, Ed25519 has none", async () => {
  const pss = new X509Certificate(PSS);
  const expected = createHash("sha384").update(pss.raw).digest();
  assert.deepEqual(Buffer.from((await endPointHash(pss))!), expected);
  assert.equal(await endPointHash(new X509Certificate(ED25519)), undefined);
});

Deno.test("names match by RFC 6125", () => {
  const names = ["example.com", "*.Example.org", "xn--bcher-kva.example", "192.0.2.1", "*.com"];
  const certificate = { names: [...names, "f*.example.net", "*.*.example.net", "::1"] };
  const yes = [
    "example.com",
    "EXAMPLE.com",
    "example.com.",
    "a.example.org",
    "bücher.example",
    "BÜCHER.example",
    "xn--bcher-kva.example",
    "192.0.2.1",
    "[::1]",
  ];
  const no = [
    "a.example.com",
    "example.org",
    "a.b.example.org",
    ".example.org",
    "other.com",
    "foo.example.net",
    "a.b.example.net",
    "192.0.2.2",
    "",
    "*",
  ];
  for (const domain of yes) assert.equal(nameMatches(certificate, domain), true, domain);
  for (const domain of no) assert.equal(nameMatches(certificate, domain), false, domain);
});
