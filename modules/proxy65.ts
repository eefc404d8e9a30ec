/**
 * XEP-0065: SOCKS5 Bytestreams: a proxy at a domain of its own, for files between clients that cannot
 * reach each other. Both connect to its port and name the bytestream by a digest; the requester's IQ
 * joins the two connections.
 */

import { hash } from "node:crypto";
import { createServer, isIPv6, type Server } from "node:net";
import * as v from "valibot";
import { defineModule, type ModuleHost, result } from "../lib/module.ts";
import {
  bytes,
  duration,
  ipAddress,
  list,
  oneOf,
  optionalSetting,
  setting,
  text,
  wholeNumber,
} from "../lib/config/setting.ts";
import { StanzaError } from "../lib/errors.ts";
import { type Jid, parseJid } from "../lib/jid.ts";
import { roomForConnections } from "../lib/net/open_files.ts";
import type { Stanza } from "../lib/stanza.ts";
import type { Element } from "../lib/xml/element.ts";
import { xml } from "../lib/xml/element.ts";
import { Proxy } from "./proxy65/proxy.ts";

const BYTESTREAMS_NS = "http://jabber.org/protocol/bytestreams";

const config = v.strictObject({
  name: setting(text(), "proxy", "Its domain, within that of the host unless it has a dot."),
  address: setting(
    list(ipAddress()),
    ["127.0.0.1", "::1"],
    'Addresses to listen on; ["0.0.0.0", "::"] is all of them.',
  ),
  port: setting(
    wholeNumber(0, 65_535),
    7777,
    "TCP port; hosts need one each. 0 takes any that is free.",
  ),
  public_host: optionalSetting(
    text(),
    "proxy.example.org",
    "Name or address under which clients reach the port; the domain of the host if not given.",
  ),
  public_port: optionalSetting(wholeNumber(1, 65_535), 7777, "Its port there, if it is another."),
  users: setting(
    oneOf("accounts", "everybody"),
    "accounts",
    "Who may have bytestreams relayed: accounts of this host, or everybody.",
  ),
  connections: setting(
    wholeNumber(2, 100_000),
    1000,
    "Connections at once; two make a bytestream. Fewer where the system's limit is lower.",
  ),
  per_address: setting(wholeNumber(2, 100_000), 50, "Connections at once from one IP address."),
  per_account: setting(wholeNumber(1, 10_000), 10, "Bytestreams of one account at once."),
  bytes_per_second: setting(
    bytes(1024, 1 << 30, { off: true }),
    "4 MiB",
    "Speed of one bytestream in each direction; 0 for no limit.",
  ),
  bytes: setting(
    bytes(1024, 2 ** 50, { off: true }),
    "4 GiB",
    "What goes through one bytestream, both directions together; 0 for no limit.",
  ),
  handshake_timeout: setting(duration("500ms", "5m"), "10s", "Time for the SOCKS5 handshake."),
  activation_timeout: setting(
    duration("500ms", "1h"),
    "2m",
    "Time that a connection waits for its bytestream to begin.",
  ),
  idle_timeout: setting(
    duration("500ms", "1d"),
    "5m",
    "Silence after which a bytestream is cut.",
  ),
});

type Host = ModuleHost<v.InferOutput<typeof config>>;

export default defineModule({
  name: "proxy65",
  description: "Relays files between clients (SOCKS5 bytestreams)",
  xeps: { "XEP-0065": "1.8.2" },
  enabledByDefault: false,
  config,
  async setup(host) {
    const { config } = host;
    const proxy = new Proxy({
      connections: Math.min(config.connections, mostConnections()),
      perAddress: config.per_address,
      perAccount: config.per_account,
      bytesPerSecond: config.bytes_per_second,
      bytes: config.bytes,
      handshakeMs: config.handshake_timeout,
      activationMs: config.activation_timeout,
      idleMs: config.idle_timeout,
    }, { log: host.log, after: (ms, f) => host.after(ms, f) });

    const servers: Server[] = [];
    host.onUnload(async () => {
      const closed = servers.map((server) =>
        new Promise<void>((resolve) => server.close(() => resolve()))
      );
      proxy.close();
      await Promise.all(closed);
    });
    for (const address of config.address) {
      const server = await listen(host, proxy, address, config.address);
      if (server !== undefined) servers.push(server);
    }
    const ports = servers.map((server) => (server.address() as { port: number }).port);
    const shortest = Math.min(
      config.handshake_timeout,
      config.activation_timeout,
      config.idle_timeout,
    );
    host.every(Math.min(5000, Math.max(100, shortest / 4)), () => proxy.sweep());

    const streamhost = {
      host: config.public_host ?? host.domain,
      port: String(config.public_port ?? ports[0] ?? config.port),
    };
    serve(host, proxy, streamhost);
  },
});

function serve(host: Host, proxy: Proxy, at: { host: string; port: string }): void {
  const description = "File transfer proxy";
  const service = host.service(host.config.name, description);
  service.feature(BYTESTREAMS_NS);
  const identity = { category: "proxy", type: "bytestreams", name: description };
  service.disco({
    info: ({ node: user }, node) =>
      user !== "" || node !== ""
        ? undefined
        : { identities: [identity], features: new Set(), forms: [] },
    items: ({ node: user }, node) => user !== "" || node !== "" ? undefined : { items: [] },
  });
  service.iq.get(BYTESTREAMS_NS, "query", (iq) => {
    admit(host, iq.from!);
    const streamhost = xml("streamhost", BYTESTREAMS_NS, { jid: service.jid.full, ...at });
    return result(xml("query", BYTESTREAMS_NS, {}, streamhost));
  });
  service.iq.set(BYTESTREAMS_NS, "query", (iq, query) => {
    admit(host, iq.from!);
    proxy.activate(digestOf(iq, query), iq.from!.bare);
    return result();
  });
}

function admit(host: Host, { domain, node }: Jid): void {
  if (host.config.users === "everybody") return;
  if (domain !== host.domain || node === "") throw new StanzaError("forbidden");
}

/** What the two connections of a bytestream have named it (§6.3.2). */
function digestOf(iq: Stanza, query: Element): string {
  const { sid } = query.attrs;
  const activate = query.childText("activate");
  if (sid === undefined || sid === "" || activate === undefined) {
    throw new StanzaError("bad-request", { text: "a sid and somebody to activate it with" });
  }
  const target = parseJid(activate.trim());
  if (target === undefined) {
    throw new StanzaError("jid-malformed", { text: "the target is no JID" });
  }
  return hash("sha1", sid + iq.from!.full + target.full, "hex");
}

/** Half of the files that are kept back from the connections of clients. */
function mostConnections(): number {
  const { connections, backlog } = roomForConnections();
  return connections === Infinity ? Infinity : 4 * backlog;
}

/** What listening on an IPv6 address says where there is no IPv6. */
const NO_IPV6: ReadonlySet<string> = new Set(["EINVAL", "EADDRNOTAVAIL", "EAFNOSUPPORT"]);

/** Undefined on a machine without IPv6, if there is another of the addresses. */
async function listen(
  host: Host,
  proxy: Proxy,
  address: string,
  all: readonly string[],
): Promise<Server | undefined> {
  try {
    return await open(host, proxy, address);
  } catch (e) {
    const { code = "" } = ((e as Error).cause ?? {}) as NodeJS.ErrnoException;
    if (!isIPv6(address) || !NO_IPV6.has(code) || all.every((a) => isIPv6(a))) throw e;
    host.log.warn("this machine has no IPv6", { address });
    return undefined;
  }
}

async function open(host: Host, proxy: Proxy, address: string): Promise<Server> {
  const { port } = host.config;
  const where = address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
  // node:net throws out of nowhere where the runtime refuses.
  if (Deno.permissions.querySync({ name: "net", host: where }).state !== "granted") {
    throw new Error(`cannot listen on ${where}: Deno was started without --allow-net for it`);
  }
  // The one who sends may end before the other has all.
  const server = createServer({ allowHalfOpen: true }, (socket) => proxy.accept(socket));
  await new Promise<void>((resolve, reject) => {
    server.once("error", (e: NodeJS.ErrnoException) => {
      const why = e.code === "EADDRINUSE" ? "something listens there already" : e.message;
      reject(new Error(`cannot listen on ${where}: ${why}`, { cause: e }));
    });
    const { backlog } = roomForConnections();
    server.listen({ host: address, port, backlog, ipv6Only: address.includes(":") }, resolve);
  });
  return server;
}
