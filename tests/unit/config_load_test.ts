import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadConfig } from "../../lib/config/load.ts";
import { formatProblem } from "../../lib/config/problem.ts";
import { configOf, good, HOST, options, problems, withFiles } from "../helpers/config.ts";

const PEM = {
  "cert.pem": "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n",
  "key.pem": "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n",
};

Deno.test("config: the defaults without a file", async () => {
  await withFiles({}, async (cwd) => {
    const config = configOf(await loadConfig(options({ cwd })));
    assert.equal(config.file, undefined);
    assert.equal(config.data, join(cwd, "data"));
    assert.deepEqual(config.hosts.map((host) => host.domain), ["localhost"]);
    assert.equal(config.hosts[0]!.certificate, undefined);
    assert.deepEqual(config.listen.c2s, [
      { address: ["127.0.0.1", "::1"], port: 5222, tls: "starttls" },
      { address: ["127.0.0.1", "::1"], port: 5223, tls: "direct" },
    ]);
    assert.equal(config.c2s.plaintext_auth, "never");
    assert.equal(config.c2s.auth_timeout, 30_000);
    assert.equal(config.store.kind, "sqlite");
    assert.equal(config.store.location, join(cwd, "data", "confab.sqlite"));
    assert.equal(config.store.synchronous, "full");
    assert.equal(config.limits.stanza_bytes, 262_144);
    assert.deepEqual(config.log, { level: "info", format: "human", levels: {} });
    const on = Object.values(config.hosts[0]!.modules).filter((m) => m.enabled).map((m) => m.name);
    assert.deepEqual(on, ["ping", "offline"]);
  });
});

Deno.test("config: server.toml of the working directory, or the file that is named", async () => {
  const files = { "server.toml": '[hosts."one.example"]', "other.toml": '[hosts."two.example"]' };
  await withFiles(files, async (cwd) => {
    const one = configOf(await loadConfig(options({ cwd })));
    assert.equal(one.file, join(cwd, "server.toml"));
    assert.equal(one.hosts[0]!.domain, "one.example");
    const two = configOf(await loadConfig(options({ cwd, file: "other.toml" })));
    assert.equal(two.hosts[0]!.domain, "two.example");
    const missing = await loadConfig(options({ cwd, file: "no.toml" }));
    assert.deepEqual("problems" in missing && missing.problems.map(formatProblem), [
      "no.toml: no such file",
    ]);
    const folder = await loadConfig(options({ cwd, file: "." }));
    assert.deepEqual("problems" in folder && folder.problems.map(formatProblem), [
      ".: is a folder",
    ]);
    writeFileSync(join(cwd, "latin1.toml"), new Uint8Array([0x61, 0x3d, 0x22, 0xe9, 0x22]));
    const latin1 = await loadConfig(options({ cwd, file: "latin1.toml" }));
    assert.deepEqual("problems" in latin1 && latin1.problems.map(formatProblem), [
      "latin1.toml: is not UTF-8",
    ]);
  });
});

Deno.test("config: paths start from the folder of the file, --data from the working directory", async () => {
  await withFiles({}, async (cwd) => {
    mkdirSync(join(cwd, "etc"));
    writeFileSync(join(cwd, "etc", "c.toml"), `data = "../var"\n${HOST}`);
    const inFile = configOf(await loadConfig(options({ cwd, file: "etc/c.toml" })));
    assert.equal(inFile.data, join(cwd, "var"));
    const given = configOf(await loadConfig(options({ cwd, file: "etc/c.toml", dataDir: "here" })));
    assert.equal(given.data, join(cwd, "here"));
    assert.equal(given.store.location, join(cwd, "here", "confab.sqlite"));

    writeFileSync(join(cwd, "var"), "a file");
    assert.deepEqual(await problems(`data = "../var"\n${HOST}`, { cwd, file: "etc/c.toml" }), [
      `etc/c.toml:1: data: not a folder: ${join(cwd, "var")}`,
    ]);
    assert.deepEqual(await problems(HOST, { cwd, dataDir: "var" }), [
      `--data: not a folder: ${join(cwd, "var")}`,
    ]);
  });
});

Deno.test("config: all of it is frozen", async () => {
  const config = await good(HOST);
  const every = (value: unknown): boolean =>
    typeof value !== "object" || value === null ||
    (Object.isFrozen(value) && Object.values(value).every(every));
  assert.ok(every(config));
});

Deno.test("config: a large one is read as written", async () => {
  const config = await good(`\ufeffadmins = ["Romeo@EXAMPLE.org"]
[log]
level = "warn"
levels = { stream = "debug" }
[store]
url = "postgres://confab:secret@db.example/confab"
[[listen.c2s]]
address = ["0.0.0.0", "::"]
[[listen.c2s]]
address = ["::1"]
port = 0
tls = "direct"
[limits]
bytes_per_second = 0
[hosts."EXAMPLE.org"]
anonymous = true
see_other_host = "[2001:db8::1]:5222"
limits = { stanza_bytes = "1 MiB" }
[hosts."bücher.example"]
`);
  assert.deepEqual(config.admins, ["romeo@example.org"]);
  assert.deepEqual(config.log, { level: "warn", format: "human", levels: { stream: "debug" } });
  assert.equal(config.store.kind, "postgres");
  assert.equal(config.store.location, "postgres://confab:secret@db.example/confab");
  assert.deepEqual(config.listen.c2s, [
    { address: ["0.0.0.0", "::"], port: 5222, tls: "starttls" },
    { address: ["::1"], port: 0, tls: "direct" },
  ]);
  const [first, second] = config.hosts;
  assert.deepEqual([first!.domain, second!.domain], ["example.org", "bücher.example"]);
  assert.equal(first!.anonymous, true);
  assert.equal(first!.see_other_host, "[2001:db8::1]:5222");
  assert.equal(first!.limits.stanza_bytes, 1 << 20);
  assert.equal(first!.limits.bytes_per_second, 0);
  assert.equal(second!.limits.stanza_bytes, 262_144);
});

Deno.test("config: certificates", async () => {
  const swapped = { "c.pem": PEM["key.pem"], "k.pem": PEM["cert.pem"] };
  await withFiles({ ...PEM, ...swapped }, async (cwd) => {
    const at = (name: string) => join(cwd, name);
    const cases: [string, string[]][] = [
      ["certificate = 'cert.pem'", [
        '2: hosts."example.org".certificate: a certificate needs its "key" in the same table',
      ]],
      ["key = 'key.pem'", [
        '2: hosts."example.org".key: a key needs its "certificate" in the same table',
      ]],
      ["certificate = 'cert.pem'\nkey = 'no.pem'", [
        `3: hosts."example.org".key: no such file: ${at("no.pem")}`,
      ]],
      ["certificate = 'c.pem'\nkey = 'k.pem'", [
        `2: hosts."example.org".certificate: there is no PEM certificate in ${at("c.pem")}`,
        `3: hosts."example.org".key: there is no PEM private key in ${at("k.pem")}`,
      ]],
      ["certificate = 'cert.pem'\nkey = 'key.pem'\n[tls]\nclient_ca = 'key.pem'", [
        `5: tls.client_ca: there is no PEM certificate in ${at("key.pem")}`,
      ]],
    ];
    for (const [toml, expected] of cases) {
      assert.deepEqual(await problems(HOST + toml, { cwd }), expected, toml);
    }

    const toml = `${HOST}[hosts."own.example"]\ncertificate = "cert.pem"\nkey = "key.pem"
[tls]\ncertificate = "cert.pem"\nkey = "key.pem"\nclient_ca = "cert.pem"`;
    const config = await good(toml, { cwd });
    const [shared, own] = config.hosts;
    assert.deepEqual(shared!.certificate, config.tls.certificate);
    assert.equal(own!.certificate!.certificate, at("cert.pem"));
    assert.equal(own!.certificate!.key, at("key.pem"));
    assert.equal(config.tls.client_ca, at("cert.pem"));

    writeFileSync(at("cert.pem"), PEM["cert.pem"].replace("AA==", "AAA="));
    const renewed = await good(toml, { cwd });
    assert.notEqual(renewed.hosts[0]!.certificate!.digest, shared!.certificate!.digest);
  });
});
