/**
 * XEP-0386: Bind 2: a resource is bound, and what a client wants of its session is set up, within the
 * authentication (XEP-0388). What that may be, other modules know.
 */

import { defineModule, type ModuleHost } from "../lib/module.ts";
import { StanzaError, StreamError } from "../lib/errors.ts";
import { DROP } from "../lib/hooks/hook.ts";
import { bind2Inline, boundInline, sasl2Inline } from "../lib/hooks/inline.ts";
import { bindInline } from "../lib/hooks/sasl2.ts";
import { type Jid, prepResource } from "../lib/jid.ts";
import { then } from "../lib/later.ts";
import { hmac } from "../lib/sasl/credentials.ts";
import type { Session } from "../lib/session.ts";
import { bind, generateResource } from "../lib/stream/bind.ts";
import { loginOf } from "../lib/stream/login.ts";
import type { Negotiation } from "../lib/stream/negotiation.ts";
import type { Element } from "../lib/xml/element.ts";
import { xml } from "../lib/xml/element.ts";

const BIND2_NS = "urn:xmpp:bind:0";

/** Characters of the stable part: 72 bits that nobody can guess. */
const STABLE_LENGTH = 12;

export default defineModule({
  name: "bind2",
  description: "Binds a client's resource, and sets up its session, while it logs in (with sasl2)",
  xeps: { "XEP-0386": "1.1.0" },
  setup(host) {
    host.on(sasl2Inline, (inline, n) =>
      then(host.filter(bind2Inline, [], n), (names) => {
        const features = names === DROP ? [] : names;
        const inside = features.map((name) => xml("feature", BIND2_NS, { var: name }));
        return [
          ...inline,
          xml("bind", BIND2_NS, {}, inside.length > 0 && xml("inline", BIND2_NS, {}, ...inside)),
        ];
      }));

    host.on(bindInline, async (n, account, request) => {
      const wish = request.child("bind", BIND2_NS);
      if (wish === undefined) return undefined;
      const { id } = n.login?.agent ?? {};
      const wanted = resource(n, account, wish.childText("tag") ?? "", id);
      const bound = await bind(
        n,
        n.host!,
        account,
        wanted,
        // §3.2: a client that comes again has given up what it had.
        (session) => id !== undefined && loginOf.get(session)?.agent?.id === id,
      );
      if (bound === undefined) return undefined;
      if (bound instanceof StanzaError) throw bound;
      const answers = await setUp(host, bound, wish);
      return { session: bound, answer: xml("bound", BIND2_NS, {}, ...answers) };
    });
  },
});

/** A session of which client and server think differently is none. */
async function setUp(host: ModuleHost, session: Session, wish: Element): Promise<Element[]> {
  try {
    const answers = await host.filter(boundInline, [], session, wish);
    return answers === DROP ? [] : answers;
  } catch (e) {
    if (e instanceof StreamError) throw e;
    throw new StreamError("internal-server-error", "the session could not be set up");
  }
}

/**
 * The resource of §3.2.1, `TAG/GENERATED`: the same each time for one client (the id of its user
 * agent) and tag, and fresh for a client that does not say which it is. A tag that can be no part of
 * a resource is left out.
 */
function resource(n: Negotiation, account: Jid, tag: string, agent: string | undefined): string {
  const generated = agent === undefined
    ? generateResource()
    : stable(n.server.pretendSecret, `bind2\0${account.bare}\0${tag}\0${agent}`);
  return (tag === "" ? undefined : prepResource(`${tag}/${generated}`)) ?? generated;
}

/** Tells nothing about the id it is made from. */
function stable(secret: Uint8Array, text: string): string {
  const digest = hmac("SHA-256", secret, text);
  return btoa(String.fromCharCode(...digest)).replaceAll("+", "-").replaceAll("/", "_")
    .slice(0, STABLE_LENGTH);
}
