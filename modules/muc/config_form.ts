/**
 * XEP-0045 §10.1.3, §10.2: the form in which an owner configures a room. Each field says what of the
 * configuration it is and how it is read; the two forms of a room, `muc#roomconfig` and
 * `muc#roominfo`, are made from that.
 */

import { StanzaError } from "../../lib/errors.ts";
import type { Field } from "../../lib/formats/form.ts";
import type { PresentRole } from "../../lib/formats/muc.ts";
import { roomLogs } from "../../lib/hooks/rooms.ts";
import { parseJid } from "../../lib/jid.ts";
import type { RoomConfig } from "../../lib/rooms.ts";
import { checkReason } from "./reason.ts";
import type { Room } from "./room.ts";

const PRESENT: readonly { readonly value: PresentRole; readonly label: string }[] = [
  { value: "moderator", label: "Moderators" },
  { value: "participant", label: "Participants" },
  { value: "visitor", label: "Visitors" },
];

const USERS = [5, 10, 20, 30, 50, 100, 200, 500, 1000, 2000, 5000];

const name = (short: string) => `muc#roomconfig_${short}`;

/** Names of fields that hold no part of the configuration itself. */
export const OWNERS_FIELD = name("roomowners");
export const ADMINS_FIELD = name("roomadmins");
const PROTECTED_FIELD = name("passwordprotectedroom");
const SECRET_FIELD = name("roomsecret");

/** The fields of a room's form, filled in as it is. */
export function configFields(room: Room): readonly Field[] {
  const { config: c, service } = room;
  const { settings, host } = service;
  const most = settings.occupants;
  const fields: (Field | false)[] = [
    { var: name("roomname"), type: "text-single", label: "Name", value: c.name },
    { var: name("roomdesc"), type: "text-single", label: "Description", value: c.description },
    { var: name("lang"), type: "text-single", label: "Language of the discussion", value: c.lang },
    flag("persistentroom", "Keep the room when everybody has left", c.persistent),
    flag("publicroom", "List the room, so that everybody can find it", c.public),
    flag("membersonly", "Only members may enter", c.membersOnly),
    flag("moderatedroom", "Only those with voice may speak", c.moderated),
    {
      var: PROTECTED_FIELD,
      type: "boolean",
      label: "A password is needed to enter",
      value: c.password !== "",
    },
    { var: SECRET_FIELD, type: "text-private", label: "Password", value: c.password },
    {
      var: name("whois"),
      type: "list-single",
      label: "Who sees the real addresses of occupants",
      value: c.whois,
      options: [
        { value: "moderators", label: "Moderators only" },
        { value: "anyone", label: "Everybody" },
      ],
    },
    {
      var: name("maxusers"),
      type: "list-single",
      label: "Occupants at most",
      value: String(c.maxUsers || most),
      options: maxUsersOptions(c.maxUsers, most),
    },
    {
      var: name("allowpm"),
      type: "list-single",
      label: "Who may send private messages",
      value: c.allowPm,
      options: [
        { value: "anyone", label: "Everybody" },
        { value: "participants", label: "Those with voice" },
        { value: "moderators", label: "Moderators" },
        { value: "none", label: "Nobody" },
      ],
    },
    flag("allowinvites", "Members may invite others", c.allowInvites),
    flag("changesubject", "Participants may change the subject", c.changeSubject),
    roles("presencebroadcast", "Whose presence is shown to everybody", c.presenceBroadcast),
    roles("getmemberlist", "Who may read the list of members", c.getMemberList),
    flag("allowvisitornickchange", "Visitors may change nickname", c.allowVisitorNickChange),
    flag("allowvisitorstatus", "Visitors may show a status text", c.allowVisitorStatus),
    flag("allowvoicerequests", "Visitors may ask for voice", c.allowVoiceRequests),
    flag("allowregistration", "People may register as members", c.allowRegistration),
    flag("locknicks", "Members have their registered nickname and no other", c.lockNicks),
    host.has(roomLogs) &&
    flag("enablelogging", "Publish the discussion on the web", c.logging),
    service.archives && flag("enablearchiving", "Keep messages in an archive", c.archive),
    whole(
      "muc#maxhistoryfetch",
      "Messages that somebody who enters gets",
      c.maxHistory,
      settings.history,
    ),
    whole(
      name("slow_mode_duration"),
      "Slow mode: seconds between two messages of a participant",
      c.slowMode,
      86_400,
    ),
    flag("forwardmentions", "Tell members who are away when they are mentioned", c.forwardMentions),
    {
      var: name("pubsub"),
      type: "text-single",
      label: "Address of a node that goes with it",
      value: c.pubsub,
    },
    {
      var: "muc#roominfo_contactjid",
      type: "jid-multi",
      label: "Whom to turn to",
      value: c.contacts,
    },
    { var: ADMINS_FIELD, type: "jid-multi", label: "Admins", value: all(room, "admin") },
    { var: OWNERS_FIELD, type: "jid-multi", label: "Owners", value: all(room, "owner") },
  ];
  return fields.filter((f): f is Field => f !== false);
}

function flag(short: string, label: string, value: boolean): Field {
  return { var: name(short), type: "boolean", label, value };
}

function roles(short: string, label: string, value: readonly PresentRole[]): Field {
  return { var: name(short), type: "list-multi", label, value, options: PRESENT };
}

function whole(field: string, label: string, value: number, max: number): Field {
  const validate = { datatype: "xs:integer", min: 0, max } as const;
  return { var: field, type: "text-single", label, value: String(value), validate };
}

function maxUsersOptions(now: number, most: number) {
  const counts = new Set([...USERS.filter((n) => n < most), most]);
  if (now > 0) counts.add(now);
  return [...counts].sort((a, b) => a - b).map(String).map((value) => ({ value, label: value }));
}

function all(room: Room, affiliation: "owner" | "admin"): string[] {
  return [...room.affiliations.values()].filter((a) => a.affiliation === affiliation)
    .map((a) => a.jid);
}

type Given = Readonly<Record<string, unknown>>;

/**
 * The configuration that a submission asks for; what it does not name stays as it is.
 * @throws StanzaError `not-acceptable`
 */
export function readConfigForm(room: Room, given: Given): RoomConfig {
  const { config: c, service: { settings } } = room;
  const get = <T>(field: string, old: T): T => (given[field] as T | undefined) ?? old;
  const length = (short: string, old: string, max: number) => {
    const text = get(name(short), old);
    if (text.length > max) {
      throw refused(name(short), `at most ${max} characters`);
    }
    return text;
  };
  return {
    name: length("roomname", c.name, settings.name_length),
    description: length("roomdesc", c.description, settings.description_length),
    lang: languageIn(get(name("lang"), c.lang)),
    persistent: get(name("persistentroom"), c.persistent),
    public: get(name("publicroom"), c.public),
    membersOnly: get(name("membersonly"), c.membersOnly),
    moderated: get(name("moderatedroom"), c.moderated),
    password: passwordIn(room, given),
    whois: get(name("whois"), c.whois),
    maxUsers: maxUsersIn(given[name("maxusers")], c.maxUsers, settings.occupants),
    allowPm: get(name("allowpm"), c.allowPm),
    allowInvites: get(name("allowinvites"), c.allowInvites),
    changeSubject: get(name("changesubject"), c.changeSubject),
    presenceBroadcast: get(name("presencebroadcast"), c.presenceBroadcast),
    getMemberList: get(name("getmemberlist"), c.getMemberList),
    allowVisitorNickChange: get(name("allowvisitornickchange"), c.allowVisitorNickChange),
    allowVisitorStatus: get(name("allowvisitorstatus"), c.allowVisitorStatus),
    allowVoiceRequests: get(name("allowvoicerequests"), c.allowVoiceRequests),
    allowRegistration: get(name("allowregistration"), c.allowRegistration),
    lockNicks: get(name("locknicks"), c.lockNicks),
    logging: get(name("enablelogging"), c.logging),
    archive: get(name("enablearchiving"), c.archive),
    maxHistory: Number(get("muc#maxhistoryfetch", String(c.maxHistory)) || 0),
    slowMode: Number(get(name("slow_mode_duration"), String(c.slowMode)) || 0),
    forwardMentions: get(name("forwardmentions"), c.forwardMentions),
    pubsub: length("pubsub", c.pubsub, 1000),
    contacts: contactsIn(get("muc#roominfo_contactjid", c.contacts)),
  };
}

/** §10.1.3: a room with a password needs one that is not empty. */
function passwordIn(room: Room, given: Given): string {
  const before = room.config.password;
  const wanted = given[PROTECTED_FIELD] as boolean | undefined ?? before !== "";
  if (!wanted) return "";
  const password = given[SECRET_FIELD] as string | undefined ?? before;
  if (password === "") throw refused(SECRET_FIELD, "the password is missing");
  checkReason(room, password);
  return password;
}

/** An old room may have more than is allowed now. */
function maxUsersIn(given: unknown, before: number, most: number): number {
  if (given === undefined || given === "") return before;
  const n = Number(given);
  return n >= most ? 0 : n;
}

function languageIn(lang: string): string {
  if (lang === "" || /^[a-z]{1,8}(-[a-z0-9]{1,8})*$/i.test(lang) && lang.length <= 50) return lang;
  throw refused(name("lang"), "that is no language tag");
}

function contactsIn(contacts: readonly string[]): readonly string[] {
  if (contacts.length > 20) throw refused("muc#roominfo_contactjid", "at most 20 addresses");
  return contacts.map((text) => parseJid(text)!.bare);
}

function refused(field: string, why: string): StanzaError {
  return new StanzaError("not-acceptable", { text: `${field}: ${why}` });
}
