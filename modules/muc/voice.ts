/** XEP-0045 §7.13 and §8.6: asking for voice, and granting it. */

import { StanzaError } from "../../lib/errors.ts";
import { type Form, form } from "../../lib/formats/form.ts";
import { newStanzaId } from "../../lib/formats/stanza_id.ts";
import { message, type Stanza } from "../../lib/stanza.ts";
import { setRole } from "./affiliations.ts";
import { REQUEST_FORM } from "./names.ts";
import type { Client, Occupant } from "./occupant.ts";
import { mayChangeRole } from "./rights.ts";
import type { Room } from "./room.ts";

/** A form to the room, of type `muc#request`: a visitor's, or a moderator's answer. */
export async function onVoiceForm(room: Room, stanza: Stanza, submitted: Form): Promise<true> {
  const client = room.client(stanza.from!);
  if (client === undefined) throw new StanzaError("not-acceptable");
  if (submitted.fields.has("muc#request_allow")) grant(room, client.occupant, submitted);
  else await ask(room, client, submitted);
  return true;
}

async function ask(room: Room, { jid, occupant }: Client, submitted: Form): Promise<void> {
  const role = submitted.fields.get("muc#role")?.values[0] ?? "participant";
  if (role !== "participant") throw new StanzaError("bad-request", { text: "voice is asked for" });
  if (occupant.role !== "visitor") throw new StanzaError("not-allowed", { text: "you have voice" });
  const usual = room.config.allowVoiceRequests;
  if (!await room.may(occupant, "request-voice", usual)) throw new StanzaError("forbidden");
  if (!room.service.quotas.requests.take(occupant.user.bare)) {
    throw new StanzaError("policy-violation", { type: "wait", text: "too many requests" });
  }
  const x = form({
    type: "form",
    formType: REQUEST_FORM,
    title: "Request for voice",
    instructions: "Somebody asks to be allowed to speak. Answer with “allow” to grant it.",
    fields: [
      {
        var: "muc#role",
        type: "list-single",
        label: "Requested role",
        value: "participant",
        options: [{ value: "participant", label: "Participant" }],
      },
      { var: "muc#jid", type: "jid-single", label: "User", value: jid.full },
      { var: "muc#roomnick", type: "text-single", label: "Nickname", value: occupant.nick },
      { var: "muc#request_allow", type: "boolean", label: "Allow?", value: false },
    ],
  });
  room.tell(message({ from: room.jid, id: newStanzaId() }, x), room.moderators);
}

function grant(room: Room, by: Occupant, submitted: Form): void {
  if (by.role !== "moderator") throw new StanzaError("forbidden");
  const nick = submitted.fields.get("muc#roomnick")?.values[0];
  const allow = submitted.fields.get("muc#request_allow")?.values[0];
  if (allow !== "1" && allow !== "true") return;
  const occupant = nick === undefined ? undefined : room.occupant(nick);
  if (occupant === undefined) throw new StanzaError("item-not-found");
  if (occupant.role !== "visitor") return; // another moderator was first
  const refusal = mayChangeRole(by, occupant, "participant");
  if (refusal !== undefined) throw new StanzaError(refusal);
  setRole(room, occupant, "participant", {});
}
