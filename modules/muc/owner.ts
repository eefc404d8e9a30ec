/**
 * XEP-0045 §10: requests with `<query xmlns='http://jabber.org/protocol/muc#owner'/>`: configuring a
 * room, opening it, and destroying it.
 */

import { StanzaError } from "../../lib/errors.ts";
import { answers, form, FORMS_NS, readForm } from "../../lib/formats/form.ts";
import { roomConfigured } from "../../lib/hooks/rooms.ts";
import { parseJid } from "../../lib/jid.ts";
import { EMPTY_RESULT, type IqReply, NO_REPLY, result } from "../../lib/module.ts";
import type { RoomConfig } from "../../lib/rooms.ts";
import { message, resultOf, type Stanza } from "../../lib/stanza.ts";
import { type Element, xml } from "../../lib/xml/element.ts";
import { ITEMS } from "./admin.ts";
import { type Change, changeAffiliations, checkCount, userAt } from "./affiliations.ts";
import { ADMINS_FIELD, configFields, OWNERS_FIELD, readConfigForm } from "./config_form.ts";
import { putOut } from "./leave.ts";
import { CONFIG_FORM, OWNER, Status, USER } from "./names.ts";
import { statusElements } from "./occupant.ts";
import { show, showRoom } from "./presence.ts";
import { checkReason } from "./reason.ts";
import { isMember } from "./rights.ts";
import type { Room } from "./room.ts";

/** Occupants of a room in which what is shown of everybody is shown once more to everybody. */
const SHOWN_ANEW = 500;

async function checkOwner(room: Room, iq: Stanza): Promise<void> {
  if (await room.standing(iq.from!) !== "owner") throw new StanzaError("forbidden");
}

/** §10.1.3, §10.2: the form. */
export async function configuration(room: Room, iq: Stanza): Promise<IqReply> {
  await checkOwner(room, iq);
  const x = form({
    type: "form",
    formType: CONFIG_FORM,
    title: `Configuration of ${room.jid.bare}`,
    fields: configFields(room),
  });
  return result(xml("query", OWNER, {}, x));
}

/** A form that was filled in or cancelled, or the room's end. */
export async function request(room: Room, iq: Stanza, query: Element): Promise<IqReply> {
  await checkOwner(room, iq);
  const destroy = query.child("destroy");
  if (destroy !== undefined) return await destroyed(room, destroy);
  const x = query.child("x", FORMS_NS);
  if (x === undefined) throw new StanzaError("bad-request", { text: "there is no form" });
  const submitted = readForm(x);
  if (submitted.type === "cancel") {
    if (!room.locked) return EMPTY_RESULT;
    await room.service.host.send(resultOf(iq));
    await room.service.destroy(room, {});
    return NO_REPLY;
  }
  // §10.1.2: an instant room; of old clients the form has no name.
  const given = answers(submitted, configFields(room), CONFIG_FORM) as Record<string, unknown>;
  const config = readConfigForm(room, given);
  await configure(room, iq, config, listChanges(room, iq, given, config));
  return NO_REPLY;
}

/** The lists of owners and admins are whole ones (§10.5): what is missing there is so no more. */
function listChanges(
  room: Room,
  iq: Stanza,
  given: Readonly<Record<string, unknown>>,
  { membersOnly }: RoomConfig,
): readonly Change[] {
  const owners = given[OWNERS_FIELD] as readonly string[] | undefined;
  const admins = given[ADMINS_FIELD] as readonly string[] | undefined;
  const present = (affiliation: "owner" | "admin") =>
    [...room.affiliations.values()].filter((a) => a.affiliation === affiliation).map((a) => a.jid);
  // Whoever is in both is an owner.
  const wanted = new Map<string, "owner" | "admin">();
  for (const text of admins ?? present("admin")) wanted.set(userAt(text).bare, "admin");
  for (const text of owners ?? present("owner")) wanted.set(userAt(text).bare, "owner");
  if (![...wanted.values()].includes("owner")) {
    const own = room.affiliations.get(iq.from!.bare)?.affiliation === "owner";
    throw new StanzaError(own ? "conflict" : "not-acceptable", { text: "a room needs an owner" });
  }
  const changes: Change[] = [];
  const rest = { nick: undefined, reason: undefined };
  for (const [bare, affiliation] of wanted) {
    const user = parseJid(bare)!;
    if (user.node === "") throw new StanzaError("not-acceptable", { text: `${bare} is no user` });
    if (room.affiliations.get(bare)?.affiliation !== affiliation) {
      changes.push({ user, affiliation, ...rest });
    }
  }
  for (const a of room.affiliations.values()) {
    if (a.affiliation !== "owner" && a.affiliation !== "admin") continue;
    if (wanted.has(a.jid)) continue;
    // §10.2: an owner that is none any more is an admin; an admin is a member or nobody.
    const affiliation = a.affiliation === "owner" ? "admin" : membersOnly ? "member" : "none";
    changes.push({ user: parseJid(a.jid)!, affiliation, ...rest });
  }
  // Each is told to everybody.
  if (changes.length > ITEMS) {
    throw new StanzaError("not-acceptable", { text: `at most ${ITEMS} people change at a time` });
  }
  return changes;
}

async function configure(
  room: Room,
  iq: Stanza,
  config: RoomConfig,
  changes: readonly Change[],
): Promise<void> {
  checkCount(room, changes);
  const before = room.config;
  const opens = room.locked;
  room.locked = false;
  try {
    if (opens) await room.save({ config }, [...room.affiliations.values()]);
    else await room.save({ config });
  } catch (e) {
    room.locked = opens;
    throw e;
  }
  room.config = config;
  room.service.unlocked(room);
  const by = room.client(iq.from!);
  const answer = () => void room.service.host.send(resultOf(iq));
  if (changes.length > 0) await changeAffiliations(room, changes, by, answer);
  else answer();
  await putOutStrangers(room, before);
  await reshow(room, before);
  tellConfig(room, before, opens);
  await room.service.host.tell(roomConfigured, room, before);
  // It may not be one any more that stays without anybody in it.
  await room.service.emptied(room);
}

/** §10.2: the room is for members only from now on (status 322). */
async function putOutStrangers(room: Room, before: RoomConfig): Promise<void> {
  if (!room.config.membersOnly || before.membersOnly) return;
  const removal = {
    status: [Status.MembersOnly],
    reason: undefined,
    actor: undefined,
    why: "members-only",
  } as const;
  const strangers = [...room.occupants()].filter((o) => !isMember(o.affiliation));
  const told = strangers.map((o) => putOut(room, o, removal));
  await room.pieces.each(told, (tell) => tell());
}

/**
 * What is shown of whom may be different now. In a crowd, where everybody would be told of everybody,
 * that comes with what they say of themselves next.
 */
async function reshow(room: Room, before: RoomConfig): Promise<void> {
  const { whois, presenceBroadcast } = room.config;
  if (whois !== before.whois) { for (const o of room.occupants()) o.changed(); }
  if (room.size > SHOWN_ANEW) return;
  if (presenceBroadcast.join() !== before.presenceBroadcast.join()) {
    const changed = [...room.occupants()].filter((o) => room.shows(o) !== o.visible);
    await room.pieces.each(changed, (o) => show(room, o));
  }
  // §10.2.1: who is there learns from now on who the others really are.
  if (whois === "anyone" && before.whois !== "anyone") {
    await room.pieces.each([...room.mere], (client) => showRoom(room, client));
  }
}

/** §10.2.1. */
function tellConfig(room: Room, before: RoomConfig, opens: boolean): void {
  const { config } = room;
  const codes: Status[] = [];
  if (config.logging !== before.logging) {
    codes.push(config.logging ? Status.Logged : Status.NotLogged);
  }
  if (config.whois !== before.whois) {
    codes.push(config.whois === "anyone" ? Status.NowNonAnonymous : Status.NowSemiAnonymous);
  }
  const other = JSON.stringify({ ...config, logging: 0, whois: 0 }) !==
    JSON.stringify({ ...before, logging: 0, whois: 0 });
  if (other) codes.push(Status.ConfigChanged);
  if (codes.length > 0 && !(opens && room.size < 2 && codes[0] === Status.ConfigChanged)) {
    tellStatus(room, codes);
  }
}

/** News of the room to everybody in it. */
export function tellStatus(room: Room, codes: readonly Status[]): void {
  const x = xml("x", USER, {}, ...statusElements(codes));
  room.tellAll(message({ from: room.jid, type: "groupchat" }, x));
}

/** §10.9. */
async function destroyed(room: Room, destroy: Element): Promise<IqReply> {
  const { jid } = destroy.attrs;
  const alternate = jid === undefined ? undefined : parseJid(jid);
  if (jid !== undefined && alternate === undefined) {
    throw new StanzaError("jid-malformed", { text: "the alternate venue is no address" });
  }
  await room.service.destroy(room, {
    alternate,
    reason: checkReason(room, destroy.childText("reason")),
    password: checkReason(room, destroy.childText("password")),
  });
  return EMPTY_RESULT;
}
