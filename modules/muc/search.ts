/** XEP-0433: Extended Channel Search: public rooms by words, by how many are there, or all. */

import { StanzaError } from "../../lib/errors.ts";
import { answers, type Field, form, FORMS_NS, readForm } from "../../lib/formats/form.ts";
import { pageElement, type PageRequest, readPage } from "../../lib/formats/rsm.ts";
import { type IqReply, result } from "../../lib/module.ts";
import type { Stanza } from "../../lib/stanza.ts";
import { type Element, xml } from "../../lib/xml/element.ts";
import { folded } from "./folded.ts";
import { cursorOf, findRooms, type Found, type FoundPage, type Search } from "./found.ts";
import { SEARCH_WORDS } from "./lists.ts";
import type { MucService } from "./service.ts";

export const SEARCH = "urn:xmpp:channel-search:0:search";
const PARAMS = "urn:xmpp:channel-search:0:search-params";
const ERRORS = "urn:xmpp:channel-search:0:error";
const BY_USERS = "{urn:xmpp:channel-search:0:order}nusers";
const BY_ADDRESS = "{urn:xmpp:channel-search:0:order}address";

/** Characters that one word must have. */
const WORD = 2;

/** A type of service (§6.2): ours. */
const ROOMS = "xep-0045";

const TYPES = { var: "types", type: "list-multi", label: "Service types", value: [ROOMS] } as const;
const KEY = { var: "key", type: "text-single", label: "Sort results by", value: BY_USERS } as const;

/** As they are shown; the choices are open when they are read. */
const FIELDS = [
  { var: "q", type: "text-single", label: "Search for" },
  { var: "all", type: "boolean", label: "Return all entries (ignore search terms)" },
  { var: "sinname", type: "boolean", label: "Search in name", value: true },
  { var: "sindescription", type: "boolean", label: "Search in description", value: true },
  { var: "sinaddr", type: "boolean", label: "Search in address", value: true },
  // The table of fields (§6.1) has this name for it.
  { var: "sinaddress", type: "boolean", label: "Search in address" },
  {
    var: "min_users",
    type: "text-single",
    label: "Minimum number of users",
    value: "1",
    validate: { datatype: "xs:integer", min: 0, max: 1_000_000 },
  },
  TYPES,
  KEY,
] as const satisfies readonly Field[];

const SHOWN: readonly Field[] = [
  ...FIELDS.filter((f) => f !== TYPES && f !== KEY && f.var !== "sinaddress"),
  { ...TYPES, options: [{ value: ROOMS, label: "XEP-0045 Multi-User Chat" }] },
  {
    ...KEY,
    type: "list-single",
    options: [
      { value: BY_USERS, label: "Number of online users" },
      { value: BY_ADDRESS, label: "Address" },
    ],
  },
];

/** A request without a form is one for the form. */
export async function search(muc: MucService, iq: Stanza, request: Element): Promise<IqReply> {
  const x = request.child("x", FORMS_NS);
  if (x === undefined) {
    return result(
      xml("search", SEARCH, {}, form({ type: "form", formType: PARAMS, fields: SHOWN })),
    );
  }
  if (!muc.quotas.searches.take(iq.from!.bare)) throw tooMany(60);
  const wanted = readSearch(x);
  if (wanted === undefined) return result(xml("result", SEARCH, {}, pageElement({ count: 0 })));
  const { rooms, count } = await found(muc, iq, wanted, readPage(request));
  const [first, last] = [rooms[0], rooms.at(-1)];
  const set = first === undefined || last === undefined
    ? pageElement({ count })
    : pageElement({ first: cursorOf(wanted, first), last: cursorOf(wanted, last), count });
  return result(xml("result", SEARCH, {}, ...rooms.map((room) => itemOf(muc, room)), set));
}

async function found(
  muc: MucService,
  iq: Stanza,
  wanted: Search,
  page: PageRequest | undefined,
): Promise<FoundPage> {
  try {
    return await findRooms(muc, iq.from!, wanted, page);
  } catch (e) {
    // Others search, too (§4.2.2.4).
    throw e instanceof StanzaError && e.condition === "resource-constraint" ? tooMany(5) : e;
  }
}

/** §4.2.2.4. */
function tooMany(seconds: number): StanzaError {
  return new StanzaError("resource-constraint", {
    text: "too many searches",
    app: xml("rate-limit", ERRORS, { "retry-after": String(seconds) }),
  });
}

/** Undefined if rooms of another kind are looked for, which are not here. */
function readSearch(x: Element): Search | undefined {
  const submitted = readForm(x);
  const given = answers(submitted, FIELDS, PARAMS);
  const { q = "", all = false, key = BY_USERS, types = [ROOMS] } = given;
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
      ? given.sinaddr ?? given.sinaddress
      : place === "name"
      ? given.sinname
      : given.sindescription;
    return flag ?? true;
  });
  if (!all && within.length === 0) {
    throw new StanzaError("bad-request", { app: xml("no-search-conditions", ERRORS) });
  }
  if (!types.includes(ROOMS)) return undefined;
  const order = key === BY_USERS ? "users" : "address";
  return { words, within, minUsers: Number(given.min_users || "1"), order };
}

function wordsOf(q: string): readonly string[] {
  const words = folded(q).split(/\s+/).filter((word) => [...word].length >= WORD);
  if (words.length > 0 && words.length <= SEARCH_WORDS) return words;
  throw new StanzaError("bad-request", {
    text: `from 1 to ${SEARCH_WORDS} words of at least ${WORD} characters are wanted`,
    app: xml("invalid-search-terms", ERRORS),
  });
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
    xml("service-type", SEARCH, {}, ROOMS),
    room.open && xml("is-open", SEARCH, {}, "true"),
    xml(
      "anonymity-mode",
      SEARCH,
      {},
      room.anonymous ? "muc_semianonymous" : "{urn:xmpp:channel-search:0:anonymity}none",
    ),
  );
}
