import assert from "node:assert/strict";
import { diffConfig } from "../../lib/config/diff.ts";
import { endpoints } from "../../lib/config/checks.ts";
import { good, problems } from "../helpers/config.ts";

const HOST = '[hosts."example.org"]\n';
const TWO = `${HOST}[hosts."bücher.example"]\n`;

Deno.test("http: https on 5281 of this machine by default, and none if told so", async () => {
  const config = await good(HOST);
  assert.deepEqual(config.listen.http, [
    { address: ["127.0.0.1", "::1"], port: 5281, tls: "direct" },
  ]);
  assert.equal(config.hosts[0]!.public_url, undefined);
  assert.deepEqual(endpoints(config.listen).filter((e) => e.kind === "http"), [
    { kind: "http", address: "127.0.0.1", port: 5281, tls: "direct" },
    { kind: "http", address: "::1", port: 5281, tls: "direct" },
  ]);
  assert.deepEqual((await good(`listen.http = []\n${HOST}`)).listen.http, []);
  assert.equal((await good(`[[listen.http]]\ntls = "none"\n${HOST}`)).listen.http[0]!.tls, "none");
});

Deno.test("http: public URLs, for all hosts and for one", async () => {
  const config = await good(
    `http.public_url = "https://{host}:8443/web/"\n${TWO}public_url = "https://files.example/"\n`,
  );
  assert.deepEqual(config.hosts.map((h) => h.public_url), [
    "https://example.org:8443/web",
    "https://files.example",
  ]);
  const idn = await good(`http.public_url = "https://{host}"\n${TWO}`);
  assert.equal(idn.hosts[1]!.public_url, "https://xn--bcher-kva.example");
});

Deno.test("http: what is wrong", async () => {
  const cases: [string, RegExp][] = [
    ["http.public_url = 'example.org'\n", /http\.public_url: expected a URL such as/],
    ["http.public_url = 'ftp://example.org'\n", /expected a URL/],
    ["http.public_url = 'https://example.org/?x'\n", /expected a URL/],
    ["http.public_url = 'https://u:p@example.org'\n", /expected a URL/],
    [
      "http.trusted_proxies = ['10.0.0.0/33']\n",
      /trusted_proxies\[0\]: expected an IP address, or/,
    ],
    ["http.trusted_proxies = ['localhost']\n", /trusted_proxies\[0\]: expected an IP address, or/],
    ["[[listen.http]]\ntls = 'starttls'\n", /listen\.http\[0\]\.tls: expected "direct" or "none"/],
    [
      "[[listen.http]]\nport = 5222\n",
      /listen\.http\[0\]\.port: port 5222 on .* \[\[listen\.c2s\]\]/,
    ],
    [
      "[[listen.http]]\n[[listen.http]]\n",
      /listen\.http\[1\]\.port: port 5281 .* a listener above/,
    ],
    ["[[listen.http]]\naddress = []\n", /listen\.http\[0\]\.address: expected at least one/],
  ];
  for (const [text, expected] of cases) {
    const found = await problems(text + HOST);
    assert.equal(found.length, 1, `${text}: ${found.join("; ")}`);
    assert.match(found[0]!, expected);
  }
  assert.match(
    (await problems(`http.public_url = "https://example.org"\n${TWO}`))[0]!,
    /http\.public_url: example\.org and bücher\.example need URLs of their own/,
  );
});

Deno.test("http: what a reload has to do", async () => {
  const diff = async (a: string, b: string) =>
    diffConfig(await good(a + HOST), await good(b + HOST));
  const moved = await diff("", "[[listen.http]]\nport = 80\ntls = 'none'\naddress = ['::1']\n");
  assert.deepEqual(moved.listeners.added, [{
    kind: "http",
    address: "::1",
    port: 80,
    tls: "none",
  }]);
  assert.equal(moved.listeners.removed.length, 2);
  const url = await diff("", "http.public_url = 'https://x.example'\n");
  assert.deepEqual([url.http, url.hosts.changed[0]?.settings], [true, true]);
});
