/**
 * XEP-0215: External Service Discovery: tells clients of this host of STUN and TURN servers and the
 * like, with the credentials for them. For a TURN server that shares a secret with us these are made
 * on the spot and hold for a while ("A REST API for Access to TURN Services": the name begins with
 * the time at which it ends, the password is the HMAC-SHA1 of the name).
 */

import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { isIP } from "node:net";
import * as v from "valibot";
import { defineModule, type ModuleHost, result } from "../lib/module.ts";
import {
  duration,
  flag,
  oneOf,
  optionalSetting,
  requiredSetting,
  secret,
  setting,
  text,
  value,
  wholeNumber,
} from "../lib/config/setting.ts";
import { StanzaError } from "../lib/errors.ts";
import { formatDateTime } from "../lib/formats/datetime.ts";
import { sessionFreeze, sessionThaw } from "../lib/hooks/streams.ts";
import { type Jid, prepDomain } from "../lib/jid.ts";
import { type Session, slot } from "../lib/session.ts";
import { iq as iqStanza, type Stanza } from "../lib/stanza.ts";
import type { Element } from "../lib/xml/element.ts";
import { xml } from "../lib/xml/element.ts";

const EXTDISCO_NS = "urn:xmpp:extdisco:2";

const isName = (x: unknown) => typeof x === "string" && /^[A-Za-z_][\w.-]*$/.test(x);
const isHost = (x: unknown) =>
  typeof x === "string" && (isIP(x) !== 0 || (!x.includes("[") && prepDomain(x) !== undefined));

const serviceSchema = v.pipe(
  v.strictObject({
    type: requiredSetting(
      value<string>('a type such as "stun" or "turn"', isName),
      "turn",
      "What it is, by the XMPP registrar's list: stun, turn, stuns, turns, ...",
    ),
    host: requiredSetting(
      value<string>("a domain name or an IP address", isHost),
      "turn.example.org",
      "Where it is.",
    ),
    port: optionalSetting(wholeNumber(1, 65_535), 3478, "Its port."),
    transport: optionalSetting(oneOf("udp", "tcp"), "udp", "How it is reached."),
    name: optionalSetting(text(), "Relay", "A name for people."),
    secret: optionalSetting(
      secret(),
      "change me",
      "Shared with a TURN server: each client gets credentials of its own from it.",
    ),
    username: optionalSetting(
      text(),
      "guest",
      "With a password: the one name for all. With a secret: what stands behind the time.",
    ),
    password: optionalSetting(secret(), "change me", "One password for all."),
    restricted: setting(flag(), false, "It wants credentials, but they come from elsewhere."),
  }),
  v.check(
    (s) => s.secret === undefined || s.password === undefined,
    "has a secret and a password; it can have one of them",
  ),
  v.check(
    (s) => s.password === undefined || s.username !== undefined,
    "has a password without a username",
  ),
);

type Service = v.InferOutput<typeof serviceSchema>;

const config = v.strictObject({
  services: setting(
    v.pipe(
      v.array(serviceSchema),
      v.metadata({
        example: [{ type: "turn", host: "turn.example.org", port: 3478, transport: "udp" }],
      }),
    ),
    [],
    "What clients are told of; one [[modules.external_services.services]] for each.",
  ),
  ttl: setting(
    duration("1m", "30d"),
    "1d",
    "How long credentials made from a secret hold.",
  ),
  guests: setting(flag(), false, "Guests (SASL ANONYMOUS) are told too."),
});

type Host = ModuleHost<v.InferOutput<typeof config>>;

/** What a client has asked for ("" is everything), and what it was told of then. */
interface Interest {
  readonly types: Set<string>;
  known: readonly Service[];
}

/** On a session that has asked: it is told of changes (§3.2), also after the settings have changed. */
export const interests = slot<Interest>();

/** What is remembered of a session: so many types, of so many characters. */
const MOST_TYPES = 32;
const TYPE_LENGTH = 64;

let pushes = 0;

export default defineModule({
  name: "external_services",
  description: "Tells clients of STUN and TURN servers, with credentials",
  xeps: { "XEP-0215": "1.0.0" },
  config,
  setup(host) {
    pushChanges(host);
    keepInterests(host);
    if (host.config.services.length === 0) return;
    host.feature(EXTDISCO_NS);
    host.iq.get(EXTDISCO_NS, "services", (iq, query) => result(list(host, iq, query)));
    host.iq.get(EXTDISCO_NS, "credentials", (iq, query) => result(credentials(host, iq, query)));
  },
});

/** Over a restart of the server (XEP-0198): who is to be told of changes from then on. */
function keepInterests(host: Host): void {
  host.on(sessionFreeze, (state, session) => {
    const interest = interests.get(session);
    if (interest !== undefined) state.external_services = [...interest.types];
  });
  host.on(sessionThaw, (session, { external_services: types }) => {
    if (!Array.isArray(types)) return;
    interests.set(session, { types: new Set(types), known: host.config.services });
  });
}

/** Throws for everybody but those who have logged in here. */
function admit(host: Host, from: Jid): Session {
  const session = host.session(from);
  if (session === undefined || (session.account.guest && !host.config.guests)) {
    throw new StanzaError("forbidden");
  }
  return session;
}

/** §3.1, §3.2 */
function list(host: Host, iq: Stanza, query: Element): Element {
  const session = admit(host, iq.from!);
  const { type } = query.attrs;
  const { services } = host.config;
  const interest = interests.get(session) ?? { types: new Set(), known: services };
  // A type that is none of ours yet may become one; of those somebody has made up, a few will do.
  if (interest.types.size < MOST_TYPES && (type?.length ?? 0) <= TYPE_LENGTH) {
    interest.types.add(type ?? "");
  }
  interests.set(session, interest);
  session.changed();
  const found = services.filter((s) => type === undefined || s.type === type);
  return xml("services", EXTDISCO_NS, { type }, ...found.map((s) => element(host, s, session.jid)));
}

/** §3.3 */
function credentials(host: Host, iq: Stanza, query: Element): Element {
  const session = admit(host, iq.from!);
  const asked = query.elements("service").map(({ attrs }) => {
    const { host: at, type, port } = attrs;
    if (at === undefined || type === undefined) {
      throw new StanzaError("bad-request", { text: "name the host and the type of a service" });
    }
    return { at: at.toLowerCase(), type, port };
  });
  if (asked.length === 0) throw new StanzaError("bad-request", { text: "no service is named" });
  const found = host.config.services.filter((s) =>
    hasCredentials(s) &&
    asked.some(({ at, type, port }) =>
      s.type === type && s.host.toLowerCase() === at &&
      (port === undefined || port === String(s.port))
    )
  );
  if (found.length === 0) throw new StanzaError("item-not-found");
  const elements = found.map((s) => element(host, s, session.jid));
  return xml("credentials", EXTDISCO_NS, {}, ...elements);
}

function hasCredentials({ secret, username }: Service): boolean {
  return secret !== undefined || username !== undefined;
}

function element(host: Host, service: Service, client: Jid, action?: string): Element {
  const { type, host: at, port, transport, name, restricted } = service;
  return xml("service", EXTDISCO_NS, {
    action,
    host: at,
    type,
    port: port === undefined ? undefined : String(port),
    transport,
    name,
    restricted: restricted || hasCredentials(service) ? "true" : undefined,
    ...credentialsFor(service, client, host.config.ttl),
  });
}

interface Credentials {
  readonly username?: string;
  readonly password?: string;
  readonly expires?: string;
}

function credentialsFor(service: Service, client: Jid, ttl: number): Credentials {
  const { secret, username, password } = service;
  if (secret === undefined) return { username, password };
  const end = Math.floor((Date.now() + ttl) / 1000);
  return {
    ...ephemeral(secret, end, username ?? pseudonym(secret, client)),
    expires: formatDateTime(end * 1000),
  };
}

/** Credentials that a TURN server with the same secret takes until `end` (s since the epoch). */
export function ephemeral(
  secret: string,
  end: number,
  name: string,
): { username: string; password: string } {
  const username = `${end}:${name}`;
  const password = createHmac("sha1", secret).update(username).digest("base64");
  return { username, password };
}

/** The same for all of an account's clients, so that the server can count; it tells no address. */
function pseudonym(secret: string, { bare }: Jid): string {
  const digest: Buffer = createHmac("sha256", secret).update(bare).digest();
  return digest.toString("hex", 0, 8);
}

// ---- pushes (§3.2) ----

/** The settings are new: those who have asked before are told what is different. */
function pushChanges(host: Host): void {
  const { services } = host.config;
  for (const account of host.accounts()) {
    for (const session of account.sessions) {
      const interest = interests.get(session);
      if (interest === undefined) continue;
      const { types, known } = interest;
      interest.known = services;
      for (const type of types.has("") ? [""] : types) push(host, session, type, known);
    }
  }
}

function push(host: Host, session: Session, type: string, before: readonly Service[]): void {
  const mine = (s: Service) => type === "" || s.type === type;
  const old = new Map(before.filter(mine).map((s) => [place(s), s]));
  const changes: Element[] = [];
  for (const service of host.config.services.filter(mine)) {
    const was = old.get(place(service));
    old.delete(place(service));
    if (JSON.stringify(was) === JSON.stringify(service)) continue;
    const action = was === undefined ? "add" : "modify";
    changes.push(element(host, service, session.jid, action));
  }
  for (const { type, host: at, port, transport } of old.values()) {
    changes.push(xml("service", EXTDISCO_NS, {
      action: "delete",
      host: at,
      type,
      port: port === undefined ? undefined : String(port),
      transport,
    }));
  }
  if (changes.length === 0) return;
  const payload = xml("services", EXTDISCO_NS, { type: type || undefined }, ...changes);
  const id = `extdisco-${++pushes}`;
  void session.send(iqStanza({ type: "set", id, from: host.jid, to: session.jid }, payload));
}

/** What makes a service the same one. */
function place({ type, host, port, transport }: Service): string {
  return `${type} ${host.toLowerCase()} ${port ?? ""} ${transport ?? ""}`;
}
