/** `check`: what it finds in good and bad files, and what it says about the world around them. */

import assert from "node:assert/strict";
import { makeSelfSigned } from "../../lib/tls/selfsigned.ts";
import { Confab, freePort, startConfab, tempFolder, toml } from "./process.ts";

interface Finding {
  readonly level: "ok" | "note" | "error";
  readonly about: string;
  readonly text: string;
}

async function check(confab: Confab): Promise<{ code: number; findings: Finding[] }> {
  const { code, out, err } = await confab.run(["check", "--json"]);
  assert.equal(err, "");
  return { code, findings: JSON.parse(out) };
}

/** Writes a file, checks it, and returns what is wrong, without the name of the file. */
async function problems(confab: Confab, config: string): Promise<string[]> {
  await confab.write(config);
  const { code, findings } = await check(confab);
  assert.equal(code, 1, JSON.stringify(findings));
  for (const f of findings) {
    assert.equal(f.level, "error");
    assert.equal(f.about, "configuration");
  }
  return findings.map((f) => f.text.replace(`${confab.config}:`, ""));
}

async function withFolder(body: (confab: Confab) => Promise<void>): Promise<void> {
  await using folder = await tempFolder();
  await using confab = new Confab(folder.path, false);
  await body(confab);
}

Deno.test("a good file", () =>
  withFolder(async (confab) => {
    const port = freePort();
    await confab.write(toml().replace("port = 0", `port = ${port}`));
    const { code, findings } = await check(confab);
    assert.equal(code, 0, JSON.stringify(findings));
    const of = (about: string) => findings.filter((f) => f.about === about);
    assert.deepEqual(of("configuration"), [
      { level: "ok", about: "configuration", text: `${confab.config} is valid` },
    ]);
    assert.deepEqual(of("ports")[0], {
      level: "ok",
      about: "ports",
      text: `127.0.0.1:${port} is free`,
    });
    assert.equal(of("certificate")[0]?.text, "localhost: self-signed, made by the server");
    assert.equal(of("database")[0]?.level, "ok");
    assert.equal(of("dns")[0]?.level, "note");

    const human = await confab.run(["check"]);
    assert.equal(human.code, 0);
    assert.match(human.out, new RegExp(`^ok +configuration: ${confab.config} is valid$`, "m"));
    assert.match(human.out, /^ok +database: .*confab\.sqlite works$/m);
  }));

Deno.test("the example file is good as it is", () =>
  withFolder(async (confab) => {
    const example = new URL("../../config.example.toml", import.meta.url);
    await confab.write(await Deno.readTextFile(example));
    const { findings } = await check(confab);
    assert.equal(findings.find((f) => f.about === "configuration")?.level, "ok");
    assert.equal(findings.find((f) => f.about === "database")?.level, "ok");
  }));

Deno.test("bad files: file, line, key, what was expected, the nearest valid name", () =>
  withFolder(async (confab) => {
    assert.deepEqual(await problems(confab, '[limits]\ndepth = "lots"\n[hosts.localhost]\n'), [
      '2: limits.depth: expected a whole number from 8 to 1000, got "lots"',
    ]);
    assert.deepEqual(
      await problems(confab, "[hosts.localhost]\n[limits]\n\nstanza_byte = 100000\n"),
      ['4: limits.stanza_byte: unknown key; did you mean "stanza_bytes"?'],
    );
    assert.deepEqual(await problems(confab, "[hosts.localhost]\n[modules]\nrooster = true\n"), [
      '3: modules.rooster: unknown module; did you mean "roster"?',
    ]);
    assert.deepEqual(await problems(confab, "[hosts.localhost]\n[[listen.c2s]]\nport = 70000\n"), [
      "3: listen.c2s[0].port: expected a whole number from 0 to 65535, got 70000",
    ]);
    assert.deepEqual(await problems(confab, "[limits]\ndepth = 20\n"), [
      ' hosts: there is no host; add one such as [hosts."example.org"]',
    ]);
    const [syntax, ...more] = await problems(confab, "[hosts.localhost]\ndata = \n");
    assert.match(syntax!, /^2:\d+: not TOML: /);
    assert.deepEqual(more, []);
    // All at once, in order of lines.
    assert.deepEqual(
      (await problems(
        confab,
        '[log]\nlevel = "loud"\n[c2s]\nauth_timeout = "1y"\nx = 1\n[hosts.localhost]\n',
      ))
        .map((p) => p.split(": ").slice(0, 2).join(": ")),
      ["2: log.level", "4: c2s.auth_timeout", "5: c2s.x"],
    );
  }));

Deno.test("impossible combinations and missing files", () =>
  withFolder(async (confab) => {
    const host = "[hosts.localhost]\n";
    const [missing] = await problems(confab, `${host}certificate = "no.pem"\nkey = "no.key"\n`);
    assert.match(missing!, /^2: hosts\.localhost\.certificate: .*no\.pem$/);
    const [alone] = await problems(confab, `${host}certificate = "server.toml"\n`);
    assert.match(alone!, /^2: hosts\.localhost\.certificate: a certificate needs its "key"/);
    const [module] = await problems(confab, `${host}[modules.mine]\nsource = "./none.ts"\n`);
    assert.match(module!, /^3: modules\.mine\.source: .*none\.ts$/);
    const [twice] = await problems(
      confab,
      `[[listen.c2s]]\nport = 1234\n[[listen.c2s]]\nport = 1234\n${host}`,
    );
    assert.match(twice!, /^4: listen\.c2s\[1\]\.port: port 1234 on 127\.0\.0\.1 is taken/);
  }));

Deno.test("human output of a bad file is the problem and nothing else", () =>
  withFolder(async (confab) => {
    await confab.write('[limits]\ndepth = "lots"\n[hosts.localhost]\n');
    const { code, out, err } = await confab.run(["check"]);
    assert.equal(code, 1);
    assert.equal(err, "");
    assert.equal(
      out,
      `error  configuration: ${confab.config}:2: limits.depth: ` +
        'expected a whole number from 8 to 1000, got "lots"\n',
    );
    assert.throws(() => Deno.statSync(confab.data), Deno.errors.NotFound, "check makes nothing");
  }));

Deno.test("a port that is taken", () =>
  withFolder(async (confab) => {
    const port = freePort();
    using _taken = Deno.listen({ hostname: "127.0.0.1", port });
    await confab.write(toml().replace("port = 0", `port = ${port}`));
    const { code, findings } = await check(confab);
    assert.equal(code, 1);
    const errors = findings.filter((f) => f.level === "error");
    assert.equal(errors.length, 1);
    assert.equal(errors[0]!.about, "ports");
    assert.match(errors[0]!.text, new RegExp(`^127\\.0\\.0\\.1:${port}: `));
  }));

Deno.test("certificates: good, of another name, soon over, with a foreign key", () =>
  withFolder(async (confab) => {
    const put = async (names: string[], days: number) => {
      const { certPem, keyPem } = await makeSelfSigned({ names, days });
      await Deno.writeTextFile(`${confab.folder}/c.pem`, certPem);
      await Deno.writeTextFile(`${confab.folder}/c.key`, keyPem);
    };
    const certificate = async () => {
      const { code, findings } = await check(confab);
      const finding = findings.find((f) => f.about === "certificate");
      assert.ok(finding, JSON.stringify(findings));
      assert.equal(code, finding.level === "error" ? 1 : 0);
      return `${finding.level}: ${finding.text}`;
    };
    await confab.write(
      `${toml("", [])}[hosts.localhost]\ncertificate = "c.pem"\nkey = "c.key"\n`,
    );
    await put(["localhost"], 90);
    assert.match(await certificate(), /^ok: localhost: .*c\.pem is good for (89|90) days$/);
    await put(["localhost"], 5);
    assert.match(await certificate(), /^error: localhost: .*c\.pem is good for [45] days$/);
    await put(["example.org"], 90);
    assert.match(await certificate(), /^error: localhost: .*c\.pem is for example\.org$/);
    const other = await makeSelfSigned({ names: ["localhost"] });
    await Deno.writeTextFile(`${confab.folder}/c.key`, other.keyPem);
    assert.match(await certificate(), /^error: localhost: .*key/);
  }));

Deno.test("a database that cannot be used", () =>
  withFolder(async (confab) => {
    await confab.write(toml());
    await Deno.mkdir(confab.data);
    await Deno.writeTextFile(
      `${confab.data}/confab.sqlite`,
      "this is no database, whatever it is. ".repeat(50),
    );
    const { code, findings } = await check(confab);
    assert.equal(code, 1);
    assert.match(findings.find((f) => f.about === "database")!.text, /not a database/);

    const port = freePort();
    const secret = "do-not-show-me";
    await confab.write(
      toml().replace("[store]", `[store]\nurl = "postgres://u:${secret}@127.0.0.1:${port}/x"`),
    );
    const { code: code2, out, err } = await confab.run(["check"]);
    assert.equal(code2, 1);
    assert.match(out, /^error +database: /m);
    assert.doesNotMatch(out + err, new RegExp(secret));
  }));

Deno.test("beside a running server", async () => {
  await using confab = await startConfab(toml());
  const { code, findings } = await check(confab);
  assert.equal(code, 0, JSON.stringify(findings));
  assert.ok(findings.some((f) => f.about === "server" && f.level === "note"));
  assert.equal(findings.find((f) => f.about === "database")?.level, "ok");
});

Deno.test("DNS: a domain without records, or that cannot be looked up here, is only noted", () =>
  withFolder(async (confab) => {
    await confab.write(toml("", ["confab.invalid"]));
    const { code, findings } = await check(confab);
    assert.equal(code, 0, JSON.stringify(findings));
    const dns = findings.filter((f) => f.about === "dns");
    assert.equal(dns.length, 2);
    for (const finding of dns) {
      assert.equal(finding.level, "note");
      assert.match(finding.text, /_xmpps?-client\._tcp\.confab\.invalid/);
    }
  }));
