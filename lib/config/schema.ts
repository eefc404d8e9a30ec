/**
 * Every key of the server's own configuration, its default, and one line about it. The names are the
 * same in the TOML and in code; times are in ms and sizes in bytes once validated.
 */

import * as v from "valibot";
import { parseJid, prepDomain } from "../jid.ts";
import { http, httpListener } from "./http_schema.ts";
import {
  type AnySchema,
  bytes,
  duration,
  file,
  flag,
  ipAddress,
  list,
  oneOf,
  optionalSetting,
  setting,
  table,
  text,
  url,
  value,
  wholeNumber,
  wholeNumberOrOff,
} from "./setting.ts";

const level = oneOf("debug", "info", "warn", "error", "off");

const log = table({
  level: setting(level, "info", "The least important events that are logged."),
  format: setting(oneOf("human", "json"), "human", "How a line of the log looks."),
  levels: setting(
    v.record(v.string(), level) as v.GenericSchema<Record<string, Level>, Record<string, Level>>,
    {},
    'Other levels for single areas, e.g. { stream = "debug", store = "warn" }.',
  ),
}, "The log, one line per event, on standard error.");

type Level = v.InferOutput<typeof level>;

const store = table({
  url: setting(
    storeUrl(),
    "sqlite:confab.sqlite",
    'The database: "sqlite:FILE" (in the data folder) or "postgres://USER:PASSWORD@HOST/NAME".',
  ),
  synchronous: setting(
    oneOf("full", "normal"),
    "full",
    '"full" keeps all that was acknowledged even if the power fails; "normal" (SQLite only) may not.',
  ),
  pool: setting(wholeNumber(1, 100), 4, "Connections to a database server; SQLite needs none."),
  queue: setting(
    wholeNumber(100, 10_000_000),
    20_000,
    "Operations that may wait for the database before further ones are refused.",
  ),
}, "The database.");

const tls = table({
  certificate: optionalSetting(
    file(),
    "/etc/letsencrypt/live/example.org/fullchain.pem",
    "PEM chain for hosts without their own. With none, the server makes self-signed certificates.",
  ),
  key: optionalSetting(
    file(),
    "/etc/letsencrypt/live/example.org/privkey.pem",
    "The private key of that certificate, PEM.",
  ),
  client_ca: optionalSetting(
    file(),
    "client-ca.pem",
    "Authorities whose client certificates may log in with SASL EXTERNAL, PEM.",
  ),
  min_version: setting(oneOf("1.2", "1.3"), "1.2", "The oldest version of TLS that is accepted."),
}, "Certificates and TLS, for all hosts.");

const listener = v.strictObject({
  address: setting(
    list(ipAddress()),
    ["127.0.0.1", "::1"],
    'Addresses to listen on; ["0.0.0.0", "::"] is all of them.',
  ),
  port: setting(wholeNumber(0, 65_535), 5222, "TCP port. 0 takes any that is free."),
  tls: setting(
    oneOf("starttls", "direct"),
    "starttls",
    'TLS after STARTTLS (port 5222 by custom), or from the first byte: "direct" (5223, XEP-0368).',
  ),
});

const listen = table({
  c2s: setting(
    v.array(listener),
    [{ port: 5222, tls: "starttls" }, { port: 5223, tls: "direct" }],
    "Where clients connect; one [[listen.c2s]] for each port.",
  ),
  http: setting(
    v.array(httpListener),
    [{ port: 5281, tls: "direct" }],
    "Where files and pages are served; one [[listen.http]] for each port, http = [] for none.",
  ),
});

const c2s = table({
  plaintext_auth: setting(
    oneOf("never", "loopback", "always"),
    "never",
    "Who may log in without TLS: nobody, clients on this machine, or everybody.",
  ),
  handshake_timeout: setting(duration("1s", "5m"), "10s", "Longest TLS handshake."),
  auth_timeout: setting(
    duration("1s", "10m"),
    "30s",
    "Time from the connection to a bound resource; then the stream is closed.",
  ),
  idle_timeout: setting(
    duration("10s", "7d", { off: true }),
    0,
    "Silence after which a session is ended; 0 for never.",
  ),
  close_timeout: setting(
    duration("100ms", "1m"),
    "5s",
    "Time for the other side to close its stream after ours; then the connection is cut.",
  ),
}, "Connections of clients.");

/** The limits that a host can set for itself. */
export const hostLimits = {
  stanza_bytes: setting(
    bytes(10_000, 64 << 20),
    "256 KiB",
    "Largest stanza from a client that has logged in. RFC 6120 wants at least 10000.",
  ),
  depth: setting(wholeNumber(8, 1_000), 64, "Elements within elements in one stanza."),
  attributes: setting(
    wholeNumber(8, 1_000),
    64,
    "Attributes of one element, namespace declarations among them.",
  ),
  children: setting(wholeNumber(16, 1_000_000), 4096, "Elements directly within one element."),
  output_bytes: setting(
    bytes(64 << 10, 1 << 30),
    "4 MiB",
    "Output that may wait for a slow client; with more, its session ends.",
  ),
  sessions_per_account: setting(
    wholeNumber(1, 10_000),
    20,
    "Resources bound by one account at a time.",
  ),
  bytes_per_second: setting(
    bytes(1_000, 1 << 30, { off: true }),
    "64 KiB",
    "Input from one client; reading pauses while it sends more. 0 for no limit.",
  ),
  burst_bytes: setting(
    bytes(10_000, 1 << 30),
    "512 KiB",
    "Input that a client may send at once after a rest.",
  ),
};

const limits = table({
  ...hostLimits,
  stanza_bytes_before_auth: setting(
    bytes(10_000, 1 << 20),
    "16 KiB",
    "Largest element from a client that has not logged in.",
  ),
  connections: setting(wholeNumber(1, 1_000_000), 50_000, "Connections to the whole server."),
  connections_per_address: setting(
    wholeNumberOrOff(1, 1_000_000),
    200,
    "Connections from one IP address (IPv6: one /64); 0 for no limit.",
  ),
  connections_per_second: setting(
    wholeNumberOrOff(1, 100_000),
    50,
    "New connections from one IP address; twice as many at once after a rest. 0 for no limit.",
  ),
}, "What one client, address or account may use.");

const auth = table({
  mechanisms: setting(
    list(oneOf(
      "SCRAM-SHA-512-PLUS",
      "SCRAM-SHA-256-PLUS",
      "SCRAM-SHA-1-PLUS",
      "SCRAM-SHA-512",
      "SCRAM-SHA-256",
      "SCRAM-SHA-1",
      "PLAIN",
      "EXTERNAL",
    )),
    [
      "SCRAM-SHA-512-PLUS",
      "SCRAM-SHA-256-PLUS",
      "SCRAM-SHA-1-PLUS",
      "SCRAM-SHA-512",
      "SCRAM-SHA-256",
      "SCRAM-SHA-1",
      "PLAIN",
      "EXTERNAL",
    ],
    "SASL mechanisms to offer. PLAIN is offered over TLS only, EXTERNAL only with tls.client_ca.",
  ),
  iterations: setting(
    wholeNumber(10_000, 1_000_000),
    10_000,
    "Rounds of PBKDF2 for passwords set from now on.",
  ),
  attempts: setting(wholeNumber(2, 20), 5, "Failed attempts after which a stream is closed."),
  throttle: table({
    free_attempts: setting(
      wholeNumber(0, 1_000),
      3,
      "Failed attempts (per account, address, or both) that are answered at once.",
    ),
    delay: setting(
      duration("10ms", "1m"),
      "500ms",
      "The first delay of an answer to a failure; each further failure doubles it.",
    ),
    max_delay: setting(duration("10ms", "1m"), "10s", "The longest delay."),
    window: setting(duration("1m", "7d"), "10m", "How long a failure counts."),
    block_after: setting(
      wholeNumber(1, 1_000_000),
      30,
      "Failures from one address after which it is refused for a while.",
    ),
    entries: setting(
      wholeNumber(100, 10_000_000),
      20_000,
      "Addresses and accounts that are remembered at most.",
    ),
  }, "Password guessing is slowed down."),
}, "Logging in.");

const bind = table({
  conflict: setting(
    oneOf("replace-old", "refuse-new", "rename-new"),
    "replace-old",
    "A client binds a resource that is in use: end the old session, refuse, or give another name.",
  ),
}, "Resource binding.");

const moduleSwitches = setting(
  v.record(v.string(), v.unknown()) as v.GenericSchema<ModuleTables, ModuleTables>,
  {},
  "",
);

/** Tables of modules before their own schemas have seen them. */
export type ModuleTables = Readonly<Record<string, unknown>>;

/** `[hosts."example.org"]` */
export const hostSchema = v.strictObject({
  certificate: optionalSetting(
    file(),
    "/etc/letsencrypt/live/example.org/fullchain.pem",
    "PEM chain of this host; else that of [tls].",
  ),
  key: optionalSetting(
    file(),
    "/etc/letsencrypt/live/example.org/privkey.pem",
    "The private key of that certificate, PEM.",
  ),
  anonymous: setting(
    flag(),
    false,
    "Whether anybody may log in without an account (SASL ANONYMOUS).",
  ),
  see_other_host: optionalSetting(
    value<string>("a host name, with or without a port", isHostAndPort),
    "xmpp.example.org:5222",
    "Where clients of this host are sent instead (stream error see-other-host).",
  ),
  public_url: optionalSetting(
    url(),
    "https://xmpp.example.org",
    "Where a reverse proxy serves this host's files and pages; else as [http] says.",
  ),
  limits: table(withoutDefaults(hostLimits)),
  modules: moduleSwitches,
});

/** The tables and keys of the file, except `hosts`, each on its own. */
export const coreEntries = {
  data: setting(
    text("the path of a folder"),
    "./data",
    "Folder of all that is kept: database, uploads, sessions, certificates; and the control socket.",
  ),
  admins: setting(
    list(bareJid()),
    [],
    'Accounts that may administrate the server, e.g. ["romeo@example.org"].',
  ),
  log,
  store,
  tls,
  listen,
  http,
  c2s,
  limits,
  auth,
  bind,
  modules: moduleSwitches,
};

export const coreSchema = v.strictObject(coreEntries);

type WithoutDefaults<E> = {
  [K in keyof E]: E[K] extends { wrapped: infer S extends AnySchema }
    ? v.OptionalSchema<S, undefined>
    : never;
};

/** The same settings without their defaults. */
function withoutDefaults<const E extends Record<string, { wrapped: AnySchema }>>(
  entries: E,
): WithoutDefaults<E> {
  const out: Record<string, AnySchema> = {};
  for (const [key, entry] of Object.entries(entries)) out[key] = v.optional(entry.wrapped);
  return out as WithoutDefaults<E>;
}

function bareJid(): v.GenericSchema<string, string> {
  const right = (x: unknown) => {
    const jid = typeof x === "string" ? parseJid(x) : undefined;
    return jid !== undefined && jid.isBare && jid.node !== "";
  };
  const jid = value<string>('a bare JID such as "romeo@example.org"', right);
  return v.pipe(jid, v.transform((x) => parseJid(x)!.bare));
}

/** Says nothing about a wrong value: there may be a password in it. */
function storeUrl(): v.GenericSchema<string, string> {
  const right = (x: unknown) => {
    if (typeof x !== "string") return false;
    if (x.startsWith("sqlite:")) return x.length > "sqlite:".length;
    if (!/^postgres(ql)?:\/\//.test(x)) return false;
    return URL.canParse(x) && new URL(x).pathname.length > 1;
  };
  return v.custom<string>(
    right,
    'expected "sqlite:FILE" or "postgres://USER:PASSWORD@HOST/NAME" (the value is not shown)',
  );
}

/** Whether a value is `host`, `host:port`, `192.0.2.1:port` or `[2001:db8::1]:port`. */
function isHostAndPort(s: unknown): boolean {
  if (typeof s !== "string") return false;
  const match = /^(\[[^\]]+\]|[^:]+)(?::(\d{1,5}))?$/.exec(s);
  if (match === null || prepDomain(match[1]!) === undefined) return false;
  return match[2] === undefined || (Number(match[2]) > 0 && Number(match[2]) <= 65_535);
}
