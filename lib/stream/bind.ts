/** Resource binding (RFC 6120 §7). */

import type { Later } from "../later.ts";
import { then } from "../later.ts";
import type { Host } from "../host.ts";
import type { Account, Session } from "../session.ts";
import { Jid, prepResource } from "../jid.ts";
import { StanzaError, StreamError } from "../errors.ts";
import { NS } from "../ns.ts";
import { xml } from "../xml/element.ts";
import { iq, Stanza } from "../stanza.ts";
import { chooseResource, loggedIn } from "../hooks/streams.ts";
import { loginOf } from "./login.ts";
import type { Negotiation } from "./negotiation.ts";

/** Handles `<iq type='set'><bind/></iq>`: afterwards the stream belongs to a session. */
export function bindResource(
  n: Negotiation,
  host: Host,
  account: Jid,
  request: Stanza,
): Later<void> {
  const asked = request.child("bind", NS.bind)!.childText("resource");
  const wanted = asked === undefined || asked === "" ? undefined : prepResource(asked);
  if (asked !== undefined && asked !== "" && wanted === undefined) {
    return n.refuse(request, new StanzaError("bad-request", { text: "that is no resource" }));
  }
  return then(bind(n, host, account, wanted), (bound) => {
    if (bound === undefined) return;
    if (bound instanceof StanzaError) return n.refuse(request, bound);
    answer(bound, request);
  });
}

/**
 * Binds a resource for an authenticated client.
 *
 * @param wanted prepared; undefined has one generated
 * @param mine sessions that are the same client's: they make room whatever the policy for conflicts
 * @returns a refusal, or undefined if the stream, or the session, is over by now
 * @throws StreamError if the host is about to go
 */
export function bind(
  n: Negotiation,
  host: Host,
  account: Jid,
  wanted: string | undefined,
  mine?: (session: Session) => boolean,
): Later<Session | StanzaError | undefined> {
  const login = n.login!;
  return then(host.hooks.ask(chooseResource, account.bare, wanted), (chosen) => {
    // The login may have been taken back by now, for all this has taken too long.
    if (n.stream.closed || n.login !== login) return;
    if (mine !== undefined) replace(host, account, mine);
    const full = place(host, account, chosen === undefined ? wanted : prepResource(chosen));
    if (full instanceof StanzaError) return full;
    n.stream.clearDeadline();
    const bound = host.bind(full, n);
    // Known at once: the same client may be binding on another stream.
    const begun = host.session(full);
    if (begun !== undefined) loginOf.set(begun, login);
    return then(bound, (session) => {
      if (!session.bound) return; // ended while it was being set up
      host.log.area("c2s").info("session bound", {
        jid: session.jid.full,
        remote: n.stream.transport.remote,
      });
      const told = host.hooks.tell(loggedIn, session, login);
      return then(told, () => session.bound ? session : undefined);
    });
  });
}

function replace(host: Host, account: Jid, mine: (session: Session) => boolean): void {
  for (const session of [...host.online.get(account.node)?.sessions ?? []]) {
    if (mine(session)) session.end(new StreamError("conflict", "replaced by a new session"));
  }
}

/** The full JID to bind, with room made for it by the policy for conflicts (§7.7.2.2). */
function place(host: Host, account: Jid, resource: string | undefined): Jid | StanzaError {
  const online = host.online.get(account.node);
  const old = resource === undefined ? undefined : online?.session(resource);
  if (old !== undefined && old.stream === undefined) {
    // Nobody is there who could be in the way: the same client has come back without resuming.
    old.end(new StreamError("conflict", "replaced by a new session"));
  } else if (old !== undefined) {
    switch (host.server.config.bind.conflict) {
      case "refuse-new":
        return new StanzaError("conflict", { type: "modify" });
      case "rename-new":
        resource = prepResource(`${resource}-${generateResource()}`) ?? generateResource();
        break;
      default:
        old.end(new StreamError("conflict", "replaced by a new session"));
    }
  }
  if (online !== undefined && !makeRoom(online, host.config.limits.sessions_per_account)) {
    return new StanzaError("resource-constraint", { text: "too many sessions of this account" });
  }
  return account.withResource(resource ?? generateResource());
}

/** Room for one more: those that wait for a client to resume them give way, the longest first. */
function makeRoom(account: Account, limit: number): boolean {
  while (account.sessions.length >= limit) {
    let oldest: Session | undefined;
    for (const session of account.sessions) {
      if (session.stream !== undefined || session.outbox === undefined) continue;
      if (oldest === undefined || session.outbox.lostAt < oldest.outbox!.lostAt) oldest = session;
    }
    if (oldest === undefined) return false;
    oldest.end(new StreamError("resource-constraint", "too many sessions of this account"));
  }
  return true;
}

/** Unguessable: who knows a full JID may learn whether it is online. */
export function generateResource(): string {
  return crypto.randomUUID().replaceAll("-", "").slice(0, 16);
}

function answer(session: Session, request: Stanza): void {
  const jid = xml("jid", NS.bind, {}, session.jid.full);
  session.stream?.send(
    iq({ type: "result", id: request.id ?? "" }, xml("bind", NS.bind, {}, jid)).wire(),
  );
}
