/** Invitations that come back: on a stream before registration, and in a subscription request. */

import { StanzaError } from "../../lib/errors.ts";
import type { Admission } from "../../lib/hooks/registration.ts";
import { registrationAdmission } from "../../lib/hooks/registration.ts";
import { subscriptionAccept, subscriptionRequested } from "../../lib/hooks/presence.ts";
import { rosterGetItem } from "../../lib/hooks/roster.ts";
import { negotiationElement, streamFeatures } from "../../lib/hooks/streams.ts";
import { type Jid, parseJid } from "../../lib/jid.ts";
import { NS } from "../../lib/ns.ts";
import { iq as iqStanza, type Stanza } from "../../lib/stanza.ts";
import type { Negotiation } from "../../lib/stream/negotiation.ts";
import type { Element } from "../../lib/xml/element.ts";
import { xml } from "../../lib/xml/element.ts";
import { Quota } from "../../lib/quota.ts";
import { addressKey } from "../../lib/sasl/throttle.ts";
import type { Book, InvitesHost } from "./book.ts";

const HOUR_MS = 3_600_000;

const PARS_NS = "urn:xmpp:pars:0";
/** XEP-0445, and what clients look for that are older than its name. */
const FEATURES = ["urn:xmpp:ibr-token:0", "urn:xmpp:invite"];
const REGISTER_FEATURE_NS = "http://jabber.org/features/iq-register";

/** XEP-0445: a token shown first lets its client register. */
export function preAuthenticate(host: InvitesHost, book: Book): void {
  /** What the clients of streams have shown. It goes with the stream. */
  const admissions = new WeakMap<Negotiation, Admission>();
  const failures = new Quota(host.config.web_attempts, HOUR_MS);
  host.on(streamFeatures, (features) => {
    // Where registration is offered; that module knows when it is safe.
    if (!features.some((f) => f.is("register", REGISTER_FEATURE_NS))) return;
    return [...features, ...FEATURES.map((ns) => xml("register", ns))];
  }, { after: ["register"] });
  host.on(registrationAdmission, (n) => admissions.get(n));
  host.on(negotiationElement, (n, element) => {
    if (n.account !== undefined || element.ns !== NS.client || element.name !== "iq") return;
    const preauth = element.child("preauth", PARS_NS);
    if (preauth === undefined || element.attrs.type !== "set") return;
    const { to } = element.attrs;
    if (to !== undefined && parseJid(to)?.full !== host.domain) return;
    return show(n, element as Stanza, preauth);
  });

  async function show(n: Negotiation, request: Stanza, preauth: Element): Promise<true> {
    const row = await book.find(preauth.attrs.token ?? "");
    const admission = row && book.admission(row);
    if (admission === undefined) {
      // "cancel", as §4 has it.
      n.refuse(
        request,
        new StanzaError("item-not-found", { text: "the token is unknown, used up or too old" }),
      );
    } else {
      admissions.set(n, limited(admission, addressKey(n.stream.transport.remoteAddress)));
      n.reply(iqStanza({ type: "result", id: request.id ?? "" }));
    }
    return true;
  }

  /** What comes to nothing is counted: it tells which names are in use. */
  function limited(admission: Admission, address: string): Admission {
    return {
      ...admission,
      take() {
        if (!failures.isSpent(address)) return admission.take();
        throw new StanzaError("resource-constraint", {
          text: "too many attempts from this address; try again in an hour",
        });
      },
      giveBack() {
        failures.take(address);
        return admission.giveBack();
      },
    };
  }
}

/** XEP-0379, the server's way: the token approves, once, and asks in turn. */
export function preApprove(host: InvitesHost, book: Book): void {
  host.on(subscriptionRequested, (request, account) => {
    const token = request.child("preauth", PARS_NS)?.attrs.token;
    return token === undefined ? undefined : approve(request.from!.toBare(), account, token);
  });

  async function approve(from: Jid, account: Jid, token: string): Promise<true | undefined> {
    const row = await book.find(token);
    // §4.1: what is not right is as if it were not there.
    if (row === undefined || row.contact !== account.node) return undefined;
    // §5.2: a token for somebody is for nobody else.
    if (row.username !== "" && from.bare !== `${row.username}@${host.domain}`) return undefined;
    const item = await host.ask(rosterGetItem, account, from);
    const sees = item !== undefined && item !== "none" && /^(from|both)$/.test(item.subscription);
    // Approved already: nothing to use it for.
    if (sees || !await book.take(row)) return undefined;
    let accepted: true | undefined;
    try {
      accepted = await host.ask(subscriptionAccept, account, from);
    } catch (e) {
      // The roster is full, for one: a request for people to answer, then.
      if (!(e instanceof StanzaError)) throw e;
    } finally {
      if (accepted === true) await book.done(row);
      else await book.giveBack(row);
    }
    return accepted;
  }
}
