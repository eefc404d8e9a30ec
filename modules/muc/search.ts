/** XEP-0433: Extended Channel Search: public rooms by words, by how many are there, or all. */

import { StanzaError } from "../../lib/errors.ts";
import { answers, type Field, form, FORMS_NS, readForm } from "../../lib/formats/form.ts";
import { pageElement, pageOf, readPage } from "../../lib/formats/rsm.ts";
import { roomList } from "../../lib/hooks/room_storage.ts";
import type { RoomListing, RoomQuery } from "../../lib/hooks/room_storage.ts";
import { type IqReply, result } from "../../lib/module.ts";
import type { Stanza } from "../../lib/stanza.ts";
import { type Element, xml } from "../../lib/xml/element.ts";
import type { MucService } from "./service.ts";

export const SEARCH = "urn:xmpp:channel-search:0:search";
const PARAMS = "urn:xmpp:channel-search:0:search-params";
const ERRORS = "urn:xmpp:channel-search:0:error";
const BY_USERS = "{urn:xmpp:channel-search:0:order}nusers";
const BY_ADDRESS = "{urn:xmpp:channel-search:0:order}address";

/** Characters that one word must have, and words of one search. */
const WORD = 2;
const WORDS = 8;

const FIELDS = [
  { var: "q", type: "text-single", label: "Search for" },
  { var: "all", type: "boolean", label: "Return all entries (ignore search terms)" },
  { var: "sinname", type: "boolean", label: "Search in name", value: true },
  { var: "sindescription", type: "boolean", label: "Search in description", value: true },
  { var: "sinaddr", type: "boolean", label: "Search in address", value: true },
  {
    var: "min_users",
    type: "text-single",
    label: "Minimum number of users",
    value: "1",
    validate: { datatype: "xs:integer", min: 0, max: 1_000_000 },
  },
  {
    var: "types",
    type: "list-multi",
    label: "Service types",
    value: ["xep-0045"],
    options: [{ value: "xep-0045", label: "XEP-0045 Multi-User Chat" }],
  },
  {
    var: "key",
    type: "text-single",
    label: "Sort results by",
    value: BY_USERS,
  },
] as const satisfies readonly Field[];

const SHOWN: readonly Field[] = FIELDS.map((field) =>
  field.var !== "key" ? field : {
    ...field,
    type: "list-single",
    options: [
      { value: BY_USERS, label: "Number of online users" },
      { value: BY_ADDRESS, label: "Address" },
    ],
  } as Field
);

interface Found extends RoomListing {
  readonly users: number;
}

interface Search {
  readonly words: readonly string[] | undefined;
  readonly within: NonNullable<RoomQuery["within"]>;
  readonly minUsers: number;
  readonly key: string;
}

/** A request without a form is one for the form. */
export async function search(muc: MucService, iq: Stanza, request: Element): Promise<IqReply> {
  const x = request.child("x", FORMS_NS);
  if (x === undefined) {
    return result(
      xml("search", SEARCH, {}, form({ type: "form", formType: PARAMS, fields: SHOWN })),
    );
  }
  if (!muc.quotas.searches.take(iq.from!.bare)) {
    throw new StanzaError("resource-constraint", {
      app: xml("rate-limit", ERRORS, { "retry-after": "60" }),
    });
  }
  const wanted = readSearch(x);
  const page = readPage(request);
  const all = await find(muc, iq, wanted, page?.after ?? "");
  const byUsers = wanted.key === BY_USERS;
  const sorted = byUsers
    ? [...all].sort((a, b) => b.users - a.users || (a.node < b.node ? -1 : 1))
    : all;
  // By address the storage has skipped what lies before the page.
  const request_ = byUsers || page === undefined ? page : { ...page, after: undefined };
  const { items, set } = pageOf(sorted, (r) => r.node, request_, muc.settings.page);
  return result(
    xml(
      "result",
      SEARCH,
      {},
      ...items.map((r) => itemOf(muc, r)),
      set ?? pageElement({ count: sorted.length }),
    ),
  );
}

function readSearch(x: Element): Search {
  const submitted = readForm(x);
  const given = answers(submitted, FIELDS, PARAMS);
  const { q = "", all = false, key = BY_USERS } = given;
  if (key !== BY_USERS && key !== BY_ADDRESS) {
    throw new StanzaError("feature-not-implemented", {
      type: "modify",
      app: xml("invalid-sort-key", ERRORS),
    });
  }
  if (all && q !== "") {
    throw new StanzaError("bad-request", {
      text: "either all rooms are wanted or a search is made",
      app: xml(
        "conflicting-fields",
        ERRORS,
        {},
        xml("var", ERRORS, {}, "all"),
        xml("var", ERRORS, {}, "q"),
      ),
    });
  }
  if (!all && !submitted.fields.has("q")) {
    throw new StanzaError("bad-request", { app: xml("no-search-conditions", ERRORS) });
  }
  const words = all ? undefined : wordsOf(q);
  const within = (["name", "description", "address"] as const).filter((place) => {
    const flag = place === "address"
      ? given.sinaddr ?? booleanOf(submitted.fields.get("sinaddress")?.values[0])
      : place === "name"
      ? given.sinname
      : given.sindescription;
    return flag ?? true;
  });
  if (!all && within.length === 0) {
    throw new StanzaError("bad-request", { app: xml("no-search-conditions", ERRORS) });
  }
  return { words, within, minUsers: Number(given.min_users ?? "1"), key };
}

/** The table of fields names it `sinaddress`, the form `sinaddr`. */
function booleanOf(text: string | undefined): boolean | undefined {
  return text === undefined ? undefined : text === "1" || text === "true";
}

function wordsOf(q: string): readonly string[] {
  const words = q.toLowerCase().split(/\s+/).filter((word) => [...word].length >= WORD);
  if (words.length > 0 && words.length <= WORDS) return words;
  throw new StanzaError("bad-request", {
    text: `from 1 to ${WORDS} words of at least ${WORD} characters are wanted`,
    app: xml("invalid-search-terms", ERRORS),
  });
}

/** What matches; by address one page's worth and a little more. */
async function find(
  muc: MucService,
  iq: Stanza,
  { words, within, minUsers, key }: Search,
  after: string,
): Promise<readonly Found[]> {
  const limit = muc.settings.page + 1;
  // Rooms with people in them are awake, and known here.
  const query: RoomQuery = { limit: key === BY_USERS ? 1000 : limit, words, within };
  const stored = minUsers > 0 ? [] : await muc.host.ask(
    roomList,
    muc.service.jid,
    key === BY_ADDRESS ? { ...query, after } : query,
  );
  const found = new Map<string, Found>();
  for (const listing of stored ?? []) found.set(listing.node, { ...listing, users: 0 });
  for (const room of muc.rooms.values()) {
    const listing = muc.listingOf(room);
    if (listing === undefined || room.size < minUsers) continue;
    if (key === BY_ADDRESS && listing.node <= after) continue;
    if (words !== undefined && !matches(listing, words, within)) continue;
    found.set(listing.node, { ...listing, users: room.size });
  }
  const visible: Found[] = [];
  for (const listing of found.values()) {
    if (await muc.isVisible(listing.node, iq.from!)) visible.push(listing);
  }
  return visible.sort((a, b) => a.node < b.node ? -1 : a.node > b.node ? 1 : 0);
}

function matches(
  { name, description, node }: RoomListing,
  words: readonly string[],
  within: Search["within"],
): boolean {
  const texts = { name, description, address: node };
  return words.every((word) => within.some((place) => texts[place].toLowerCase().includes(word)));
}

function itemOf(muc: MucService, room: Found): Element {
  const text = (name: string, value: string) => value !== "" && xml(name, SEARCH, {}, value);
  return xml(
    "item",
    SEARCH,
    { address: `${room.node}@${muc.domain}` },
    text("name", room.name),
    text("description", room.description),
    text("language", room.lang),
    xml("nusers", SEARCH, {}, String(room.users)),
    xml("service-type", SEARCH, {}, "xep-0045"),
    room.open && xml("is-open", SEARCH, {}, "true"),
    xml(
      "anonymity-mode",
      SEARCH,
      {},
      room.anonymous ? "muc_semianonymous" : "{urn:xmpp:channel-search:0:anonymity}none",
    ),
  );
}
