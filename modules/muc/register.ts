/**
 * XEP-0045 §7.10, §9.9: registration with a room (XEP-0077): whoever registers becomes a member and has
 * a nickname reserved. In a members-only room an admin has to agree.
 */

import { StanzaError } from "../../lib/errors.ts";
import {
  answers,
  type Field,
  type Form,
  form,
  FORMS_NS,
  readForm,
} from "../../lib/formats/form.ts";
import { newStanzaId } from "../../lib/formats/stanza_id.ts";
import { type Jid, parseJid } from "../../lib/jid.ts";
import { EMPTY_RESULT, type IqReply, NO_REPLY, result } from "../../lib/module.ts";
import { message, resultOf, type Stanza } from "../../lib/stanza.ts";
import { type Element, xml } from "../../lib/xml/element.ts";
import { changeAffiliations, checkReserved } from "./affiliations.ts";
import { inviteMember } from "./invite.ts";
import { REGISTER, REGISTER_FORM } from "./names.ts";
import { nickOf } from "./nick.ts";
import { isAdmin, isMember, mayChangeAffiliation } from "./rights.ts";
import type { Room } from "./room.ts";

const NICK_FIELD = "muc#register_roomnick";

const FIELDS: readonly Field[] = [
  { var: NICK_FIELD, type: "text-single", label: "Nickname", required: true },
];

/** Who asks may have a password to give elsewhere, but needs to be somebody of a server. */
async function checkMayRegister(room: Room, iq: Stanza): Promise<void> {
  const from = iq.from!;
  const rank = await room.standing(from);
  if (isMember(rank)) return;
  const { config, service } = room;
  if (!config.allowRegistration || rank === "outcast") throw new StanzaError("not-allowed");
  if (!service.mayEnter(from)) throw new StanzaError("forbidden");
  // A member reads the archive: the password is not spared by that.
  if (config.password !== "" && !config.membersOnly && room.client(from) === undefined) {
    throw new StanzaError("not-authorized", { text: "whoever is in the room may register" });
  }
}

/** Each of them is told to the room, or to its admins. */
function count(room: Room, { from }: Stanza): void {
  if (room.service.quotas.requests.take(from!.bare)) return;
  throw new StanzaError("resource-constraint", { text: "too many requests" });
}

/** What is wanted, or that it is done (§7.10). */
export async function requirements(room: Room, iq: Stanza): Promise<IqReply> {
  await checkMayRegister(room, iq);
  const known = room.affiliations.get(iq.from!.bare);
  if (known !== undefined && known.nick !== "") {
    const registered = xml("registered", REGISTER);
    const username = xml("username", REGISTER, {}, known.nick);
    return result(xml("query", REGISTER, {}, registered, username));
  }
  const instructions = "Choose the nickname that is to be yours in this room.";
  const x = form({
    type: "form",
    formType: REGISTER_FORM,
    title: `Registration with ${room.jid.bare}`,
    instructions,
    fields: FIELDS,
  });
  return result(
    xml("query", REGISTER, {}, xml("instructions", REGISTER, {}, instructions), x),
  );
}

export async function register(room: Room, iq: Stanza, query: Element): Promise<IqReply> {
  const user = iq.from!.toBare();
  if (query.child("remove") !== undefined) return await deregister(room, iq);
  await checkMayRegister(room, iq);
  const x = query.child("x", FORMS_NS);
  if (x === undefined) throw new StanzaError("bad-request", { text: "there is no form" });
  const submitted = readForm(x);
  if (submitted.type === "cancel") return EMPTY_RESULT;
  const given = answers(submitted, FIELDS, REGISTER_FORM) as Record<string, string>;
  const nick = nickOf(room, given[NICK_FIELD] ?? "");
  checkReserved(room, user, nick);
  count(room, iq);
  const rank = await room.standing(iq.from!);
  if (room.config.membersOnly && !isMember(rank)) {
    askAdmins(room, user, nick);
    return EMPTY_RESULT;
  }
  await makeMember(room, user, nick, () => void room.service.host.send(resultOf(iq)));
  return NO_REPLY;
}

/** An owner or admin keeps that, and has a nickname reserved from now on. */
async function makeMember(room: Room, user: Jid, nick: string, between: () => void): Promise<void> {
  const before = room.affiliationOf(user);
  const stored = room.affiliations.get(user.bare)?.affiliation ?? "none";
  // Who rules by the server's configuration is not written down as an owner.
  const affiliation = isMember(stored) ? stored : isAdmin(before) ? "none" : "member";
  if (affiliation === "none") {
    throw new StanzaError("not-allowed", { text: "administrators need not register" });
  }
  await changeAffiliations(
    room,
    [{ user, affiliation, nick, reason: undefined }],
    undefined,
    between,
  );
}

/** XEP-0077 §3.2: a member is none any more; owners and admins lose the nickname. */
async function deregister(room: Room, iq: Stanza): Promise<IqReply> {
  const user = iq.from!.toBare();
  const known = room.affiliations.get(user.bare);
  if (known === undefined || !isMember(known.affiliation)) {
    throw new StanzaError("registration-required");
  }
  count(room, iq);
  const affiliation = known.affiliation === "member" ? "none" : known.affiliation;
  const change = { user, affiliation, nick: "", reason: undefined };
  await changeAffiliations(room, [change], undefined, () => {
    void room.service.host.send(resultOf(iq));
  });
  return NO_REPLY;
}

/** §9.9: to all owners and admins, wherever they are. */
function askAdmins(room: Room, user: Jid, nick: string): void {
  const x = form({
    type: "form",
    formType: REGISTER_FORM,
    title: "Request for registration",
    instructions: `${user.bare} asks to be a member of ${room.jid.bare}.`,
    fields: [
      { var: "muc#jid", type: "jid-single", label: "User", value: user.bare },
      { var: NICK_FIELD, type: "text-single", label: "Nickname", value: nick },
      { var: "muc#register_allow", type: "boolean", label: "Allow?", value: false },
    ],
  });
  for (const { jid, affiliation } of room.affiliations.values()) {
    const to = isAdmin(affiliation) ? parseJid(jid) : undefined;
    if (to === undefined) continue;
    void room.service.host.send(message({ from: room.jid, to, id: newStanzaId() }, x));
  }
}

/** An admin's answer, in a message to the room. */
export async function onRegisterForm(room: Room, stanza: Stanza, submitted: Form): Promise<true> {
  const by = await room.standing(stanza.from!);
  if (!isAdmin(by)) throw new StanzaError("forbidden");
  const value = (name: string) => submitted.fields.get(name)?.values[0];
  const allow = value("muc#register_allow");
  if (allow !== "1" && allow !== "true") return true;
  const user = parseJid(value("muc#jid") ?? value("muc#register_jid") ?? "")?.toBare();
  if (user === undefined || user.node === "") throw new StanzaError("jid-malformed");
  const nick = nickOf(room, value(NICK_FIELD) ?? "");
  const rank = room.affiliationOf(user);
  if (rank === "outcast") throw new StanzaError("not-allowed", { text: "this user is banned" });
  // What an admin may not do by request is not done by a form either.
  const refusal = mayChangeAffiliation(by, rank, isMember(rank) ? rank : "member");
  if (refusal !== undefined) throw new StanzaError(refusal);
  checkReserved(room, user, nick);
  await makeMember(room, user, nick, () => {});
  // §9.5: a new member of a members-only room learns of it by being invited.
  if (room.config.membersOnly && !isMember(rank)) {
    inviteMember(room, stanza.from!, user, undefined);
  }
  return true;
}
