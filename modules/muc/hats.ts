/** XEP-0317: Hats: titles that owners make and give to people, shown in their presence. */

import { hash } from "node:crypto";
import { StanzaError } from "../../lib/errors.ts";
import type { Field, FieldOption } from "../../lib/formats/form.ts";
import { type Jid, parseJid } from "../../lib/jid.ts";
import type { ServiceHandle } from "../../lib/module.ts";
import type { StoredAffiliation, StoredHat } from "../../lib/rooms.ts";
import { type Element, xml } from "../../lib/xml/element.ts";
import type { CommandContext } from "../../lib/commands.ts";
import { HATS, Status } from "./names.ts";
import { tellStatus } from "./owner.ts";
import { show } from "./presence.ts";
import { isAdmin } from "./rights.ts";
import type { Room } from "./room.ts";
import type { MucService } from "./service.ts";

const COMMANDS = "urn:xmpp:hats:commands";

/** Characters of a URI and of a title. */
const URI_LENGTH = 500;
const TITLE_LENGTH = 100;

/** `<hats/>` of a user; undefined without one. */
export function hatsOf(room: Room, user: Jid): Element | undefined {
  const worn = room.hats.filter((hat) => hat.wearers.includes(user.bare));
  if (worn.length === 0) return undefined;
  return xml(
    "hats",
    HATS,
    {},
    ...worn.map(({ title, uri, hue }) =>
      xml("hat", HATS, { title, uri, hue: hue === "" ? undefined : hue })
    ),
  );
}

/** §2: of the list of hats; undefined without any. */
export function hatsHash(room: Room): string | undefined {
  if (room.hats.length === 0) return undefined;
  const list = room.hats.map(({ uri, title, hue }) => JSON.stringify([uri, title, hue])).sort();
  return hash("sha1", list.join("\n"), "hex");
}

/** Takes over another list of hats: stored, then shown on everybody whom it concerns. */
async function setHats(
  room: Room,
  hats: readonly StoredHat[],
  listChanged: boolean,
  known: readonly StoredAffiliation[] = [],
): Promise<void> {
  const before = room.hats;
  await room.save({ hats }, known);
  room.hats = hats;
  for (const row of known) room.affiliations.set(row.jid, row);
  const concerned = changedFor(before, hats);
  const present = [...room.occupants()].filter(({ user }) => concerned.has(user.bare));
  await room.pieces.each(present, (occupant) => {
    occupant.hats = hatsOf(room, occupant.user);
    show(room, occupant);
  });
  if (listChanged) tellStatus(room, [Status.ConfigChanged]);
}

/** Who wears a hat that is another one now, or is worn no more or only now. */
function changedFor(before: readonly StoredHat[], now: readonly StoredHat[]): Set<string> {
  const concerned = new Set<string>();
  const kept = new Map(before.map((hat) => [hat.uri, hat]));
  for (const hat of now) {
    const old = kept.get(hat.uri);
    kept.delete(hat.uri);
    if (old === hat) continue;
    const isSame = old !== undefined && old.title === hat.title && old.hue === hat.hue;
    const wore = new Set(old?.wearers);
    for (const bare of hat.wearers) if (!wore.delete(bare) || !isSame) concerned.add(bare);
    for (const bare of wore) concerned.add(bare);
  }
  for (const { wearers } of kept.values()) for (const bare of wearers) concerned.add(bare);
  return concerned;
}

// ---- commands (§3.2-3.6) ----

const USER_FIELD: Field = {
  var: "hats#jid",
  type: "jid-single",
  label: "User address",
  required: true,
};

export function hatCommands(muc: MucService, service: ServiceHandle): void {
  const roomOf = async ({ to }: CommandContext): Promise<Room> => {
    const room = await muc.find(to.node);
    if (room === undefined || room.locked) throw new StanzaError("item-not-found");
    return room;
  };
  /** Each is shown to the room. */
  const changing = async (context: CommandContext): Promise<Room> => {
    const room = await roomOf(context);
    muc.checkChanges(context.from);
    return room;
  };
  const forAdmins = async (context: CommandContext) =>
    isAdmin(await (await roomOf(context)).standing(context.from));
  const formType = COMMANDS;
  const at = "node";

  service.command({
    at,
    node: `${COMMANDS}:list`,
    name: "List hats",
    allowed: async (context) => await (await roomOf(context)).standing(context.from) !== "outcast",
    run: async (_values, context) => {
      const { hats } = await roomOf(context);
      const columns = ["title", "uri", "hue"].map((name) => ({ var: `hats#${name}` }));
      const rows = hats.map(({ title, uri, hue }) => ({
        "hats#title": title,
        "hats#uri": uri,
        "hats#hue": hue,
      }));
      return { result: { title: "Hats", table: { columns, rows } } };
    },
  });

  service.command({
    at,
    node: `${COMMANDS}:create`,
    name: "Create or change a hat",
    allowed: forAdmins,
    formType,
    title: "Creating a hat",
    fields: [
      { var: "hats#title", type: "text-single", label: "Title", required: true },
      { var: "hats#uri", type: "text-single", label: "URI", required: true },
      { var: "hats#hue", type: "text-single", label: "Hue, an angle in degrees" },
    ],
    run: async (values, context) => {
      const room = await changing(context);
      const hat = {
        uri: values["hats#uri"] ?? "",
        title: values["hats#title"] ?? "",
        hue: values["hats#hue"] ?? "",
      };
      await room.turns.act(() => create(room, hat));
    },
  });

  const chosen = (of: (room: Room) => readonly StoredHat[]) => async (context: CommandContext) => {
    const options = of(await roomOf(context)).map(optionOf);
    return [
      { var: "hats#uri", type: "list-single", label: "The hat", required: true, options },
    ] as const;
  };
  const chosenFor = async (context: CommandContext) =>
    [USER_FIELD, ...await chosen((room) => room.hats)(context)] as const;

  service.command({
    at,
    node: `${COMMANDS}:destroy`,
    name: "Destroy a hat",
    allowed: forAdmins,
    formType,
    title: "Destroying a hat",
    fields: chosen((room) => room.hats),
    run: async (values, context) => {
      const room = await changing(context);
      await room.turns.act(() => {
        const hats = room.hats.filter((hat) => hat.uri !== values["hats#uri"]);
        if (hats.length === room.hats.length) throw new StanzaError("item-not-found");
        return setHats(room, hats, true);
      });
    },
  });

  for (
    const [name, title, wears] of [
      ["assign", "Assigning a hat", true],
      ["unassign", "Taking a hat away", false],
    ] as const
  ) {
    service.command({
      at,
      node: `${COMMANDS}:${name}`,
      name: wears ? "Give somebody a hat" : "Take a hat from somebody",
      allowed: forAdmins,
      formType,
      title,
      fields: chosenFor,
      run: async (values: Readonly<Record<string, unknown>>, context) => {
        const room = await changing(context);
        const user = parseJid(String(values["hats#jid"] ?? ""))?.toBare();
        if (user === undefined) throw new StanzaError("jid-malformed");
        await room.turns.act(() => assign(room, String(values["hats#uri"]), user, wears));
      },
    });
  }
}

function optionOf({ uri, title }: StoredHat): FieldOption {
  return { value: uri, label: title };
}

function create(room: Room, { uri, title, hue }: Omit<StoredHat, "wearers">): Promise<void> {
  if (uri.length > URI_LENGTH || title.length > TITLE_LENGTH) {
    throw new StanzaError("not-acceptable", {
      text: `a URI has at most ${URI_LENGTH} characters, a title ${TITLE_LENGTH}`,
    });
  }
  if (!/^[a-z][a-z0-9+.-]*:\S+$/i.test(uri)) {
    throw new StanzaError("not-acceptable", { text: "hats#uri: that is no URI" });
  }
  const angle = Number(hue);
  if (hue !== "" && !(/^\d{1,3}(\.\d{1,10})?$/.test(hue) && angle <= 360)) {
    throw new StanzaError("not-acceptable", { text: "hats#hue: an angle from 0 to 360" });
  }
  const old = room.hats.find((hat) => hat.uri === uri);
  if (old === undefined && room.hats.length >= room.service.settings.hats) {
    throw new StanzaError("resource-constraint", { text: "there are too many hats" });
  }
  const hat = { uri, title, hue, wearers: old?.wearers ?? [] };
  const hats = old === undefined ? [...room.hats, hat] : room.hats.map((h) => h === old ? hat : h);
  return setHats(room, hats, true);
}

function assign(room: Room, uri: string, user: Jid, wears: boolean): Promise<void> {
  const hat = room.hats.find((h) => h.uri === uri);
  if (hat === undefined) throw new StanzaError("item-not-found", { text: "there is no such hat" });
  const others = hat.wearers.filter((bare) => bare !== user.bare);
  if (wears && others.length >= room.service.settings.hat_wearers) {
    throw new StanzaError("resource-constraint", { text: "too many people wear this hat" });
  }
  const changed = { ...hat, wearers: wears ? [...others, user.bare] : others };
  const known = wears && !room.affiliations.has(user.bare) ? [wearerRow(room, user)] : [];
  return setHats(room, room.hats.map((h) => h === hat ? changed : h), false, known);
}

/** By that the room is found when the account is removed. */
function wearerRow({ version }: Room, user: Jid): StoredAffiliation {
  return { jid: user.bare, affiliation: "none", nick: "", reason: "", version, since: version };
}
