/**
 * XEP-0045: Multi-User Chat: rooms at a service of their own (`conference.example.org`), with what
 * modern clients need of them: archives (XEP-0313), moderation (XEP-0425), ids of occupants (XEP-0421),
 * hats (XEP-0317), avatars (XEP-0486), search (XEP-0433), slow mode (XEP-0500).
 *
 * What happens in a room is in the files of `muc/`, one for each thing that people do there. This one
 * says where requests go.
 */

import { StanzaError } from "../lib/errors.ts";
import { MAM_NS } from "../lib/formats/mam.ts";
import { accountDeleted } from "../lib/hooks/accounts.ts";
import { roomFind } from "../lib/hooks/rooms.ts";
import { then } from "../lib/later.ts";
import type { Later } from "../lib/later.ts";
import {
  defineModule,
  type IqReply,
  type ModuleHost,
  result,
  type ServiceHandle,
} from "../lib/module.ts";
import type { Stanza } from "../lib/stanza.ts";
import { type Element, xml } from "../lib/xml/element.ts";
import { change, list } from "./muc/admin.ts";
import { serveArchive } from "./muc/archive.ts";
import { forgetAccount } from "./muc/account.ts";
import { info, items, SERVICE_FEATURES } from "./muc/disco.ts";
import { hatCommands } from "./muc/hats.ts";
import { ADMIN, FASTEN, MODERATE, OWNER, PING, REGISTER, UNIQUE, VCARD } from "./muc/names.ts";
import { configuration, request } from "./muc/owner.ts";
import { register, requirements } from "./muc/register.ts";
import { surviveRestarts } from "./muc/restart.ts";
import { moderate, moderateBefore } from "./muc/retract.ts";
import type { Room } from "./muc/room.ts";
import { SEARCH, search } from "./muc/search.ts";
import { MucService } from "./muc/service.ts";
import { config, type Settings } from "./muc/settings.ts";
import { keepRooms } from "./muc/storage.ts";
import { migrations } from "./muc/tables.ts";
import { onStanza } from "./muc/traffic.ts";
import { card, serviceCard, setCard } from "./muc/vcard.ts";

const SWEEP_MS = 10_000;

export default defineModule({
  name: "muc",
  description: "Chat rooms",
  xeps: {
    "XEP-0045": "1.35.5",
    "XEP-0054": "1.3.0",
    "XEP-0249": "1.2",
    "XEP-0307": "0.1",
    "XEP-0313": "1.1.3",
    "XEP-0317": "0.3.1",
    "XEP-0359": "0.7.0",
    "XEP-0410": "1.1.0",
    "XEP-0421": "1.0.1",
    "XEP-0424": "0.4.2",
    "XEP-0425": "0.3.0",
    "XEP-0433": "0.1.0",
    "XEP-0452": "0.2.2",
    "XEP-0463": "0.2.0",
    "XEP-0486": "0.1.0",
    "XEP-0500": "0.1.1",
    "XEP-0502": "0.1.0",
  },
  config,
  migrations,
  setup(host) {
    const { name, more_names, title, search_rooms, searches_waiting } = host.config;
    const services = [name, ...more_names].map((n) => serve(host, host.service(n, title)));
    const limits = { rooms: search_rooms, waiting: searches_waiting };
    keepRooms(host, (domain) => services.some((s) => s.domain === domain), limits);
    host.on(roomFind, (jid) => {
      const muc = services.find((s) => s.domain === jid.domain);
      return muc === undefined || jid.node === "" ? undefined : muc.find(jid.node);
    });
    host.on(accountDeleted, async (account) => {
      for (const muc of services) await forgetAccount(muc, account);
    }, { priority: 100 });
    host.every(SWEEP_MS, () => {
      for (const muc of services) muc.sweep();
    });
    return surviveRestarts(host, services);
  },
});

/** A service with all that it answers. */
function serve(host: ModuleHost<Settings>, service: ServiceHandle): MucService {
  const muc = new MucService(host, service);
  service.feature(...SERVICE_FEATURES, PING);
  service.disco({
    info: (to, node, from) => info(muc, to, node, from),
    items: (to, node, from, query) => items(muc, to, node, from, query),
  });
  service.onStanza((stanza) => onStanza(muc, stanza));
  ofService(muc, service);
  ofRooms(muc, service);
  hatCommands(muc, service);
  return muc;
}

function ofService(muc: MucService, { iq }: ServiceHandle): void {
  iq.get(PING, "ping", () => result());
  iq.get(VCARD, "vCard", () => result(serviceCard(muc)));
  // XEP-0307.
  iq.get(UNIQUE, "unique", () => result(xml("unique", UNIQUE, {}, crypto.randomUUID())));
  iq.get(SEARCH, "search", (stanza, query) => search(muc, stanza, query));
}

type OfRoom = (room: Room, iq: Stanza, payload: Element) => Later<IqReply>;

function ofRooms(muc: MucService, { iq }: ServiceHandle): void {
  const find = (stanza: Stanza, f: (room: Room) => Later<IqReply>) =>
    then(muc.find(stanza.to!.node), (room) => {
      // §17.2, §10.1: until it is configured it is there for its maker alone.
      if (room === undefined || (room.locked && stanza.from!.bare !== room.creator)) {
        throw new StanzaError("item-not-found");
      }
      return f(room);
    });
  /** What only looks. */
  const looking = (f: OfRoom) => (stanza: Stanza, payload: Element) =>
    find(stanza, (room) => f(room, stanza, payload));
  /** What changes something has its turn, as all that is told to the room. */
  const changing = (f: OfRoom) => (stanza: Stanza, payload: Element) =>
    find(stanza, (room) => {
      let reply: IqReply;
      const done = room.turns.act(() => {
        if (room.destroyed) throw new StanzaError("item-not-found");
        muc.checkChanges(stanza.from!);
        return then(f(room, stanza, payload), (r) => void (reply = r));
      });
      return then(done, () => reply);
    });
  iq.get(PING, "ping", looking(() => result()), "account");
  iq.get(ADMIN, "query", looking(list), "account");
  iq.set(ADMIN, "query", changing(change), "account");
  iq.get(OWNER, "query", looking(configuration), "account");
  iq.set(OWNER, "query", changing(request), "account");
  iq.get(REGISTER, "query", looking(requirements), "account");
  iq.set(REGISTER, "query", changing(register), "account");
  iq.get(VCARD, "vCard", looking(card), "account");
  iq.set(VCARD, "vCard", changing(setCard), "account");
  iq.set(MODERATE, "moderate", changing(moderate), "account");
  iq.set(FASTEN, "apply-to", changing(moderateBefore), "account");
  for (const name of ["query", "metadata"]) {
    iq.get(MAM_NS, name, looking(serveArchive), "account");
  }
  iq.set(MAM_NS, "query", looking(serveArchive), "account");
}
