/**
 * Logs of rooms as web pages: an owner of a room decides that it is logged (XEP-0045, the option
 * `muc#roomconfig_enablelogging`), those who enter are told (status 170), and everybody may read what
 * was said. Rooms are known by their hooks alone, whichever module has them.
 */

import { defineModule } from "../lib/module.ts";
import {
  roomConfigured,
  roomCreated,
  type RoomDeparture,
  roomDestroyed,
  roomEntered,
  roomLeft,
  roomLogs,
  roomNickChanged,
  roomRetracted,
  roomSent,
} from "../lib/hooks/rooms.ts";
import { type Kind, kindsLogged } from "./muc_log/entries.ts";
import { Book } from "./muc_log/book.ts";
import { changedSettings } from "./muc_log/changes.ts";
import { config } from "./muc_log/config.ts";
import { entryOf } from "./muc_log/content.ts";
import { Logs } from "./muc_log/logs.ts";
import { reading } from "./muc_log/reading.ts";
import { Removal } from "./muc_log/removal.ts";
import { migrations } from "./muc_log/tables.ts";
import { roomUrl } from "./muc_log/urls.ts";
import { Zone } from "./muc_log/zone.ts";

const PATH = "/logs";
const SWEEP_MS = 86_400_000;

const DEPARTURES: Readonly<Record<RoomDeparture["why"], Kind>> = {
  left: "left",
  kicked: "kicked",
  banned: "banned",
  affiliation: "removed",
  "members-only": "members-only",
  error: "lost",
};

export default defineModule({
  name: "muc_log",
  description: "Logs of rooms as web pages, for rooms whose owner wants it",
  enabledByDefault: false,
  config,
  migrations,
  async setup(host) {
    const { time_zone, events, private_rooms, text_bytes, keep, keep_destroyed } = host.config;
    const zone = new Zone(time_zone);
    const showClosed = private_rooms === "link";
    const book = new Book(host, {
      logs: kindsLogged(events),
      textBytes: text_bytes,
      keepDestroyed: keep_destroyed,
    });
    const removal = new Removal(host.store, host.domain, keep);
    const remove = () => {
      removal.sweep().catch((e) => {
        host.log.error("logs could not be removed", { error: String(e) });
      });
    };

    host.on(roomLogs, (room) => {
      const url = host.http.url(PATH);
      if (url === undefined || (!showClosed && book.isClosed(room.bare))) return "unreachable";
      return roomUrl(url, room.bare);
    });

    host.on(roomCreated, (room) => {
      book.note(room);
      if (room.config.logging) book.add(room, { kind: "created" }, Date.now());
    });
    host.on(roomConfigured, (room, before) => {
      const { config } = room;
      book.note(room);
      if (config.logging !== before.logging) {
        // The end of logging is the last that is logged.
        book.add(room, { kind: config.logging ? "on" : "off" }, Date.now());
        return;
      }
      const text = config.logging ? changedSettings(before, config) : "";
      if (text !== "") book.add(room, { kind: "config", text }, Date.now());
    });
    host.on(roomDestroyed, (room) => {
      if (book.destroyed(room, Date.now())) void book.settled().then(remove);
    });

    host.on(roomEntered, (room, { nick }) => {
      if (room.config.logging) book.add(room, { kind: "entered", nick }, Date.now());
    });
    host.on(roomLeft, (room, { nick }, { why, reason }) => {
      if (!room.config.logging) return;
      book.add(room, { kind: DEPARTURES[why], nick, text: reason }, Date.now());
    });
    host.on(roomNickChanged, (room, { nick }, before) => {
      if (room.config.logging) book.add(room, { kind: "nick", nick, detail: before }, Date.now());
    });
    host.on(roomSent, (room, message, from, id, stamp) => {
      if (!room.config.logging) return;
      const entry = entryOf(message, from?.nick ?? "", id);
      if (entry !== undefined) book.add(room, entry, stamp);
    });
    host.on(roomRetracted, (room, id, reason) => book.retract(room.jid, id, reason));

    const logs = new Logs(host.store, { host: host.domain, zone, showClosed });
    host.http.route(PATH, async () => {
      const { logPages } = await import("./muc_log/web.ts");
      const base = () => new URL(host.http.url(PATH) ?? `http://localhost${PATH}`).pathname;
      return logPages({ host, logs, zone, base });
    });

    host.every(SWEEP_MS, () => removal.sweep());
    host.onUnload(async () => {
      await removal.stop();
      await book.close();
    });
    const known = await reading(host.store).rooms.all({ host: host.domain });
    await host.onOpen(async () => {
      await book.compare(known.filter((row) => row.live !== 0));
      remove();
    });
  },
});
