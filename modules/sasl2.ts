/**
 * XEP-0388: Extensible SASL Profile: a client is logged in, bound or resumed, and given what else it
 * asks for, in one exchange without a new stream. What may be asked for, other modules know, through
 * the hooks of lib/hooks/inline.ts and lib/hooks/sasl2.ts.
 */

import { defineModule, type ModuleHost } from "../lib/module.ts";
import { sasl2Inline } from "../lib/hooks/inline.ts";
import { sasl2Offer } from "../lib/hooks/sasl2.ts";
import {
  negotiationElement,
  sessionFreeze,
  sessionThaw,
  streamFeatures,
} from "../lib/hooks/streams.ts";
import { isLater, type Later, then } from "../lib/later.ts";
import { type Login, loginOf } from "../lib/stream/login.ts";
import type { Negotiation } from "../lib/stream/negotiation.ts";
import type { Element } from "../lib/xml/element.ts";
import { xml } from "../lib/xml/element.ts";
import { onElement } from "./sasl2/exchange.ts";
import { SASL2_NS } from "./sasl2/messages.ts";

export default defineModule({
  name: "sasl2",
  description: "Logs clients in, with all that they want to begin with, in a single exchange",
  xeps: { "XEP-0388": "1.0.4" },
  setup(host) {
    host.on(streamFeatures, (features, n) => {
      const offered = offer(host, n);
      if (offered === undefined) return undefined;
      return then(offered, (element) => [...features, element]);
    });
    host.on(negotiationElement, (n, element) => {
      if (element.ns === SASL2_NS) return onElement(host, n, element);
    });
    // Which client a session belongs to is known after a restart, too.
    host.on(sessionFreeze, (state, session) => {
      state.sasl2 = loginOf.get(session);
      return state;
    });
    host.on(sessionThaw, (session, { sasl2 }) => loginOf.set(session, sasl2 as Login | undefined));
  },
});

/** `<authentication/>`; undefined where there is no TLS (§3), or nothing to choose from (§2.1). */
function offer(host: ModuleHost, n: Negotiation): Later<Element> | undefined {
  const names = n.authentication?.offered;
  if (!n.secure || n.account !== undefined || names === undefined || names.length === 0) return;
  const mechanisms = names.map((name) => xml("mechanism", SASL2_NS, {}, name));
  const inline = host.filter(sasl2Inline, [], n);
  const more = host.filter(sasl2Offer, [], n);
  const element = (inside: Element[], others: Element[]) =>
    xml(
      "authentication",
      SASL2_NS,
      {},
      ...mechanisms,
      inside.length > 0 && xml("inline", SASL2_NS, {}, ...inside),
      ...others,
    );
  const all = (list: Element[] | symbol) => Array.isArray(list) ? list : [];
  if (!isLater(inline) && !isLater(more)) return element(all(inline), all(more));
  return Promise.all([inline, more]).then(([i, m]) => element(all(i), all(m)));
}
