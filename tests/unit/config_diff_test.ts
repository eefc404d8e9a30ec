import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ConfigDiff, diffConfig } from "../../lib/config/diff.ts";
import { good, withFiles } from "../helpers/config.ts";

const NOTHING: ConfigDiff = {
  same: true,
  needsRestart: [],
  listeners: { added: [], removed: [] },
  hosts: { added: [], removed: [], changed: [] },
  admins: false,
  log: false,
  tls: false,
  c2s: false,
  http: false,
  limits: false,
  auth: false,
  bind: false,
};

const BASE = '[hosts."example.org"]\n[hosts."b.example"]\n';

async function diff(before: string, now: string): Promise<ConfigDiff> {
  return diffConfig(await good(before), await good(now));
}

Deno.test("diff: the same file, and one that says the same in other words", async () => {
  assert.deepEqual(await diff(BASE, BASE), NOTHING);
  const other = `# comment
[hosts."EXAMPLE.org"]
anonymous = false
[hosts."b.example"]
[limits]
stanza_bytes = 262144
[c2s]
auth_timeout = 30
[modules]
ping = true
[modules.offline]
quota = 100
`;
  assert.deepEqual(await diff(BASE, other), NOTHING);
  const disabled = "[modules.register]\nenabled = false\nrate = 5\n";
  assert.equal((await diff(BASE, disabled + BASE)).same, true, "settings of what is off");
});

Deno.test("diff: tables of the whole server", async () => {
  const cases: [string, keyof ConfigDiff][] = [
    ["admins = ['a@example.org']", "admins"],
    ["log.level = 'debug'", "log"],
    ["log.levels.stream = 'debug'", "log"],
    ["tls.min_version = '1.3'", "tls"],
    ["c2s.idle_timeout = '5m'", "c2s"],
    ["http.connections = 5", "http"],
    ["limits.connections = 5", "limits"],
    ["auth.throttle.delay = '2s'", "auth"],
    ["bind.conflict = 'refuse-new'", "bind"],
  ];
  for (const [line, key] of cases) {
    const expected = { ...NOTHING, same: false, [key]: true };
    assert.deepEqual(await diff(BASE, `${line}\n${BASE}`), expected, line);
    assert.deepEqual(await diff(`${line}\n${BASE}`, BASE), expected, line);
  }
});

Deno.test("diff: what needs a restart", async () => {
  const cases: [string, string[]][] = [
    ["data = './elsewhere'", ["data"]],
    ["store.url = 'sqlite:other.sqlite'", ["store.url"]],
    ["store.url = 'postgres://db/x'", ["store.url"]],
    ["store.pool = 8\nstore.synchronous = 'normal'", ["store.synchronous", "store.pool"]],
    ["store.queue = 500", ["store.queue"]],
  ];
  for (const [line, needsRestart] of cases) {
    const expected = { ...NOTHING, same: false, needsRestart };
    assert.deepEqual(await diff(BASE, `${line}\n${BASE}`), expected, line);
  }
});

Deno.test("diff: listeners", async () => {
  const before =
    `${BASE}[[listen.c2s]]\naddress = ["127.0.0.1", "::1"]\nport = 1\n[[listen.c2s]]\nport = 2\n`;
  const now = `${BASE}[[listen.c2s]]\nport = 2\naddress = ["0:0:0:0:0:0:0:1", "127.0.0.1"]
[[listen.c2s]]\nport = 1\naddress = ["127.0.0.1"]\ntls = "direct"\n`;
  const { listeners, ...rest } = await diff(before, now);
  const { listeners: _, ...nothing } = NOTHING;
  assert.deepEqual(rest, { ...nothing, same: false });
  assert.deepEqual(listeners, {
    added: [{ kind: "c2s", address: "127.0.0.1", port: 1, tls: "direct" }],
    removed: [
      { kind: "c2s", address: "127.0.0.1", port: 1, tls: "starttls" },
      { kind: "c2s", address: "::1", port: 1, tls: "starttls" },
    ],
  });
});

Deno.test("diff: hosts", async () => {
  const now = `[hosts."c.example"]
[hosts."b.example"]
anonymous = true
[hosts."b.example".limits]
depth = 20
`;
  const none = { added: [], removed: [], changed: [], replaced: [] };
  assert.deepEqual((await diff(BASE, now)).hosts, {
    added: ["c.example"],
    removed: ["example.org"],
    changed: [
      { domain: "b.example", certificate: false, limits: true, settings: true, modules: none },
    ],
  });
  const { limits, hosts } = await diff(BASE, `limits.depth = 20\n${BASE}`);
  assert.equal(limits, true);
  assert.deepEqual(hosts.changed.map((h) => [h.domain, h.limits]), [
    ["example.org", true],
    ["b.example", true],
  ]);
});

Deno.test("diff: modules", async () => {
  const before = `${BASE}[modules]\nping = true\nregister = false\noffline = { quota = 5 }\n`;
  const now = `${BASE}modules.offline.quota = 6
[modules]
ping = false
register = { rate = 5 }
offline = { quota = 5 }
`;
  const { changed } = (await diff(before, now)).hosts;
  assert.deepEqual(changed.map((h) => [h.domain, h.modules]), [
    ["example.org", { added: ["register"], removed: ["ping"], changed: [], replaced: [] }],
    ["b.example", { added: ["register"], removed: ["ping"], changed: ["offline"], replaced: [] }],
  ]);
});

Deno.test("diff: a module from another source, a certificate that was renewed", async () => {
  const pem = (kind: string, data: string) =>
    `-----BEGIN ${kind}-----\n${data}\n-----END ${kind}-----\n`;
  const files = {
    "a.ts": "",
    "b.ts": "",
    "c.pem": pem("CERTIFICATE", "AA=="),
    "k.pem": pem("EC PRIVATE KEY", "AA=="),
  };
  await withFiles(files, async (cwd) => {
    const moduleSchemas = () => ({ schema: undefined, enabledByDefault: true });
    const load = (module: string) =>
      good(
        `[modules.mine]\nsource = "${module}"\n[tls]\ncertificate = "c.pem"\nkey = "k.pem"\n${BASE}`,
        { cwd, moduleSchemas },
      );
    const first = await load("./a.ts");
    const second = diffConfig(first, await load("./b.ts"));
    assert.deepEqual(second.hosts.changed.map((h) => h.modules.replaced), [["mine"], ["mine"]]);
    writeFileSync(join(cwd, "c.pem"), pem("CERTIFICATE", "AAA="));
    const third = diffConfig(first, await load("./a.ts"));
    assert.equal(third.tls, false);
    assert.deepEqual(third.hosts.changed.map((h) => h.certificate), [true, true]);
  });
});
