/** The settings of the module `muc`. */

import * as v from "valibot";
import {
  bytes,
  duration,
  flag,
  list,
  oneOf,
  setting,
  table,
  text,
  value,
  wholeNumber,
  wholeNumberOrOff,
} from "../../lib/config/setting.ts";
import type { RoomConfig } from "../../lib/rooms.ts";
import { SEARCH_LIMITS } from "./lists.ts";

export const config = v.strictObject({
  name: setting(
    text("a name"),
    "conference",
    "Where the service is: a name within the host's domain, or a whole domain.",
  ),
  more_names: setting(list(text("a name")), [], "Further services, of rooms of their own."),
  title: setting(text(), "Chat rooms", "What the service is called in lists."),
  create: setting(
    oneOf("anybody", "accounts", "admins"),
    "accounts",
    "Who may make rooms: anybody, accounts of this host, or its administrators only.",
  ),
  enter: setting(
    oneOf("anybody", "accounts"),
    "anybody",
    "Who may enter rooms: anybody, or accounts of this host only.",
  ),
  lock: setting(
    flag(),
    true,
    "A new room opens when its maker has configured it, as XEP-0045 asks; false opens it at once.",
  ),
  lock_timeout: setting(
    duration("1s", "1d"),
    "15m",
    "How long a new room waits to be configured before it is given up.",
  ),
  rooms: setting(wholeNumber(1, 100_000_000), 1_000_000, "Rooms of one service."),
  rooms_per_account: setting(
    wholeNumberOrOff(1, 1_000_000),
    100,
    "Rooms that one account may have made; 0 for any number. Administrators may make more.",
  ),
  occupants: setting(wholeNumber(2, 1_000_000), 10_000, "Occupants of one room."),
  reserve: setting(
    wholeNumber(0, 1000),
    10,
    "Places in a full room that are kept for its owners and admins.",
  ),
  affiliations: setting(
    wholeNumber(10, 1_000_000),
    20_000,
    "Owners, admins, members and outcasts of one room.",
  ),
  quiet_above: setting(
    wholeNumberOrOff(10, 1_000_000),
    5000,
    "Occupants beyond which only those with an affiliation or a role are shown to all; 0 for never.",
  ),
  presence_interval: setting(
    duration("0s", "1h", { off: true }),
    "1s",
    "Least time between two presence updates of one occupant that are shown; a later one waits.",
  ),
  joins: setting(
    wholeNumberOrOff(1, 100_000),
    300,
    "Times that one user may enter rooms or change nickname within a minute; 0 for any number.",
  ),
  messages: setting(
    wholeNumberOrOff(1, 100_000),
    100,
    "Messages that one user may send to rooms and occupants within ten seconds; 0 for any number.",
  ),
  changes: setting(
    wholeNumberOrOff(1, 100_000),
    100,
    "Changes that one user may make to rooms within ten seconds: of roles, members, the configuration and the like; 0 for any number.",
  ),
  invitations: setting(
    wholeNumber(1, 10_000),
    60,
    "Invitations that one user may send by way of rooms within ten minutes.",
  ),
  requests: setting(
    wholeNumber(1, 10_000),
    30,
    "Requests for voice and for registration that one user may make within ten minutes.",
  ),
  listed: setting(
    wholeNumberOrOff(1000, 100_000_000),
    200_000,
    "Affiliations that one user may be told within a minute by lists of them; 0 for any number.",
  ),
  searches: setting(
    wholeNumber(1, 10_000),
    60,
    "Searches for rooms that one user may make within a minute (XEP-0433).",
  ),
  search_rooms: setting(
    wholeNumber(1000, 100_000_000),
    SEARCH_LIMITS.rooms,
    "Stored rooms that one search for words looks at, from where its page begins.",
  ),
  searches_waiting: setting(
    wholeNumber(0, 10_000),
    SEARCH_LIMITS.waiting,
    "Searches for words in stored rooms that wait for another one; more are refused.",
  ),
  message_bytes: setting(bytes(1 << 10, 16 << 20), "128 KiB", "Largest message to a room."),
  presence_bytes: setting(bytes(1 << 10, 1 << 20), "16 KiB", "Largest presence that is shown."),
  subject_length: setting(wholeNumber(10, 100_000), 1000, "Characters of a subject."),
  nick_length: setting(wholeNumber(1, 1023), 64, "Characters of a nickname."),
  reason_length: setting(wholeNumber(10, 100_000), 1000, "Characters of a reason."),
  name_length: setting(wholeNumber(10, 10_000), 200, "Characters of a room's name."),
  description_length: setting(
    wholeNumber(10, 100_000),
    2000,
    "Characters of a room's description.",
  ),
  history: setting(
    wholeNumber(0, 1000),
    100,
    "Messages that are remembered for those who enter, the most that an owner can set.",
  ),
  history_bytes: setting(
    bytes(1 << 10, 16 << 20),
    "512 KiB",
    "Size of the messages that one room remembers for those who enter.",
  ),
  hats: setting(wholeNumber(0, 1000), 50, "Hats of one room (XEP-0317)."),
  hat_wearers: setting(wholeNumber(1, 100_000), 1000, "People who may wear one hat."),
  vcard_bytes: setting(bytes(1 << 10, 1 << 20), "64 KiB", "Largest vCard of a room."),
  avatar_presence: setting(
    flag(),
    true,
    "A room's avatar is also told by presence, as older clients want it (XEP-0486 §5.2).",
  ),
  notify_members: setting(
    wholeNumber(0, 100_000),
    1000,
    "Members who are away at most, for them to get pushes of what is said.",
  ),
  turn_timeout: setting(
    duration("5s", "10m"),
    "2m",
    "How long one thing may take in a room, such as a module's word about a message, before the room goes on without it.",
  ),
  sleep: setting(
    duration("1s", "1d"),
    "5m",
    "How long a room without occupants stays in memory.",
  ),
  awake: setting(
    wholeNumber(10, 1_000_000),
    10_000,
    "Rooms without occupants in memory at most; the ones unused longest go first.",
  ),
  page: setting(wholeNumber(1, 1000), 100, "Rooms on a page of lists and searches."),
  defaults: table({
    persistent: setting(flag(), false, "Rooms remain when the last occupant has left."),
    public: setting(flag(), true, "Rooms are listed."),
    moderated: setting(flag(), false, "Who enters may not speak before a moderator allows it."),
    members_only: setting(flag(), false, "Only members may enter."),
    whois: setting(
      oneOf("moderators", "anyone"),
      "moderators",
      "Who sees the real addresses of occupants.",
    ),
    max_users: setting(wholeNumberOrOff(2, 1_000_000), 0, "Occupants; 0: up to `occupants`."),
    allow_pm: setting(
      oneOf("anyone", "participants", "moderators", "none"),
      "anyone",
      "Who may send private messages.",
    ),
    allow_invites: setting(flag(), false, "Members may invite to a members-only room."),
    change_subject: setting(flag(), false, "Participants may change the subject."),
    allow_registration: setting(flag(), true, "People may register with a room."),
    archive: setting(flag(), true, "Messages go into the room's archive."),
    history: setting(wholeNumber(0, 1000), 20, "Messages that somebody who enters gets."),
    forward_mentions: setting(flag(), true, "Members who are away are told of mentions."),
    lang: setting(
      value<string>("a string", (x) => typeof x === "string"),
      "",
      "Language of the discussion, such as `en`.",
    ),
  }, "What new rooms begin with."),
});

export type Settings = v.InferOutput<typeof config>;

/** The configuration of a new room, and what a stored one lacks. */
export function defaultConfig(settings: Settings): RoomConfig {
  const d = settings.defaults;
  return {
    name: "",
    description: "",
    lang: d.lang,
    persistent: d.persistent,
    public: d.public,
    moderated: d.moderated,
    membersOnly: d.members_only,
    password: "",
    whois: d.whois,
    maxUsers: Math.min(d.max_users, settings.occupants),
    allowPm: d.allow_pm,
    allowInvites: d.allow_invites,
    changeSubject: d.change_subject,
    presenceBroadcast: ["moderator", "participant", "visitor"],
    getMemberList: ["moderator", "participant", "visitor"],
    allowVisitorNickChange: true,
    allowVisitorStatus: true,
    allowVoiceRequests: true,
    allowRegistration: d.allow_registration,
    lockNicks: false,
    logging: false,
    archive: d.archive,
    maxHistory: Math.min(d.history, settings.history),
    slowMode: 0,
    forwardMentions: d.forward_mentions,
    pubsub: "",
    contacts: [],
  };
}
