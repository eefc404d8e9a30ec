/**
 * XEP-0030: Service Discovery, with XEP-0128: Service Discovery Extensions.
 *
 * Answers for the host and for accounts; a full JID's client answers for itself. What there is to say
 * comes from the other modules, through `host.feature` and the hooks of `lib/hooks/disco.ts`.
 *
 * Accounts show themselves to themselves and to those who may see their presence (§8). To others they
 * are indistinguishable from accounts that do not exist: `service-unavailable` (RFC 6121 §8.5.1),
 * for items too.
 */

import * as v from "valibot";
import { defineModule, type ModuleHost } from "../lib/module.ts";
import type { Jid } from "../lib/jid.ts";
import { parseJid } from "../lib/jid.ts";
import { type Later, then } from "../lib/later.ts";
import type { Stanza } from "../lib/stanza.ts";
import type { Element } from "../lib/xml/element.ts";
import { StanzaError } from "../lib/errors.ts";
import { list, setting, text, value } from "../lib/config/setting.ts";
import {
  DISCO_INFO_NS,
  DISCO_ITEMS_NS,
  discoInfoElement,
  discoItemsElement,
} from "../lib/formats/disco.ts";
import {
  discoDescribe,
  type DiscoInfo,
  discoInfo,
  type DiscoItem,
  discoItems,
  discoNodeInfo,
  discoNodeItems,
  mayDiscover,
} from "../lib/hooks/disco.ts";
import { DROP } from "../lib/hooks/hook.ts";

/** The language of our identities' names, said so that nobody has to guess (XEP-0390 §4.1). */
const LANG = "en";

const config = v.strictObject({
  name: setting(text("a name"), "Confab", "The name the server has in service discovery."),
  items: setting(
    list(value<string>(
      'an address such as "conference.example.org"',
      (x) => typeof x === "string" && parseJid(x) !== undefined,
    )),
    [],
    "Further services to be listed with the host's own, such as components elsewhere.",
  ),
});

type Host = ModuleHost<v.InferOutput<typeof config>>;

export default defineModule({
  name: "disco",
  description: "Service discovery: tells what the server and its accounts offer",
  xeps: { "XEP-0030": "2.5.0", "XEP-0128": "1.0.1" },
  config,
  setup(host) {
    host.feature(DISCO_INFO_NS, DISCO_ITEMS_NS);
    host.accountFeature(DISCO_INFO_NS, DISCO_ITEMS_NS);
    host.on(discoDescribe, (target, from) => describe(host, target, from));

    const info = (iq: Stanza, query: Element) => answerInfo(host, iq, query);
    const items = (iq: Stanza, query: Element) => answerItems(host, iq, query);
    host.iq.get(DISCO_INFO_NS, "query", info, "host");
    host.iq.get(DISCO_ITEMS_NS, "query", items, "host");
    const ifAllowed = (answer: typeof info) => (iq: Stanza, query: Element) =>
      then(isAllowed(host, iq), (allowed) => {
        if (!allowed) throw new StanzaError("service-unavailable");
        return answer(iq, query);
      });
    host.iq.get(DISCO_INFO_NS, "query", ifAllowed(info), "account");
    host.iq.get(DISCO_ITEMS_NS, "query", ifAllowed(items), "account");
  },
});

function isAllowed(host: Host, iq: Stanza): Later<boolean> {
  const account = iq.to!;
  const from = iq.from!;
  if (from.bare === account.bare) return true;
  return then(host.ask(mayDiscover, account, from), (may) => may === true);
}

function answerInfo(host: Host, iq: Stanza, query: Element): Later<Element> {
  const { node } = query.attrs;
  const [target, from] = [iq.to!, iq.from!];
  const info = node === undefined || node === ""
    ? describe(host, target, from)
    : host.ask(discoNodeInfo, target, node, from);
  return then(info, (found: DiscoInfo | undefined) => {
    if (found === undefined) throw new StanzaError("item-not-found");
    return discoInfoElement(found, node);
  });
}

function describe(host: Host, target: Jid, from: Jid): Later<DiscoInfo> {
  const isHost = target.node === "";
  const start: DiscoInfo = {
    identities: [
      isHost
        ? { category: "server", type: "im", name: host.config.name, lang: LANG }
        : { category: "account", type: isGuest(host, target) ? "anonymous" : "registered" },
    ],
    features: new Set(host.features(isHost ? "host" : "account")),
    forms: [],
  };
  return then(host.filter(discoInfo, start, target, from), (info) => {
    if (info === DROP) throw new StanzaError("service-unavailable");
    return info;
  });
}

function isGuest(host: Host, account: Jid): boolean {
  return host.account(account)?.guest === true;
}

function answerItems(host: Host, iq: Stanza, query: Element): Later<Element> {
  const { node } = query.attrs;
  const [target, from] = [iq.to!, iq.from!];
  if (node !== undefined && node !== "") {
    return then(host.ask(discoNodeItems, target, node, from), (items) => {
      if (items === undefined) throw new StanzaError("item-not-found");
      return discoItemsElement(items, node);
    });
  }
  return then(host.filter(discoItems, ownItems(host, target), target, from), (items) => {
    if (items === DROP) throw new StanzaError("service-unavailable");
    return discoItemsElement(items, node);
  });
}

/** Of the host the configured services, of an account its available resources (§4.1). */
function ownItems(host: Host, target: Jid): DiscoItem[] {
  if (target.node === "") return host.config.items.map((jid) => ({ jid }));
  return host.account(target)?.available().map((s) => ({ jid: s.jid.full })) ?? [];
}
