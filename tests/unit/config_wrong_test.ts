import assert from "node:assert/strict";
import { HOST, problems } from "../helpers/config.ts";

Deno.test("config: errors of syntax have line and column", async () => {
  const cases: [string, string][] = [
    ["a = ", "1:5: not TOML: "],
    [`${HOST}x = 1\nx = 2`, "3:1: not TOML: "],
    ['\n\na = "\\q"', "3:7: not TOML: "],
    ["[a]\n[a]\n", "2:2: not TOML: "],
    ["\na = 0001", "2:5: not TOML: "],
    ["a = 12345678901234567890", "1:5: not TOML: "],
    ["[hosts.a", "1:"],
    ["a = [1, 2", "1:"],
  ];
  for (const [toml, start] of cases) {
    const found = await problems(toml);
    assert.equal(found.length, 1, toml);
    assert.ok(found[0]!.startsWith(start), `${toml}: ${found[0]}`);
    assert.doesNotMatch(found[0]!, /\n/);
  }
});

Deno.test("config: one wrong key each", async () => {
  const cases: [string, string][] = [
    [
      "[limits]\nstanza_byts = 5\n",
      '3: limits.stanza_byts: unknown key; did you mean "stanza_bytes"?',
    ],
    ["\n[limts]\n", '3: limts: unknown key; did you mean "limits"?'],
    ["[zzzzzz]\n", "2: zzzzzz: unknown key"],
    [
      "[limits]\n\ndepth = 'lots'\n",
      '4: limits.depth: expected a whole number from 8 to 1000, got "lots"',
    ],
    ["limits.depth = 3", "2: limits.depth: expected a whole number from 8 to 1000, got 3"],
    [
      "limits = { children = 17,   depth = 3 }",
      "2: limits.depth: expected a whole number from 8 to 1000, got 3",
    ],
    ["limits = 5", "2: limits: expected a table, got 5"],
    ["limits = []", "2: limits: expected a table, got a list"],
    ["[[limits]]\ndepth = 9\n", "2: limits: expected a table, got a list"],
    ["log = 1979-05-27", "2: log: expected a table, got a date"],
    [
      "[log]\nlevel = 'loud'",
      '3: log.level: expected "debug", "info", "warn", "error" or "off", got "loud"',
    ],
    [
      "[log.levels]\nstream = 'loud'",
      '3: log.levels.stream: expected "debug", "info", "warn", "error" or "off", got "loud"',
    ],
    ["[log]\nlevels = 'debug'", '3: log.levels: expected a table, got "debug"'],
    ["data = 5", "2: data: expected the path of a folder, got 5"],
    [
      "admins = [\n'romeo@example.org',\n'example.org',\n]",
      '4: admins[1]: expected a bare JID such as "romeo@example.org", got "example.org"',
    ],
    [
      "admins = ['a@b/c']",
      '2: admins[0]: expected a bare JID such as "romeo@example.org", got "a@b/c"',
    ],
    ["admins = ['a@b', 'A@b']", '2: admins: "a@b" is in the list twice'],
    [
      "[store]\nurl = 'mysql://root:hunter2@db/x'",
      '3: store.url: expected "sqlite:FILE" or "postgres://USER:PASSWORD@HOST/NAME" (the value is not shown)',
    ],
    [
      "[store]\nurl = 'postgres://db'",
      '3: store.url: expected "sqlite:FILE" or "postgres://USER:PASSWORD@HOST/NAME" (the value is not shown)',
    ],
    [
      "[store]\nurl = 'sqlite:/no/such/folder/x.sqlite'",
      "3: store.url: no such folder: /no/such/folder",
    ],
    ["[store]\npool = 0", "3: store.pool: expected a whole number from 1 to 100, got 0"],
    ["[tls]\nmin_version = 1.2", '3: tls.min_version: expected "1.2" or "1.3", got 1.2'],
    ["[tls]\nclient_ca = 'ca.pem'", "3: tls.client_ca: no such file: /nowhere/ca.pem"],
    ["[tls]\nclient_ca = '/'", "3: tls.client_ca: is not a file: /"],
    ["[listen.c2s]\nport = 5", "2: listen.c2s: expected a list, got a table"],
    [
      "[[listen.c2s]]\nport = 70_000",
      "3: listen.c2s[0].port: expected a whole number from 0 to 65535, got 70000",
    ],
    [
      "[[listen.c2s]]\n[[listen.c2s]]\nprt = 5",
      '4: listen.c2s[1].prt: unknown key; did you mean "port"?',
    ],
    ["[[listen.c2s]]\naddress = '::1'", '3: listen.c2s[0].address: expected a list, got "::1"'],
    [
      "[[listen.c2s]]\naddress = ['::1', 'localhost']",
      '3: listen.c2s[0].address[1]: expected an IP address, got "localhost"',
    ],
    [
      "[[listen.c2s]]\naddress = []",
      "3: listen.c2s[0].address: expected at least one IP address, got an empty list",
    ],
    [
      "[[listen.c2s]]\ntls = 'none'",
      '3: listen.c2s[0].tls: expected "starttls" or "direct", got "none"',
    ],
    ["[listen]\nc2c = []", '3: listen.c2c: unknown key; did you mean "c2s"?'],
    [
      "[c2s]\nauth_timeout = '1h'",
      '3: c2s.auth_timeout: expected a time from "1s" to "10m", got "1h"',
    ],
    [
      "[c2s]\nplaintext_auth = true",
      '3: c2s.plaintext_auth: expected "never", "loopback" or "always", got true',
    ],
    [
      "[limits]\nstanza_bytes = 9999",
      '3: limits.stanza_bytes: expected a size from 10000 to "64 MiB", got 9999',
    ],
    [
      "[auth]\niterations = 4096",
      "3: auth.iterations: expected a whole number from 10000 to 1000000, got 4096",
    ],
    ["[auth]\nmechanisms = ['PLAIN', 'PLAIN']", '3: auth.mechanisms: "PLAIN" is in the list twice'],
    [
      "[auth.throttle]\ndelay = 'slow'",
      '3: auth.throttle.delay: expected a time from "10ms" to "1m", got "slow"',
    ],
    [
      "[bind]\nconflict = 'replace'",
      '3: bind.conflict: expected "replace-old", "refuse-new" or "rename-new", got "replace"',
    ],
  ];
  // Keys of the top must come before the table of a host.
  for (const [toml, expected] of cases) {
    assert.deepEqual(await problems(`\n${toml}\n${HOST}`), [expected], toml);
  }
  assert.deepEqual(await problems('hosts."example.org" = 5'), [
    '1: hosts."example.org": expected a table, got 5',
  ]);
});

Deno.test("config: wrong combinations", async () => {
  const two = (a: string, b: string) => `${HOST}[[listen.c2s]]\n${a}\n[[listen.c2s]]\n${b}\n`;
  const cases: [string, string[]][] = [
    [two("port = 1", "port = 1"), [
      "5: listen.c2s[1].port: port 1 on 127.0.0.1 is taken by a listener above",
    ]],
    [two("port = 1", "port = 1\naddress = ['127.0.0.2']"), []],
    [two("port = 1", "port = 1\naddress = ['0.0.0.0']"), [
      "5: listen.c2s[1].port: port 1 on 127.0.0.1 is taken by a listener above",
    ]],
    [two("port = 1\naddress = ['::']", "port = 1\naddress = ['0.0.0.0']"), []],
    [two("port = 1\naddress = ['::']", "port = 1\naddress = ['2001:db8::1']"), [
      "6: listen.c2s[1].port: port 1 on :: is taken by a listener above",
    ]],
    [
      two("port = 1\naddress = ['::1', '0:0:0:0:0:0:0:1']", "port = 2"),
      ["3: listen.c2s[0].port: port 1 on ::1 is taken by a listener above"],
    ],
    [two("port = 0", "port = 0"), []],
    [`${HOST}[limits]\nburst_bytes = 20000\nbytes_per_second = 30000`, [
      "3: limits.burst_bytes: must not be smaller than bytes_per_second",
    ]],
    [`${HOST}[limits]\noutput_bytes = '1 MiB'\nstanza_bytes = '2 MiB'`, [
      "3: limits.output_bytes: must not be smaller than stanza_bytes",
    ]],
    [`${HOST}[limits]\nstanza_bytes = 10000`, [
      "2: limits.stanza_bytes_before_auth: must not be larger than stanza_bytes",
    ]],
    [`${HOST}limits.bytes_per_second = '1 MiB'`, [
      '2: hosts."example.org".limits.burst_bytes: must not be smaller than bytes_per_second',
    ]],
    [`${HOST}[auth.throttle]\nmax_delay = '100ms'`, [
      "3: auth.throttle.max_delay: must not be shorter than delay",
    ]],
    [`${HOST}[auth]\nmechanisms = []`, [
      "3: auth.mechanisms: expected at least one mechanism, as not all hosts are anonymous",
    ]],
    [`${HOST}anonymous = true\n[auth]\nmechanisms = []`, []],
  ];
  for (const [toml, expected] of cases) assert.deepEqual(await problems(toml), expected, toml);
});

Deno.test("config: hosts", async () => {
  const cases: [string, string[]][] = [
    ["", ['server.toml: hosts: there is no host; add one such as [hosts."example.org"]']],
    ["\n[hosts]\n", ['2: hosts: there is no host; add one such as [hosts."example.org"]']],
    ["hosts = ['example.org']", ["1: hosts: expected a table, got a list"]],
    ['[hosts."not a host"]', [
      '1: hosts."not a host": expected a domain name such as "example.org", got "not a host"',
    ]],
    ['[hosts."a@b"]', ['1: hosts."a@b": expected a domain name such as "example.org", got "a@b"']],
    [`[hosts."example.org"]\n[hosts."EXAMPLE.ORG"]\n`, [
      '2: hosts."EXAMPLE.ORG": is the same host as hosts."example.org"',
    ]],
    ["\n[hosts.example.org]\n", [
      '2: hosts.example.org: unknown key; if "example.org" is a host, write [hosts."example.org"]',
    ]],
    ["[hosts.im.example.org]\nanonymous = true", [
      '1: hosts.im.example: unknown key; if "im.example.org" is a host, write [hosts."im.example.org"]',
    ]],
    [`${HOST}anonymus = true`, [
      '2: hosts."example.org".anonymus: unknown key; did you mean "anonymous"?',
    ]],
    [`${HOST}limits.connections = 5`, [
      '2: hosts."example.org".limits.connections: is a limit of the whole server, not of one host',
    ]],
    [`${HOST}limits.depht = 5`, [
      '2: hosts."example.org".limits.depht: unknown key; did you mean "depth"?',
    ]],
    [`${HOST}[hosts."example.org".c2s]\nx = 1`, [
      '2: hosts."example.org".c2s: [c2s] is for the whole server, not for one host',
    ]],
    [`${HOST}see_other_host = "a b"`, [
      '2: hosts."example.org".see_other_host: expected a host name, with or without a port, got "a b"',
    ]],
    [`${HOST}see_other_host = "x.example:99999"`, [
      '2: hosts."example.org".see_other_host: expected a host name, with or without a port, got "x.example:99999"',
    ]],
  ];
  for (const [toml, expected] of cases) {
    const found = (await problems(toml)).map((line) =>
      line.startsWith(" hosts") ? `server.toml:${line}` : line
    );
    assert.deepEqual(found, expected, toml);
  }
});

Deno.test("config: every problem at once, in the order of the lines", async () => {
  const found = await problems(`admins = ["nobody"]
daat = "./x"
[limits]
depth = "deep"
children = 0
stanza_byts = 1
wrong_too = 2
[tls]
certificate = "none.pem"
[[listen.c2s]]
port = "http"
[hosts."bad host"]
anonymous = "yes"
[hosts."b.example".modules]
offline = { quota = "many" }
[hosts."b.example".limits]
depth = 1
[modules]
pign = true
`);
  assert.deepEqual(found, [
    '1: admins[0]: expected a bare JID such as "romeo@example.org", got "nobody"',
    '2: daat: unknown key; did you mean "data"?',
    '4: limits.depth: expected a whole number from 8 to 1000, got "deep"',
    "5: limits.children: expected a whole number from 16 to 1000000, got 0",
    '6: limits.stanza_byts: unknown key; did you mean "stanza_bytes"?',
    "7: limits.wrong_too: unknown key",
    "9: tls.certificate: no such file: /nowhere/none.pem",
    '11: listen.c2s[0].port: expected a whole number from 0 to 65535, got "http"',
    '12: hosts."bad host": expected a domain name such as "example.org", got "bad host"',
    '13: hosts."bad host".anonymous: expected true or false, got "yes"',
    '15: hosts."b.example".modules.offline.quota: expected a whole number from 1 to 100000, got "many"',
    '17: hosts."b.example".limits.depth: expected a whole number from 8 to 1000, got 1',
    '19: modules.pign: unknown module; did you mean "ping"?',
  ]);
});

Deno.test("config: names that objects have of their own are unknown keys too", async () => {
  for (const name of ["constructor", "toString", "hasOwnProperty", "__proto__"]) {
    assert.deepEqual(await problems(`[${name}]\nx = 1\n${HOST}`), [`1: ${name}: unknown key`]);
    assert.deepEqual(await problems(`limits.${name} = 1\n${HOST}`), [
      `1: limits.${name}: unknown key`,
    ]);
    const module = await problems(`modules.${name} = true\n${HOST}`);
    assert.equal(module.length, 1);
    assert.match(module[0]!, new RegExp(`^1: modules\\.${name}: unknown (key|module)`));
  }
});
