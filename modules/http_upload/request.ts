/** Requests for a slot (XEP-0363 §4, §5), as data. */

import { StanzaError } from "../../lib/errors.ts";
import { parseDateTime } from "../../lib/formats/datetime.ts";
import type { Element } from "../../lib/xml/element.ts";
import { contentType, safeName } from "./names.ts";
import { NEVER, type Purpose, PURPOSES } from "./table.ts";

export const UPLOAD_NS = "urn:xmpp:http:upload:0";
export const PURPOSE_NS = "urn:xmpp:http:upload:purpose:0";

export interface SlotRequest {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Empty if not told. */
  readonly type: string;
  readonly purpose: Purpose;
  /** When the client wants the file gone, ms since the epoch. */
  readonly until: number;
}

/** Characters of a name that are looked at. */
const NAME_LENGTH = 4096;

/** @throws StanzaError */
export function readRequest(element: Element, permanent: boolean, now: number): SlotRequest {
  const { filename = "", size = "", "content-type": type = "" } = element.attrs;
  if (filename === "" || filename.length > NAME_LENGTH) throw bad("a filename is needed");
  if (!/^\d{1,15}$/.test(size)) throw bad("the size must be a number of bytes");
  const kind = type === "" ? "" : contentType(type);
  if (kind === undefined) throw bad("that is no content type");
  const { purpose, until } = readPurpose(element, now);
  if (purpose === "permanent" && !permanent) {
    throw new StanzaError("feature-not-implemented", { text: "Files are not kept for ever here" });
  }
  return { name: safeName(filename), size: Number(size), type: kind, purpose, until };
}

function readPurpose(element: Element, now: number): { purpose: Purpose; until: number } {
  const [first, more] = element.elements().filter((e) => e.ns === PURPOSE_NS);
  if (first === undefined) return { purpose: "message", until: NEVER };
  if (more !== undefined) throw bad("a file has one purpose");
  const purpose = PURPOSES.find((p) => p === first.name);
  if (purpose === undefined) {
    throw new StanzaError("feature-not-implemented", { text: "This purpose is not known here" });
  }
  if (purpose !== "ephemeral") return { purpose, until: NEVER };
  const until = parseDateTime(first.attrs["expire-before"] ?? "");
  if (until === undefined) throw bad("expire-before must be a date and time");
  if (until <= now) throw new StanzaError("not-acceptable", { text: "It would be gone already" });
  return { purpose, until };
}

function bad(text: string): StanzaError {
  return new StanzaError("bad-request", { text });
}
