/**
 * The elements of message archive management (XEP-0313): how a query is read, how results and what
 * surrounds them are written. The same for the archives of accounts, rooms and nodes.
 */

import { StanzaError } from "../errors.ts";
import type {
  Archived,
  ArchivedMessage,
  ArchiveEnds,
  ArchivePage,
  ArchiveQuery,
} from "../hooks/archive.ts";
import { type Jid, parseJid } from "../jid.ts";
import { NS } from "../ns.ts";
import { type Element, xml } from "../xml/element.ts";
import { escapeAttribute } from "../xml/escape.ts";
import { formatDateTime, parseDateTime } from "./datetime.ts";
import { DELAY_NS } from "./delay.ts";
import { type Form, form, FORMS_NS, readForm } from "./form.ts";
import { pageElement, readPage } from "./rsm.ts";

export const MAM_NS = "urn:xmpp:mam:2";
export const MAM_EXTENDED_NS = "urn:xmpp:mam:2#extended";
/** We know the field `include-groupchat` (§7). */
export const MAM_GROUPCHAT_FIELD = "urn:xmpp:mam:2#groupchat-field";
export const FULLTEXT_NS = "urn:xmpp:fulltext:0";
export const FORWARD_NS = "urn:xmpp:forward:0";

const FULLTEXT_FIELD = `{${FULLTEXT_NS}}fulltext`;
const VALIDATE_NS = "http://jabber.org/protocol/xdata-validate";

/** A `queryid` comes back with every result: it must not make them large. */
const QUERY_ID_LENGTH = 1000;

export interface QueryRequest {
  readonly query: ArchiveQuery;
  readonly queryId: string | undefined;
  /** The page is to be sent newest first (§4.3.4). */
  readonly flipped: boolean;
}

export interface QueryOptions {
  /** Full text search is offered (XEP-0431). */
  readonly fullText: boolean;
}

/**
 * Reads a `<query/>` of type set.
 * @throws StanzaError `bad-request` if it is not well formed, `feature-not-implemented` for a field that
 *   is not offered (§4.1.5)
 */
export function readQuery(query: Element, { fullText }: QueryOptions): QueryRequest {
  const queryId = query.attrs.queryid;
  if (queryId !== undefined && queryId.length > QUERY_ID_LENGTH) throw malformed("queryid", "long");
  const x = query.child("x", FORMS_NS);
  const page = readPage(query);
  const wanted = x === undefined ? {} : readFields(readForm(x), fullText);
  return {
    query: page === undefined ? wanted : { ...wanted, page },
    queryId,
    flipped: query.child("flip-page") !== undefined,
  };
}

type Wanted = { -readonly [K in keyof ArchiveQuery]: ArchiveQuery[K] };

function readFields({ type, formType, fields }: Form, fullText: boolean): ArchiveQuery {
  if (type !== "submit") throw malformed("the form's type", "not submit");
  if (formType !== MAM_NS) throw malformed("FORM_TYPE", `not ${MAM_NS}`);
  const wanted: Wanted = {};
  for (const [name, { values }] of fields) {
    if (name === "ids") {
      const ids = [...new Set(values.filter((id) => id !== ""))];
      if (ids.length > 0) wanted.ids = ids;
      continue;
    }
    if (values.length > 1) throw malformed(name, "there more than once");
    const value = values[0] ?? "";
    readField(wanted, name, value, fullText);
  }
  return wanted;
}

/** An empty field says nothing, as one that is not there. */
function readField(wanted: Wanted, name: string, value: string, fullText: boolean): void {
  switch (name) {
    case "with":
      if (value !== "") wanted.with = jidOf(value);
      return;
    case "start":
      if (value !== "") wanted.start = timeOf(name, value);
      return;
    case "end":
      if (value !== "") wanted.end = timeOf(name, value);
      return;
    case "after-id":
      if (value !== "") wanted.afterId = value;
      return;
    case "before-id":
      if (value !== "") wanted.beforeId = value;
      return;
    case "include-groupchat":
      // No archive has messages of rooms beside others: it makes no difference.
      if (!/^(0|1|true|false|)$/.test(value)) throw malformed(name, "neither true nor false");
      return;
    case FULLTEXT_FIELD:
      if (!fullText) break;
      if (value !== "") wanted.text = value;
      return;
  }
  throw new StanzaError("feature-not-implemented", { text: `there is no field ${cut(name)}` });
}

function jidOf(text: string): Jid {
  const jid = parseJid(text);
  if (jid === undefined) throw malformed("with", "no address");
  return jid;
}

function timeOf(name: string, text: string): number {
  const time = parseDateTime(text);
  if (time === undefined) throw malformed(name, "no time of XEP-0082");
  return time;
}

function malformed(name: string, what: string): StanzaError {
  return new StanzaError("bad-request", { text: `${cut(name)} is ${what}` });
}

function cut(text: string): string {
  return text.length > 80 ? text.slice(0, 80) + "…" : text;
}

/** The form of the fields that may be asked for (§4.1.5), in its `<query/>`. */
export function queryForm({ fullText }: QueryOptions): Element {
  const blank = form({
    type: "form",
    formType: MAM_NS,
    fields: [
      { var: "with", type: "jid-single" },
      { var: "start", type: "text-single" },
      { var: "end", type: "text-single" },
      { var: "before-id", type: "text-single" },
      { var: "after-id", type: "text-single" },
      { var: "ids", type: "list-multi" },
      { var: "include-groupchat", type: "boolean" },
      ...(fullText ? [{ var: FULLTEXT_FIELD, type: "text-single" } as const] : []),
    ],
  });
  const open = xml(
    "validate",
    VALIDATE_NS,
    { datatype: "xs:string" },
    xml("open", VALIDATE_NS),
  );
  const fields = blank.elements("field").map((f) => f.attrs.var === "ids" ? f.append(open) : f);
  return xml("query", MAM_NS, {}, xml("x", FORMS_NS, { type: "form" }, ...fields));
}

/** Writes the results of a query; all but the message is the same in each. */
export function resultWriter(
  from: Jid,
  to: Jid,
  queryId: string | undefined,
): (message: ArchivedMessage) => string {
  const head = `<message from='${escapeAttribute(from.full)}' to='${escapeAttribute(to.full)}'>` +
    `<result xmlns='${MAM_NS}'` +
    (queryId === undefined ? "" : ` queryid='${escapeAttribute(queryId)}'`) + " id='";
  const middle = `'><forwarded xmlns='${FORWARD_NS}'><delay xmlns='${DELAY_NS}' stamp='`;
  const tail = "</forwarded></result></message>";
  return ({ id, stamp, xml }) =>
    head + id + middle + formatDateTime(stamp) + "'/>" + declared(xml) + tail;
}

/** A stored stanza, with the namespace that it leaves to its surroundings. */
function declared(stanza: string): string {
  const end = /[\s/>]/.exec(stanza)!.index;
  return `${stanza.slice(0, end)} xmlns='${NS.client}'${stanza.slice(end)}`;
}

/** The `<fin/>` behind the results (§4). */
export function finElement({ messages, complete, count }: ArchivePage): Element {
  const set = pageElement({ first: messages[0]?.id, last: messages.at(-1)?.id, count });
  return xml("fin", MAM_NS, { complete: complete ? "true" : undefined }, set);
}

/** What an archive holds (§5), in a `<metadata/>`. */
export function metadataElement(ends: ArchiveEnds | "empty"): Element {
  if (ends === "empty") return xml("metadata", MAM_NS);
  const end = (name: string, { id, stamp }: Archived) =>
    xml(name, MAM_NS, { id, timestamp: formatDateTime(stamp) });
  return xml("metadata", MAM_NS, {}, end("start", ends.first), end("end", ends.last));
}
