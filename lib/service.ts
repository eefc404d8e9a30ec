/**
 * A service of a module's own at a domain of its own: `conference.example.org`. It is addressed like a
 * server: IQs to the domain and to its bare JIDs have handlers, all else goes to one function.
 */

import { Commands } from "./commands.ts";
import type { Host } from "./host.ts";
import { Jid, prepDomain } from "./jid.ts";
import type { Later } from "./later.ts";
import type { Stanza } from "./stanza.ts";
import type { Element } from "./xml/element.ts";
import type { DiscoInfo, DiscoItem } from "./hooks/disco.ts";
import { IqTable } from "./iq.ts";

/** What a service answers to service discovery (XEP-0030). `undefined` is `item-not-found`. */
export interface ServiceDisco {
  /** `features` of the service are added to those of the answer where `to` is the service itself. */
  info(to: Jid, node: string, from: Jid): Later<DiscoInfo | undefined>;
  /** `query` may ask for a page (XEP-0059); `set` is the answer to that. */
  items(
    to: Jid,
    node: string,
    from: Jid,
    query: Element,
  ): Later<{ items: readonly DiscoItem[]; set?: Element } | undefined>;
}

/**
 * Takes what no IQ handler has taken: messages, presence, IQs to full JIDs. Answers true when it has;
 * otherwise, and on a thrown `StanzaError`, the sender is told.
 */
export type ServiceHandler = (stanza: Stanza) => Later<true | undefined>;

export class Service {
  readonly host: Host;
  readonly jid: Jid;
  /** The module's name. */
  readonly module: string;
  readonly iqs: IqTable;
  readonly features = new Set<string>();
  readonly commands = new Commands();
  handler: ServiceHandler | undefined = undefined;

  constructor(host: Host, domain: string, module: string) {
    this.host = host;
    this.jid = Jid.of("", domain);
    this.module = module;
    this.iqs = new IqTable(host.log.area("iq"));
  }

  get domain(): string {
    return this.jid.domain;
  }
}

/**
 * The domain of a service: `name` within the host's domain, or as it stands if it has a dot.
 * @throws Error if that is no domain
 */
export function serviceDomain(name: string, host: string): string {
  const domain = prepDomain(name.includes(".") ? name : `${name}.${host}`);
  if (domain === undefined) throw new Error(`"${name}" is no name for a service`);
  return domain;
}
