/**
 * XEP-0494: Client Access Management: the owner of an account sees which clients have access to it,
 * and ends that of one. Known are clients that say who they are when they log in (XEP-0388), and of
 * all others those that are online.
 */

import * as v from "valibot";
import { defineModule, type IqReply, type ModuleHost, result } from "../lib/module.ts";
import { duration, setting, wholeNumber } from "../lib/config/setting.ts";
import { StanzaError, StreamError } from "../lib/errors.ts";
import { formatDateTime } from "../lib/formats/datetime.ts";
import { accountDeleted, credentialsRevoked } from "../lib/hooks/accounts.ts";
import { DROP } from "../lib/hooks/hook.ts";
import { clientRevoked, tokenHolders } from "../lib/hooks/sasl2.ts";
import { loggedIn, sessionClosed } from "../lib/hooks/streams.ts";
import type { Jid } from "../lib/jid.ts";
import { Recent } from "../lib/recent.ts";
import { hashOf } from "../lib/sasl/credentials.ts";
import { encodeBase64 } from "../lib/sasl/text.ts";
import type { Session } from "../lib/session.ts";
import type { Stanza } from "../lib/stanza.ts";
import { loginOf, type UserAgent } from "../lib/stream/login.ts";
import type { Element } from "../lib/xml/element.ts";
import { xml } from "../lib/xml/element.ts";
import { Clients } from "./client_access/clients.ts";
import { type ClientRow, migrations } from "./client_access/table.ts";

const CAM_NS = "urn:xmpp:cam:0";

const config = v.strictObject({
  clients: setting(wholeNumber(1, 1000), 50, "Clients remembered of one account, the latest."),
  keep: setting(
    duration("1h", "3650d"),
    "90d",
    "How long a client that does not log in any more is remembered.",
  ),
});

type Host = ModuleHost<v.InferOutput<typeof config>>;

const WRITE_EVERY_MS = 10_000;
const HOUR_MS = 3_600_000;

/** The answer to a client that has revoked itself goes out before its session ends. */
const LEAVE_MS = 200;

/** Accounts of which it is remembered that their password was changed while they were online. */
const CHANGES = 4096;

/** Longer than anybody may take from the beginning of a login to a bound resource. */
const LOGIN_MS = 30 * 60_000;

/** One client, as the list shows it. */
interface Client {
  readonly id: string;
  /** Its user agent's; undefined if it has not told. */
  readonly agent: string | undefined;
  readonly software: string | undefined;
  readonly device: string | undefined;
  readonly password: boolean;
  readonly certificate: boolean;
  readonly token: boolean;
  /** ms since the epoch; undefined if it is not remembered. */
  readonly firstSeen: number | undefined;
  readonly lastSeen: number | undefined;
  readonly sessions: readonly Session[];
}

export default defineModule({
  name: "client_access",
  description: "Shows people which clients have access to their account, and revokes it",
  xeps: { "XEP-0494": "0.1.0" },
  config,
  migrations,
  setup(host) {
    const access = new Access(host);
    const { clients } = access;
    host.accountFeature(CAM_NS);

    host.on(loggedIn, (session, login) => {
      // One that is over may be that of an account which is deleted by now.
      if (!session.bound || !isKnown(login.agent)) return;
      if (access.wasRevoked(session, login.agent)) {
        session.end(new StreamError("not-authorized", "its access was revoked"));
        return;
      }
      clients.add(session.account.jid, login.agent, login);
    });
    host.on(sessionClosed, (session) => {
      const login = loginOf.get(session);
      if (login !== undefined && isKnown(login.agent) && !access.isRevoked(session)) {
        clients.seen(session.account.jid, login.agent, login);
      }
    });
    host.on(credentialsRevoked, (account, why) => {
      if (why === "password-changed") return access.passwordChanged(account);
    });
    host.on(accountDeleted, (account) => clients.wipe(account));

    host.iq.get(CAM_NS, "list", async (iq) => {
      const list = await access.list(iq.from!.toBare());
      return result(xml("clients", CAM_NS, {}, ...list.map(clientElement)));
    }, "owner");
    host.iq.set(CAM_NS, "revoke", (iq, revoke) => access.revoke(iq, revoke.attrs.id), "owner");

    host.every(WRITE_EVERY_MS, () => clients.write());
    host.every(HOUR_MS, () => clients.clean());
    host.onUnload(() => clients.write());
  },
});

function isKnown(agent: UserAgent | undefined): agent is UserAgent & { readonly id: string } {
  return agent?.id !== undefined;
}

class Access {
  readonly clients: Clients;
  readonly #host: Host;
  /** When (`performance.now()`) an account's password was changed, by node. */
  readonly #changed = new Recent<number>(CHANGES);
  readonly #revoked = new WeakSet<Session>();
  /**
   * When the access of a client was revoked, by account and agent; Infinity while that is under way. A
   * login begun before may be about to bind.
   */
  readonly #revokedAt = new Recent<number>(CHANGES, LOGIN_MS);

  constructor(host: Host) {
    this.#host = host;
    this.clients = new Clients(host);
  }

  isRevoked(session: Session): boolean {
    return this.#revoked.has(session);
  }

  /** The session's login began before the client's access was revoked. */
  wasRevoked({ account, loginBegun }: Session, { id }: { readonly id: string }): boolean {
    return loginBegun <= (this.#revokedAt.get(`${account.jid.node}\0${id}`) ?? -Infinity);
  }

  async passwordChanged(account: Jid): Promise<void> {
    this.#changed.set(account.node, performance.now());
    await this.clients.passwordChanged(account);
  }

  /** §3.1: those that can log in as things are, or have. */
  async list(account: Jid): Promise<Client[]> {
    const rows = await this.clients.list(account);
    const answer = await this.#host.filter(tokenHolders, [], account);
    const holders = new Set(answer === DROP ? [] : answer);
    const sessions = this.#sessions(account);
    const of = (agent: string) => this.#sessions(account, agent);
    const forgotten = new Set(holders);
    for (const s of sessions) {
      const agent = loginOf.get(s)?.agent;
      if (isKnown(agent)) forgotten.add(agent.id);
    }
    for (const { agent } of rows) forgotten.delete(agent);
    return [
      ...rows.map((row) => knownClient(row, holders.has(row.agent), of(row.agent))),
      ...[...forgotten].map((agent) => this.#forgotten(agent, holders.has(agent), of(agent))),
      ...sessions.filter((s) => !isKnown(loginOf.get(s)?.agent)).map((s) => this.#unknown(s)),
    ].filter((c) => c.password || c.certificate || c.token || c.sessions.length > 0);
  }

  /** The account's sessions, or those of one of its clients. */
  #sessions(account: Jid, agent?: string): Session[] {
    const all = [...this.#host.account(account)?.sessions ?? []];
    return agent === undefined ? all : all.filter((s) => loginOf.get(s)?.agent?.id === agent);
  }

  /** A client with access which others have pushed out of the table, or that has never bound. */
  #forgotten(agent: string, token: boolean, sessions: readonly Session[]): Client {
    const seen = sessions.map((s) => this.#unknown(s));
    return {
      id: idOf(`agent\0${agent}`),
      agent,
      software: seen[0]?.software,
      device: seen[0]?.device,
      password: seen.some((c) => c.password),
      certificate: seen.some((c) => c.certificate),
      token,
      firstSeen: seen[0]?.firstSeen,
      lastSeen: seen[0]?.lastSeen,
      sessions,
    };
  }

  /** A session of a client that has not said which it is. */
  #unknown(session: Session): Client {
    const { mechanism = "", agent } = loginOf.get(session) ?? {};
    const changed = this.#changed.get(session.account.jid.node) ?? -Infinity;
    const byPassword = mechanism !== "EXTERNAL" && mechanism !== "ANONYMOUS" &&
      !mechanism.startsWith("HT-");
    return {
      id: idOf(`resource\0${session.jid.resource}`),
      agent: undefined,
      software: agent?.software,
      device: agent?.device,
      password: byPassword && session.loginBegun > changed,
      certificate: mechanism === "EXTERNAL",
      token: false,
      firstSeen: session.since,
      lastSeen: Date.now(),
      sessions: [session],
    };
  }

  /**
   * §3.2. A client that knows the password can be shut out for good only by changing it: the answer
   * says so. What it was given besides is taken from it nevertheless, and its sessions end.
   */
  async revoke(iq: Stanza, id: string | undefined): Promise<IqReply> {
    if (id === undefined) throw new StanzaError("bad-request", { text: "the client has an id" });
    const account = iq.from!.toBare();
    const client = (await this.list(account)).find((c) => c.id === id);
    if (client === undefined) throw new StanzaError("item-not-found");
    const { agent, password, certificate } = client;
    const when = `${account.node}\0${agent}`;
    if (agent !== undefined) {
      this.#revokedAt.set(when, Infinity);
      await this.#host.tell(clientRevoked, account, agent);
      this.#revokedAt.set(when, performance.now());
    }
    // It may have got one more meanwhile.
    const sessions = agent === undefined ? client.sessions : this.#sessions(account, agent);
    if (agent !== undefined && !password && !certificate) {
      for (const session of sessions) this.#revoked.add(session);
      await this.clients.remove(account, agent);
    }
    for (const session of sessions) {
      const end = () => session.end(new StreamError("not-authorized", "its access was revoked"));
      if (session.jid.full === iq.from!.full) this.#host.after(LEAVE_MS, end);
      else end();
    }
    this.#host.log.info("a client's access was revoked", { account: account.bare, client: id });
    if (password) {
      throw new StanzaError("service-unavailable", {
        text: "it knows the password, which must be changed",
        app: xml("password-reset-required", CAM_NS),
      });
    }
    if (certificate) {
      throw new StanzaError("service-unavailable", { text: "it has a certificate to log in with" });
    }
    return result();
  }
}

function knownClient(row: ClientRow, token: boolean, sessions: readonly Session[]): Client {
  return {
    id: idOf(`agent\0${row.agent}`),
    agent: row.agent,
    software: row.software === "" ? undefined : row.software,
    device: row.device === "" ? undefined : row.device,
    password: row.password === 1,
    certificate: row.certificate === 1,
    token,
    firstSeen: row.first_seen,
    lastSeen: sessions.length > 0 ? Date.now() : row.last_seen,
    sessions,
  };
}

/** Says nothing of what it is made from, and is the same each time. */
function idOf(what: string): string {
  return encodeBase64(hashOf("SHA-256", what)).slice(0, 16).replaceAll("+", "-")
    .replaceAll("/", "_");
}

function clientElement(client: Client): Element {
  const { id, software, device, password, token, sessions } = client;
  const time = (name: string, ms: number | undefined) =>
    ms !== undefined && xml(name, CAM_NS, {}, formatDateTime(ms, "s"));
  return xml(
    "client",
    CAM_NS,
    { connected: String(sessions.length > 0), id, type: "session" },
    time("first-seen", client.firstSeen),
    time("last-seen", client.lastSeen),
    xml("auth", CAM_NS, {}, password && xml("password", CAM_NS), token && xml("fast", CAM_NS)),
    xml("permission", CAM_NS, { status: "unrestricted" }),
    xml(
      "user-agent",
      CAM_NS,
      {},
      software !== undefined && xml("software", CAM_NS, {}, software),
      device !== undefined && xml("device", CAM_NS, {}, device),
    ),
  );
}
