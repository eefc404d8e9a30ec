/** XEP-0045 §7.8.2: invitations by way of the room, and their refusals. */

import { StanzaError } from "../../lib/errors.ts";
import type { Jid } from "../../lib/jid.ts";
import { parseJid } from "../../lib/jid.ts";
import type { Later } from "../../lib/later.ts";
import { newStanzaId } from "../../lib/formats/stanza_id.ts";
import { accountExists } from "../../lib/hooks/accounts.ts";
import { message, type Stanza } from "../../lib/stanza.ts";
import { type Element, xml } from "../../lib/xml/element.ts";
import { changeAffiliations } from "./affiliations.ts";
import { CONFERENCE, USER } from "./names.ts";
import { checkReason } from "./reason.ts";
import { isAdmin, isMember } from "./rights.ts";
import type { Room } from "./room.ts";

/** People that one message may invite. */
const INVITED = 20;

/** `<x/>` with `<invite/>` or `<decline/>`; undefined if there is neither. */
export function onUserElement(room: Room, stanza: Stanza): Later<true | undefined> {
  const x = stanza.child("x", USER);
  const invites = x?.elements("invite") ?? [];
  if (invites.length > 0) return invite(room, stanza, invites);
  const decline = x?.child("decline");
  return decline === undefined ? undefined : declined(room, stanza, decline);
}

async function invite(room: Room, stanza: Stanza, invites: readonly Element[]): Promise<true> {
  const from = stanza.from!;
  const client = room.client(from);
  const rank = await room.standing(from);
  if (client === undefined && !isAdmin(rank)) throw new StanzaError("not-acceptable");
  if (invites.length > INVITED) {
    throw new StanzaError("policy-violation", { text: `at most ${INVITED} people at a time` });
  }
  const { membersOnly, allowInvites } = room.config;
  const usual = isAdmin(rank) || (membersOnly ? allowInvites && isMember(rank) : true);
  const allowed = client === undefined ? usual : await room.may(client.occupant, "invite", usual);
  if (!allowed) throw new StanzaError("forbidden", { text: "you may not invite to this room" });
  const invited = invites.map((element) => ({
    user: inviteeOf(room, element),
    reason: checkReason(room, element.childText("reason")),
    element,
  }));
  if (!room.service.quotas.invitations.take(from.bare, invited.length)) {
    throw new StanzaError("policy-violation", { type: "wait", text: "too many invitations" });
  }
  await checkExist(room, invited.map(({ user }) => user));
  if (membersOnly) await makeMembers(room, from, invited);
  // Nobody waits until they have it: another room would wait for its turn, perhaps for this one's.
  for (const { user, reason, element } of invited) {
    void room.service.host.send(invitation(room, from, user, reason, element));
  }
  return true;
}

/** `to` is a real address: who an occupant of a room is, is nothing that another room may learn. */
function inviteeOf(room: Room, element: Element): Jid {
  const jid = parseJid(element.attrs.to ?? "");
  // A domain is none: in a room for members all of it would be members.
  if (jid === undefined || jid.node === "") {
    throw new StanzaError("jid-malformed", { text: "who is to be invited?" });
  }
  if (jid.domain === room.jid.domain) {
    throw new StanzaError("not-acceptable", { text: "occupants are invited by private messages" });
  }
  return jid;
}

async function checkExist(room: Room, users: readonly Jid[]): Promise<void> {
  const { host } = room.service;
  for (const user of users) {
    if (user.domain !== host.domain || host.account(user) !== undefined) continue;
    if (await host.ask(accountExists, user.toBare()) === false) {
      throw new StanzaError("item-not-found", { text: `there is no account ${user.bare}` });
    }
  }
}

/** Outcasts stay outcasts. */
async function makeMembers(
  room: Room,
  from: Jid,
  invited: readonly { readonly user: Jid; readonly reason: string | undefined }[],
): Promise<void> {
  const changes = invited.filter(({ user }) => {
    const rank = room.affiliationOf(user);
    if (rank === "outcast") {
      throw new StanzaError("forbidden", { text: `${user.bare} is banned from this room` });
    }
    return rank === "none";
  }).map(({ user }) =>
    ({ user: user.toBare(), affiliation: "member", nick: undefined, reason: undefined }) as const
  );
  if (changes.length === 0) return;
  await changeAffiliations(room, changes, room.client(from));
}

/** What the invited get: also in the way that came before XEP-0249, for clients that know no other. */
function invitation(
  room: Room,
  from: Jid,
  to: Jid,
  reason: string | undefined,
  element?: Element,
): Stanza {
  const client = room.client(from);
  const inviter = room.open || client === undefined ? from.bare : client.occupant.jid.full;
  // It may be declined to what was said, or to whoever the invited knows it was.
  for (const name of [inviter, from.bare]) room.invitations.set(invitationKey(to, name), from);
  const { password } = room.config;
  const goesOn = element?.child("continue");
  const thread = goesOn?.attrs.thread;
  const x = xml(
    "x",
    USER,
    {},
    xml(
      "invite",
      USER,
      { from: inviter },
      reason !== undefined && xml("reason", USER, {}, reason),
      goesOn !== undefined && xml("continue", USER, { thread }),
    ),
    password !== "" && xml("password", USER, {}, password),
  );
  const direct = xml("x", CONFERENCE, {
    jid: room.jid.bare,
    reason,
    password: password === "" ? undefined : password,
    continue: goesOn === undefined ? undefined : "true",
    thread,
  });
  return message({ from: room.jid, to, id: newStanzaId() }, x, direct);
}

function invitationKey(invited: Jid, inviter: string): string {
  return `${invited.bare}\n${inviter}`;
}

/** §9.5: somebody was made a member of a members-only room. */
export function inviteMember(room: Room, by: Jid, user: Jid, reason: string | undefined): void {
  if (user.node === "") return;
  void room.service.host.send(invitation(room, by, user, reason));
}

/** §7.8.2: from whoever was invited, to whoever has invited: by address or nickname. */
async function declined(room: Room, stanza: Stanza, decline: Element): Promise<true> {
  const from = stanza.from!;
  const to = parseJid(decline.attrs.to ?? "");
  if (to === undefined) throw new StanzaError("jid-malformed", { text: "whom is this for?" });
  const reason = checkReason(room, decline.childText("reason"));
  if (!room.service.quotas.invitations.take(from.bare)) {
    throw new StanzaError("policy-violation", { type: "wait", text: "too many refusals" });
  }
  // Only who was invited declines: this is no way for strangers to write to occupants.
  const key = invitationKey(from, to.bare === room.jid.bare ? to.full : to.bare);
  const inviter = room.invitations.get(key);
  if (inviter === undefined) throw new StanzaError("forbidden", { text: "you were not invited" });
  room.invitations.delete(key);
  const element = xml(
    "decline",
    USER,
    { from: from.bare },
    reason !== undefined && xml("reason", USER, {}, reason),
  );
  const news = message({ from: room.jid, id: newStanzaId() }, xml("x", USER, {}, element));
  const present = room.occupantsOf(inviter);
  for (const { clients } of present) room.tell(news, clients);
  if (present.length === 0) void room.service.host.send(news.addressedTo(inviter.toBare()));
  return true;
}
