/** A vcard-temp (XEP-0054) as a vCard4 (RFC 6351), by XEP-0292 §11. */

import type { Child, Element } from "../../lib/xml/element.ts";
import { xml } from "../../lib/xml/element.ts";
import {
  ADDRESS_PARTS,
  CONVERTED_4,
  NAME_PARTS,
  TEMP_NS,
  TEXTS,
  TYPES,
  VCARD4_NS,
} from "./names.ts";

/** Properties of `before`, the vCard4 so far, that a vcard-temp cannot have are kept. */
export function toVcard4(card: Element, before: Element | undefined): Element {
  const properties: Element[] = [];
  for (const field of card.elements()) {
    if (field.ns === TEMP_NS) properties.push(...convert(field));
  }
  const kept = before?.elements().filter((e) => !isOurs(e)) ?? [];
  return xml("vcard", VCARD4_NS, {}, ...properties, ...kept);
}

/** Whether a vcard-temp can say it. */
function isOurs(e: Element): boolean {
  if (e.ns !== VCARD4_NS || !CONVERTED_4.has(e.name)) return false;
  return e.name !== "impp" || (e.childText("uri") ?? "").startsWith("xmpp:");
}

function convert(field: Element): Element[] {
  const text = field.text().trim();
  const one = (name: string, ...children: Child[]) => [property(name, ...children)];
  const name = TEXTS[field.name as keyof typeof TEXTS] as string | undefined;
  if (name !== undefined) return text === "" ? [] : one(name, value("text", text));
  switch (field.name) {
    case "N":
      return one("n", ...parts(field, NAME_PARTS));
    case "BDAY":
      if (text === "") return [];
      return one("bday", value(/^\d{4}-?\d\d-?\d\d$/.test(text) ? "date" : "text", text));
    case "ADR":
      return one("adr", parameters(field), ...parts(field, ADDRESS_PARTS));
    case "TEL": {
      const number = part(field, "NUMBER");
      if (number === "") return [];
      return one("tel", parameters(field), value("uri", `tel:${number.replaceAll(/\s/g, "-")}`));
    }
    case "EMAIL": {
      const address = part(field, "USERID");
      return address === "" ? [] : one("email", parameters(field), value("text", address));
    }
    case "JABBERID":
      return text === "" ? [] : one("impp", value("uri", `xmpp:${text}`));
    case "GEO": {
      const [lat, lon] = [part(field, "LAT"), part(field, "LON")];
      return lat === "" || lon === "" ? [] : one("geo", value("uri", `geo:${lat},${lon}`));
    }
    case "ORG": {
      const names = field.elements()
        .filter((e) => e.name === "ORGNAME" || e.name === "ORGUNIT")
        .map((e) => e.text().trim());
      return names.every((n) => n === "") ? [] : one("org", ...names.map((n) => value("text", n)));
    }
    case "CATEGORIES": {
      const words = field.elements("KEYWORD").map((e) => e.text().trim());
      const all = words.length > 0 ? words : [text];
      const found = all.filter((w) => w !== "").map((w) => value("text", w));
      return found.length === 0 ? [] : one("categories", ...found);
    }
    case "REV":
      return text === "" ? [] : one("rev", value("timestamp", text));
    case "UID":
      return text === "" ? [] : one("uid", value(isUri(text) ? "uri" : "text", text));
    case "URL":
      return text === "" ? [] : one("url", value("uri", text));
    case "KEY": {
      const key = part(field, "CRED");
      return key === "" ? [] : one("key", value("text", key));
    }
    case "LOGO":
    case "SOUND":
      return media(field);
  }
  return [];
}

/** A link, or the data as one. */
function media(field: Element): Element[] {
  const name = field.name.toLowerCase();
  const link = part(field, "EXTVAL");
  if (link !== "") return [property(name, value("uri", link))];
  const data = part(field, "BINVAL").replaceAll(/\s+/g, "");
  if (data === "") return [];
  const type = part(field, "TYPE") || (name === "sound" ? "audio/basic" : "image/png");
  return [property(name, value("uri", `data:${type};base64,${data}`))];
}

function property(name: string, ...children: Child[]): Element {
  return xml(name, VCARD4_NS, {}, ...children);
}

function value(type: string, text: string): Element {
  return xml(type, VCARD4_NS, {}, text);
}

function part(field: Element, name: string): string {
  return field.childText(name)?.trim() ?? "";
}

function parts(field: Element, names: Readonly<Record<string, string>>): Element[] {
  return Object.entries(names).flatMap(([temp, name]) => {
    const text = field.childText(temp);
    return text === undefined ? [] : [value(name, text.trim())];
  });
}

/** Types and preference. */
function parameters(field: Element): Child {
  const types = TYPES.filter((type) => field.child(type.toUpperCase()) !== undefined);
  const isPreferred = field.child("PREF") !== undefined;
  if (types.length === 0 && !isPreferred) return undefined;
  return property(
    "parameters",
    types.length > 0 && property("type", ...types.map((type) => value("text", type))),
    isPreferred && property("pref", value("integer", "1")),
  );
}

function isUri(text: string): boolean {
  return /^[A-Za-z][A-Za-z0-9+.-]*:\S+$/.test(text);
}
