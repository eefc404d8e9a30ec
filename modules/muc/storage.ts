/** The built-in answers to the hooks of `lib/hooks/room_storage.ts`, from the module's tables. */

import {
  roomCardGet,
  roomCardSet,
  roomCount,
  roomHistoryAdd,
  roomHistoryGet,
  roomHistoryReplace,
  roomList,
  roomLoad,
  roomOccupantsChanged,
  roomOccupantsTake,
  roomRemove,
  roomSave,
  roomsOf,
  roomTemporary,
  type StoredOccupant,
} from "../../lib/hooks/room_storage.ts";
import { Jid } from "../../lib/jid.ts";
import type { ModuleHost } from "../../lib/module.ts";
import type { RoomConfig, StoredAffiliation } from "../../lib/rooms.ts";
import { folded } from "./folded.ts";
import { lists, SEARCH_LIMITS, type SearchLimits } from "./lists.ts";
import { defaultConfig, type Settings } from "./settings.ts";
import { inRows, type Key, statements } from "./statements.ts";
import { readRecord, writeRecord } from "./stored_room.ts";

/** What of a module's host the tables need. */
type Host = Pick<ModuleHost<Settings>, "on" | "store" | "config">;

/** Answers for the services that are ours, by their domains. */
export function keepRooms(
  host: Host,
  isOurs: (domain: string) => boolean,
  limits: SearchLimits = SEARCH_LIMITS,
): void {
  const { store } = host;
  const run = statements(store);
  const list = lists(store, limits);
  const defaults = defaultConfig(host.config);

  host.on(roomLoad, async (room) => {
    if (!isOurs(room.domain)) return undefined;
    const key = keyOf(room);
    const [row, affiliations] = await Promise.all([
      run.record.first(key),
      run.affiliations.all(key),
    ]);
    return row === undefined ? "none" : { ...readRecord(row, defaults), affiliations };
  });
  host.on(roomSave, async (room, record, affiliations = [], forget = []) => {
    if (!isOurs(room.domain)) return undefined;
    const key = keyOf(room);
    const { config, creator, created } = record;
    const listed = config.public ? 1 : 0;
    await store.batch([
      run.count.bind({ ...key, rooms: 1, listed }),
      run.save.bind({
        ...key,
        creator,
        created,
        persistent: config.persistent ? 1 : 0,
        public: listed,
        record: writeRecord(record),
      }),
      config.public ? run.list.bind({ ...key, ...listing(room, config) }) : run.unlist.bind(key),
      ...inRows(run.affiliate, key, affiliationRows(affiliations)),
      ...inRows(run.forget, key, forget.map((jid) => [jid])),
    ]);
    return true;
  });
  host.on(roomRemove, async (room) => {
    if (!isOurs(room.domain)) return undefined;
    const key = keyOf(room);
    await store.batch([
      run.count.bind({ ...key, rooms: 0, listed: 0 }),
      ...run.wipes.map((wipe) => wipe.bind(key)),
    ]);
    return true;
  });

  host.on(roomList, async (service, query) => {
    return isOurs(service.domain) ? await list(service.domain, query) : undefined;
  });
  host.on(roomCount, async ({ domain: service }, which) => {
    if (!isOurs(service)) return undefined;
    if (typeof which === "object") {
      return (await run.countOf.first({ service, creator: which.creator }))!.count;
    }
    const counts = await run.counts.first({ service });
    return (which === "all" ? counts?.rooms : counts?.listed) ?? 0;
  });
  host.on(roomsOf, async ({ domain: service }, user) => {
    if (!isOurs(service)) return undefined;
    const known = await run.roomsOf.all({ service, jid: user.bare });
    const made = await run.roomsBy.all({ service, creator: user.bare });
    const nodes = new Set([...known, ...made].map(({ room }) => room));
    return [...nodes].map((node) => Jid.of(node, service));
  });
  host.on(roomTemporary, async ({ domain: service }) => {
    if (!isOurs(service)) return undefined;
    return (await run.temporary.all({ service })).map((row) => Jid.of(row.node, service));
  });

  host.on(roomCardGet, async (room) => {
    return isOurs(room.domain) ? (await run.card.first(keyOf(room)))?.card ?? "" : undefined;
  });
  host.on(roomCardSet, async (room, card) => {
    if (!isOurs(room.domain)) return undefined;
    if (card === "") await run.removeCard.run(keyOf(room));
    else await run.setCard.run({ ...keyOf(room), card });
    return true;
  });

  host.on(roomHistoryAdd, async (room, { id, stamp, xml }, keep) => {
    if (!isOurs(room.domain)) return undefined;
    const key = keyOf(room);
    await store.batch([
      run.remember.bind({ ...key, id, stamp, xml }),
      run.trim.bind({ ...key, keep }),
    ]);
    return true;
  });
  host.on(roomHistoryGet, async (room) => {
    return isOurs(room.domain) ? await run.history.all(keyOf(room)) : undefined;
  });
  host.on(roomHistoryReplace, async (room, id, xml) => {
    if (!isOurs(room.domain)) return undefined;
    if (xml === "") await run.remove.run({ ...keyOf(room), id });
    else await run.replace.run({ ...keyOf(room), id, xml });
    return true;
  });

  host.on(roomOccupantsChanged, async (entered, left) => {
    const some = entered[0] ?? left[0];
    if (some === undefined || !isOurs(some.room.domain)) return undefined;
    await store.batch([
      ...inRows(run.enter, {}, entered.map(occupantRow)),
      ...inRows(run.leave, {}, left.map(occupantRow)),
    ]);
    return true;
  });
  host.on(roomOccupantsTake, async ({ domain: service }) => {
    if (!isOurs(service)) return undefined;
    const rows = await run.takeOccupants.all({ service });
    return rows.map(({ room, nick, jid }) => ({ room: Jid.of(room, service), nick, jid }));
  });
}

function keyOf(room: Jid): Key {
  return { service: room.domain, room: room.node };
}

/** What lists and searches need of a public room. */
function listing(room: Jid, config: RoomConfig) {
  const { name, description, lang } = config;
  return {
    name,
    description,
    lang,
    open: config.password === "" && !config.membersOnly ? 1 : 0,
    anonymous: config.whois === "moderators" ? 1 : 0,
    search_address: folded(room.node),
    search_name: folded(name),
    search_description: folded(description),
  };
}

/** If an address is named twice, the last one counts: a statement must not change a row twice. */
function affiliationRows(affiliations: readonly StoredAffiliation[]): unknown[][] {
  const rows = new Map<string, unknown[]>();
  for (const { jid, affiliation, nick, reason, version, since } of affiliations) {
    rows.set(jid, [jid, affiliation, nick, reason, version, since]);
  }
  return [...rows.values()];
}

function occupantRow({ room, nick, jid }: StoredOccupant): string[] {
  return [room.domain, room.node, nick, jid];
}
