/** What has changed of a room's configuration, in words: which settings, and no values of them. */

import type { RoomConfig } from "../../lib/rooms.ts";

const WORDS: { readonly [K in keyof RoomConfig]?: string } = {
  name: "name",
  description: "description",
  lang: "language",
  persistent: "persistence",
  public: "whether the room is listed",
  moderated: "moderation",
  membersOnly: "whether it is for members only",
  password: "password",
  whois: "who sees real addresses",
  maxUsers: "number of occupants",
  allowPm: "private messages",
  allowInvites: "invitations",
  changeSubject: "who may change the subject",
  presenceBroadcast: "whose presence is shown",
  getMemberList: "who sees the lists of members",
  allowVisitorNickChange: "nicknames of visitors",
  allowVisitorStatus: "status messages of visitors",
  allowVoiceRequests: "requests for voice",
  allowRegistration: "registration",
  lockNicks: "reserved nicknames",
  archive: "archive",
  maxHistory: "history",
  slowMode: "slow mode",
  forwardMentions: "forwarded mentions",
  pubsub: "node",
  contacts: "contacts",
};

/** Empty if nothing has. */
export function changedSettings(before: RoomConfig, after: RoomConfig): string {
  const changed: string[] = [];
  for (const [key, words] of Object.entries(WORDS)) {
    const name = key as keyof RoomConfig;
    if (JSON.stringify(before[name]) !== JSON.stringify(after[name])) changed.push(words);
  }
  return changed.join(", ");
}
