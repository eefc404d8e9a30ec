/** What an account that is gone leaves behind in rooms. */

import type { Affiliation } from "../../lib/formats/muc.ts";
import { roomsOf } from "../../lib/hooks/room_storage.ts";
import type { Jid } from "../../lib/jid.ts";
import { parseJid } from "../../lib/jid.ts";
import { type Change, changeAffiliations } from "./affiliations.ts";
import type { Room } from "./room.ts";
import type { MucService } from "./service.ts";

/** It has no affiliation with any room any more, and no hats. */
export async function forgetAccount(muc: MucService, account: Jid): Promise<void> {
  for (const jid of await muc.host.ask(roomsOf, muc.service.jid, account) ?? []) {
    const room = await muc.find(jid.node);
    if (room === undefined) continue;
    try {
      await room.turns.act(() => forget(muc, room, account));
    } catch (e) {
      muc.failed("an account could not be removed from a room", room, e);
    }
  }
}

async function forget(muc: MucService, room: Room, account: Jid): Promise<void> {
  const hats = room.hats.map((hat) => ({
    ...hat,
    wearers: hat.wearers.filter((bare) => bare !== account.bare),
  }));
  if (hats.some((hat, i) => hat.wearers.length < room.hats[i]!.wearers.length)) {
    await room.save({ hats });
    room.hats = hats;
  }
  room.roles.delete(account.bare);
  const own = room.affiliations.get(account.bare);
  if (own !== undefined && own.affiliation !== "none") {
    await leaveRoom(muc, room, account, own.affiliation);
    if (room.destroyed) return;
  }
  if (room.creator === account.bare) {
    room.creator = [...room.affiliations.values()].find((a) => a.affiliation === "owner")?.jid ??
      "";
  }
  // Not even that it was something once; who asks for changes since then gets everything (XEP-0463).
  room.oldestVersion = room.version;
  await room.save({}, [], [account.bare]);
  room.affiliations.delete(account.bare);
}

async function leaveRoom(
  muc: MucService,
  room: Room,
  account: Jid,
  affiliation: Affiliation,
): Promise<void> {
  const nobody = { nick: "", reason: undefined };
  const changes: Change[] = [{ user: account.toBare(), affiliation: "none", ...nobody }];
  if (affiliation === "owner" && room.owners < 2) {
    // A room needs an owner: its admins are next, then its members.
    const heirs = heirsOf(room);
    if (heirs.length === 0 && room.size === 0) return await muc.destroy(room, {});
    for (const user of heirs) {
      changes.push({ user, affiliation: "owner", nick: undefined, reason: undefined });
    }
  }
  await changeAffiliations(room, changes, undefined);
}

function heirsOf(room: Room): Jid[] {
  const all = [...room.affiliations.values()];
  for (const rank of ["admin", "member"] as const) {
    const found = all.filter((a) => a.affiliation === rank)
      .map((a) => parseJid(a.jid))
      .filter((jid): jid is Jid => jid !== undefined && jid.node !== "");
    if (found.length > 0) return rank === "admin" ? found : found.slice(0, 1);
  }
  return [];
}
